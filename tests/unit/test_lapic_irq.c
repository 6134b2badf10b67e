/* SPDX-License-Identifier: BSD-2-Clause */
/* What the local APIC keeps of its arrays and of LINT0, so that it need not look each time. */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "arch/x86/msr.h"
#include "tests/unit/mock_board.h"

static int highest_of(struct vlapic *apic, u32 array)
{
	for (int v = 255; v >= 0; v--)
		if (vlapic_reg(apic, array + (u32)v / 32 * 16) & BIT(v % 32))
			return v;
	return -1;
}

static void assert_summary(struct vlapic *apic)
{
	assert_int_equal(apic->irr_max, highest_of(apic, LAPIC_IRR));
	assert_int_equal(apic->isr_max, highest_of(apic, LAPIC_ISR));
	for (u32 i = 0; i < 8; i++) {
		assert_int_equal(!!vlapic_reg(apic, LAPIC_IRR + 16 * i), apic->irr_words >> i & 1);
		assert_int_equal(!!vlapic_reg(apic, LAPIC_ISR + 16 * i), apic->isr_words >> i & 1);
	}
}

/* Posted, taken and ended in any order: what is kept of the arrays is what they say. */
static void summaries_follow_the_arrays(void **state)
{
	struct vlapic *apic = board_lapic(1);

	srand(1);
	for (unsigned int i = 0; i < 20000; i++) {
		if (i == 10000)
			board_take_on(1);
		switch (rand() % 5) {
		case 0:
		case 1:
			vlapic_post(&board.vcpu[1], (u8)(16 + rand() % 240), rand() % 2);
			vlapic_sync(apic);
			break;
		case 2:
			board_take(1);
			break;
		case 3:
			board_eoi(1);
			break;
		case 4:
			vlapic_set_cr8(apic, (u64)rand() % 16);
			break;
		}
		assert_summary(apic);
	}
	vlapic_reset_init(&board.vcpu[1]);
	assert_summary(apic);
	assert_int_equal(apic->irr_max, -1);
}

/* With virtual-interrupt delivery the processor moves the bits. */
static void summaries_are_found_out_anew_with_vid(void **state)
{
	struct vlapic *apic = board_lapic(1);

	vlapic_post(&board.vcpu[1], 0x61, false);
	vlapic_sync(apic);
	hvm_caps |= HVM_CAP_VID;
	vlapic_set(apic, LAPIC_IRR + 0x30, 0);
	vlapic_set(apic, LAPIC_ISR + 0x30, BIT(1));
	assert_int_equal(vlapic_highest_irr(apic), -1);
	assert_int_equal(vlapic_highest_isr(apic), 0x61);
	assert_int_equal(vlapic_pending(apic), -1);
	hvm_caps &= ~(u32)HVM_CAP_VID;
	assert_summary(apic);
}

/* Whatever opens or shuts LINT0: the boot processor's, as ExtINT or with the APIC off. */
static void lint0_lets_the_8259s_through(void **state)
{
	struct vlapic *apic = board_lapic(0);

	assert_true(apic->extint);
	assert_false(board_lapic(1)->extint);
	vlapic_write(apic, LAPIC_LVT_LINT0, LVT_MASKED | DELIVER_EXTINT << 8);
	assert_false(apic->extint);
	vlapic_write(apic, LAPIC_LVT_LINT0, DELIVER_NMI << 8);
	assert_false(apic->extint);
	vlapic_write(apic, LAPIC_LVT_LINT0, DELIVER_EXTINT << 8);
	vlapic_write(board_lapic(1), LAPIC_LVT_LINT0, DELIVER_EXTINT << 8);
	assert_true(apic->extint);
	assert_false(board_lapic(1)->extint);
	vlapic_write(apic, LAPIC_SVR, SVR_VECTOR);	/* masks all */
	assert_false(apic->extint);
	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_APIC_BASE, APIC_DEFAULT_BASE), 0);
	assert_true(apic->extint);
	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_APIC_BASE, APIC_DEFAULT_BASE | APIC_BASE_EN),
			 0);
	assert_false(apic->extint);
	board_reset();
	assert_true(apic->extint);
}

/* Accepted is what vlapic_pending() has named; an 8259's vector may be the same number. */
static void the_8259s_vector_is_not_its_own(void **state)
{
	struct vlapic *apic = board_lapic(0);

	vlapic_post(&board.vcpu[0], 0x41, false);
	vlapic_set_cr8(apic, 15);
	vlapic_sync(apic);
	assert_int_equal(vlapic_pending(apic), -1);
	vlapic_accept(apic, 0x41);
	assert_int_equal(apic->irr_max, 0x41);
	assert_int_equal(apic->isr_max, -1);
	vlapic_set_cr8(apic, 0);
	assert_int_equal(vlapic_pending(apic), 0x41);
	vlapic_accept(apic, 0x30);
	assert_int_equal(apic->irr_max, 0x41);
	vlapic_accept(apic, 0x41);
	vlapic_accept(apic, 0x41);
	assert_int_equal(apic->irr_max, -1);
	assert_int_equal(apic->isr_max, 0x41);
	/* It has been taken, and is not named any more. */
	vlapic_eoi(apic);
	vlapic_accept(apic, 0x41);
	assert_int_equal(apic->isr_max, -1);
}

/* A processor sets bits of IRR by itself: seen when the vCPU is told to look. */
static void bits_set_by_processors_are_looked_at(void **state)
{
	struct vlapic *apic = board_lapic(1);

	hvm_caps |= HVM_CAP_POST;
	vlapic_set(apic, LAPIC_IRR + 0x30, BIT(1));
	vlapic_sync(apic);
	assert_int_equal(vlapic_pending(apic), -1);
	board.kicks[1] = 0;
	for (unsigned int i = 0; i < 100; i++)
		vlapic_look(&board.vcpu[1]);
	assert_int_equal(board.kicks[1], 1);
	vlapic_sync(apic);
	assert_int_equal(vlapic_pending(apic), 0x61);
	assert_int_equal(apic->posted, 0);
	vlapic_claim(apic, 0x61);
	vlapic_unclaim(apic);
	assert_summary(apic);
	vlapic_claim(apic, 0x61);
	vlapic_set(apic, LAPIC_IRR + 0x30, BIT(1));	/* again, while the first one is injected */
	vlapic_accept(apic, 0x61);
	assert_summary(apic);
	assert_int_equal(apic->isr_max, 0x61);
	assert_int_equal(apic->irr_max, 0x61);
	hvm_caps &= ~(u32)HVM_CAP_POST;
}

/* Edge-triggered ones go to the backend first, which may not want them. */
static bool wanted;
static unsigned int offered;

static bool mock_post(struct vcpu *vcpu, u8 vector)
{
	offered++;
	return wanted;
}

static void the_backend_may_take_what_is_posted(void **state)
{
	struct vlapic *apic = board_lapic(1);
	const struct hvm_ops *ops = hvm;
	struct hvm_ops posts = *hvm;

	posts.post = mock_post;
	hvm = &posts;
	vlapic_post(&board.vcpu[1], 0x61, false);
	assert_int_equal(offered, 0);		/* not without the capability */
	board_take(1);
	board_eoi(1);
	hvm_caps |= HVM_CAP_POST;
	wanted = true;
	vlapic_post(&board.vcpu[1], 0x61, false);
	assert_int_equal(offered, 1);
	assert_int_equal(board_take(1), -1);
	vlapic_post(&board.vcpu[1], 0x61, true);
	assert_int_equal(offered, 1);
	assert_int_equal(board_take(1), 0x61);
	wanted = false;
	vlapic_post(&board.vcpu[1], 0x71, false);
	assert_int_equal(board_take(1), 0x71);
	assert_summary(apic);
	hvm_caps &= ~(u32)HVM_CAP_POST;
	hvm = ops;
}

static void what_was_not_delivered_is_requested_again(void **state)
{
	struct vlapic *apic = board_lapic(1);

	vlapic_post(&board.vcpu[1], 0x61, true);
	vlapic_post(&board.vcpu[1], 0x41, false);
	assert_int_equal(board_take(1), 0x61);
	vlapic_unaccept(apic, 0x61);
	assert_summary(apic);
	assert_int_equal(apic->isr_max, -1);
	assert_true(vlapic_reg(apic, LAPIC_TMR + 0x30) & BIT(1));
	assert_int_equal(board_take(1), 0x61);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, board_setup, board_teardown)
	const struct CMUnitTest tests[] = {
		T(summaries_follow_the_arrays), T(summaries_are_found_out_anew_with_vid),
		T(lint0_lets_the_8259s_through), T(the_8259s_vector_is_not_its_own),
		T(bits_set_by_processors_are_looked_at), T(the_backend_may_take_what_is_posted),
		T(what_was_not_delivered_is_requested_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
