#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Check the Promela models with SPIN, all states: run.sh OUT-DIR MODEL...
#
# A model says in its head which configurations it has ("config: NAME", compiled with -DNAME) and
# which mutants ("mutant: NAME"). In each configuration the model itself must hold, and each
# mutant, which leaves a barrier or a look out, must break one of its assertions. Otherwise the
# model would not see what it is there to see.

out=$1
shift
passed=0 failed=0

# words MODEL WHICH: the names behind "config:" or "mutant:" in its head
words() {
	sed -n "s/^ \* $2: \([A-Z_]*\).*/\1/p" "$1"
}

# search DIR MODEL -D...: what the search has said, in DIR/log
search() (
	model=$(realpath "$2")
	dir=$1
	shift 2
	rm -rf "$dir"
	mkdir -p "$dir"
	cd "$dir" || exit
	{
		spin -a "$@" "$model" &&
		# Assertions and invalid end states; states compressed without loss.
		${HOSTCC:-gcc} -O1 -w -DSAFETY -DNOFAIR -DCOLLAPSE -o pan pan.c &&
		timeout "${MODEL_TIMEOUT:-300}" ./pan -m100000 -n
	} >log 2>&1
)

holds() {
	grep -q 'errors: 0$' "$1" && ! grep -q -e 'max search depth too small' -e 'out of memory' \
		-e 'Search not completed' "$1"
}

breaks() {
	grep -q 'assertion violated' "$1"
}

# judge holds|breaks NAME MODEL -D...
judge() {
	want=$1
	name=$2
	shift 2
	log=$out/$name/log
	search "$out/$name" "$@"
	if $want "$log"; then
		passed=$((passed + 1))
		printf '  %-7s %s: %s (%s states)\n' OK "$name" "$want" \
			"$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$log")"
	else
		failed=$((failed + 1))
		printf '  %-7s %s: expected that it %s, %s:\n' FAIL "$name" "$want" "$log"
		grep -e 'errors:' -e 'violated' -e 'rror' -e 'invalid end' "$log" | tail -n 10
	fi
}

mkdir -p "$out" || exit 1
out=$(realpath "$out")
for model in "$@"; do
	base=$(basename "$model" .pml)
	configs=$(words "$model" config)
	for config in ${configs:-PLAIN}; do
		judge holds "$base-$config" "$model" "-D$config"
		for mutant in $(words "$model" mutant); do
			judge breaks "$base-$config-$mutant" "$model" "-D$config" "-D$mutant"
		done
	done
done
printf 'model: %d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
