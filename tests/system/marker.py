# SPDX-License-Identifier: BSD-2-Clause
"""A program of two instructions for guests: it tells Bochs to say what time it is.

Bochs (magic_break) stops at `xchg %bx,%bx`, in a guest's user mode too, and prints the number of
ticks since power-on. That clock is the machine's own: independent of all that hypervisor and guest
believe about time.
"""

import re
import struct

CODE = bytes.fromhex("6687db"           # xchg %bx,%bx
                     "31ff"             # xor %edi,%edi
                     "b83c000000"       # mov $60,%eax (exit)
                     "0f05")            # syscall
BASE = 0x400000
HEADERS = 64 + 56


def program():
    """A static ELF64 executable."""
    size = HEADERS + len(CODE)
    header = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, BASE + HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x1000)
    return header + segment + CODE


def ticks(machine):
    """The machine's time at each marker, in ticks (machine.ips of them are a second)."""
    log = (machine.dir / "emulator.log").read_text(encoding="utf-8", errors="replace")
    return [int(time) for time in re.findall(r"^Next at t=(\d+)", log, re.M)][1:]
