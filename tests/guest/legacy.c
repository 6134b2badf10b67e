/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts as a PC of 1984 has them: 8259s, 8254, and the clock's periodic interrupt. */
#include "lib.h"

const char test_name[] = "legacy";

enum { PIC1 = 0x20, PIC2 = 0xa0, BASE1 = 0x30, BASE2 = 0x38, EOI = 0x20 };

static volatile u32 ticks, rtc_ticks;

static void tick(struct frame *f)
{
	(void)f;
	ticks++;
	outb(PIC1, EOI);
}

static void rtc_tick(struct frame *f)
{
	(void)f;
	rtc_ticks++;
	cmos_read(0xc);
	outb(PIC2, EOI);
	outb(PIC1, EOI);
}

static void pic_init(void)
{
	outb(PIC1, 0x11);
	outb(PIC1 + 1, BASE1);
	outb(PIC1 + 1, 4);
	outb(PIC1 + 1, 1);
	outb(PIC2, 0x11);
	outb(PIC2 + 1, BASE2);
	outb(PIC2 + 1, 2);
	outb(PIC2 + 1, 1);
	outb(PIC1 + 1, 0xff & ~(1 << 0 | 1 << 2));
	outb(PIC2 + 1, 0xff & ~(1 << 0));
}

static void wait_ticks(volatile u32 *counter, u32 n, const char *what)
{
	u64 until = rdtsc() + 500ul * tsc_khz();

	while (*counter < n && rdtsc() < until)
		sti_hlt_cli();
	check(*counter >= n, "%s: %u interrupts", what, *counter);
}

static void pit(void)
{
	u64 start;

	outb(0x43, 0x34);		/* channel 0, rate generator */
	outb(0x40, 11932 & 0xff);	/* 100 Hz */
	outb(0x40, 11932 >> 8);
	wait_ticks(&ticks, 1, "PIT");
	start = rdtsc();
	ticks = 0;
	wait_ticks(&ticks, 5, "PIT");
	/* other guests on the same CPU may delay them, nothing makes them come early */
	start = (rdtsc() - start) / tsc_khz();
	check(start >= 40 && start <= 1000, "5 periods of 10 ms took %lu ms", start);
	outb(0x43, 0x30);		/* one-shot, never loaded: quiet */
}

static void rtc(void)
{
	cmos_write(0xa, 0x26);		/* 1024 Hz */
	cmos_write(0xb, 0x42);		/* periodic interrupt, 24 h */
	cmos_read(0xc);
	wait_ticks(&rtc_ticks, 3, "RTC");
	cmos_write(0xb, 0x02);
	cmos_read(0xc);
}

/* Masked at the 8259: the request stays until it is unmasked. */
static void masked(void)
{
	outb(PIC1 + 1, 0xff);
	ticks = 0;
	outb(0x43, 0x30);
	outb(0x40, 100);
	outb(0x40, 0);
	sti();
	wait_us(1000);
	cli();
	check_eq(ticks, 0);
	outb(PIC1, 0x0a);		/* read IRR */
	check(inb(PIC1) & 1, "no request in the 8259's IRR");
	outb(PIC1 + 1, 0xfe);
	check(wait_for(&ticks, 10000), "no interrupt after unmasking");
}

void test(void)
{
	irq_handle(BASE1, tick);
	irq_handle(BASE2, rtc_tick);
	pic_init();
	pit();
	rtc();
	masked();
}
