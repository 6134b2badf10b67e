/* SPDX-License-Identifier: BSD-2-Clause */
/* The I/O APIC's pins and registers. */
#include "tests/unit/unit.h"

#include "tests/unit/mock_board.h"

#define RTE(pin)	((u8)(0x10 + 2 * (pin)))
#define RTE_RIRR	BIT(14)
#define RTE_LEVEL	BIT(15)
#define RTE_MASK	BIT(16)
#define EOIR		(VPC_IOAPIC_BASE + 0x40)

static void line(unsigned int pin, bool level)
{
	guest_irq_line(&board.guest, pin, level);
}

static void registers(void **state)
{
	assert_int_equal(ioapic_in(1), 0x00170020);
	ioapic_out(0, 0xffffffff);
	assert_int_equal(ioapic_in(0), 0x0f000000);
	assert_int_equal(ioapic_in(2), 0x0f000000);
	assert_int_equal(ioapic_in(RTE(5)), RTE_MASK);
	ioapic_out(RTE(5), 0xffffffff);
	assert_int_equal(ioapic_in(RTE(5)), 0x0001afff);	/* bits 12, 14 are read-only */
	ioapic_out((u8)(RTE(5) + 1), 0xffffffff);
	assert_int_equal(ioapic_in((u8)(RTE(5) + 1)), 0xff000000);
	assert_int_equal(ioapic_in(0x40), 0);		/* past the last pin */
	ioapic_out(0x40, 0xffffffff);
	ioapic_out(0xff, 0xffffffff);
	assert_int_equal(ioapic_in(0xff), 0);
	assert_int_equal(mmio_in(VPC_IOAPIC_BASE + 0x20), 0);
	line(24, true);
	line(1000, true);
}

static void edges(void **state)
{
	ioapic_route_pin(4, 0x44, 0);
	line(4, true);
	assert_int_equal(board_take(0), 0x44);
	board_eoi(0);
	line(4, true);		/* no edge */
	assert_int_equal(board_take(0), -1);
	line(4, false);
	line(4, true);
	assert_int_equal(board_take(0), 0x44);
	assert_false(ioapic_in(RTE(4)) & RTE_RIRR);
}

static void a_masked_edge_is_lost(void **state)
{
	line(4, true);
	ioapic_route_pin(4, 0x44, 0);
	assert_int_equal(board_take(0), -1);
	line(4, false);
	line(4, true);
	assert_int_equal(board_take(0), 0x44);
}

static void level_until_eoi(void **state)
{
	ioapic_route_pin(17, 0x44, RTE_LEVEL);
	line(17, true);
	assert_int_equal(board_take(0), 0x44);
	assert_true(ioapic_in(RTE(17)) & RTE_RIRR);
	line(17, false);
	line(17, true);		/* in service: no second message */
	assert_int_equal(board.guest.arch.vpc->ioapic.sent[17], 1);
	board_eoi(0);		/* still asserted: again */
	assert_int_equal(board_take(0), 0x44);
	line(17, false);
	board_eoi(0);
	assert_int_equal(board_take(0), -1);
	assert_false(ioapic_in(RTE(17)) & RTE_RIRR);
}

static void masked_level_comes_with_the_unmask(void **state)
{
	ioapic_route_pin(17, 0x44, RTE_LEVEL | RTE_MASK);
	line(17, true);
	assert_int_equal(board_take(0), -1);
	ioapic_route_pin(17, 0x44, RTE_LEVEL);
	assert_int_equal(board_take(0), 0x44);
	/* Linux masks in the handler, does EOI, unmasks in the thread. */
	ioapic_route_pin(17, 0x44, RTE_LEVEL | RTE_MASK);
	assert_true(ioapic_in(RTE(17)) & RTE_RIRR);
	board_eoi(0);
	assert_int_equal(board_take(0), -1);
	ioapic_route_pin(17, 0x44, RTE_LEVEL);
	assert_int_equal(board_take(0), 0x44);
}

static void eoi_register(void **state)
{
	ioapic_route_pin(17, 0x44, RTE_LEVEL);
	ioapic_route_pin(18, 0x45, RTE_LEVEL);
	line(17, true);
	line(18, true);
	line(17, false);
	line(18, false);
	mmio_out(EOIR, 0x44);
	assert_false(ioapic_in(RTE(17)) & RTE_RIRR);
	assert_true(ioapic_in(RTE(18)) & RTE_RIRR);
	/* The older way: edge and back. */
	ioapic_route_pin(18, 0x45, 0);
	assert_false(ioapic_in(RTE(18)) & RTE_RIRR);
}

static void shared_vector(void **state)
{
	ioapic_route_pin(17, 0x44, RTE_LEVEL);
	ioapic_route_pin(18, 0x44, RTE_LEVEL);
	line(17, true);
	line(18, true);
	assert_int_equal(board_take(0), 0x44);
	line(17, false);
	board_eoi(0);
	assert_int_equal(board_take(0), 0x44);	/* 18 is still there */
	line(18, false);
	board_eoi(0);
	assert_int_equal(board_take(0), -1);
}

static void nobody_takes_it(void **state)
{
	ioapic_route_pin(17, 0x44, RTE_LEVEL);
	ioapic_out((u8)(RTE(17) + 1), 9u << 24);
	line(17, true);
	assert_false(ioapic_in(RTE(17)) & RTE_RIRR);
	assert_true(board.guest.arch.vpc->ioapic.refused > 0);
	ioapic_out((u8)(RTE(17) + 1), 1u << 24);
	assert_int_equal(board_take(1), 0x44);
	ioapic_route_pin(5, 3, 0);		/* an illegal vector */
	line(5, true);
	assert_int_equal(board_take(0), -1);
}

static void reset(void **state)
{
	ioapic_route_pin(17, 0x44, RTE_LEVEL);
	line(17, true);
	board_reset();
	assert_int_equal(ioapic_in(RTE(17)), RTE_MASK);
	assert_int_equal(board_take(0), -1);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, board_setup, board_teardown)
	const struct CMUnitTest tests[] = {
		T(registers), T(edges), T(a_masked_edge_is_lost), T(level_until_eoi),
		T(masked_level_comes_with_the_unmask), T(eoi_register), T(shared_vector),
		T(nobody_takes_it), T(reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
