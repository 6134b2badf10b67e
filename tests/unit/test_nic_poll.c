/* SPDX-License-Identifier: BSD-2-Clause */
/* A NIC that is looked at in place of interrupts (kernel/poller.h), by each kind of interrupt. */
#include "tests/unit/unit.h"

#include "kernel/cpu.h"
#include "kernel/poller.h"
#include "tests/unit/e1000_bench.h"

#define LINGER_NS	(100 * NSEC_PER_USEC)

static bool look(void)
{
	struct arch_cpu *self = host_this_cpu;
	bool found = false;

	for (unsigned int i = 0; i < nr_cpus; i++) {
		host_this_cpu = &cpus[i]->arch;
		found |= pollers_look(cpus[i]);
	}
	host_this_cpu = self;
	return found;
}

static bool any_active(void)
{
	bool active = false;

	for (unsigned int q = 0; q < dev->nr_queues; q++)
		active |= poller_active(&dev->queue[q]->poller);
	return active;
}

static int setup_polled(void **state)
{
	int err = setup(state);

	pollers_set_linger(LINGER_NS);
	for (unsigned int i = 0; i < nr_cpus; i++) {
		list_init(&cpus[i]->pollers);
		cpus[i]->workers_only = true;
	}
	return err;
}

static int teardown_polled(void **state)
{
	for (unsigned int i = 0; i < nr_cpus; i++)
		cpus[i]->workers_only = false;
	return teardown(state);
}

/* The first frame interrupts, those after it do not; when none has come for a while, one does. */
static void frames_interrupt_only_at_rest(void **state)
{
	u64 interrupts;

	assert_true(wire_send(100, 1));
	loop();
	assert_int_equal(guest.nr, 1);
	interrupts = nic_stats().interrupts;
	assert_true(any_active());
	for (unsigned int i = 0; i < 30; i++) {
		assert_true(wire_send(100, (u8)i));
		assert_false(model->interrupt());
		assert_true(look());
		assert_int_equal(guest.nr, i + 2);
	}
	now_ns += LINGER_NS;
	assert_false(look());
	assert_false(any_active());
	assert_int_equal(nic_stats().interrupts, interrupts);
	assert_true(wire_send(100, 1));
	loop();
	assert_int_equal(nic_stats().interrupts, interrupts + 1);
	assert_int_equal(guest.nr, 32);
}

/* It comes between the last look and interrupts on. */
static void nothing_is_left_behind(void **state)
{
	assert_true(wire_send(100, 1));
	loop();
	for (unsigned int q = 0; q < dev->nr_queues; q++) {
		struct poller *poller = &dev->queue[q]->poller;

		if (!poller_active(poller))
			continue;
		assert_true(wire_send(100, 2));
		assert_true(poller->rest(poller));
		assert_false(model->interrupt());
	}
	assert_true(look());
	assert_int_equal(guest.nr, 2);
}

static void a_stopped_nic_is_left_alone(void **state)
{
	assert_true(wire_send(100, 1));
	loop();
	assert_true(any_active());
	netdev_stop_all();
	assert_false(look());
	now_ns += LINGER_NS;
	assert_false(look());
	assert_false(any_active());
}

#define POLLED(f) cmocka_unit_test_setup_teardown(f, setup_polled, teardown_polled)

int main(void)
{
	const struct CMUnitTest tests[] = {
		POLLED(frames_interrupt_only_at_rest),
		POLLED(nothing_is_left_behind),
		POLLED(a_stopped_nic_is_left_alone),
	};

	return nic_bench_run(e1000_models, E1000_MODELS, tests);
}
