#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What Linux makes of large TCP frames: the table gso_linux.h, for test_gso.c.

    unshare -Urn tests/unit/gso_linux.py >tests/unit/gso_linux.h

A packet socket takes a frame with a virtio-net header and sends it by a tap device that can neither
cut nor sum; what is read from the tap is the work of Linux's own software.
"""

import fcntl
import os
import platform
import select
import socket
import struct
import subprocess

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
SOL_PACKET, PACKET_VNET_HDR = 263, 15
NEEDS_CSUM, TCPV4, TCPV6, ECN = 1, 1, 4, 0x80
FIN, PSH, ACK, CWR = 0x01, 0x08, 0x10, 0x80
ADDRESSES = bytes.fromhex("020000000099020000000001")
TIMESTAMPS = bytes.fromhex("0101080a0123456789abcdef")

CASES = {           # name: version, VLAN tags, IP options or extension headers, TCP options, rest
    "plain": dict(version=4, flags=ACK | PSH, payload=100, size=40),
    "every flag, id and seq come round": dict(version=4, tcp=TIMESTAMPS, flags=FIN | PSH | ACK | CWR,
                                              payload=71, size=24, ident=0xFFFF, seq=0xFFFFFFF0),
    "IP options": dict(version=4, ip=bytes.fromhex("0101010144080500000000ff"), payload=33, size=32),
    "one tag": dict(version=4, tags=1, payload=64, size=32),
    "IPv6": dict(version=6, tcp=TIMESTAMPS, flags=FIN | PSH | ACK, payload=99, size=33),
    "IPv6, CWR": dict(version=6, flags=ACK | CWR, payload=41, size=20),
    "IPv6, two extension headers": dict(version=6, ip=bytes.fromhex("3c00010400000000" "0600010400000000"),
                                        payload=50, size=49),
}


def total(data, start=0):
    for i in range(0, len(data), 2):
        start += int.from_bytes(data[i:i + 2].ljust(2, b"\0"), "big")
    while start >> 16:
        start = (start & 0xFFFF) + (start >> 16)
    return start


def frame(version, payload, flags=ACK, tags=0, ip=b"", tcp=b"", ident=0x1234, seq=1000, size=None):
    """(frame, offset of TCP)"""
    data = bytes((i * 7 + 3) & 0xFF for i in range(payload))
    segment = struct.pack(">HHIIBBHHH", 80, 40000, seq, 77, (20 + len(tcp)) // 4 << 4, flags, 500, 0, 0)
    segment += tcp + data
    if version == 4:
        addresses = bytes([10, 1, 2, 3, 192, 168, 255, 254])
        header = bytearray(struct.pack(">BBHHHBBH", 0x40 | (20 + len(ip)) // 4, 0,
                                       20 + len(ip) + len(segment), ident, 0x4000, 64, 6, 0))
        header += addresses + ip
        header[10:12] = (~total(header) & 0xFFFF).to_bytes(2, "big")
    else:
        addresses = bytes(range(0x20, 0x40))
        header = struct.pack(">IHBB", 0x60012345, len(ip) + len(segment), 0 if ip else 6, 64)
        header += addresses + ip
    partial = total(addresses, 6 + len(segment)).to_bytes(2, "big")
    segment = segment[:16] + partial + segment[18:]
    tag = b"".join(struct.pack(">HH", 0x8100, 0x2005 + i) for i in range(tags))
    ether = ADDRESSES + tag + (b"\x08\0" if version == 4 else b"\x86\xdd")
    return ether + bytes(header) + segment, len(ether) + len(header)


def cut(out, tap, case):
    """The frame, where its TCP begins, and the parts that Linux makes of it."""
    data, start = frame(**case)
    kind = TCPV4 if case["version"] == 4 else TCPV6
    kind |= ECN if case.get("flags", 0) & CWR else 0
    out.send(struct.pack("<BBHHHH", NEEDS_CSUM, kind, start + 20, case["size"], start, 16) + data)
    parts = []
    while select.select([tap], [], [], 0.3)[0]:
        part = os.read(tap, 65536)
        if part.startswith(ADDRESSES):
            parts.append(part)
    return data, start, parts


def c_bytes(data):
    lines = [", ".join(f"0x{b:02x}" for b in data[i:i + 14]) for i in range(0, len(data), 14)]
    return "{\n\t\t" + ",\n\t\t".join(lines) + ",\n\t}"


def main():
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"tap0", IFF_TAP | IFF_NO_PI))
    subprocess.run(["ip", "link", "set", "tap0", "up"], check=True)
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    out.bind(("tap0", 0))
    print("/* SPDX-License-Identifier: BSD-2-Clause */")
    print(f"/* Made by gso_linux.py with Linux {platform.release().split('-')[0]}; do not edit. */")
    print("#ifndef TESTS_UNIT_GSO_LINUX_H\n#define TESTS_UNIT_GSO_LINUX_H\n")
    print("static const struct linux_gso {\n\tconst char *name;\n\tbool ip6;\n\tu16 start, size, nr;")
    print("\tu16 len[6];\t\t/* of the frame and each part */\n\tu8 bytes[800];\t\t/* all of them */")
    print("} linux_gso[] = {")
    for name, case in CASES.items():
        data, start, parts = cut(out, tap, case)
        assert len(parts) == -(-case["payload"] // case["size"]), name
        lengths = ", ".join(str(len(p)) for p in [data, *parts])
        print(f"\t{{ \"{name}\", {str(case['version'] == 6).lower()}, {start}, {case['size']}, "
              f"{len(parts)}, {{ {lengths} }}, {c_bytes(data + b''.join(parts))} }},")
    print("};\n\n#endif")


if __name__ == "__main__":
    main()
