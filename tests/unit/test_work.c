/* SPDX-License-Identifier: BSD-2-Clause */
/* Work queues: order, coalescing, budgets by queueing again, cancelling, many CPUs at once. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/guest.h"
#include "kernel/poller.h"

static struct cpu cpu;
static unsigned int kicks;

void cpu_kick(struct cpu *c)
{
	assert_ptr_equal(c, &cpu);
	__atomic_fetch_add(&kicks, 1, __ATOMIC_RELAXED);
}

static struct work *ran[16];
static unsigned int nr_ran;

static void note(struct work *work)
{
	ran[nr_ran++ % ARRAY_SIZE(ran)] = work;
}

static struct work a, b, c;

static int setup(void **state)
{
	memset(&cpu, 0, sizeof(cpu));
	host_this_cpu = &cpu.arch;
	kicks = nr_ran = 0;
	work_init(&a, &cpu, note);
	work_init(&b, &cpu, note);
	work_init(&c, &cpu, note);
	return 0;
}

static void runs_in_the_order_queued(void **state)
{
	work_queue(&b);
	work_queue(&a);
	work_queue(&c);
	assert_int_equal(work_run(&cpu), 3);
	assert_ptr_equal(ran[0], &b);
	assert_ptr_equal(ran[1], &a);
	assert_ptr_equal(ran[2], &c);
	assert_int_equal(work_run(&cpu), 0);
	assert_int_equal(cpu.stats.work_items, 3);
}

static void queued_twice_runs_once(void **state)
{
	assert_true(work_queue(&a));
	assert_false(work_queue(&a));
	assert_int_equal(kicks, 1);
	assert_int_equal(work_run(&cpu), 1);
	assert_true(work_queue(&a));
	assert_int_equal(work_run(&cpu), 1);
}

static void pending_until_run(void **state)
{
	assert_false(work_pending(&cpu));
	work_queue(&a);
	assert_true(work_pending(&cpu));
	work_run(&cpu);
	assert_false(work_pending(&cpu));
}

static void requeue(struct work *work)
{
	note(work);
	assert_true(work_queue(work));
}

static void what_queues_itself_goes_to_the_back(void **state)
{
	work_init(&a, &cpu, requeue);
	work_queue(&a);
	work_queue(&b);
	assert_int_equal(work_run(&cpu), 2);
	assert_true(work_pending(&cpu));
	work_queue(&c);
	assert_int_equal(work_run(&cpu), 2);
	assert_ptr_equal(ran[2], &a);
	assert_ptr_equal(ran[3], &c);
}

static void more_to_do(struct work *work)
{
	note(work);
	work_requeue(work);
}

/* It waits apart from what is urgent, and queueing it does not make it so. */
static void requeued_runs_later(void **state)
{
	work_init(&a, &cpu, more_to_do);
	work_queue(&a);
	work_queue(&b);
	assert_int_equal(work_run_queued(&cpu), 2);
	assert_false(work_pending(&cpu));
	assert_false(work_queue(&a));
	work_queue(&c);
	assert_int_equal(work_run_queued(&cpu), 1);
	assert_ptr_equal(ran[2], &c);
	assert_int_equal(work_run_later(&cpu), 1);
	assert_ptr_equal(ran[3], &a);
	assert_int_equal(work_run(&cpu), 1);
	work_cancel(&a);
	assert_int_equal(work_run(&cpu), 0);
}

static void queued_and_more_to_do(struct work *work)
{
	note(work);
	work_queue(work);
	work_requeue(work);
}

static void requeued_when_queued_runs_once(void **state)
{
	work_init(&a, &cpu, queued_and_more_to_do);
	work_queue(&a);
	assert_int_equal(work_run_queued(&cpu), 1);
	assert_true(work_pending(&cpu));
	assert_int_equal(work_run_later(&cpu), 0);
	assert_int_equal(work_run(&cpu), 1);
	work_cancel(&a);
}

static bool others;

static void look_for_others(struct work *work)
{
	others = work_others_wait(work);
}

static void others_wait(void **state)
{
	work_init(&a, &cpu, look_for_others);
	work_queue(&a);
	work_queue(&b);
	work_run(&cpu);
	assert_true(others);
	work_queue(&a);
	work_run(&cpu);
	assert_false(others);
}

static void take_100_ns(struct work *work)
{
	host_time_set(time_ns() + 100);
}

/* On a CPU that vCPUs share. */
static void who_it_is_for_pays(void **state)
{
	struct list vcpu[2];
	u64 ran_ns = 5;
	struct work_payer payer = { .ran_ns = &ran_ns };

	host_time_set(1000);
	list_init(&cpu.vcpus);
	work_init(&a, &cpu, take_100_ns);
	a.payer = &payer;
	list_append(&cpu.vcpus, &vcpu[0]);
	work_queue(&a);
	work_run(&cpu);
	assert_int_equal(ran_ns, 5);
	list_append(&cpu.vcpus, &vcpu[1]);
	work_queue(&a);
	work_run(&cpu);
	assert_int_equal(ran_ns, 105);
}

/* ---- Work that other CPUs have a guest's payer do ---- */

#define LOOK	POLLER_LOOK_NS
#define CREDIT	(4 * LOOK)	/* kernel/work.c */

static struct cpu other;
static struct guest ringer, busy;
static struct vcpu computes;
static struct work_payer payer;
static u64 takes_ns;

static void take_time(struct work *work)
{
	note(work);
	host_time_advance(takes_ns);
}

static int setup_payer(void **state)
{
	setup(state);
	memset(&computes, 0, sizeof(computes));
	list_init(&cpu.vcpus);
	list_init(&cpu.awake);
	computes.guest = &busy;
	list_append(&cpu.awake, &computes.awake_node);
	payer = (struct work_payer){ .guest = &ringer };
	a.payer = b.payer = &payer;
	a.fn = b.fn = take_time;
	takes_ns = 0;
	cpu.stats.loops = 1;
	host_time_set(NSEC_PER_SEC);
	return 0;
}

static bool ring(struct work *work)
{
	bool first;

	host_this_cpu = &other.arch;
	first = work_queue(work);
	host_this_cpu = &cpu.arch;
	return first;
}

/* A pass of the loop. */
static unsigned int pass(void)
{
	unsigned int before = nr_ran;

	cpu.stats.loops++;
	work_run_queued(&cpu);
	return nr_ran - before;
}

static unsigned int pass_when_due(void)
{
	if (cpu.work.held && time_ns() >= cpu.work.held_ns)
		work_release(&cpu);
	return pass();
}

/* Each 100 ns, for so long. */
static unsigned int ring_all_the_time(u64 ns)
{
	u64 end = time_ns() + ns;
	unsigned int before = nr_ran;

	while (time_ns() < end) {
		ring(&a);
		pass_when_due();
		host_time_advance(100);
	}
	return nr_ran - before;
}

static void rung_all_the_time_it_runs_as_often_as_a_poller_looks(void **state)
{
	assert_in_range(ring_all_the_time(1000 * LOOK), 999, 1000 + CREDIT / LOOK + 1);
	/* At first, and once before it is held. */
	assert_true(kicks <= CREDIT / LOOK + 2);
}

static void rung_now_and_then_it_runs_at_once(void **state)
{
	for (unsigned int i = 0; i < 1000; i++) {
		assert_true(ring(&a));
		assert_int_equal(pass(), 1);
		assert_null(cpu.work.held);
		host_time_advance(LOOK);
	}
	assert_int_equal(kicks, 1000);
}

static void long_turns_have_half_of_the_time(void **state)
{
	takes_ns = 4 * LOOK;
	assert_in_range(ring_all_the_time(1000 * LOOK) * takes_ns, 440 * LOOK, 510 * LOOK);
}

/* Of several queues, too: together. */
static void what_is_there_in_one_pass_runs_together(void **state)
{
	for (unsigned int i = 0; i < 10; i++) {
		ring(&a);
		ring(&b);
		host_time_advance(i < 5 ? 0 : LOOK);
		assert_int_equal(pass_when_due(), 2);
	}
}

static void hold_it(void)
{
	for (unsigned int i = 0; !cpu.work.held; i++) {
		assert_true(i < 100 && ring(&a));
		pass();
	}
}

static void rung_while_held_it_runs_when_due(void **state)
{
	hold_it();
	assert_false(work_pending(&cpu));
	assert_false(ring(&a));
	assert_int_equal(pass_when_due(), 0);
	host_time_set(cpu.work.held_ns);
	assert_int_equal(pass_when_due(), 1);
}

static void not_rung_while_held_it_is_idle(void **state)
{
	hold_it();
	host_time_set(cpu.work.held_ns);
	assert_int_equal(pass_when_due(), 0);
	assert_null(cpu.work.held);
	assert_true(ring(&a));
	assert_int_equal(pass(), 1);
}

/* Released before its time, as nobody else wanted to run; then somebody does. */
static void released_early_it_is_held_again(void **state)
{
	hold_it();
	ring(&a);
	work_release(&cpu);
	assert_true(work_pending(&cpu));
	assert_int_equal(pass(), 0);
	assert_non_null(cpu.work.held);
	list_remove(&computes.awake_node);
	work_release(&cpu);
	assert_int_equal(pass(), 1);
	assert_null(cpu.work.held);
}

static void with_nobody_else_awake_it_always_runs(void **state)
{
	computes.guest = &ringer;
	assert_int_equal(ring_all_the_time(LOOK), LOOK / 100);
	list_remove(&computes.awake_node);
	assert_int_equal(ring_all_the_time(LOOK), LOOK / 100);
	/* And is not made to wait for that. */
	computes.guest = &busy;
	list_append(&cpu.awake, &computes.awake_node);
	host_time_advance(CREDIT + LOOK);
	assert_true(ring(&a));
	assert_int_equal(pass(), 1);
}

static void what_its_own_cpu_queues_always_runs(void **state)
{
	for (unsigned int i = 0; i < 1000; i++) {
		work_queue(&a);
		assert_int_equal(pass(), 1);
	}
	assert_int_equal(payer.due_ns, 0);
}

static void what_nobody_pays_for_always_runs(void **state)
{
	a.payer = NULL;
	assert_int_equal(ring_all_the_time(LOOK), LOOK / 100);
}

/* Half and half with the vCPUs as always (kernel/cpu.c), not held besides. */
static void requeued_is_not_held(void **state)
{
	hold_it();
	ring(&a);
	a.fn = more_to_do;
	host_time_set(cpu.work.held_ns);
	assert_int_equal(pass_when_due(), 1);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(work_run_later(&cpu), 1);
	work_cancel(&a);
}

static void cancelled_while_held_does_not_run(void **state)
{
	hold_it();
	work_cancel(&a);
	assert_null(cpu.work.held);
	hold_it();
	ring(&a);
	work_release(&cpu);
	work_cancel(&a);
	assert_false(work_pending(&cpu));
	host_time_advance(2 * LOOK);
	assert_true(ring(&a));
	assert_int_equal(pass(), 1);
}

static void cancel_b_and_c(struct work *work)
{
	note(work);
	work_cancel(&b);	/* in the batch under way */
	work_cancel(&c);	/* queued since */
}

static void queue_c(struct work *work)
{
	note(work);
	work_queue(&c);
}

static void cancelled_does_not_run(void **state)
{
	struct work first, second;

	work_init(&first, &cpu, queue_c);
	work_init(&second, &cpu, cancel_b_and_c);
	work_queue(&first);
	work_queue(&second);
	work_queue(&b);
	work_queue(&a);
	assert_int_equal(work_run(&cpu), 3);
	assert_ptr_equal(ran[2], &a);
	assert_int_equal(work_run(&cpu), 0);
	assert_true(work_queue(&b));
	assert_true(work_queue(&c));
	assert_int_equal(work_run(&cpu), 2);
}

static void cancel_keeps_the_others_in_order(void **state)
{
	struct work d;

	work_init(&d, &cpu, note);
	work_queue(&a);
	work_queue(&b);
	work_queue(&c);
	work_queue(&d);
	work_cancel(&b);
	work_cancel(&b);
	assert_true(work_pending(&cpu));
	work_queue(&b);
	work_cancel(&d);
	work_queue(&d);
	assert_int_equal(work_run(&cpu), 4);
	assert_ptr_equal(ran[0], &a);
	assert_ptr_equal(ran[1], &c);
	assert_ptr_equal(ran[2], &b);
	assert_ptr_equal(ran[3], &d);
}

/* ---- Two senders, one owner that now and then cancels ---- */

#define SENDERS	2
#define ROUNDS	20000

static struct counted {
	struct work work;
	u32 wanted, seen;	/* wanted: last round published; seen: last round the work saw */
} counted[SENDERS];

static void see(struct work *work)
{
	struct counted *n = container_of(work, struct counted, work);

	n->seen = __atomic_load_n(&n->wanted, __ATOMIC_RELAXED);
}

static void *sender(void *arg)
{
	struct counted *n = arg;

	for (u32 i = 1; i <= ROUNDS; i++) {
		__atomic_store_n(&n->wanted, i, __ATOMIC_RELAXED);
		work_queue(&n->work);
	}
	return NULL;
}

static bool all_seen(void)
{
	for (unsigned int i = 0; i < SENDERS; i++)
		if (counted[i].seen != ROUNDS)
			return false;
	return true;
}

static void send_and_see(struct work_payer *pays)
{
	pthread_t thread[SENDERS];

	for (unsigned int i = 0; i < SENDERS; i++) {
		memset(&counted[i], 0, sizeof(counted[i]));
		work_init(&counted[i].work, &cpu, see);
		counted[i].work.payer = pays;
		assert_int_equal(pthread_create(&thread[i], NULL, sender, &counted[i]), 0);
	}
	for (unsigned int i = 0; !all_seen(); i++) {
		assert_true(i < 200000000);
		work_queue(&a);
		work_cancel(&a);
		if (i % 64 == 0)
			work_release(&cpu);
		if (i % 16)
			continue;
		cpu.stats.loops++;
		work_run(&cpu);
		host_time_advance(LOOK / 3);
	}
	for (unsigned int i = 0; i < SENDERS; i++)
		pthread_join(thread[i], NULL);
	for (unsigned int i = 0; i < SENDERS; i++)
		work_cancel(&counted[i].work);
	assert_false(work_pending(&cpu));
	assert_null(cpu.work.held);
	assert_int_equal(nr_ran, 0);
}

/* What was published before queueing is seen by the run that follows: nothing is lost. */
static void nothing_is_lost_between_cpus(void **state)
{
	send_and_see(NULL);
}

/* Nor while it is held and released, watched and no longer. */
static void nothing_held_is_lost_between_cpus(void **state)
{
	a.payer = b.payer = NULL;
	a.fn = note;
	send_and_see(&payer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(runs_in_the_order_queued, setup),
		cmocka_unit_test_setup(queued_twice_runs_once, setup),
		cmocka_unit_test_setup(pending_until_run, setup),
		cmocka_unit_test_setup(what_queues_itself_goes_to_the_back, setup),
		cmocka_unit_test_setup(requeued_runs_later, setup),
		cmocka_unit_test_setup(requeued_when_queued_runs_once, setup),
		cmocka_unit_test_setup(others_wait, setup),
		cmocka_unit_test_setup(who_it_is_for_pays, setup),
		cmocka_unit_test_setup(rung_all_the_time_it_runs_as_often_as_a_poller_looks,
				       setup_payer),
		cmocka_unit_test_setup(rung_now_and_then_it_runs_at_once, setup_payer),
		cmocka_unit_test_setup(long_turns_have_half_of_the_time, setup_payer),
		cmocka_unit_test_setup(what_is_there_in_one_pass_runs_together, setup_payer),
		cmocka_unit_test_setup(rung_while_held_it_runs_when_due, setup_payer),
		cmocka_unit_test_setup(not_rung_while_held_it_is_idle, setup_payer),
		cmocka_unit_test_setup(released_early_it_is_held_again, setup_payer),
		cmocka_unit_test_setup(with_nobody_else_awake_it_always_runs, setup_payer),
		cmocka_unit_test_setup(what_its_own_cpu_queues_always_runs, setup_payer),
		cmocka_unit_test_setup(what_nobody_pays_for_always_runs, setup_payer),
		cmocka_unit_test_setup(requeued_is_not_held, setup_payer),
		cmocka_unit_test_setup(cancelled_while_held_does_not_run, setup_payer),
		cmocka_unit_test_setup(cancelled_does_not_run, setup),
		cmocka_unit_test_setup(cancel_keeps_the_others_in_order, setup),
		cmocka_unit_test_setup(nothing_is_lost_between_cpus, setup),
		cmocka_unit_test_setup(nothing_held_is_lost_between_cpus, setup_payer),
	};
	return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
