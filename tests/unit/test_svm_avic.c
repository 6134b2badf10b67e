/* SPDX-License-Identifier: BSD-2-Clause */
/* AVIC on a model of the processor: interrupts posted at any time, and IPIs. */
#include "tests/unit/unit.h"

#include "tests/unit/avic_steps.h"

/* ---- Posted, at any time ---- */

static void posted_before_an_entry(void **state)
{
	post(1, 0x41);
	assert_int_equal(board.kicks[1], 1);
	run(1, look);
	assert_int_equal(count(1, 0x41), 1);
	assert_int_equal(vlapic_reg(board_lapic(1), LAPIC_PPR), 0x40);
	assert_false(entry_of(1) & AVIC_PHYSICAL_RUNNING);
	assert_int_equal(board_lapic(1)->isr_max, 0x41);
	run(1, look);
	assert_int_equal(count(1, 0x41), 0);
}

static void post_41(struct processor *p)
{
	processor = &processors[0];
	post(1, 0x41);
	processor = p;
	guest_look(p);
}

static void posted_in_guest_mode(void **state)
{
	run(1, post_41);
	assert_int_equal(count(1, 0x41), 1);
	assert_int_equal(processors[0].doorbells, 1);
	assert_int_equal(board.kicks[1], 0);
	/* In service: the next one waits in IRR for the EOI, which does not exit. */
	run(1, post_41);
	assert_int_equal(count(1, 0x41), 0);
	assert_true(board.vcpu[1].arch.exit.kind == HVM_EXIT_DONE);
	run(1, end_all);
	assert_int_equal(count(1, 0x41), 1);
	assert_int_equal(board.vcpu[1].exits[svm_reason(VMEXIT_AVIC_NOACCEL)], 0);
}

/* Announced as running, but not in guest mode yet: the doorbell is for nothing, VMRUN looks. */
static void posted_just_before_vmrun(void **state)
{
	processors[1].before_vmrun = post_41_unseen;
	enter(1);
	processors[1].before_vmrun = NULL;
	assert_int_equal(board.kicks[1], 0);
	assert_int_equal(count(1, 0x41), 1);
}

/* Not in guest mode any more, but not said to be so: HLT must not sleep. */
static void posted_just_after_the_exit(void **state)
{
	processors[1].after_exit = post_41_unseen;
	enter(1);
	processors[1].after_exit = NULL;
	assert_int_equal(board.kicks[1], 0);
	assert_int_equal(count(1, 0x41), 0);
	assert_true(has_interrupt(1));
	enter(1);
	assert_int_equal(count(1, 0x41), 1);
}

static void masked(struct processor *p)
{
	guest_cr8(p, 8);
	processor = &processors[0];
	post(1, 0x41);
	post(1, 0x91);
	processor = p;
	guest_look(p);
	assert_int_equal(count(1, 0x41), 0);
	assert_int_equal(count(1, 0x91), 1);
}

static void lower_tpr(struct processor *p)
{
	guest_apic_write(p, LAPIC_EOI, 0);
	guest_apic_write(p, LAPIC_TPR, 0x47);
	assert_int_equal(count(1, 0x41), 0);
	guest_cr8(p, 3);
	assert_int_equal(count(1, 0x41), 1);
}

static void task_priority_needs_no_exit(void **state)
{
	run(1, masked);
	assert_int_equal(vlapic_get_cr8(board_lapic(1)), 8);
	assert_false(has_interrupt(1));
	run(1, lower_tpr);
	assert_int_equal(board.vcpu[1].exits[svm_reason(VMEXIT_CR0_WRITE + 8)], 0);
	assert_int_equal(board.vcpu[1].entries, board.vcpu[1].exits[svm_reason(VMEXIT_VINTR)]);
}

/* No doorbell reaches it: an interrupt does. */
static void cpu_without_doorbell(void **state)
{
	processors[1].svm.apic_id = 0x100;
	run(1, NULL);
	processors[1].before_vmrun = post_41_unseen;
	enter(1);
	processors[1].before_vmrun = NULL;
	assert_int_equal(board.kicks[1], 1);
	assert_int_equal(processors[0].doorbells, 0);
	enter(1);
	assert_int_equal(count(1, 0x41), 1);
}

static void fault_in_delivery(struct processor *p)
{
	guest_exits(p, VMEXIT_VINTR, 0, 0);
	p->vmcb->control.exitintinfo = EVENT_VALID | EVENT_TYPE_INTR | 0x41;
}

/* What the processor had accepted did not reach the guest: it comes again. */
static void interrupted_delivery_is_repeated(void **state)
{
	post(1, 0x41);
	run(1, fault_in_delivery);
	assert_int_equal(board_lapic(1)->isr_max, -1);
	assert_int_equal(board_lapic(1)->irr_max, 0x41);
	expect(1, 0x41);
	count(1, 0x41);
	enter(1);
	assert_int_equal(count(1, 0x41), 1);
}

/* ---- IPIs ---- */

static u32 ipi_dest, ipi_low;
static void ipi(struct processor *p) { guest_ipi(p, ipi_dest, ipi_low); }

static void send(unsigned int from, u32 dest, u32 low)
{
	ipi_dest = dest;
	ipi_low = low;
	run(from, ipi);
}

static u64 ipi_exits(unsigned int i)
{
	return board.vcpu[i].exits[svm_reason(VMEXIT_AVIC_INCOMPLETE_IPI)];
}

static void ipi_from_within(struct processor *p)
{
	send(0, 1, 0x51);
	guest_look(p);
}

static void ipi_to_one_that_runs(void **state)
{
	expect(1, 0x51);
	run(1, ipi_from_within);
	assert_int_equal(count(1, 0x51), 1);
	assert_int_equal(ipi_exits(0), 0);
	assert_int_equal(board.kicks[1], 0);
}

/* It was taken off its CPU, and is on another one. */
static void ipi_to_one_that_has_moved(void **state)
{
	run(1, NULL);
	svm_vcpu_unload(&board.vcpu[1]);
	processors[1].svm.apic_id = 0x62;
	processors[1].svm.asid_gen = 7;
	expect(1, 0x51);
	run(1, ipi_from_within);
	assert_int_equal(count(1, 0x51), 1);
	assert_int_equal(entry_of(1) & AVIC_PHYSICAL_HOST_ID, 0x62);
}

static void ipi_to_one_that_does_not(void **state)
{
	quirks.busy = true;
	expect(1, 0x51);
	send(0, 1, 0x51);
	assert_int_equal(ipi_exits(0), 1);
	assert_int_equal(board.kicks[1], 1);
	assert_false(vlapic_reg(board_lapic(0), LAPIC_ICR) & ICR_PENDING);
	assert_true(has_interrupt(1));
	run(1, end_all);
	run(1, end_all);
	assert_int_equal(count(1, 0x51), 1);
	assert_int_equal(board.kicks[2], 0);
}

/* It was taken before the sender's exit is looked at: once, all the same. */
static void take_it(void) { enter(1); }

static void ipi_taken_before_the_exit_is_handled(void **state)
{
	expect(1, 0x51);
	processors[0].after_exit = take_it;
	send(0, 1, 0x51);
	processors[0].after_exit = NULL;
	assert_int_equal(count(1, 0x51), 1);
	run(1, end_all);
	enter(1);
	assert_int_equal(count(1, 0x51), 0);
}

/* AVIC is off on the target when the bit is set: seen without being posted. */
static void ipi_to_one_without_avic(void **state)
{
	svm_caps.x2avic = false;
	enter_x2apic(1);
	enter(1);
	enter(1);
	assert_int_equal(svm_of(1)->avic.inhibit, AVIC_INHIBIT_X2APIC);
	assert_true(svm_of(1)->quiet_int_ctl != SVM_NOT_QUIET);
	expect(1, 0x51);
	send(0, 1, 0x51);
	assert_int_equal(count(1, 0x51), 0);
	enter(1);
	assert_int_equal(count(1, 0x51), 1);
	run(1, end_all);
	run(1, end_all);
	assert_int_equal(board_lapic(1)->isr_max, -1);
}

static void ipi_erratum(void **state)
{
	svm_caps.avic_ipis_exit = true;
	expect(1, 0x51);
	run(1, NULL);
	processors[1].guest = ipi_from_within;
	enter(1);
	assert_int_equal(ipi_exits(0), 1);
	assert_int_equal(processors[0].doorbells, 1);
	assert_int_equal(board.kicks[1], 0);
	processors[1].guest = NULL;
	enter(1);
	assert_int_equal(count(1, 0x51), 1);
}

static void check_not_running(void)
{
	assert_false(entry_of(1) & AVIC_PHYSICAL_RUNNING);
	assert_true(svm_of(1)->avic.running);
}

static void erratum_hides_who_runs(void **state)
{
	svm_caps.avic_ipis_exit = true;
	processors[1].before_vmrun = check_not_running;
	enter(1);
	processors[1].before_vmrun = NULL;
}

static void run_all(void)
{
	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		for (unsigned int n = 0; n < 6; n++)
			run(i, end_all);
}

/* The vCPUs of @mask get @vector from vCPU 0, each once. */
static void check_send(u32 dest, u32 low, u32 mask)
{
	u8 vector = low & ICR_VECTOR;

	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		if (mask & BIT(i))
			expect(i, vector);
	send(0, dest, low);
	run_all();
	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		assert_int_equal(count(i, vector), mask >> i & 1);
	assert_nothing_owed();
}

static void destinations(void **state)
{
	vlapic_write(board_lapic(3), LAPIC_SVR, SVR_VECTOR);	/* takes none */
	check_send(0, ICR_SELF | 0x61, 0x1);
	check_send(0, ICR_ALL | 0x62, 0x7);
	check_send(0, ICR_OTHERS | 0x63, 0x6);
	check_send(0xff, 0x64, 0x7);
	check_send(2, 0x65, 0x4);
	check_send(3, 0x66, 0);
	check_send(4, 0x67, 0);
	check_send(0xfe, 0x68, 0);
	check_send(1, ICR_LEVEL | ICR_ASSERT | 0x69, 0x2);
	check_send(1, DELIVER_LOWEST << 8 | 0x6a, 0x2);
}

static void logical_destinations(void **state)
{
	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		vlapic_write(board_lapic(i), LAPIC_LDR, BIT(24 + i));
	check_send(0x5, ICR_LOGICAL | 0x61, 0x5);
	check_send(0xf0, ICR_LOGICAL | 0x62, 0);
	check_send(0xff, ICR_LOGICAL | 0x63, 0xf);
	for (unsigned int i = 0; i < BOARD_VCPUS; i++) {
		vlapic_write(board_lapic(i), LAPIC_DFR, 0x0fffffff);	/* cluster: two and two */
		vlapic_write(board_lapic(i), LAPIC_LDR, (i / 2) << 28 | BIT(24 + i % 2));
	}
	check_send(0x03, ICR_LOGICAL | 0x64, 0x3);
	check_send(0x12, ICR_LOGICAL | 0x65, 0x8);
}

static void x2apic_destinations(void **state)
{
	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		enter_x2apic(i);
	check_send(0, ICR_SELF | 0x61, 0x1);
	check_send(0, ICR_ALL | 0x62, 0xf);
	check_send(0, ICR_OTHERS | 0x63, 0xe);
	check_send(UINT32_MAX, 0x64, 0xf);
	check_send(2, 0x65, 0x4);
	check_send(0xff, 0x66, 0);
	check_send(0x6, ICR_LOGICAL | 0x67, 0x6);
	check_send(0x1000f, ICR_LOGICAL | 0x68, 0);
	check_send(0x8001, ICR_LOGICAL | 0x69, 0x1);	/* one that is there */
	assert_true(ipi_exits(0));
	assert_int_equal(board.vcpu[0].exits[svm_reason(VMEXIT_MSR)], 0);
}

static void illegal_vectors(void **state)
{
	u64 dropped = board_lapic(0)->dropped;

	for (u32 v = 0; v < 16; v++)
		check_send(1, v, 0);
	assert_int_equal(board_lapic(0)->dropped, dropped + 16);
	vlapic_write(board_lapic(0), LAPIC_ESR, 0);
	assert_int_equal(vlapic_read(board_lapic(0), LAPIC_ESR), ESR_SEND_ILLEGAL);
}

static void other_messages(void **state)
{
	send(0, 1, DELIVER_NMI << 8);
	assert_true(board_lapic(1)->nmi_pending);
	send(0, 2, DELIVER_INIT << 8 | ICR_ASSERT);
	assert_true(board_lapic(2)->init_pending);
	send(0, 2, DELIVER_STARTUP << 8 | 0x12);
	assert_true(board_lapic(2)->sipi_pending);
	assert_int_equal(board_lapic(2)->sipi_vector, 0x12);
	send(0, 1, DELIVER_SMI << 8 | 0x41);
	send(0, 1, DELIVER_EXTINT << 8 | 0x41);
	assert_nothing_owed();
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(posted_before_an_entry), T(posted_in_guest_mode), T(posted_just_before_vmrun),
		T(posted_just_after_the_exit), T(task_priority_needs_no_exit),
		T(cpu_without_doorbell), T(interrupted_delivery_is_repeated),
		T(ipi_to_one_that_runs), T(ipi_to_one_that_has_moved), T(ipi_to_one_that_does_not),
		T(ipi_taken_before_the_exit_is_handled), T(ipi_to_one_without_avic),
		T(ipi_erratum), T(erratum_hides_who_runs), T(destinations),
		T(logical_destinations), T(x2apic_destinations), T(illegal_vectors),
		T(other_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
