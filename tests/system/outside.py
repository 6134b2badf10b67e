# SPDX-License-Identifier: BSD-2-Clause
"""The outside world of a machine under test: the cable of its NIC and what hangs at the other end.

Wire is the cable alone, for tests that make and read single frames. Outside puts a real Linux
network stack behind it (bridge.py: a tap device in a network namespace, without root), with a DHCP
server and an HTTP server, and runs programs there.
"""

import os
import pathlib
import shlex
import socket
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
NETWORK = "10.99.0"
ADDRESS = f"{NETWORK}.1"
CABLE_BYTES = 4 << 20           # wait to be read by us, where net.core.rmem_max allows it

UDHCPD_CONF = """\
start {network}.10
end {network}.99
interface tap0
lease_file {dir}/udhcpd.leases
pidfile {dir}/udhcpd.pid
opt subnet 255.255.255.0
opt router {network}.1
opt lease 86400
"""


class Wire:
    """A cable: frames sent here reach the NIC on UDP port `nic`, what it sends is received here."""

    fds = ()                # what an emulator inherits

    def netdev(self):
        """QEMU's words for it."""
        return ("dgram,id=net0,local.type=inet,local.host=127.0.0.1,local.port={},"
                "remote.type=inet,remote.host=127.0.0.1,remote.port={}").format(self.nic, self.nic + 1)

    def __init__(self):
        for _ in range(100):
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sock.bind(("127.0.0.1", 0))
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CABLE_BYTES)
            self.nic = self.sock.getsockname()[1] - 1    # Bochs: it listens on N and sends to N + 1
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                try:
                    probe.bind(("127.0.0.1", self.nic))
                    return
                except OSError:
                    self.sock.close()
        raise OSError("no two neighbouring UDP ports are free")

    def send(self, frame):
        """One frame: bytes, or anything that turns into bytes (a scapy packet)."""
        self.sock.sendto(bytes(frame), ("127.0.0.1", self.nic))

    def recv(self, timeout):
        """The next frame, or None after `timeout` seconds."""
        self.sock.settimeout(timeout)
        try:
            return self.sock.recv(65536)
        except (socket.timeout, ConnectionRefusedError):
            return None

    def lost(self):
        """Frames that there was no room for, on their way from and to the NIC: the kernel's count."""
        ports = {f":{port:04X}" for port in (self.nic, self.nic + 1)}
        sockets = [line.split() for line in pathlib.Path("/proc/net/udp").read_text("ascii").splitlines()]
        return sum(int(fields[-1]) for fields in sockets if fields[1][8:] in ports)

    def close(self):
        self.sock.close()


class UserNet:
    """QEMU's own network, without a cable: DHCP and DNS server, and the way from a port of this
    host to one of the first guest.
    """

    fds = ()

    def __init__(self, port, guest_port=80):
        self.forward = f"hostfwd=tcp:127.0.0.1:{port}-:{guest_port}"

    def netdev(self):
        return f"user,id=net0,{self.forward}"


class Tap:
    """A tap device of this network namespace that QEMU is handed."""

    def __init__(self, fd):
        self.fds = (fd,)

    def netdev(self):
        return f"tap,id=net0,fd={self.fds[0]}"


class Outside:
    """A Linux host on the wire, address 10.99.0.1. Its programs log to `dir`, which must exist."""

    def __init__(self, wire, dir):
        self.wire = wire
        self._begin(dir, ["--socket", str(wire.sock.fileno()), "--nic", str(wire.nic),
                          "--pcap", pathlib.Path(dir) / "wire.pcap"], wire.sock.fileno())

    def _begin(self, dir, options, fd):
        self.dir = pathlib.Path(dir)
        self.servers = []
        self.bridge = subprocess.Popen(
            [sys.executable, HERE / "bridge.py", "--address", f"{ADDRESS}/24", *options],
            pass_fds=[fd], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        if self.bridge.stdout.readline() != "ready\n":
            raise OSError(self.bridge.communicate()[1].strip() or "bridge.py failed")

    def command(self, argv):
        """argv as it has to be started to run in the namespace."""
        if isinstance(argv, str):
            argv = shlex.split(argv)
        return ["nsenter", "-t", str(self.bridge.pid), "-U", "-n", "--preserve-credentials", *argv]

    def run(self, argv, timeout=120, **options):
        """Run a program to its end; CompletedProcess with text in .stdout (errors included)."""
        return subprocess.run(self.command(argv), timeout=timeout, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)

    def start(self, argv, name, **options):
        """Run a program beside the test, until close(); what it says goes to NAME.log."""
        log = open(self.dir / f"{name}.log", "w", encoding="utf-8")
        options = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT} | options
        process = subprocess.Popen(self.command(argv), **options)
        log.close()
        self.servers.append(process)
        return process

    def serve_dhcp(self):
        conf = self.dir / "udhcpd.conf"
        conf.write_text(UDHCPD_CONF.format(network=NETWORK, dir=self.dir), encoding="utf-8")
        (self.dir / "udhcpd.leases").touch()
        return self.start(["busybox", "udhcpd", "-f", "-a", "1", conf], "udhcpd")

    def serve_http(self, folder):
        return self.start(["busybox", "httpd", "-f", "-vv", "-p", "80", "-h", folder], "httpd")

    def sink(self, protocol, port):
        """Something that takes what guests send (sink.py); a process with text in .stdout."""
        process = self.start([sys.executable, HERE / "sink.py", protocol, str(port)], "sink",
                             stdout=subprocess.PIPE, text=True)
        if process.stdout.readline() != "ready\n":
            raise OSError(f"sink.py did not start: see {self.dir}/sink.log")
        return process

    def received(self):
        """Frames that have come from the machine so far (/proc/net/dev, third column)."""
        devices = self.run(["cat", "/proc/net/dev"]).stdout
        return int(next(line for line in devices.splitlines() if "tap0:" in line).split()[2])

    def close(self):
        for process in self.servers:
            process.terminate()
        for process in self.servers:
            process.wait(10)
        self.bridge.stdin.close()
        self.bridge.wait(10)
        self.bridge.stdout.close()
        self.bridge.stderr.close()


class TapOutside(Outside):
    """The same without a cable: QEMU has the tap device, with several queues. To be closed after it."""

    def __init__(self, queues, dir):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self._begin(dir, ["--queues", str(queues), "--pass", str(theirs.fileno())],
                        theirs.fileno())
            self.fds = tuple(socket.recv_fds(ours, 1, queues)[1])

    def netdev(self):
        return f"tap,id=net0,fds={':'.join(map(str, self.fds))},vhost=off"

    def close(self):
        for fd in self.fds:
            os.close(fd)
        super().close()
