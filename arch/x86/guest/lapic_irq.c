/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC's interrupts: posted, requested, in service, which comes next (SDM 3A 11.8). */
#include "arch/x86/guest/lapic_regs.h"
#include "arch/x86/guest/vpc.h"
#include "arch/x86/hvm.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"

/* ---- Arrays of 256 bits: IRR, ISR, TMR ---- */

/* What its register is then. */
static u32 array_assign(struct vlapic *apic, u32 array, u8 vector, bool on)
{
	u32 *reg = lapic_array_reg(apic->regs, array, vector), bit = BIT(vector % 32);
	u32 bits = on ? READ_ONCE(*reg) | bit : READ_ONCE(*reg) & ~bit;

	WRITE_ONCE(*reg, bits);
	return bits;
}

/* @words: the registers that are not 0, by number. Where a guest reaches the page, they may be. */
static s16 array_highest(const struct vlapic *apic, u32 array, u8 words)
{
	for (; words; words &= (u8)~BIT(31 - __builtin_clz(words))) {
		u32 i = 31 - (u32)__builtin_clz(words);
		u32 bits = vlapic_reg(apic, array + i * LAPIC_REG_STRIDE);

		if (bits)
			return (s16)(i * 32 + 31 - (u32)__builtin_clz(bits));
	}
	return -1;
}

static u8 array_words(const struct vlapic *apic, u32 array)
{
	u8 words = 0;

	for (u32 i = 0; i < LAPIC_ARRAY_REGS; i++)
		words |= (u8)(!!vlapic_reg(apic, array + i * LAPIC_REG_STRIDE) << i);
	return words;
}

void vlapic_refresh(struct vlapic *apic)
{
	apic->irr_words = array_words(apic, LAPIC_IRR);
	apic->isr_words = array_words(apic, LAPIC_ISR);
	apic->irr_max = array_highest(apic, LAPIC_IRR, apic->irr_words);
	apic->isr_max = array_highest(apic, LAPIC_ISR, apic->isr_words);
}

/* @vector is not in @array any more; its register is @bits. */
static void summary_clear(struct vlapic *apic, u32 array, u8 vector, u32 bits, u8 *words, s16 *max)
{
	if (!bits)
		*words &= (u8)~BIT(vector / 32);
	*max = likely(!*words) ? -1 : array_highest(apic, array, *words);
}

static void irr_clear(struct vlapic *apic, u8 vector)
{
	u32 bits;

	if (unlikely(hvm_caps & HVM_CAP_POST)) {
		apic->claimed = -1;	/* vlapic_claim() did, and it may be there again */
		bits = READ_ONCE(*lapic_array_reg(apic->regs, LAPIC_IRR, vector));
	} else {
		bits = array_assign(apic, LAPIC_IRR, vector, false);
	}
	summary_clear(apic, LAPIC_IRR, vector, bits, &apic->irr_words, &apic->irr_max);
}

static void isr_set(struct vlapic *apic, u8 vector)
{
	array_assign(apic, LAPIC_ISR, vector, true);
	apic->isr_words |= (u8)BIT(vector / 32);
	apic->isr_max = MAX(apic->isr_max, vector);
}

static void isr_clear(struct vlapic *apic, u8 vector)
{
	u32 bits = array_assign(apic, LAPIC_ISR, vector, false);

	summary_clear(apic, LAPIC_ISR, vector, bits, &apic->isr_words, &apic->isr_max);
}

#define PRIORITY_CLASS	0xf0

/* SDM 3A 11.8.3.1: the higher of task priority and the class in service */
u32 vlapic_ppr(const struct vlapic *apic)
{
	u32 tpr = vlapic_reg(apic, LAPIC_TPR);
	u32 class = apic->isr_max < 0 ? 0 : (u32)apic->isr_max & PRIORITY_CLASS;

	return (tpr & PRIORITY_CLASS) >= class ? tpr : class;
}

/* ---- From a posted interrupt to the guest and back ---- */

static inline void irr_set(struct vlapic *apic, u8 vector)
{
	u32 *reg = lapic_array_reg(apic->regs, LAPIC_IRR, vector);

	if (unlikely(hvm_caps & HVM_CAP_POST))
		__atomic_fetch_or(reg, BIT(vector % 32), __ATOMIC_RELAXED);
	else
		array_assign(apic, LAPIC_IRR, vector, true);
	apic->irr_words |= (u8)BIT(vector / 32);
	apic->irr_max = MAX(apic->irr_max, vector);
}

/* To be merged into IRR by its own CPU, before the next entry. */
static __noinline void post_from_elsewhere(struct vcpu *vcpu, u8 vector, bool level)
{
	struct vlapic *apic = vcpu->arch.lapic;
	u64 bit = BIT_ULL(vector % 64);

	if (level)
		__atomic_fetch_or(&apic->tmr[vector / 64], bit, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&apic->tmr[vector / 64], ~bit, __ATOMIC_RELAXED);
	/* Whoever set the bit first kicks. Release: pairs with the exchanges of vlapic_sync(). */
	if (__atomic_fetch_or(&apic->pir[vector / 64], bit, __ATOMIC_RELEASE) & bit)
		return;
	__atomic_fetch_or(&apic->posted, BIT(vector / 64), __ATOMIC_RELEASE);
	vcpu_kick(vcpu);
}

/*
 * IRR is its own CPU's, which has it at hand once it has taken the vCPU on. What seldom happens, a
 * vector whose mode changes, goes the other way there, too.
 */
static inline void post(struct vcpu *vcpu, struct vlapic *apic, u8 vector, bool level)
{
	if (unlikely(vcpu->cpu != this_cpu() || list_empty(&vcpu->cpu_node) ||
		     vlapic_array_test(apic, LAPIC_TMR, vector) != level)) {
		post_from_elsewhere(vcpu, vector, level);
		return;
	}
	if (vlapic_array_test(apic, LAPIC_IRR, vector))
		return;			/* whoever set the bit has kicked */
	irr_set(apic, vector);
	vcpu_kick(vcpu);
}

/* Where processors set bits of IRR, too. Apart, so that nothing is kept for that elsewhere. */
static __noinline void post_to_processor(struct vcpu *vcpu, u8 vector, bool level)
{
	if (level || !hvm->post(vcpu, vector))
		post_from_elsewhere(vcpu, vector, level);
}

void vlapic_post(struct vcpu *vcpu, u8 vector, bool level)
{
	struct vlapic *apic = vcpu->arch.lapic;

	if (unlikely(vector < LAPIC_VECTOR_MIN))
		__atomic_fetch_add(&apic->dropped, 1, __ATOMIC_RELAXED);
	else if (unlikely(hvm_caps & HVM_CAP_POST))
		post_to_processor(vcpu, vector, level);
	else
		post(vcpu, apic, vector, level);
}

void vlapic_look(struct vcpu *vcpu)
{
	u32 *posted = &vcpu->arch.lapic->posted;

	if (!(__atomic_fetch_or(posted, VLAPIC_LOOK, __ATOMIC_SEQ_CST) & VLAPIC_LOOK))
		vcpu_kick(vcpu);	/* otherwise whoever set it has */
}

/* @vector arrives as level- or edge-triggered from now on: its EOI is or is not broadcast. */
static void tmr_assign(struct vlapic *apic, u8 vector, bool level)
{
	if (vlapic_array_test(apic, LAPIC_TMR, vector) == level)
		return;
	array_assign(apic, LAPIC_TMR, vector, level);
	hvm->eoi_exit(apic->vcpu, vector, level);
}

/* Those of @bits whose mode is not as it was; seldom any. */
static __noinline void tmr_sync(struct vlapic *apic, u32 word, u64 bits, u64 level)
{
	for (; bits; bits &= bits - 1) {
		u32 bit = (u32)__builtin_ctzll(bits);

		tmr_assign(apic, (u8)(word * 64 + bit), level >> bit & 1);
	}
}

/* Modes of word @word of pir[]. */
static u64 tmr_word(const struct vlapic *apic, u32 word)
{
	u32 off = LAPIC_TMR + 2 * word * LAPIC_REG_STRIDE;

	return vlapic_reg(apic, off) | (u64)vlapic_reg(apic, off + LAPIC_REG_STRIDE) << 32;
}

void vlapic_sync_posted(struct vlapic *apic)
{
	u32 words = __atomic_exchange_n(&apic->posted, 0, __ATOMIC_ACQUIRE);

	if (unlikely(words & VLAPIC_LOOK))
		vlapic_refresh(apic);
	for (words &= ~(u32)VLAPIC_LOOK; words; words &= words - 1) {
		u32 i = (u32)__builtin_ctz(words);
		u64 bits = __atomic_exchange_n(&apic->pir[i], 0, __ATOMIC_ACQUIRE);
		u64 level = __atomic_load_n(&apic->tmr[i], __ATOMIC_RELAXED);

		if (unlikely((tmr_word(apic, i) ^ level) & bits))
			tmr_sync(apic, i, bits, level);
		for (; bits; bits &= bits - 1)
			irr_set(apic, (u8)(i * 64 + (u32)__builtin_ctzll(bits)));
	}
}

/*
 * May @irr, the highest one requested, be taken now? The guest may move TPR without an exit, so the
 * PPR of the last update does not count.
 */
int vlapic_pending_own(const struct vlapic *apic, int irr)
{
	int class = irr & PRIORITY_CLASS;

	if (class <= (apic->isr_max < 0 ? 0 : apic->isr_max & PRIORITY_CLASS) ||
	    class <= (int)(vlapic_reg(apic, LAPIC_TPR) & PRIORITY_CLASS) ||
	    !apic->enabled)
		return -1;
	return irr;
}

void vlapic_wiring_update(struct vlapic *apic)
{
	u32 lint0 = vlapic_reg(apic, LAPIC_LVT_LINT0);

	WRITE_ONCE(apic->enabled,
		   vlapic_hw_enabled(apic) && vlapic_reg(apic, LAPIC_SVR) & SVR_ENABLE);
	/*
	 * The 8259 pair is wired to the boot processor only. With the APIC off, LINT0 is the
	 * processor's INTR pin (SDM 3A 11.4.3).
	 */
	apic->extint = apic->vcpu->id == 0 &&
		       (!vlapic_hw_enabled(apic) ||
			(lint0 & (LVT_MASKED | LVT_MODE)) == DELIVER_EXTINT << 8);
	hvm->apic_changed(apic->vcpu);
}

int vlapic_extint_vector(struct vlapic *apic)
{
	struct vpc *vpc = apic->vcpu->guest->arch.vpc;

	return vpc_pic_asserted(vpc) ? vpc_pic_vector(vpc) : -1;
}

void vlapic_accept(struct vlapic *apic, u8 vector)
{
	if (apic->due != vector || hvm_caps & HVM_CAP_VID) {
		vpc_pic_accept(apic->vcpu->guest->arch.vpc, vector);
		return;
	}
	apic->due = -1;
	irr_clear(apic, vector);
	isr_set(apic, vector);
	vlapic_ppr_update(apic);
}

void vlapic_claim(struct vlapic *apic, u8 vector)
{
	__atomic_fetch_and(lapic_array_reg(apic->regs, LAPIC_IRR, vector), ~(u32)BIT(vector % 32),
			   __ATOMIC_RELAXED);
	apic->claimed = vector;
}

void vlapic_unclaim(struct vlapic *apic)
{
	u8 vector = (u8)apic->claimed;

	apic->claimed = -1;
	__atomic_fetch_or(lapic_array_reg(apic->regs, LAPIC_IRR, vector), BIT(vector % 32),
			  __ATOMIC_RELAXED);
}

void vlapic_unaccept(struct vlapic *apic, u8 vector)
{
	isr_clear(apic, vector);
	irr_set(apic, vector);
}

unsigned int vlapic_tpr_threshold(struct vlapic *apic)
{
	u32 tpr = vlapic_reg(apic, LAPIC_TPR) >> 4;
	int irr = vlapic_sw_enabled(apic) ? vlapic_highest_irr(apic) : -1;
	unsigned int class = irr < 0 ? 0 : (unsigned int)irr >> 4;

	return tpr < class ? 0 : class;
}

/* Apart, so that nothing is kept for it where an interrupt was taken and ended. */
static __noinline void accept_or_end(struct vlapic *apic, int taken, bool ended)
{
	if (taken >= 0)
		vlapic_accept(apic, (u8)taken);
	if (ended)
		vlapic_eoi(apic);
}

void vlapic_ran(struct vlapic *apic, int taken, bool ended)
{
	if (likely(ended && taken >= 0 && taken == apic->due)) {
		apic->due = -1;
		irr_clear(apic, (u8)taken);
	} else {
		accept_or_end(apic, taken, ended);
	}
}

void vlapic_eoi_done(struct vlapic *apic, u8 vector)
{
	vpc_eoi(apic->vcpu->guest->arch.vpc, vector);
}

/* SDM 3A 11.8.5 */
void vlapic_eoi(struct vlapic *apic)
{
	int vector = vlapic_highest_isr(apic);

	if (vector < 0)
		return;
	isr_clear(apic, (u8)vector);
	vlapic_ppr_update(apic);
	if (vlapic_array_test(apic, LAPIC_TMR, (u8)vector))
		vlapic_eoi_done(apic, (u8)vector);
}

bool vlapic_eoi_at(const struct vlapic *apic, u64 gpa)
{
	return gpa == APIC_DEFAULT_BASE + LAPIC_EOI && vlapic_hw_enabled(apic) &&
	       !vlapic_x2apic(apic);
}

void vlapic_error(struct vlapic *apic, u32 esr)
{
	u32 lvt = vlapic_reg(apic, LAPIC_LVT_ERROR);

	apic->esr |= esr;
	if (!(lvt & LVT_MASKED) && (lvt & LVT_VECTOR) >= LAPIC_VECTOR_MIN)
		vlapic_post(apic->vcpu, (u8)(lvt & LVT_VECTOR), false);
}

void vlapic_set_cr8(struct vlapic *apic, u64 cr8)
{
	vlapic_set(apic, LAPIC_TPR, ((u32)cr8 & 0xf) << 4);
	vlapic_ppr_update(apic);
}

/* The page is cleared by the caller. */
void vlapic_irq_reset(struct vlapic *apic)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(apic->pir); i++) {
		__atomic_store_n(&apic->pir[i], 0, __ATOMIC_RELAXED);
		__atomic_store_n(&apic->tmr[i], 0, __ATOMIC_RELAXED);
	}
	for (unsigned int v = 0; v < LAPIC_ARRAY_REGS * 32; v++)
		tmr_assign(apic, (u8)v, false);
}
