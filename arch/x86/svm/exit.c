/* SPDX-License-Identifier: BSD-2-Clause */
/* #VMEXIT: a table by exit code (APM volume 2, appendix C) that says each in hvm's words. */
#include "arch/x86/cpu.h"
#include "arch/x86/guest/lapic.h"
#include "arch/x86/guest/ticks.h"
#include "arch/x86/svm/decode.h"
#include "arch/x86/svm/svm.h"
#include "kernel/guest.h"
#include "kernel/log.h"

struct exit_entry {
	const char *name;
	enum hvm_exit_kind (*handle)(struct vcpu *vcpu, struct svm_vcpu *v);
	u32 insn;		/* handle() needs its length: bits by enum svm_insn_op */
};

/* ---- Host's business ---- */

static enum hvm_exit_kind exit_done(struct vcpu *vcpu, struct svm_vcpu *v)
{
	return HVM_EXIT_DONE;
}

/*
 * The interrupt is still pending: a window of an instruction, and the IDT's handler takes it.
 */
static enum hvm_exit_kind exit_intr(struct vcpu *vcpu, struct svm_vcpu *v)
{
	__asm__ volatile("sti; nop; cli" ::: "memory");
	return HVM_EXIT_HOST;
}

/* STGI has let it in already, through the IDT. */
static enum hvm_exit_kind exit_nmi(struct vcpu *vcpu, struct svm_vcpu *v)
{
	return HVM_EXIT_HOST;
}

static enum hvm_exit_kind exit_machine_check(struct vcpu *vcpu, struct svm_vcpu *v)
{
	__asm__ volatile("int $18" ::: "memory");
	return HVM_EXIT_HOST;
}

/* DR6 and DR7 are already as the handler will find them: 15.12.2. */
static enum hvm_exit_kind exit_debug(struct vcpu *vcpu, struct svm_vcpu *v)
{
	hvm_inject_exception(vcpu, EXC_DB, false, 0);
	return HVM_EXIT_DONE;
}

static enum hvm_exit_kind exit_alignment_check(struct vcpu *vcpu, struct svm_vcpu *v)
{
	hvm_inject_exception(vcpu, EXC_AC, true, v->vmcb->control.exitinfo1);
	return HVM_EXIT_DONE;
}

/* ---- The guest's ---- */

/*
 * Before the IRET of an NMI's handler, which ends the blocking. With interrupts on it is ended at
 * once: the window that run.c opens for the next NMI would be there before the IRET is done.
 */
static enum hvm_exit_kind exit_iret(struct vcpu *vcpu, struct svm_vcpu *v)
{
	if (v->vmcb->save.rflags & RFLAGS_IF) {
		v->nmi_blocked = false;
		return HVM_EXIT_DONE;
	}
	v->iret_seen = true;
	v->iret_rip = v->vmcb->save.rip;
	return HVM_EXIT_DONE;
}

static enum hvm_exit_kind exit_cpuid(struct vcpu *vcpu, struct svm_vcpu *v)
{
	return HVM_EXIT_CPUID;
}

static enum hvm_exit_kind exit_hlt(struct vcpu *vcpu, struct svm_vcpu *v)
{
	vcpu->arch.exit.hlt.masked = !(v->vmcb->save.rflags & RFLAGS_IF);
	return HVM_EXIT_HLT;
}

static enum hvm_exit_kind exit_pause(struct vcpu *vcpu, struct svm_vcpu *v)
{
	return HVM_EXIT_PAUSE;
}

/* INVD, WBINVD: RAM is write-back and DMA coherent, so there is nothing to write back or lose. */
static enum hvm_exit_kind exit_cache(struct vcpu *vcpu, struct svm_vcpu *v)
{
	svm_skip(vcpu, vcpu->arch.exit.insn_len);
	return HVM_EXIT_DONE;
}

/* No performance counter exists. */
static enum hvm_exit_kind exit_rdpmc(struct vcpu *vcpu, struct svm_vcpu *v)
{
	hvm_inject_gp(vcpu);
	return HVM_EXIT_DONE;
}

static enum hvm_exit_kind exit_undefined(struct vcpu *vcpu, struct svm_vcpu *v)
{
	return HVM_EXIT_UNDEFINED;
}

static enum hvm_exit_kind exit_vmmcall(struct vcpu *vcpu, struct svm_vcpu *v)
{
	return HVM_EXIT_HYPERCALL;
}

static enum hvm_exit_kind exit_xsetbv(struct vcpu *vcpu, struct svm_vcpu *v)
{
	return HVM_EXIT_XSETBV;
}

static enum hvm_exit_kind exit_shutdown(struct vcpu *vcpu, struct svm_vcpu *v)
{
	return HVM_EXIT_TRIPLE_FAULT;
}

static enum hvm_exit_kind exit_init(struct vcpu *vcpu, struct svm_vcpu *v)
{
	return HVM_EXIT_INIT_SIPI;
}

static enum hvm_exit_kind exit_task_switch(struct vcpu *vcpu, struct svm_vcpu *v)
{
	const struct vmcb_control *c = &v->vmcb->control;
	struct hvm_exit *x = &vcpu->arch.exit;

	x->task.selector = c->exitinfo1 & TASK_SELECTOR;
	if (c->exitintinfo & EVENT_VALID)
		x->task.source = HVM_TASK_GATE;
	else if (c->exitinfo2 & TASK_IRET)
		x->task.source = HVM_TASK_IRET;
	else
		x->task.source = c->exitinfo2 & TASK_FAR_JMP ? HVM_TASK_JMP : HVM_TASK_CALL;
	return HVM_EXIT_TASK_SWITCH;
}

static enum hvm_exit_kind exit_io(struct vcpu *vcpu, struct svm_vcpu *v)
{
	const struct vmcb_control *c = &v->vmcb->control;
	struct hvm_exit *x = &vcpu->arch.exit;
	u64 info = c->exitinfo1;
	u16 port = info >> IOIO_PORT_SHIFT;

	x->insn_len = c->exitinfo2 - v->vmcb->save.rip;
	if (!(info & (IOIO_IN | IOIO_STRING)) &&
	    doorbell_ring(&vcpu->guest->doorbells, true, port)) {
		vcpu->doorbells++;
		svm_skip(vcpu, x->insn_len);
		return HVM_EXIT_DONE;
	}
	x->pio.port = port;
	x->pio.size = (info & IOIO_SIZE) >> IOIO_SIZE_SHIFT;
	if (unlikely(!hvm_pio_size_ok(x->pio.size)))
		return svm_exit_unexpected(vcpu, v);
	x->pio.in = info & IOIO_IN;
	x->pio.string = info & IOIO_STRING;
	x->pio.rep = info & IOIO_REP;
	return HVM_EXIT_PIO;
}

static enum hvm_exit_kind exit_msr(struct vcpu *vcpu, struct svm_vcpu *v)
{
	return v->vmcb->control.exitinfo1 ? HVM_EXIT_WRMSR : HVM_EXIT_RDMSR;
}

/* ---- Control registers: 15.9, 15.33.1 ---- */

static bool has_nrip(const struct vmcb_control *c)
{
	return svm_caps.features & SVM_NRIPS && c->nrip;
}

static void set_len(struct vcpu *vcpu, const struct svm_vcpu *v)
{
	vcpu->arch.exit.insn_len = v->vmcb->control.nrip - v->vmcb->save.rip;
}

static enum hvm_exit_kind decoded_cr(struct vcpu *vcpu, u8 cr)
{
	struct hvm_exit *x = &vcpu->arch.exit;
	struct svm_insn insn;

	if (svm_insn_fetch(vcpu, BIT(SVM_INSN_MOV_TO_CR) | BIT(SVM_INSN_MOV_FROM_CR) |
				 BIT(SVM_INSN_LMSW), &insn))
		return HVM_EXIT_DONE;
	x->insn_len = insn.len;
	x->cr.gpr = insn.gpr;
	if (insn.op != SVM_INSN_LMSW)
		return HVM_EXIT_MOV_CR;
	x->cr.op = HVM_CR_LMSW;
	return svm_lmsw_source(vcpu, &insn, &x->cr.lmsw) ? HVM_EXIT_DONE : HVM_EXIT_MOV_CR;
}

static enum hvm_exit_kind mov_cr(struct vcpu *vcpu, struct svm_vcpu *v, u8 cr, bool write)
{
	const struct vmcb_control *c = &v->vmcb->control;
	struct hvm_exit *x = &vcpu->arch.exit;

	x->cr.cr = cr;
	x->cr.op = write ? HVM_CR_WRITE : HVM_CR_READ;
	if (!(svm_caps.features & SVM_DECODE_ASSISTS) || !has_nrip(c) ||
	    !(c->exitinfo1 & MOV_CR_VALID))
		return decoded_cr(vcpu, cr);
	x->cr.gpr = c->exitinfo1 & MOV_CR_GPR;
	set_len(vcpu, v);
	return HVM_EXIT_MOV_CR;
}

static enum hvm_exit_kind exit_cr_read(struct vcpu *vcpu, struct svm_vcpu *v)
{
	return mov_cr(vcpu, v, vcpu->arch.exit.reason - VMEXIT_CR0_READ, false);
}

static enum hvm_exit_kind exit_cr_write(struct vcpu *vcpu, struct svm_vcpu *v)
{
	return mov_cr(vcpu, v, vcpu->arch.exit.reason - VMEXIT_CR0_WRITE, true);
}

static enum hvm_exit_kind exit_cr0_sel_write(struct vcpu *vcpu, struct svm_vcpu *v)
{
	return mov_cr(vcpu, v, 0, true);
}

/* ---- Memory: 15.25.6 ---- */

static bool in_delivery(const struct vmcb_control *c)
{
	return c->exitintinfo & EVENT_VALID;
}

/*
 * Plain stores whose value does not matter: a doorbell has rung, an EOI is done. One that is not
 * plain goes to the emulator, which rings again: that is one kick all the same.
 */
static bool mmio_without_value(struct vcpu *vcpu, const struct vmcb_control *c)
{
	struct vlapic *apic = vcpu->arch.lapic;
	u64 gpa = c->exitinfo2;
	unsigned int len;
	bool bell;

	if (!(c->exitinfo1 & NPF_WRITE) || c->exitinfo1 & NPF_WALK || in_delivery(c))
		return false;
	bell = doorbell_ring(&vcpu->guest->doorbells, false, gpa);
	if (!bell && !vlapic_eoi_at(apic, gpa))
		return false;
	len = svm_store_len(vcpu);
	if (!len)
		return false;
	if (bell)
		vcpu->doorbells++;
	else
		vlapic_eoi(apic);
	svm_skip(vcpu, len);
	return true;
}

/* The guest's page tables out of RAM are found by the emulator's own walk, as it has no address. */
static enum hvm_exit_kind exit_npf(struct vcpu *vcpu, struct svm_vcpu *v)
{
	const struct vmcb_control *c = &v->vmcb->control;
	struct hvm_exit *x = &vcpu->arch.exit;

	if (mmio_without_value(vcpu, c))
		return HVM_EXIT_DONE;
	x->mmio.gpa = c->exitinfo2;
	x->mmio.walk = c->exitinfo1 & NPF_WALK;
	x->mmio.write = c->exitinfo1 & NPF_WRITE;
	x->mmio.exec = c->exitinfo1 & NPF_FETCH && !x->mmio.walk;
	x->mmio.read = !x->mmio.write && !x->mmio.exec;
	x->mmio.gla_valid = false;
	x->mmio.gla = 0;
	x->mmio.delivery = in_delivery(c);
	return HVM_EXIT_MMIO;
}

/* ---- What ends the guest ---- */

static enum hvm_exit_kind fail(struct vcpu *vcpu, const char *what)
{
	const struct svm_vcpu *v = vcpu->arch.hvm;
	u64 code = v->vmcb->control.exitcode;
	int reason = svm_reason(code);
	const char *name = reason < 0 ? NULL : svm_reason_name(reason);

	pr_err("guest: %s: cpu %u: %s: %s (exit code %#lx)", guest_name(vcpu->guest), vcpu->id,
	       what, name ? name : "no such code", code);
	svm_dump(vcpu);
	return HVM_EXIT_FAILED;
}

/*
 * QEMU answers in this way to a MOV to CR3 that sets reserved bits. If it is not that, it fails
 * again with the #GP, which then becomes a triple fault.
 */
static enum hvm_exit_kind exit_invalid(struct vcpu *vcpu, struct svm_vcpu *v)
{
	if (!svm_insn_is_mov_to_cr3(vcpu))
		return fail(vcpu, "VMRUN failed");
	hvm_inject_gp(vcpu);
	return HVM_EXIT_DONE;
}

static enum hvm_exit_kind exit_vmrun_failed(struct vcpu *vcpu, struct svm_vcpu *v)
{
	return fail(vcpu, "VMRUN failed");
}

/* Not asked for by any intercept. */
static enum hvm_exit_kind exit_unexpected(struct vcpu *vcpu, struct svm_vcpu *v)
{
	return fail(vcpu, "unexpected #VMEXIT");
}

enum hvm_exit_kind svm_exit_unexpected(struct vcpu *vcpu, struct svm_vcpu *v)
{
	return exit_unexpected(vcpu, v);
}

/* ---- The table ---- */

/*
 * Its index: codes from VMEXIT_NPF on and negative ones follow the others, so that counters need
 * no holes.
 */
enum {
	REASON_HIGH = 0x0a7,
	REASON_FAILED = REASON_HIGH + 4,
	EXIT_REASONS = REASON_FAILED + 4,
};
#define HIGH(code)	(REASON_HIGH + (code) - VMEXIT_NPF)
#define FAILED(code)	(REASON_FAILED + VMEXIT_INVALID - (code))

#define CR_ROW(n) \
	[VMEXIT_CR0_READ + (n)] = { "CR" #n " read", exit_cr_read }, \
	[VMEXIT_CR0_WRITE + (n)] = { "CR" #n " write", exit_cr_write }, \
	[VMEXIT_CR0_WRITE_TRAP + (n)] = { "CR" #n " write trap", exit_unexpected }, \
	[VMEXIT_DR0_READ + (n)] = { "DR" #n " read", exit_unexpected }, \
	[VMEXIT_DR0_WRITE + (n)] = { "DR" #n " write", exit_unexpected }

/* QEMU tells both as WBINVD. */
#define CACHE_INSNS (BIT(SVM_INSN_INVD) | BIT(SVM_INSN_WBINVD))

#define EXCEPTION_ROW(n) \
	[VMEXIT_EXCP0 + (n)] = { "exception " #n, exit_unexpected }

static const struct exit_entry exits[] = {
	CR_ROW(0), CR_ROW(1), CR_ROW(2), CR_ROW(3), CR_ROW(4), CR_ROW(5), CR_ROW(6), CR_ROW(7),
	CR_ROW(8), CR_ROW(9), CR_ROW(10), CR_ROW(11), CR_ROW(12), CR_ROW(13), CR_ROW(14),
	CR_ROW(15),
	EXCEPTION_ROW(0), EXCEPTION_ROW(2), EXCEPTION_ROW(3), EXCEPTION_ROW(4), EXCEPTION_ROW(5),
	EXCEPTION_ROW(6), EXCEPTION_ROW(7), EXCEPTION_ROW(8), EXCEPTION_ROW(9), EXCEPTION_ROW(10),
	EXCEPTION_ROW(11), EXCEPTION_ROW(12), EXCEPTION_ROW(13), EXCEPTION_ROW(14),
	EXCEPTION_ROW(15), EXCEPTION_ROW(16), EXCEPTION_ROW(19), EXCEPTION_ROW(20),
	EXCEPTION_ROW(21), EXCEPTION_ROW(22), EXCEPTION_ROW(23), EXCEPTION_ROW(24),
	EXCEPTION_ROW(25), EXCEPTION_ROW(26), EXCEPTION_ROW(27), EXCEPTION_ROW(28),
	EXCEPTION_ROW(29), EXCEPTION_ROW(30), EXCEPTION_ROW(31),
	[VMEXIT_EXCP0 + EXC_DB] = { "exception #DB", exit_debug },
	[VMEXIT_EXCP0 + EXC_AC] = { "exception #AC", exit_alignment_check },
	[VMEXIT_EXCP0 + EXC_MC] = { "exception #MC", exit_machine_check },
	[VMEXIT_INTR] = { "INTR", exit_intr },
	[VMEXIT_NMI] = { "NMI", exit_nmi },
	[VMEXIT_SMI] = { "SMI", exit_unexpected },
	[VMEXIT_INIT] = { "INIT", exit_init },
	[VMEXIT_VINTR] = { "VINTR", exit_done },
	[VMEXIT_CR0_SEL_WRITE] = { "CR0 selective write", exit_cr0_sel_write },
	[VMEXIT_IDTR_READ] = { "IDTR read", exit_unexpected },
	[VMEXIT_GDTR_READ] = { "GDTR read", exit_unexpected },
	[VMEXIT_LDTR_READ] = { "LDTR read", exit_unexpected },
	[VMEXIT_TR_READ] = { "TR read", exit_unexpected },
	[VMEXIT_IDTR_WRITE] = { "IDTR write", exit_unexpected },
	[VMEXIT_GDTR_WRITE] = { "GDTR write", exit_unexpected },
	[VMEXIT_LDTR_WRITE] = { "LDTR write", exit_unexpected },
	[VMEXIT_TR_WRITE] = { "TR write", exit_unexpected },
	[VMEXIT_RDTSC] = { "RDTSC", exit_unexpected },
	[VMEXIT_RDPMC] = { "RDPMC", exit_rdpmc },
	[VMEXIT_PUSHF] = { "PUSHF", exit_unexpected },
	[VMEXIT_POPF] = { "POPF", exit_unexpected },
	[VMEXIT_CPUID] = { "CPUID", exit_cpuid, BIT(SVM_INSN_CPUID) },
	[VMEXIT_RSM] = { "RSM", exit_undefined },
	[VMEXIT_IRET] = { "IRET", exit_iret },
	[VMEXIT_SWINT] = { "INT n", exit_unexpected },
	[VMEXIT_INVD] = { "INVD", exit_cache, CACHE_INSNS },
	[VMEXIT_PAUSE] = { "PAUSE", exit_pause, BIT(SVM_INSN_PAUSE) },
	[VMEXIT_HLT] = { "HLT", exit_hlt, BIT(SVM_INSN_HLT) },
	[VMEXIT_INVLPG] = { "INVLPG", exit_unexpected },
	[VMEXIT_INVLPGA] = { "INVLPGA", exit_undefined },
	[VMEXIT_IOIO] = { "IOIO", exit_io },
	[VMEXIT_MSR] = { "MSR", exit_msr, BIT(SVM_INSN_RDMSR) | BIT(SVM_INSN_WRMSR) },
	[VMEXIT_TASK_SWITCH] = { "task switch", exit_task_switch },
	[VMEXIT_FERR_FREEZE] = { "FERR freeze", exit_unexpected },
	[VMEXIT_SHUTDOWN] = { "shutdown", exit_shutdown },
	[VMEXIT_VMRUN] = { "VMRUN", exit_undefined },
	[VMEXIT_VMMCALL] = { "VMMCALL", exit_vmmcall, BIT(SVM_INSN_VMMCALL) },
	[VMEXIT_VMLOAD] = { "VMLOAD", exit_undefined },
	[VMEXIT_VMSAVE] = { "VMSAVE", exit_undefined },
	[VMEXIT_STGI] = { "STGI", exit_undefined },
	[VMEXIT_CLGI] = { "CLGI", exit_undefined },
	[VMEXIT_SKINIT] = { "SKINIT", exit_undefined },
	[VMEXIT_RDTSCP] = { "RDTSCP", exit_unexpected },
	[VMEXIT_ICEBP] = { "ICEBP", exit_unexpected },
	[VMEXIT_WBINVD] = { "WBINVD or WBNOINVD", exit_cache, CACHE_INSNS },
	[VMEXIT_MONITOR] = { "MONITOR", exit_undefined },
	[VMEXIT_MWAIT] = { "MWAIT", exit_undefined },
	[VMEXIT_MWAIT_CONDITIONAL] = { "MWAIT, armed", exit_undefined },
	[VMEXIT_XSETBV] = { "XSETBV", exit_xsetbv, BIT(SVM_INSN_XSETBV) },
	[VMEXIT_RDPRU] = { "RDPRU", exit_undefined },
	[VMEXIT_EFER_WRITE_TRAP] = { "EFER write trap", exit_unexpected },
	[VMEXIT_INVLPGB] = { "INVLPGB", exit_undefined },
	[VMEXIT_INVLPGB_ILLEGAL] = { "INVLPGB, illegal", exit_undefined },
	[VMEXIT_INVPCID] = { "INVPCID", exit_unexpected },
	[VMEXIT_MCOMMIT] = { "MCOMMIT", exit_undefined },
	[VMEXIT_TLBSYNC] = { "TLBSYNC", exit_undefined },
	[VMEXIT_BUSLOCK] = { "bus lock", exit_unexpected },
	[VMEXIT_IDLE_HLT] = { "idle HLT", exit_unexpected },
	[HIGH(VMEXIT_NPF)] = { "nested page fault", exit_npf },
	[HIGH(VMEXIT_AVIC_INCOMPLETE_IPI)] = { "AVIC incomplete IPI", svm_avic_incomplete_ipi },
	[HIGH(VMEXIT_AVIC_NOACCEL)] = { "AVIC no acceleration", svm_avic_noaccel },
	[HIGH(VMEXIT_VMGEXIT)] = { "VMGEXIT", exit_unexpected },
	[FAILED(VMEXIT_INVALID)] = { "invalid guest state in VMCB", exit_invalid },
	[FAILED(VMEXIT_BUSY)] = { "VMSA busy", exit_vmrun_failed },
	[FAILED(VMEXIT_IDLE_REQUIRED)] = { "idle required", exit_vmrun_failed },
	[FAILED(VMEXIT_INVALID_PMC)] = { "invalid PMC state", exit_vmrun_failed },
};

_Static_assert(ARRAY_SIZE(exits) == EXIT_REASONS, "every exit code has its entry");
_Static_assert(EXIT_REASONS <= VCPU_EXIT_KINDS, "every exit code has its counter");

int svm_reason(u64 exitcode)
{
	s32 code = (s32)exitcode;

	if (likely(code >= VMEXIT_CR0_READ && code < REASON_HIGH))
		return code;
	if (code >= VMEXIT_NPF && code <= VMEXIT_VMGEXIT)
		return HIGH(code);
	if (code <= VMEXIT_INVALID && code >= VMEXIT_INVALID_PMC)
		return FAILED(code);
	return -1;
}

unsigned int svm_nr_reasons(void)
{
	return EXIT_REASONS;
}

const char *svm_reason_name(unsigned int reason)
{
	return reason < EXIT_REASONS ? exits[reason].name : NULL;
}

/* ---- Events that an exit interrupted (15.7.2) ---- */

/*
 * A virtual interrupt is still pending: run.c. INT n, INT3 and INTO have not moved RIP: they are
 * executed again.
 */
static void keep_event(struct vcpu *vcpu, u64 info)
{
	u8 vector = info & EVENT_VECTOR;
	u64 type = info & EVENT_TYPE;

	if (type != EVENT_TYPE_NMI && type != EVENT_TYPE_EXCEPTION)
		return;
	if (type == EVENT_TYPE_EXCEPTION && (vector == EXC_BP || vector == EXC_OF))
		return;
	vcpu->arch.pending = (struct hvm_event){
		.valid = true,
		.vector = vector,
		.type = type >> EVENT_TYPE_SHIFT,
		.has_error = info & EVENT_ERROR_VALID,
		.error = info >> EVENT_ERROR_SHIFT,
	};
}

/* An event that the exit interrupted, and the end of an NMI's handler. */
static __noinline void note_events(struct vcpu *vcpu, struct svm_vcpu *v)
{
	u64 info = v->vmcb->control.exitintinfo;

	if (info & EVENT_VALID)
		keep_event(vcpu, info);
	if (v->iret_seen && v->vmcb->save.rip != v->iret_rip)
		v->nmi_blocked = v->iret_seen = false;
}

/* ---- From the exit to its handler ---- */

static __noinline enum hvm_exit_kind fetch_and_handle(struct vcpu *vcpu, struct svm_vcpu *v,
						      const struct exit_entry *e)
{
	int len = svm_insn_len(vcpu, e->insn);

	if (len < 0)
		return HVM_EXIT_DONE;	/* another instruction, or not there */
	vcpu->arch.exit.insn_len = len;
	return e->handle(vcpu, v);
}

static enum hvm_exit_kind handle_insn(struct vcpu *vcpu, struct svm_vcpu *v,
				      const struct exit_entry *e, const struct vmcb *vmcb)
{
	const struct svm_memo *m;

	if (has_nrip(&vmcb->control)) {
		set_len(vcpu, v);
		return e->handle(vcpu, v);
	}
	m = svm_memo_find(v->memos, &vmcb->save);
	if (unlikely(!m || !(e->insn & m->op)))
		return fetch_and_handle(vcpu, v, e);
	vcpu->arch.exit.insn_len = m->len;
	return e->handle(vcpu, v);
}

void svm_exit(struct vcpu *vcpu, struct svm_vcpu *v)
{
	const struct vmcb *vmcb = v->vmcb;
	struct hvm_exit *x = &vcpu->arch.exit;
	unsigned int reason = (unsigned int)svm_reason(vmcb->control.exitcode);
	const struct exit_entry *e;

	if (unlikely(reason >= EXIT_REASONS)) {
		x->kind = exit_unexpected(vcpu, v);
		return;
	}
	x->reason = reason;
	vcpu_charge_exit(vcpu, reason);
	if (unlikely(vmcb->control.exitintinfo & EVENT_VALID || v->iret_seen)) {
		note_events(vcpu, v);
		/* So that what is at hand need not outlive a call that there hardly ever is. */
		v = vcpu->arch.hvm;
		vmcb = v->vmcb;
		reason = x->reason;
	}
	e = &exits[reason];
	x->kind = e->insn ? handle_insn(vcpu, v, e, vmcb) : e->handle(vcpu, v);
}
