/* SPDX-License-Identifier: BSD-2-Clause */
/* guest: -smp 2 */
/* Interprocessor interrupts: to itself, by shorthand, to another, in both modes; priorities. */
#include "lib.h"

const char test_name[] = "ipi";

enum { LOW = 0x40, HIGH = 0x80, FROM_AP = 0x90, TO_AP = 0xa0 };

static volatile u32 low, high, nested, from_ap, at_ap, ap_up;

static void on_low(struct frame *f)
{
	(void)f;
	low++;
	apic_eoi();
}

static void on_high(struct frame *f)
{
	(void)f;
	high++;
	if (low)
		nested++;
	apic_eoi();
}

static void on_from_ap(struct frame *f)
{
	(void)f;
	from_ap++;
	apic_eoi();
}

static void on_to_ap(struct frame *f)
{
	(void)f;
	at_ap++;
	apic_icr(0, FROM_AP);
	apic_eoi();
}

static void ap(void)
{
	if (cpuid(1, 0).b >> 24 != 1)
		fail("AP's APIC id is %u", cpuid(1, 0).b >> 24);
	apic_on();
	ap_up = 1;
	for (;;)
		sti_hlt_cli();
}

static void self(void)
{
	low = 0;
	apic_icr(0, 0x40000 | LOW);		/* shorthand: self */
	check(wait_for(&low, 100000), "no self IPI");
	low = 0;
	apic_icr(0, LOW);			/* by id */
	check(wait_for(&low, 100000), "no IPI to the own id");
	low = 0;
	apic_icr(0, 0x80000 | LOW);		/* all including self */
	check(wait_for(&low, 100000), "no IPI to all");
}

/* Both pending: the higher class first; held back by TPR. */
static void priority(void)
{
	low = high = nested = 0;
	apic_icr(0, 0x40000 | LOW);
	apic_icr(0, 0x40000 | HIGH);
	check(apic_read(APIC_IRR + 0x20) & 1, "IRR bit of vector 0x40 is clear");
	check(wait_for(&low, 100000), "low priority: no interrupt");
	check_eq(high, 1);
	check_eq(nested, 0);

	low = high = 0;
	write_cr8(8);
	apic_icr(0, 0x40000 | HIGH);
	apic_icr(0, 0x40000 | LOW);
	sti();
	wait_us(200);
	cli();
	check(!low && !high, "TPR 0x80 did not hold back");
	sti();
	write_cr8(7);
	wait_us(200);
	check(high == 1 && !low, "TPR 0x70: high %u low %u", high, low);
	write_cr8(0);
	wait_us(200);
	cli();
	check_eq(low, 1);
}

static void other(void)
{
	from_ap = at_ap = 0;
	apic_icr(1, TO_AP);
	check(wait_for(&from_ap, 1000000), "no answer from the AP");
	check_eq(at_ap, 1);
	from_ap = 0;
	apic_icr(0, 0xc0000 | TO_AP);		/* all but self */
	check(wait_for(&from_ap, 1000000), "no answer to all but self");
	check_eq(at_ap, 2);
}

/* An APIC that is not there, and vectors that cannot be: nothing happens. */
static void nowhere(void)
{
	apic_icr(7, LOW);
	apic_write(APIC_ESR, 0);
	apic_icr(0, 0x40000 | 8);
	apic_write(APIC_ESR, 0);
	check(apic_read(APIC_ESR) & 1 << 5, "send illegal vector: ESR %#x", apic_read(APIC_ESR));
}

void test(void)
{
	pic_mask();
	irq_handle(LOW, on_low);
	irq_handle(HIGH, on_high);
	irq_handle(FROM_AP, on_from_ap);
	irq_handle(TO_AP, on_to_ap);
	apic_on();
	self();
	priority();
	ap_start(1, ap);
	check(wait_for(&ap_up, 1000000), "the AP does not start");
	other();
	nowhere();
}
