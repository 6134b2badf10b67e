/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's paravirtual EOI: when the word says that an EOI needs no exit, and what becomes of it
 * whatever the guest does with the word.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "arch/x86/guest/pv_eoi.h"
#include "arch/x86/msr.h"
#include "tests/unit/mock_board.h"

#define WORD	0x1004u
#define ENABLED	1u

static struct vlapic *apic;
static u32 *word;

static int setup(void **state)
{
	board_init(2);
	board.config.kvm = true;
	board_enable_apics();
	apic = board_lapic(1);
	assert_int_equal(pv_eoi_wrmsr(apic, WORD | ENABLED), 0);
	word = (u32 *)(board.ram + WORD);
	*word = 0;
	return 0;
}

static int teardown(void **state)
{
	hvm_caps &= ~(u32)(HVM_CAP_VID | HVM_CAP_APIC_REGS);
	board_free();
	return 0;
}

/* ---- An entry and the exit, as a backend does them ---- */

static int shown;

/* The interrupt that is due is shown to the guest, or accepted at once (@early: VT-x). */
static void enter(bool early)
{
	int vector;

	vlapic_sync(apic);
	vector = vlapic_pending(apic);
	if (vector >= 0 && early)
		vlapic_accept(apic, (u8)vector);
	shown = early ? -1 : vector;
	pv_eoi_offer(apic, shown);
}

/* @taken: the interrupt that was shown. */
static void leave(bool taken)
{
	vlapic_ran(apic, taken ? shown : -1, pv_eoi_take(apic));
	shown = -1;
	assert_false(*word & 1);
}

static void post(u8 vector)
{
	vlapic_post(apic->vcpu, vector, false);
}

/* What Linux does: true if it needed no exit. */
static bool guest_eoi(void)
{
	bool was = *word & 1;

	*word &= ~1u;
	return was;
}

static void assert_state(int irr, int isr)
{
	assert_int_equal(apic->irr_max, irr);
	assert_int_equal(apic->isr_max, isr);
}

/* ---- When ---- */

static void one_interrupt_accepted_before(void **state)
{
	post(0x41);
	enter(true);
	assert_int_equal(*word, 1);
	assert_true(guest_eoi());
	leave(true);
	assert_state(-1, -1);
	assert_int_equal(apic->pv_eoi.eois, 1);
	enter(true);
	assert_int_equal(*word, 0);
	leave(true);
	assert_int_equal(apic->pv_eoi.eois, 1);
}

static void one_interrupt_shown(void **state)
{
	post(0x41);
	enter(false);
	assert_int_equal(*word, 1);
	assert_true(guest_eoi());
	leave(true);
	assert_state(-1, -1);
	assert_int_equal(apic->pv_eoi.eois, 1);
}

static void not_taken_yet(void **state)
{
	post(0x41);
	enter(false);
	leave(false);
	assert_state(0x41, -1);
	enter(false);
	leave(true);
	assert_state(-1, 0x41);
	enter(false);
	assert_int_equal(*word, 1);
	leave(false);
	assert_state(-1, 0x41);
	enter(false);
	assert_true(guest_eoi());
	leave(false);
	assert_state(-1, -1);
}

/* Whatever else waits has its turn at the EOI, which has to be seen. */
static void not_with_another_waiting(void **state)
{
	for (unsigned int i = 0; i < 4; i++) {
		bool early = i & 1;
		int other = i & 2 ? 0x61 : 0x42;	/* in another register or in the same */

		post(0x41);
		post((u8)other);
		enter(early);
		assert_int_equal(*word, 0);
		leave(true);
		assert_state(0x41, other);
		enter(early);
		assert_int_equal(*word, 0);
		leave(false);
		vlapic_eoi(apic);
		enter(early);
		assert_int_equal(*word, 1);
		assert_true(guest_eoi());
		leave(true);
		assert_state(-1, -1);
	}
	assert_int_equal(apic->pv_eoi.eois, 4);
}

/* One in service, a higher one only shown: the word could end either. */
static void not_if_it_could_be_either(void **state)
{
	post(0x41);
	enter(false);
	leave(true);
	post(0x61);
	enter(false);
	assert_int_equal(*word, 0);
	leave(true);
	assert_state(-1, 0x61);
	enter(false);
	assert_int_equal(*word, 1);	/* nested, but the higher one ends first */
	assert_true(guest_eoi());
	leave(false);
	assert_state(-1, 0x41);
}

static void posted_meanwhile(void **state)
{
	post(0x41);
	enter(false);
	post(0x51);
	assert_true(guest_eoi());
	leave(true);
	assert_state(-1, -1);
	enter(false);
	assert_int_equal(shown, 0x51);
	leave(true);
	assert_state(-1, 0x51);
}

static void not_for_level_triggered(void **state)
{
	for (unsigned int early = 0; early < 2; early++) {
		vlapic_post(apic->vcpu, 0x41, true);
		enter(early);
		assert_int_equal(*word, 0);
		leave(true);
		vlapic_eoi(apic);
	}
	assert_state(-1, -1);
}

/* Held back by the task priority, it is not what the next EOI is for. */
static void not_below_the_task_priority(void **state)
{
	post(0x41);
	vlapic_set_cr8(apic, 8);
	enter(false);
	assert_int_equal(shown, -1);
	assert_int_equal(*word, 0);
	leave(false);
	assert_state(0x41, -1);
	pv_eoi_offer(apic, 0x30);	/* the 8259 pair's is shown instead */
	assert_int_equal(*word, 0);
}

/* The EOI is of what was in service, not of what the 8259 pair brought meanwhile. */
static void with_one_of_the_8259s(void **state)
{
	post(0x41);
	enter(true);
	leave(true);
	assert_state(-1, 0x41);
	assert_int_equal(vlapic_pending(apic), -1);
	pv_eoi_offer(apic, 0x30);
	assert_true(guest_eoi());
	vlapic_ran(apic, 0x30, pv_eoi_take(apic));
	assert_state(-1, -1);
}

/* ---- What the guest does with the word ---- */

static void eoi_by_the_register_all_the_same(void **state)
{
	post(0x41);
	enter(true);
	leave(true);			/* the exit of the write to it */
	vlapic_write(apic, LAPIC_EOI, 0);
	assert_state(-1, -1);
	assert_int_equal(apic->pv_eoi.eois, 0);
}

static void eoi_of_nothing(void **state)
{
	post(0x41);
	enter(false);
	assert_true(guest_eoi());	/* before it was taken */
	leave(false);
	assert_state(0x41, -1);
}

/* Other bits are the guest's; and what it writes while nothing is offered is not looked at. */
static void words_of_its_own(void **state)
{
	post(0x41);
	*word = 0xfffffffe;
	enter(true);
	assert_int_equal(*word, 0xffffffff);
	leave(true);
	assert_int_equal(*word, 0xfffffffe);
	assert_state(-1, 0x41);
	vlapic_eoi(apic);
	*word = 1;
	enter(true);
	assert_false(pv_eoi_take(apic));
	assert_int_equal(*word, 1);
	post(0x51);
	enter(true);
	*word = 0x12345678;		/* bit 0 clear: an EOI */
	leave(true);
	assert_state(-1, -1);
}

/* Anything, in any order: nothing lost, nothing twice, nothing left in service at the end. */
static void storm(void **state)
{
	srand(2);
	for (unsigned int i = 0; i < 100000; i++) {
		bool early = rand() % 2;

		if (rand() % 3 == 0)
			vlapic_post(apic->vcpu, (u8)(0x20 + rand() % 0xd0), rand() % 4 == 0);
		enter(early);
		if (apic->pv_eoi.offered)
			assert_true(apic->irr_max < 0 || (apic->isr_max < 0 && shown >= 0));
		*word = (u32)rand();
		vlapic_ran(apic, shown >= 0 && rand() % 2 ? shown : -1, pv_eoi_take(apic));
		shown = -1;
		if (rand() % 2)
			vlapic_eoi(apic);
	}
	vlapic_set_cr8(apic, 0);
	for (unsigned int i = 0; i < 512; i++) {
		enter(true);
		leave(true);
		vlapic_eoi(apic);
	}
	assert_state(-1, -1);
}

/* ---- The MSR ---- */

static void msr_values(void **state)
{
	static const u64 bad[] = {
		WORD | 2, WORD | 3, (WORD + 2) | ENABLED, 2, 0xd0000000 | ENABLED,
		0xfee00000 | ENABLED, 2 * MIB | ENABLED, 1ull << 40 | ENABLED,
		(UINT64_MAX - 3) | ENABLED, UINT64_MAX,
	};
	u64 val;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(pv_eoi_wrmsr(apic, bad[i]), -EINVAL);
	assert_int_equal(pv_eoi_rdmsr(apic, &val), 0);
	assert_int_equal(val, WORD | ENABLED);		/* as it was */
	assert_int_equal(pv_eoi_wrmsr(apic, (2 * MIB - 4) | ENABLED), 0);
	assert_ptr_equal(apic->pv_eoi.word, board.ram + 2 * MIB - 4);
	assert_int_equal(pv_eoi_wrmsr(apic, 0xd0000000), 0);	/* off: no matter where */
	assert_null(apic->pv_eoi.word);
	post(0x41);
	enter(true);
	assert_int_equal(*word, 0);
	leave(true);
	assert_state(-1, 0x41);
}

static void reset_switches_off(void **state)
{
	u64 val;

	vlapic_reset_init(apic->vcpu);
	assert_int_equal(pv_eoi_rdmsr(apic, &val), 0);
	assert_int_equal(val, 0);
	assert_null(apic->pv_eoi.word);
}

static void not_there(void **state)
{
	static const u32 caps[] = { HVM_CAP_VID, HVM_CAP_APIC_REGS };
	u64 val;

	for (unsigned int i = 0; i < ARRAY_SIZE(caps); i++) {
		hvm_caps |= caps[i];
		assert_int_equal(pv_eoi_wrmsr(apic, WORD | ENABLED), -EINVAL);
		assert_int_equal(pv_eoi_rdmsr(apic, &val), -EINVAL);
		hvm_caps &= ~caps[i];
	}
	board.config.kvm = false;
	assert_int_equal(pv_eoi_wrmsr(apic, 0), -EINVAL);
	assert_int_equal(pv_eoi_rdmsr(apic, &val), -EINVAL);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(one_interrupt_accepted_before), T(one_interrupt_shown), T(not_taken_yet),
		T(not_with_another_waiting), T(not_if_it_could_be_either), T(posted_meanwhile),
		T(not_for_level_triggered), T(not_below_the_task_priority),
		T(with_one_of_the_8259s),
		T(eoi_by_the_register_all_the_same), T(eoi_of_nothing), T(words_of_its_own),
		T(storm), T(msr_values), T(reset_switches_off), T(not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
