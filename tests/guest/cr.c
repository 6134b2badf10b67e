/* SPDX-License-Identifier: BSD-2-Clause */
/* CR0, CR3, CR4, CR8 and XCR0: what is kept, and #GP for what is reserved. */
#include "lib.h"

const char test_name[] = "cr";

enum { CR4_DE = 1 << 3, CR4_MCE = 1 << 6, CR4_PAE = 1 << 5, CR4_VMXE = 1 << 13,
	CR4_SMXE = 1 << 14, CR4_LA57 = 1 << 12, CR4_PCIDE = 1 << 17, CR4_OSXSAVE = 1 << 18,
	CR4_OSFXSR = 1 << 9 };
enum { CR0_MP = 2, CR0_TS = 8, CR0_NE = 1 << 5, CR0_WP = 1 << 16, CR0_NW = 1 << 29,
	CR0_CD = 1 << 30 };
#define CR0_PE 1ul
#define CR0_PG (1ul << 31)

static void set_cr0(void *val) { write_cr0((u64)val); }
static void set_cr3(void *val) { write_cr3((u64)val); }
static void set_cr4(void *val) { write_cr4((u64)val); }
static void set_cr8(void *val) { write_cr8((u64)val); }

static void set_xcr0(void *val)
{
	__asm__ volatile("xsetbv" :: "c"(0), "a"((u32)(u64)val), "d"((u32)((u64)val >> 32)));
}

static void set_xcr1(void *val)
{
	(void)val;
	__asm__ volatile("xsetbv" :: "c"(1), "a"(0), "d"(0));
}

static u64 get_xcr0(void)
{
	u32 low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (u64)high << 32 | low;
}

#define refused(fn, val) \
	do { \
		u64 v_ = (val); \
		int vector_ = fault_catch(fn, (void *)v_); \
		check(vector_ == GP, #fn " of %#lx: vector %d, expected #GP", v_, vector_); \
	} while (0)
#define allowed(fn, val) \
	do { \
		u64 v_ = (val); \
		int vector_ = fault_catch(fn, (void *)v_); \
		check(vector_ == NO_FAULT, #fn " of %#lx: vector %d", v_, vector_); \
	} while (0)

static void cr0(void)
{
	u64 old = read_cr0();

	allowed(set_cr0, old | CR0_WP | CR0_TS | CR0_MP);
	check_eq(read_cr0(), old | CR0_WP | CR0_TS | CR0_MP);
	__asm__ volatile("clts");
	check_eq(read_cr0(), old | CR0_WP | CR0_MP);
	__asm__ volatile("lmsw %w0" :: "r"((u16)(read_cr0() | CR0_TS)));
	check_eq(read_cr0(), old | CR0_WP | CR0_MP | CR0_TS);
	allowed(set_cr0, old | CR0_CD);
	check_eq(read_cr0(), old | CR0_CD);
	allowed(set_cr0, old | CR0_CD | CR0_NW);
	refused(set_cr0, (old | CR0_NW) & ~(u64)CR0_CD);
	refused(set_cr0, old & ~CR0_PE);
	refused(set_cr0, old & ~CR0_PG);		/* in 64-bit mode */
	refused(set_cr0, old | 1ul << 32);
	allowed(set_cr0, old & ~(u64)CR0_NE);
	check_eq(read_cr0(), old & ~(u64)CR0_NE);
	allowed(set_cr0, old | CR0_NE);
	check_eq(read_cr0(), old | CR0_NE);
	write_cr0(old);
	check_eq(read_cr0(), old);
}

static void cr4(void)
{
	u64 old = read_cr4();

	check(!(old & CR4_VMXE), "VMXE is seen");
	allowed(set_cr4, old | CR4_DE);
	check_eq(read_cr4(), old | CR4_DE);
	write_cr4(old);
	refused(set_cr4, old | CR4_VMXE);
	refused(set_cr4, old | CR4_SMXE);
	refused(set_cr4, old | CR4_LA57);
	refused(set_cr4, old | CR4_MCE);		/* as CPUID says */
	refused(set_cr4, old | 1ul << 31);
	refused(set_cr4, old | 1ul << 63);
	refused(set_cr4, old & ~(u64)CR4_PAE);		/* in 64-bit mode */
	check_eq(read_cr4(), old);
}

static void cr3(void)
{
	u64 old = read_cr3();

	refused(set_cr3, old | 1ul << 62);
	refused(set_cr3, 1ul << 52);
	allowed(set_cr3, old);
}

static void cr8(void)
{
	for (u64 i = 0; i < 16; i++) {
		write_cr8(i);
		check_eq(read_cr8(), i);
		check_eq(apic_read(APIC_TPR), i << 4);
	}
	if (!emulated_by("tcg")) {
		refused(set_cr8, 0x10);
		refused(set_cr8, 1ul << 63);
	}
	write_cr8(0);
}

static void xcr0(void)
{
	u64 all;

	if (!(cpuid(1, 0).c & 1 << 26))
		return;
	check_eq(fault_catch(set_xcr0, (void *)1ul), UD);
	write_cr4(read_cr4() | CR4_OSXSAVE | CR4_OSFXSR);
	check_eq(get_xcr0(), 1);
	all = cpuid(0xd, 0).a;
	check(all & 2, "no SSE state");
	allowed(set_xcr0, all);
	check_eq(get_xcr0(), all);
	check(cpuid(0xd, 0).b == cpuid(0xd, 0).c, "area for all states");
	allowed(set_xcr0, 3);
	check_eq(cpuid(0xd, 0).b, 576);
	refused(set_xcr0, 0);
	refused(set_xcr0, 2);
	refused(set_xcr0, 5);				/* AVX without SSE */
	refused(set_xcr0, all | 1ul << 62);
	refused(set_xcr0, all | 1ul << 18);		/* AMX */
	refused(set_xcr1, 0);
	check_eq(get_xcr0(), 3);
}

void test(void)
{
	cr0();
	cr4();
	cr3();
	cr8();
	xcr0();
}
