/* SPDX-License-Identifier: BSD-2-Clause */
/* x2APIC mode: switching, registers as MSRs, what is reserved, back through reset of the mode. */
#include "lib.h"

const char test_name[] = "x2apic";

enum { VECTOR = 0x50, X2 = MSR_X2APIC };

static volatile u32 hits;

static void hit(struct frame *f)
{
	(void)f;
	hits++;
	wrmsr(X2 + APIC_EOI / 16, 0);
}

static void gp(u32 msr, bool write, u64 val)
{
	int vector = write ? wrmsr_fault(msr, val) : rdmsr_fault(msr, &val);

	check(vector == GP, "%s of %#x: vector %d, expected #GP", write ? "WRMSR" : "RDMSR", msr,
	      vector);
}

static void registers(void)
{
	check_eq(rdmsr(X2 + APIC_ID / 16), 0);
	check_eq(rdmsr(X2 + APIC_LDR / 16), 1);
	check_eq(rdmsr(X2 + APIC_VERSION / 16) & 0xf0, 0x10);
	gp(X2 + APIC_ID / 16, true, 1);
	gp(X2 + APIC_LDR / 16, true, 1);
	gp(X2 + APIC_DFR / 16, false, 0);
	gp(X2 + APIC_ICR2 / 16, false, 0);
	gp(X2 + APIC_EOI / 16, false, 0);
	gp(X2 + APIC_SELF_IPI / 16, false, 0);
	gp(X2 + APIC_TMCCT / 16, true, 0);
	gp(X2 + APIC_TPR / 16, true, 0x100);
	gp(X2 + APIC_SVR / 16, true, 1ul << 32);
	gp(X2 + APIC_ESR / 16, true, 1);
	gp(X2 + 0x40, false, 0);
	for (u64 tpr = 0; tpr < 0x100; tpr += 0x11) {
		wrmsr(X2 + APIC_TPR / 16, tpr);
		check_eq(rdmsr(X2 + APIC_TPR / 16), tpr);
		check_eq(read_cr8(), tpr >> 4);
	}
	wrmsr(X2 + APIC_TPR / 16, 0);
}

static void interrupts(void)
{
	hits = 0;
	wrmsr(X2 + APIC_SELF_IPI / 16, VECTOR);
	check(wait_for(&hits, 100000), "no interrupt by SELF IPI");
	hits = 0;
	wrmsr(X2 + APIC_ICR / 16, VECTOR);
	check(wait_for(&hits, 100000), "no interrupt by ICR");
	hits = 0;
	wrmsr(X2 + APIC_ICR / 16, 0xffffffff00000000ul | VECTOR);
	check(wait_for(&hits, 100000), "no interrupt by broadcast");
	/* EOI is done: ISR is clear */
	for (u32 reg = APIC_ISR; reg < APIC_ISR + 0x80; reg += 0x10)
		check_eq(rdmsr(X2 + reg / 16), 0);
	check_eq(rdmsr(X2 + APIC_PPR / 16), 0);
}

static void modes(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	/* SDM 3A figure 11-27: from x2APIC to xAPIC only through "disabled" */
	gp(MSR_APIC_BASE, true, base & ~(u64)APIC_BASE_EXTD);
	gp(MSR_APIC_BASE, true, base & ~(u64)APIC_BASE_EN);
	wrmsr(MSR_APIC_BASE, base & ~(u64)(APIC_BASE_EN | APIC_BASE_EXTD));
	check(!(cpuid(1, 0).d & 1 << 9), "CPUID shows a disabled APIC");
	gp(MSR_APIC_BASE, true, base);		/* disabled to x2APIC */
	wrmsr(MSR_APIC_BASE, base & ~(u64)APIC_BASE_EXTD);
	check(cpuid(1, 0).d & 1 << 9, "CPUID shows no APIC");
	gp(X2 + APIC_ID / 16, false, 0);
	check_eq(read32(APIC_MMIO + APIC_ID), 0);
}

void test(void)
{
	pic_mask();
	irq_handle(VECTOR, hit);
	gp(X2 + APIC_ID / 16, false, 0);
	apic_x2();
	check(rdmsr(MSR_APIC_BASE) & APIC_BASE_EXTD, "not in x2APIC mode");
	wrmsr(X2 + APIC_SVR / 16, 0x1ff);
	registers();
	interrupts();
	modes();
	apic_x2();
	wrmsr(X2 + APIC_SVR / 16, 0x1ff);
	interrupts();
}
