#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Turn the output of `nm -n` into the assembly of kernel/ksym.c's table of text symbols."""

import sys


def main():
    symbols = []
    for line in sys.stdin:
        fields = line.split()
        if len(fields) != 3 or fields[1] not in "tTwW" or fields[2].startswith((".", "__text_")):
            continue
        address = int(fields[0], 16)
        if address >= 0xFFFFFFFF80000000 and (not symbols or symbols[-1][0] != address):
            symbols.append((address, fields[2].split(".lto_priv.")[0]))

    print('\t.section .ksyms, "a", @progbits')
    print("\t.globl ksym_count, ksym_table, ksym_names")
    print("\t.balign 8\nksym_count:\n\t.quad", len(symbols))
    print("ksym_table:")
    offset = 0
    for address, name in symbols:
        print(f"\t.quad {address:#x}\n\t.quad {offset}")
        offset += len(name) + 1
    print("ksym_names:")
    for _, name in symbols:
        print(f'\t.asciz "{name}"')
    print('\t.section .note.GNU-stack, "", @progbits')


if __name__ == "__main__":
    main()
