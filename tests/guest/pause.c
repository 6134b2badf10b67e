/* SPDX-License-Identifier: BSD-2-Clause */
/* guest: -smp 2 */
/* boot: alone */
/*
 * Two processors that wait for each other with PAUSE: where they share one, who spins gives way
 * and does not keep it from the other for a whole time slice.
 */
#include "lib.h"

const char test_name[] = "pause";

enum {
	ROUNDS = 50,
	TURN_US = 1000,		/* a third of a slice; each round has two turns */
};

static volatile u32 rounds[2];

/* @me's part: behind the other by one, then @me's turn. */
static void play(u32 me, u32 ahead)
{
	for (u32 i = 0; i < ROUNDS; i++) {
		while (rounds[!me] < i + ahead)
			pause();
		rounds[me] = i + 1;
	}
}

static void second(void)
{
	play(1, 1);
	for (;;)
		hlt();
}

void test(void)
{
	u64 start, us;

	pic_mask();
	apic_on();
	ap_start(1, second);
	start = rdtsc();
	play(0, 0);
	us = (rdtsc() - start) * 1000 / tsc_khz();
	check(us < ROUNDS * 2ul * TURN_US, "%u rounds took %lu us", (u32)ROUNDS, us);
}
