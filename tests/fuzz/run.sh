#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Run fuzz targets, each for a fixed number of inputs, from the seeds of seeds.py and what
# earlier runs found. Usage: run.sh FULL-OR-EMPTY PROGRAM:INPUTS...

full=$1
shift
passed=0 failed=0
for arg in "$@"; do
	prog=${arg%:*} runs=${arg##*:}
	name=$(basename "$prog")
	[ -z "$full" ] || runs=$((runs * 100))
	corpus=$prog.corpus
	mkdir -p "$corpus" "$prog.seeds" "$prog.crash"
	python3 tests/fuzz/seeds.py "${name#fuzz_}" "$prog.seeds" || exit 1
	if "$prog" -runs="$runs" -seed=1 -max_len=4096 -timeout=10 -rss_limit_mb=1024 -verbosity=1 \
			-print_final_stats=1 -artifact_prefix="$prog.crash/" \
			"$corpus" "$prog.seeds" >"$prog.log" 2>&1; then
		printf '  %-7s %s (%s inputs, %s)\n' OK "$name" "$runs" \
			"$(sed -n 's/.*\(cov: [0-9]*\).*/\1/p' "$prog.log" | tail -n 1)"
		passed=$((passed + 1))
	else
		printf '  %-7s %s, the input is in %s.crash:\n' FAIL "$name" "$prog"
		grep -n -m 1 -A 25 -e ERROR -e 'runtime error' -e 'Test unit' "$prog.log" || tail -n 20 "$prog.log"
		failed=$((failed + 1))
	fi
done
printf 'fuzz: %d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
