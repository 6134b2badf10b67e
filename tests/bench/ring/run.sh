#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Cycles and instructions per packet of each case and device, as a table. What was measured is kept
# in OUT/cycles.csv, OUT/callgrind.*. Usage: run.sh OUT [OPTION OF bench_ring]...

set -eu
out=$1
shift
here=$(dirname "$0")

# DPDK is at home on huge pages: 1 GiB of them while this runs, if we may.
pages=/proc/sys/vm/nr_hugepages
before=$(cat $pages)
if [ -w $pages ] && [ "$before" -lt 512 ]; then
	trap 'echo "$before" >$pages' EXIT
	echo 512 >$pages
fi

"$out/native/bench_ring" "$@" >"$out/cycles.csv"
rm -f "$out"/callgrind.*
valgrind --tool=callgrind --collect-atstart=no --callgrind-out-file="$out/callgrind.out" \
	"$out/count/bench_ring" -i "$@" -k 2048 >"$out/count.log" 2>&1 || {
	tail -n 20 "$out/count.log"
	exit 1
}
echo
python3 "$here/report.py" "$out/cycles.csv" "$out"/callgrind.out.*
