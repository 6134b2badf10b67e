/* SPDX-License-Identifier: BSD-2-Clause */
/* boot: own */
/* Counts as fast as it can for ten seconds by the clock: test_smp.py has two of them. */
#include "lib.h"

const char test_name[] = "busy";

enum { SECONDS = 10 };

void test(void)
{
	u64 end = rdtsc() + SECONDS * 1000ul * tsc_khz(), count = 0;

	while (rdtsc() < end)
		count++;
	say("COUNT %lu\n", count);
}
