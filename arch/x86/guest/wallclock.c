/* SPDX-License-Identifier: BSD-2-Clause */
/* What time it was at boot, as the machine's own MC146818 has it. */
#include "arch/x86/guest/rtc.h"
#include "asm/io.h"
#include "kernel/log.h"

enum {
	CMOS_INDEX = 0x70,
	CMOS_DATA = 0x71,
	CMOS_REG_A = 0x0a,
	CMOS_REG_A_UIP = BIT(7),
	CMOS_TIME_BYTES = 0x0e,
};

/* An update takes 2 ms (MC146818 data sheet, "update cycle"); no clock is busy for longer. */
#define UIP_MAX_NS	(10 * NSEC_PER_MSEC)

static u8 host_cmos(u8 index)
{
	outb(CMOS_INDEX, index);
	return inb(CMOS_DATA);
}

static bool wait_update(void)
{
	u64 end = time_ns() + UIP_MAX_NS;

	while (host_cmos(CMOS_REG_A) & CMOS_REG_A_UIP)
		if (time_ns() > end)
			return false;
	return true;
}

static u64 read_host(void)
{
	u8 cmos[VRTC_BYTES] = { 0 };
	u64 seconds;

	if (wait_update()) {
		for (u8 i = 0; i < CMOS_TIME_BYTES; i++)
			cmos[i] = host_cmos(i);
		cmos[VRTC_CENTURY] = host_cmos(VRTC_CENTURY);
		if (cmos_to_seconds(cmos, &seconds) == 0)
			return seconds * NSEC_PER_SEC - time_ns();
	}
	pr_warn("clock: the machine's CMOS clock does not tell the time: guests start in 1970");
	return 0;
}

u64 wallclock_boot_ns(void)
{
	static bool known;
	static u64 boot_ns;

	if (!known) {
		boot_ns = read_host();
		known = true;
	}
	return boot_ns;
}
