/* SPDX-License-Identifier: BSD-2-Clause */
/* VM exits: a table by basic exit reason (SDM 3D appendix C) that says each in hvm's words. */
#include "arch/x86/cpu.h"
#include "arch/x86/guest/lapic.h"
#include "arch/x86/guest/ticks.h"
#include "arch/x86/smp.h"
#include "arch/x86/vmx/insn.h"
#include "arch/x86/vmx/vmx.h"
#include "kernel/guest.h"
#include "kernel/log.h"

struct exit_entry {
	const char *name;
	enum hvm_exit_kind (*handle)(struct vcpu *vcpu, u64 qual);
	bool qual;		/* handle() needs the exit qualification */
};

/* ---- Host's business ---- */

static enum hvm_exit_kind exit_done(struct vcpu *vcpu, u64 qual)
{
	return HVM_EXIT_DONE;
}

static enum hvm_exit_kind exit_host(struct vcpu *vcpu, u64 qual)
{
	return HVM_EXIT_HOST;
}

static enum hvm_exit_kind exit_external_interrupt(struct vcpu *vcpu, u64 qual)
{
	irq_dispatch(vmcs_read(VMCS_EXIT_INTR_INFO) & INTR_VECTOR);
	return HVM_EXIT_HOST;
}

/*
 * A debug exception that exits has not changed DR6 and DR7 (28.1): do what its delivery would
 * have. BS must be pending with TF in an interrupt shadow, or the entry fails (27.3.1.5).
 */
static void reflect_debug(struct vcpu *vcpu)
{
	u64 qual = vmcs_read(VMCS_EXIT_QUALIFICATION) & QUAL_DEBUG_DR6;
	u32 shadow = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) &
		     (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS);

	/* RTM has the opposite sense in DR6. */
	write_dr6(((read_dr6() & ~0xfull) | DR6_RTM | (qual & ~(u64)DR6_RTM)) ^ (qual & DR6_RTM));
	vmcs_write(VMCS_GUEST_DR7, vmcs_read(VMCS_GUEST_DR7) & ~(u64)DR7_GD);
	if (shadow && vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_TF)
		vmcs_write(VMCS_GUEST_PENDING_DEBUG,
			   vmcs_read(VMCS_GUEST_PENDING_DEBUG) | PENDING_DEBUG_BS);
}

static void reflect_exception(struct vcpu *vcpu, u32 info)
{
	u8 vector = info & INTR_VECTOR;
	bool has_error = info & INTR_ERROR_VALID;

	if (vector == EXC_DB)
		reflect_debug(vcpu);
	hvm_inject_exception(vcpu, vector, has_error,
			     has_error ? vmcs_read(VMCS_EXIT_INTR_ERROR) : 0);
	if ((info & INTR_TYPE) == INTR_TYPE_PRIV_SW_EXC) {
		vcpu->arch.pending.type = HVM_EVENT_INT1;
		vcpu->arch.pending.insn_len = vmcs_read(VMCS_EXIT_INSN_LEN);
	}
}

/* Through the IDT: the handler's IRET is what unblocks NMIs again. */
static enum hvm_exit_kind exit_exception_or_nmi(struct vcpu *vcpu, u64 qual)
{
	u32 info = vmcs_read(VMCS_EXIT_INTR_INFO);

	if ((info & INTR_TYPE) == INTR_TYPE_NMI) {
		__asm__ volatile("int $2" ::: "memory");
		return HVM_EXIT_HOST;
	}
	if ((info & INTR_VECTOR) == EXC_MC) {
		__asm__ volatile("int $18" ::: "memory");
		return HVM_EXIT_HOST;
	}
	reflect_exception(vcpu, info);
	return HVM_EXIT_DONE;
}

/* ---- The guest's ---- */

static enum hvm_exit_kind exit_triple_fault(struct vcpu *vcpu, u64 qual)
{
	return HVM_EXIT_TRIPLE_FAULT;
}

static enum hvm_exit_kind exit_task_switch(struct vcpu *vcpu, u64 qual)
{
	vcpu->arch.exit.task.selector = qual & QUAL_TASK_SELECTOR;
	vcpu->arch.exit.task.source = qual >> QUAL_TASK_SOURCE_SHIFT & 3;
	return HVM_EXIT_TASK_SWITCH;
}

static enum hvm_exit_kind exit_cpuid(struct vcpu *vcpu, u64 qual)
{
	return HVM_EXIT_CPUID;
}

static enum hvm_exit_kind exit_hlt(struct vcpu *vcpu, u64 qual)
{
	vcpu->arch.exit.hlt.masked = !(vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF);
	return HVM_EXIT_HLT;
}

static enum hvm_exit_kind exit_pause(struct vcpu *vcpu, u64 qual)
{
	return HVM_EXIT_PAUSE;
}

/* INVD, WBINVD: RAM is write-back and DMA coherent, so there is nothing to write back or lose. */
static enum hvm_exit_kind exit_cache(struct vcpu *vcpu, u64 qual)
{
	vmx_skip(vcpu, vcpu->arch.exit.insn_len);
	return HVM_EXIT_DONE;
}

/* No performance counter exists: CPUID leaf 0AH. */
static enum hvm_exit_kind exit_rdpmc(struct vcpu *vcpu, u64 qual)
{
	hvm_inject_gp(vcpu);
	return HVM_EXIT_DONE;
}

static enum hvm_exit_kind exit_undefined(struct vcpu *vcpu, u64 qual)
{
	return HVM_EXIT_UNDEFINED;
}

static enum hvm_exit_kind exit_vmcall(struct vcpu *vcpu, u64 qual)
{
	return HVM_EXIT_HYPERCALL;
}

static enum hvm_exit_kind exit_cr_access(struct vcpu *vcpu, u64 qual)
{
	struct hvm_exit *x = &vcpu->arch.exit;
	static const u8 op[] = { HVM_CR_WRITE, HVM_CR_READ, HVM_CR_CLTS, HVM_CR_LMSW };

	x->cr.cr = qual & QUAL_CR_NUMBER;
	x->cr.op = op[qual >> QUAL_CR_TYPE_SHIFT & 3];
	x->cr.gpr = qual >> QUAL_CR_GPR_SHIFT & 0xf;
	x->cr.lmsw = qual >> QUAL_CR_LMSW_SHIFT;
	/* The one general register that entry and exit do not save. */
	vcpu->arch.gpr[HVM_RSP] = vmcs_read(VMCS_GUEST_RSP);
	return HVM_EXIT_MOV_CR;
}

static enum hvm_exit_kind exit_mov_dr(struct vcpu *vcpu, u64 qual)
{
	return HVM_EXIT_MOV_DR;
}

static enum hvm_exit_kind exit_unexpected(struct vcpu *vcpu, u64 qual);

static enum hvm_exit_kind exit_io(struct vcpu *vcpu, u64 qual)
{
	struct hvm_exit *x = &vcpu->arch.exit;
	u16 port = qual >> QUAL_IO_PORT_SHIFT;

	if (!(qual & (QUAL_IO_IN | QUAL_IO_STRING)) &&
	    doorbell_ring(&vcpu->guest->doorbells, true, port)) {
		vcpu->doorbells++;
		vmx_skip(vcpu, x->insn_len);
		return HVM_EXIT_DONE;
	}
	x->pio.port = port;
	x->pio.size = (qual & QUAL_IO_SIZE) + 1;
	if (unlikely(!hvm_pio_size_ok(x->pio.size)))
		return exit_unexpected(vcpu, qual);
	x->pio.in = qual & QUAL_IO_IN;
	x->pio.string = qual & QUAL_IO_STRING;
	x->pio.rep = qual & QUAL_IO_REP;
	return HVM_EXIT_PIO;
}

static enum hvm_exit_kind exit_rdmsr(struct vcpu *vcpu, u64 qual)
{
	return HVM_EXIT_RDMSR;
}

static enum hvm_exit_kind exit_wrmsr(struct vcpu *vcpu, u64 qual)
{
	return HVM_EXIT_WRMSR;
}

static enum hvm_exit_kind exit_xsetbv(struct vcpu *vcpu, u64 qual)
{
	return HVM_EXIT_XSETBV;
}

/* INIT of this physical CPU, or a SIPI: nobody sends them to a CPU that runs the loop. */
static enum hvm_exit_kind exit_init_sipi(struct vcpu *vcpu, u64 qual)
{
	return HVM_EXIT_INIT_SIPI;
}

/* ---- Memory ---- */

/* Was an event being delivered when it exited? */
static bool in_delivery(const struct vcpu *vcpu)
{
	return ((const struct vmx_vcpu *)vcpu->arch.hvm)->in_delivery;
}

/*
 * Plain writes whose value does not matter: a doorbell has rung, an EOI is done. The instruction's
 * length is what the processor says: it does for EPT violations that an instruction's own access
 * causes, though the manual's list (28.2.5) leaves them out; a length that cannot be sends it to
 * the decoder instead.
 */
static bool mmio_without_value(struct vcpu *vcpu, u64 qual, u64 gpa)
{
	u8 len = vcpu->arch.exit.insn_len;

	if ((qual & (QUAL_EPT_READ | QUAL_EPT_WRITE)) != QUAL_EPT_WRITE || !len || len > 15 ||
	    in_delivery(vcpu))
		return false;
	if (doorbell_ring(&vcpu->guest->doorbells, false, gpa))
		vcpu->doorbells++;
	else if (vlapic_eoi_at(vcpu->arch.lapic, gpa))
		vlapic_eoi(vcpu->arch.lapic);
	else
		return false;
	vmx_skip(vcpu, len);
	return true;
}

static enum hvm_exit_kind exit_ept_violation(struct vcpu *vcpu, u64 qual)
{
	struct hvm_exit *x = &vcpu->arch.exit;
	u64 gpa = vmcs_read(VMCS_GUEST_PHYSICAL_ADDR);

	if (mmio_without_value(vcpu, qual, gpa))
		return HVM_EXIT_DONE;
	x->mmio.gpa = gpa;
	x->mmio.read = qual & QUAL_EPT_READ;
	x->mmio.write = qual & QUAL_EPT_WRITE;
	x->mmio.exec = qual & QUAL_EPT_FETCH;
	x->mmio.gla_valid = qual & QUAL_EPT_GLA_VALID;
	x->mmio.gla = x->mmio.gla_valid ? vmcs_read(VMCS_GUEST_LINEAR_ADDR) : 0;
	x->mmio.walk = x->mmio.gla_valid && !(qual & QUAL_EPT_FINAL);
	x->mmio.delivery = in_delivery(vcpu);
	return HVM_EXIT_MMIO;
}

/* APIC registers whose access is not virtualized: fault-like, to be emulated (30.4). */
static enum hvm_exit_kind exit_apic_access(struct vcpu *vcpu, u64 qual)
{
	struct hvm_exit *x = &vcpu->arch.exit;
	enum apic_access_type type = qual >> QUAL_APIC_TYPE_SHIFT & 0xf;

	((struct vmx_vcpu *)vcpu->arch.hvm)->svi_stale = true;
	x->mmio.gpa = APIC_DEFAULT_BASE + (qual & QUAL_APIC_OFFSET);
	x->mmio.read = type == APIC_ACCESS_LINEAR_READ;
	x->mmio.write = type == APIC_ACCESS_LINEAR_WRITE;
	x->mmio.exec = type == APIC_ACCESS_LINEAR_FETCH;
	x->mmio.gla_valid = false;
	x->mmio.gla = 0;
	x->mmio.walk = type == APIC_ACCESS_PHYSICAL;
	x->mmio.delivery = in_delivery(vcpu);
	return HVM_EXIT_MMIO;
}

static enum hvm_exit_kind exit_virtualized_eoi(struct vcpu *vcpu, u64 qual)
{
	vcpu->arch.exit.eoi.vector = qual;
	return HVM_EXIT_EOI;
}

static enum hvm_exit_kind exit_apic_write(struct vcpu *vcpu, u64 qual)
{
	vcpu->arch.exit.apic_write.off = qual & QUAL_APIC_OFFSET;
	return HVM_EXIT_APIC_WRITE;
}

/* ---- What ends the guest ---- */

static enum hvm_exit_kind fail(struct vcpu *vcpu, const char *what)
{
	u32 reason = vcpu->arch.exit.reason;
	const char *name = vmx_reason_name(reason);

	pr_err("guest: %s: cpu %u: %s: %s (exit reason %u)", guest_name(vcpu->guest), vcpu->id,
	       what, name ? name : "no such reason", reason);
	vmx_dump(vcpu);
	return HVM_EXIT_FAILED;
}

static enum hvm_exit_kind exit_entry_failed(struct vcpu *vcpu, u64 qual)
{
	return fail(vcpu, "VM entry failed");
}

/* Not asked for by any control, or a nested page table that we built wrongly. */
static enum hvm_exit_kind exit_unexpected(struct vcpu *vcpu, u64 qual)
{
	return fail(vcpu, "unexpected VM exit");
}

#define NEEDS_QUAL true

static const struct exit_entry exits[] = {
	[REASON_EXCEPTION_OR_NMI] = { "exception or NMI", exit_exception_or_nmi },
	[REASON_EXTERNAL_INTERRUPT] = { "external interrupt", exit_external_interrupt },
	[REASON_TRIPLE_FAULT] = { "triple fault", exit_triple_fault },
	[REASON_INIT] = { "INIT signal", exit_init_sipi },
	[REASON_SIPI] = { "start-up IPI", exit_init_sipi },
	[REASON_IO_SMI] = { "I/O SMI", exit_unexpected },
	[REASON_OTHER_SMI] = { "other SMI", exit_unexpected },
	[REASON_INTERRUPT_WINDOW] = { "interrupt window", exit_done },
	[REASON_NMI_WINDOW] = { "NMI window", exit_done },
	[REASON_TASK_SWITCH] = { "task switch", exit_task_switch, NEEDS_QUAL },
	[REASON_CPUID] = { "CPUID", exit_cpuid },
	[REASON_GETSEC] = { "GETSEC", exit_undefined },
	[REASON_HLT] = { "HLT", exit_hlt },
	[REASON_INVD] = { "INVD", exit_cache },
	[REASON_INVLPG] = { "INVLPG", exit_unexpected },
	[REASON_RDPMC] = { "RDPMC", exit_rdpmc },
	[REASON_RDTSC] = { "RDTSC", exit_unexpected },
	[REASON_RSM] = { "RSM", exit_undefined },
	[REASON_VMCALL] = { "VMCALL", exit_vmcall },
	[REASON_VMCLEAR] = { "VMCLEAR", exit_undefined },
	[REASON_VMLAUNCH] = { "VMLAUNCH", exit_undefined },
	[REASON_VMPTRLD] = { "VMPTRLD", exit_undefined },
	[REASON_VMPTRST] = { "VMPTRST", exit_undefined },
	[REASON_VMREAD] = { "VMREAD", exit_undefined },
	[REASON_VMRESUME] = { "VMRESUME", exit_undefined },
	[REASON_VMWRITE] = { "VMWRITE", exit_undefined },
	[REASON_VMXOFF] = { "VMXOFF", exit_undefined },
	[REASON_VMXON] = { "VMXON", exit_undefined },
	[REASON_CR_ACCESS] = { "control-register accesses", exit_cr_access, NEEDS_QUAL },
	[REASON_MOV_DR] = { "MOV DR", exit_mov_dr },
	[REASON_IO] = { "I/O instruction", exit_io, NEEDS_QUAL },
	[REASON_RDMSR] = { "RDMSR", exit_rdmsr },
	[REASON_WRMSR] = { "WRMSR", exit_wrmsr },
	[REASON_ENTRY_GUEST_STATE] = { "entry failure: invalid guest state", exit_entry_failed },
	[REASON_ENTRY_MSR_LOADING] = { "entry failure: MSR loading", exit_entry_failed },
	[REASON_MWAIT] = { "MWAIT", exit_undefined },
	[REASON_MONITOR_TRAP_FLAG] = { "monitor trap flag", exit_unexpected },
	[REASON_MONITOR] = { "MONITOR", exit_undefined },
	[REASON_PAUSE] = { "PAUSE", exit_pause },
	[REASON_ENTRY_MACHINE_CHECK] = { "entry failure: machine-check event", exit_entry_failed },
	[REASON_TPR_BELOW_THRESHOLD] = { "TPR below threshold", exit_done },
	[REASON_APIC_ACCESS] = { "APIC access", exit_apic_access, NEEDS_QUAL },
	[REASON_VIRTUALIZED_EOI] = { "virtualized EOI", exit_virtualized_eoi, NEEDS_QUAL },
	[REASON_GDTR_OR_IDTR] = { "access to GDTR or IDTR", exit_unexpected },
	[REASON_LDTR_OR_TR] = { "access to LDTR or TR", exit_unexpected },
	[REASON_EPT_VIOLATION] = { "EPT violation", exit_ept_violation, NEEDS_QUAL },
	[REASON_EPT_MISCONFIGURATION] = { "EPT misconfiguration", exit_unexpected },
	[REASON_INVEPT] = { "INVEPT", exit_undefined },
	[REASON_RDTSCP] = { "RDTSCP", exit_unexpected },
	[REASON_PREEMPTION_TIMER] = { "VMX-preemption timer expired", exit_host },
	[REASON_INVVPID] = { "INVVPID", exit_undefined },
	[REASON_WBINVD] = { "WBINVD or WBNOINVD", exit_cache },
	[REASON_XSETBV] = { "XSETBV", exit_xsetbv },
	[REASON_APIC_WRITE] = { "APIC write", exit_apic_write, NEEDS_QUAL },
	[REASON_RDRAND] = { "RDRAND", exit_unexpected },
	[REASON_INVPCID] = { "INVPCID", exit_unexpected },
	[REASON_VMFUNC] = { "VMFUNC", exit_undefined },
	[REASON_ENCLS] = { "ENCLS", exit_undefined },
	[REASON_RDSEED] = { "RDSEED", exit_unexpected },
	[REASON_PML_FULL] = { "page-modification log full", exit_unexpected },
	[REASON_XSAVES] = { "XSAVES", exit_undefined },
	[REASON_XRSTORS] = { "XRSTORS", exit_undefined },
	[REASON_PCONFIG] = { "PCONFIG", exit_undefined },
	[REASON_SPP_EVENT] = { "SPP-related event", exit_unexpected },
	[REASON_UMWAIT] = { "UMWAIT", exit_undefined },
	[REASON_TPAUSE] = { "TPAUSE", exit_undefined },
	[REASON_LOADIWKEY] = { "LOADIWKEY", exit_undefined },
	[REASON_ENCLV] = { "ENCLV", exit_undefined },
	[REASON_ENQCMD_PASID] = { "ENQCMD PASID translation failure", exit_unexpected },
	[REASON_ENQCMDS_PASID] = { "ENQCMDS PASID translation failure", exit_unexpected },
	[REASON_BUS_LOCK] = { "bus lock", exit_unexpected },
	[REASON_INSTRUCTION_TIMEOUT] = { "instruction timeout", exit_unexpected },
	[REASON_SEAMCALL] = { "SEAMCALL", exit_undefined },
	[REASON_TDCALL] = { "TDCALL", exit_undefined },
	[REASON_RDMSRLIST] = { "RDMSRLIST", exit_undefined },
	[REASON_WRMSRLIST] = { "WRMSRLIST", exit_undefined },
};

_Static_assert(ARRAY_SIZE(exits) == EXIT_REASONS, "every exit reason has its entry");
_Static_assert(ARRAY_SIZE(exits) <= VCPU_EXIT_KINDS, "every exit reason has its counter");

unsigned int vmx_nr_reasons(void)
{
	return EXIT_REASONS;
}

const char *vmx_reason_name(unsigned int reason)
{
	return reason < EXIT_REASONS ? exits[reason].name : NULL;
}

/* ---- Events that an exit interrupted (28.2.4) ---- */

static void keep_event(struct vcpu *vcpu, struct vmx_vcpu *v, u32 info)
{
	enum hvm_event_type type = (info & INTR_TYPE) >> INTR_TYPE_SHIFT;

	if ((info & INTR_TYPE) == INTR_TYPE_EXTERNAL) {
		v->extint = info & INTR_VECTOR;
		return;
	}
	vcpu->arch.pending = (struct hvm_event){
		.valid = true,
		.vector = info & INTR_VECTOR,
		.type = type,
		.insn_len = vcpu->arch.exit.insn_len,
		.has_error = info & INTR_ERROR_VALID,
		.error = info & INTR_ERROR_VALID ? vmcs_read(VMCS_IDT_VECTORING_ERROR) : 0,
	};
	if (type == HVM_EVENT_NMI)	/* it will block them itself once it is delivered */
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
			   vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & ~(u64)BLOCKING_BY_NMI);
}

/*
 * An IRET that faulted has unblocked NMIs already; when its exit is handled and it is executed
 * again, it must find them blocked (28.2.3).
 */
static void keep_nmi_blocking(u32 reason)
{
	u64 unblocked = 0;

	if (reason == REASON_EXCEPTION_OR_NMI)
		unblocked = vmcs_read(VMCS_EXIT_INTR_INFO) & INTR_NMI_UNBLOCKING;
	else if (reason == REASON_EPT_VIOLATION)
		unblocked = vmcs_read(VMCS_EXIT_QUALIFICATION) & QUAL_EPT_NMI_UNBLOCKING;
	if (unblocked)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
			   vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) | BLOCKING_BY_NMI);
}

void vmx_exit(struct vcpu *vcpu, struct vmx_vcpu *v)
{
	struct hvm_exit *x = &vcpu->arch.exit;
	u32 full = vmcs_read(VMCS_EXIT_REASON);
	u32 idt_info = 0;
	const struct exit_entry *e;

	x->reason = full & EXIT_REASON_BASIC;
	if (x->reason >= EXIT_REASONS || !exits[x->reason].handle) {
		x->kind = exit_unexpected(vcpu, 0);
		return;
	}
	vcpu_charge_exit(vcpu, x->reason);
	x->insn_len = vmcs_read(VMCS_EXIT_INSN_LEN);
	if (!(full & EXIT_REASON_ENTRY_FAILED)) {
		v->launched = true;
		idt_info = vmcs_read(VMCS_IDT_VECTORING_INFO);
	}
	v->in_delivery = idt_info & INTR_VALID;
	if (unlikely(v->in_delivery))
		keep_event(vcpu, v, idt_info);
	else
		keep_nmi_blocking(x->reason);
	e = &exits[x->reason];
	x->kind = e->handle(vcpu, e->qual ? vmcs_read(VMCS_EXIT_QUALIFICATION) : 0);
}
