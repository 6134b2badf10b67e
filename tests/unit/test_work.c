/* SPDX-License-Identifier: BSD-2-Clause */
/* Work queues: order, coalescing, budgets by queueing again, cancelling, many CPUs at once. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <string.h>

#include "kernel/cpu.h"

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

	host_time_set(1000);
	list_init(&cpu.vcpus);
	work_init(&a, &cpu, take_100_ns);
	a.payer = &ran_ns;
	list_append(&cpu.vcpus, &vcpu[0]);
	work_queue(&a);
	work_run(&cpu);
	assert_int_equal(ran_ns, 5);
	list_append(&cpu.vcpus, &vcpu[1]);
	work_queue(&a);
	work_run(&cpu);
	assert_int_equal(ran_ns, 105);
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

/* What was published before queueing is seen by the run that follows: nothing is lost. */
static void nothing_is_lost_between_cpus(void **state)
{
	pthread_t thread[SENDERS];

	for (unsigned int i = 0; i < SENDERS; i++) {
		memset(&counted[i], 0, sizeof(counted[i]));
		work_init(&counted[i].work, &cpu, see);
		assert_int_equal(pthread_create(&thread[i], NULL, sender, &counted[i]), 0);
	}
	for (unsigned int i = 0; !all_seen(); i++) {
		assert_true(i < 200000000);
		work_queue(&a);
		work_cancel(&a);
		if (i % 16 == 0)
			work_run(&cpu);
	}
	for (unsigned int i = 0; i < SENDERS; i++)
		pthread_join(thread[i], NULL);
	work_run(&cpu);
	assert_false(work_pending(&cpu));
	assert_int_equal(nr_ran, 0);
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
		cmocka_unit_test_setup(cancelled_does_not_run, setup),
		cmocka_unit_test_setup(cancel_keeps_the_others_in_order, setup),
		cmocka_unit_test_setup(nothing_is_lost_between_cpus, setup),
	};
	return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
