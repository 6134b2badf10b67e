/* SPDX-License-Identifier: BSD-2-Clause */
/* guest: -smp 2 */
/* A guest timer storm, IPI storms, INIT and SIPI storms: it goes on, and so do the others. */
#include "lib.h"

const char test_name[] = "storm";

enum { VECTOR = 0x40, PERIODIC = 1 << 17, COUNT = 3000 };

static volatile u32 ticks, ap_runs;

/* One that comes as fast as it is handled is stopped here: nothing else would be executed. */
static void tick(struct frame *f)
{
	(void)f;
	if (++ticks > 50)
		apic_write(APIC_TMICT, 0);
	apic_eoi();
}

static void ap(void)
{
	__atomic_fetch_add(&ap_runs, 1, __ATOMIC_SEQ_CST);
	for (;;)
		hlt();
}

void test(void)
{
	pic_mask();
	irq_handle(VECTOR, tick);
	apic_on();
	/* a period of one tick of the APIC's clock */
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVT_TIMER, PERIODIC | VECTOR);
	apic_write(APIC_TMICT, 1);
	sti();
	for (u64 until = rdtsc() + 1000ul * tsc_khz(); ticks <= 50 && rdtsc() < until;)
		pause();
	cli();
	check(ticks > 50, "%u timer interrupts", ticks);
	/* deadlines in the past, back to back */
	apic_write(APIC_LVT_TIMER, 2 << 17 | VECTOR);
	ticks = 0;
	sti();
	for (u32 i = 0; i < COUNT; i++)
		wrmsr(MSR_TSC_DEADLINE, 1);
	cli();
	check(ticks > 10, "%u deadline interrupts", ticks);
	/* IPIs to itself, to nobody, and of every delivery mode and illegal vector */
	ticks = 0;
	sti();
	for (u32 i = 0; i < COUNT; i++) {
		apic_icr(0, 0x40000 | VECTOR);
		apic_icr(99, VECTOR);
		apic_icr(0, i & 15);
	}
	cli();
	check(ticks > 0, "no IPI arrived");
	/* INITs and SIPIs to the AP, mixed: it is stopped wherever it is */
	ap_start(1, ap);
	for (u32 i = 0; i < COUNT; i++) {
		apic_icr(1, 0x4500);
		if (i % 3 == 0)
			apic_icr(1, 0x4600 | 8);	/* lib.c: AP_PAGE */
	}
	ap_start(1, ap);
	ap_runs = 0;
	ap_start(1, ap);
	for (u64 until = rdtsc() + 1000ul * tsc_khz(); !ap_runs && rdtsc() < until;)
		pause();
	check(ap_runs, "the AP does not start any more");
	/* and INIT to all, the own processor included, would be a reset: not here */
}
