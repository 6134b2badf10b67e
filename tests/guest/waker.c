/* SPDX-License-Identifier: BSD-2-Clause */
/* guest: -smp 2 */
/* boot: own */
/* Its second processor wakes the first by IPIs, as fast as it can (tests/system/test_fair.py). */
#include "lib.h"

const char test_name[] = "waker";

enum { VECTOR = 0x40 };

static void woken(struct frame *f)
{
	(void)f;
	apic_eoi();
}

static void wake(void)
{
	apic_on();
	for (;;)
		apic_icr(0, VECTOR);
}

void test(void)
{
	pic_mask();
	irq_handle(VECTOR, woken);
	apic_on();
	ap_start(1, wake);
	say("RINGING\n");
	for (;;)
		sti_hlt_cli();
}
