/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual machine control block: AMD64 Architecture Programmer's Manual volume 2 (APM),
 * appendix B (layout), appendix C (exit codes) and the sections of chapter 15 named below.
 */
#ifndef ARCH_X86_SVM_VMCB_H
#define ARCH_X86_SVM_VMCB_H

#include "kernel/types.h"

/* Table B-1, offset 000h: one bit for each control and debug register, reads low, writes high. */
#define INTERCEPT_CR_READ(n)	BIT(n)
#define INTERCEPT_CR_WRITE(n)	BIT(16 + (n))
#define INTERCEPT_DR_READ(n)	BIT(n)
#define INTERCEPT_DR_WRITE(n)	BIT(16 + (n))

/* Offset 00Ch */
enum intercept_3 {
	INTERCEPT_INTR		= BIT(0),	/* physical maskable interrupt */
	INTERCEPT_NMI		= BIT(1),
	INTERCEPT_SMI		= BIT(2),
	INTERCEPT_INIT		= BIT(3),
	INTERCEPT_VINTR		= BIT(4),	/* virtual maskable interrupt */
	INTERCEPT_CR0_SEL_WRITE	= BIT(5),	/* changes other than CR0.TS and CR0.MP */
	INTERCEPT_IDTR_READ	= BIT(6),
	INTERCEPT_GDTR_READ	= BIT(7),
	INTERCEPT_LDTR_READ	= BIT(8),
	INTERCEPT_TR_READ	= BIT(9),
	INTERCEPT_IDTR_WRITE	= BIT(10),
	INTERCEPT_GDTR_WRITE	= BIT(11),
	INTERCEPT_LDTR_WRITE	= BIT(12),
	INTERCEPT_TR_WRITE	= BIT(13),
	INTERCEPT_RDTSC		= BIT(14),
	INTERCEPT_RDPMC		= BIT(15),
	INTERCEPT_PUSHF		= BIT(16),
	INTERCEPT_POPF		= BIT(17),
	INTERCEPT_CPUID		= BIT(18),
	INTERCEPT_RSM		= BIT(19),
	INTERCEPT_IRET		= BIT(20),
	INTERCEPT_INTN		= BIT(21),
	INTERCEPT_INVD		= BIT(22),
	INTERCEPT_PAUSE		= BIT(23),
	INTERCEPT_HLT		= BIT(24),
	INTERCEPT_INVLPG	= BIT(25),
	INTERCEPT_INVLPGA	= BIT(26),
	INTERCEPT_IOIO_PROT	= BIT(27),
	INTERCEPT_MSR_PROT	= BIT(28),
	INTERCEPT_TASK_SWITCH	= BIT(29),
	INTERCEPT_FERR_FREEZE	= BIT(30),
	INTERCEPT_SHUTDOWN	= BIT(31),
};

/* Offset 010h; from bit 16 on: writes of CR0..CR15, after they have been done */
enum intercept_4 {
	INTERCEPT_VMRUN		= BIT(0),	/* must be set */
	INTERCEPT_VMMCALL	= BIT(1),
	INTERCEPT_VMLOAD	= BIT(2),
	INTERCEPT_VMSAVE	= BIT(3),
	INTERCEPT_STGI		= BIT(4),
	INTERCEPT_CLGI		= BIT(5),
	INTERCEPT_SKINIT	= BIT(6),
	INTERCEPT_RDTSCP	= BIT(7),
	INTERCEPT_ICEBP		= BIT(8),
	INTERCEPT_WBINVD	= BIT(9),
	INTERCEPT_MONITOR	= BIT(10),
	INTERCEPT_MWAIT		= BIT(11),
	INTERCEPT_MWAIT_ARMED	= BIT(12),
	INTERCEPT_XSETBV	= BIT(13),
	INTERCEPT_RDPRU		= BIT(14),
	INTERCEPT_EFER_WRITE_TRAP = BIT(15),
};

/* Offset 014h */
enum intercept_5 {
	INTERCEPT_INVLPGB	= BIT(0),
	INTERCEPT_INVLPGB_ILLEGAL = BIT(1),
	INTERCEPT_INVPCID	= BIT(2),
	INTERCEPT_MCOMMIT	= BIT(3),
	INTERCEPT_TLBSYNC	= BIT(4),
	INTERCEPT_BUS_LOCK	= BIT(5),
	INTERCEPT_IDLE_HLT	= BIT(6),
};

/* Offset 05Ch; 15.16.1 */
enum tlb_control {
	TLB_DO_NOTHING		= 0,
	TLB_FLUSH_ALL		= 1,	/* all ASIDs */
	TLB_FLUSH_ASID		= 3,	/* this guest's; FlushByAsid */
	TLB_FLUSH_ASID_LOCAL	= 7,	/* without global translations */
};

/* Offset 060h; 15.21 */
#define INT_CTL_V_TPR		0xffull
#define INT_CTL_V_IRQ		BIT_ULL(8)	/* pending */
#define INT_CTL_VGIF		BIT_ULL(9)
#define INT_CTL_V_NMI		BIT_ULL(11)
#define INT_CTL_V_NMI_MASK	BIT_ULL(12)
#define INT_CTL_V_INTR_PRIO_SHIFT 16		/* 4 bits */
#define INT_CTL_V_IGN_TPR	BIT_ULL(20)
#define INT_CTL_V_INTR_MASKING	BIT_ULL(24)
#define INT_CTL_VGIF_ENABLE	BIT_ULL(25)
#define INT_CTL_V_NMI_ENABLE	BIT_ULL(26)
#define INT_CTL_X2AVIC_ENABLE	BIT_ULL(30)
#define INT_CTL_AVIC_ENABLE	BIT_ULL(31)
#define INT_CTL_V_INTR_VECTOR_SHIFT 32		/* 8 bits */

/* Offset 068h */
#define INT_STATE_SHADOW	BIT_ULL(0)	/* of STI or MOV SS */
#define INT_STATE_GUEST_MASK	BIT_ULL(1)	/* RFLAGS.IF of an encrypted guest */

/* Offset 090h */
#define NP_ENABLE		BIT_ULL(0)
#define NP_SEV			BIT_ULL(1)
#define NP_SEV_ES		BIT_ULL(2)
#define NP_GMET			BIT_ULL(3)
#define NP_SSS_CHECK		BIT_ULL(4)
#define NP_VTE			BIT_ULL(5)
#define NP_RO_GPT		BIT_ULL(6)
#define NP_INVLPGB		BIT_ULL(7)

/* Offset 0B8h */
#define VIRT_EXT_LBR		BIT_ULL(0)
#define VIRT_EXT_VMLOAD_VMSAVE	BIT_ULL(1)
#define VIRT_EXT_IBS		BIT_ULL(2)

/* Offset 0C0h; 15.15.3: what has not changed since the last VMRUN */
enum vmcb_clean {
	CLEAN_INTERCEPTS	= BIT(0),	/* and TSC offset, pause filter */
	CLEAN_IOPM		= BIT(1),	/* and MSRPM */
	CLEAN_ASID		= BIT(2),
	CLEAN_TPR		= BIT(3),	/* offset 060h */
	CLEAN_NP		= BIT(4),	/* nested paging: nCR3, G_PAT */
	CLEAN_CRX		= BIT(5),	/* CR0, CR3, CR4, EFER */
	CLEAN_DRX		= BIT(6),	/* DR6, DR7 */
	CLEAN_DT		= BIT(7),	/* GDT, IDT */
	CLEAN_SEG		= BIT(8),	/* CS, DS, SS, ES, CPL */
	CLEAN_CR2		= BIT(9),
	CLEAN_LBR		= BIT(10),
	CLEAN_AVIC		= BIT(11),
	CLEAN_CET		= BIT(12),
	CLEAN_ALL		= BIT(13) - 1,
};

/* 15.20 EVENTINJ (offset 0A8h), 15.7.2 EXITINTINFO (offset 088h): one layout */
#define EVENT_VECTOR		0xffull
#define EVENT_TYPE		(7ull << 8)
#define EVENT_TYPE_INTR		(0ull << 8)
#define EVENT_TYPE_NMI		(2ull << 8)
#define EVENT_TYPE_EXCEPTION	(3ull << 8)
#define EVENT_TYPE_SW_INT	(4ull << 8)
#define EVENT_TYPE_SHIFT	8
#define EVENT_ERROR_VALID	BIT_ULL(11)
#define EVENT_VALID		BIT_ULL(31)
#define EVENT_ERROR_SHIFT	32		/* 32 bits */

/* 15.10.2: EXITINFO1 of IOIO */
enum ioio_info {
	IOIO_IN		= BIT(0),
	IOIO_STRING	= BIT(2),
	IOIO_REP	= BIT(3),
	IOIO_SIZE_SHIFT	= 4,		/* 3 bits: 1, 2, 4 bytes */
	IOIO_SIZE	= 7 << 4,
	IOIO_ADDR_SHIFT	= 7,		/* 3 bits: address size 16, 32, 64 */
	IOIO_SEG_SHIFT	= 10,		/* 3 bits: decode assists */
	IOIO_PORT_SHIFT	= 16,
};

/* 15.25.6: EXITINFO1 of a nested page fault; bits 0..31 as a page fault's error code */
#define NPF_PRESENT		BIT_ULL(0)
#define NPF_WRITE		BIT_ULL(1)
#define NPF_USER		BIT_ULL(2)
#define NPF_RESERVED		BIT_ULL(3)
#define NPF_FETCH		BIT_ULL(4)
#define NPF_SHADOW_STACK	BIT_ULL(6)
#define NPF_FINAL		BIT_ULL(32)	/* of the guest's final physical address */
#define NPF_WALK		BIT_ULL(33)	/* of the guest's page tables */

/* 15.33.1: EXITINFO1 of MOV CR and MOV DR, decode assists */
#define MOV_CR_VALID		BIT_ULL(63)
#define MOV_CR_GPR		0xfull

/* 15.14.1: EXITINFO1 and EXITINFO2 of a task switch */
#define TASK_SELECTOR		0xffffull
#define TASK_IRET		BIT_ULL(36)
#define TASK_FAR_JMP		BIT_ULL(38)

struct vmcb_control {			/* table B-1 */
	u32 intercept_cr;		/* 000 */
	u32 intercept_dr;		/* 004 */
	u32 intercept_exceptions;	/* 008 */
	u32 intercept_3;		/* 00c */
	u32 intercept_4;		/* 010 */
	u32 intercept_5;		/* 014 */
	u8 reserved_018[0x3c - 0x18];
	u16 pause_filter_threshold;	/* 03c */
	u16 pause_filter_count;		/* 03e */
	u64 iopm_base_pa;		/* 040 */
	u64 msrpm_base_pa;		/* 048 */
	u64 tsc_offset;			/* 050 */
	u32 asid;			/* 058 */
	u8 tlb_control;			/* 05c */
	u8 reserved_05d[3];
	u64 int_ctl;			/* 060 */
	u64 int_state;			/* 068 */
	u64 exitcode;			/* 070 */
	u64 exitinfo1;			/* 078 */
	u64 exitinfo2;			/* 080 */
	u64 exitintinfo;		/* 088 */
	u64 np;				/* 090 */
	u64 avic_apic_bar;		/* 098 */
	u64 ghcb_pa;			/* 0a0 */
	u64 eventinj;			/* 0a8 */
	u64 n_cr3;			/* 0b0 */
	u64 virt_ext;			/* 0b8 */
	u32 clean;			/* 0c0 */
	u32 reserved_0c4;
	u64 nrip;			/* 0c8 */
	u8 bytes_fetched;		/* 0d0 */
	u8 instruction[15];		/* 0d1 */
	u64 avic_backing_page;		/* 0e0 */
	u64 reserved_0e8;
	u64 avic_logical_table;		/* 0f0 */
	u64 avic_physical_table;	/* 0f8 */
	u64 reserved_100;
	u64 vmsa_pa;			/* 108 */
	u64 vmgexit_rax;		/* 110 */
	u8 vmgexit_cpl;			/* 118 */
	u8 reserved_119[7];
	u16 bus_lock_threshold;		/* 120 */
	u8 reserved_122[0x400 - 0x122];
} __packed;

struct vmcb_segment {
	u16 selector;
	u16 attrib;			/* enum segment_attrib */
	u32 limit;
	u64 base;
} __packed;

/* 15.5.1: attribute bits of a descriptor, 55:52 and 47:40, side by side */
enum segment_attrib {
	ATTRIB_LOW	= 0xff,		/* type, S, DPL, P */
	ATTRIB_P	= BIT(7),
	ATTRIB_AVL	= BIT(8),
	ATTRIB_L	= BIT(9),
	ATTRIB_DB	= BIT(10),
	ATTRIB_G	= BIT(11),
};

struct vmcb_save {			/* table B-2; offsets from 400h */
	struct vmcb_segment es;		/* 000 */
	struct vmcb_segment cs;		/* 010 */
	struct vmcb_segment ss;		/* 020 */
	struct vmcb_segment ds;		/* 030 */
	struct vmcb_segment fs;		/* 040 */
	struct vmcb_segment gs;		/* 050 */
	struct vmcb_segment gdtr;	/* 060 */
	struct vmcb_segment ldtr;	/* 070 */
	struct vmcb_segment idtr;	/* 080 */
	struct vmcb_segment tr;		/* 090 */
	u8 reserved_0a0[0xcb - 0xa0];
	u8 cpl;				/* 0cb */
	u32 reserved_0cc;
	u64 efer;			/* 0d0 */
	u8 reserved_0d8[0x148 - 0xd8];
	u64 cr4;			/* 148 */
	u64 cr3;			/* 150 */
	u64 cr0;			/* 158 */
	u64 dr7;			/* 160 */
	u64 dr6;			/* 168 */
	u64 rflags;			/* 170 */
	u64 rip;			/* 178 */
	u8 reserved_180[0x1d8 - 0x180];
	u64 rsp;			/* 1d8 */
	u64 s_cet;			/* 1e0 */
	u64 ssp;			/* 1e8 */
	u64 isst_addr;			/* 1f0 */
	u64 rax;			/* 1f8 */
	u64 star;			/* 200 */
	u64 lstar;			/* 208 */
	u64 cstar;			/* 210 */
	u64 sfmask;			/* 218 */
	u64 kernel_gs_base;		/* 220 */
	u64 sysenter_cs;		/* 228 */
	u64 sysenter_esp;		/* 230 */
	u64 sysenter_eip;		/* 238 */
	u64 cr2;			/* 240 */
	u8 reserved_248[0x268 - 0x248];
	u64 g_pat;			/* 268 */
	u64 dbgctl;			/* 270 */
	u64 br_from;			/* 278 */
	u64 br_to;			/* 280 */
	u64 last_excp_from;		/* 288 */
	u64 last_excp_to;		/* 290 */
	u64 dbg_ext_ctl;		/* 298 */
	u8 reserved_2a0[0x2e0 - 0x2a0];
	u64 spec_ctrl;			/* 2e0 */
} __packed;

struct vmcb {
	struct vmcb_control control;
	struct vmcb_save save;
	u8 reserved[0x1000 - sizeof(struct vmcb_control) - sizeof(struct vmcb_save)];
} __packed;

_Static_assert(sizeof(struct vmcb) == 4096, "15.5.1");
_Static_assert(offsetof(struct vmcb_control, exitcode) == 0x070, "table B-1");
_Static_assert(offsetof(struct vmcb_control, nrip) == 0x0c8, "table B-1");
_Static_assert(offsetof(struct vmcb_control, vmsa_pa) == 0x108, "table B-1");
_Static_assert(offsetof(struct vmcb, save) == 0x400, "table B-2");
_Static_assert(offsetof(struct vmcb_save, cpl) == 0x0cb, "table B-2");
_Static_assert(offsetof(struct vmcb_save, cr4) == 0x148, "table B-2");
_Static_assert(offsetof(struct vmcb_save, rsp) == 0x1d8, "table B-2");
_Static_assert(offsetof(struct vmcb_save, rax) == 0x1f8, "table B-2");
_Static_assert(offsetof(struct vmcb_save, cr2) == 0x240, "table B-2");
_Static_assert(offsetof(struct vmcb_save, g_pat) == 0x268, "table B-2");

/* Appendix C. Negative ones are compared in 32 bits: QEMU stores no more. */
enum vmexit {
	VMEXIT_CR0_READ			= 0x000,	/* ... CR15: 00fh */
	VMEXIT_CR0_WRITE		= 0x010,	/* ... 01fh */
	VMEXIT_DR0_READ			= 0x020,	/* ... 02fh */
	VMEXIT_DR0_WRITE		= 0x030,	/* ... 03fh */
	VMEXIT_EXCP0			= 0x040,	/* ... vector 31: 05fh */
	VMEXIT_INTR			= 0x060,
	VMEXIT_NMI			= 0x061,
	VMEXIT_SMI			= 0x062,
	VMEXIT_INIT			= 0x063,
	VMEXIT_VINTR			= 0x064,
	VMEXIT_CR0_SEL_WRITE		= 0x065,
	VMEXIT_IDTR_READ		= 0x066,
	VMEXIT_GDTR_READ		= 0x067,
	VMEXIT_LDTR_READ		= 0x068,
	VMEXIT_TR_READ			= 0x069,
	VMEXIT_IDTR_WRITE		= 0x06a,
	VMEXIT_GDTR_WRITE		= 0x06b,
	VMEXIT_LDTR_WRITE		= 0x06c,
	VMEXIT_TR_WRITE			= 0x06d,
	VMEXIT_RDTSC			= 0x06e,
	VMEXIT_RDPMC			= 0x06f,
	VMEXIT_PUSHF			= 0x070,
	VMEXIT_POPF			= 0x071,
	VMEXIT_CPUID			= 0x072,
	VMEXIT_RSM			= 0x073,
	VMEXIT_IRET			= 0x074,
	VMEXIT_SWINT			= 0x075,
	VMEXIT_INVD			= 0x076,
	VMEXIT_PAUSE			= 0x077,
	VMEXIT_HLT			= 0x078,
	VMEXIT_INVLPG			= 0x079,
	VMEXIT_INVLPGA			= 0x07a,
	VMEXIT_IOIO			= 0x07b,
	VMEXIT_MSR			= 0x07c,
	VMEXIT_TASK_SWITCH		= 0x07d,
	VMEXIT_FERR_FREEZE		= 0x07e,
	VMEXIT_SHUTDOWN			= 0x07f,
	VMEXIT_VMRUN			= 0x080,
	VMEXIT_VMMCALL			= 0x081,
	VMEXIT_VMLOAD			= 0x082,
	VMEXIT_VMSAVE			= 0x083,
	VMEXIT_STGI			= 0x084,
	VMEXIT_CLGI			= 0x085,
	VMEXIT_SKINIT			= 0x086,
	VMEXIT_RDTSCP			= 0x087,
	VMEXIT_ICEBP			= 0x088,
	VMEXIT_WBINVD			= 0x089,
	VMEXIT_MONITOR			= 0x08a,
	VMEXIT_MWAIT			= 0x08b,
	VMEXIT_MWAIT_CONDITIONAL	= 0x08c,
	VMEXIT_XSETBV			= 0x08d,
	VMEXIT_RDPRU			= 0x08e,
	VMEXIT_EFER_WRITE_TRAP		= 0x08f,
	VMEXIT_CR0_WRITE_TRAP		= 0x090,	/* ... CR15: 09fh */
	VMEXIT_INVLPGB			= 0x0a0,
	VMEXIT_INVLPGB_ILLEGAL		= 0x0a1,
	VMEXIT_INVPCID			= 0x0a2,
	VMEXIT_MCOMMIT			= 0x0a3,
	VMEXIT_TLBSYNC			= 0x0a4,
	VMEXIT_BUSLOCK			= 0x0a5,
	VMEXIT_IDLE_HLT			= 0x0a6,
	VMEXIT_NPF			= 0x400,
	VMEXIT_AVIC_INCOMPLETE_IPI	= 0x401,
	VMEXIT_AVIC_NOACCEL		= 0x402,
	VMEXIT_VMGEXIT			= 0x403,
	VMEXIT_INVALID			= -1,
	VMEXIT_BUSY			= -2,
	VMEXIT_IDLE_REQUIRED		= -3,
	VMEXIT_INVALID_PMC		= -4,
};

/* 15.11: MSR permission map, two bits an MSR (read, write), each range 2 KiB */
enum msrpm {
	MSRPM_LOW	= 0x000,		/* MSRs 0..0x1fff */
	MSRPM_C000	= 0x800,		/* MSRs 0xc0000000..0xc0001fff */
	MSRPM_C001	= 0x1000,		/* MSRs 0xc0010000..0xc0011fff */
	MSRPM_MSRS	= 0x2000,		/* in each range */
	MSRPM_SIZE	= 0x2000,
};

/* 15.10.1: I/O permission map, a bit a port, and the three bytes beyond */
#define IOPM_SIZE	0x3000

/* APM volume 3 appendix E.4.9: CPUID Fn8000_000A_EDX */
enum svm_feature {
	SVM_NP			= BIT(0),
	SVM_LBR_VIRT		= BIT(1),
	SVM_LOCK		= BIT(2),	/* SVML */
	SVM_NRIPS		= BIT(3),
	SVM_TSC_RATE_MSR	= BIT(4),
	SVM_VMCB_CLEAN		= BIT(5),
	SVM_FLUSH_BY_ASID	= BIT(6),
	SVM_DECODE_ASSISTS	= BIT(7),
	SVM_PMC_VIRT		= BIT(8),
	SVM_PAUSE_FILTER	= BIT(10),
	SVM_PAUSE_FILTER_THRESHOLD = BIT(12),
	SVM_AVIC		= BIT(13),
	SVM_VMSAVE_VIRT		= BIT(15),
	SVM_VGIF		= BIT(16),
	SVM_GMET		= BIT(17),
	SVM_X2AVIC		= BIT(18),
	SVM_SSS_CHECK		= BIT(19),
	SVM_SPEC_CTRL		= BIT(20),
	SVM_ROGPT		= BIT(21),
	SVM_HOST_MCE_OVERRIDE	= BIT(23),
	SVM_TLBI_CTL		= BIT(24),
	SVM_VNMI		= BIT(25),
	SVM_IBS_VIRT		= BIT(26),
	SVM_EXT_LVT_AVIC_CHANGE	= BIT(27),
	SVM_VMCB_ADDR_CHECK	= BIT(28),
	SVM_BUS_LOCK_THRESHOLD	= BIT(29),
	SVM_IDLE_HLT		= BIT(30),
};

#endif
