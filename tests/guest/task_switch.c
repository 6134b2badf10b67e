/* SPDX-License-Identifier: BSD-2-Clause */
/* not on: tcg */
/* expect: guest task_switch: .*hardware task switch */
/*
 * A task switch by the processor: not emulated, ends this guest with its reason. QEMU's translator
 * does it without asking.
 */
#include "lib.h"

const char test_name[] = "task_switch";

extern u64 tss_slot[];
u32 tss_old[32], tss_new[32];

void code32(void);
__asm__(
	".pushsection .text\n"
	".code32\n"
"code32:\n"
	"mov $0x30, %eax\n"
	"ltr %ax\n"
	"ljmp $0x38, $0\n"
	"ret\n"
	".code64\n"
	".popsection\n");

static u64 descriptor(void *tss)
{
	u64 base = (u64)tss;

	return 0x67 | (base & 0xffffff) << 16 | 0x89ul << 40 | (base >> 24) << 56;
}

void test(void)
{
	tss_slot[0] = descriptor(tss_old);
	tss_slot[1] = descriptor(tss_new);
	mode32(code32);
	fail("went on");
}
