#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Starting inputs for the fuzz targets: seeds.py NAME FOLDER."""

import pathlib
import struct
import sys


def ring():
    """Descriptors, a post and a pop: direct, chained, indirect; several sizes and features."""
    def desc(i, addr, length, flags, nxt):
        return b"\x08" + struct.pack("<BHHBB", i, addr, length, flags, nxt)

    post, pop = b"\x09%c", b"\x01"
    for size in (0, 2, 6):
        for features in (0, 1, 2, 3, 8, 11, 16, 19, 24, 27):
            head = struct.pack("<BBH", size, features, 0xfffe)
            chain = desc(0, 0x1000, 100, 1, 1) + desc(1, 0x1100, 50, 3, 2) + desc(2, 0x1200, 9, 2, 0)
            yield head + desc(0, 0x1000, 100, 0, 0) + post % 0 + pop + b"\x03\0" + bytes(4) + b"\5\6\7"
            yield head + chain + post % 0 + pop + pop + b"\x04\1" + pop + b"\x05"
            yield head + desc(0, 0x40, 48, 4, 0) + desc(4, 0x1000, 7, 1, 1) + \
                desc(5, 0x1000, 7, 1, 2) + desc(6, 0x1000, 7, 2, 0) + post % 0 + pop
    yield struct.pack("<BBHQQQ", 3, 4, 0, 0x100, 0x200, 0x300) + pop


def virtio_pci():
    """A driver's way up: configuration, common configuration, queues, vectors, doorbells."""
    def mmio(area, off, size, val):
        code = {1: 0, 2: 1, 4: 2, 8: 3}[size]
        op = next(o for o in range(256) if o % 9 == 3 and (o >> 4) % 4 == code)
        return bytes([op, area, off]) + val.to_bytes(size, "little")

    def cfg(off, size, val):
        code = {1: 0, 2: 1, 4: 2}[size]
        op = next(o for o in range(256) if o % 9 == 1 and (o >> 4) % 4 == code)
        return bytes([op, off]) + val.to_bytes(size, "little")

    up = b"".join(mmio(0, 20, 1, s) for s in (0, 1, 3)) + \
        mmio(0, 8, 4, 1) + mmio(0, 12, 4, 1) + mmio(0, 20, 1, 11) + \
        mmio(0, 22, 2, 1) + mmio(0, 24, 2, 16) + mmio(0, 32, 4, 0x1000) + \
        mmio(0, 40, 4, 0x2000) + mmio(0, 48, 4, 0x3000) + mmio(0, 28, 2, 1) + mmio(0, 20, 1, 15)
    yield b"\0" + up
    yield b"\1" + mmio(3, 4, 2, 1) + b"\x05\x07\x05" + mmio(1, 0, 1, 0)
    yield b"\1" + b"".join(mmio(4, 16 * i + 12, 4, 1) for i in range(3)) + b"\6\1\6\2" + \
        mmio(4, 28, 4, 0)
    yield b"\1" + cfg(0x20, 4, 0xffffffff) + cfg(0x24, 4, 0xffffffff) + cfg(4, 2, 0) + \
        cfg(0x20, 4, 0xd0100000) + cfg(0x24, 4, 0) + cfg(4, 2, 6)
    yield b"\1" + cfg(0x44, 1, 4) + cfg(0x48, 4, 20) + cfg(0x4c, 4, 1) + cfg(0x50, 4, 0)


def gro():
    """A segment and those that follow it: IPv4 with and without options, IPv6, tagged; changed."""
    ports = struct.pack(">HHIIBBHHH", 80, 4000, 1000, 77, 0x50, 0x10, 500, 0x1234, 0)
    stamps = bytearray(ports + bytes.fromhex("0101080a0123456789abcdef"))
    stamps[12] = 0x80
    for tcp in (ports, bytes(stamps)):
        ip4 = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp) + 50, 7, 0x4000, 64, 6, 0) + bytes(range(8))
        ip6 = struct.pack(">IHBB", 0x60000000, len(tcp) + 50, 6, 64) + bytes(range(32))
        for kind, ip in ((b"\x08\0", ip4), (b"\x86\xdd", ip6)):
            data = bytes(12) + kind + ip + tcp + bytes(50)
            hdr = len(data) - 50 - 54
            first = b"\x08" + struct.pack("<H", len(data)) + data
            for change in range(0, len(data) - 50, 3):
                yield first + bytes([1, hdr, 50]) * 5 + bytes([3, hdr, 50, change, 0, 1]) + \
                    bytes([1, hdr, 50, 1, hdr, 20])
            yield first + bytes([1, hdr, 50]) * 40


def virtio_net():
    """Frames with and without a checksum request, chains, receive buffers, resets, commands."""
    def command(group, number, data, how=0x50):
        """In two pieces, with room for the answer."""
        return bytes([12, how | len(data) + 2, group, number]) + data + b"\x0d\x08\x0d\2\5"

    def frame(flags, start, offset, length):
        return struct.pack("<BBBHHBBH", 2, flags, 0, 0, start, offset, 0, length)

    def large(shape, payload, size, flags=0x98, lies=b"\0"):
        return struct.pack("<BBHBH", 11, shape, payload, flags, size) + lies

    run = b"\4\5"
    for features in (0, 0xffffffff, 1 << 15, 1 << 29, 3):
        head = struct.pack("<IBB", features, 0x39, 0x39 if features & 1 << 15 else 1)
        yield head + frame(0, 0, 0, 60) + run + frame(1, 34, 16, 1514) + run + b"\x09"
        yield head + b"\x08\1\0" + frame(0, 0, 0, 1000) * 3 + run + b"\x0a" + run
        yield head + b"\1\0\0" + b"\0\0\x20" + b"\xff" + b"\7\x3c\0\0" + b"\x09"
        yield head + b"\1\3\0" + (b"\0\0\x30" + b"\x40") * 4 + b"\7\x80\0\1" + b"\x09"
        yield head + b"\0\3\0" + (b"\0\0\x30" + b"\x40") * 4 + run
        yield head + large(0, 9000, 1448) + large(1, 3000, 100) + run + large(0x1b, 20000, 1000) + run
        yield head + large(0, 9000, 1448, lies=b"\2\x18\1\x20\7") + run + large(0x28, 900, 100) + run
        yield head + frame(0, 0, 0, 60) + b"\6\1\0\0\x08" + bytes(range(8)) + run
        yield head + command(4, 0, b"\2\0") + b"\x0e\0\0\0\0\x30\x40\x0d\3\5" + \
            b"\x0f\0\0\0\0\x20\xff" + b"\7\x3c\0\0" * 3 + command(4, 0, b"\1\0")
        yield head + command(1, 1, b"\2\0\0\0\0\7") + command(4, 0, b"\x09\0") + \
            command(0, 0, b"\1") + b"\x0a" + command(4, 0, b"\1\0", 0x10)


def archive():
    """A cpio archive (newc) with two files, and a cut one."""
    def member(name, data):
        fields = [1, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + name + b"\0"
        return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)

    whole = member(b"ringvisor.conf", b"guest a\n") + member(b"k", b"x" * 9) + member(b"TRAILER!!!", b"")
    yield whole
    yield whole[:150]


def config():
    """Options in QEMU's words."""
    yield b"guest web -m 256M -smp 2 -kernel vmlinuz -initrd i -append \"console=ttyS0\"\n" \
        b"  -netdev tap,id=h,br=br0,queues=1,vhost=on,poll-us=50\n" \
        b"  -device virtio-net-pci,netdev=h,id=net2,mac=20:90:6f:28:84:f2,event_idx=on,addr=0x7\n"
    yield b"# nothing\nset loglevel=3\nguest a -m 64M -kernel k -no-reboot -action panic=reset\n" \
        b"guest b -m 64M -kernel k -device isa-debug-exit,iobase=0xf4,iosize=0x04\n"


def board():
    """An interrupt's way: I/O APIC entry, timers, UART, 8259s; x2APIC mode."""
    def pio(dev, off, *values):
        return b"".join(bytes([1, dev, off, v]) for v in values)

    def mmio(area, off, val):
        return bytes([3 | 2 << 4, area]) + struct.pack("<HI", off, val)

    def wrmsr(msr, val):
        return bytes([8 | 1 << 4, msr]) + struct.pack("<Q", val)

    take, run = b"\x0d\x0e", b"\x0a\x18"
    yield b"\1" + mmio(0, 0, 0x14) + mmio(0, 0x10, 0x34) + pio(3, 3, 0x34) + pio(3, 0, 0xff, 1) + \
        run + take + run + take
    yield b"\0" + pio(0, 0, 0x11) + pio(0, 1, 0x20, 4, 1, 0) + pio(1, 0, 0x11) + \
        pio(1, 1, 0x28, 2, 1, 0) + b"\x1b\x04" + take + pio(0, 0, 0x20) + b"\x1b\x0a" + take
    yield b"\1" + mmio(1, 0x3e0, 0xb) + mmio(1, 0x320, 0x20040) + mmio(1, 0x380, 5000) + run + take
    yield b"\1" + mmio(1, 0x320, 0x40040) + wrmsr(0xf0, 0x40000000) + run + take
    yield b"\1" + wrmsr(0xf1, 0xfee00d00) + wrmsr(0x30, 0x0000000100000041) + wrmsr(0x3f, 0x42) + take
    yield b"\1" + pio(6, 1, 3) + pio(6, 2, 0xc7) + pio(6, 0, 65) + b"\0\6\2\0\6\0" + pio(6, 4, 0x1f)
    yield b"\1" + pio(5, 0, 0x0b) + pio(5, 1, 0x72) + run + pio(5, 0, 0x0c) + b"\0\5\1" + run
    yield b"\1" + pio(4, 0, 1) + pio(3, 3, 0xb0) + pio(3, 2, 1, 1) + b"\0\4\0" + run + b"\0\4\0"
    yield b"\1" + bytes([1 | 2 << 4, 10, 0]) + struct.pack("<I", 0x80000004) + pio(10, 4, 7)


def load():
    """A bzImage, a flat multiboot kernel, ELF of both classes."""
    linux = bytearray(0x400 + 0x400)
    linux[0x1f1] = 1
    struct.pack_into("<I", linux, 0x1f4, 0x40)
    struct.pack_into("<HBBIH", linux, 0x1fe, 0xaa55, 0xeb, 0x6a, 0x53726448, 0x20f)
    linux[0x211] = 1
    struct.pack_into("<IIBBHI", linux, 0x22c, 0x7fffffff, 0x200000, 1, 21, 1, 2047)
    struct.pack_into("<QI", linux, 0x258, 0x1000000, 0x100000)
    magic, flags = 0x1badb002, 0x10003
    flat = struct.pack("<8I", magic, flags, -(magic + flags) & 0xffffffff, 0x100000, 0x100000,
                       0x100200, 0x101000, 0x100020) + bytes(0x1e0)
    header = struct.pack("<3I", magic, 3, -(magic + 3) & 0xffffffff)
    ident = b"\x7fELF%c\1\1" + bytes(9)
    elf32 = ident % 1 + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0x100060, 52, 0, 0, 52, 32, 1, 0, 0, 0) + \
        struct.pack("<8I", 1, 0, 0x100000, 0x100000, 0x70, 0x1000, 7, 0) + header + bytes(0x20)
    elf64 = ident % 2 + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x100090, 64, 0, 0, 64, 56, 1, 0, 0, 0) + \
        struct.pack("<IIQQQQQQ", 1, 7, 0, 0x100000, 0x100000, 0x98, 0x1000, 0) + header + bytes(0x20)
    for image in (bytes(linux), flat, elf32, elf64):
        yield b"\0" + image
    yield b"\1" + flat


def vhost_user():
    """A front end that starts well; then each request, with memory that is cut and kicks."""
    good, kick, turn = b"\5\6", b"\4", b"\7"       # features left out: packed, IOMMU
    packed = b"\5\2"
    for page in range(0x10, 0x18):          # IOTLB updates of a page: type 2, to be read, written
        for access in (3, 1, 2, 0):
            yield b"\5\4" + b"\0\x48\x16\4" + struct.pack(
                "<QQQQ", page << 12, 4096, page << 12, 0x200 | access) + kick + turn
    yield good + kick + turn
    yield packed + kick + turn + b"\6\2" + kick + turn
    yield good + b"\3\2\x50\4\1\0\1\0" + kick + turn + b"\6\0" + kick + turn
    for request in range(42):
        yield good + bytes([0, 0x40, request]) + b"\1" + b"\1\0" * 8 + turn
        yield bytes([0, 0x41, request]) + b"\1" + b"\1\0" * 8 + good + kick + turn


def main():
    name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    for i, seed in enumerate(globals()[name]()):
        (folder / f"{name}-{i}").write_bytes(seed)


main()
