/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do all CPUs' time stamp counters show the same? They are reset together, but firmware may have
 * written one (SDM 3B 18.17.3). The BSP asks an AP for its counter and knows the answer to lie
 * between two readings of its own; the tightest of many pairs bounds the difference.
 */
#include <errno.h>

#include "arch/x86/cpu.h"
#include "arch/x86/msr.h"
#include "arch/x86/smp.h"
#include "arch/x86/tsc.h"
#include "asm/barrier.h"
#include "kernel/cpu.h"
#include "kernel/log.h"

#define ROUNDS		16
#define ANSWER_NS	NSEC_PER_SEC	/* an emulator may not run the AP for some time */
#define CORRECTIONS	2

/* A question's number goes up by one each time; the answer carries the same. */
static struct {
	u32 asked, answered;
	u64 tsc;		/* the AP's at the answer */
	s64 correction;		/* for it to add to its counter before it answers, if not 0 */
	bool done;		/* with the question: no further one */
} sync;

static void tsc_add(s64 ticks)
{
	if (cpuid_or_zero(CPUID_EXT_FEATURES, 0).ebx & CPUID_7_EBX_TSC_ADJUST)
		wrmsr(MSR_IA32_TSC_ADJUST, rdmsr(MSR_IA32_TSC_ADJUST) + ticks);
	else
		wrmsr(MSR_IA32_TIME_STAMP_COUNTER, rdtsc() + ticks);
}

void tsc_sync_answer(void)
{
	u32 asked;
	bool done;

	do {
		while ((asked = __atomic_load_n(&sync.asked, __ATOMIC_ACQUIRE)) == sync.answered)
			cpu_relax();
		if (sync.correction)
			tsc_add(sync.correction);
		done = sync.done;
		sync.tsc = rdtsc_ordered();
		__atomic_store_n(&sync.answered, asked, __ATOMIC_RELEASE);
	} while (!done);
}

/* The AP's counter at some time between *before and *after. */
static bool ask(s64 correction, bool done, u64 *before, u64 *tsc, u64 *after)
{
	u64 end = time_ns() + ANSWER_NS;
	u32 question = sync.answered + 1;

	sync.correction = correction;
	sync.done = done;
	*before = rdtsc_ordered();
	__atomic_store_n(&sync.asked, question, __ATOMIC_RELEASE);
	while (__atomic_load_n(&sync.answered, __ATOMIC_ACQUIRE) != question) {
		if (time_ns() > end)
			return false;
		cpu_relax();
	}
	*after = rdtsc_ordered();
	*tsc = sync.tsc;
	return true;
}

/* How far the AP's counter is ahead of ours: at least *low, at most *high ticks. */
static bool measure(s64 *low, s64 *high)
{
	u64 before, tsc, after;

	*low = INT64_MIN;
	*high = INT64_MAX;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		if (!ask(0, false, &before, &tsc, &after))
			return false;
		*low = MAX(*low, (s64)(tsc - after));
		*high = MIN(*high, (s64)(tsc - before));
	}
	return true;
}

int tsc_sync_ask(const struct cpu *cpu)
{
	u64 before, tsc, after;
	s64 low, high, first = 0;
	bool there = true, same = false;

	for (unsigned int i = 0; there && !same && i <= CORRECTIONS; i++) {
		there = measure(&low, &high);
		same = there && low <= 0 && high >= 0;
		if (!i)
			first = low + (high - low) / 2;
		if (there && !same && i < CORRECTIONS)
			there = ask(-(low + (high - low) / 2), false, &before, &tsc, &after);
	}
	if (there)
		there = ask(0, true, &before, &tsc, &after);
	if (!there)
		return -ETIMEDOUT;
	if (!same)
		pr_warn("tsc: CPU %u: counter differs from CPU 0's and cannot be corrected",
			cpu->id);
	else if (first < low || first > high)
		pr_warn("tsc: CPU %u: counter was %ld ticks ahead of CPU 0's, corrected", cpu->id,
			first);
	return 0;
}
