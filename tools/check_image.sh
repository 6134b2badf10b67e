#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Check what the image promises: no floating-point or vector instruction, no segment both writable
# and executable, loaded size under 1 MiB.
# Usage: check_image.sh IMAGE
set -eu
image=$1
limit=1048576
failed=0

fail() {
	echo >&2 "check-image: $1"
	failed=1
}

vector=$("${OBJDUMP:-objdump}" -d --no-show-raw-insn "$image" |
	grep -E '%([xyz]mm|mm|st\(?)[0-9(]?|[[:space:]]f(ld|st|add|mul|div|sub|ild|ist)[a-z]*[[:space:]]' |
	head -n 3) || true
test -z "$vector" || fail "floating-point or vector instructions: $vector"

"${READELF:-readelf}" -lW "$image" | grep -E '^  LOAD .* (RWE|WE|WX|RWX) ' >&2 &&
	fail 'a segment is writable and executable'

size=$("${READELF:-readelf}" -lW "$image" | awk '$1 == "LOAD" { print $6 }' | {
	sum=0
	while read -r bytes; do sum=$((sum + bytes)); done
	echo "$sum"
})
test "$size" -lt "$limit" || fail "loaded size is $size bytes, must be under $limit"

test "$failed" = 0 && echo "image: $size of $limit bytes, no floating point, W^X"
