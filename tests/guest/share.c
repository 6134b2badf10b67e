/* SPDX-License-Identifier: BSD-2-Clause */
/* boot: own */
/* Computes for ever; of each 50 ms by the clock it says how far it got (test_fair.py). */
#include "lib.h"

const char test_name[] = "share";

void test(void)
{
	u64 period = 50 * tsc_khz();

	pic_mask();
	sti();		/* Bochs does not interrupt it otherwise (docs/caveats.md) */
	for (;;) {
		u64 end = rdtsc() + period, count = 0;

		while (rdtsc() < end)
			count++;
		say("SHARE %lu\n", count);
	}
}
