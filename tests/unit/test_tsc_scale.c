/* SPDX-License-Identifier: BSD-2-Clause */
/* Ticks and nanoseconds: there and back, at any frequency and after any time. */
#include "tests/unit/unit.h"

#include "arch/x86/tsc_scale.h"
#include "kernel/time.h"

#define YEAR	(365ull * 24 * 3600 * NSEC_PER_SEC)

static const u64 frequencies[] = {
	TSC_HZ_MIN, 1193182, 49999999, 50000000, 999999983, 1000000000, 1000000007, 1000003061,
	1999999973, 2000000000, 2893437123, 3000000000, 3700000001, 5900000000, 9999999967,
};
static const u64 times[] = {
	0, 1, 999, NSEC_PER_SEC, 60 * NSEC_PER_SEC, 3600 * NSEC_PER_SEC + 1,
	YEAR / 12 + 7, YEAR, 10 * YEAR,
};

/* By how much two roundings may be off, in ticks; what the factor lacks counts after a month. */
static u64 off(u64 ns)
{
	return 2 + (ns >> TSC_SCALE_SHIFT);
}

/* What waits for a nanosecond and is woken at the tick for it does not have to wait once more. */
static void a_deadline_is_reached_at_its_tick(void **state)
{
	for (unsigned int f = 0; f < ARRAY_SIZE(frequencies); f++) {
		u64 tick = NSEC_PER_SEC / frequencies[f] + 1;
		struct tsc_scale scale;

		tsc_scale_set(&scale, frequencies[f]);
		for (unsigned int t = 0; t < ARRAY_SIZE(times); t++) {
			for (u64 ns = times[t]; ns < times[t] + 3000; ns++) {
				u64 then = tsc_scale_ns(&scale, tsc_scale_ticks(&scale, ns));

				assert_in_range(then, ns, ns + off(ns) * tick);
			}
		}
	}
}

/* The guest's clock is the counter, its timer is reckoned from what time_ns() says. */
static void there_and_back_is_the_same_tick(void **state)
{
	for (unsigned int f = 0; f < ARRAY_SIZE(frequencies); f++) {
		u64 hz = frequencies[f], in_ns = hz / NSEC_PER_SEC + 1;
		struct tsc_scale scale;

		tsc_scale_set(&scale, hz);
		for (unsigned int t = 0; t < ARRAY_SIZE(times); t++) {
			u64 at = times[t] / NSEC_PER_SEC * hz + 12345;
			u64 slack = off(times[t]) * in_ns;

			for (u64 tick = at; tick < at + 3000; tick++) {
				u64 back = tsc_scale_ticks(&scale, tsc_scale_ns(&scale, tick));

				assert_in_range(back, tick - in_ns, tick + slack);
			}
		}
	}
}

static void seconds_are_seconds(void **state)
{
	for (unsigned int f = 0; f < ARRAY_SIZE(frequencies); f++) {
		struct tsc_scale scale;

		tsc_scale_set(&scale, frequencies[f]);
		assert_in_range(tsc_scale_ns(&scale, 3600 * frequencies[f]),
				3600 * NSEC_PER_SEC - 1, 3600 * NSEC_PER_SEC);
	}
}

static void what_never_comes_has_no_tick(void **state)
{
	struct tsc_scale scale = { 0 };

	assert_int_equal(tsc_scale_ns(&scale, UINT64_MAX), 0);	/* before it is set */
	tsc_scale_set(&scale, 3000000000);
	assert_true(tsc_scale_ticks(&scale, TIME_NEVER) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deadline_is_reached_at_its_tick),
		cmocka_unit_test(there_and_back_is_the_same_tick),
		cmocka_unit_test(seconds_are_seconds),
		cmocka_unit_test(what_never_comes_has_no_tick),
	};
	return cmocka_run_group_tests_name("tsc_scale", tests, NULL, NULL);
}
