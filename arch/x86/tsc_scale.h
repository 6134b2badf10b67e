/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between ticks of a counter and nanoseconds. What is armed for a nanosecond and then asks what
 * time it is must find that nanosecond reached, after years as after a second: so one factor is
 * made as the other's reciprocal, both with so many bits that a year is exact to a few ticks.
 */
#ifndef ARCH_X86_TSC_SCALE_H
#define ARCH_X86_TSC_SCALE_H

#include "kernel/types.h"

#define TSC_SCALE_SHIFT	52
#define TSC_HZ_MIN	1000000		/* 1000 ns a tick: 10 bits, and 52 behind the point */

struct tsc_scale {
	u64 ns_per_tick, ticks_per_ns;	/* fixed point, TSC_SCALE_SHIFT */
};

/* @hz: TSC_HZ_MIN or more. */
void tsc_scale_set(struct tsc_scale *scale, u64 hz);

static inline u64 tsc_scale_ns(const struct tsc_scale *scale, u64 ticks)
{
	return (u64)((unsigned __int128)ticks * scale->ns_per_tick >> TSC_SCALE_SHIFT);
}

/* So many that tsc_scale_ns() of them is @ns or more; UINT64_MAX: more than there are. */
static inline u64 tsc_scale_ticks(const struct tsc_scale *scale, u64 ns)
{
	unsigned __int128 ticks = (unsigned __int128)ns * scale->ticks_per_ns >> TSC_SCALE_SHIFT;

	return ticks >= UINT64_MAX ? UINT64_MAX : (u64)ticks + 1;
}

#endif
