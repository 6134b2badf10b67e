/* SPDX-License-Identifier: BSD-2-Clause */
#include "arch/x86/guest/vcpu.h"

#include <errno.h>
#include <string.h>

#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/guest/exit.h"
#include "arch/x86/guest/fpu.h"
#include "arch/x86/guest/lapic.h"
#include "arch/x86/guest/msr.h"
#include "arch/x86/guest/ticks.h"
#include "arch/x86/hvm.h"
#include "arch/x86/msr.h"
#include "asm/barrier.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"

/* ---- What stays in the processor ---- */

static bool vcpu_is_loaded(const struct vcpu *vcpu)
{
	return arch_this_cpu()->loaded == vcpu;
}

static bool has_rdtscp(void)
{
	return cpuid_or_zero(CPUID_EXT_AMD, 0).edx & CPUID_81_EDX_RDTSCP;
}

static void msrs_save(struct hvm_msrs *m)
{
	m->star = rdmsr(MSR_IA32_STAR);
	m->lstar = rdmsr(MSR_IA32_LSTAR);
	m->cstar = rdmsr(MSR_IA32_CSTAR);
	m->sfmask = rdmsr(MSR_IA32_FMASK);
	m->kernel_gs_base = rdmsr(MSR_IA32_KERNEL_GS_BASE);
}

static void msrs_load(const struct hvm_msrs *m)
{
	wrmsr(MSR_IA32_STAR, m->star);
	wrmsr(MSR_IA32_LSTAR, m->lstar);
	wrmsr(MSR_IA32_CSTAR, m->cstar);
	wrmsr(MSR_IA32_FMASK, m->sfmask);
	wrmsr(MSR_IA32_KERNEL_GS_BASE, m->kernel_gs_base);
}

static void debug_registers_save(struct arch_vcpu *a)
{
	__asm__ volatile("mov %%dr0, %0" : "=r"(a->dr[0]));
	__asm__ volatile("mov %%dr1, %0" : "=r"(a->dr[1]));
	__asm__ volatile("mov %%dr2, %0" : "=r"(a->dr[2]));
	__asm__ volatile("mov %%dr3, %0" : "=r"(a->dr[3]));
	a->dr6 = read_dr6();
}

/* DR7 is in the VMCS or VMCB; none of these breaks before it is loaded. */
static void debug_registers_load(const struct arch_vcpu *a)
{
	__asm__ volatile("mov %0, %%dr0" :: "r"(a->dr[0]));
	__asm__ volatile("mov %0, %%dr1" :: "r"(a->dr[1]));
	__asm__ volatile("mov %0, %%dr2" :: "r"(a->dr[2]));
	__asm__ volatile("mov %0, %%dr3" :: "r"(a->dr[3]));
	write_dr6(a->dr6);
}

static void save(struct vcpu *vcpu)
{
	/* Not every emulator lets XSETBV exit. */
	if (fpu_xcr0_allowed())
		vcpu->arch.xcr0 = xgetbv(0);
	fpu_save(vcpu->arch.fpu);
	debug_registers_save(&vcpu->arch);
	if (hvm_caps & HVM_CAP_SWITCHES)
		return;
	msrs_save(&vcpu->arch.msrs);
	vcpu->arch.cr2 = read_cr2();
}

/* On the vCPU's CPU: the vCPU that was loaded there is saved, @vcpu is loaded. */
static void load(struct vcpu *vcpu)
{
	struct arch_cpu *cpu = arch_this_cpu();

	if (cpu->loaded)
		save(cpu->loaded);
	cpu->loaded = vcpu;
	fpu_load(vcpu->arch.fpu);
	if (fpu_xcr0_allowed())
		xsetbv(0, vcpu->arch.xcr0);
	if (has_rdtscp())
		wrmsr(MSR_IA32_TSC_AUX, vcpu->arch.msrs.tsc_aux);
	debug_registers_load(&vcpu->arch);
	if (hvm_caps & HVM_CAP_SWITCHES)
		return;
	msrs_load(&vcpu->arch.msrs);
	write_cr2(vcpu->arch.cr2);
}

static bool cr2_in_processor(const struct vcpu *vcpu)
{
	return !(hvm_caps & HVM_CAP_SWITCHES) && vcpu_is_loaded(vcpu);
}

u64 vcpu_get_cr2(const struct vcpu *vcpu)
{
	return cr2_in_processor(vcpu) ? read_cr2() : vcpu->arch.cr2;
}

void vcpu_set_cr2(struct vcpu *vcpu, u64 val)
{
	vcpu->arch.cr2 = val;
	if (cr2_in_processor(vcpu))
		write_cr2(val);
}

void vcpu_set_xcr0(struct vcpu *vcpu, u64 val)
{
	vcpu->arch.xcr0 = val;
	if (vcpu_is_loaded(vcpu) && fpu_xcr0_allowed())
		xsetbv(0, val);
}

void vcpu_set_tsc_aux(struct vcpu *vcpu, u64 val)
{
	vcpu->arch.msrs.tsc_aux = val;
	if (vcpu_is_loaded(vcpu))
		wrmsr(MSR_IA32_TSC_AUX, val);
}

/* ---- Power-on ---- */

void vcpu_reset_state(struct vcpu *vcpu, struct hvm_state *st)
{
	struct arch_vcpu *a = &vcpu->arch;

	/* What the processor still holds of it is void. */
	if (vcpu_is_loaded(vcpu))
		arch_this_cpu()->loaded = NULL;
	memset(a->gpr, 0, sizeof(a->gpr));
	a->gpr[HVM_RDX] = cpuid(CPUID_FEATURES, 0).eax;
	a->pending.valid = false;
	a->halted_masked = false;
	a->xcr0 = XCR0_X87;
	a->cr2 = 0;
	memset(a->dr, 0, sizeof(a->dr));
	a->dr6 = DR6_INIT;
	fpu_reset(a->fpu);
	guest_msrs_reset(vcpu);
	hvm_reset_state(st);
}

/* ---- Life ---- */

int arch_vcpu_init(struct vcpu *vcpu)
{
	int err;

	vcpu->arch.fpu = fpu_alloc();
	err = vcpu->arch.fpu ? vlapic_init(vcpu) : -ENOMEM;
	if (!err)
		err = hvm->vcpu_init(vcpu);
	if (err)
		arch_vcpu_free(vcpu);
	return err;
}

void arch_vcpu_unload(struct vcpu *vcpu)
{
	if (vcpu_is_loaded(vcpu)) {
		save(vcpu);
		arch_this_cpu()->loaded = NULL;
	}
	vlapic_unload(vcpu);
	hvm->vcpu_unload(vcpu);
}

/* Unloaded before, or never loaded. */
void arch_vcpu_free(struct vcpu *vcpu)
{
	if (vcpu->arch.hvm)
		hvm->vcpu_free(vcpu);
	if (vcpu->arch.lapic)
		vlapic_free(vcpu);
	if (vcpu->arch.fpu)
		fpu_free(vcpu->arch.fpu);
	vcpu->arch.hvm = vcpu->arch.lapic = vcpu->arch.fpu = NULL;
}

/* ---- Running ---- */

static __noinline bool has_interrupt(struct vlapic *apic)
{
	vlapic_sync(apic);
	return vlapic_pending(apic) >= 0;
}

bool arch_vcpu_has_interrupt(struct vcpu *vcpu)
{
	struct vlapic *apic = vcpu->arch.lapic;

	if (READ_ONCE(apic->nmi_pending) || READ_ONCE(apic->init_pending) ||
	    vcpu->arch.pending.valid)
		return true;
	if (vcpu->arch.halted_masked)
		return false;
	return !vlapic_is_quiet(apic) && has_interrupt(apic);
}

/*
 * SDM 3A 10.4.4: INIT leaves a processor waiting, and a SIPI starts it in real mode. The boot
 * processor would start over in the firmware, which for this guest means a reset.
 */
static void take_init(struct vcpu *vcpu)
{
	u32 *pending = &vcpu->arch.lapic->init_pending, taken;

	do {
		taken = VLAPIC_INIT_TAKEN;
		__atomic_exchange_n(pending, taken, __ATOMIC_SEQ_CST);
		if (vcpu->id == 0) {
			WRITE_ONCE(*pending, 0);
			guest_request(vcpu->guest, GUEST_REQ_RESET, 0,
				      "INIT of the boot processor");
			return;
		}
		hvm->vcpu_reset(vcpu);
		vlapic_reset_init(vcpu);
		WRITE_ONCE(vcpu->state, VCPU_WAIT_SIPI);
		/*
		 * Another INIT may have come, and with it the end of a SIPI. Full barrier: a SIPI
		 * is seen by take_sipi(), or its sender sees that this one waits.
		 */
	} while (!__atomic_compare_exchange_n(pending, &taken, 0, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
}

static void take_sipi(struct vcpu *vcpu)
{
	struct hvm_state st;
	u8 page;

	if (!__atomic_exchange_n(&vcpu->arch.lapic->sipi_pending, 0, __ATOMIC_ACQUIRE))
		return;
	page = READ_ONCE(vcpu->arch.lapic->sipi_vector);
	hvm->get_state(vcpu, &st);
	st.rip = 0;
	st.seg[HVM_CS].selector = page << 8;
	st.seg[HVM_CS].base = page << 12;
	hvm->set_state(vcpu, &st);
	WRITE_ONCE(vcpu->state, VCPU_RUNNABLE);
}

/* Seldom: apart, so that nothing is kept for it with each kick. */
static __noinline void take_start_signals(struct vcpu *vcpu)
{
	if (READ_ONCE(vcpu->arch.lapic->init_pending))
		take_init(vcpu);
	take_sipi(vcpu);
}

/*
 * What comes with a kick and nobody else looks at. Whoever kicks has published before; what is read
 * now is not older: full barrier.
 */
static void take_kick(struct vcpu *vcpu)
{
	const struct vlapic *apic = vcpu->arch.lapic;

	__atomic_exchange_n(&vcpu->arch.kicked, 0, __ATOMIC_SEQ_CST);
	if (unlikely(READ_ONCE(apic->init_pending) | READ_ONCE(apic->sipi_pending)))
		take_start_signals(vcpu);
}

/* Its state changes by an INIT, which comes with a kick, or by its own HLT. */
static bool vcpu_ready(struct vcpu *vcpu)
{
	if (READ_ONCE(vcpu->arch.kicked))
		take_kick(vcpu);
	return READ_ONCE(vcpu->state) == VCPU_RUNNABLE;
}

/* From here on cpu_kick() interrupts the guest; pairs with the barrier of its callers. */
static bool announce_guest_mode(struct cpu *cpu, const struct vcpu *vcpu)
{
	WRITE_ONCE(cpu->state, CPU_IN_GUEST);
	mb();
	return !work_pending(cpu) && !READ_ONCE(vcpu->arch.kicked);
}

static void run_once(struct cpu *cpu, struct vcpu *vcpu, u64 deadline_ns)
{
	u64 deadline = MIN(deadline_ns, timer_next(cpu));

	if (unlikely(cpu->arch.loaded != vcpu))
		load(vcpu);
	if (unlikely(cpu->arch.timer_ns != deadline) && !(hvm_caps & HVM_CAP_DEADLINE))
		apic_timer_arm(deadline);
	hvm->run(vcpu, deadline);
	WRITE_ONCE(cpu->state, CPU_RUNNING);
}

/*
 * A guest can have the processor deliver exceptions that exit, for ever, before it looks at
 * interrupts or the preemption timer (debug exceptions whose own delivery hits a breakpoint).
 * So after so many exits in a row the CPU loop has its turn, and host interrupts theirs.
 */
#define EXITS_IN_A_ROW 1000

static void interrupt_window(void)
{
	__asm__ volatile("sti; nop; cli" ::: "memory");
}

void arch_vcpu_run(struct vcpu *vcpu, u64 deadline_ns)
{
	struct cpu *cpu = vcpu->cpu;
	unsigned int exits = 0;
	bool go_on = vcpu_ready(vcpu);

	cpu->resched = false;
	vcpu_charge_begin(vcpu);
	while (go_on && guest_runs(vcpu->guest) && !cpu->resched) {
		if (unlikely(exits++ == EXITS_IN_A_ROW)) {
			interrupt_window();
			break;
		}
		if (unlikely(!announce_guest_mode(cpu, vcpu))) {
			WRITE_ONCE(cpu->state, CPU_RUNNING);
			go_on = !work_pending(cpu) && vcpu_ready(vcpu);
			continue;
		}
		run_once(cpu, vcpu, deadline_ns);
		if (vcpu->arch.exit.kind != HVM_EXIT_DONE)
			go_on = vcpu_handle_exit(vcpu);
	}
	vcpu_charge_end(vcpu);
}

const char *arch_exit_name(unsigned int reason)
{
	return hvm->reason_name(reason);
}
