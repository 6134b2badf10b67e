/* SPDX-License-Identifier: BSD-2-Clause */
/* Per-CPU timers: order, arming again, stopping, and that the loop cannot be kept in them. */
#include "tests/unit/unit.h"

#include <string.h>

#include "kernel/cpu.h"

static struct cpu cpu;
static struct timer *fired[8];
static unsigned int nr_fired;

static void note(struct timer *timer)
{
	assert_false(timer_armed(timer));
	fired[nr_fired++ % ARRAY_SIZE(fired)] = timer;
}

static struct timer a, b, c;

static int setup(void **state)
{
	memset(&cpu, 0, sizeof(cpu));
	timer_queue_init(&cpu.timers);
	host_this_cpu = &cpu.arch;
	host_time_set(1000);
	nr_fired = 0;
	timer_init(&a, note);
	timer_init(&b, note);
	timer_init(&c, note);
	return 0;
}

static void fire_in_deadline_order(void **state)
{
	timer_start(&b, 3000);
	timer_start(&a, 2000);
	timer_start(&c, 4000);
	assert_int_equal(timer_next(&cpu), 2000);
	host_time_set(3000);
	timer_run(&cpu);
	assert_int_equal(nr_fired, 2);
	assert_ptr_equal(fired[0], &a);
	assert_ptr_equal(fired[1], &b);
	assert_int_equal(timer_next(&cpu), 4000);
}

static void not_before_the_deadline(void **state)
{
	timer_start(&a, 2000);
	host_time_set(1999);
	timer_run(&cpu);
	assert_int_equal(nr_fired, 0);
	assert_true(timer_armed(&a));
	host_time_set(2000);
	timer_run(&cpu);
	assert_int_equal(nr_fired, 1);
}

static void equal_deadlines_keep_their_order(void **state)
{
	timer_start(&c, 2000);
	timer_start(&a, 2000);
	timer_start(&b, 2000);
	host_time_set(2000);
	timer_run(&cpu);
	assert_ptr_equal(fired[0], &c);
	assert_ptr_equal(fired[1], &a);
	assert_ptr_equal(fired[2], &b);
}

static void armed_again_it_moves(void **state)
{
	timer_start(&a, 2000);
	timer_start(&b, 2500);
	timer_start(&a, 3000);
	host_time_set(2500);
	timer_run(&cpu);
	assert_int_equal(nr_fired, 1);
	assert_ptr_equal(fired[0], &b);
	assert_int_equal(timer_next(&cpu), 3000);
}

static void stopped_does_not_fire(void **state)
{
	timer_stop(&a);
	timer_start(&a, 2000);
	timer_stop(&a);
	timer_stop(&a);
	assert_false(timer_armed(&a));
	assert_int_equal(timer_next(&cpu), TIME_NEVER);
	host_time_set(5000);
	timer_run(&cpu);
	assert_int_equal(nr_fired, 0);
}

static void stop_b(struct timer *timer)
{
	note(timer);
	timer_stop(&b);
}

static void one_that_is_due_stops_another(void **state)
{
	timer_init(&a, stop_b);
	timer_start(&a, 2000);
	timer_start(&b, 2000);
	timer_start(&c, 2000);
	host_time_set(2000);
	timer_run(&cpu);
	assert_int_equal(nr_fired, 2);
	assert_ptr_equal(fired[1], &c);
}

static void again_now(struct timer *timer)
{
	note(timer);
	timer_start(timer, time_ns());
}

static void one_that_is_always_due_fires_once_a_run(void **state)
{
	timer_init(&a, again_now);
	timer_start(&a, 0);
	timer_start(&b, 500);
	timer_run(&cpu);
	assert_int_equal(nr_fired, 2);
	timer_run(&cpu);
	assert_int_equal(nr_fired, 3);
	assert_int_equal(timer_next(&cpu), 1000);
}

static void never_never_fires(void **state)
{
	timer_start(&a, TIME_NEVER);
	assert_int_equal(timer_next(&cpu), TIME_NEVER);
	host_time_set(TIME_NEVER - 1);
	timer_run(&cpu);
	assert_int_equal(nr_fired, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(fire_in_deadline_order, setup),
		cmocka_unit_test_setup(not_before_the_deadline, setup),
		cmocka_unit_test_setup(equal_deadlines_keep_their_order, setup),
		cmocka_unit_test_setup(armed_again_it_moves, setup),
		cmocka_unit_test_setup(stopped_does_not_fire, setup),
		cmocka_unit_test_setup(one_that_is_due_stops_another, setup),
		cmocka_unit_test_setup(one_that_is_always_due_fires_once_a_run, setup),
		cmocka_unit_test_setup(never_never_fires, setup),
	};
	return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
