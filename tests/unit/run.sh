#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Run the unit tests named (cmocka programs); each one's output goes to PROGRAM.log. Prints a
# line each, the failing cases with their messages, and the sum; fails if any case failed.

passed=0 failed=0
for prog in "$@"; do
	name=$(basename "$prog")
	ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0} UBSAN_OPTIONS=print_stacktrace=1 \
		timeout -k 5 "${UNIT_TIMEOUT:-120}" "$prog" >"$prog.log" 2>&1
	rc=$?
	ok=$(grep -c '^\[       OK \]' "$prog.log")
	# cmocka names each failed case twice: where it ran and in its summary.
	bad=$(grep '^\[  FAILED  \]' "$prog.log" | grep -v 'test(s)' | sort -u | wc -l)
	if [ "$rc" -ne 0 ] && [ "$bad" -eq 0 ]; then
		bad=1		# crashed, hung or ended by a sanitizer: the case that was running
	fi
	passed=$((passed + ok)) failed=$((failed + bad))
	if [ "$rc" -eq 0 ] && [ "$ok" -gt 0 ]; then
		printf '  %-7s %s (%d)\n' OK "$name" "$ok"
	else
		[ "$bad" -gt 0 ] || failed=$((failed + 1))
		printf '  %-7s %s (%d passed, %d failed, exit status %d), %s.log:\n' FAIL "$name" \
			"$ok" "$bad" "$rc" "$prog"
		grep -v -e '^\[       OK \]' -e '^\[==========\]' -e '^\[  PASSED  \]' "$prog.log" |
			awk '/^\[ RUN      \]/ { run = $0; next } { if (run != "") print run; run = ""; print } \
				END { if (run != "") print run " did not end" }' | tail -n 40
	fi
done
printf 'unit: %d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
