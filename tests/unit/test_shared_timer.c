/* SPDX-License-Identifier: BSD-2-Clause */
/* A timer that several CPUs program: it fires on its home CPU, when it was last said to. */
#include "tests/unit/unit.h"

#include <string.h>

#include "kernel/cpu.h"
#include "kernel/shared_timer.h"

static struct cpu home, other;
static struct shared_timer timer;
static unsigned int calls, taken;

void cpu_kick(struct cpu *cpu) {}

static void fire(struct shared_timer *t)
{
	assert_ptr_equal(this_cpu(), &home);
	calls++;
	taken += shared_timer_take(t);
}

static void be(struct cpu *cpu)
{
	host_this_cpu = &cpu->arch;
}

/* A pass of the home CPU's loop. */
static void pass(void)
{
	be(&home);
	work_run(&home);
	timer_run(&home);
}

static int setup(void **state)
{
	memset(&home, 0, sizeof(home));
	memset(&other, 0, sizeof(other));
	timer_queue_init(&home.timers);
	timer_queue_init(&other.timers);
	host_time_set(1000);
	calls = taken = 0;
	be(&home);
	shared_timer_init(&timer, &home, fire);
	return 0;
}

static void fires_once_at_home(void **state)
{
	be(&other);
	shared_timer_start(&timer, 2000);
	assert_true(shared_timer_started(&timer));
	assert_int_equal(timer_next(&other), TIME_NEVER);
	pass();
	assert_int_equal(timer_next(&home), 2000);
	assert_int_equal(calls, 0);
	host_time_set(2000);
	pass();
	pass();
	assert_int_equal(taken, 1);
	assert_false(shared_timer_started(&timer));
}

static void the_last_word_counts(void **state)
{
	shared_timer_start(&timer, 2000);
	be(&other);
	shared_timer_start(&timer, 5000);
	host_time_set(2000);
	be(&home);
	timer_run(&home);	/* before the work has come by */
	assert_int_equal(calls, 0);
	pass();
	be(&other);
	shared_timer_start(&timer, 3000);
	host_time_set(3000);
	pass();
	assert_int_equal(taken, 1);
	host_time_set(5000);
	pass();
	assert_int_equal(calls, 1);
}

static void stopped_elsewhere(void **state)
{
	shared_timer_start(&timer, 2000);
	be(&other);
	shared_timer_stop(&timer);
	host_time_set(3000);
	pass();
	assert_int_equal(calls, 0);
	assert_int_equal(timer_next(&home), TIME_NEVER);
}

/* Stopped while the function was about to be called: it is called, and takes nothing. */
static void stop_at_the_worst_moment(void **state)
{
	be(&other);
	shared_timer_start(&timer, 1000);
	shared_timer_stop(&timer);
	be(&home);
	fire(&timer);
	assert_int_equal(taken, 0);
}

static void cancel_leaves_nothing(void **state)
{
	be(&other);
	shared_timer_start(&timer, 2000);
	be(&home);
	shared_timer_cancel(&timer);
	assert_false(work_pending(&home));
	shared_timer_start(&timer, 2000);
	shared_timer_cancel(&timer);
	assert_int_equal(timer_next(&home), TIME_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(fires_once_at_home, setup),
		cmocka_unit_test_setup(the_last_word_counts, setup),
		cmocka_unit_test_setup(stopped_elsewhere, setup),
		cmocka_unit_test_setup(stop_at_the_worst_moment, setup),
		cmocka_unit_test_setup(cancel_leaves_nothing, setup),
	};
	return cmocka_run_group_tests_name("shared_timer", tests, NULL, NULL);
}
