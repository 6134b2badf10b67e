/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU loop with a machine that the test plays: arch_cpu_idle(), arch_vcpu_run() and whatever
 * else the loop calls leave it by longjmp(out, how).
 */
#ifndef TESTS_UNIT_LOOP_FIXTURE_H
#define TESTS_UNIT_LOOP_FIXTURE_H

#include "tests/unit/unit.h"

#include <string.h>

#include "kernel/cpu.h"

static struct cpu cpu, other;		/* the test runs on the first */
static jmp_buf out;

static inline void cpus_init(void)
{
	memset(&cpu, 0, sizeof(cpu));
	memset(&other, 0, sizeof(other));
	cpu_init(&cpu, 0);
	cpu_init(&other, 1);
	host_this_cpu = &cpu.arch;
	host_time_set(1000);
}

/* Until it is left: how. */
static inline int loop(void)
{
	int how = setjmp(out);

	if (!how)
		cpu_loop();
	return how;
}

#endif
