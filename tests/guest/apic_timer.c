/* SPDX-License-Identifier: BSD-2-Clause */
/* boot: alone */
/* The local APIC's timer in its three modes, in xAPIC and in x2APIC mode. */
#include "lib.h"

const char test_name[] = "apic_timer";

enum { VECTOR = 0x40, ONE_SHOT = 0, PERIODIC = 1 << 17, DEADLINE = 2 << 17, MASKED = 1 << 16 };

static volatile u32 ticks;
static volatile u64 tick_tsc;

static void tick(struct frame *f)
{
	(void)f;
	ticks++;
	tick_tsc = rdtsc();
	apic_eoi();
}

static void one_shot(void)
{
	u32 start;

	ticks = 0;
	apic_write(APIC_LVT_TIMER, ONE_SHOT | VECTOR);
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_TMICT, 20000);
	start = apic_read(APIC_TMCCT);
	check(start > 0 && start <= 20000, "current count %u after loading 20000", start);
	check(wait_for(&ticks, 100000), "one-shot: no interrupt");
	wait_us(2000);
	check_eq(ticks, 1);
	check_eq(apic_read(APIC_TMCCT), 0);
}

static void periodic(void)
{
	ticks = 0;
	apic_write(APIC_LVT_TIMER, PERIODIC | VECTOR);
	apic_write(APIC_TMICT, 10000);
	for (u64 until = rdtsc() + 200ul * tsc_khz(); ticks < 5 && rdtsc() < until;)
		sti_hlt_cli();
	check(ticks >= 5, "periodic: %u interrupts", ticks);
	apic_write(APIC_TMICT, 0);
	sti_cli();
	ticks = 0;
	sti();
	wait_us(2000);
	cli();
	check_eq(ticks, 0);
}

static void deadline(void)
{
	u64 when;

	ticks = 0;
	apic_write(APIC_LVT_TIMER, DEADLINE | VECTOR);
	when = rdtsc() + tsc_khz();
	wrmsr(MSR_TSC_DEADLINE, when);
	check_eq(rdmsr(MSR_TSC_DEADLINE), when);
	check(wait_for(&ticks, 100000), "deadline: no interrupt");
	check(tick_tsc >= when, "deadline: %lu ticks early", when - tick_tsc);
	check_eq(rdmsr(MSR_TSC_DEADLINE), 0);
	/* in the past: at once */
	ticks = 0;
	wrmsr(MSR_TSC_DEADLINE, 1);
	check(wait_for(&ticks, 100000), "deadline in the past: no interrupt");
	/* disarmed */
	ticks = 0;
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + tsc_khz());
	wrmsr(MSR_TSC_DEADLINE, 0);
	sti();
	wait_us(3000);
	cli();
	check_eq(ticks, 0);
	apic_write(APIC_LVT_TIMER, MASKED | VECTOR);
}

/* While the guest does nothing that exits. */
static void running(void)
{
	ticks = 0;
	apic_write(APIC_LVT_TIMER, DEADLINE | VECTOR);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + tsc_khz());
	sti();
	for (u64 until = rdtsc() + 100ul * tsc_khz(); !ticks && rdtsc() < until;)
		;
	cli();
	check(ticks == 1, "no interrupt while the guest runs");
}

void test(void)
{
	pic_mask();
	irq_handle(VECTOR, tick);
	apic_on();
	one_shot();
	periodic();
	deadline();
	running();
	apic_x2();
	one_shot();
	periodic();
	deadline();
	running();
}
