/* SPDX-License-Identifier: BSD-2-Clause */
/* time_ns() of a Linux process, or of a test that turns the clock itself. */
#include <time.h>

#include "arch/host/host.h"
#include "kernel/time.h"

static u64 fixed_ns;
static bool fixed;

u64 time_ns(void)
{
	struct timespec ts;

	if (fixed)
		return fixed_ns;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}

void host_time_set(u64 ns)
{
	fixed = true;
	fixed_ns = ns;
}

void host_time_advance(u64 ns)
{
	host_time_set(time_ns() + ns);
}
