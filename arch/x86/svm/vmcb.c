/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU's VMCB: what it intercepts and its life. The guest's state is in state.c, what changes
 * at each entry in run.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "arch/x86/cpu.h"
#include "arch/x86/svm/svm.h"
#include "kernel/guest.h"
#include "kernel/mem.h"

#define INTERCEPTS_3 (INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_INIT | INTERCEPT_CR0_SEL_WRITE | \
	INTERCEPT_RDPMC | INTERCEPT_CPUID | INTERCEPT_RSM | INTERCEPT_INVD | INTERCEPT_HLT | \
	INTERCEPT_INVLPGA | INTERCEPT_IOIO_PROT | INTERCEPT_MSR_PROT | INTERCEPT_TASK_SWITCH | \
	INTERCEPT_SHUTDOWN)

#define INTERCEPTS_4 (INTERCEPT_VMRUN | INTERCEPT_VMMCALL | INTERCEPT_VMLOAD | INTERCEPT_VMSAVE | \
	INTERCEPT_STGI | INTERCEPT_CLGI | INTERCEPT_SKINIT | INTERCEPT_WBINVD | \
	INTERCEPT_MONITOR | INTERCEPT_MWAIT | INTERCEPT_MWAIT_ARMED | INTERCEPT_XSETBV | \
	INTERCEPT_RDPRU)

#define INTERCEPTS_5 (INTERCEPT_INVLPGB | INTERCEPT_INVLPGB_ILLEGAL | INTERCEPT_MCOMMIT | \
	INTERCEPT_TLBSYNC)

/* PAUSEs that make a loop, and cycles between two of them (15.14.4); as KVM's. */
#define PAUSES		3000
#define PAUSE_GAP	128

static void init_control(struct svm_vcpu *v)
{
	const struct svm_guest *g = v->vcpu->guest->arch.hvm;
	struct vmcb_control *c = &v->vmcb->control;

	/* CR4 has bits of the host's; CR8 is V_TPR, and looked at when an interrupt waits. */
	c->intercept_cr = INTERCEPT_CR_READ(4) | INTERCEPT_CR_WRITE(4);
	/*
	 * #DB and #AC: a guest whose stack faults in the same way again keeps the processor
	 * in their delivery for ever, deaf to interrupts (CVE-2015-5307, CVE-2015-8104).
	 */
	c->intercept_exceptions = BIT(EXC_DB) | BIT(EXC_AC) | BIT(EXC_MC);
	c->intercept_3 = INTERCEPTS_3;
	c->intercept_4 = INTERCEPTS_4;
	c->intercept_5 = INTERCEPTS_5;
	c->iopm_base_pa = svm_caps.iopm;
	c->msrpm_base_pa = svm_caps.msrpm;
	c->int_ctl = INT_CTL_V_INTR_MASKING;
	/* Where the processor has it: exit only after so many, each soon after the one before. */
	if (svm_caps.features & SVM_PAUSE_FILTER)
		c->pause_filter_count = PAUSES;
	if (svm_caps.features & SVM_PAUSE_FILTER_THRESHOLD)
		c->pause_filter_threshold = PAUSE_GAP;
	c->np = NP_ENABLE;
	c->n_cr3 = virt_to_phys(g->npt);
}

/* Of a vCPU that has not run, or is about to move: a CPU that gives it no ASID. */
static const struct svm_cpu nowhere = { .asid_gen = UINT64_MAX };

int svm_vcpu_init(struct vcpu *vcpu)
{
	struct svm_vcpu *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->vmcb_phys = mem_alloc(sizeof(struct vmcb), PAGE_SIZE, MEM_EPT);
	if (!v->vmcb_phys) {
		free(v);
		return -ENOMEM;
	}
	v->vcpu = vcpu;
	v->guest = vcpu->guest->arch.hvm;
	v->cpu = &nowhere;
	v->vmcb = phys_to_virt(v->vmcb_phys);
	v->virq = -1;
	svm_memo_forget(v->memos);
	vcpu->arch.hvm = v;
	init_control(v);
	svm_avic_vcpu_init(vcpu, v);
	return 0;
}

/* Each exit leaves all of it in the VMCB; what the processor may cache of that does not matter. */
void svm_vcpu_unload(struct vcpu *vcpu)
{
	struct svm_vcpu *v = vcpu->arch.hvm;

	v->cpu = &nowhere;
}

void svm_vcpu_free(struct vcpu *vcpu)
{
	struct svm_vcpu *v = vcpu->arch.hvm;

	if (!v)
		return;
	svm_avic_vcpu_free(v);
	mem_free(v->vmcb_phys, sizeof(struct vmcb), MEM_EPT);
	free(v);
	vcpu->arch.hvm = NULL;
}
