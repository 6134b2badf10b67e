/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor: control and debug registers, flags, CPUID, exceptions, and the instructions that
 * reach them. Enumerations are complete as of SDM edition 080 (volume 3A chapter 2 for registers,
 * volume 2A "CPUID" for leaves), AMD's leaves from APM volume 3 appendix E.
 */
#ifndef ARCH_X86_CPU_H
#define ARCH_X86_CPU_H

#include "kernel/types.h"

/* SDM 3A 2.5 */
enum cr0 {
	CR0_PE	= BIT(0),	/* protection enable */
	CR0_MP	= BIT(1),	/* monitor coprocessor */
	CR0_EM	= BIT(2),	/* emulation */
	CR0_TS	= BIT(3),	/* task switched */
	CR0_ET	= BIT(4),	/* extension type, always 1 */
	CR0_NE	= BIT(5),	/* numeric error */
	CR0_WP	= BIT(16),	/* write protect */
	CR0_AM	= BIT(18),	/* alignment mask */
	CR0_NW	= BIT(29),	/* not write-through */
	CR0_CD	= BIT(30),	/* cache disable */
	CR0_PG	= BIT(31),	/* paging */
};

/* SDM 3A 2.5; CR3 in PCID and LAM modes: 4.5 */
#define CR3_PWT		BIT_ULL(3)
#define CR3_PCD		BIT_ULL(4)
#define CR3_PCID	0xfffull
#define CR3_LAM_U57	BIT_ULL(61)
#define CR3_LAM_U48	BIT_ULL(62)
#define CR3_NOFLUSH	BIT_ULL(63)

/* SDM 3A 2.5 */
enum cr4 {
	CR4_VME		= BIT(0),	/* virtual-8086 mode extensions */
	CR4_PVI		= BIT(1),	/* protected-mode virtual interrupts */
	CR4_TSD		= BIT(2),	/* time stamp disable */
	CR4_DE		= BIT(3),	/* debugging extensions */
	CR4_PSE		= BIT(4),	/* page size extensions */
	CR4_PAE		= BIT(5),	/* physical address extension */
	CR4_MCE		= BIT(6),	/* machine-check enable */
	CR4_PGE		= BIT(7),	/* page global enable */
	CR4_PCE		= BIT(8),	/* performance-monitoring counter enable */
	CR4_OSFXSR	= BIT(9),
	CR4_OSXMMEXCPT	= BIT(10),
	CR4_UMIP	= BIT(11),	/* user-mode instruction prevention */
	CR4_LA57	= BIT(12),	/* 57-bit linear addresses */
	CR4_VMXE	= BIT(13),	/* VMX enable */
	CR4_SMXE	= BIT(14),	/* SMX enable */
	CR4_FSGSBASE	= BIT(16),
	CR4_PCIDE	= BIT(17),	/* PCID enable */
	CR4_OSXSAVE	= BIT(18),
	CR4_KL		= BIT(19),	/* key locker */
	CR4_SMEP	= BIT(20),
	CR4_SMAP	= BIT(21),
	CR4_PKE		= BIT(22),	/* protection keys for user pages */
	CR4_CET		= BIT(23),	/* control-flow enforcement */
	CR4_PKS		= BIT(24),	/* protection keys for supervisor pages */
	CR4_UINTR	= BIT(25),	/* user interrupts */
	CR4_LAM_SUP	= BIT(28),	/* supervisor LAM */
};

/* SDM 1 13.3: XCR0 state components */
enum xcr0 {
	XCR0_X87	= BIT(0),
	XCR0_SSE	= BIT(1),
	XCR0_AVX	= BIT(2),
	XCR0_BNDREGS	= BIT(3),
	XCR0_BNDCSR	= BIT(4),
	XCR0_OPMASK	= BIT(5),
	XCR0_ZMM_HI256	= BIT(6),
	XCR0_HI16_ZMM	= BIT(7),
	XCR0_PKRU	= BIT(9),
	XCR0_TILECFG	= BIT(17),
	XCR0_TILEDATA	= BIT(18),
};

/* SDM 3A 2.3; SDM 1 3.4.3 */
enum rflags {
	RFLAGS_CF	= BIT(0),
	RFLAGS_FIXED	= BIT(1),	/* reads as 1 */
	RFLAGS_PF	= BIT(2),
	RFLAGS_AF	= BIT(4),
	RFLAGS_ZF	= BIT(6),
	RFLAGS_SF	= BIT(7),
	RFLAGS_TF	= BIT(8),
	RFLAGS_IF	= BIT(9),
	RFLAGS_DF	= BIT(10),
	RFLAGS_OF	= BIT(11),
	RFLAGS_IOPL	= BIT(12) | BIT(13),
	RFLAGS_NT	= BIT(14),
	RFLAGS_RF	= BIT(16),
	RFLAGS_VM	= BIT(17),
	RFLAGS_AC	= BIT(18),
	RFLAGS_VIF	= BIT(19),
	RFLAGS_VIP	= BIT(20),
	RFLAGS_ID	= BIT(21),
};

/* SDM 3B 18.2.3, 18.2.4 */
enum dr6 {
	DR6_B0		= BIT(0),
	DR6_B1		= BIT(1),
	DR6_B2		= BIT(2),
	DR6_B3		= BIT(3),
	DR6_BLD		= BIT(11),	/* 0: bus lock */
	DR6_BD		= BIT(13),
	DR6_BS		= BIT(14),
	DR6_BT		= BIT(15),
	DR6_RTM		= BIT(16),	/* 0: inside RTM */
	DR6_INIT	= 0xffff0ff0,
};
enum dr7 {
	DR7_LE		= BIT(8),
	DR7_GE		= BIT(9),
	DR7_FIXED	= BIT(10),	/* reads as 1 */
	DR7_RTM		= BIT(11),
	DR7_GD		= BIT(13),
	DR7_INIT	= 0x400,
};

/* SDM 3A table 6-1 */
enum exception {
	EXC_DE = 0,	/* divide error */
	EXC_DB = 1,	/* debug */
	EXC_NMI = 2,
	EXC_BP = 3,	/* breakpoint */
	EXC_OF = 4,	/* overflow */
	EXC_BR = 5,	/* bound range exceeded */
	EXC_UD = 6,	/* invalid opcode */
	EXC_NM = 7,	/* device not available */
	EXC_DF = 8,	/* double fault */
	EXC_TS = 10,	/* invalid TSS */
	EXC_NP = 11,	/* segment not present */
	EXC_SS = 12,	/* stack-segment fault */
	EXC_GP = 13,	/* general protection */
	EXC_PF = 14,	/* page fault */
	EXC_MF = 16,	/* x87 floating-point error */
	EXC_AC = 17,	/* alignment check */
	EXC_MC = 18,	/* machine check */
	EXC_XM = 19,	/* SIMD floating-point exception */
	EXC_VE = 20,	/* virtualization exception */
	EXC_CP = 21,	/* control protection */
	EXC_HV = 28,	/* hypervisor injection (AMD) */
	EXC_VC = 29,	/* VMM communication (AMD) */
	EXC_SX = 30,	/* security exception (AMD) */
	EXCEPTIONS = 32,
};

/* SDM 3A 4.7, figure 4-12: page-fault error code */
enum pf_error {
	PF_P	= BIT(0),	/* 0: not present, 1: protection */
	PF_W	= BIT(1),
	PF_U	= BIT(2),
	PF_RSVD	= BIT(3),
	PF_I	= BIT(4),	/* instruction fetch */
	PF_PK	= BIT(5),
	PF_SS	= BIT(6),
	PF_HLAT	= BIT(7),
	PF_SGX	= BIT(15),
};

/* SDM 3A 4.5.4, tables 4-14..4-20: entries of 4-level paging */
#define PTE_P		BIT_ULL(0)
#define PTE_RW		BIT_ULL(1)
#define PTE_US		BIT_ULL(2)
#define PTE_PWT		BIT_ULL(3)
#define PTE_PCD		BIT_ULL(4)
#define PTE_A		BIT_ULL(5)
#define PTE_D		BIT_ULL(6)
#define PTE_PS		BIT_ULL(7)	/* 2 MiB or 1 GiB page; PAT in a 4 KiB entry */
#define PTE_PAT_4K	BIT_ULL(7)
#define PTE_G		BIT_ULL(8)
#define PTE_PAT_LARGE	BIT_ULL(12)
#define PTE_XD		BIT_ULL(63)
#define PTE_ADDR	0x000ffffffffff000ull

/* SDM 2A "CPUID": leaves */
enum cpuid_leaf {
	CPUID_VENDOR		= 0x00,		/* maximum leaf, vendor string */
	CPUID_FEATURES		= 0x01,
	CPUID_CACHE_TLB		= 0x02,
	CPUID_SERIAL		= 0x03,
	CPUID_CACHE		= 0x04,
	CPUID_MONITOR		= 0x05,
	CPUID_POWER		= 0x06,
	CPUID_EXT_FEATURES	= 0x07,
	CPUID_DCA		= 0x09,
	CPUID_PERFMON		= 0x0a,
	CPUID_TOPOLOGY		= 0x0b,
	CPUID_XSTATE		= 0x0d,
	CPUID_RDT_MONITORING	= 0x0f,
	CPUID_RDT_ALLOCATION	= 0x10,
	CPUID_SGX		= 0x12,
	CPUID_PT		= 0x14,
	CPUID_TSC		= 0x15,
	CPUID_FREQUENCY		= 0x16,
	CPUID_SOC_VENDOR	= 0x17,
	CPUID_TLB		= 0x18,
	CPUID_KEY_LOCKER	= 0x19,
	CPUID_HYBRID		= 0x1a,
	CPUID_PCONFIG		= 0x1b,
	CPUID_LBR		= 0x1c,
	CPUID_TILE		= 0x1d,
	CPUID_TMUL		= 0x1e,
	CPUID_TOPOLOGY_V2	= 0x1f,
	CPUID_HYPERVISOR	= 0x40000000,	/* reserved by vendors for hypervisors */
	CPUID_EXT_MAX		= 0x80000000,
	CPUID_EXT_AMD		= 0x80000001,
	CPUID_BRAND0		= 0x80000002,
	CPUID_BRAND1		= 0x80000003,
	CPUID_BRAND2		= 0x80000004,
	CPUID_L1		= 0x80000005,	/* AMD */
	CPUID_L2		= 0x80000006,
	CPUID_APM		= 0x80000007,	/* advanced power management, invariant TSC */
	CPUID_ADDR_SIZE		= 0x80000008,
	CPUID_SVM		= 0x8000000a,	/* AMD, from here on */
	CPUID_TLB_1G		= 0x80000019,
	CPUID_PERF_OPT		= 0x8000001a,
	CPUID_CACHE_AMD		= 0x8000001d,	/* as leaf 4 */
	CPUID_TOPOLOGY_AMD	= 0x8000001e,
};

/* CPUID.01H:ECX */
enum cpuid_1_ecx {
	CPUID_1_ECX_SSE3	= BIT(0),
	CPUID_1_ECX_PCLMULQDQ	= BIT(1),
	CPUID_1_ECX_DTES64	= BIT(2),
	CPUID_1_ECX_MONITOR	= BIT(3),
	CPUID_1_ECX_DS_CPL	= BIT(4),
	CPUID_1_ECX_VMX		= BIT(5),
	CPUID_1_ECX_SMX		= BIT(6),
	CPUID_1_ECX_EIST	= BIT(7),
	CPUID_1_ECX_TM2		= BIT(8),
	CPUID_1_ECX_SSSE3	= BIT(9),
	CPUID_1_ECX_CNXT_ID	= BIT(10),
	CPUID_1_ECX_SDBG	= BIT(11),
	CPUID_1_ECX_FMA		= BIT(12),
	CPUID_1_ECX_CMPXCHG16B	= BIT(13),
	CPUID_1_ECX_XTPR	= BIT(14),
	CPUID_1_ECX_PDCM	= BIT(15),
	CPUID_1_ECX_PCID	= BIT(17),
	CPUID_1_ECX_DCA		= BIT(18),
	CPUID_1_ECX_SSE4_1	= BIT(19),
	CPUID_1_ECX_SSE4_2	= BIT(20),
	CPUID_1_ECX_X2APIC	= BIT(21),
	CPUID_1_ECX_MOVBE	= BIT(22),
	CPUID_1_ECX_POPCNT	= BIT(23),
	CPUID_1_ECX_TSC_DEADLINE = BIT(24),
	CPUID_1_ECX_AES		= BIT(25),
	CPUID_1_ECX_XSAVE	= BIT(26),
	CPUID_1_ECX_OSXSAVE	= BIT(27),
	CPUID_1_ECX_AVX		= BIT(28),
	CPUID_1_ECX_F16C	= BIT(29),
	CPUID_1_ECX_RDRAND	= BIT(30),
	CPUID_1_ECX_HYPERVISOR	= BIT(31),	/* 0 on hardware */
};

/* CPUID.01H:EDX */
enum cpuid_1_edx {
	CPUID_1_EDX_FPU		= BIT(0),
	CPUID_1_EDX_VME		= BIT(1),
	CPUID_1_EDX_DE		= BIT(2),
	CPUID_1_EDX_PSE		= BIT(3),
	CPUID_1_EDX_TSC		= BIT(4),
	CPUID_1_EDX_MSR		= BIT(5),
	CPUID_1_EDX_PAE		= BIT(6),
	CPUID_1_EDX_MCE		= BIT(7),
	CPUID_1_EDX_CX8		= BIT(8),
	CPUID_1_EDX_APIC	= BIT(9),
	CPUID_1_EDX_SEP		= BIT(11),
	CPUID_1_EDX_MTRR	= BIT(12),
	CPUID_1_EDX_PGE		= BIT(13),
	CPUID_1_EDX_MCA		= BIT(14),
	CPUID_1_EDX_CMOV	= BIT(15),
	CPUID_1_EDX_PAT		= BIT(16),
	CPUID_1_EDX_PSE36	= BIT(17),
	CPUID_1_EDX_PSN		= BIT(18),
	CPUID_1_EDX_CLFSH	= BIT(19),
	CPUID_1_EDX_DS		= BIT(21),
	CPUID_1_EDX_ACPI	= BIT(22),
	CPUID_1_EDX_MMX		= BIT(23),
	CPUID_1_EDX_FXSR	= BIT(24),
	CPUID_1_EDX_SSE		= BIT(25),
	CPUID_1_EDX_SSE2	= BIT(26),
	CPUID_1_EDX_SS		= BIT(27),
	CPUID_1_EDX_HTT		= BIT(28),
	CPUID_1_EDX_TM		= BIT(29),
	CPUID_1_EDX_PBE		= BIT(31),
};

/* CPUID.06H:EAX */
enum cpuid_6_eax {
	CPUID_6_EAX_DTS		= BIT(0),
	CPUID_6_EAX_TURBO	= BIT(1),
	CPUID_6_EAX_ARAT	= BIT(2),	/* APIC timer runs in all C-states */
};

/* CPUID.(07H,0):EBX */
enum cpuid_7_ebx {
	CPUID_7_EBX_FSGSBASE	= BIT(0),
	CPUID_7_EBX_TSC_ADJUST	= BIT(1),
	CPUID_7_EBX_SGX		= BIT(2),
	CPUID_7_EBX_BMI1	= BIT(3),
	CPUID_7_EBX_HLE		= BIT(4),
	CPUID_7_EBX_AVX2	= BIT(5),
	CPUID_7_EBX_FDP_EXCPTN_ONLY = BIT(6),
	CPUID_7_EBX_SMEP	= BIT(7),
	CPUID_7_EBX_BMI2	= BIT(8),
	CPUID_7_EBX_ERMS	= BIT(9),
	CPUID_7_EBX_INVPCID	= BIT(10),
	CPUID_7_EBX_RTM		= BIT(11),
	CPUID_7_EBX_RDT_M	= BIT(12),
	CPUID_7_EBX_FCS_FDS_DEPRECATED = BIT(13),
	CPUID_7_EBX_MPX		= BIT(14),
	CPUID_7_EBX_RDT_A	= BIT(15),
	CPUID_7_EBX_AVX512F	= BIT(16),
	CPUID_7_EBX_AVX512DQ	= BIT(17),
	CPUID_7_EBX_RDSEED	= BIT(18),
	CPUID_7_EBX_ADX		= BIT(19),
	CPUID_7_EBX_SMAP	= BIT(20),
	CPUID_7_EBX_AVX512_IFMA	= BIT(21),
	CPUID_7_EBX_CLFLUSHOPT	= BIT(23),
	CPUID_7_EBX_CLWB	= BIT(24),
	CPUID_7_EBX_PT		= BIT(25),
	CPUID_7_EBX_AVX512PF	= BIT(26),
	CPUID_7_EBX_AVX512ER	= BIT(27),
	CPUID_7_EBX_AVX512CD	= BIT(28),
	CPUID_7_EBX_SHA		= BIT(29),
	CPUID_7_EBX_AVX512BW	= BIT(30),
	CPUID_7_EBX_AVX512VL	= BIT(31),
};

/* CPUID.(07H,0):ECX */
enum cpuid_7_ecx {
	CPUID_7_ECX_PREFETCHWT1	= BIT(0),
	CPUID_7_ECX_AVX512_VBMI	= BIT(1),
	CPUID_7_ECX_UMIP	= BIT(2),
	CPUID_7_ECX_PKU		= BIT(3),
	CPUID_7_ECX_OSPKE	= BIT(4),
	CPUID_7_ECX_WAITPKG	= BIT(5),
	CPUID_7_ECX_AVX512_VBMI2 = BIT(6),
	CPUID_7_ECX_CET_SS	= BIT(7),
	CPUID_7_ECX_GFNI	= BIT(8),
	CPUID_7_ECX_VAES	= BIT(9),
	CPUID_7_ECX_VPCLMULQDQ	= BIT(10),
	CPUID_7_ECX_AVX512_VNNI	= BIT(11),
	CPUID_7_ECX_AVX512_BITALG = BIT(12),
	CPUID_7_ECX_TME		= BIT(13),
	CPUID_7_ECX_AVX512_VPOPCNTDQ = BIT(14),
	CPUID_7_ECX_LA57	= BIT(16),
	CPUID_7_ECX_MAWAU	= 0x1f << 17,
	CPUID_7_ECX_RDPID	= BIT(22),
	CPUID_7_ECX_KL		= BIT(23),
	CPUID_7_ECX_BUS_LOCK_DETECT = BIT(24),
	CPUID_7_ECX_CLDEMOTE	= BIT(25),
	CPUID_7_ECX_MOVDIRI	= BIT(27),
	CPUID_7_ECX_MOVDIR64B	= BIT(28),
	CPUID_7_ECX_ENQCMD	= BIT(29),
	CPUID_7_ECX_SGX_LC	= BIT(30),
	CPUID_7_ECX_PKS		= BIT(31),
};

/* CPUID.(07H,0):EDX */
enum cpuid_7_edx {
	CPUID_7_EDX_SGX_KEYS	= BIT(1),
	CPUID_7_EDX_AVX512_4VNNIW = BIT(2),
	CPUID_7_EDX_AVX512_4FMAPS = BIT(3),
	CPUID_7_EDX_FSRM	= BIT(4),
	CPUID_7_EDX_UINTR	= BIT(5),
	CPUID_7_EDX_AVX512_VP2INTERSECT = BIT(8),
	CPUID_7_EDX_SRBDS_CTRL	= BIT(9),
	CPUID_7_EDX_MD_CLEAR	= BIT(10),
	CPUID_7_EDX_RTM_ALWAYS_ABORT = BIT(11),
	CPUID_7_EDX_RTM_FORCE_ABORT = BIT(13),
	CPUID_7_EDX_SERIALIZE	= BIT(14),
	CPUID_7_EDX_HYBRID	= BIT(15),
	CPUID_7_EDX_TSXLDTRK	= BIT(16),
	CPUID_7_EDX_PCONFIG	= BIT(18),
	CPUID_7_EDX_ARCH_LBR	= BIT(19),
	CPUID_7_EDX_CET_IBT	= BIT(20),
	CPUID_7_EDX_AMX_BF16	= BIT(22),
	CPUID_7_EDX_AVX512_FP16	= BIT(23),
	CPUID_7_EDX_AMX_TILE	= BIT(24),
	CPUID_7_EDX_AMX_INT8	= BIT(25),
	CPUID_7_EDX_IBRS_IBPB	= BIT(26),
	CPUID_7_EDX_STIBP	= BIT(27),
	CPUID_7_EDX_L1D_FLUSH	= BIT(28),
	CPUID_7_EDX_ARCH_CAPABILITIES = BIT(29),
	CPUID_7_EDX_CORE_CAPABILITIES = BIT(30),
	CPUID_7_EDX_SSBD	= BIT(31),
};

/* CPUID.(0DH,1):EAX */
enum cpuid_d1_eax {
	CPUID_D1_EAX_XSAVEOPT	= BIT(0),
	CPUID_D1_EAX_XSAVEC	= BIT(1),
	CPUID_D1_EAX_XGETBV1	= BIT(2),
	CPUID_D1_EAX_XSAVES	= BIT(3),
	CPUID_D1_EAX_XFD	= BIT(4),
};

/* CPUID.80000001H:ECX (APM volume 3, E.4.2; Intel defines LAHF, LZCNT and PREFETCHW) */
enum cpuid_81_ecx {
	CPUID_81_ECX_LAHF_SAHF	= BIT(0),
	CPUID_81_ECX_CMP_LEGACY	= BIT(1),
	CPUID_81_ECX_SVM	= BIT(2),
	CPUID_81_ECX_EXT_APIC	= BIT(3),
	CPUID_81_ECX_ALT_MOV_CR8 = BIT(4),
	CPUID_81_ECX_LZCNT	= BIT(5),
	CPUID_81_ECX_SSE4A	= BIT(6),
	CPUID_81_ECX_MISALIGN_SSE = BIT(7),
	CPUID_81_ECX_PREFETCHW	= BIT(8),
	CPUID_81_ECX_OSVW	= BIT(9),
	CPUID_81_ECX_IBS	= BIT(10),
	CPUID_81_ECX_XOP	= BIT(11),
	CPUID_81_ECX_SKINIT	= BIT(12),
	CPUID_81_ECX_WDT	= BIT(13),
	CPUID_81_ECX_LWP	= BIT(15),
	CPUID_81_ECX_FMA4	= BIT(16),
	CPUID_81_ECX_TCE	= BIT(17),
	CPUID_81_ECX_TBM	= BIT(21),
	CPUID_81_ECX_TOPOLOGY	= BIT(22),
	CPUID_81_ECX_PERF_CTR	= BIT(23),
	CPUID_81_ECX_PERF_CTR_NB = BIT(24),
	CPUID_81_ECX_DATA_BP	= BIT(26),
	CPUID_81_ECX_PERF_TSC	= BIT(27),
	CPUID_81_ECX_PERF_CTR_L2 = BIT(28),
	CPUID_81_ECX_MONITORX	= BIT(29),
};

/* CPUID.80000001H:EDX */
enum cpuid_81_edx {
	CPUID_81_EDX_SYSCALL	= BIT(11),
	CPUID_81_EDX_NX		= BIT(20),
	CPUID_81_EDX_MMXEXT	= BIT(22),
	CPUID_81_EDX_FFXSR	= BIT(25),
	CPUID_81_EDX_PAGE_1G	= BIT(26),
	CPUID_81_EDX_RDTSCP	= BIT(27),
	CPUID_81_EDX_LM		= BIT(29),
	CPUID_81_EDX_3DNOWEXT	= BIT(30),
	CPUID_81_EDX_3DNOW	= BIT(31),
};

/* CPUID.80000008H:EBX (AMD) */
enum cpuid_88_ebx {
	CPUID_88_EBX_CLZERO	= BIT(0),
	CPUID_88_EBX_IRPERF	= BIT(1),
	CPUID_88_EBX_XSAVEERPTR	= BIT(2),	/* error pointers are always restored */
	CPUID_88_EBX_INVLPGB	= BIT(3),
	CPUID_88_EBX_RDPRU	= BIT(4),
	CPUID_88_EBX_MCOMMIT	= BIT(8),
	CPUID_88_EBX_WBNOINVD	= BIT(9),
	CPUID_88_EBX_IBPB	= BIT(12),
	CPUID_88_EBX_IBRS	= BIT(14),
	CPUID_88_EBX_STIBP	= BIT(15),
	CPUID_88_EBX_SSBD	= BIT(24),
};

/* CPUID.80000007H:EDX */
enum cpuid_87_edx {
	CPUID_87_EDX_INVARIANT_TSC = BIT(8),
};

struct cpuid {
	u32 eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

/* Like cpuid(), but zeros for a leaf above the maximum, which answers with another's. */
struct cpuid cpuid_or_zero(u32 leaf, u32 subleaf);

#define DEFINE_CR_ACCESSORS(n)							\
static inline u64 read_cr##n(void)						\
{										\
	u64 val;								\
										\
	__asm__ volatile("mov %%cr" #n ", %0" : "=r"(val) :: "memory");		\
	return val;								\
}										\
static inline void write_cr##n(u64 val)						\
{										\
	__asm__ volatile("mov %0, %%cr" #n :: "r"(val) : "memory");		\
}
DEFINE_CR_ACCESSORS(0)
DEFINE_CR_ACCESSORS(2)
DEFINE_CR_ACCESSORS(3)
DEFINE_CR_ACCESSORS(4)
#undef DEFINE_CR_ACCESSORS

static inline u64 read_dr6(void)
{
	u64 val;

	__asm__ volatile("mov %%dr6, %0" : "=r"(val));
	return val;
}

static inline void write_dr6(u64 val) { __asm__ volatile("mov %0, %%dr6" :: "r"(val)); }

static inline u64 xgetbv(u32 xcr)
{
	u32 low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(xcr));
	return (u64)high << 32 | low;
}

static inline void xsetbv(u32 xcr, u64 val)
{
	__asm__ volatile("xsetbv" :: "c"(xcr), "a"((u32)val), "d"((u32)(val >> 32)) : "memory");
}

/* Not ordered with loads before it: use where a tick or two do not matter. */
static inline u64 rdtsc(void)
{
	u64 low, high;		/* upper halves are cleared */

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return high << 32 | low;
}

/* After all earlier loads (SDM 2B "RDTSC"). */
static inline u64 rdtsc_ordered(void)
{
	u32 low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) :: "memory");
	return (u64)high << 32 | low;
}

static inline void invlpg(const void *virt)
{
	__asm__ volatile("invlpg (%0)" :: "r"(virt) : "memory");
}

static inline void irq_disable(void) { __asm__ volatile("cli" ::: "memory"); }
static inline void cpu_halt(void) { __asm__ volatile("hlt" ::: "memory"); }

/* Pseudo-descriptor of LGDT, LIDT, SGDT, SIDT: SDM 3A 3.5.1 */
struct desc_ptr {
	u16 limit;
	u64 base;
} __packed;

/*
 * Set the calling CPU's control registers as the hypervisor wants them: write protection, SSE and
 * XSAVE usable for switching guests' state, machine checks, SMEP, SMAP, UMIP and NX where present.
 */
void cpu_control_init(void);

/* "GenuineIntel family 6 model 85 stepping 4, Intel(R) ..." for the banner. */
void cpu_describe(char *buf, size_t len);

/* Leave the stack for another and go on in @fn there. */
void stack_switch(void *top, void (*fn)(void *arg), void *arg) __attribute__((noreturn));

/* The hypervisor's own selectors (traps.c loads the GDT); VMX host state needs them. */
enum selector {
	SEL_NULL = 0x00,
	SEL_CODE = 0x08,
	SEL_DATA = 0x10,
	SEL_TSS = 0x18,		/* 16 bytes: two slots */
};

#endif
