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
        for features in range(4):
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


def virtio_net():
    """Frames with and without a checksum request, chains, receive buffers, resets."""
    def frame(flags, start, offset, length):
        return struct.pack("<BBBHHBBH", 2, flags, 0, 0, start, offset, 0, length)

    run = b"\4\5"
    for features in (0, 0xffffffff, 1 << 15, 1 << 29, 3):
        head = struct.pack("<I", features)
        yield head + frame(0, 0, 0, 60) + run + frame(1, 34, 16, 1514) + run + b"\x09"
        yield head + b"\x08\1\0" + frame(0, 0, 0, 1000) * 3 + run + b"\x0a" + run
        yield head + b"\1\0\0" + b"\0\0\x20" + b"\xff" + b"\7\x3c\0\0" + b"\x09"
        yield head + b"\1\3\0" + (b"\0\0\x30" + b"\x40") * 4 + b"\7\x80\0\1" + b"\x09"
        yield head + b"\0\3\0" + (b"\0\0\x30" + b"\x40") * 4 + run
        yield head + frame(0, 0, 0, 60) + b"\6\1\0\0\x08" + bytes(range(8)) + run


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


def main():
    name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    for i, seed in enumerate(globals()[name]()):
        (folder / f"{name}-{i}").write_bytes(seed)


main()
