/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A board whose vCPUs run on processors with AVIC (avic_processor.h), and what the rest of the
 * hypervisor does with their exits. What guests take is checked against what was sent: neither lost
 * nor doubled.
 */
#ifndef TESTS_UNIT_AVIC_FIXTURE_H
#define TESTS_UNIT_AVIC_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/ticks.h"
#include "arch/x86/guest/vcpu.h"
#include "arch/x86/msr.h"
#include "kernel/cpu.h"
#include "kernel/mem.h"
#include "tests/unit/avic_processor.h"

struct svm_caps svm_caps;

/* ---- The hypervisor's rest ---- */

void svm_dump(struct vcpu *vcpu) { }
void vcpu_set_cr2(struct vcpu *vcpu, u64 val) { vcpu->arch.cr2 = val; }

void vcpu_reset_state(struct vcpu *vcpu, struct hvm_state *st)
{
	memset(vcpu->arch.gpr, 0, sizeof(vcpu->arch.gpr));
	memset(st, 0, sizeof(*st));
	vcpu->arch.msrs.pat = PAT_POWER_ON;
	st->rflags = RFLAGS_FIXED | RFLAGS_IF;
	st->cr0 = CR0_ET;
	st->seg[HVM_CS].attr = 0x9b;
	st->seg[HVM_CS].limit = 0xffff;
}

void hvm_inject_exception(struct vcpu *vcpu, u8 vector, bool has_error, u32 error)
{
	fail_msg("exception %u", vector);
}

void hvm_inject_gp(struct vcpu *vcpu) { hvm_inject_exception(vcpu, EXC_GP, true, 0); }
void hvm_inject_ud(struct vcpu *vcpu) { hvm_inject_exception(vcpu, EXC_UD, false, 0); }

static struct svm_vcpu *svm_of(unsigned int i) { return board.vcpu[i].arch.hvm; }

/* ---- What was sent, and what came ---- */

/*
 * @owed: something was sent since the last was taken. No more are taken than were sent; fewer, as
 * several that wait are one.
 */
static struct { bool owed; u32 sent, taken; } mail[BOARD_VCPUS][256];
static u64 taken_total;

static void expect(unsigned int i, u8 vector)
{
	mail[i][vector].owed = true;
	mail[i][vector].sent++;
}

static void taken(struct processor *p, u8 vector)
{
	mail[p->id][vector].owed = false;
	assert_in_range(++mail[p->id][vector].taken, 1, mail[p->id][vector].sent);
	taken_total++;
}

static void assert_nothing_owed(void)
{
	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		for (unsigned int v = 0; v < 256; v++)
			if (mail[i][v].owed)
				fail_msg("vCPU %u, vector %#x", i, v);
}

/* ---- Running ---- */


static void finish_access(struct processor *p, struct vlapic *apic, const struct hvm_exit *x)
{
	u64 val;

	switch (x->kind) {
	case HVM_EXIT_MMIO:
		assert_int_equal(x->mmio.gpa, APIC_DEFAULT_BASE + p->access_off);
		assert_int_equal(x->mmio.write, p->access_write);
		assert_false(x->mmio.exec || x->mmio.walk || x->mmio.delivery);
		if (p->access_write)
			vlapic_write(apic, p->access_off, p->access_val);
		else
			vlapic_read(apic, p->access_off);
		break;
	case HVM_EXIT_WRMSR:
		assert_int_equal(x->insn_len, 2);
		vlapic_wrmsr(apic, X2APIC_MSR_FIRST + p->access_off / 16, p->msr_val);
		break;
	case HVM_EXIT_RDMSR:
		assert_int_equal(x->insn_len, 2);
		vlapic_rdmsr(apic, X2APIC_MSR_FIRST + p->access_off / 16, &val);
		break;
	default:
		fail_msg("exit of kind %u", x->kind);
	}
}

/* One entry of vCPU @i on its processor, and what the handlers of its exit do. */
static enum hvm_exit_kind enter(unsigned int i)
{
	struct processor *p = &processors[i], *before = processor;
	struct vcpu *vcpu = &board.vcpu[i];
	const struct hvm_exit *x = &vcpu->arch.exit;

	processor = p;
	vcpu_charge_begin(vcpu);
	svm_run(vcpu, 0);
	switch (x->kind) {
	case HVM_EXIT_DONE:
		break;
	case HVM_EXIT_APIC_WRITE:
		vlapic_write_done(vcpu->arch.lapic, x->apic_write.off);
		break;
	case HVM_EXIT_EOI:
		vlapic_eoi_done(vcpu->arch.lapic, x->eoi.vector);
		break;
	default:
		finish_access(p, vcpu->arch.lapic, x);
	}
	processor = before;
	return x->kind;
}

static void run(unsigned int i, void (*guest)(struct processor *p))
{
	processors[i].guest = guest;
	enter(i);
	processors[i].guest = NULL;
}

/* As arch_vcpu_has_interrupt(): would HLT go on? */
static bool has_interrupt(unsigned int i)
{
	vlapic_sync(board_lapic(i));
	return vlapic_pending(board_lapic(i)) >= 0;
}

static bool in_service(unsigned int i)
{
	u32 bits = 0;

	for (u32 off = 0; off < LAPIC_ARRAY_REGS * LAPIC_REG_STRIDE; off += LAPIC_REG_STRIDE)
		bits |= vlapic_reg(board_lapic(i), LAPIC_ISR + off);
	return bits;
}

/* Everything is taken, and ended. */
static void end_all(struct processor *p)
{
	bool on = guest_if(p, true);

	if (on && p->vmcb->control.int_ctl & INT_CTL_V_TPR)
		on = guest_cr8(p, 0);
	while (on && in_service(p->id))
		on = guest_apic_write(p, LAPIC_EOI, 0);
}

/* ---- Setting up ---- */

static struct hvm_ops ops;
static const struct hvm_ops *mock_ops;

static void use_avic(bool x2avic)
{
	hvm_caps = HVM_CAP_SWITCHES | HVM_CAP_POST;
	svm_caps = (struct svm_caps){ .nr_asids = 64, .avic = true, .x2avic = x2avic };
	assert_int_equal(svm_permission_init(), 0);
	mock_ops = mock_ops ? mock_ops : hvm;
	ops = *mock_ops;
	ops.apic_changed = svm_avic_changed;
	ops.post = svm_avic_post;
	hvm = &ops;
}

static void make_vcpus(void)
{
	assert_int_equal(svm_guest_init(&board.guest), 0);
	for (unsigned int i = 0; i < BOARD_VCPUS; i++) {
		assert_int_equal(svm_vcpu_init(&board.vcpu[i]), 0);
		svm_vcpu_reset(&board.vcpu[i]);
		board.vcpu[i].state = VCPU_RUNNABLE;
	}
	vlapic_write(board_lapic(0), LAPIC_LVT_LINT0, LVT_MASKED);
	board_enable_apics();
	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		vlapic_write(board_lapic(i), LAPIC_LVT_ERROR, LVT_MASKED);
	memset(board.kicks, 0, sizeof(board.kicks));
}

static int setup(void **state)
{
	board_init(1);
	processors_init();
	memset(mail, 0, sizeof(mail));
	taken_total = 0;
	avic_delivered = taken;
	use_avic(true);
	make_vcpus();
	return 0;
}

static int teardown(void **state)
{
	for (unsigned int i = 0; i < BOARD_VCPUS; i++) {
		svm_vcpu_free(&board.vcpu[i]);
		assert_int_equal(((struct svm_guest *)board.guest.arch.hvm)->avic->physical[i], 0);
	}
	svm_guest_free(&board.guest);
	mem_free(svm_caps.iopm, IOPM_SIZE, MEM_EPT);
	mem_free(svm_caps.msrpm, MSRPM_SIZE, MEM_EPT);
	if (svm_caps.msrpm_x2avic)
		mem_free(svm_caps.msrpm_x2avic, MSRPM_SIZE, MEM_EPT);
	hvm = mock_ops;
	board_free();
	return 0;
}

static void enter_x2apic(unsigned int i)
{
	u64 base = board_lapic(i)->base_msr | APIC_BASE_EXTD;

	assert_int_equal(vlapic_wrmsr(board_lapic(i), MSR_IA32_APIC_BASE, base), 0);
}

#endif
