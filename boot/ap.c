/* SPDX-License-Identifier: BSD-2-Clause */
/* The AP trampoline's copy below 1 MiB and its parameters. */
#include <string.h>

#include "boot/boot.h"
#include "boot/x86.h"

/* boot/trampoline.S: the code and, at its end, its parameters. */
extern const char trampoline_begin[], trampoline_end[];
extern const char trampoline_entry32[], trampoline_entry64[];
extern const char trampoline_gdt[], trampoline_params[];

struct trampoline_params {
	u64 cr3;
	u64 stack;
	u64 arg;
	u64 entry;
	u32 efer;
	u32 far32;		/* physical address; its selector is in the code */
	u16 far32_selector;
	u32 far64;
	u16 far64_selector;
	u16 gdt_limit;
	u32 gdt_base;
} __packed;

static volatile struct trampoline_params *params;

static u32 read_efer(void)
{
	u32 low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_EFER));
	return low;
}

static u32 offset(const char *label)
{
	return label - trampoline_begin;
}

void trampoline_install(void *virt, u64 base, u64 cr3, void (*entry)(void *arg))
{
	memcpy(virt, trampoline_begin, offset(trampoline_end));
	params = (void *)((char *)virt + offset(trampoline_params));
	params->cr3 = cr3;
	params->entry = (u64)entry;
	params->efer = EFER_LME | (read_efer() & EFER_NXE);
	params->far32 = base + offset(trampoline_entry32);
	params->far64 = base + offset(trampoline_entry64);
	params->gdt_base = base + offset(trampoline_gdt);
}

void trampoline_set_stack(void *stack_top, void *arg)
{
	params->stack = (u64)stack_top;
	params->arg = (u64)arg;
}
