/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU loop with a machine that is played: what it runs, in which turn, until when, and that a
 * kick at the worst moment is not lost.
 */
#include "tests/unit/loop_fixture.h"

#include "kernel/guest.h"
#include "kernel/poller.h"

static struct vcpu vcpu[3];
static bool runnable[ARRAY_SIZE(vcpu)];

/* What happens when the loop goes idle or enters a guest; leaves by longjmp() at the end. */
static void (*on_idle)(void), (*on_run)(void);
static u64 idle_until, run_until;
static unsigned int idles, ran[16], nr_ran, kicks;
static void (*in_runnable)(void);

void arch_cpu_idle(struct cpu *c, u64 deadline_ns)
{
	assert_ptr_equal(c, &cpu);
	assert_int_equal(c->state, CPU_IDLE);
	idle_until = deadline_ns;
	idles++;
	if (on_idle)
		on_idle();
	longjmp(out, 1);
}

void arch_vcpu_run(struct vcpu *v, u64 deadline_ns)
{
	assert_int_equal(cpu.state, CPU_RUNNING);
	if (work_pending(&cpu))		/* its look, after it has said CPU_IN_GUEST */
		return;
	run_until = MIN(deadline_ns, timer_next(&cpu));
	ran[nr_ran++ % ARRAY_SIZE(ran)] = v - vcpu;
	if (on_run)
		on_run();
	if (nr_ran == ARRAY_SIZE(ran))
		longjmp(out, 2);
}

bool vcpu_runnable(struct vcpu *v)
{
	if (in_runnable)
		in_runnable();
	if (!runnable[v - vcpu])
		list_remove(&v->awake_node);
	return runnable[v - vcpu];
}

static void wake(unsigned int i)
{
	list_append(&cpu.awake, &vcpu[i].awake_node);
	runnable[i] = true;
}

void arch_cpu_kick(struct cpu *c)
{
	kicks++;
}

static int setup(void **state)
{
	cpus_init();
	for (unsigned int i = 0; i < ARRAY_SIZE(vcpu); i++) {
		runnable[i] = false;
		vcpu[i] = (struct vcpu){ 0 };
		list_append(&cpu.vcpus, &vcpu[i].cpu_node);
		list_append(&cpu.awake, &vcpu[i].awake_node);
	}
	on_idle = on_run = in_runnable = NULL;
	idles = nr_ran = kicks = 0;
	return 0;
}

static void nothing_to_do_is_idle_for_ever(void **state)
{
	assert_int_equal(loop(), 1);
	assert_int_equal(idle_until, TIME_NEVER);
	assert_int_equal(cpu.stats.idle, 1);
}

static void ignore_timer(struct timer *timer) {}

static void idle_until_the_next_timer(void **state)
{
	struct timer timer;

	timer_init(&timer, ignore_timer);
	timer_start(&timer, 5000);
	assert_int_equal(loop(), 1);
	assert_int_equal(idle_until, 5000);
}

static void end_loop(struct timer *timer) { longjmp(out, 3); }

static void a_timer_that_is_due_fires(void **state)
{
	struct timer timer;

	timer_init(&timer, end_loop);
	timer_start(&timer, 1000);
	assert_int_equal(loop(), 3);
	assert_int_equal(idles, 0);
}

static unsigned int works;
static struct work work;

static void count_work(struct work *w)
{
	works++;
}

static void queue_work(void)
{
	work_queue(&work);
}

static void work_comes_before_sleep(void **state)
{
	works = 0;
	work_init(&work, &cpu, count_work);
	queue_work();
	assert_int_equal(loop(), 1);
	assert_int_equal(works, 1);
}

static void stop_queueing(struct work *w)
{
	works++;
	in_runnable = NULL;
}

/* Queued by another CPU after work_run(), before the state is published: no kick is sent. */
static void late_work_runs_before_sleep(void **state)
{
	works = 0;
	work_init(&work, &cpu, stop_queueing);
	in_runnable = queue_work;
	assert_int_equal(loop(), 1);
	assert_int_equal(works, 1);
	assert_int_equal(idles, 1);
}

static void late_work_runs_before_the_guest(void **state)
{
	works = 0;
	runnable[0] = true;
	work_init(&work, &cpu, stop_queueing);
	in_runnable = queue_work;
	assert_int_equal(loop(), 2);
	assert_int_equal(works, 1);
}

static unsigned int looks;

static void count_look(void)
{
	looks++;
}

/* Those that sleep cost nothing. */
static void only_those_awake_are_looked_at(void **state)
{
	looks = 0;
	runnable[1] = true;
	in_runnable = count_look;
	assert_int_equal(loop(), 2);
	assert_int_equal(looks, ARRAY_SIZE(vcpu) - 1 + ARRAY_SIZE(ran));
}

/* By a poller that rests, when nobody was found to run. */
static bool poll_nothing(struct poller *p) { return false; }

static bool wake_third(struct poller *p)
{
	wake(2);
	return false;
}

static void a_vcpu_woken_late_is_not_slept_over(void **state)
{
	struct poller poller;

	poller_init(&poller, poll_nothing, wake_third);
	list_append(&cpu.pollers, &poller.node);
	cpu.look_ns = TIME_NEVER;
	assert_int_equal(loop(), 2);
	assert_int_equal(idles, 0);
	assert_int_equal(ran[0], 2);
}

static void vcpus_take_turns(void **state)
{
	runnable[0] = runnable[2] = true;
	assert_int_equal(loop(), 2);
	for (unsigned int i = 0; i < ARRAY_SIZE(ran); i++)
		assert_int_equal(ran[i], i % 2 ? 2 : 0);
	assert_true(run_until > time_ns() && run_until < time_ns() + NSEC_PER_SEC);
	assert_int_equal(cpu.stats.vcpu_runs, ARRAY_SIZE(ran));
}

static u64 got[ARRAY_SIZE(vcpu)];

/* The first one's turns are short: it causes work all the time. */
static void run_unevenly(void)
{
	unsigned int i = ran[(nr_ran - 1) % ARRAY_SIZE(ran)];
	u64 ns = i ? run_until - time_ns() : NSEC_PER_MSEC / 10;

	got[i] += ns;
	host_time_advance(ns);
	if (time_ns() < NSEC_PER_SEC)
		nr_ran %= ARRAY_SIZE(ran) - 1;
}

static void shares_are_equal_whatever_ends_a_turn(void **state)
{
	memset(got, 0, sizeof(got));
	runnable[0] = runnable[1] = true;
	on_run = run_unevenly;
	assert_int_equal(loop(), 2);
	assert_in_range(got[0], got[1] * 99 / 100, got[1] * 101 / 100);
}

static void wake_second(void)
{
	run_unevenly();
	if (time_ns() > NSEC_PER_SEC / 2 && !runnable[1])
		wake(1);
}

/* Half a second asleep is not made up for: from then on both have half. */
static void who_slept_is_not_owed_for_it(void **state)
{
	memset(got, 0, sizeof(got));
	runnable[0] = runnable[2] = true;
	on_run = wake_second;
	assert_int_equal(loop(), 2);
	assert_in_range(got[1], NSEC_PER_SEC / 6, NSEC_PER_SEC / 6 + 10 * NSEC_PER_MSEC);
}

/* The first one computes, the second one is woken now and then for a tenth of a millisecond. */
static void compute_or_sleep(void)
{
	if (ran[nr_ran - 1] == 1) {
		host_time_advance(NSEC_PER_MSEC / 10);
		runnable[1] = false;
	} else {
		host_time_advance(NSEC_PER_MSEC);
		wake(1);
	}
}

/* What the one had while nobody else wanted it counts, too. */
static void who_seldom_runs_goes_first_each_time(void **state)
{
	runnable[0] = true;
	on_run = compute_or_sleep;
	assert_int_equal(loop(), 2);
	for (unsigned int i = 0; i < ARRAY_SIZE(ran); i++)
		assert_int_equal(ran[i], i % 2);
}

static void who_spins_comes_last(void **state)
{
	runnable[0] = runnable[1] = true;
	vcpu[0].yields = true;
	vcpu[1].ran_ns = NSEC_PER_MSEC;
	assert_int_equal(loop(), 2);
	assert_int_equal(ran[0], 1);
	assert_int_equal(ran[1], 0);		/* once, and it has run less */
}

static void one_vcpu_alone_has_no_slice(void **state)
{
	runnable[1] = true;
	assert_int_equal(loop(), 2);
	assert_int_equal(run_until, TIME_NEVER);
	assert_ptr_equal(cpu.current, &vcpu[1]);
}

static void a_timer_ends_the_turn(void **state)
{
	struct timer timer;

	runnable[0] = runnable[1] = true;
	timer_init(&timer, ignore_timer);
	timer_start(&timer, 1500);
	assert_int_equal(loop(), 2);
	assert_int_equal(run_until, 1500);
}

/* No other one is awake there. */
static void the_only_vcpu_has_every_turn(void **state)
{
	list_remove(&vcpu[0].awake_node);
	list_remove(&vcpu[2].awake_node);
	runnable[0] = runnable[1] = vcpu[1].yields = true;
	assert_int_equal(loop(), 2);
	for (unsigned int i = 0; i < ARRAY_SIZE(ran); i++)
		assert_int_equal(ran[i], 1);
	assert_int_equal(run_until, TIME_NEVER);
	assert_false(vcpu[1].yields);
	runnable[1] = false;
	assert_int_equal(loop(), 1);
	assert_int_equal(idles, 1);
}

static void kicks_go_to_those_who_do_not_look(void **state)
{
	other.state = CPU_RUNNING;
	cpu_kick(&other);
	assert_int_equal(kicks, 0);
	other.state = CPU_IDLE;
	cpu_kick(&other);
	other.state = CPU_IN_GUEST;
	cpu_kick(&other);
	assert_int_equal(kicks, 2);
	assert_int_equal(cpu.stats.kicks_sent, 2);
	cpu.state = CPU_IN_GUEST;
	cpu_kick(&cpu);		/* a device model's, in an exit: the loop looks by itself */
	assert_int_equal(kicks, 2);
}

static void ten(void)
{
	host_time_advance(10);
}

static void hundred(void)
{
	host_time_advance(100);
}

static void time_goes_to_work_or_guests_or_sleep(void **state)
{
	const struct cpu_stats *s = &cpu.stats;

	runnable[0] = true;
	in_runnable = ten;	/* asked of each vCPU that is awake */
	on_run = hundred;
	assert_int_equal(loop(), 2);
	/* The last turn has not come back. */
	assert_int_equal(s->guest_ns, 100 * (ARRAY_SIZE(ran) - 1));
	assert_int_equal(s->work_ns, 10 * (ARRAY_SIZE(vcpu) - 1 + ARRAY_SIZE(ran)));
	assert_int_equal(s->idle_ns, 0);
	assert_int_equal(s->work_ns + s->guest_ns + s->idle_ns, s->charged_ns - 1000);
}

static void take_100_ns_and_more(struct work *w)
{
	works++;
	host_time_set(time_ns() + 100);
	work_requeue(w);
}

static void run_to_the_end(void)
{
	host_time_set(run_until);
}

/* Work that never comes to an end, as with a flood of frames, leaves a vCPU as much as it takes. */
static void endless_work_and_vcpus_take_turns(void **state)
{
	works = 0;
	work_init(&work, &cpu, take_100_ns_and_more);
	work_queue(&work);
	runnable[0] = true;
	on_run = run_to_the_end;
	assert_int_equal(loop(), 2);
	assert_int_equal(works, 1 + ARRAY_SIZE(ran));
	assert_int_equal(time_ns(), 1000 + 100 * works + 100 * ARRAY_SIZE(ran));
}

static void stop_after_four(struct work *w)
{
	take_100_ns_and_more(w);
	if (works == 4)
		longjmp(out, 3);
}

/* With nobody else there it goes on at once. */
static void endless_work_does_not_sleep(void **state)
{
	works = 0;
	work_init(&work, &cpu, stop_after_four);
	work_queue(&work);
	assert_int_equal(loop(), 3);
	assert_int_equal(idles, 0);
	assert_int_equal(time_ns(), 1400);
}

static struct guest guests_of[2];
static struct work_payer payer = { .guest = &guests_of[1] };
static u64 busy_ns;

static bool ring(void)
{
	unsigned int before = kicks;

	host_this_cpu = &other.arch;
	cpu.state = CPU_IN_GUEST;
	work_queue(&work);
	cpu.state = CPU_RUNNING;
	host_this_cpu = &cpu.arch;
	return kicks != before;
}

/* A microsecond after it has been entered another CPU rings. */
static void compute_until_interrupted(void)
{
	u64 begin = time_ns();

	host_time_advance(NSEC_PER_USEC);
	if (!ring() && run_until > time_ns())
		host_time_set(MIN(run_until, NSEC_PER_SEC));
	busy_ns += time_ns() - begin;
	nr_ran = time_ns() < NSEC_PER_SEC ? 0 : ARRAY_SIZE(ran);
}

static void take_a_microsecond(struct work *w)
{
	works++;
	host_time_advance(NSEC_PER_USEC);
}

/* The other guest keeps the CPU but for a turn each 50 us, where it would have half of it. */
static void who_is_rung_for_nothing_hardly_slows_others(void **state)
{
	works = 0;
	busy_ns = 0;
	runnable[0] = true;
	vcpu[0].guest = &guests_of[0];
	work_init(&work, &cpu, take_a_microsecond);
	work.payer = &payer;
	on_run = compute_until_interrupted;
	assert_int_equal(loop(), 2);
	assert_true(busy_ns > NSEC_PER_SEC / 100 * 97);
	assert_in_range(works, 19000, 20010);
	assert_in_range(kicks, 1, 10);
}

static void ring_until_held(void)
{
	if (!cpu.work.held)
		ring();
	else
		runnable[0] = false;
}

/* The vCPU goes to sleep: what is held goes on at once, and not at the end of its time. */
static void nothing_is_held_while_the_cpu_sleeps(void **state)
{
	payer.due_ns = 0;
	runnable[0] = true;
	vcpu[0].guest = &guests_of[0];
	work_init(&work, &cpu, count_work);
	work.payer = &payer;
	on_run = ring_until_held;
	assert_int_equal(loop(), 1);
	assert_null(cpu.work.held);
	assert_int_equal(work.queued, WORK_IDLE);
	assert_int_equal(time_ns(), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_to_do_is_idle_for_ever, setup),
		cmocka_unit_test_setup(idle_until_the_next_timer, setup),
		cmocka_unit_test_setup(a_timer_that_is_due_fires, setup),
		cmocka_unit_test_setup(work_comes_before_sleep, setup),
		cmocka_unit_test_setup(late_work_runs_before_sleep, setup),
		cmocka_unit_test_setup(late_work_runs_before_the_guest, setup),
		cmocka_unit_test_setup(only_those_awake_are_looked_at, setup),
		cmocka_unit_test_setup(a_vcpu_woken_late_is_not_slept_over, setup),
		cmocka_unit_test_setup(vcpus_take_turns, setup),
		cmocka_unit_test_setup(shares_are_equal_whatever_ends_a_turn, setup),
		cmocka_unit_test_setup(who_slept_is_not_owed_for_it, setup),
		cmocka_unit_test_setup(who_seldom_runs_goes_first_each_time, setup),
		cmocka_unit_test_setup(who_spins_comes_last, setup),
		cmocka_unit_test_setup(one_vcpu_alone_has_no_slice, setup),
		cmocka_unit_test_setup(the_only_vcpu_has_every_turn, setup),
		cmocka_unit_test_setup(a_timer_ends_the_turn, setup),
		cmocka_unit_test_setup(kicks_go_to_those_who_do_not_look, setup),
		cmocka_unit_test_setup(time_goes_to_work_or_guests_or_sleep, setup),
		cmocka_unit_test_setup(endless_work_and_vcpus_take_turns, setup),
		cmocka_unit_test_setup(endless_work_does_not_sleep, setup),
		cmocka_unit_test_setup(who_is_rung_for_nothing_hardly_slows_others, setup),
		cmocka_unit_test_setup(nothing_is_held_while_the_cpu_sleeps, setup),
	};
	return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}
