/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: guest triple_fault: .*triple fault */
/* A triple fault ends this guest, with its reason on the console. */
#include "lib.h"

const char test_name[] = "triple_fault";

void test(void)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) none = { 0, 0 };

	__asm__ volatile("lidt %0; int3" :: "m"(none));
	fail("still alive");
}
