#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A table of what bench_ring measured.

Usage: report.py CYCLES.CSV CALLGRIND-PROFILE...

A row is a case: for each device the minimum and the median, over all runs, of its cycles per
packet (the call and letting go of the buffers), and its instructions per packet; for Ringvisor
also the ratio of the minima to DPDK's. DPDK copies where Ringvisor refers (tx-ref).
"""

import csv
import re
import sys

DEVICES = ("ringvisor", "ringvisor-gp", "dpdk")

# Most that was aimed at, as ratio to DPDK.
TARGETS = {
    ("split", "tx", "64"): 0.50,
    ("split", "rx", "64"): 0.42,
    ("split-indirect", "tx", "64"): 0.55,
    ("packed", "tx", "64"): 0.75,
    ("packed", "rx", "64"): 1.00,
    ("split", "tx-ref", "1500"): 0.30,
    ("packed", "tx-ref", "1500"): 0.30,
    ("split", "rx", "1500"): 0.85,
    ("packed", "rx", "1500"): 0.85,
}


def read_cycles(path):
    with open(path, encoding="utf-8") as file:
        return {
            (row[0], tuple(row[1:4])): (float(row[4]), float(row[5]))
            for row in csv.reader(file)
        }


def read_instructions(paths):
    """{(device, case): per packet}"""
    found = {}
    for path in paths:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        name = re.search(r"^desc: Trigger: Client Request: (\S+)$", text, re.M)
        total = re.search(r"^(?:summary|totals): (\d+)", text, re.M)
        if name and total:
            device, *case, packets = name[1].split(",")
            found[device, tuple(case)] = int(total[1]) / int(packets)
    return found


def cell(cycles, instructions, key, dpdk):
    if key not in cycles:
        return "-"
    low, median = cycles[key]
    text = f"{low:.1f} / {median:.1f} / {instructions.get(key, 0):.0f}"
    return text + (f" ({low / dpdk:.2f})" if dpdk and key[0] != "dpdk" else "")


def main():
    cycles = read_cycles(sys.argv[1])
    instructions = read_instructions(sys.argv[2:])
    print("cycles per packet, minimum / median / instructions (ratio of the minima to DPDK's)\n")
    print("| case | " + " | ".join(DEVICES) + " | target |")
    print("|---" * (len(DEVICES) + 2) + "|")
    for case in dict.fromkeys(case for _, case in cycles):
        dpdk = cycles.get(("dpdk", case), (0, 0))[0]
        row = [cell(cycles, instructions, (device, case), dpdk) for device in DEVICES]
        target = f"{TARGETS[case]:.2f}" if case in TARGETS else ""
        print(f"| {case[0]} {case[1]} {case[2]} | " + " | ".join(row) + f" | {target} |")


if __name__ == "__main__":
    main()
