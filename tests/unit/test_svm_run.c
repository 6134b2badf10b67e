/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AMD-V's entries with a processor that the test plays: what the VMCB says at VMRUN. Processors
 * with FlushByAsid and without.
 */
#include "tests/unit/svm_fixture.h"

static void interrupt_taken(void) { vmcb->control.int_ctl &= ~INT_CTL_V_IRQ; }

static u8 shown_vector(void) { return vmcb->control.int_ctl >> INT_CTL_V_INTR_VECTOR_SHIFT; }

static u64 injected;
static void note_injected(void) { injected = vmcb->control.eventinj; }

/* ---- Interrupts ---- */

static void check_shown(void)
{
	assert_true(vmcb->control.int_ctl & INT_CTL_V_IRQ);
	assert_int_equal(shown_vector(), 0x41);
	assert_int_equal(vmcb->control.eventinj, 0);
	assert_true(vmcb->control.intercept_cr & INTERCEPT_CR_WRITE(8));
}

static void each_entry_has_one_exit_and_its_time(void **state)
{
	u64 begin = rdtsc(), charged;
	unsigned int reason;

	CODE("\xf4");
	reason = run(VMEXIT_HLT)->reason;
	assert_int_equal(vcpu->entries, 1);
	assert_int_equal(vcpu->exits[reason], 1);
	assert_ptr_equal(vcpu->charged, &vcpu->exit_ticks[reason]);
	vcpu_charge_end(vcpu);
	charged = vcpu->entry_ticks + vcpu->guest_ticks + vcpu->exit_ticks[reason];
	assert_in_range(charged, 1, rdtsc() - begin);
}

static void interrupt_stays_pending_until_taken(void **state)
{
	vlapic_post(vcpu, 0x41, false);
	processor = check_shown;
	run(VMEXIT_VINTR);
	assert_int_equal(vlapic_highest_irr(board_lapic(0)), 0x41);
	assert_int_equal(vlapic_highest_isr(board_lapic(0)), -1);
	processor = interrupt_taken;
	run(VMEXIT_VINTR);
	assert_int_equal(vlapic_highest_irr(board_lapic(0)), -1);
	assert_int_equal(vlapic_highest_isr(board_lapic(0)), 0x41);
	assert_int_equal(vcpu->injected, 1);
	processor = NULL;
	run(VMEXIT_VINTR);
	assert_false(vmcb->control.int_ctl & INT_CTL_V_IRQ);
	assert_false(vmcb->control.intercept_cr & INTERCEPT_CR_WRITE(8));
}

static void check_injected(void)
{
	assert_int_equal(vmcb->control.eventinj, EVENT_VALID | EVENT_TYPE_INTR | 0x41);
	assert_false(vmcb->control.int_ctl & INT_CTL_V_IRQ);
}

static void injection_interrupted(void)
{
	check_injected();
	vmcb->control.exitintinfo = vmcb->control.eventinj;
}

/* Processors with NRIPS: at once if the guest can take it, and again until it has. */
static void interrupt_is_injected(void **state)
{
	svm_caps.features = SVM_NRIPS;
	vlapic_post(vcpu, 0x41, false);
	processor = check_shown;
	run(VMEXIT_VINTR);
	vmcb->save.rflags |= RFLAGS_IF;
	vmcb->control.int_state = INT_STATE_SHADOW;
	run(VMEXIT_VINTR);
	vmcb->control.int_state = 0;
	processor = injection_interrupted;
	info2 = 0x80000000;
	run(VMEXIT_NPF);
	assert_int_equal(vlapic_highest_irr(board_lapic(0)), 0x41);
	processor = check_injected;
	run(VMEXIT_VINTR);
	assert_int_equal(vlapic_highest_irr(board_lapic(0)), -1);
	assert_int_equal(vlapic_highest_isr(board_lapic(0)), 0x41);
	assert_int_equal(vcpu->injected, 1);
}

/* What is injected already goes first. */
static void exception_before_interrupt(void **state)
{
	svm_caps.features = SVM_NRIPS;
	vmcb->save.rflags |= RFLAGS_IF;
	vlapic_post(vcpu, 0x41, false);
	hvm_inject_gp(vcpu);
	processor = note_injected;
	run(VMEXIT_VINTR);
	assert_int_equal(injected & EVENT_TYPE, EVENT_TYPE_EXCEPTION);
	assert_int_equal(vlapic_highest_irr(board_lapic(0)), 0x41);
}

/* A nested page fault in its delivery: shown again, accepted once. */
static void delivery_interrupted(void)
{
	interrupt_taken();
	vmcb->control.exitintinfo = EVENT_VALID | EVENT_TYPE_INTR | 0x41;
}

static void interrupted_delivery_is_repeated(void **state)
{
	vlapic_post(vcpu, 0x41, false);
	processor = delivery_interrupted;
	info2 = 0x80000000;
	assert_int_equal(run(VMEXIT_NPF)->kind, HVM_EXIT_MMIO);
	assert_true(vcpu->arch.exit.mmio.delivery);
	assert_false(vcpu->arch.pending.valid);
	assert_int_equal(vlapic_highest_irr(board_lapic(0)), 0x41);
	processor = check_shown;
	run(VMEXIT_VINTR);
}

static void higher_interrupt_replaces(void **state)
{
	vlapic_post(vcpu, 0x41, false);
	run(VMEXIT_VINTR);
	vlapic_post(vcpu, 0x82, false);
	run(VMEXIT_VINTR);
	assert_int_equal(shown_vector(), 0x82);
}

static void write_tpr(void)
{
	vmcb->control.int_ctl = (vmcb->control.int_ctl & ~INT_CTL_V_TPR) | 9;
}

static void cr8_is_the_task_priority(void **state)
{
	vlapic_write(board_lapic(0), LAPIC_TPR, 0x50);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.int_ctl & INT_CTL_V_TPR, 5);
	processor = write_tpr;
	run(VMEXIT_VINTR);
	assert_int_equal(vlapic_read(board_lapic(0), LAPIC_TPR), 0x90);
	/* What it masks waits for a write of CR8, which then exits. */
	vlapic_post(vcpu, 0x41, false);
	processor = NULL;
	run(VMEXIT_VINTR);
	assert_false(vmcb->control.int_ctl & INT_CTL_V_IRQ);
	assert_true(vmcb->control.intercept_cr & INTERCEPT_CR_WRITE(8));
}

/* Entries with nothing to deliver, until the next one would not be like the last. */
static void be_quiet(void)
{
	processor = NULL;
	run(VMEXIT_VINTR);
	run(VMEXIT_VINTR);
	assert_true(v->quiet_int_ctl == vmcb->control.int_ctl);
	processor = note_injected;
}

static void a_quiet_vcpu_gets_what_comes(void **state)
{
	be_quiet();
	vlapic_write(board_lapic(0), LAPIC_TPR, 0x20);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.int_ctl & INT_CTL_V_TPR, 2);
	be_quiet();
	processor = write_tpr;
	run(VMEXIT_VINTR);
	run(VMEXIT_VINTR);
	assert_int_equal(vlapic_read(board_lapic(0), LAPIC_TPR), 0x90);
	assert_int_equal(vmcb->control.int_ctl & INT_CTL_V_TPR, 9);
	be_quiet();
	board_lapic(0)->nmi_pending = 1;
	run(VMEXIT_VINTR);
	assert_int_equal(injected, EVENT_VALID | EVENT_TYPE_NMI | EXC_NMI);
	v->nmi_blocked = false;
	be_quiet();
	hvm_inject_gp(vcpu);
	run(VMEXIT_VINTR);
	assert_int_equal(injected & ~EVENT_ERROR_VALID,
			 EVENT_VALID | EVENT_TYPE_EXCEPTION | EXC_GP);
	be_quiet();
	list_append(&vcpu->cpu->vcpus, &board.vcpu[0].cpu_node);
	list_append(&vcpu->cpu->vcpus, &board.vcpu[1].cpu_node);
	run(VMEXIT_VINTR);
	assert_true(vmcb->control.intercept_3 & INTERCEPT_PAUSE);
	list_remove(&board.vcpu[1].cpu_node);
	run(VMEXIT_VINTR);
	assert_false(vmcb->control.intercept_3 & INTERCEPT_PAUSE);
	vlapic_write(board_lapic(0), LAPIC_TPR, 0);
	be_quiet();
	vlapic_post(vcpu, 0x41, false);
	run(VMEXIT_VINTR);
	assert_int_equal(shown_vector(), 0x41);
	assert_true(vmcb->control.int_ctl & INT_CTL_V_IRQ);
}

/* One that was moved to IRR by somebody else, and one of the 8259 pair. */
static void a_quiet_vcpu_sees_irr_and_the_pic(void **state)
{
	be_quiet();
	vlapic_post(vcpu, 0x41, false);
	vlapic_sync(board_lapic(0));
	run(VMEXIT_VINTR);
	assert_int_equal(shown_vector(), 0x41);
	processor = interrupt_taken;
	run(VMEXIT_VINTR);
	vlapic_eoi(board_lapic(0));
	vlapic_write(board_lapic(0), LAPIC_LVT_LINT0, DELIVER_EXTINT << 8);
	be_quiet();
	out8(0x20, 0x11);	/* ICW1 to ICW4, OCW1 */
	out8(0x21, 0x30);
	out8(0x21, 0x04);
	out8(0x21, 0x01);
	out8(0x21, 0x00);
	guest_irq_line(&board.guest, 1, true);
	run(VMEXIT_VINTR);
	assert_int_equal(shown_vector(), 0x31);
}

static void nmi_until_iret(void **state)
{
	processor = note_injected;
	board_lapic(0)->nmi_pending = 1;
	run(VMEXIT_VINTR);
	assert_int_equal(injected, EVENT_VALID | EVENT_TYPE_NMI | EXC_NMI);
	assert_true(vmcb->control.intercept_3 & INTERCEPT_IRET);
	/* The next one waits for the IRET, and then for it to be over. */
	board_lapic(0)->nmi_pending = 1;
	run(VMEXIT_IRET);
	assert_int_equal(injected, 0);
	run(VMEXIT_VINTR);
	assert_int_equal(injected, 0);
	assert_true(vmcb->control.intercept_3 & INTERCEPT_VINTR);
	assert_false(vmcb->control.intercept_3 & INTERCEPT_IRET);
	vmcb->save.rip += 0x100;
	run(VMEXIT_VINTR);
	run(VMEXIT_VINTR);
	assert_int_equal(injected, EVENT_VALID | EVENT_TYPE_NMI | EXC_NMI);
}

static void fault_in_delivery(void)
{
	vmcb->control.exitintinfo = EVENT_VALID | EVENT_TYPE_EXCEPTION | EVENT_ERROR_VALID |
				    EXC_PF | 7ull << EVENT_ERROR_SHIFT;
}

static void interrupted_exception_is_kept(void **state)
{
	processor = fault_in_delivery;
	run(VMEXIT_VINTR);
	assert_true(vcpu->arch.pending.valid);
	processor = note_injected;
	run(VMEXIT_VINTR);
	assert_int_equal(injected, EVENT_VALID | EVENT_TYPE_EXCEPTION | EVENT_ERROR_VALID | EXC_PF |
			 7ull << EVENT_ERROR_SHIFT);
	run(VMEXIT_VINTR);
	assert_int_equal(injected, 0);
}

static void int3_in_delivery(void)
{
	vmcb->control.exitintinfo = EVENT_VALID | EVENT_TYPE_EXCEPTION | EXC_BP;
}

static void interrupted_int3_is_executed_again(void **state)
{
	processor = int3_in_delivery;
	run(VMEXIT_VINTR);
	assert_false(vcpu->arch.pending.valid);
}

/* ---- Translations ---- */

static void asids(void **state)
{
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.asid, 1);
	assert_int_equal(vmcb->control.tlb_control, TLB_DO_NOTHING);
	svm_flush(v);				/* without FlushByAsid: another one */
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.asid, 2);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.asid, 2);
	svm_flush(v);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.asid, 3);
	svm_flush(v);				/* none left: all over again */
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.asid, 1);
	assert_int_equal(vmcb->control.tlb_control, TLB_FLUSH_ALL);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.tlb_control, TLB_DO_NOTHING);
	cpu.asid_gen++;					/* others used them up */
	cpu.next_asid = 2;
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.asid, 2);
}

static void flush_by_asid(void **state)
{
	svm_caps.features = SVM_FLUSH_BY_ASID;
	run(VMEXIT_VINTR);
	svm_flush(v);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.asid, 1);
	assert_int_equal(vmcb->control.tlb_control, TLB_FLUSH_ASID);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.tlb_control, TLB_DO_NOTHING);
}

static void clean_bits(void **state)
{
	struct hvm_state st;

	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.clean, 0);	/* not there */
	svm_caps.features = SVM_FLUSH_BY_ASID;
	svm_caps.clean = CLEAN_ALL;
	run(VMEXIT_VINTR);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.clean, CLEAN_ALL);
	svm_get_state(vcpu, &st);
	st.cr4 |= CR4_PGE;
	svm_set_state(vcpu, &st);
	run(VMEXIT_VINTR);
	assert_false(vmcb->control.clean & (CLEAN_CRX | CLEAN_SEG | CLEAN_DT | CLEAN_DRX));
	assert_int_equal(vmcb->control.tlb_control, TLB_FLUSH_ASID);
	board.guest.arch.tsc_offset = 5;
	vcpu->arch.cr2 = 0x1234;
	vlapic_post(vcpu, 0x41, false);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.clean,
			 CLEAN_ALL & ~(CLEAN_INTERCEPTS | CLEAN_CR2 | CLEAN_TPR));
	assert_int_equal(vmcb->control.tsc_offset, 5);
	assert_int_equal(vmcb->save.cr2, 0x1234);
}

/* ---- State ---- */

static void assert_segment(const struct hvm_segment *a, const struct hvm_segment *b)
{
	assert_int_equal(a->selector, b->selector);
	assert_int_equal(a->base, b->base);
	assert_int_equal(a->limit, b->limit);
	assert_int_equal(a->attr, b->attr);
	assert_int_equal(a->granular, b->granular);
}

static void state_both_ways(void **state)
{
	struct hvm_state in, out;

	svm_get_state(vcpu, &in);
	in.rip = 0xffffffff81000000;
	in.rsp = 0x1234;
	in.cr0 = CR0_PE | CR0_PG | CR0_NE | CR0_ET | CR0_CD;
	in.cr3 = 0x5000;
	in.cr4 = CR4_PAE;
	in.efer = EFER_LME | EFER_LMA | EFER_SCE;
	in.seg[HVM_CS] = (struct hvm_segment){
		.selector = 0x33, .limit = UINT32_MAX, .attr = 0x20fb, .granular = true };
	in.seg[HVM_SS] = (struct hvm_segment){ .attr = HVM_SEG_UNUSABLE | 3 << HVM_SEG_DPL_SHIFT };
	in.seg[HVM_TR] = (struct hvm_segment){ .selector = 0x40, .base = 0xfffffe0000003000,
		.limit = 0x4087, .attr = 0x8b };
	in.seg[HVM_LDTR] = (struct hvm_segment){ .attr = HVM_SEG_UNUSABLE };
	svm_set_state(vcpu, &in);
	assert_int_equal(vmcb->save.cpl, 3);
	assert_int_equal(vmcb->save.cs.attrib, 0xafb);
	assert_int_equal(vmcb->save.ss.attrib & ATTRIB_P, 0);
	assert_int_equal(vmcb->save.efer, in.efer | EFER_SVME);
	assert_true(vmcb->save.cr4 & CR4_MCE);
	assert_true(svm_64bit(&vmcb->save));
	svm_get_state(vcpu, &out);
	assert_int_equal(out.rip, in.rip);
	assert_int_equal(out.rsp, in.rsp);
	assert_int_equal(out.cr0, in.cr0);
	assert_int_equal(out.cr4, in.cr4);
	assert_int_equal(out.efer, in.efer);
	assert_segment(&out.seg[HVM_CS], &in.seg[HVM_CS]);
	assert_segment(&out.seg[HVM_TR], &in.seg[HVM_TR]);
	assert_int_equal(out.seg[HVM_SS].attr, in.seg[HVM_SS].attr);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->save.rsp, 0x1234);
}

static void skipped(void **state)
{
	vmcb->save.rip = 0xffffffff;
	vmcb->control.int_state = INT_STATE_SHADOW;
	svm_skip(vcpu, 2);
	assert_int_equal(vmcb->save.rip, 1);		/* EIP */
	assert_false(vmcb->control.int_state & INT_STATE_SHADOW);
	assert_false(vcpu->arch.pending.valid);
	vmcb->save.rflags |= RFLAGS_TF;
	svm_skip(vcpu, 1);
	assert_int_equal(vcpu->arch.pending.vector, EXC_DB);
	assert_true(vmcb->save.dr6 & DR6_BS);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(each_entry_has_one_exit_and_its_time),
		T(interrupt_stays_pending_until_taken), T(interrupt_is_injected),
		T(exception_before_interrupt), T(interrupted_delivery_is_repeated),
		T(a_quiet_vcpu_gets_what_comes), T(a_quiet_vcpu_sees_irr_and_the_pic),
		T(higher_interrupt_replaces), T(cr8_is_the_task_priority), T(nmi_until_iret),
		T(interrupted_exception_is_kept), T(interrupted_int3_is_executed_again),
		T(asids), T(flush_by_asid), T(clean_bits), T(state_both_ways), T(skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
