#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""make bench: what a packet, an exit and a boot cost, in instructions. README.md has the method.

The table goes to standard output and to $O/bench/bench.txt, all that was measured to bench.json, where
the hypervisor's instructions go to profile.txt.
"""

import argparse
import fcntl
import json
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from bench import BUILD, ROOT           # noqa: E402
import bridge                           # noqa: E402
from counting import NAMES, Run     # noqa: E402
import other                            # noqa: E402
import report                           # noqa: E402

OUT = BUILD / "bench"
# The outside's TCP goes by what has come, and as little as can be by when: room for a whole stream in
# both directions, a window that ACKs alone open, nothing remembered of the connection before, no time
# stamps, which tick in real time and keep segments from being merged, nothing sent again because the
# emulator is slow, and large frames not made smaller for it. Each segment has its ACK at once. The rest of
# it: own_namespace().
TCP = {
    "tcp_rmem": "4096 268435456 268435456", "tcp_wmem": "4096 268435456 268435456",
    "tcp_congestion_control": "reno", "tcp_slow_start_after_idle": "0", "tcp_no_metrics_save": "1",
    "tcp_autocorking": "0", "tcp_timestamps": "0", "tcp_early_retrans": "0",
    "tcp_min_tso_segs": "44",
}


def lock():
    """Held until the end: two benchmarks would write to the same files."""
    file = open(OUT / ".lock", "w", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"bench: another one is running in {OUT}")
    return file


def own_namespace():
    """A network of our own with the tap device that is the machine's outside; its descriptor."""
    bridge.enter_namespace()
    tap = bridge.open_tap("tap0", bridge.IFF_VNET_HDR)
    bridge.configure("tap0", "10.99.0.1/24", "02:99:00:00:00:01")
    subprocess.run(["ip", "route", "change", "10.99.0.0/24", "dev", "tap0", "src", "10.99.0.1",
                    "scope", "link", "proto", "kernel", "quickack", "1", "rto_min", "20s"], check=True)
    for name, value in TCP.items():
        pathlib.Path("/proc/sys/net/ipv4", name).write_text(value, encoding="ascii")
    return tap


def start_peer(argv):
    peer = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    if "ready" not in peer.stdout.readline():
        sys.exit("bench: the peer did not start")
    return peer


def median(results):
    """Of each figure over all runs; the runs have the same windows."""
    first = results[0]
    if isinstance(first, dict):
        return {key: median([r[key] for r in results]) for key in first}
    return first if isinstance(first, str) else statistics.median(results)


def spread(results):
    """By how much the runs' totals differ, relative, for each label."""
    totals = {label: [r[label]["total"] for r in results] for label in results[0]}
    return {label: (max(t) - min(t)) / min(t) for label, t in totals.items() if min(t) > 0}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", help="windows: cpuid, ping, pinged, tx, rx, talk, tcp_tx, tcp_rx; all those of "
                        "alone, network, streams (TCP) or pair (guest to guest); "
                        "with commas between them")
    parser.add_argument("--wire", type=int, default=500, metavar="US",
                        help="TCP: what the outside sends arrives every so many microseconds; 0: at once")
    parser.add_argument("--queues", type=int, default=1, help="pairs of the guest's NIC, all in use")
    parser.add_argument("--guests", type=int, default=1, help="so many, all but the measured one asleep but in window talk")
    parser.add_argument("--guest", type=pathlib.Path, metavar="FOLDER",
                        help="another guest that marks its windows, with its peer: other.py")
    args = parser.parse_args()
    only = args.only and args.only.split(",")
    if only and set(only) - NAMES:
        parser.error(f"--only: {', '.join(sorted(set(only) - NAMES))}: none of {' '.join(sorted(NAMES))}")

    OUT.mkdir(parents=True, exist_ok=True)
    held = lock()                       # noqa: F841
    version = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, text=True,
                             check=False, stdout=subprocess.PIPE).stdout.strip()
    tap = own_namespace()
    peer = start_peer(other.peer(args.guest) if args.guest else [OUT / "netbench", "peer"])
    runs = []
    try:
        for number in range(args.runs):
            print(f"run {number + 1} of {args.runs}", file=sys.stderr, flush=True)
            folder = OUT / f"run{number}"
            runs.append(other.Run(folder, tap, args.guest) if args.guest else
                        Run(folder, tap, only, args.wire, args.queues, args.guests))
    finally:
        peer.kill()
        peer.wait()
    result = median([run.figures for run in runs])
    text = report.table(result, spread([run.figures for run in runs]), version, args.runs)
    print(text, end="")
    (OUT / "bench.txt").write_text(text, encoding="utf-8")
    (OUT / "bench.json").write_text(json.dumps(
        {"version": version, "runs": [run.figures for run in runs], "median": result}, indent=1),
        encoding="utf-8")
    (OUT / "profile.txt").write_text(report.profiles(runs[0]), encoding="utf-8")


if __name__ == "__main__":
    main()
