# SPDX-License-Identifier: BSD-2-Clause
"""The tables of a benchmark run."""

import bisect

# Linux 6.1 with KVM, QEMU, tap, bridge and vhost-net on the same emulated machine and with the same
# guest kernel, one CPU, median of 3: total, host, guest, VM entries, interrupts.
BASELINE = {
    "TX UDP 64 B": (25059, 18049, 7025, 1.09, 1.01),
    "TX UDP 1472 B": (25992, 18612, 7395, 1.14, 1.01),
    "RX UDP 64 B, W=32": (12542, 6455, 6095, 0.106, 0.07),
    "RX UDP 1472 B, W=32": (13468, 6815, 6673, 0.134, 0.07),
    "RX + ack, W=1": (59082, 39560, 19586, 2.60, 2.04),
    "ping outside -> guest": (53745, 40186, 13610, 2.42, 2.05),
    "ping guest -> outside": (60710, 39160, 21625, 2.53, 2.06),
    "TCP TX per 1448 B": (2912, 1955, 958, 0.07, 0.05),
    "TCP RX per 1448 B": (4141, 3207, 937, 0.02, 0.01),
    "CPUID exit": (3300, 3290, 12, 1, 0),
    "idle, per second": (589e3, 467e3, 122e3, 36, 15),
    "guest's first instruction to network up": (1.98e9, 430e6, 1.55e9, None, None),
}

# What the hypervisor's share should be at most.
TARGETS = {
    "TX UDP 64 B": 1800,
    "RX UDP 64 B, W=32": 640,
    "ping outside -> guest": 4000,
    "TCP TX per 1448 B": 200,
    "TCP RX per 1448 B": 320,
    "CPUID exit": 330,
    "idle, per second": 50e3,
    "guest's first instruction to network up": 40e6,
}

HEAD = ("", "total", "hypervisor", "guest", "entries", "interrupts", "copies", "bytes copied",
        "Linux", "ratio", "target", "", "spread")


def number(value):
    if value is None:
        return ""
    if abs(value) >= 1e6:
        return f"{value / 1e6:.2f} M"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) >= 0.005 else "0"


def row(label, figures, spread):
    host = figures["host"]
    base = BASELINE.get(label)
    target = TARGETS.get(label)
    cells = [number(figures.get(key)) for key in
             ("total", "host", "guest", "entries", "interrupts", "copies", "copied_bytes")]
    cells += [number(base[1]), f"{base[1] / host:.1f}x" if host > 0 else ""] if base else ["", ""]
    cells += [number(target), "ok" if host <= target else "MISSED"] if target else ["", ""]
    return [label, *cells, f"{spread:.1%}"]


def table(figures, spread, version, runs):
    """`figures`: label -> values; `spread`: label -> by how much the runs' totals differ."""
    rows = [HEAD] + [row(label, values, spread.get(label, 0)) for label, values in figures.items()
                     if label not in ("warm-up", "empty window")]
    widths = [max(len(r[column]) for r in rows) for column in range(len(HEAD))]
    lines = [f"Ringvisor {version}: instructions and events per packet, round trip, exit or second; "
             f"median of {runs}. Linux: the host's share with KVM + vhost-net. Spread: of the runs' totals."]
    for cells in rows:
        lines.append("  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                               for column, (cell, width) in enumerate(zip(cells, widths))).rstrip())
    return "\n".join(lines) + "\n"


# ---- Where the hypervisor's instructions go ----

def by_function(at, image):
    """{name: (instructions, calls)} from instructions by offset in text."""
    starts = [address for address, _ in image.symbols]
    found = {}
    for offset, count in at.items():
        address = image.text[0] + offset
        start, name = image.symbols[bisect.bisect_right(starts, address) - 1]
        instructions, calls = found.get(name, (0, 0))
        found[name] = (instructions + count, calls + (count if address == start else 0))
    return found


def profile(label, at, image, most=40):
    functions = sorted(by_function(at, image).items(), key=lambda item: -item[1][0])
    total = sum(instructions for _, (instructions, _) in functions)
    lines = [f"{label}: {number(total)} in the hypervisor's functions",
             f"{'instructions':>14} {'share':>6} {'calls':>10}  function"]
    for name, (instructions, calls) in functions[:most]:
        lines.append(f"{number(instructions):>14} {instructions / total:>6.1%} {number(calls):>10}  {name}")
    return "\n".join(lines) + "\n"


def profiles(run):
    """Of all windows of one run."""
    return "\n".join(profile(label, at, run.image) for label, at in run.profiles.items()
                     if at and label not in ("warm-up", "empty window"))
