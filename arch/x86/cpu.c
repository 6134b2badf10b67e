/* SPDX-License-Identifier: BSD-2-Clause */
/* The physical processor: what it is, and its control registers. */
#include <stdio.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/msr.h"

struct cpuid cpuid_or_zero(u32 leaf, u32 subleaf)
{
	u32 base = leaf & CPUID_EXT_MAX;
	u32 max = cpuid(base, 0).eax;

	/* Without extended leaves the answer is that of some basic one. */
	if (leaf < base || leaf > max || (max & CPUID_EXT_MAX) != base)
		return (struct cpuid){ 0 };
	return cpuid(leaf, subleaf);
}

void cpu_control_init(void)
{
	u32 ext = cpuid_or_zero(CPUID_EXT_FEATURES, 0).ebx;
	u32 ext_c = cpuid_or_zero(CPUID_EXT_FEATURES, 0).ecx;
	u64 cr4 = CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	if (cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_XSAVE)
		cr4 |= CR4_OSXSAVE;
	if (ext & CPUID_7_EBX_SMEP)
		cr4 |= CR4_SMEP;
	if (ext & CPUID_7_EBX_SMAP)
		cr4 |= CR4_SMAP;
	if (ext_c & CPUID_7_ECX_UMIP)
		cr4 |= CR4_UMIP;
	write_cr4(cr4);
	write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
	if (cpuid_or_zero(CPUID_EXT_AMD, 0).edx & CPUID_81_EDX_NX)
		wrmsr(MSR_IA32_EFER, rdmsr(MSR_IA32_EFER) | EFER_NXE);
	if (cpuid(CPUID_FEATURES, 0).edx & CPUID_1_EDX_PAT)
		wrmsr(MSR_IA32_PAT, PAT_POWER_ON);
}

/* The brand string's three leaves, without the blanks that pad it on either side. */
static void brand_string(char brand[3 * sizeof(struct cpuid) + 1])
{
	struct cpuid part[3];
	const char *text = (const char *)part;

	for (unsigned int i = 0; i < ARRAY_SIZE(part); i++)
		part[i] = cpuid_or_zero(CPUID_BRAND0 + i, 0);
	memcpy(brand, text, sizeof(part));
	brand[sizeof(part)] = '\0';
	text = brand + strspn(brand, " ");
	memmove(brand, text, strlen(text) + 1);
	for (size_t n = strlen(brand); n > 0 && brand[n - 1] == ' '; n--)
		brand[n - 1] = '\0';
}

void cpu_describe(char *buf, size_t len)
{
	struct cpuid vendor = cpuid(CPUID_VENDOR, 0);
	u32 id = cpuid(CPUID_FEATURES, 0).eax;	/* SDM 2A figure 3-6 */
	unsigned int family = id >> 8 & 0xf, model = id >> 4 & 0xf;
	char brand[3 * sizeof(struct cpuid) + 1];

	if (family == 0x6 || family == 0xf)
		model |= (id >> 16 & 0xf) << 4;
	if (family == 0xf)
		family += id >> 20 & 0xff;
	brand_string(brand);
	snprintf(buf, len, "%.4s%.4s%.4s family %u model %u stepping %u, %s",
		 (const char *)&vendor.ebx, (const char *)&vendor.edx, (const char *)&vendor.ecx,
		 family, model, id & 0xf, *brand ? brand : "no brand string");
}
