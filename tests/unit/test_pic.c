/* SPDX-License-Identifier: BSD-2-Clause */
/* The 8259 pair, through its ports and LINT0 of the boot vCPU. */
#include "tests/unit/unit.h"

#include "tests/unit/mock_board.h"

#define MASTER	0x20
#define SLAVE	0xa0
#define BASE	0x20

static void program(u8 icw4)
{
	out8(MASTER, 0x11);
	out8(SLAVE, 0x11);
	out8(MASTER + 1, BASE);
	out8(SLAVE + 1, BASE + 8);
	out8(MASTER + 1, 4);
	out8(SLAVE + 1, 2);
	out8(MASTER + 1, icw4);
	out8(SLAVE + 1, icw4);
	out8(MASTER + 1, 0);
	out8(SLAVE + 1, 0);
}

static int setup(void **state)
{
	board_init(2);
	program(1);
	return 0;
}

static void irq(unsigned int n, bool level)
{
	guest_irq_line(&board.guest, n == 0 ? VPC_GSI_PIT : n, level);
}

static void pulse(unsigned int n)
{
	irq(n, false);
	irq(n, true);
	irq(n, false);
}

static u8 isr(u16 port)
{
	out8(port, 0x0b);
	return in8(port);
}

static u8 irr(u16 port)
{
	out8(port, 0x0a);
	return in8(port);
}

static void silent_until_programmed(void **state)
{
	board_reset();
	irq(4, true);
	irq(0, true);
	assert_int_equal(board_take(0), -1);
	assert_int_equal(in8(MASTER + 1), 0xff);
}

static void delivers_and_waits_for_eoi(void **state)
{
	unsigned int kicks = board.kicks[0];

	irq(4, true);
	assert_int_equal(board.kicks[0], kicks + 1);
	assert_int_equal(board_take(0), BASE + 4);
	assert_int_equal(isr(MASTER), BIT(4));
	assert_int_equal(irr(MASTER), 0);
	irq(5, true);
	assert_int_equal(board_take(0), -1);	/* lower priority */
	irq(3, true);
	assert_int_equal(board_take(0), BASE + 3);
	out8(MASTER, 0x20);
	assert_int_equal(isr(MASTER), BIT(4));
	out8(MASTER, 0x64);			/* specific EOI of 4 */
	assert_int_equal(board_take(0), BASE + 5);
}

static void an_edge_is_needed(void **state)
{
	irq(4, true);
	assert_int_equal(board_take(0), BASE + 4);
	out8(MASTER, 0x20);
	irq(4, true);
	assert_int_equal(board_take(0), -1);
	irq(4, false);
	irq(4, true);
	assert_int_equal(board_take(0), BASE + 4);
}

static void level_by_elcr(void **state)
{
	out8(0x4d0, 0xff);
	assert_int_equal(in8(0x4d0), 0xf8);	/* 0, 1, 2 stay edge-triggered */
	out8(0x4d1, 0xff);
	assert_int_equal(in8(0x4d1), 0xde);
	irq(10, true);
	assert_int_equal(board_take(0), BASE + 10);
	out8(SLAVE, 0x20);
	out8(MASTER, 0x20);
	assert_int_equal(board_take(0), BASE + 10);	/* still there */
	irq(10, false);
	out8(SLAVE, 0x20);
	out8(MASTER, 0x20);
	assert_int_equal(board_take(0), -1);
}

static void masks(void **state)
{
	out8(MASTER + 1, 0xfe);
	pulse(4);
	irq(4, true);
	assert_int_equal(board_take(0), -1);
	assert_int_equal(irr(MASTER), BIT(4));
	out8(MASTER + 1, 0);
	assert_int_equal(board_take(0), BASE + 4);
	assert_int_equal(in8(MASTER + 1), 0);
}

static void cascade(void **state)
{
	irq(8, true);
	irq(3, true);
	assert_int_equal(board_take(0), BASE + 8);	/* input 2 is above 3 */
	assert_int_equal(isr(MASTER), BIT(2));
	assert_int_equal(isr(SLAVE), BIT(0));
	assert_int_equal(board_take(0), -1);
	out8(SLAVE, 0x20);
	assert_int_equal(board_take(0), -1);
	out8(MASTER, 0x20);
	assert_int_equal(board_take(0), BASE + 3);
}

static void automatic_eoi_and_rotation(void **state)
{
	program(3);
	irq(4, true);
	assert_int_equal(board_take(0), BASE + 4);
	assert_int_equal(isr(MASTER), 0);
	program(1);
	irq(4, false);
	irq(4, true);
	assert_int_equal(board_take(0), BASE + 4);
	out8(MASTER, 0xa0);		/* rotate on EOI: 4 is the lowest now */
	irq(3, true);
	irq(5, true);
	assert_int_equal(board_take(0), BASE + 5);
	out8(MASTER, 0x20);
	out8(MASTER, 0xc7);		/* set priority: 7 the lowest again */
	assert_int_equal(board_take(0), BASE + 3);
}

static void special_mask_mode(void **state)
{
	irq(3, true);
	assert_int_equal(board_take(0), BASE + 3);
	irq(5, true);
	assert_int_equal(board_take(0), -1);
	out8(MASTER, 0x68);
	out8(MASTER + 1, BIT(3));
	assert_int_equal(board_take(0), BASE + 5);
}

static void poll_command(void **state)
{
	out8(MASTER, 0x0c);
	assert_int_equal(in8(MASTER), 0);
	irq(6, true);
	out8(MASTER, 0x0c);
	assert_int_equal(in8(MASTER), 0x86);
	assert_int_equal(isr(MASTER), BIT(6));
	assert_int_equal(board_take(0), -1);
}

static void a_request_that_goes_away(void **state)
{
	struct vpc *vpc = board.guest.arch.vpc;

	irq(4, true);
	assert_int_equal(vpc_pic_vector(vpc), BASE + 4);
	irq(4, false);
	vpc_pic_accept(vpc, BASE + 4);		/* was on its way already */
	assert_int_equal(isr(MASTER), 0);
	assert_int_equal(board_take(0), -1);
}

static void wired_by_lint0(void **state)
{
	irq(4, true);
	board_enable_apics();
	assert_int_equal(vlapic_extint(board_lapic(1)), -1);	/* the boot vCPU's alone */
	vlapic_write(board_lapic(0), LAPIC_LVT_LINT0, LVT_MASKED | DELIVER_EXTINT << 8);
	assert_int_equal(board_take(0), -1);
	vlapic_write(board_lapic(0), LAPIC_LVT_LINT0, DELIVER_FIXED << 8 | 0x55);
	assert_int_equal(board_take(0), -1);
	vlapic_write(board_lapic(0), LAPIC_LVT_LINT0, DELIVER_EXTINT << 8);
	vlapic_post(&board.vcpu[0], 0x41, false);
	assert_int_equal(board_take(0), 0x41);	/* the APIC's own first */
	assert_int_equal(board_take(0), BASE + 4);
	assert_int_equal(isr(MASTER), BIT(4));
}

static void pci_lines_share_two_irqs(void **state)
{
	out8(0x4d1, 0x0c);
	guest_irq_line(&board.guest, 16, true);
	guest_irq_line(&board.guest, 18, true);
	guest_irq_line(&board.guest, 19, true);
	assert_int_equal(irr(SLAVE), BIT(2) | BIT(3));
	guest_irq_line(&board.guest, 16, false);
	guest_irq_line(&board.guest, 19, false);
	assert_int_equal(irr(SLAVE), BIT(2));
	guest_irq_line(&board.guest, 18, false);
	assert_int_equal(irr(SLAVE), 0);
}

static void any_command_is_survived(void **state)
{
	u32 x = 1;

	for (unsigned int i = 0; i < 200000; i++) {
		static const u16 ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
		int vector;

		x = x * 1664525 + 1013904223;
		out8(ports[(x >> 8) % 6], (u8)(x >> 16));
		in8(ports[(x >> 12) % 6]);
		irq((x >> 20) % 16, x >> 31);
		vector = board_take(0);
		assert_in_range(vector + 1, 0, 256);
	}
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, board_teardown)
	const struct CMUnitTest tests[] = {
		T(silent_until_programmed), T(delivers_and_waits_for_eoi), T(an_edge_is_needed),
		T(level_by_elcr), T(masks), T(cascade), T(automatic_eoi_and_rotation),
		T(special_mask_mode), T(poll_command), T(a_request_that_goes_away),
		T(wired_by_lint0), T(pci_lines_share_two_irqs), T(any_command_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
