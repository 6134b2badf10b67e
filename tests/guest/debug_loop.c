/* SPDX-License-Identifier: BSD-2-Clause */
/* guest: -smp 2 */
/* not on: tcg */
/*
 * CVE-2015-8104: a data breakpoint on the stack that the debug exception is itself delivered on,
 * by the interrupt-stack table the same each time. The processor never gets beyond the delivery;
 * the other vCPU, on the same CPU, says so if it may. QEMU's translator ends with a failed
 * assertion.
 */
#include "lib.h"

const char test_name[] = "debug_loop";

static volatile u32 looping;
static u8 stack[4096] __attribute__((aligned(16)));
static u32 tss[26];
extern u64 tss_slot[];

enum { TF = 1 << 8 };
enum { TSS_IST1 = 9, GATE_IST = 4 };	/* dword of the TSS, byte of a gate */

static void ist_for_debug(void)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) idtr;
	u64 base = (u64)tss;

	tss[TSS_IST1] = (u64)stack + sizeof(stack);
	tss_slot[0] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ul << 40;
	tss_slot[1] = 0;
	__asm__ volatile("ltr %w0" :: "r"(0x30));
	__asm__ volatile("sidt %0" : "=m"(idtr));
	((u8 *)idtr.base)[16 * DB + GATE_IST] = 1;
}

static void ap(void)
{
	ist_for_debug();
	looping = 1;
	__asm__ volatile("mov %0, %%dr0" :: "r"(stack + sizeof(stack) - 8));
	__asm__ volatile("mov %0, %%dr7" :: "r"(0x90402ul));	/* global, write, 8 bytes */
	__asm__ volatile("pushfq; orq %0, (%%rsp); popfq; nop" :: "i"(TF) : "memory");
	for (;;)
		hlt();
}

static void on_debug(struct frame *f)
{
	(void)f;
}

void test(void)
{
	pic_mask();
	irq_handle(DB, on_debug);
	apic_on();
	ap_start(1, ap);
	for (u64 until = rdtsc() + 1000ul * tsc_khz(); !looping && rdtsc() < until;)
		pause();
	check(looping, "the AP does not start");
	wait_us(20000);
}
