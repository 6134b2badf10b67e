/* SPDX-License-Identifier: BSD-2-Clause */
#include "arch/x86/guest/exit.h"

#include <stdio.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/cpuid.h"
#include "arch/x86/guest/cr.h"
#include "arch/x86/guest/emulate.h"
#include "arch/x86/guest/lapic.h"
#include "arch/x86/guest/msr.h"
#include "arch/x86/guest/vcpu.h"
#include "arch/x86/guest/vpc.h"
#include "arch/x86/hvm.h"
#include "asm/barrier.h"
#include "kernel/guest.h"
#include "kernel/log.h"

/* For whoever has to find out why. A guest that ends this way and is reset may do so for ever. */
static void say_where(struct vcpu *vcpu)
{
	const char *name = guest_name(vcpu->guest);
	static struct ratelimit rl;
	struct hvm_state st;

	hvm->get_state(vcpu, &st);
	log_ratelimited(&rl, LOG_WARN, "guest %s: vCPU %u: RIP %lx RSP %lx RFLAGS %lx CR0 %lx "
			"CR2 %lx CR3 %lx CR4 %lx EFER %lx", name, vcpu->id, st.rip, st.rsp,
			st.rflags, st.cr0, st.cr2, st.cr3, st.cr4, st.efer);
	log_ratelimited(&rl, LOG_WARN, "guest %s: vCPU %u: CS %x GS base %lx TR base %lx "
			"GDT %lx+%x IDT %lx+%x", name, vcpu->id, st.seg[HVM_CS].selector,
			st.seg[HVM_GS].base, st.seg[HVM_TR].base, st.gdtr_base, st.gdtr_limit,
			st.idtr_base, st.idtr_limit);
}

static bool crash(struct vcpu *vcpu, const char *why)
{
	say_where(vcpu);
	guest_request(vcpu->guest, GUEST_REQ_CRASH, 0, why);
	return false;
}

static void skip(struct vcpu *vcpu)
{
	hvm->skip(vcpu, vcpu->arch.exit.insn_len);
}

/* ---- Ports ---- */

/* IN to AL or AX keeps the rest, to EAX clears the upper half: SDM 1 3.4.1.1. */
static void pio_in(struct vcpu *vcpu, u16 port, unsigned int size)
{
	u64 *rax = &vcpu->arch.gpr[HVM_RAX];
	u64 val = vpc_pio_read(vcpu->guest, port, size);

	if (size == 4)
		*rax = (u32)val;
	else
		*rax = (*rax & ~(BIT_ULL(8 * size) - 1)) | (val & (BIT_ULL(8 * size) - 1));
}

static bool exit_pio(struct vcpu *vcpu)
{
	const struct hvm_exit *x = &vcpu->arch.exit;
	u64 mask = BIT_ULL(8 * x->pio.size) - 1;

	if (x->pio.string) {
		emulate(vcpu);
		return true;
	}
	spin_lock(&vcpu->guest->lock);
	if (x->pio.in)
		pio_in(vcpu, x->pio.port, x->pio.size);
	else
		vpc_pio_write(vcpu->guest, x->pio.port, x->pio.size,
			      vcpu->arch.gpr[HVM_RAX] & mask);
	spin_unlock(&vcpu->guest->lock);
	skip(vcpu);
	return true;
}

/* ---- Memory without RAM ---- */

/* The guest's page tables lead out of RAM, where all bits read as ones, reserved ones too. */
static bool walk_fault(struct vcpu *vcpu)
{
	const struct hvm_exit *x = &vcpu->arch.exit;

	vcpu_set_cr2(vcpu, x->mmio.gla);
	hvm_inject_exception(vcpu, EXC_PF, true,
			     PF_P | PF_RSVD | (x->mmio.write ? PF_W : 0) |
				     (x->mmio.exec ? PF_I : 0));
	return true;
}

static bool exit_mmio(struct vcpu *vcpu)
{
	const struct hvm_exit *x = &vcpu->arch.exit;
	char why[80];

	if (x->mmio.delivery) {
		snprintf(why, sizeof(why), "event delivered through %#lx, where no RAM is",
			 x->mmio.gpa);
		return crash(vcpu, why);
	}
	if (x->mmio.walk && x->mmio.gla_valid)
		return walk_fault(vcpu);
	if (x->mmio.exec) {
		snprintf(why, sizeof(why), "instruction fetch from %#lx, where no RAM is",
			 x->mmio.gpa);
		return crash(vcpu, why);
	}
	emulate(vcpu);
	return true;
}

/* ---- Instructions ---- */

static bool exit_cpuid(struct vcpu *vcpu)
{
	guest_cpuid_exit(vcpu);
	return true;
}

static bool exit_hlt(struct vcpu *vcpu)
{
	vcpu->arch.halted_masked = vcpu->arch.exit.hlt.masked;
	skip(vcpu);
	WRITE_ONCE(vcpu->state, VCPU_HALTED);	/* vcpu_runnable() looks whether it may stay */
	return false;
}

/*
 * Whoever it waits for may be one that waits for this CPU, or for what is under it: another
 * hardware thread, or an emulator's thread that plays all CPUs in turn. So PAUSE is one here, too.
 */
static bool exit_pause(struct vcpu *vcpu)
{
	cpu_relax();
	skip(vcpu);
	vcpu->yields = true;
	return false;
}

static bool exit_rdmsr(struct vcpu *vcpu)
{
	guest_rdmsr_exit(vcpu);
	return true;
}

static bool exit_wrmsr(struct vcpu *vcpu)
{
	guest_wrmsr_exit(vcpu);
	return true;
}

static bool exit_mov_cr(struct vcpu *vcpu)
{
	guest_mov_cr(vcpu);
	return true;
}

static bool exit_xsetbv(struct vcpu *vcpu)
{
	guest_xsetbv(vcpu);
	return true;
}

/* VMX, SVM and other instructions that CPUID does not show. */
static bool exit_undefined(struct vcpu *vcpu)
{
	hvm_inject_ud(vcpu);
	return true;
}

#ifdef CONFIG_DEBUG_CHECKS
/* RAX of a VMCALL that has the guest's state spoiled, to see what a failed VM entry does. */
#define HYPERCALL_SPOIL	0x6c6f7073

static bool spoil(struct vcpu *vcpu)
{
	struct hvm_state st;

	if (vcpu->arch.gpr[HVM_RAX] != HYPERCALL_SPOIL)
		return false;
	hvm->get_state(vcpu, &st);
	st.rflags &= ~(u64)RFLAGS_FIXED;
	hvm->set_state(vcpu, &st);
	return true;
}
#else
static bool spoil(struct vcpu *vcpu)
{
	return false;
}
#endif

#define KVM_EPERM	1
#define KVM_ENOSYS	1000	/* Linux, include/uapi/linux/kvm_para.h */

/* None is there. Who was told of KVM may ask all the same, and hears that in KVM's way. */
static bool exit_hypercall(struct vcpu *vcpu)
{
	struct hvm_state st;

	if (spoil(vcpu))
		return true;
	if (!vcpu->guest->config->kvm) {
		hvm_inject_ud(vcpu);
		return true;
	}
	hvm->get_state(vcpu, &st);
	vcpu->arch.gpr[HVM_RAX] = st.seg[HVM_SS].attr >> HVM_SEG_DPL_SHIFT & 3 ? -KVM_EPERM :
									      -KVM_ENOSYS;
	skip(vcpu);
	return true;
}

/* ---- Interrupt controller ---- */

static bool exit_eoi(struct vcpu *vcpu)
{
	vlapic_eoi_done(vcpu->arch.lapic, vcpu->arch.exit.eoi.vector);
	return true;
}

static bool exit_apic_write(struct vcpu *vcpu)
{
	vlapic_write_done(vcpu->arch.lapic, vcpu->arch.exit.apic_write.off);
	return true;
}

/* ---- What ends it ---- */

static bool exit_triple_fault(struct vcpu *vcpu)
{
	return crash(vcpu, "triple fault");
}

static bool exit_task_switch(struct vcpu *vcpu)
{
	return crash(vcpu, "hardware task switch, which is not emulated");
}

static bool exit_failed(struct vcpu *vcpu)
{
	return crash(vcpu, "VM entry failed");
}

/* An INIT or SIPI for the physical CPU: somebody outside is confused, the guest goes on. */
static bool exit_init_sipi(struct vcpu *vcpu)
{
	static struct ratelimit rl;

	log_ratelimited(&rl, LOG_WARN, "hvm: %s: INIT or SIPI signal to this CPU ignored",
			guest_name(vcpu->guest));
	return true;
}

static bool exit_unexpected(struct vcpu *vcpu)
{
	return crash(vcpu, "exit that was not asked for");
}

static bool exit_done(struct vcpu *vcpu)
{
	return true;
}

static bool exit_host(struct vcpu *vcpu)
{
	return false;
}

static bool (*const handlers[HVM_EXIT_KINDS])(struct vcpu *vcpu) = {
	[HVM_EXIT_DONE] = exit_done,
	[HVM_EXIT_HOST] = exit_host,
	[HVM_EXIT_PIO] = exit_pio,
	[HVM_EXIT_MMIO] = exit_mmio,
	[HVM_EXIT_CPUID] = exit_cpuid,
	[HVM_EXIT_HLT] = exit_hlt,
	[HVM_EXIT_PAUSE] = exit_pause,
	[HVM_EXIT_RDMSR] = exit_rdmsr,
	[HVM_EXIT_WRMSR] = exit_wrmsr,
	[HVM_EXIT_MOV_CR] = exit_mov_cr,
	[HVM_EXIT_MOV_DR] = exit_unexpected,
	[HVM_EXIT_XSETBV] = exit_xsetbv,
	[HVM_EXIT_HYPERCALL] = exit_hypercall,
	[HVM_EXIT_UNDEFINED] = exit_undefined,
	[HVM_EXIT_TRIPLE_FAULT] = exit_triple_fault,
	[HVM_EXIT_EOI] = exit_eoi,
	[HVM_EXIT_APIC_WRITE] = exit_apic_write,
	[HVM_EXIT_TASK_SWITCH] = exit_task_switch,
	[HVM_EXIT_INIT_SIPI] = exit_init_sipi,
	[HVM_EXIT_FAILED] = exit_failed,
};

bool vcpu_handle_exit(struct vcpu *vcpu)
{
	return handlers[vcpu->arch.exit.kind](vcpu);
}
