/* SPDX-License-Identifier: BSD-2-Clause */
/* Pollers in the CPU loop: when they look, and when they ask to be told again. */
#include "tests/unit/loop_fixture.h"

#include "kernel/guest.h"
#include "kernel/poller.h"

#define LINGER	(120 * NSEC_PER_USEC)

static struct vcpu vcpu;
static bool runnable;

static struct poller poller;
static unsigned int there;		/* looks that will find something */
static u64 takes;			/* each of them, so long */
static bool late;			/* rest() will find something, once */
static unsigned int looks, rests;
static u64 idle_until[16], run_until[16];
static unsigned int idles, runs, stop_after;

static bool poll(struct poller *p)
{
	looks++;
	if (cpu.workers_only)
		host_time_advance(NSEC_PER_USEC);
	if (!there)
		return false;
	there--;
	host_time_advance(takes);
	return true;
}

static bool rest(struct poller *p)
{
	bool more = late;

	rests++;
	late = false;
	return more;
}

void arch_cpu_idle(struct cpu *c, u64 deadline_ns)
{
	idle_until[idles++] = deadline_ns;
	if (deadline_ns == TIME_NEVER || idles == stop_after)
		longjmp(out, 1);
	host_time_set(deadline_ns);
}

void arch_vcpu_run(struct vcpu *v, u64 deadline_ns)
{
	run_until[runs++] = deadline_ns;
	if (deadline_ns == TIME_NEVER || runs == stop_after)
		longjmp(out, 2);
	host_time_set(deadline_ns);
}

bool vcpu_runnable(struct vcpu *v)
{
	if (!runnable)
		list_remove(&v->awake_node);
	return runnable;
}

void arch_cpu_kick(struct cpu *c) {}

static int setup(void **state)
{
	cpus_init();
	host_time_set(NSEC_PER_SEC);
	vcpu = (struct vcpu){ 0 };
	list_append(&cpu.vcpus, &vcpu.cpu_node);
	list_append(&cpu.awake, &vcpu.awake_node);
	poller_init(&poller, poll, rest);
	runnable = late = false;
	there = looks = rests = idles = runs = 0;
	takes = 0;
	stop_after = ARRAY_SIZE(idle_until);
	return 0;
}

/* Emptied again after less than the time between two looks. */
static void keep(u64 linger)
{
	poller_keep(&poller, linger);
	host_time_advance(POLLER_LOOK_NS - 1);
	assert_true(poller_keep(&poller, linger));
}

static void who_comes_rarely_is_told(void **state)
{
	assert_false(poller_keep(&poller, LINGER));
	host_time_advance(POLLER_LOOK_NS);
	assert_false(poller_keep(&poller, LINGER));
	assert_false(poller_keep(&poller, 0));		/* never */
	host_time_advance(POLLER_LOOK_NS - 1);
	assert_true(poller_keep(&poller, LINGER));
	assert_true(poller_active(&poller));
	assert_true(poller_keep(&poller, LINGER));
	poller_stop(&poller);
	poller_stop(&poller);
	assert_false(poller_active(&poller));
}

/* Guest mode ends for each look; the last one without anything is when the time is over. */
static void guest_mode_ends_for_looks(void **state)
{
	u64 begin;

	keep(LINGER);
	begin = time_ns();
	runnable = true;
	there = 3;
	assert_int_equal(loop(), 2);
	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(run_until[i], begin + (i + 1) * POLLER_LOOK_NS);
	assert_int_equal(runs, 7);
	assert_int_equal(run_until[6], TIME_NEVER);
	assert_int_equal(looks, 6);		/* 3 found something; 150 us later it rests */
	assert_int_equal(rests, 1);
	assert_int_equal(poller.looks, 6);
	assert_int_equal(poller.found, 3);
	assert_int_equal(poller.rests, 1);
	assert_false(poller_active(&poller));
}

/* A queue that always has something, for longer than there is between two looks. */
static void guests_have_as_long_as_what_is_found(void **state)
{
	u64 begin, ran = 0;

	keep(LINGER);
	runnable = true;
	there = 1000;
	takes = 4 * POLLER_LOOK_NS;
	stop_after = 8;
	begin = time_ns();
	assert_int_equal(loop(), 2);
	for (unsigned int i = 1; i < runs - 1; i++)
		assert_int_equal(run_until[i + 1] - run_until[i], 2 * takes);
	ran = cpu.stats.guest_ns;
	assert_int_equal(looks, 7);
	assert_true(ran >= (time_ns() - begin - ran) * 3 / 4);
	/* Nobody is waited for who has nothing to run. */
	runnable = false;
	runs = idles = 0;
	stop_after = 1;
	there = 3;
	assert_int_equal(loop(), 1);
	assert_int_equal(runs, 0);
	assert_int_equal(looks, 7 + 4);
}

/* What a guest has left when it halts is not kept waiting for the next look. */
static void a_look_before_sleep(void **state)
{
	keep(LINGER);
	there = 2;
	stop_after = 1;
	assert_int_equal(loop(), 1);
	assert_int_equal(looks, 3);
	assert_int_equal(idle_until[0], time_ns() + POLLER_LOOK_NS);
	assert_int_equal(cpu.stats.poll_ns, 0);
}

static void what_comes_at_the_last_moment_goes_on(void **state)
{
	keep(LINGER);
	late = true;
	assert_int_equal(loop(), 1);
	assert_int_equal(rests, 2);
	assert_int_equal(idle_until[idles - 1], TIME_NEVER);
}

/* A workers' CPU is kept by the first one that asks, looks all the time, and then sleeps. */
static void a_workers_cpu_does_nothing_else(void **state)
{
	cpu.workers_only = true;
	list_remove(&vcpu.awake_node);
	there = 2;
	assert_true(poller_keep(&poller, LINGER));
	assert_int_equal(pollers_next(&cpu), TIME_NEVER);
	assert_int_equal(loop(), 1);
	assert_int_equal(idles, 1);
	assert_int_equal(idle_until[0], TIME_NEVER);
	/* Each takes a microsecond here; the time began before the second one's. */
	assert_int_equal(looks, 2 + LINGER / NSEC_PER_USEC);
	assert_int_equal(cpu.stats.work_ns, 2 * NSEC_PER_USEC);
	assert_int_equal(cpu.stats.poll_ns, LINGER);
	assert_int_equal(rests, 1);
}

static void one_time_for_those_without(void **state)
{
	u64 before = pollers_linger();

	pollers_set_linger(before + 7);
	assert_int_equal(pollers_linger(), before + 7);
	pollers_set_linger(before + 3);
	assert_int_equal(pollers_linger(), before + 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(who_comes_rarely_is_told, setup),
		cmocka_unit_test_setup(guest_mode_ends_for_looks, setup),
		cmocka_unit_test_setup(guests_have_as_long_as_what_is_found, setup),
		cmocka_unit_test_setup(a_look_before_sleep, setup),
		cmocka_unit_test_setup(what_comes_at_the_last_moment_goes_on, setup),
		cmocka_unit_test_setup(a_workers_cpu_does_nothing_else, setup),
		cmocka_unit_test_setup(one_time_for_those_without, setup),
	};

	return cmocka_run_group_tests_name("poller", tests, NULL, NULL);
}
