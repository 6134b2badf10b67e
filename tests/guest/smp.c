/* SPDX-License-Identifier: BSD-2-Clause */
/* guest: -smp 4 */
/* boot: alone */
/* Four processors: topology, start, INIT of a running one and a second start, locked counting. */
#include "lib.h"

const char test_name[] = "smp";

enum { ROUNDS = 2000 };

static volatile u32 up, done, counter, starts[4];

static void ap(void)
{
	u32 id = cpuid(1, 0).b >> 24;

	if (cpuid(0xb, 0).d != id || cpuid(0xb, 1).b != 4)
		fail("CPU %u: leaf 0BH", id);
	if (rdmsr(MSR_APIC_BASE) & 0x100)
		fail("CPU %u says that it is the BSP", id);
	__atomic_fetch_add(&starts[id], 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&up, 1, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < ROUNDS; i++)
		__atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
	for (;;)
		hlt();
}

static void wait_value(volatile u32 *what, u32 want, const char *name)
{
	u64 until = rdtsc() + 2000ul * tsc_khz();

	while (*what < want && rdtsc() < until)
		pause();
	check(*what == want, "%s: %u, expected %u", name, *what, want);
}

void test(void)
{
	pic_mask();
	apic_on();
	check(rdmsr(MSR_APIC_BASE) & 0x100, "not the BSP");
	check(cpuid(1, 0).d & 1 << 28, "no HTT bit with 4 CPUs");
	check_eq(cpuid(1, 0).b >> 16 & 0xff, 4);
	for (u32 id = 1; id < 4; id++) {
		ap_start(id, ap);
		wait_value(&up, id, "started");
	}
	for (u32 i = 0; i < ROUNDS; i++)
		__atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
	wait_value(&done, 3, "done");
	check_eq(counter, 4 * ROUNDS);
	/* from HLT with interrupts off only INIT brings it back */
	ap_start(2, ap);
	wait_value(&starts[2], 2, "second start");
	/* a SIPI without INIT is ignored */
	apic_icr(1, 0x4608);
	wait_us(1000);
	check_eq(starts[1], 1);
}
