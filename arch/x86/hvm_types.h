/* SPDX-License-Identifier: BSD-2-Clause */
/* What a backend (VT-x, AMD-V) and the virtual PC say to each other; no VMCS, no VMCB word. */
#ifndef ARCH_X86_HVM_TYPES_H
#define ARCH_X86_HVM_TYPES_H

#include "kernel/types.h"

enum hvm_gpr {		/* encoding order, SDM 2A table 3-1 */
	HVM_RAX, HVM_RCX, HVM_RDX, HVM_RBX, HVM_RSP, HVM_RBP, HVM_RSI, HVM_RDI,
	HVM_R8, HVM_R9, HVM_R10, HVM_R11, HVM_R12, HVM_R13, HVM_R14, HVM_R15,
};

enum hvm_exit_kind {
	HVM_EXIT_DONE,		/* handled in the backend; enter again */
	HVM_EXIT_HOST,		/* host interrupt, NMI or deadline: the CPU loop's turn */
	HVM_EXIT_PIO,
	HVM_EXIT_MMIO,		/* nested page fault on an address with no RAM */
	HVM_EXIT_CPUID,
	HVM_EXIT_HLT,
	HVM_EXIT_PAUSE,		/* it spins: see hvm_ops.run */
	HVM_EXIT_RDMSR,
	HVM_EXIT_WRMSR,
	HVM_EXIT_MOV_CR,	/* CR0, CR4, CR8 writes and CLTS/LMSW that the policy looks at */
	HVM_EXIT_MOV_DR,
	HVM_EXIT_XSETBV,
	HVM_EXIT_HYPERCALL,	/* VMCALL, VMMCALL */
	HVM_EXIT_UNDEFINED,	/* VMX, SVM, ... instructions: #UD */
	HVM_EXIT_TRIPLE_FAULT,
	HVM_EXIT_EOI,		/* virtualised EOI of a level-triggered vector */
	HVM_EXIT_APIC_WRITE,	/* APIC-write exit: register already written in the APIC page */
	HVM_EXIT_TASK_SWITCH,
	HVM_EXIT_INIT_SIPI,
	HVM_EXIT_FAILED,	/* VM entry failed: state dumped, this guest must end */
	HVM_EXIT_KINDS
};

struct hvm_exit {
	enum hvm_exit_kind kind;
	u32 reason;		/* hardware's number: hvm_ops.reason_name() */
	u8 insn_len;		/* 0: hardware did not say, decode it */
	union {
		struct {
			u16 port;
			u8 size;	/* bytes: hvm_pio_size_ok() */
			bool in, string, rep;
		} pio;
		struct {
			u64 gpa;
			u64 gla;
			bool gla_valid, write, exec, read;
			bool walk;	/* met in the guest's page tables: no operand */
			bool delivery;	/* met while an event was delivered: no instruction */
		} mmio;
		struct {
			bool masked;	/* RFLAGS.IF is 0 */
		} hlt;
		struct {
			u8 cr;		/* 0, 4 or 8 */
			u8 gpr;		/* source or destination (mov) */
			enum { HVM_CR_WRITE, HVM_CR_READ, HVM_CR_CLTS, HVM_CR_LMSW } op;
			u16 lmsw;
		} cr;
		struct {
			u8 vector;
		} eoi;
		struct {
			u16 off;	/* APIC page offset */
		} apic_write;
		struct {
			u16 selector;
			enum { HVM_TASK_CALL, HVM_TASK_IRET, HVM_TASK_JMP, HVM_TASK_GATE } source;
		} task;
	};
};

/* What devices are asked for; a backend that reads another size has reserved bits before it. */
static inline bool hvm_pio_size_ok(u8 size)
{
	return size == 1 || size == 2 || size == 4;
}

/* Types as hardware numbers them: SDM 3C table 25-17, APM volume 2 section 15.20. */
enum hvm_event_type {
	HVM_EVENT_NMI = 2,
	HVM_EVENT_EXCEPTION = 3,	/* by hardware */
	HVM_EVENT_SW_INT = 4,		/* INT n */
	HVM_EVENT_INT1 = 5,
	HVM_EVENT_SW_EXCEPTION = 6,	/* INT3, INTO */
};

struct hvm_event {
	bool valid;
	u8 vector;
	enum hvm_event_type type;
	u8 insn_len;		/* software's: bytes of the instruction */
	bool has_error;
	u32 error;
};

struct hvm_segment {
	u16 selector;
	u32 limit;		/* bytes, granularity applied */
	u64 base;
	/* VMX access-rights layout (SDM 3C table 25-2) but for bit 15, see below; G is apart. */
	u16 attr;
	bool granular;
};
#define HVM_SEG_UNUSABLE BIT(15)
#define HVM_SEG_DB	BIT(14)	/* 32-bit code or stack */
#define HVM_SEG_L	BIT(13)	/* 64-bit code */
#define HVM_SEG_DPL_SHIFT 5	/* 2 bits */

enum hvm_seg { HVM_ES, HVM_CS, HVM_SS, HVM_DS, HVM_FS, HVM_GS, HVM_LDTR, HVM_TR, HVM_SEGS };

/* Architectural state outside the general registers, for loading, reset, emulation and dumps. */
struct hvm_state {
	u64 rip, rsp, rflags;
	u64 cr0, cr2, cr3, cr4, efer;	/* as the guest sees them */
	struct hvm_segment seg[HVM_SEGS];
	u64 gdtr_base, idtr_base;
	u32 gdtr_limit, idtr_limit;
	u64 dr7;
};

struct hvm_msrs {
	u64 star, lstar, cstar, sfmask, kernel_gs_base, tsc_aux;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 pat, misc_enable, mtrr_def_type;
	u64 mtrr_fixed[11];	/* in the order of SDM 3A table 12-9 */
	u64 mtrr_var[16];	/* base, mask of 8 ranges */
};

#endif
