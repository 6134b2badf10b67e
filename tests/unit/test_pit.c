/* SPDX-License-Identifier: BSD-2-Clause */
/* The 8254 and port 0x61. */
#include "tests/unit/unit.h"

#include "tests/unit/mock_board.h"

#define HZ		1193182ull
#define TICKS_NS(t)	((t) * NSEC_PER_SEC / HZ + 1)
#define VECTOR		0x30

static int setup(void **state)
{
	board_init(2);
	board_enable_apics();
	ioapic_route_pin(VPC_GSI_PIT, VECTOR, 0);
	return 0;
}

static void load(unsigned int counter, u8 mode, u16 count)
{
	out8(0x43, (u8)(counter << 6 | 3 << 4 | mode << 1));
	out8((u16)(0x40 + counter), (u8)count);
	out8((u16)(0x40 + counter), (u8)(count >> 8));
}

static u16 latch(unsigned int counter)
{
	u8 low;

	out8(0x43, (u8)(counter << 6));
	low = in8((u16)(0x40 + counter));
	return (u16)(low | in8((u16)(0x40 + counter)) << 8);
}

/* Interrupts in the next @ns, taken at least every @step. */
static unsigned int interrupts(u64 ns, u64 step)
{
	unsigned int n = 0;

	for (u64 t = 0; t < ns; t += step) {
		board_run(step);
		if (board_take(0) == VECTOR) {
			n++;
			board_eoi(0);
		}
	}
	return n;
}

static void counts_down(void **state)
{
	load(0, 2, 10000);
	board_run(TICKS_NS(100));
	assert_in_range(latch(0), 9899, 9900);
	load(0, 0, 10000);
	board_run(TICKS_NS(3000));
	assert_in_range(latch(0), 6999, 7000);
	load(0, 3, 10000);	/* square wave: by twos */
	board_run(TICKS_NS(1000));
	assert_in_range(latch(0), 7998, 8000);
	load(1, 2, 18);		/* refresh: only counts */
	assert_in_range(latch(1), 1, 18);
}

static void latch_holds_still(void **state)
{
	u8 low, high;

	load(0, 2, 0xffff);
	out8(0x43, 0);
	low = in8(0x40);
	board_run(TICKS_NS(5000));
	out8(0x43, 0);		/* ignored: the first latch was not read */
	high = in8(0x40);
	assert_int_equal(low | high << 8, 0xffff);
	assert_in_range(latch(0), 0xffff - 5001, 0xffff - 5000);
}

static void periodic_interrupts(void **state)
{
	load(0, 2, 11932);	/* 100 Hz */
	assert_in_range(interrupts(10 * NSEC_PER_SEC, 500 * NSEC_PER_USEC), 999, 1001);
	load(0, 3, 11932);
	assert_in_range(interrupts(10 * NSEC_PER_SEC, 500 * NSEC_PER_USEC), 999, 1001);
	load(0, 2, 0);		/* 65536: 18.2 Hz */
	assert_in_range(interrupts(10 * NSEC_PER_SEC, NSEC_PER_MSEC), 181, 183);
	load(0, 0, 100);
	assert_int_equal(interrupts(NSEC_PER_SEC, NSEC_PER_MSEC), 1);
	out8(0x43, 0x34);	/* a control word alone stops it */
	assert_int_equal(interrupts(NSEC_PER_SEC, NSEC_PER_MSEC), 0);
}

static void irq0_at_the_8259_too(void **state)
{
	out8(0x20, 0x11);
	out8(0x21, 0x20);
	out8(0x21, 4);
	out8(0x21, 1);
	out8(0x21, 0xfe);
	ioapic_route_pin(VPC_GSI_PIT, VECTOR, BIT(16));
	load(0, 2, 11932);
	vlapic_write(board_lapic(0), LAPIC_LVT_LINT0, DELIVER_EXTINT << 8);
	for (unsigned int i = 0; i < 5; i++) {
		board_run(10 * NSEC_PER_MSEC + 1000);
		assert_int_equal(board_take(0), 0x20);
		assert_int_equal(board_take(0), -1);
		out8(0x20, 0x20);
	}
}

static void a_late_cpu_loses_ticks_not_the_beat(void **state)
{
	u64 due;

	load(0, 2, 11932);
	host_time_advance(105 * NSEC_PER_MSEC);
	board_run(0);
	assert_int_equal(board_take(0), VECTOR);
	assert_in_range(board.guest.arch.vpc->pit.missed, 8, 10);
	due = board.guest.arch.vpc->pit.timer.wanted_ns;
	assert_in_range(due - time_ns(), 4 * NSEC_PER_MSEC, 6 * NSEC_PER_MSEC);
}

static void storm_is_bounded(void **state)
{
	u64 end = time_ns() + NSEC_PER_MSEC;
	unsigned int runs = 0;

	load(0, 2, 1);
	while (board.guest.arch.vpc->pit.timer.wanted_ns < end) {
		board_run(board.guest.arch.vpc->pit.timer.wanted_ns - time_ns());
		runs++;
	}
	assert_in_range(runs, 5, 25);
}

static void read_back_command(void **state)
{
	load(0, 2, 5000);
	out8(0x43, 0xe2);			/* status of counter 0 */
	assert_int_equal(in8(0x40), 0xb4);	/* OUT high, both bytes, mode 2 */
	out8(0x43, 0x30);			/* mode 0, no count yet: null count */
	out8(0x43, 0xe2);
	assert_int_equal(in8(0x40), 0x70);
	load(0, 2, 5000);
	out8(0x43, 0xc2);			/* status and count */
	assert_int_equal(in8(0x40), 0xb4);
	assert_int_equal(in8(0x40), 5000 & 0xff);
	assert_int_equal(in8(0x40), 5000 >> 8);
}

static void access_modes_and_bcd(void **state)
{
	out8(0x43, 0x14);	/* low byte only, mode 2 */
	out8(0x40, 200);
	assert_int_equal(in8(0x40), 200);
	out8(0x43, 0x24);	/* high byte only */
	out8(0x40, 0x10);
	assert_int_equal(in8(0x40), 0x10);
	out8(0x43, 0x35);	/* BCD */
	out8(0x40, 0x34);
	out8(0x40, 0x12);
	assert_int_equal(latch(0), 0x1234);
	board_run(TICKS_NS(35));
	assert_in_range(latch(0), 0x1198, 0x1199);
}

/* What Linux and many a test kernel do to calibrate the TSC. */
static void gate2_and_out2(void **state)
{
	out8(0x61, (u8)((in8(0x61) & ~2) | 1));
	load(2, 0, 59659);	/* 50 ms */
	assert_false(in8(0x61) & BIT(5));
	board_run(49 * NSEC_PER_MSEC);
	assert_false(in8(0x61) & BIT(5));
	board_run(2 * NSEC_PER_MSEC);
	assert_true(in8(0x61) & BIT(5));
	/* The gate stops it, and it goes on where it was. */
	load(2, 0, 59659);
	board_run(20 * NSEC_PER_MSEC);
	out8(0x61, 0);
	board_run(NSEC_PER_SEC);
	assert_false(in8(0x61) & BIT(5));
	out8(0x61, 1);
	board_run(29 * NSEC_PER_MSEC);
	assert_false(in8(0x61) & BIT(5));
	board_run(2 * NSEC_PER_MSEC);
	assert_true(in8(0x61) & BIT(5));
	assert_int_equal(in8(0x61) & 3, 1);
}

static void refresh_bit_toggles(void **state)
{
	unsigned int changes = 0;
	u8 before = in8(0x61);

	for (unsigned int i = 0; i < 1000; i++) {
		u8 now;

		board_run(NSEC_PER_USEC);
		now = in8(0x61);
		changes += (now ^ before) >> 4 & 1;
		before = now;
	}
	assert_in_range(changes, 60, 70);
}

static void anything_is_survived(void **state)
{
	u32 x = 1;

	for (unsigned int i = 0; i < 100000; i++) {
		x = x * 1664525 + 1013904223;
		out8((u16)(0x40 + (x >> 8) % 4), (u8)(x >> 16));
		in8((u16)(0x40 + (x >> 10) % 4));
		if (x >> 28 == 0)
			out8(0x61, (u8)(x >> 20));
		board_run((x >> 12) % 5000);
		in8(0x61);
	}
	board_reset();
	assert_int_equal(interrupts(NSEC_PER_SEC, NSEC_PER_MSEC), 0);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, board_teardown)
	const struct CMUnitTest tests[] = {
		T(counts_down), T(latch_holds_still), T(periodic_interrupts),
		T(irq0_at_the_8259_too), T(a_late_cpu_loses_ticks_not_the_beat),
		T(storm_is_bounded), T(read_back_command), T(access_modes_and_bcd),
		T(gate2_and_out2), T(refresh_bit_toggles), T(anything_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
