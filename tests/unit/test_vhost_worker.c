/* SPDX-License-Identifier: BSD-2-Clause */
/* Workers: whose CPU a queue's work runs on, and how it gets off there again. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/place.h"
#include "virtio/vhost.h"
#include "virtio/vhost_worker.h"

static struct cpu cpu[3];
struct cpu *cpus[CONFIG_MAX_CPUS] = { &cpu[0], &cpu[1], &cpu[2] };
unsigned int nr_cpus = 3;

static struct vhost_dev dev;
static struct vhost_virtqueue vq[4];
static unsigned int kicked, again_ran;
static struct cpu *kicked_on;
static struct work again;

void cpu_kick(struct cpu *cpu)
{
}

static void handle_kick(struct vhost_virtqueue *q)
{
	kicked++;
	kicked_on = this_cpu();
}

static void again_fn(struct work *work)
{
	again_ran++;
}

/* One pass of @c's loop. */
static void run(struct cpu *c)
{
	host_this_cpu = &c->arch;
	work_run(c);
	host_this_cpu = &cpu[0].arch;
}

static int setup(void **state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(cpu); i++)
		cpu[i] = (struct cpu){ .id = i, .runs_guests = true };
	host_this_cpu = &cpu[0].arch;
	memset(vq, 0, sizeof(vq));
	for (unsigned int i = 0; i < ARRAY_SIZE(vq); i++)
		vq[i].handle_kick = handle_kick;
	vhost_dev_init(&dev, "test/dev", vq, ARRAY_SIZE(vq), &cpu[0]);
	work_init(&again, &cpu[0], again_fn);
	kicked = again_ran = 0;
	return vhost_workers_init();
}

static int teardown(void **state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(vq); i++) {
		vq[i].enabled = false;
		vhost_attach_vring_worker(&vq[i], NULL);
	}
	for (unsigned int i = 0; i < VHOST_WORKERS_MAX; i++)
		if (vhost_workers[i] && vhost_free_worker(vhost_workers[i]))
			return -1;
	return 0;
}

static void each_cpu_has_one(void **state)
{
	struct cpu *home[] = { &cpu[2], &cpu[1] };

	for (unsigned int i = 0; i < nr_cpus; i++)
		assert_ptr_equal(vhost_workers[i]->cpu, &cpu[i]);
	assert_null(vhost_workers[3]);
	assert_ptr_equal(vhost_worker_pick(home, 2, 5, 0)->cpu, &cpu[2]);
	assert_ptr_equal(vhost_worker_pick(home, 2, 5, 1)->cpu, &cpu[1]);
	cpu[1].workers_only = cpu[2].workers_only = true;
	assert_ptr_equal(vhost_worker_pick(home, 2, 0, 0)->cpu, &cpu[1]);
	assert_ptr_equal(vhost_worker_pick(home, 2, 0, 1)->cpu, &cpu[2]);
	assert_ptr_equal(vhost_worker_pick(home, 2, 1, 1)->cpu, &cpu[1]);
}

static void work_runs_on_the_workers_cpu(void **state)
{
	assert_null(vhost_get_vring_worker(&vq[0]));
	event_signal(&vq[0].kick);
	run(&cpu[0]);
	assert_int_equal(kicked, 1);
	assert_int_equal(vhost_attach_vring_worker(&vq[0], vhost_workers[2]), 0);
	assert_ptr_equal(vhost_get_vring_worker(&vq[0]), vhost_workers[2]);
	event_signal(&vq[0].kick);
	run(&cpu[0]);
	assert_int_equal(kicked, 1);
	run(&cpu[2]);
	assert_int_equal(kicked, 2);
	assert_ptr_equal(kicked_on, &cpu[2]);
}

static void who_has_queues_is_not_freed(void **state)
{
	struct vhost_worker *one = vhost_new_worker(&cpu[1]);

	assert_int_equal(one->id, 3);
	assert_int_equal(vhost_attach_vring_worker(&vq[0], one), 0);
	assert_int_equal(vhost_attach_vring_worker(&vq[1], one), 0);
	assert_int_equal(vhost_free_worker(one), -EBUSY);
	assert_int_equal(vhost_attach_vring_worker(&vq[0], vhost_workers[0]), 0);
	assert_int_equal(vhost_free_worker(one), -EBUSY);
	assert_int_equal(vhost_attach_vring_worker(&vq[1], NULL), 0);
	assert_int_equal(vhost_free_worker(one), 0);
	assert_null(vhost_workers[3]);
}

static void the_monitor_shows_them(void **state)
{
	cpu[2].workers_only = true;
	vhost_attach_vring_worker(&vq[0], vhost_workers[2]);
	vhost_attach_vring_worker(&vq[1], vhost_workers[2]);
	host_console_clear();
	vhost_workers_show();
	assert_string_equal(host_console_text(),
			    "vhost worker 0: cpu=0 cpu_for=all queues=0\n"
			    "vhost worker 1: cpu=1 cpu_for=all queues=0\n"
			    "vhost worker 2: cpu=2 cpu_for=workers queues=2\n");
}

static void what_runs_stays(void **state)
{
	vq[0].enabled = true;
	assert_int_equal(vhost_attach_vring_worker(&vq[0], vhost_workers[1]), -EBUSY);
	vq[0].enabled = false;
	event_signal(&vq[0].kick);
	assert_int_equal(vhost_attach_vring_worker(&vq[0], vhost_workers[1]), -EBUSY);
	run(&cpu[0]);
	assert_int_equal(vhost_attach_vring_worker(&vq[0], vhost_workers[1]), 0);
}

/* Every CPU is asked, whether or not it has a queue: it may be giving a frame back. */
static void flush_visits_all_cpus(void **state)
{
	vhost_attach_vring_worker(&vq[0], vhost_workers[1]);
	vhost_attach_vring_worker(&vq[1], vhost_workers[2]);
	for (unsigned int i = 0; i < ARRAY_SIZE(vq); i++)
		event_signal(&vq[i].kick);
	host_this_cpu = &cpu[1].arch;		/* a guest on CPU 1 ends */
	assert_int_equal(vhost_dev_flush(&dev, &again), -EINPROGRESS);
	assert_int_equal(vhost_dev_flush(&dev, &again), -EINPROGRESS);
	host_this_cpu = &cpu[0].arch;
	run(&cpu[2]);				/* it is not its turn: the queue's work runs */
	assert_int_equal(kicked, 1);
	for (unsigned int i = 0; i < 2; i++) {
		run(&cpu[0]);			/* queued before the flush: they have run */
		run(&cpu[1]);
		assert_int_equal(kicked, 4);
		assert_int_equal(vhost_dev_flush(&dev, &again), -EINPROGRESS);
		run(&cpu[2]);
	}
	assert_int_equal(vhost_dev_flush(&dev, &again), 0);
	assert_int_equal(vhost_dev_flush(&dev, &again), 0);	/* it stays so */
	assert_int_equal(again_ran, 0);
	run(&cpu[0]);
	assert_int_equal(again_ran, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(vq); i++)
		assert_false(vq[i].work.queued);
	assert_int_equal(kicked, 4);
}

/* The last frame's owner is between giving it back and queueing the queue's work. */
static void giving_back(struct work *work)
{
	event_signal(&vq[0].kick);
}

static void flush_finds_what_is_queued_behind_it(void **state)
{
	struct work frame_put;

	work_init(&frame_put, &cpu[2], giving_back);
	work_queue(&frame_put);
	assert_int_equal(vhost_dev_flush(&dev, &again), -EINPROGRESS);
	run(&cpu[0]);				/* CPU 0, which the work goes to, is first */
	run(&cpu[1]);
	run(&cpu[2]);
	assert_true(vq[0].work.queued);
	assert_int_equal(vhost_dev_flush(&dev, &again), -EINPROGRESS);
	for (unsigned int i = 0; i < ARRAY_SIZE(cpu); i++)
		run(&cpu[i]);
	assert_int_equal(vhost_dev_flush(&dev, &again), 0);
	assert_false(vq[0].work.queued);
}

/* A guest rings queues that no driver has started: the next end asks all CPUs anew. */
static void flush_begins_anew_after_a_guest_has_run(void **state)
{
	vhost_attach_vring_worker(&vq[0], vhost_workers[1]);
	vhost_dev_flush(&dev, &again);
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(cpu); i++)
		run(&cpu[i % ARRAY_SIZE(cpu)]);
	assert_int_equal(vhost_dev_flush(&dev, &again), 0);
	vhost_dev_unflush(&dev);
	event_signal(&vq[0].kick);
	assert_int_equal(vhost_dev_flush(&dev, &again), -EINPROGRESS);
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(cpu); i++)
		run(&cpu[i % ARRAY_SIZE(cpu)]);
	assert_int_equal(vhost_dev_flush(&dev, &again), 0);
	assert_false(vq[0].work.queued);
}

static void flush_on_the_only_cpu(void **state)
{
	nr_cpus = 1;
	event_signal(&vq[0].kick);
	assert_int_equal(vhost_dev_flush(&dev, &again), 0);
	assert_false(vq[0].work.queued);
	run(&cpu[0]);
	assert_int_equal(kicked + again_ran, 0);
	nr_cpus = 3;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_cpu_has_one),
		TEST(work_runs_on_the_workers_cpu),
		TEST(who_has_queues_is_not_freed),
		TEST(the_monitor_shows_them),
		TEST(what_runs_stays),
		TEST(flush_visits_all_cpus),
		TEST(flush_finds_what_is_queued_behind_it),
		TEST(flush_begins_anew_after_a_guest_has_run),
		TEST(flush_on_the_only_cpu),
	};

	return cmocka_run_group_tests_name("vhost_worker", tests, NULL, NULL);
}
