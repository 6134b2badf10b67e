/* SPDX-License-Identifier: BSD-2-Clause */
#include "arch/x86/guest/pv_eoi.h"

#include <errno.h>

#include "arch/x86/guest/lapic_regs.h"
#include "kernel/guest.h"

#define PV_EOI_ENABLED	BIT_ULL(0)	/* in the MSR; bit 1 is reserved, the rest an address */

int pv_eoi_rdmsr(const struct vlapic *apic, u64 *val)
{
	if (!pv_eoi_available(apic->vcpu))
		return -EINVAL;
	*val = apic->pv_eoi.msr;
	return 0;
}

/* A guest's RAM stays where it is until the vCPU is reset, so the place is looked up once. */
int pv_eoi_wrmsr(struct vlapic *apic, u64 val)
{
	u64 gpa = val & ~PV_EOI_ENABLED;
	u32 *word = NULL;

	if (!pv_eoi_available(apic->vcpu) || !IS_ALIGNED(gpa, sizeof(*word)))
		return -EINVAL;
	if (val & PV_EOI_ENABLED) {
		word = guest_mem_ptr(&apic->vcpu->guest->mem, gpa, sizeof(*word));
		if (!word)
			return -EINVAL;
	}
	apic->pv_eoi.msr = val;
	apic->pv_eoi.word = word;
	return 0;
}

void pv_eoi_reset(struct vlapic *apic)
{
	apic->pv_eoi.msr = 0;
	apic->pv_eoi.word = NULL;
	apic->pv_eoi.offered = false;
}

/* Is irr_max all that there is? It was found in that word of IRR, so neither is 0. */
static bool irr_single(const struct vlapic *apic)
{
	u32 words = apic->irr_words;
	u32 bits = READ_ONCE(*lapic_array_reg(apic->regs, LAPIC_IRR, (u8)apic->irr_max));

	return !((words & (words - 1)) | (bits & (bits - 1)));
}

/*
 * The vector that the guest's next EOI will end, or -1 if there is none, or if that EOI makes room
 * for another interrupt. An interrupt that is only shown yet counts as in service if it is the only
 * one at all: then an EOI before it is taken would be one of nothing, and changes nothing.
 */
static int next_eoi(const struct vlapic *apic, int shown)
{
	if (apic->irr_max < 0)
		return apic->isr_max;
	if (apic->isr_max >= 0 || shown != apic->irr_max || !irr_single(apic))
		return -1;
	return shown;
}

void pv_eoi_offer_word(struct vlapic *apic, int shown)
{
	struct pv_eoi *p = &apic->pv_eoi;
	int vector = next_eoi(apic, shown);

	/* That of a level-triggered one is for the I/O APIC, too. */
	if (vector < 0 || vlapic_array_test(apic, LAPIC_TMR, (u8)vector))
		return;
	WRITE_ONCE(*p->word, READ_ONCE(*p->word) | PV_EOI_PENDING);
	p->offered = true;
}
