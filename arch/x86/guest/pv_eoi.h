/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's paravirtual EOI (Linux, Documentation/virt/kvm/x86/msr.rst, MSR_KVM_PV_EOI_EN): a word of
 * the guest's memory, one for each vCPU. While its bit 0 is set, the guest may end its interrupt by
 * clearing that bit instead of writing the EOI register, which would exit.
 *
 * The bit is set only while the guest runs: before each entry it is decided anew whether the next
 * EOI has to be seen at once, and after each exit the bit is looked at and cleared. All of it on
 * the vCPU's own CPU, so there is nothing to order against the guest. Against an interrupt that is
 * posted meanwhile: whoever posts finds the vCPU's CPU in guest mode and interrupts it
 * (tests/model/cpu.pml), and an EOI by the bit is done at that exit, before priorities are compared
 * for the next entry. One that was posted before, vlapic_sync() has moved to IRR by the time of
 * pv_eoi_offer(), which then offers nothing.
 */
#ifndef ARCH_X86_GUEST_PV_EOI_H
#define ARCH_X86_GUEST_PV_EOI_H

#include "arch/x86/guest/lapic.h"
#include "arch/x86/hvm.h"
#include "kernel/guest.h"

#define PV_EOI_PENDING	BIT(0)		/* in the word; other bits are the guest's */

/*
 * Is it there at all? Not where the processor does EOIs by itself, or shows ISR to the guest
 * without an exit; nor where the guest is not to be told of KVM (-cpu host,kvm=off).
 */
static inline bool pv_eoi_available(const struct vcpu *vcpu)
{
	return vcpu->guest->config->kvm && !(hvm_caps & (HVM_CAP_VID | HVM_CAP_APIC_REGS));
}

/* MSR_KVM_PV_EOI_EN: 0, or -EINVAL: inject #GP(0) (reserved bit, word not in RAM). */
int pv_eoi_rdmsr(const struct vlapic *apic, u64 *val);
int pv_eoi_wrmsr(struct vlapic *apic, u64 val);

/* Reset and INIT: switched off. */
void pv_eoi_reset(struct vlapic *apic);

/*
 * Before an entry, after vlapic_sync(). @shown: the vector that this entry shows to the guest and
 * that vlapic_ran() will be told of if it was taken, or -1.
 */
void pv_eoi_offer_word(struct vlapic *apic, int shown);
static inline void pv_eoi_offer(struct vlapic *apic, int shown)
{
	if (apic->pv_eoi.word)
		pv_eoi_offer_word(apic, shown);
}

/* After the exit, before anything else: was it an EOI? Then vlapic_ran() is to do it. */
static inline bool pv_eoi_take(struct vlapic *apic)
{
	struct pv_eoi *p = &apic->pv_eoi;
	u32 word;

	if (!p->offered)
		return false;
	p->offered = false;
	word = READ_ONCE(*p->word);
	if (word & PV_EOI_PENDING) {
		WRITE_ONCE(*p->word, word & ~PV_EOI_PENDING);
		return false;
	}
	p->eois++;
	return true;
}

#endif
