/* SPDX-License-Identifier: BSD-2-Clause */
#include "arch/x86/tsc_scale.h"

#include "kernel/time.h"

/* @num / @den in fixed point, rounded down: long division, as 128 bits have no instruction. */
static u64 ratio(u64 num, u64 den)
{
	u64 quotient = num / den, rest = num % den;

	for (unsigned int bit = 0; bit < TSC_SCALE_SHIFT; bit++) {
		rest <<= 1;
		quotient = quotient << 1 | (rest >= den);
		if (rest >= den)
			rest -= den;
	}
	return quotient;
}

void tsc_scale_set(struct tsc_scale *scale, u64 hz)
{
	scale->ns_per_tick = ratio(NSEC_PER_SEC, hz);
	/* Of what the other one was rounded to, and not less. */
	scale->ticks_per_ns = ratio(1ull << TSC_SCALE_SHIFT, scale->ns_per_tick) + 1;
}
