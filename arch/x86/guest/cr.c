/* SPDX-License-Identifier: BSD-2-Clause */
#include "arch/x86/guest/cr.h"

#include <errno.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/cpuid.h"
#include "arch/x86/guest/fpu.h"
#include "arch/x86/guest/lapic_regs.h"
#include "arch/x86/guest/vcpu.h"
#include "arch/x86/hvm.h"
#include "arch/x86/msr.h"
#include "kernel/guest.h"

/* ---- What there is ---- */

#define CR0_DEFINED (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | \
		     CR0_NW | CR0_CD | CR0_PG)

u64 guest_cr0_owned(void)
{
	return CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM;
}

/* Each CR4 bit that a guest may set, and the CPUID bit which says that it exists. */
static const struct cr4_bit {
	u64 bit;
	u32 leaf;
	u8 reg;			/* as in struct cpuid: 0 EAX ... 3 EDX */
	u32 cpuid_bit;
} cr4_bits[] = {
	{ CR4_VME | CR4_PVI, CPUID_FEATURES, 3, CPUID_1_EDX_VME },
	{ CR4_TSD, CPUID_FEATURES, 3, CPUID_1_EDX_TSC },
	{ CR4_DE, CPUID_FEATURES, 3, CPUID_1_EDX_DE },
	{ CR4_PSE, CPUID_FEATURES, 3, CPUID_1_EDX_PSE },
	{ CR4_PAE, CPUID_FEATURES, 3, CPUID_1_EDX_PAE },
	{ CR4_PGE, CPUID_FEATURES, 3, CPUID_1_EDX_PGE },
	{ CR4_PCE, CPUID_FEATURES, 3, CPUID_1_EDX_MMX },	/* since the P55C: RDPMC's #GP */
	{ CR4_OSFXSR, CPUID_FEATURES, 3, CPUID_1_EDX_FXSR },
	{ CR4_OSXMMEXCPT, CPUID_FEATURES, 3, CPUID_1_EDX_SSE },
	{ CR4_UMIP, CPUID_EXT_FEATURES, 2, CPUID_7_ECX_UMIP },
	{ CR4_FSGSBASE, CPUID_EXT_FEATURES, 1, CPUID_7_EBX_FSGSBASE },
	{ CR4_PCIDE, CPUID_FEATURES, 2, CPUID_1_ECX_PCID },
	{ CR4_OSXSAVE, CPUID_FEATURES, 2, CPUID_1_ECX_XSAVE },
	{ CR4_SMEP, CPUID_EXT_FEATURES, 1, CPUID_7_EBX_SMEP },
	{ CR4_SMAP, CPUID_EXT_FEATURES, 1, CPUID_7_EBX_SMAP },
	{ CR4_PKE, CPUID_EXT_FEATURES, 2, CPUID_7_ECX_PKU },
};

u64 guest_cr4_owned(void)
{
	u64 owned = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(cr4_bits); i++) {
		const struct cr4_bit *b = &cr4_bits[i];

		if (guest_cpuid_feature(b->leaf, b->reg) & b->cpuid_bit)
			owned |= b->bit;
	}
	return owned;
}

static u64 efer_defined(void)
{
	u32 edx = guest_cpuid_feature(CPUID_EXT_AMD, 3);
	u64 bits = 0;

	if (edx & CPUID_81_EDX_SYSCALL)
		bits |= EFER_SCE;
	if (edx & CPUID_81_EDX_NX)
		bits |= EFER_NXE;
	if (edx & CPUID_81_EDX_LM)
		bits |= EFER_LME | EFER_LMA;
	return bits;
}

/* ---- Changes ---- */

#define SEG_TYPE_TSS16_BUSY 3	/* SDM 3A table 3-2 */

/* SDM 3A table 4-8: bits that must be 0 in a present PDPTE, besides those above MAXPHYADDR. */
#define PDPTE_RESERVED	0x1e6ull

bool guest_pdpte_valid(u64 pdpte)
{
	unsigned int phys_bits = guest_cpuid_feature(CPUID_ADDR_SIZE, 0) & 0xff;

	return !(pdpte & PTE_P) || !(pdpte & (PDPTE_RESERVED | ~(BIT_ULL(phys_bits) - 1)));
}

/* Entering PAE paging loads all four entries, and faults on a bad one: SDM 3A 4.4.1. */
static bool pdptes_valid(struct vcpu *vcpu, u64 cr3)
{
	u64 pdpte[4];

	if (guest_mem_read(&vcpu->guest->mem, cr3 & CR3_PAE_BASE, pdpte, sizeof(pdpte)))
		return false;
	for (unsigned int i = 0; i < ARRAY_SIZE(pdpte); i++)
		if (!guest_pdpte_valid(pdpte[i]))
			return false;
	return true;
}

/* IA-32e mode cannot be entered with it: SDM 3A 10.8.5. */
static bool tss_16bit(const struct hvm_state *st)
{
	return (st->seg[HVM_TR].attr & 0xf) == SEG_TYPE_TSS16_BUSY;
}

/* SDM 3A 2.5 and 4.1.1, in the order of the rules there. */
static int set_cr0(struct vcpu *vcpu, u64 val)
{
	struct hvm_state st;
	bool enable;

	if (val >> 32)
		return -EINVAL;
	val = (val & CR0_DEFINED) | CR0_ET;	/* undefined bits are ignored */
	if ((val & (CR0_PE | CR0_PG)) == CR0_PG ||
	    (val & (CR0_NW | CR0_CD)) == CR0_NW)
		return -EINVAL;
	hvm->get_state(vcpu, &st);
	enable = val & CR0_PG && !(st.cr0 & CR0_PG);
	if (enable && st.efer & EFER_LME) {
		if (!(st.cr4 & CR4_PAE) || st.seg[HVM_CS].attr & HVM_SEG_L || tss_16bit(&st))
			return -EINVAL;
		st.efer |= EFER_LMA;
	} else if (enable && st.cr4 & CR4_PAE && !pdptes_valid(vcpu, st.cr3)) {
		return -EINVAL;
	}
	if (!(val & CR0_PG) && st.cr0 & CR0_PG) {
		if (st.cr4 & CR4_PCIDE || (st.efer & EFER_LMA && st.seg[HVM_CS].attr & HVM_SEG_L))
			return -EINVAL;
		st.efer &= ~(u64)EFER_LMA;
	}
	st.cr0 = val;
	hvm->set_state(vcpu, &st);
	return 0;
}

/* Only writes that change a bit which the guest does not own come here: all are reserved. */
static int set_cr4(struct vcpu *vcpu, u64 val)
{
	struct hvm_state st;

	if (val & ~guest_cr4_owned())
		return -EINVAL;
	hvm->get_state(vcpu, &st);
	if (st.efer & EFER_LMA && !(val & CR4_PAE))
		return -EINVAL;
	st.cr4 = val;
	hvm->set_state(vcpu, &st);
	return 0;
}

/* SDM 3A 2.2.1: LMA is read-only and follows LME and PG; LME cannot change while PG is set. */
int guest_set_efer(struct vcpu *vcpu, u64 val)
{
	struct hvm_state st;

	if (val & ~efer_defined())
		return -EINVAL;
	hvm->get_state(vcpu, &st);
	if ((val ^ st.efer) & EFER_LME && st.cr0 & CR0_PG)
		return -EINVAL;
	st.efer = (val & ~(u64)EFER_LMA) | (st.efer & EFER_LMA);
	hvm->set_state(vcpu, &st);
	return 0;
}

/* SDM 2C "XSETBV": components that need each other. */
static bool xcr0_consistent(u64 val)
{
	const u64 avx512 = XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM;

	if (!(val & XCR0_X87))
		return false;
	if (val & XCR0_AVX && !(val & XCR0_SSE))
		return false;
	if (val & avx512 && ((val & avx512) != avx512 || !(val & XCR0_AVX)))
		return false;
	return true;
}

static int set_xcr0(struct vcpu *vcpu, u32 xcr, u64 val)
{
	if (xcr != 0 || val & ~fpu_xcr0_allowed() || !xcr0_consistent(val))
		return -EINVAL;
	vcpu_set_xcr0(vcpu, val);
	return 0;
}

/* ---- Exits ---- */

static u64 get_cr0(struct vcpu *vcpu)
{
	struct hvm_state st;

	hvm->get_state(vcpu, &st);
	return st.cr0;
}

/* The source of MOV to CR has 32 bits outside 64-bit mode. */
static u64 mov_source(struct vcpu *vcpu)
{
	u64 val = vcpu->arch.gpr[vcpu->arch.exit.cr.gpr & 0xf];
	struct hvm_state st;

	hvm->get_state(vcpu, &st);
	return st.efer & EFER_LMA && st.seg[HVM_CS].attr & HVM_SEG_L ? val : (u32)val;
}

/* LMSW sets PE, MP, EM, TS and cannot clear PE: SDM 2A "LMSW". */
static int lmsw(struct vcpu *vcpu, u16 src)
{
	u64 cr0 = get_cr0(vcpu);
	u64 low = CR0_MP | CR0_EM | CR0_TS;

	return set_cr0(vcpu, (cr0 & ~low) | (src & (low | CR0_PE)));
}

static int mov_to_cr(struct vcpu *vcpu, u8 cr, u64 val)
{
	switch (cr) {
	case 0:
		return set_cr0(vcpu, val);
	case 4:
		return set_cr4(vcpu, val);
	case 8:
		if (val & ~0xfull)
			return -EINVAL;
		vlapic_set_cr8(vcpu->arch.lapic, val);
		return 0;
	}
	return -EINVAL;
}

/* Outside 64-bit mode it has 32 bits, and so has the destination. */
static int mov_from_cr(struct vcpu *vcpu, u8 cr, u64 *val)
{
	struct hvm_state st;

	hvm->get_state(vcpu, &st);
	switch (cr) {
	case 0:
		*val = st.cr0;
		return 0;
	case 4:
		*val = st.cr4;
		return 0;
	case 8:
		*val = vlapic_get_cr8(vcpu->arch.lapic);
		return 0;
	}
	return -EINVAL;
}

void guest_mov_cr(struct vcpu *vcpu)
{
	struct hvm_exit *x = &vcpu->arch.exit;
	int err = -EINVAL;

	switch (x->cr.op) {
	case HVM_CR_WRITE:
		err = mov_to_cr(vcpu, x->cr.cr, mov_source(vcpu));
		break;
	case HVM_CR_READ:
		err = mov_from_cr(vcpu, x->cr.cr, &vcpu->arch.gpr[x->cr.gpr & 0xf]);
		break;
	case HVM_CR_CLTS:
		err = set_cr0(vcpu, get_cr0(vcpu) & ~(u64)CR0_TS);
		break;
	case HVM_CR_LMSW:
		err = lmsw(vcpu, x->cr.lmsw);
		break;
	}
	if (err)
		hvm_inject_gp(vcpu);
	else
		hvm->skip(vcpu, x->insn_len);
}

void guest_xsetbv(struct vcpu *vcpu)
{
	u64 val = (vcpu->arch.gpr[HVM_RDX] << 32) | (u32)vcpu->arch.gpr[HVM_RAX];

	if (set_xcr0(vcpu, vcpu->arch.gpr[HVM_RCX], val))
		hvm_inject_gp(vcpu);
	else
		hvm->skip(vcpu, vcpu->arch.exit.insn_len);
}
