/* SPDX-License-Identifier: BSD-2-Clause */
/* The CMOS clock. */
#include "tests/unit/unit.h"

#include <string.h>
#include <time.h>

#include "tests/unit/mock_board.h"

#define VECTOR	0x38
/* 2024-02-28 23:59:50 UTC, a Wednesday of a leap year */
#define BOOT_S	1709164790ull

static int setup(void **state)
{
	board_init(2);
	board.wallclock_ns = BOOT_S * NSEC_PER_SEC - NSEC_PER_SEC;	/* time_ns() is 1 s */
	board_enable_apics();
	ioapic_route_pin(VPC_GSI_RTC, VECTOR, 0);
	board_reset();
	board_enable_apics();
	ioapic_route_pin(VPC_GSI_RTC, VECTOR, 0);
	return 0;
}

static u8 get(u8 index)
{
	out8(0x70, index);
	return in8(0x71);
}

static void set(u8 index, u8 val)
{
	out8(0x70, index);
	out8(0x71, val);
}

static void expect_time(u8 century, u8 year, u8 month, u8 day, u8 hour, u8 minute, u8 second)
{
	assert_int_equal(get(0x32), century);
	assert_int_equal(get(9), year);
	assert_int_equal(get(8), month);
	assert_int_equal(get(7), day);
	assert_int_equal(get(4), hour);
	assert_int_equal(get(2), minute);
	assert_int_equal(get(0), second);
}

static void shows_the_wall_time(void **state)
{
	expect_time(0x20, 0x24, 0x02, 0x28, 0x23, 0x59, 0x50);
	assert_int_equal(get(6), 4);	/* Wednesday */
	board_run(10 * NSEC_PER_SEC);
	expect_time(0x20, 0x24, 0x02, 0x29, 0x00, 0x00, 0x00);
	board_run(86400 * NSEC_PER_SEC);
	expect_time(0x20, 0x24, 0x03, 0x01, 0x00, 0x00, 0x00);
	assert_int_equal(get(0x0d), 0x80);
	assert_int_equal(get(0x8d), 0x80);	/* bit 7 of the index is not part of it */
	assert_int_equal(in8(0x70), 0xff);
}

static void binary_and_12_hours(void **state)
{
	set(0x0b, 0x06);
	expect_time(0x20, 24, 2, 28, 23, 59, 50);
	set(0x0b, 0x04);
	assert_int_equal(get(4), 0x80 | 11);
	board_run(10 * NSEC_PER_SEC);
	assert_int_equal(get(4), 12);		/* midnight */
	board_run(12 * 3600 * NSEC_PER_SEC);
	assert_int_equal(get(4), 0x80 | 12);	/* noon */
	set(0x0b, 0x00);
	assert_int_equal(get(4), 0x80 | 0x12);
}

static void dates_both_ways(void **state)
{
	u8 cmos[VRTC_BYTES] = { 0 };

	cmos[0x0b] = 0x02;
	for (u64 s = 0; s < 4102444800ull; s += 86400 * 3 + 12345) {
		time_t t = (time_t)s;
		struct tm tm;
		u64 back;

		gmtime_r(&t, &tm);
		cmos_from_seconds(cmos, s);
		assert_int_equal((cmos[9] >> 4) * 10 + (cmos[9] & 15), tm.tm_year % 100);
		assert_int_equal((cmos[8] >> 4) * 10 + (cmos[8] & 15), tm.tm_mon + 1);
		assert_int_equal((cmos[7] >> 4) * 10 + (cmos[7] & 15), tm.tm_mday);
		assert_int_equal(cmos[6], tm.tm_wday + 1);
		assert_int_equal(cmos_to_seconds(cmos, &back), 0);
		assert_int_equal(back, s);
	}
}

static void can_be_set(void **state)
{
	set(0x0b, 0x82);		/* SET: halted */
	set(9, 0x30);
	set(8, 0x12);
	set(7, 0x31);
	set(4, 0x01);
	set(2, 0x02);
	set(0, 0x03);
	board_run(5 * NSEC_PER_SEC);
	expect_time(0x20, 0x30, 0x12, 0x31, 0x01, 0x02, 0x03);
	set(0x0b, 0x02);
	board_run(2 * NSEC_PER_SEC);
	expect_time(0x20, 0x30, 0x12, 0x31, 0x01, 0x02, 0x05);
	board_reset();			/* battery-backed */
	expect_time(0x20, 0x30, 0x12, 0x31, 0x01, 0x02, 0x05);
	set(8, 0x13);			/* nonsense is not taken */
	expect_time(0x20, 0x30, 0x12, 0x31, 0x01, 0x02, 0x05);
}

static void update_in_progress(void **state)
{
	assert_int_equal(get(0x0a), 0x26);
	board_run(NSEC_PER_SEC - 300 * NSEC_PER_USEC);
	assert_int_equal(get(0x0a), 0x26);
	board_run(100 * NSEC_PER_USEC);
	assert_int_equal(get(0x0a), 0xa6);
	board_run(200 * NSEC_PER_USEC);
	assert_int_equal(get(0x0a), 0x26);
}

static void update_interrupts(void **state)
{
	unsigned int n = 0;

	set(0x0b, 0x12);
	for (unsigned int i = 0; i < 50; i++) {
		board_run(100 * NSEC_PER_MSEC);
		if (board_take(0) == VECTOR) {
			board_eoi(0);
			assert_int_equal(get(0x0c) & 0xb0, 0x90);
			assert_int_equal(get(0x0c), 0);
			n++;
		}
	}
	assert_int_equal(n, 5);
	set(0x0b, 0x02);
	board_run(NSEC_PER_SEC);
	assert_int_equal(board_take(0), -1);
	assert_int_equal(get(0x0c) & 0xb0, 0x10);	/* the flag comes all the same */
}

static void periodic_interrupts(void **state)
{
	unsigned int n = 0;

	set(0x0a, 0x2a);		/* 64 Hz */
	set(0x0b, 0x42);
	for (unsigned int i = 0; i < 1000; i++) {
		board_run(NSEC_PER_MSEC);
		if (board_take(0) == VECTOR) {
			board_eoi(0);
			assert_int_equal(get(0x0c) & 0xc0, 0xc0);
			n++;
		}
	}
	assert_in_range(n, 63, 64);
	set(0x0a, 0x20);		/* off */
	board_run(NSEC_PER_SEC);
	assert_int_equal(board_take(0), -1);
}

static void alarm_once_a_day(void **state)
{
	set(1, 0x53);
	set(3, 0x59);
	set(5, 0x23);
	set(0x0b, 0x22);
	board_run(2 * NSEC_PER_SEC);
	assert_int_equal(board_take(0), -1);
	get(0x0c);
	board_run(NSEC_PER_SEC);
	assert_int_equal(board_take(0), VECTOR);
	board_eoi(0);
	assert_int_equal(get(0x0c) & 0xb0, 0xb0);
	board_run(3600 * NSEC_PER_SEC);
	assert_int_equal(board_take(0), -1);
	set(1, 0xff);			/* every second of the minute, every minute of the hour */
	set(3, 0xff);
	set(5, 0xff);
	get(0x0c);
	board_run(2 * NSEC_PER_SEC);
	assert_int_equal(board_take(0), VECTOR);
}

static void memory(void **state)
{
	set(0x40, 0x5a);
	assert_int_equal(get(0x40), 0x5a);
	set(0x0d, 0);
	assert_int_equal(get(0x0d), 0x80);
	for (unsigned int i = 0; i < 256; i++)
		for (unsigned int v = 0; v < 256; v += 5) {
			set((u8)i, (u8)v);
			get((u8)i);
		}
	board_run(NSEC_PER_MSEC);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, board_teardown)
	const struct CMUnitTest tests[] = {
		T(shows_the_wall_time), T(binary_and_12_hours), T(dates_both_ways),
		T(can_be_set), T(update_in_progress), T(update_interrupts),
		T(periodic_interrupts), T(alarm_once_a_day), T(memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
