/* SPDX-License-Identifier: BSD-2-Clause */
/* MSRs: those that are there, their reserved bits, and #GP for all others. */
#include "lib.h"

const char test_name[] = "msr";

enum { MSR_MTRRCAP = 0xfe, MSR_MTRR_BASE0 = 0x200, MSR_MTRR_MASK0 = 0x201, MSR_PAT = 0x277,
	MSR_MTRR_DEF_TYPE = 0x2ff, MSR_TSC_ADJUST = 0x3b, MSR_TSC_AUX = 0xc0000103,
	MSR_LSTAR = 0xc0000082, MSR_FS_BASE = 0xc0000100, MSR_FEATURE_CONTROL = 0x3a,
	MSR_DEBUGCTL = 0x1d9, MSR_MISC_ENABLE = 0x1a0, MSR_HWCR = 0xc0010015 };

static const u32 absent[] = {
	0x8, 0x48, 0x49, 0x79, 0x9b, 0xc1, 0x122, 0x179, 0x186, 0x1f2, 0x210, 0x2fe, 0x38f, 0x400,
	0x480, 0x48c, 0x560, 0x600, 0x770, 0x7ff, 0x800, 0x8ff, 0x900, 0xda0, 0x1fff, 0x2000,
	0x12345678, 0x40000000, 0x4b564d00, 0x80000000, 0xbfffffff, 0xc0000000, 0xc0000104,
	0xc0001fff, 0xc0002000, 0xc0010117, 0xffffffff,
};

static void refused(u32 msr, u64 val)
{
	int vector = wrmsr_fault(msr, val);

	check(vector == GP, "WRMSR %#x of %#lx: vector %d, expected #GP", msr, val, vector);
	check_eq(fault_error, 0);
}

static void kept(u32 msr, u64 val)
{
	u64 old = rdmsr(msr);

	wrmsr(msr, val);
	check(rdmsr(msr) == val, "MSR %#x does not keep %#lx", msr, val);
	wrmsr(msr, old);
}

static void absent_ones(void)
{
	u64 val;

	for (u32 i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
		int vector = rdmsr_fault(absent[i], &val);

		check(vector == GP, "RDMSR %#x: vector %d, expected #GP", absent[i], vector);
		refused(absent[i], 0);
	}
}

/* Hardware configuration: Intel has no such MSR. */
static void hwcr(void)
{
	u64 val;

	if (!on_amd()) {
		check_eq(rdmsr_fault(MSR_HWCR, &val), GP);
		return;
	}
	check_eq(rdmsr(MSR_HWCR), 1 << 24);		/* the TSC's frequency is P0's */
	refused(MSR_HWCR, 1);
}

static void tsc(void)
{
	u64 before = rdtsc(), after;

	check(rdmsr(MSR_TSC) >= before, "MSR and RDTSC differ");
	wrmsr(MSR_TSC_ADJUST, 1ul << 40);
	after = rdtsc();
	check(after - before >= 1ul << 40, "TSC_ADJUST has no effect");
	check_eq(rdmsr(MSR_TSC_ADJUST), 1ul << 40);
	wrmsr(MSR_TSC, 0);
	check(rdtsc() < 1ul << 30, "writing the TSC has no effect");
	check(rdmsr(MSR_TSC_ADJUST) != 1ul << 40, "writing the TSC leaves TSC_ADJUST");
}

void test(void)
{
	absent_ones();
	hwcr();
	kept(MSR_LSTAR, 0xffffffff81000000);
	kept(MSR_FS_BASE, 0x123456789000);
	if (!emulated_by("tcg"))
		refused(MSR_LSTAR, 0x8000000000000000);	/* not canonical */
	kept(MSR_TSC_AUX, 0x12345678);
	refused(MSR_TSC_AUX, 1ul << 32);
	kept(MSR_PAT, 0x0007040600070406);
	refused(MSR_PAT, 0x0207040600070406);		/* type 2 is reserved */
	refused(MSR_EFER, rdmsr(MSR_EFER) | 1 << 1);
	refused(MSR_EFER, rdmsr(MSR_EFER) | 1 << 12);	/* SVME */
	refused(MSR_EFER, rdmsr(MSR_EFER) & ~(1ul << 8));	/* LME while paging */
	check_eq(rdmsr(MSR_FEATURE_CONTROL), 1);
	refused(MSR_FEATURE_CONTROL, 5);
	refused(MSR_DEBUGCTL, 1);
	check_eq(rdmsr(MSR_MTRRCAP) & 0xff, 8);
	refused(MSR_MTRRCAP, 0);
	kept(MSR_MTRR_BASE0, 0x80000006);
	refused(MSR_MTRR_BASE0, 0x80000002);
	refused(MSR_MTRR_BASE0, 0x80000106);
	refused(MSR_MTRR_BASE0, 1ul << 62);
	kept(MSR_MTRR_MASK0, 0x80000800);
	refused(MSR_MTRR_MASK0, 0x80000900);
	kept(MSR_MTRR_DEF_TYPE, 0x800);
	refused(MSR_MTRR_DEF_TYPE, 0x802);
	refused(MSR_MTRR_DEF_TYPE, 0x8000);
	check(rdmsr(MSR_MISC_ENABLE) & 1, "fast strings");
	refused(MSR_APIC_BASE, 1ul << 60);
	tsc();
}
