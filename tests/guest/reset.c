/* SPDX-License-Identifier: BSD-2-Clause */
/* Resets by 0xcf9, the keyboard controller and port 0x92: each start finds a machine as new. */
#include "lib.h"

const char test_name[] = "reset";

/* The CMOS clock's memory survives. */
enum { CMOS_COUNT = 0x40, CMOS_MAGIC = 0x41, MAGIC = 0x5a };

static u32 touched;

static void as_new(void)
{
	check_eq(touched, 0);
	check_eq(rdmsr(MSR_EFER), 0x500);
	check_eq(rdmsr(0xc0000082), 0);
	check_eq(rdmsr(0x277), 0x0007040600070406);
	check_eq(read_cr8(), 0);
	check(!(rdmsr(MSR_APIC_BASE) & APIC_BASE_EXTD), "still in x2APIC mode");
	check_eq(read32(APIC_MMIO + APIC_SVR) & 0x100, 0);
	check(rdtsc() < 60000ul * tsc_khz(), "TSC %lu", rdtsc());
}

static void spoil(void)
{
	touched = 1;
	wrmsr(0xc0000082, 0x1234);
	wrmsr(0x277, 0);
	write_cr8(5);
	apic_x2();
}

void test(void)
{
	u8 count = cmos_read(CMOS_MAGIC) == MAGIC ? cmos_read(CMOS_COUNT) : 0;

	as_new();
	spoil();
	cmos_write(CMOS_MAGIC, MAGIC);
	cmos_write(CMOS_COUNT, count + 1);
	switch (count) {
	case 0:
		outb(0xcf9, 0x06);
		break;
	case 1:
		outb(0x64, 0xfe);
		break;
	case 2:
		outb(0x92, inb(0x92) | 1);
		break;
	case 3:
		return;
	}
	wait_us(100000);
	fail("reset %u did nothing", count);
}
