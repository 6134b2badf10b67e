/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions and interrupts as entry.S saves them, and the per-CPU descriptor tables. */
#ifndef ARCH_X86_TRAPS_H
#define ARCH_X86_TRAPS_H

#include "arch/x86/cpu.h"
#include "kernel/types.h"

/* In entry.S's push order, lowest address first. */
struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector;
	u64 error;		/* 0 where the processor pushes none */
	u64 rip, cs, rflags, rsp, ss;
};

/* 64-bit TSS: SDM 3A 7.7, figure 7-11. */
struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3;
	u16 iomap_base;
} __packed;

/* Exceptions that may come when the stack is no good have their own: SDM 3A 6.14.5. */
enum ist { IST_NONE, IST_NMI, IST_DF, IST_MC, IST_DB, IST_LAST = IST_DB };

#define IST_STACK_SIZE	8192
#define CPU_STACK_SIZE	16384	/* of each CPU's loop */
#define GDT_ENTRIES	5	/* null, code, data, TSS (two) */

struct gdt_tss {
	u64 gdt[GDT_ENTRIES];
	struct tss tss;
	u8 stack[IST_LAST][IST_STACK_SIZE] __aligned(16);
};

/*
 * NMIs a CPU had since boot. A backend whose guest mode was ended by an NMI runs the handler by
 * INT 2, whose IRET also ends the blocking of further NMIs.
 */
u64 nmi_count(unsigned int cpu);

#endif
