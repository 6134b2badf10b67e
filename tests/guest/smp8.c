/* SPDX-License-Identifier: BSD-2-Clause */
/* guest: -smp 8 */
/* boot: own */
/*
 * Eight processors: each is started by INIT and SIPI, has a timer of its own that goes on firing,
 * and is sent IPIs by all others at once, by id and to all but the sender; first in xAPIC, then in
 * x2APIC mode.
 */
#include "lib.h"

const char test_name[] = "smp8";

enum { CPUS = 8, TICK = 0x40, IPI = 0x50, GO = 0x60, TICKS = 5, ROUNDS = 20 };

static volatile u32 up, ticks[CPUS], ipis[CPUS], go[CPUS], done[CPUS], x2;

static u32 id(void)
{
	return cpuid(1, 0).b >> 24;
}

static void on_tick(struct frame *f)
{
	(void)f;
	ticks[id()]++;
	apic_eoi();
}

static void on_ipi(struct frame *f)
{
	(void)f;
	__atomic_fetch_add(&ipis[id()], 1, __ATOMIC_SEQ_CST);
	apic_eoi();
}

static void on_go(struct frame *f)
{
	(void)f;
	go[id()]++;
	apic_eoi();
}

static void wait_value(volatile u32 *what, u32 want, const char *name, u32 cpu)
{
	u64 until = rdtsc() + 20000ul * tsc_khz();

	while (*what < want && rdtsc() < until)
		sti_hlt_cli();
	check(*what >= want, "CPU %u: %s: %u, expected %u", cpu, name, *what, want);
}

static void timer_on(void)
{
	apic_on();
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVT_TIMER, 1 << 17 | TICK);
	apic_write(APIC_TMICT, 1000000);
}

/*
 * To each of the others. Each is waited for: of several with the same vector that come at once a
 * local APIC keeps one.
 */
static void send_all(u32 from)
{
	for (u32 cpu = 0; cpu < CPUS; cpu++) {
		for (u32 round = 0; cpu != from && round < ROUNDS; round++) {
			u32 before = __atomic_load_n(&ipis[cpu], __ATOMIC_SEQ_CST);

			apic_icr(cpu, IPI);
			wait_value(&ipis[cpu], before + 1, "IPI", cpu);
		}
	}
}

static void ap(void)
{
	u32 self = id();

	if (x2)
		apic_x2();
	timer_on();
	__atomic_fetch_add(&up, 1, __ATOMIC_SEQ_CST);
	for (u32 seen = 0;;) {
		while (go[self] == seen)
			sti_hlt_cli();
		seen = go[self];
		send_all(self);
		done[self] = seen;
	}
}

static void all(const char *mode)
{
	up = 0;
	for (u32 cpu = 1; cpu < CPUS; cpu++) {
		ap_start(cpu, ap);
		wait_value(&up, cpu, mode, cpu);
	}
	for (u32 cpu = 0; cpu < CPUS; cpu++) {
		ticks[cpu] = go[cpu] = done[cpu] = 0;
		wait_value(&ticks[cpu], TICKS, "timer", cpu);
	}
	apic_icr(0, 0xc0000 | GO);		/* all but self */
	send_all(0);
	for (u32 cpu = 1; cpu < CPUS; cpu++)
		wait_value(&done[cpu], 1, "IPIs to all others", cpu);
	for (u32 cpu = 0; cpu < CPUS; cpu++)
		check(ipis[cpu] >= ROUNDS, "CPU %u: %u IPIs", cpu, ipis[cpu]);
}

void test(void)
{
	pic_mask();
	irq_handle(TICK, on_tick);
	irq_handle(IPI, on_ipi);
	irq_handle(GO, on_go);
	timer_on();
	check_eq(cpuid(1, 0).b >> 16 & 0xff, CPUS);
	all("started in xAPIC mode");
	x2 = 1;
	apic_x2();
	timer_on();
	all("started in x2APIC mode");
}
