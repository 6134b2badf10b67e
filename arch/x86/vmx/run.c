/* SPDX-License-Identifier: BSD-2-Clause */
/* One VM entry: what must be delivered or arranged before it, and what came of it. */
#include "arch/x86/cpu.h"
#include "arch/x86/guest/pv_eoi.h"
#include "arch/x86/guest/ticks.h"
#include "arch/x86/smp.h"
#include "arch/x86/vmx/insn.h"
#include "arch/x86/vmx/vmx.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"
#include "kernel/log.h"
#include "kernel/time.h"

/* ---- Events (27.6) ---- */

static bool nmi_allowed(void)
{
	return !(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) &
		 (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS | BLOCKING_BY_NMI));
}

static bool interrupt_allowed(void)
{
	return vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF &&
	       !(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS));
}

static void inject(struct hvm_event *ev)
{
	u32 info = INTR_VALID | (u32)ev->type << INTR_TYPE_SHIFT | ev->vector;

	/* Real mode has no error codes, and VM entry does not take one there: 27.2.1.3. */
	if (ev->has_error && vmcs_read(VMCS_GUEST_CR0) & CR0_PE) {
		info |= INTR_ERROR_VALID;
		vmcs_write(VMCS_ENTRY_EXCEPTION_ERROR, ev->error);
	}
	if (ev->type >= HVM_EVENT_SW_INT)
		vmcs_write(VMCS_ENTRY_INSN_LEN, ev->insn_len);
	vmcs_write(VMCS_ENTRY_INTR_INFO, info);
	ev->valid = false;
}

static u32 prepare_nmi(struct vcpu *vcpu)
{
	struct vlapic *apic = vcpu->arch.lapic;

	if (!READ_ONCE(apic->nmi_pending))
		return 0;
	if (vcpu->arch.pending.valid || !nmi_allowed())
		return PROC_NMI_WINDOW_EXITING;
	__atomic_store_n(&apic->nmi_pending, 0, __ATOMIC_RELAXED);
	vcpu->arch.pending = (struct hvm_event){
		.valid = true, .type = HVM_EVENT_NMI, .vector = EXC_NMI,
	};
	return 0;
}

/* What vlapic_accept() has not been told of yet: with VID the processor takes the APIC's own. */
static int pending_interrupt(struct vlapic *apic)
{
	return vmx_caps.apicv ? vlapic_extint(apic) : vlapic_pending(apic);
}

/* Inject the interrupt that is due, if it can be taken; else ask for an interrupt window. */
static u32 prepare_interrupt(struct vcpu *vcpu, struct vmx_vcpu *v, bool slot_used)
{
	struct vlapic *apic = vcpu->arch.lapic;
	int vector = v->extint >= 0 ? v->extint : pending_interrupt(apic);

	if (vector < 0)
		return 0;
	if (slot_used || !interrupt_allowed())
		return PROC_INTERRUPT_WINDOW_EXITING;
	vmcs_write(VMCS_ENTRY_INTR_INFO, INTR_VALID | INTR_TYPE_EXTERNAL | (u32)vector);
	if (v->extint < 0)
		vlapic_accept(apic, vector);
	v->extint = -1;
	vcpu->injected++;
	return pending_interrupt(apic) >= 0 ? PROC_INTERRUPT_WINDOW_EXITING : 0;
}

/* 30.2.2: the processor compares RVI with VPPR and delivers by itself. */
static void update_interrupt_status(struct vmx_vcpu *v, struct vlapic *apic)
{
	u16 status = vmcs_read(VMCS_GUEST_INTERRUPT_STATUS);
	int irr = vlapic_highest_irr(apic);
	u16 want = (status & 0xff00) | (irr > 0 ? irr : 0);

	if (v->svi_stale) {
		int isr = vlapic_highest_isr(apic);

		want = (want & 0xff) | (isr > 0 ? isr : 0) << 8;
		v->svi_stale = false;
	}
	if (want != status)
		vmcs_write(VMCS_GUEST_INTERRUPT_STATUS, want);
}

static void update_tpr_threshold(struct vmx_vcpu *v, struct vlapic *apic)
{
	u32 threshold = vlapic_tpr_threshold(apic);

	if (threshold == v->tpr_threshold)
		return;
	v->tpr_threshold = threshold;
	vmcs_write(VMCS_TPR_THRESHOLD, threshold);
}

/*
 * A vCPU that spins gives way to the others of its CPU: by PAUSE-loop exiting, which is always on,
 * or else with every PAUSE while there are others.
 */
static u32 prepare_pause(const struct vcpu *vcpu)
{
	bool loops = vmx_caps.proc2 & PROC2_PAUSE_LOOP_EXITING;

	return !loops && cpu_is_shared(vcpu->cpu) ? PROC_PAUSE_EXITING : 0;
}

static void prepare_events(struct vcpu *vcpu, struct vmx_vcpu *v)
{
	struct vlapic *apic = vcpu->arch.lapic;
	u32 exits = prepare_nmi(vcpu) | prepare_pause(vcpu);
	bool slot_used = vcpu->arch.pending.valid;

	if (slot_used)
		inject(&vcpu->arch.pending);
	vlapic_sync(apic);
	exits |= prepare_interrupt(vcpu, v, slot_used);
	vmx_set_proc(v, (v->proc & ~(u32)PROC_BY_ENTRY) | exits);
	if (v->proc2 & PROC2_VIRTUAL_INTR_DELIVERY)
		update_interrupt_status(v, apic);
	else
		update_tpr_threshold(v, apic);
	pv_eoi_offer(apic, -1);
}

/* ---- Time and translations ---- */

/* False: the deadline has passed. */
static bool prepare_timer(struct vmx_vcpu *v, u64 deadline_ns)
{
	u64 now, ticks;

	if (!(vmx_caps.pin & PIN_PREEMPTION_TIMER))
		return true;
	if (deadline_ns != v->deadline_ns || !v->deadline_tsc) {
		v->deadline_ns = deadline_ns;
		v->deadline_tsc = deadline_ns == TIME_NEVER ? UINT64_MAX : tsc_from_ns(deadline_ns);
	}
	now = rdtsc();
	if (v->deadline_tsc <= now)
		return false;
	/* Rounded up: an exit before the time is one for nothing. */
	ticks = MIN(((v->deadline_tsc - now) >> vmx_caps.timer_shift) + 1, UINT32_MAX);
	vmcs_write(VMCS_PREEMPTION_TIMER, ticks);
	return true;
}

static void prepare_translations(struct vcpu *vcpu, struct vmx_vcpu *v)
{
	const struct vmx_guest *g = vcpu->guest->arch.hvm;

	if (v->tsc_offset != vcpu->guest->arch.tsc_offset) {
		v->tsc_offset = vcpu->guest->arch.tsc_offset;
		vmcs_write(VMCS_TSC_OFFSET, v->tsc_offset);
	}
	if (!v->invept)
		return;
	v->invept = false;
	if (invept(INVEPT_SINGLE, g->eptp))
		vmx_insn_failed("INVEPT", g->eptp);
}

/* ---- The entry ---- */

/* VMLAUNCH or VMRESUME itself failed: a control or host field is not as it must be (27.2). */
static void entry_failed(struct vcpu *vcpu, enum vmx_enter_result how)
{
	u32 error = how == VMX_FAIL_VALID ? vmcs_read(VMCS_INSTRUCTION_ERROR) : 0;

	pr_err("guest: %s: cpu %u: VM entry failed: %s (VM-instruction error %u)",
	       guest_name(vcpu->guest), vcpu->id,
	       how == VMX_FAIL_VALID ? vmx_instruction_error(error) : "VMfailInvalid", error);
	vmx_dump(vcpu);
	vcpu->arch.exit.kind = HVM_EXIT_FAILED;
}

void vmx_run(struct vcpu *vcpu, u64 deadline_ns)
{
	struct vmx_vcpu *v = vcpu->arch.hvm;
	enum vmx_enter_result how;

	vmx_load(v);
	if (unlikely(v->reset_wanted))
		vmx_vcpu_reset(vcpu);
	/* Nothing would be executed; and nothing must be on its way to the guest by then. */
	if (!prepare_timer(v, deadline_ns)) {
		vcpu->arch.exit.kind = HVM_EXIT_HOST;
		return;
	}
	vmx_update_apic_mode(vcpu);
	prepare_events(vcpu, v);
	prepare_translations(vcpu, v);
	vcpu_charge_entry(vcpu);
	how = vmx_enter(vcpu->arch.gpr, v->launched, &v->host_rsp);
	vlapic_ran(vcpu->arch.lapic, -1, pv_eoi_take(vcpu->arch.lapic));
	if (unlikely(how != VMX_ENTERED)) {
		entry_failed(vcpu, how);
		return;
	}
	vmx_exit(vcpu, v);
}
