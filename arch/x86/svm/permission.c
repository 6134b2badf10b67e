/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O and MSR permission maps (APM volume 2, 15.10.1, 15.11): a set bit exits. They say the same
 * for every guest.
 */
#include <errno.h>
#include <string.h>

#include "arch/x86/msr.h"
#include "arch/x86/svm/svm.h"
#include "kernel/mem.h"

enum { MSRPM_READ = BIT(0), MSRPM_WRITE = BIT(1) };

/*
 * MSRs that the guest reaches without an exit: those that VMRUN or VMLOAD take from the VMCB.
 * EFER is not one of them, for SVME is set in it, nor PAT: QEMU's guests would reach the host's;
 * nor the TSC, which they would read as 0.
 */
static const struct direct_msr {
	u32 msr;
	u8 access;
} direct_msrs[] = {
	{ MSR_IA32_SYSENTER_CS, MSRPM_READ | MSRPM_WRITE },
	{ MSR_IA32_SYSENTER_ESP, MSRPM_READ | MSRPM_WRITE },
	{ MSR_IA32_SYSENTER_EIP, MSRPM_READ | MSRPM_WRITE },
	{ MSR_IA32_STAR, MSRPM_READ | MSRPM_WRITE },
	{ MSR_IA32_LSTAR, MSRPM_READ | MSRPM_WRITE },
	{ MSR_IA32_CSTAR, MSRPM_READ | MSRPM_WRITE },
	{ MSR_IA32_FMASK, MSRPM_READ | MSRPM_WRITE },
	{ MSR_IA32_FS_BASE, MSRPM_READ | MSRPM_WRITE },
	{ MSR_IA32_GS_BASE, MSRPM_READ | MSRPM_WRITE },
	{ MSR_IA32_KERNEL_GS_BASE, MSRPM_READ | MSRPM_WRITE },
};

/*
 * With x2AVIC the processor does these itself (15.29.10). Others could be direct too, but then what
 * raises #GP would be the processor's to know.
 */
static const struct direct_msr x2avic_msrs[] = {
	{ MSR_IA32_X2APIC_TPR, MSRPM_READ | MSRPM_WRITE },
	{ MSR_IA32_X2APIC_EOI, MSRPM_WRITE },
	{ MSR_IA32_X2APIC_ICR, MSRPM_WRITE },
};

static const struct msr_range {
	u32 first;
	unsigned int offset;
} ranges[] = {
	{ 0, MSRPM_LOW },
	{ 0xc0000000, MSRPM_C000 },
	{ 0xc0010000, MSRPM_C001 },
};

/* The number of the first of @msr's two bits, or -1: outside the map, always exits. */
static int msrpm_bit(u32 msr)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(ranges); i++)
		if (msr - ranges[i].first < MSRPM_MSRS)
			return ranges[i].offset * 8 + (msr - ranges[i].first) * 2;
	return -1;
}

bool svm_msr_exits(const u8 *msrpm, u32 msr, bool write)
{
	int bit = msrpm_bit(msr);

	return bit < 0 || msrpm[bit / 8] >> bit % 8 & (write ? MSRPM_WRITE : MSRPM_READ);
}

static void let_through(u8 *msrpm, const struct direct_msr *list, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		int bit = msrpm_bit(list[i].msr);

		msrpm[bit / 8] &= ~(list[i].access << bit % 8);
	}
}

void svm_msrpm_fill(u8 *msrpm)
{
	memset(msrpm, 0xff, MSRPM_SIZE);
	let_through(msrpm, direct_msrs, ARRAY_SIZE(direct_msrs));
}

static void fill_x2avic(u8 *msrpm)
{
	svm_msrpm_fill(msrpm);
	let_through(msrpm, x2avic_msrs, ARRAY_SIZE(x2avic_msrs));
}

int svm_permission_init(void)
{
	u64 iopm = mem_alloc(IOPM_SIZE, PAGE_SIZE, MEM_EPT);
	u64 msrpm = mem_alloc(MSRPM_SIZE, PAGE_SIZE, MEM_EPT);
	u64 x2avic = svm_caps.x2avic ? mem_alloc(MSRPM_SIZE, PAGE_SIZE, MEM_EPT) : 0;

	if (!iopm || !msrpm || (svm_caps.x2avic && !x2avic))
		return -ENOMEM;
	memset(phys_to_virt(iopm), 0xff, IOPM_SIZE);
	svm_msrpm_fill(phys_to_virt(msrpm));
	if (x2avic)
		fill_x2avic(phys_to_virt(x2avic));
	svm_caps.msrpm_x2avic = x2avic;
	svm_caps.iopm = iopm;
	svm_caps.msrpm = msrpm;
	return 0;
}
