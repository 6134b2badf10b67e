# SPDX-License-Identifier: BSD-2-Clause
"""A Debian guest on the wire, through its virtio-net-pci driver, vhost, switch and e1000."""

import hashlib
import os
import re
import subprocess

import pytest

from bench import linux_files
from conftest import machines
from guest import Guest, linux
from outside import ADDRESS, NETWORK
from shared import PerKind

NETWORKED = {"ips": 100_000_000, "sync": "slowdown"}
FILE = 16 << 20
RING_WRAP = 65536


class Net:
    """The machine, the guest, the outside, and the files that it serves."""

    def __init__(self, bench, kind, conf=None, **options):
        self.bench = bench
        self.wire = bench.wire()
        self.outside = bench.outside(self.wire)
        self.outside.serve_dhcp()
        self.www = bench.dir / "www"
        self.www.mkdir()
        self.outside.serve_http(self.www)
        self.machine = bench.boot(conf or linux(), linux_files(), kind=kind, wire=self.wire,
                                  **(NETWORKED | options))
        self.guest = Guest(self.machine).expect_ready()
        self.address = self.find_address()

    def find_address(self):
        found = re.search(r"inet ([0-9.]+)/24", self.guest.check("ip addr show eth0"))
        assert found, f"the guest has no address\n{self.machine.explain()}"
        return found.group(1)

    def serve(self, name, size):
        """A file of random bytes on the outside's HTTP server; its SHA-256."""
        data = os.urandom(size)
        (self.www / name).write_bytes(data)
        return hashlib.sha256(data).hexdigest()

    def healthy(self):
        return self.guest.run("true", timeout=15)[0] == 0


SHARED = PerKind("net", Net, machines("haswell", "qemu-svm", full=["sandybridge", "skylake", "ryzen"]))
kind = SHARED.fixture()


@pytest.fixture
def net(kind):
    return SHARED.get(kind)


def ping(net, count, size):
    """From outside: as many as asked for, each as soon as the one before is answered."""
    told = net.outside.run(["ping", "-q", "-A", "-n", "-c", str(count), "-s", str(size), "-W", "20",
                            net.address], timeout=300).stdout
    found = re.search(r"(\d+) packets transmitted, (\d+) received", told)
    assert found and found.groups() == (str(count), str(count)), told + net.machine.explain()


def test_dhcp(net):
    """The lease was asked for and given through the machine, as both sides say."""
    assert net.address.startswith(NETWORK + ".")
    assert f"lease of {net.address} obtained" in net.guest.check("cat /tmp/udhcpc.log")
    served = (net.bench.dir / "udhcpd.log").read_text(encoding="utf-8")
    assert f"sending ACK to {net.address}" in served


def test_notification_by_port(net):
    """The driver has taken the ports, as it can use I/O space."""
    assert re.search(r"c[0-9a-f]{3}-c[0-9a-f]{3} : virtio-pci-modern",
                     net.guest.check("cat /proc/ioports"))


@pytest.mark.parametrize("size", [56, 1472, 8000])
def test_ping_from_outside(net, size):
    ping(net, 1000, size)


@pytest.mark.parametrize("size", [56, 1472, 8000])
def test_ping_from_guest(net, size):
    told = net.guest.check(f"ping -q -A -c 100 -s {size} {ADDRESS}", timeout=240)
    assert "100 packets transmitted, 100 packets received" in told


def test_files(net):
    """16 MiB into the guest and out again over TCP; each end tells the SHA-256 of what it has."""
    digest = net.serve("file", FILE)
    net.guest.check(f"wget -q -O /tmp/file http://{ADDRESS}/file", timeout=240)
    assert net.guest.check("sha256sum </tmp/file", timeout=120).split()[0] == digest
    sink = net.outside.sink("tcp", 9000)
    net.guest.check(f"nc {ADDRESS} 9000 </tmp/file; rm /tmp/file", timeout=240)
    told, _ = sink.communicate(timeout=30)
    assert told.split() == [str(FILE), digest]


@pytest.mark.full("haswell")
def test_ring_wrap(net):
    """More than 65,536 frames out, so that the transmit ring's 16-bit indices come round."""
    net.outside.sink("udp", 9001)
    before = net.outside.received()
    net.guest.check(f"flood {ADDRESS} 9001 {RING_WRAP + 1000}", timeout=300)
    assert net.outside.received() - before > RING_WRAP
    ping(net, 10, 56)


@pytest.mark.full("haswell")
def test_reload(net):
    """The driver goes and comes 20 times while the outside keeps sending."""
    noise = net.outside.start(["ping", "-q", "-n", "-i", "0.02", "-s", "1000", net.address], "noise",
                              stdin=subprocess.DEVNULL)
    told = net.guest.check(
        "for i in $(seq 20); do rmmod virtio_net && insmod /lib/modules/virtio_net.ko && "
        f"ip link set eth0 up && ip addr add {net.address}/24 dev eth0 && "
        f"ping -q -c 3 -A -W 5 {ADDRESS} | grep '3 packets received' || break; done", timeout=300)
    noise.terminate()
    assert told.count("3 packets received") == 20, net.machine.explain()


@pytest.mark.full("haswell")
def test_reboot(net):
    """The guest reboots three times; its network works after each."""
    for _ in range(3):
        if net.machine.name == "ryzen":     # docs/caveats.md, Bochs's AMD-V
            net.guest.check("echo pci >/sys/kernel/reboot/type")
        net.machine.send("reboot -f\n")
        net.guest.expect_ready()
        net.address = net.find_address()
        ping(net, 100, 56)
        digest = net.serve("small", 1 << 20)
        told = net.guest.check(f"wget -q -O - http://{ADDRESS}/small | sha256sum", timeout=120)
        assert told.split()[0] == digest
