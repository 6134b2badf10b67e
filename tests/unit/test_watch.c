/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUs that watch each other: who is interrupted again, who is only told of, who is left alone. */
#include "tests/unit/unit.h"

#include <string.h>

#include "kernel/cpu.h"
#include "kernel/watch.h"

static struct cpu two[2];
static unsigned int kicks[2];

void arch_cpu_kick(struct cpu *cpu)
{
	kicks[cpu->id]++;
}

static int setup(void **state)
{
	memset(two, 0, sizeof(two));
	memset(kicks, 0, sizeof(kicks));
	for (unsigned int i = 0; i < ARRAY_SIZE(two); i++) {
		cpus[i] = &two[i];
		two[i].id = i;
		two[i].stats.loops = 1;
		timer_queue_init(&two[i].timers);
	}
	nr_cpus = ARRAY_SIZE(two);
	host_this_cpu = &two[1].arch;
	host_time_advance(NSEC_PER_SEC);
	host_log_clear();
	watch_start();
	return 0;
}

/* CPU 1's loop, for @ns; CPU 0's has a pass each time if it @lives. */
static void pass(u64 ns, bool lives)
{
	u64 end = time_ns() + ns;

	while (time_ns() < end) {
		host_time_set(MIN(end, timer_next(&two[1])));
		two[0].stats.loops += lives;
		timer_run(&two[1]);
	}
}

static void who_loops_is_left_alone(void **state)
{
	two[0].state = CPU_IN_GUEST;
	pass(60 * NSEC_PER_SEC, true);
	assert_int_equal(kicks[0], 0);
	assert_int_equal(two[0].stats.late, 0);
	assert_string_equal(host_log_last(), "");
}

/* What an interrupt that was lost leaves behind: CPU 0 has the watchdogs of all NICs. */
static void who_sleeps_or_runs_a_guest_is_interrupted(void **state)
{
	for (enum cpu_state s = CPU_IN_GUEST; s <= CPU_IDLE; s++) {
		setup(NULL);
		two[0].state = s;
		pass(10 * WATCH_NS, true);
		pass(2 * WATCH_NS, false);
		assert_int_equal(kicks[0], 1);
		assert_int_equal(two[0].stats.late, 1);
		assert_int_equal(host_log_count("CPU 0: no interrupt for"), 1);
		assert_int_equal(host_log_count(s == CPU_IDLE ? "(idle)" : "(guest mode)"), 1);
		pass(10 * WATCH_NS, true);
		assert_int_equal(kicks[0], 1);
	}
}

static void until_it_goes_on(void **state)
{
	two[0].state = CPU_IN_GUEST;
	pass(10 * WATCH_NS, true);
	pass(10 * WATCH_NS, false);
	assert_int_equal(kicks[0], 9);
}

/* One look may follow on a stop of the whole machine. */
static void one_look_is_not_enough(void **state)
{
	two[0].state = CPU_IN_GUEST;
	pass(10 * WATCH_NS, true);
	host_time_advance(60 * NSEC_PER_SEC);
	timer_run(&two[1]);
	pass(10 * WATCH_NS, true);
	assert_int_equal(kicks[0], 0);
	assert_string_equal(host_log_last(), "");
}

/* In the hypervisor an interrupt would not be taken. */
static void who_is_stuck_is_told_of_once(void **state)
{
	two[0].state = CPU_RUNNING;
	pass(10 * WATCH_NS, true);
	pass(WATCH_STUCK_NS - WATCH_NS, false);
	assert_string_equal(host_log_last(), "");
	pass(60 * NSEC_PER_SEC, false);
	assert_int_equal(kicks[0], 0);
	assert_int_equal(host_log_count("CPU 0: not through its loop for"), 1);
	pass(WATCH_NS, true);
	assert_int_equal(host_log_count("CPU 0: goes on after"), 1);
	pass(10 * WATCH_NS, true);
	assert_int_equal(host_log_count("CPU 0: goes on after"), 1);
}

/* Other CPUs are in their loops while CPU 0 still boots. */
static void who_boots_is_left_alone(void **state)
{
	two[0].stats.loops = 0;
	two[0].state = CPU_IDLE;
	pass(60 * NSEC_PER_SEC, false);
	assert_int_equal(kicks[0], 0);
	assert_string_equal(host_log_last(), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(who_loops_is_left_alone, setup),
		cmocka_unit_test_setup(who_sleeps_or_runs_a_guest_is_interrupted, setup),
		cmocka_unit_test_setup(until_it_goes_on, setup),
		cmocka_unit_test_setup(one_look_is_not_enough, setup),
		cmocka_unit_test_setup(who_is_stuck_is_told_of_once, setup),
		cmocka_unit_test_setup(who_boots_is_left_alone, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
