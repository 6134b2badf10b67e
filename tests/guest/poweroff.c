/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: guest poweroff: .*powered off */
/* ACPI S5 by the sleep control register. */
#include "lib.h"

const char test_name[] = "poweroff";

enum { SLEEP_CONTROL = 0x600, SLP_TYP_S5 = 5 << 2, SLP_EN = 1 << 5 };

void test(void)
{
	outb(SLEEP_CONTROL, SLP_TYP_S5 | SLP_EN);
	wait_us(100000);
	fail("still on");
}
