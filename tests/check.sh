#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# make check: every suite, whatever the ones before said, and the sum of what they counted.
# Usage: check.sh TEST-OR-EMPTY SUITE...    (O and FULL in the environment)
#
# A suite is a make target whose last line reads "SUITE: N passed, N failed".

set -u
test=$1
shift
make="make --no-print-directory -j$(nproc)"
logs=$O/test-logs
unset MAKEFLAGS MFLAGS MAKELEVEL

tools/packages.sh || exit 1
mkdir -p "$logs"
$make O="$O" all || exit 1

passed=0 failed=0
for suite in "$@"; do
	only=
	case ${test:+$suite} in
	style)	test "$test" = style || continue ;;
	unit)	test -e "tests/unit/test_${test#test_}.c" || continue
		only="UNIT=$test" ;;
	model)	test -e "tests/model/$test.pml" || continue
		only="MODEL=$test" ;;
	fuzz)	test -e "tests/fuzz/fuzz_${test#fuzz_}.c" || continue
		only="FUZZ=$test" ;;
	vhost|system) only="TEST=$test" ;;
	esac
	log=$logs/$suite.log
	$make "$suite" O="$O" $only FULL="${FULL-}" 2>&1 | tee "$log"
	counts=$(sed -n "s/^$suite: \([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p" "$log" | tail -n 1)
	if [ -z "$counts" ]; then
		echo "$suite: did not get as far as counting its tests"
		counts="0 1"
	fi
	passed=$((passed + ${counts% *}))
	failed=$((failed + ${counts#* }))
done
if [ $((passed + failed)) -eq 0 ]; then
	echo "no test is called ${test:-anything}"
	failed=1
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
