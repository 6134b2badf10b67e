/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU's AVIC: on or off at each entry, what others post to it, and its exits. */
#include "arch/x86/cpu.h"
#include "arch/x86/guest/lapic_regs.h"
#include "arch/x86/svm/decode.h"
#include "arch/x86/svm/svm.h"
#include "kernel/guest.h"
#include "kernel/mem.h"

/* ---- On or off ---- */

static u32 inhibits(const struct vcpu *vcpu, u32 windows)
{
	struct vlapic *apic = vcpu->arch.lapic;
	u32 why = 0;

	if (!vlapic_sw_enabled(apic))
		why |= AVIC_INHIBIT_DISABLED;
	if (vlapic_x2apic(apic) && !svm_caps.x2avic)
		why |= AVIC_INHIBIT_X2APIC;
	if (vlapic_extint(apic) >= 0)
		why |= AVIC_INHIBIT_EXTINT;
	if (windows & INTERCEPT_VINTR)
		why |= AVIC_INHIBIT_WINDOW;
	return why;
}

static enum avic_mode wanted_mode(const struct vcpu *vcpu, const struct svm_vcpu *v)
{
	if (v->avic.inhibit)
		return AVIC_OFF;
	return vlapic_x2apic(vcpu->arch.lapic) ? AVIC_X2APIC : AVIC_XAPIC;
}

/* 15.29.4: what the processor needs to know. All vCPUs are there by the first entry. */
static void write_pointers(const struct vcpu *vcpu, struct svm_vcpu *v)
{
	struct vmcb_control *c = &v->vmcb->control;
	const struct avic_pages *p = v->guest->avic;

	c->avic_apic_bar = APIC_DEFAULT_BASE;
	c->avic_backing_page = vcpu->arch.lapic->regs_phys;
	c->avic_logical_table = virt_to_phys(p->logical);
	c->avic_physical_table = virt_to_phys(p->physical) | (vcpu->guest->nr_vcpus - 1);
}

/* With other nested tables nothing holds that was translated by the last ones. */
static void set_mode(const struct vcpu *vcpu, struct svm_vcpu *v, enum avic_mode mode)
{
	struct vmcb_control *c = &v->vmcb->control;
	const u64 *npt = mode == AVIC_XAPIC ? v->guest->avic->pml4 : v->guest->npt;

	if (c->n_cr3 != virt_to_phys(npt)) {
		c->n_cr3 = virt_to_phys(npt);
		svm_flush(v);
	}
	c->msrpm_base_pa = mode == AVIC_X2APIC ? svm_caps.msrpm_x2avic : svm_caps.msrpm;
	if (mode != AVIC_OFF)
		write_pointers(vcpu, v);
	v->avic.mode = mode;
	svm_dirty(v, CLEAN_ALL);
}

/* ---- Running or not ---- */

/* A CPU that no doorbell reaches is interrupted instead, as if AVIC were off. */
static void run_begin(struct svm_vcpu *v)
{
	u32 id = svm_this_cpu()->apic_id;
	u64 entry = *v->avic.entry & ~AVIC_PHYSICAL_HOST_ID;

	if (id > AVIC_HOST_ID_MAX)
		return;
	if (!svm_caps.avic_ipis_exit)
		WRITE_ONCE(*v->avic.entry, entry | id | AVIC_PHYSICAL_RUNNING);
	__atomic_store_n(&v->avic.running, id + 1, __ATOMIC_RELEASE);
}

/* Full barrier: whoever sets a bit of IRR that is not seen after this sees that it has ended. */
static void run_end(struct svm_vcpu *v)
{
	WRITE_ONCE(*v->avic.entry, *v->avic.entry & ~AVIC_PHYSICAL_RUNNING);
	__atomic_exchange_n(&v->avic.running, 0, __ATOMIC_SEQ_CST);
}

/* A bit of @vcpu's IRR has been set, with a full barrier since. */
static void ring_or_kick(struct vcpu *vcpu)
{
	const struct svm_vcpu *v = vcpu->arch.hvm;
	u32 running = __atomic_load_n(&v->avic.running, __ATOMIC_ACQUIRE);

	if (running)
		svm_doorbell(running - 1);
	else
		vlapic_look(vcpu);
}

/*
 * One that was level-triggered when it last came is left to the vCPU's own CPU, which alone
 * changes TMR.
 */
bool svm_avic_post(struct vcpu *vcpu, u8 vector)
{
	const struct svm_vcpu *v = vcpu->arch.hvm;
	struct vlapic *apic = vcpu->arch.lapic;
	u32 *reg = lapic_array_reg(apic->regs, LAPIC_IRR, vector);
	u32 bit = BIT(vector % 32);

	if (!READ_ONCE(v->avic.running) || vlapic_array_test(apic, LAPIC_TMR, vector))
		return false;
	if (!(__atomic_fetch_or(reg, bit, __ATOMIC_SEQ_CST) & bit))
		ring_or_kick(vcpu);
	return true;
}

/* ---- An entry ---- */

u64 svm_avic_prepare(struct vcpu *vcpu, struct svm_vcpu *v, u32 windows)
{
	struct vlapic *apic = vcpu->arch.lapic;
	enum avic_mode mode;

	v->avic.inhibit = inhibits(vcpu, windows);
	mode = wanted_mode(vcpu, v);
	if (mode != v->avic.mode)
		set_mode(vcpu, v, mode);
	if (mode == AVIC_OFF)
		return 0;
	vlapic_set(apic, LAPIC_PPR, vlapic_ppr(apic));
	run_begin(v);
	return INT_CTL_AVIC_ENABLE | (mode == AVIC_X2APIC ? INT_CTL_X2AVIC_ENABLE : 0);
}

/* IPIs of vCPUs that do have AVIC on go to IRR, while this one is in guest mode, too. */
void svm_avic_without(struct svm_vcpu *v, struct vlapic *apic)
{
	if (v->virq >= 0 && v->virq == apic->due)
		vlapic_claim(apic, (u8)v->virq);
}

void svm_avic_finish(struct vcpu *vcpu, struct svm_vcpu *v)
{
	struct vlapic *apic = vcpu->arch.lapic;
	u64 info = v->vmcb->control.exitintinfo;

	if (v->avic.mode == AVIC_OFF) {
		if (apic->claimed >= 0)
			vlapic_unclaim(apic);
		return;
	}
	run_end(v);
	vlapic_refresh(apic);
	if (info & EVENT_VALID && (info & EVENT_TYPE) == EVENT_TYPE_INTR)
		vlapic_unaccept(apic, info & EVENT_VECTOR);
}

/* ---- Life ---- */

void svm_avic_vcpu_init(struct vcpu *vcpu, struct svm_vcpu *v)
{
	if (!v->guest->avic)
		return;
	v->avic.entry = &v->guest->avic->physical[vcpu->id];
	svm_avic_changed(vcpu);
}

void svm_avic_vcpu_free(struct svm_vcpu *v)
{
	if (v->avic.entry)
		*v->avic.entry = 0;
}

/* It does not run now. An entry that was like the last one might not look. */
void svm_avic_changed(struct vcpu *vcpu)
{
	struct svm_vcpu *v = vcpu->arch.hvm;
	const struct vlapic *apic = vcpu->arch.lapic;

	if (!v || !v->avic.entry)
		return;
	WRITE_ONCE(*v->avic.entry,
		   vlapic_sw_enabled(apic) ? apic->regs_phys | AVIC_PHYSICAL_VALID : 0);
	v->quiet_int_ctl = SVM_NOT_QUIET;
}

/* ---- Exits (15.29.9) ---- */

/*
 * All that were named have it in IRR by now, and those that ran have been rung. The others are
 * found by that bit: a needless kick of one where it is pending for another reason does no harm.
 */
static void wake(struct vcpu *sender, u8 vector)
{
	const struct guest *guest = sender->guest;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < guest->nr_vcpus; i++)
		if (vlapic_array_test(guest->vcpus[i]->arch.lapic, LAPIC_IRR, vector))
			ring_or_kick(guest->vcpus[i]);
}

/* RIP is past the write, and ICR holds it, perhaps with its delivery status still pending. */
enum hvm_exit_kind svm_avic_incomplete_ipi(struct vcpu *vcpu, struct svm_vcpu *v)
{
	const struct vmcb_control *c = &v->vmcb->control;
	struct vlapic *apic = vcpu->arch.lapic;

	switch (c->exitinfo2 >> AVIC_IPI_CAUSE_SHIFT) {
	case AVIC_IPI_NOT_RUNNING:
		vlapic_set(apic, LAPIC_ICR, vlapic_reg(apic, LAPIC_ICR) & ~(u32)ICR_PENDING);
		wake(vcpu, c->exitinfo1 & ICR_VECTOR);
		return HVM_EXIT_DONE;
	case AVIC_IPI_INVALID_TYPE:
	case AVIC_IPI_INVALID_TARGET:
	case AVIC_IPI_INVALID_VECTOR:
		vcpu->arch.exit.apic_write.off = LAPIC_ICR;
		return HVM_EXIT_APIC_WRITE;
	default:	/* tables that were built wrongly, or what there was not at the time */
		return svm_exit_unexpected(vcpu, v);
	}
}

/* Table 15-22: writes that are done before the exit; others and reads exit before. */
static bool is_trap(u32 off)
{
	switch (off) {
	case LAPIC_ID:
	case LAPIC_RRD:
	case LAPIC_LDR:
	case LAPIC_DFR:
	case LAPIC_SVR:
	case LAPIC_ESR:
	case LAPIC_ICR:
	case LAPIC_LVT_TIMER ... LAPIC_TMICT:
	case LAPIC_TDCR:
		return true;
	default:
		return false;
	}
}

/*
 * Of a level-triggered vector. The manual calls the exit a trap in one place and a fault in the
 * other, so whether it is still in service is looked at.
 */
static enum hvm_exit_kind level_eoi(struct vcpu *vcpu, u8 vector)
{
	struct vlapic *apic = vcpu->arch.lapic;

	if (vlapic_array_test(apic, LAPIC_ISR, vector)) {
		vlapic_eoi(apic);
		return HVM_EXIT_DONE;
	}
	vcpu->arch.exit.eoi.vector = vector;
	return HVM_EXIT_EOI;
}

/* An instruction that has not been executed: for the emulator, or RDMSR and WRMSR. */
static enum hvm_exit_kind unaccelerated(struct vcpu *vcpu, struct svm_vcpu *v, u32 off, bool write)
{
	struct hvm_exit *x = &vcpu->arch.exit;
	int len;

	if (v->avic.mode == AVIC_X2APIC) {
		len = svm_insn_len(vcpu, BIT(SVM_INSN_RDMSR) | BIT(SVM_INSN_WRMSR));
		if (len < 0)
			return HVM_EXIT_DONE;
		x->insn_len = (u8)len;
		return write ? HVM_EXIT_WRMSR : HVM_EXIT_RDMSR;
	}
	x->mmio.gpa = APIC_DEFAULT_BASE + off;
	x->mmio.write = write;
	x->mmio.read = !write;
	x->mmio.exec = x->mmio.walk = x->mmio.gla_valid = false;
	x->mmio.gla = 0;
	x->mmio.delivery = v->vmcb->control.exitintinfo & EVENT_VALID;
	return HVM_EXIT_MMIO;
}

enum hvm_exit_kind svm_avic_noaccel(struct vcpu *vcpu, struct svm_vcpu *v)
{
	const struct vmcb_control *c = &v->vmcb->control;
	u32 off = c->exitinfo1 & AVIC_ACCESS_OFFSET;
	bool write = c->exitinfo1 & AVIC_ACCESS_WRITE;

	if (write && off == LAPIC_EOI)
		return level_eoi(vcpu, c->exitinfo2 & AVIC_ACCESS_VECTOR);
	if (!write || !is_trap(off))
		return unaccelerated(vcpu, v, off, write);
	vcpu->arch.exit.apic_write.off = off;
	return HVM_EXIT_APIC_WRITE;
}
