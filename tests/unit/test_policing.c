/* SPDX-License-Identifier: BSD-2-Clause */
/* The token bucket: how much of what comes in at a rate may pass. */
#include "tests/unit/unit.h"

#include "kernel/time.h"
#include "net/policing.h"

#define SEC	NSEC_PER_SEC

static void a_burst_below_a_frame_still_passes_frames(void **state)
{
	struct token_bucket b;
	u64 now = time_ns(), passed = 0;

	token_bucket_init(&b, 1000 * 1000, 1000, now);
	for (unsigned int i = 0; i < 100000; i++) {
		now += NSEC_PER_MSEC;
		passed += token_bucket_take(&b, 12000, now);
	}
	/* 100 s at 1 Mbit/s in frames of 12 kbit */
	assert_in_range(passed, 8333, 8335);
}

static void a_clock_behind_does_not_fill(void **state)
{
	struct token_bucket b;
	u64 now = time_ns();

	token_bucket_init(&b, 1000, 1000, now);
	assert_true(token_bucket_take(&b, 1000, now));
	assert_false(token_bucket_take(&b, 1, now - SEC));
	assert_false(token_bucket_take(&b, 1, now));
	assert_true(token_bucket_take(&b, 1, now + SEC / 1000));
}

/* A time for which what has come in meanwhile would be a negative number. */
static void a_long_rest_does_not_wrap(void **state)
{
	struct token_bucket b;
	u64 now = SEC;

	token_bucket_init(&b, 1ull << 33, 1000 * 1000, now);
	assert_true(token_bucket_take(&b, 1000 * 1000, now));
	assert_false(token_bucket_take(&b, 1, now));
	assert_true(token_bucket_take(&b, 1, now + (1ull << 30)));
	assert_true(token_bucket_take(&b, 1, now + (3ull << 30)));
}

static void the_greatest_rates_do_not_wrap(void **state)
{
	struct token_bucket b;
	u64 now = time_ns();

	token_bucket_init(&b, POLICING_RATE_MAX, POLICING_BURST_MAX, now);
	for (unsigned int i = 0; i < 10000; i++) {
		now += i % 100 ? NSEC_PER_USEC : 3600 * SEC;
		assert_true(token_bucket_take(&b, POLICING_COST_MAX, now));
		assert_in_range(b.tokens, 1, b.depth);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_below_a_frame_still_passes_frames),
		cmocka_unit_test(a_clock_behind_does_not_fill),
		cmocka_unit_test(a_long_rest_does_not_wrap),
		cmocka_unit_test(the_greatest_rates_do_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
