/* SPDX-License-Identifier: BSD-2-Clause */
/* AMD-V's entries and exits with a processor that the test plays. */
#ifndef TESTS_UNIT_SVM_FIXTURE_H
#define TESTS_UNIT_SVM_FIXTURE_H

#include "tests/unit/unit.h"

#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/lapic_regs.h"
#include "arch/x86/guest/ticks.h"
#include "arch/x86/guest/vcpu.h"
#include "arch/x86/msr.h"
#include "arch/x86/svm/svm.h"
#include "kernel/cpu.h"
#include "kernel/event.h"
#include "kernel/mem.h"
#include "tests/unit/mock_board.h"

struct svm_caps svm_caps;
static struct svm_cpu cpu;
static struct svm_vcpu *v;
static struct vcpu *vcpu;
static struct vmcb *vmcb;
static struct event bell;
static unsigned int rings;

/* ---- The processor ---- */

static void (*processor)(void);		/* what happens between VMRUN and #VMEXIT */
static u64 code, info1, info2;		/* EXITCODE, EXITINFO1, EXITINFO2 */

void svm_enter(u64 gpr[16], u64 vmcb_phys, u64 host_vmcb_phys)
{
	assert_ptr_equal(phys_to_virt(vmcb_phys), vmcb);
	assert_int_equal(host_vmcb_phys, cpu.host_vmcb_phys);
	assert_int_not_equal(vmcb->control.asid, 0);
	assert_true(vmcb->control.intercept_4 & INTERCEPT_VMRUN);
	assert_true(vmcb->save.efer & EFER_SVME);
	vmcb->control.exitcode = code;
	vmcb->control.exitinfo1 = info1;
	vmcb->control.exitinfo2 = info2;
	vmcb->control.exitintinfo = 0;
	if (processor)
		processor();
	vmcb->control.eventinj = 0;
}

struct svm_cpu *svm_this_cpu(void) { return &cpu; }
void svm_dump(struct vcpu *vc) { }
void svm_doorbell(u32 apic_id) { }
static inline void rung(struct event *event) { rings++; }

void vcpu_set_cr2(struct vcpu *vc, u64 val) { vc->arch.cr2 = val; }

void vcpu_reset_state(struct vcpu *vc, struct hvm_state *st)
{
	memset(vc->arch.gpr, 0, sizeof(vc->arch.gpr));
	memset(st, 0, sizeof(*st));
	vc->arch.msrs.pat = PAT_POWER_ON;
	st->rip = 0xfff0;
	st->rflags = RFLAGS_FIXED;
	st->cr0 = CR0_ET;
	st->seg[HVM_CS].base = 0;
	st->seg[HVM_CS].attr = 0x9b;
	st->seg[HVM_CS].limit = 0xffff;
}

void hvm_inject_exception(struct vcpu *vc, u8 vector, bool has_error, u32 error)
{
	vc->arch.pending = (struct hvm_event){
		.valid = true, .type = HVM_EVENT_EXCEPTION, .vector = vector,
		.has_error = has_error, .error = error,
	};
}

void hvm_inject_gp(struct vcpu *vc) { hvm_inject_exception(vc, EXC_GP, true, 0); }
void hvm_inject_ud(struct vcpu *vc) { hvm_inject_exception(vc, EXC_UD, false, 0); }

/* ---- The test's side ---- */

static inline int setup(void **state)
{
	board_init(1);
	board_enable_apics();
	svm_caps = (struct svm_caps){ .nr_asids = 4 };
	cpu = (struct svm_cpu){ .next_asid = 1, .asid_gen = 1, .host_vmcb_phys = 0x1000 };
	hvm_caps = HVM_CAP_SWITCHES;
	assert_int_equal(svm_guest_init(&board.guest), 0);
	vcpu = &board.vcpu[0];
	assert_int_equal(svm_vcpu_init(vcpu), 0);
	v = vcpu->arch.hvm;
	vmcb = v->vmcb;
	svm_vcpu_reset(vcpu);
	processor = NULL;
	code = VMEXIT_INTR;
	info1 = info2 = 0;
	event_init(&bell, rung);
	rings = 0;
	return 0;
}

static inline int teardown(void **state)
{
	svm_vcpu_free(vcpu);
	svm_guest_free(&board.guest);
	board_free();
	return 0;
}

/* VMEXIT_INTR would open a window for interrupts: not in a Linux process. */
static inline const struct hvm_exit *run(u64 exitcode)
{
	code = exitcode;
	vcpu_charge_begin(vcpu);
	svm_run(vcpu, 0);
	return &vcpu->arch.exit;
}

/* What RIP is at (real mode, CS base 0). */
static inline void put_code(const char *bytes, size_t len)
{
	vmcb->save.rip = 0x1000;
	memcpy(board.ram + vmcb->save.rip, bytes, len);
}
#define CODE(text) put_code(text, sizeof(text) - 1)

#endif
