/* SPDX-License-Identifier: BSD-2-Clause */
#include "arch/x86/guest/fpu.h"

#include <string.h>

#include "arch/x86/cpu.h"
#include "kernel/mem.h"

/* The state components whose instructions CPUID shows to guests: cpuid.c. */
#define XCR0_KNOWN (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_OPMASK | XCR0_ZMM_HI256 | \
		    XCR0_HI16_ZMM | XCR0_PKRU)

/* FXSAVE area, SDM 1 table 10-2; its values after a reset: SDM 3A table 10-1 (FNINIT's FCW). */
struct fxsave {
	u16 fcw, fsw;
	u8 ftw, reserved;
	u16 fop;
	u64 fip, fdp;
	u32 mxcsr, mxcsr_mask;
	u8 registers[480];
};
_Static_assert(sizeof(struct fxsave) == 512, "SDM 1 table 10-2");

#define FCW_INIT	0x037f
#define MXCSR_INIT	0x1f80

/* SDM 1 13.4.1: legacy region and header */
#define XSAVE_MIN_SIZE	(512 + 64)

static u64 xcr0_from_cpuid(void)
{
	struct cpuid c;

	if (!(cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_XSAVE))
		return 0;
	c = cpuid_or_zero(CPUID_XSTATE, 0);
	return (c.eax | (u64)c.edx << 32) & XCR0_KNOWN;
}

/* The same on all CPUs, and asked for at each switch: CPUID is slow. */
u64 fpu_xcr0_allowed(void)
{
	static u64 allowed;
	static bool known;

	if (unlikely(!known)) {
		allowed = xcr0_from_cpuid();
		known = true;
	}
	return allowed;
}

static u64 area_size(void)
{
	u64 size = XSAVE_MIN_SIZE;
	u64 xcr0 = fpu_xcr0_allowed();

	/* SDM 1 13.2: CPUID.(0DH,i): EAX bytes at offset EBX, for i >= 2 */
	for (unsigned int i = 2; i < 63; i++) {
		struct cpuid c;

		if (!(xcr0 & BIT_ULL(i)))
			continue;
		c = cpuid(CPUID_XSTATE, i);
		size = MAX(size, (u64)c.eax + c.ebx);
	}
	return ALIGN_UP(size, PAGE_SIZE);
}

void *fpu_alloc(void)
{
	u64 phys = mem_alloc(area_size(), PAGE_SIZE, MEM_EPT);

	if (!phys)
		return NULL;
	fpu_reset(phys_to_virt(phys));
	return phys_to_virt(phys);
}

void fpu_free(void *area)
{
	mem_free(virt_to_phys(area), area_size(), MEM_EPT);
}

void fpu_reset(void *area)
{
	struct fxsave *fx = area;

	memset(area, 0, area_size());
	fx->fcw = FCW_INIT;
	fx->mxcsr = MXCSR_INIT;
}

static void set_xcr0(u64 xcr0)
{
	if (xgetbv(0) != xcr0)
		xsetbv(0, xcr0);
}

void fpu_save(void *area)
{
	u64 xcr0 = fpu_xcr0_allowed();

	if (!xcr0) {
		__asm__ volatile("fxsave64 %0" : "=m"(*(struct fxsave *)area));
		return;
	}
	set_xcr0(xcr0);
	__asm__ volatile("xsave64 (%0)" :: "r"(area), "a"((u32)xcr0), "d"((u32)(xcr0 >> 32))
			 : "memory");
}

void fpu_load(const void *area)
{
	u64 xcr0 = fpu_xcr0_allowed();

	if (!xcr0) {
		__asm__ volatile("fxrstor64 %0" :: "m"(*(const struct fxsave *)area));
		return;
	}
	set_xcr0(xcr0);
	__asm__ volatile("xrstor64 (%0)" :: "r"(area), "a"((u32)xcr0), "d"((u32)(xcr0 >> 32))
			 : "memory");
}
