/* SPDX-License-Identifier: BSD-2-Clause */
/* One VMRUN: what must be delivered or arranged before it, and what came of it. */
#include "arch/x86/cpu.h"
#include "arch/x86/guest/lapic_regs.h"
#include "arch/x86/guest/pv_eoi.h"
#include "arch/x86/guest/ticks.h"
#include "arch/x86/msr.h"
#include "arch/x86/svm/svm.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"

#define LAPIC_CLASS_SHIFT 4	/* priority class of a vector, task priority of CR8 */

static void set_intercept_3(struct svm_vcpu *v, struct vmcb_control *c, u32 mask, u32 bits)
{
	u32 want = (c->intercept_3 & ~mask) | bits;

	if (c->intercept_3 == want)
		return;
	c->intercept_3 = want;
	svm_dirty(v, CLEAN_INTERCEPTS);
}

/* ---- Events (15.20) ---- */

/* What software's own INT3 or INTO would push is not known here, and never needed: exit.c. */
static void inject(struct svm_vcpu *v, struct hvm_event *ev)
{
	u64 type = ev->type == HVM_EVENT_NMI ? EVENT_TYPE_NMI : EVENT_TYPE_EXCEPTION;
	u64 inj = EVENT_VALID | type | ev->vector;

	if (ev->has_error)
		inj |= EVENT_ERROR_VALID | (u64)ev->error << EVENT_ERROR_SHIFT;
	v->vmcb->control.eventinj = inj;
	ev->valid = false;
}

/*
 * NMIs are blocked from one's injection to its handler's IRET, which exits. The next one is
 * injected at the first exit after it; that there is one soon a window for interrupts sees to,
 * which as a rule the IRET opens.
 */
static u32 prepare_nmi(struct vcpu *vcpu, struct svm_vcpu *v)
{
	struct vlapic *apic = vcpu->arch.lapic;

	if (!READ_ONCE(apic->nmi_pending))
		return v->nmi_blocked && !v->iret_seen ? INTERCEPT_IRET : 0;
	if (v->iret_seen)
		return INTERCEPT_VINTR;
	if (v->nmi_blocked)
		return INTERCEPT_IRET;
	if (vcpu->arch.pending.valid)
		return INTERCEPT_VINTR;
	__atomic_store_n(&apic->nmi_pending, 0, __ATOMIC_RELAXED);
	vcpu->arch.pending = (struct hvm_event){
		.valid = true, .type = HVM_EVENT_NMI, .vector = EXC_NMI,
	};
	v->nmi_blocked = true;
	return INTERCEPT_IRET;
}

/*
 * Emulators decide the way of an interrupt that the guest can take at once. QEMU delivers one of
 * EVENTINJ twice at times; it has no NRIPS. Bochs looks at a virtual one only after the guest has
 * changed RFLAGS.IF; it has NRIPS, as all processors of today have.
 */
static bool can_inject(const struct vmcb *vmcb, u32 windows)
{
	return svm_caps.features & SVM_NRIPS && vmcb->save.rflags & RFLAGS_IF &&
	       !(vmcb->control.int_state & INT_STATE_SHADOW) &&
	       !(vmcb->control.eventinj & EVENT_VALID) && !(windows & INTERCEPT_VINTR);
}

/*
 * Other external interrupts are shown as virtual ones (15.21.4), which the processor takes when the
 * guest can: RFLAGS.IF, no shadow. While one waits, a write of CR8 exits and priorities are
 * compared here, so V_IGN_TPR is right.
 */
static u64 prepare_interrupt(struct svm_vcpu *v, struct vlapic *apic, u32 windows)
{
	v->virq = vlapic_pending(apic);
	if (v->virq < 0)
		return windows & INTERCEPT_VINTR ? INT_CTL_V_IRQ | INT_CTL_V_IGN_TPR : 0;
	if (can_inject(v->vmcb, windows)) {
		v->vmcb->control.eventinj = EVENT_VALID | EVENT_TYPE_INTR | (u64)v->virq;
		return 0;
	}
	return INT_CTL_V_IRQ | INT_CTL_V_IGN_TPR |
	       (u64)v->virq >> LAPIC_CLASS_SHIFT << INT_CTL_V_INTR_PRIO_SHIFT |
	       (u64)v->virq << INT_CTL_V_INTR_VECTOR_SHIFT;
}

/* @irr: the highest vector that waits and that software delivers, or -1. */
static void watch_cr8(struct svm_vcpu *v, struct vmcb_control *c, int irr)
{
	u32 want = c->intercept_cr & ~(u32)INTERCEPT_CR_WRITE(8);

	if (irr >= 0)
		want |= INTERCEPT_CR_WRITE(8);
	if (want == c->intercept_cr)
		return;
	c->intercept_cr = want;
	svm_dirty(v, CLEAN_INTERCEPTS);
}

/* What there is to deliver, and what has to exit for the rest. No VID here: irr_max is right. */
static __noinline void arrange_events(struct vcpu *vcpu, struct svm_vcpu *v)
{
	struct vmcb_control *c = &v->vmcb->control;
	struct vlapic *apic = vcpu->arch.lapic;
	u32 windows = prepare_nmi(vcpu, v);
	u64 int_ctl, avic = 0;
	bool quiet;

	c->eventinj = 0;
	if (vcpu->arch.pending.valid)
		inject(v, &vcpu->arch.pending);
	vlapic_sync(apic);
	if (unlikely(v->avic.entry))
		avic = svm_avic_prepare(vcpu, v, windows);
	int_ctl = INT_CTL_V_INTR_MASKING | vlapic_get_cr8(apic) |
		  (avic ? avic : prepare_interrupt(v, apic, windows));
	if (c->int_ctl != int_ctl) {
		c->int_ctl = int_ctl;
		svm_dirty(v, CLEAN_TPR);
	}
	quiet = v->virq < 0 && !avic && !windows && !c->eventinj && !v->nmi_blocked &&
		apic->irr_max < 0 && apic->isr_max < 0;
	v->quiet_int_ctl = quiet ? int_ctl : SVM_NOT_QUIET;
	v->shares_cpu = cpu_is_shared(vcpu->cpu);
	if (v->shares_cpu)
		windows |= INTERCEPT_PAUSE;
	set_intercept_3(v, c, INTERCEPT_VINTR | INTERCEPT_IRET | INTERCEPT_PAUSE, windows);
	watch_cr8(v, c, avic ? -1 : apic->irr_max);
	if (!avic)
		pv_eoi_offer(apic, v->virq);
	if (unlikely(v->avic.entry) && !avic)
		svm_avic_without(v, apic);
}

/*
 * Is there nothing to deliver and nothing in service (an EOI is offered then), as at the last
 * entry, and nothing else that would be arranged in another way? So it is at most entries.
 */
static bool still_quiet(const struct vcpu *vcpu, const struct svm_vcpu *v)
{
	struct vlapic *apic = vcpu->arch.lapic;

	return v->quiet_int_ctl == (INT_CTL_V_INTR_MASKING | vlapic_get_cr8(apic)) &&
	       !(READ_ONCE(apic->nmi_pending) | READ_ONCE(apic->posted)) &&
	       (apic->irr_max & apic->isr_max) < 0 &&	/* both */
	       !vcpu->arch.pending.valid && v->shares_cpu == cpu_is_shared(vcpu->cpu) &&
	       vlapic_extint(apic) < 0;
}

/* ---- Time and translations ---- */

static void new_asid(struct svm_vcpu *v, struct svm_cpu *c)
{
	struct vmcb_control *control = &v->vmcb->control;

	control->tlb_control = TLB_DO_NOTHING;
	if (c->next_asid >= svm_caps.nr_asids) {
		c->asid_gen++;
		c->next_asid = 1;
		control->tlb_control = TLB_FLUSH_ALL;
	}
	control->asid = c->next_asid++;
	v->asid_gen = c->asid_gen;
	svm_dirty(v, CLEAN_ASID);
}

/* Without FlushByAsid a new ASID, which has no translations yet, is the flush: 15.16.1. */
static __noinline void renew_translations(struct svm_vcpu *v)
{
	struct svm_cpu *c = svm_this_cpu();
	bool flush = v->flush;

	v->cpu = c;
	v->flush = false;
	if (v->asid_gen != c->asid_gen || (flush && !(svm_caps.features & SVM_FLUSH_BY_ASID)))
		new_asid(v, c);
	else
		v->vmcb->control.tlb_control = flush ? TLB_FLUSH_ASID : TLB_DO_NOTHING;
}

static bool translations_hold(const struct svm_vcpu *v)
{
	return !v->flush && v->asid_gen == v->cpu->asid_gen;
}

static void prepare_tsc(const struct vcpu *vcpu, struct svm_vcpu *v, struct vmcb *vmcb)
{
	u64 offset = vcpu->guest->arch.tsc_offset;

	if (likely(vmcb->control.tsc_offset == offset))
		return;
	vmcb->control.tsc_offset = offset;
	svm_dirty(v, CLEAN_INTERCEPTS);
}

/* ---- The entry ---- */

static void load_registers(const struct vcpu *vcpu, struct svm_vcpu *v, struct vmcb *vmcb)
{
	struct vmcb_save *s = &vmcb->save;

	s->rax = vcpu->arch.gpr[HVM_RAX];
	s->rsp = vcpu->arch.gpr[HVM_RSP];
	if (unlikely(s->g_pat != vcpu->arch.msrs.pat)) {
		s->g_pat = vcpu->arch.msrs.pat;
		svm_dirty(v, CLEAN_NP);
	}
	if (unlikely(s->cr2 != vcpu->arch.cr2)) {
		s->cr2 = vcpu->arch.cr2;
		svm_dirty(v, CLEAN_CR2);
	}
}

static void save_registers(struct vcpu *vcpu, const struct vmcb_save *s)
{
	vcpu->arch.gpr[HVM_RAX] = s->rax;
	vcpu->arch.gpr[HVM_RSP] = s->rsp;
	vcpu->arch.cr2 = s->cr2;
}

/*
 * Was the interrupt taken? A virtual one is not shown any more then. One whose delivery the exit
 * interrupted was not: it is still pending in the APIC, and shown again. Then what the guest wrote
 * to CR8.
 */
static __noinline void finish_interrupt(struct vcpu *vcpu, struct svm_vcpu *v)
{
	const struct vmcb_control *c = &v->vmcb->control;
	struct vlapic *apic = vcpu->arch.lapic;
	bool interrupted = c->exitintinfo & EVENT_VALID &&
			   (c->exitintinfo & EVENT_TYPE) == EVENT_TYPE_INTR;
	int taken = -1;

	if (v->virq >= 0 && !(c->int_ctl & INT_CTL_V_IRQ) && !interrupted) {
		taken = v->virq;
		vcpu->injected++;
	}
	v->virq = -1;
	vlapic_ran(apic, taken, pv_eoi_take(apic));
	if (unlikely(v->avic.entry))
		svm_avic_finish(vcpu, v);
	if ((c->int_ctl & INT_CTL_V_TPR) != vlapic_get_cr8(apic))
		vlapic_set_cr8(apic, c->int_ctl & INT_CTL_V_TPR);
	if (v->quiet_int_ctl != SVM_NOT_QUIET)
		v->quiet_int_ctl = c->int_ctl;
}

void svm_run(struct vcpu *vcpu, u64 deadline_ns)
{
	struct svm_vcpu *v = vcpu->arch.hvm;
	struct vmcb *vmcb;

	if (unlikely(!still_quiet(vcpu, v)))
		arrange_events(vcpu, v);
	vmcb = v->vmcb;
	vmcb->control.tlb_control = TLB_DO_NOTHING;
	if (unlikely(!translations_hold(v))) {
		renew_translations(v);
		vmcb = v->vmcb;		/* so that it need not outlive the call */
	}
	prepare_tsc(vcpu, v, vmcb);
	load_registers(vcpu, v, vmcb);
	vmcb->control.clean = v->clean;
	v->clean = svm_caps.clean;
	vcpu_charge_entry(vcpu);
	svm_enter(vcpu->arch.gpr, v->vmcb_phys, v->cpu->host_vmcb_phys);
	vmcb = v->vmcb;
	save_registers(vcpu, &vmcb->save);
	if (unlikely(vmcb->control.int_ctl != v->quiet_int_ctl))
		finish_interrupt(vcpu, v);
	svm_exit(vcpu, v);
}
