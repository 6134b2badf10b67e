#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Make a pcap file of what the monitor's `capture` printed on the serial line.

Usage: capture.py [CONSOLE-LOG [FILE.pcap]]     "-": standard input or output, the defaults

The log may hold anything else besides, and end anywhere; of several captures the last one counts.
Live, with the serial line coming in on standard input:  ... | tools/capture.py | wireshark -k -i -
"""

import base64
import binascii
import os
import re
import sys

LINE = re.compile(rb"pcap (\S+): ([0-9a-f]{8}) ([A-Za-z0-9+/]+=*)\s*$")
END = re.compile(rb"capture (\S+): ended frames=(\d+) missed=(\d+) bytes=(\d+)")


class Broken(Exception):
    """Lines are missing or damaged: what follows would be read as something else."""


def pieces(lines):
    """(is it the first of a file, its bytes) for each line of a capture."""
    size = 0
    for line in lines:
        found = LINE.search(line)
        if found:
            offset = int(found.group(2), 16)
            if offset not in (0, size):
                raise Broken(f"{found.group(1).decode()}: {size} bytes, then those from {offset}")
            try:
                data = base64.b64decode(found.group(3), validate=True)
            except binascii.Error as error:
                raise Broken(f"{found.group(1).decode()}: byte {offset}: {error}") from None
            size = offset + len(data)
            yield offset == 0, data
        found = END.search(line)
        if found:
            port, frames, missed, total = found.groups()
            print(f"capture.py: {port.decode()}: {int(frames)} frames, {int(missed)} missed",
                  file=sys.stderr)
            if int(total) != size:
                raise Broken(f"{port.decode()}: {size} bytes of {int(total)}")


def convert(lines, out):
    """Write the file; True if there was one."""
    seekable, any_piece = out.seekable(), False
    for first, data in pieces(lines):
        if first and any_piece:
            if not seekable:
                return True         # who reads a pipe has got its file
            out.seek(0)
            out.truncate()
        any_piece = True
        out.write(data)
        out.flush()
    return any_piece


def main():
    names = sys.argv[1:]
    if len(names) > 2 or any(name in ("-h", "--help") for name in names):
        print(__doc__.strip())
        return 2
    source, target = (names + ["-", "-"])[:2] if len(names) != 1 else (names[0], "-")
    try:
        lines = sys.stdin.buffer if source == "-" else open(source, "rb")
        out = sys.stdout.buffer if target == "-" else open(target, "wb")
        if convert(lines, out):
            return 0
        print("capture.py: no capture found", file=sys.stderr)
    except Broken as error:
        print(f"capture.py: lines are missing: {error}", file=sys.stderr)
    except BrokenPipeError:     # who reads has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"capture.py: {error.filename or target}: {error.strerror}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
