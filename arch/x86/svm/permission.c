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

void svm_msrpm_fill(u8 *msrpm)
{
	memset(msrpm, 0xff, MSRPM_SIZE);
	for (unsigned int i = 0; i < ARRAY_SIZE(direct_msrs); i++) {
		int bit = msrpm_bit(direct_msrs[i].msr);

		msrpm[bit / 8] &= ~(direct_msrs[i].access << bit % 8);
	}
}

int svm_permission_init(void)
{
	u64 iopm = mem_alloc(IOPM_SIZE, PAGE_SIZE, MEM_EPT);
	u64 msrpm = mem_alloc(MSRPM_SIZE, PAGE_SIZE, MEM_EPT);

	if (!iopm || !msrpm)
		return -ENOMEM;
	memset(phys_to_virt(iopm), 0xff, IOPM_SIZE);
	svm_msrpm_fill(phys_to_virt(msrpm));
	svm_caps.iopm = iopm;
	svm_caps.msrpm = msrpm;
	return 0;
}
