#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The bridge between an emulated NIC's cable and a tap device in a network namespace of its own.

Started by outside.py with a UDP socket (made in the namespace of the caller) on which one datagram is
one Ethernet frame. Enters a new user and network namespace, so root is not needed, makes the tap
device, says "ready" on standard output and then carries frames both ways until standard input
closes. Standard TCP, ICMP and DHCP programs started in that namespace are then the machine's outside.

With --pass the tap device's queues, as many as --queues says, are given away instead, through the Unix
socket with that number: to the emulator, whose NIC then has as many.
"""

import argparse
import ctypes
import errno
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
import time

CLONE_NEWUSER = 0x10000000      # <linux/sched.h>
CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA          # <linux/if_tun.h>
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
IFF_MULTI_QUEUE = 0x0100
IFF_VNET_HDR = 0x4000

FRAME_MAX = 65536
BATCH = 32                      # frames between two looks at the NIC's queue
QUEUE_BYTES = 96 * 1024         # of the 208 KiB that Linux gives a UDP socket by default
SNAP = 256                      # bytes of each frame kept in the capture


def enter_namespace():
    """New user and network namespace with the caller as root; root may lack the right to the first."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
        return
    reason = os.strerror(ctypes.get_errno())
    if uid == 0 and libc.unshare(CLONE_NEWNET) == 0:
        return
    sys.exit(f"bridge: no user namespace ({reason}): the outside world of the tests needs one. "
             "Allow it (sysctl kernel.unprivileged_userns_clone=1, or "
             "kernel.apparmor_restrict_unprivileged_userns=0) or run as root.")


def open_tap(name, flags=0):
    try:
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | flags))
    except OSError as error:
        sys.exit(f"bridge: no tap device: /dev/net/tun: {error.strerror}")
    return fd


def configure(name, address, mac):
    """Addresses by busybox's ip. No IPv6: its router solicitations would only disturb counts."""
    for proc in ("all", "default"):
        try:
            with open(f"/proc/sys/net/ipv6/conf/{proc}/disable_ipv6", "w", encoding="ascii") as file:
                file.write("1")
        except OSError:
            pass
    for command in (["link", "set", "lo", "up"], ["link", "set", name, "address", mac],
                    ["addr", "add", address, "broadcast", "+", "dev", name],
                    ["link", "set", name, "up"]):
        subprocess.run(["busybox", "ip", *command], check=True)


class Capture:
    """A pcap file (microseconds, Ethernet) with the first bytes of each frame."""

    def __init__(self, path):
        self.file = open(path, "wb", buffering=1 << 16) if path else None
        if self.file:
            self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAP, 1))

    def add(self, frame):
        if self.file:
            now = time.time()
            kept = frame[:SNAP]
            self.file.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(kept), len(frame)))
            self.file.write(kept)

    def flush(self):
        if self.file:
            self.file.flush()


class NicQueue:
    """How many bytes wait in the emulator's UDP socket (an emulated NIC takes one frame at a time).

    The kernel drops datagrams that do not fit, so the bridge stops reading the tap before that and
    the senders in the namespace feel the back pressure, as on a slow wire.
    """

    def __init__(self, port):
        self.local = f":{port:04X}"
        self.file = open("/proc/net/udp", "rb", buffering=0)    # of the caller's namespace

    def waiting(self):
        self.file.seek(0)
        for line in self.file.read(1 << 20).decode().splitlines()[1:]:
            fields = line.split()
            if fields[1].endswith(self.local):
                return int(fields[4].split(":")[1], 16)
        return 0


def carry(sock, tap, nic, queue, capture):
    """Frames both ways until standard input closes."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    poll.register(tap, select.POLLIN)
    poll.register(0, select.POLLIN | select.POLLHUP)
    sent = 0
    while True:
        full = sent >= BATCH and queue.waiting() > QUEUE_BYTES
        if sent >= BATCH and not full:
            sent = 0
        poll.modify(tap, 0 if full else select.POLLIN)
        ready = poll.poll(1 if full else 1000)
        if not ready:
            capture.flush()
        for fd, _ in ready:
            if fd == 0:
                if not os.read(0, 1):
                    return
            elif fd == tap:
                sent += from_tap(sock, tap, nic, capture)
            else:
                to_tap(sock, tap, capture)


def from_tap(sock, tap, nic, capture):
    count = 0
    while count < BATCH:
        try:
            frame = os.read(tap, FRAME_MAX)
        except BlockingIOError:
            break
        count += 1
        capture.add(frame)
        try:
            sock.sendto(frame, nic)
        except OSError as error:        # nobody there (yet, or any more): as on an unplugged cable
            if error.errno not in (errno.ECONNREFUSED, errno.EAGAIN, errno.ENOBUFS):
                raise
    return count


def to_tap(sock, tap, capture):
    for _ in range(BATCH):
        try:
            frame = sock.recv(FRAME_MAX)
        except (BlockingIOError, ConnectionRefusedError):
            return
        capture.add(frame)
        try:
            os.write(tap, frame)
        except OSError as error:        # shorter than an Ethernet header, or the tap's queue is full
            if error.errno not in (errno.EINVAL, errno.ENOBUFS, errno.EIO):
                raise


def give_away(args):
    enter_namespace()
    fds = [open_tap(args.tap, IFF_VNET_HDR | IFF_MULTI_QUEUE) for _ in range(args.queues)]
    configure(args.tap, args.address, args.mac)
    with socket.socket(fileno=args.give) as sock:
        socket.send_fds(sock, [b"x"], fds)
    for fd in fds:
        os.close(fd)
    print("ready", flush=True)
    sys.stdin.read()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, help="inherited UDP socket")
    parser.add_argument("--nic", type=int, help="UDP port of the emulated NIC")
    parser.add_argument("--queues", type=int, default=1)
    parser.add_argument("--pass", type=int, dest="give", help="inherited Unix socket")
    parser.add_argument("--tap", default="tap0")
    parser.add_argument("--address", default="10.99.0.1/24")
    parser.add_argument("--mac", default="02:99:00:00:00:01")
    parser.add_argument("--pcap")
    args = parser.parse_args()

    if args.give is not None:
        give_away(args)
        return
    sock = socket.socket(fileno=args.socket)
    sock.setblocking(False)
    queue = NicQueue(args.nic)
    enter_namespace()
    tap = open_tap(args.tap)
    configure(args.tap, args.address, args.mac)
    capture = Capture(args.pcap)
    print("ready", flush=True)
    try:
        carry(sock, tap, ("127.0.0.1", args.nic), queue, capture)
    finally:
        capture.flush()


if __name__ == "__main__":
    main()
