/* SPDX-License-Identifier: BSD-2-Clause */
/* A transmit queue that is looked at in place of doorbells: what the driver is told meanwhile. */
#include "tests/unit/unit.h"

#include "kernel/cpu.h"
#include "tests/unit/net_fixture.h"
#include "virtio/vhost_worker.h"

#define LINGER_US	100

static struct cpu worker_cpu;

static struct mock_net *new_polled(u64 features)
{
	struct mock_net *mn = calloc(1, sizeof(*mn));
	struct nic_config nic;

	worker_cpu = (struct cpu){ .workers_only = true };
	list_init(&worker_cpu.pollers);
	host_this_cpu = &worker_cpu.arch;
	host_time_set(NSEC_PER_SEC);
	mock_net_config(&nic);
	nic.netdev.poll_us = LINGER_US;
	mock_net_init(mn, "web", mock_wire_new("br0"), &nic);
	mock_net_up(mn, mock_net_offered(mn) & features, 64);
	return mn;
}

static int setup_event_idx(void **state)
{
	*state = new_polled(F_ALL);
	return 0;
}

static int setup_flags_polled(void **state)
{
	*state = new_polled(~BIT_ULL(VIRTIO_F_EVENT_IDX));
	return 0;
}

/* The driver sends @n; a doorbell if the device asks for one. Was there one? */
static bool send(struct mock_net *mn, unsigned int n)
{
	u64 before = mn->net->vhost.vq[VIRTIO_NET_TX].stats.kicks;

	for (unsigned int i = 0; i < n; i++)
		mock_net_send(mn, 100, NULL);
	kick_tx(mn);
	return mn->net->vhost.vq[VIRTIO_NET_TX].stats.kicks != before;
}

static bool look(void)
{
	bool found = pollers_look(&worker_cpu);

	mock_work_run();
	return found;
}

static void one_doorbell_then_none(void **state)
{
	struct mock_net *mn = *state;
	const struct vhost_virtqueue *vq = &mn->net->vhost.vq[VIRTIO_NET_TX];

	assert_true(send(mn, 1));
	for (unsigned int i = 0; i < 20; i++) {
		assert_false(send(mn, 3));
		host_time_advance(LINGER_US * NSEC_PER_USEC - VHOST_LAZY_NS - 1);
		assert_true(look());
		assert_int_equal(mn->wire->frames, 1 + 3 * (i + 1));
		host_time_advance(VHOST_LAZY_NS);
		assert_false(look());
		assert_int_equal(count_used(&mn->tx), i ? 3 : 4);
	}
	assert_int_equal(vq->stats.kicks, 1);
	assert_int_equal(vq->poller.found, 20);
	host_time_advance(LINGER_US * NSEC_PER_USEC);
	assert_false(look());
	assert_true(list_empty(&worker_cpu.pollers));
	assert_true(send(mn, 1));
	assert_int_equal(mn->wire->frames, 62);
}

/* Used buffers wait for others, up to a number and for a time; then one interrupt for all. */
static void the_guest_is_not_interrupted_for_each(void **state)
{
	struct mock_net *mn = *state;

	assert_true(send(mn, 1));
	assert_int_equal(count_used(&mn->tx), 1);
	mock_irq_enable(&mn->tx);
	mock_guest_clear(&mn->mg);
	for (unsigned int i = 0; i < VHOST_LAZY_MAX - 1; i++) {
		send(mn, 1);
		assert_true(look());
	}
	host_time_advance(VHOST_LAZY_NS - 1);
	assert_false(look());
	assert_int_equal(count_used(&mn->tx) + mn->mg.msis, 0);
	send(mn, 1);
	assert_true(look());
	assert_int_equal(count_used(&mn->tx), VHOST_LAZY_MAX);
	assert_int_equal(mn->mg.msis, 1);
	mock_irq_enable(&mn->tx);
	send(mn, 1);
	assert_true(look());
	host_time_advance(VHOST_LAZY_NS);
	assert_false(look());
	assert_int_equal(count_used(&mn->tx), 1);
	assert_int_equal(mn->mg.msis, 2);
}

/* Nor is anything kept back when the queue goes to rest. */
static void rest_gives_all_back(void **state)
{
	struct mock_net *mn = *state;
	struct poller *poller = &mn->net->vhost.vq[VIRTIO_NET_TX].poller;

	send(mn, 1);
	send(mn, 1);
	assert_true(look());
	assert_int_equal(count_used(&mn->tx), 1);
	assert_false(poller->rest(poller));
	assert_int_equal(count_used(&mn->tx), 1);
}

/* Made available before the device asks to be told, and not kicked for. */
static void nothing_is_left_behind(void **state)
{
	struct mock_net *mn = *state;
	struct poller *poller = &mn->net->vhost.vq[VIRTIO_NET_TX].poller;

	assert_true(send(mn, 1));
	assert_false(send(mn, 1));
	assert_true(poller->rest(poller));	/* as if the look had come before it */
	assert_false(send(mn, 1));		/* it goes on without doorbells */
	assert_true(look());
	assert_int_equal(mn->wire->frames, 3);
}

static void a_stopped_queue_goes_to_rest(void **state)
{
	struct mock_net *mn = *state;

	assert_true(send(mn, 1));
	mock_set_status(&mn->mv, 0);
	assert_false(look());
	host_time_advance(LINGER_US * NSEC_PER_USEC);
	assert_false(look());
	assert_true(list_empty(&worker_cpu.pollers));
}

/* The driver breaks it and, being told not to, does not kick: it is said all the same. */
static void hostile_1_broken_while_it_is_looked_at(void **state)
{
	struct mock_net *mn = *state;
	const struct vhost_virtqueue *vq = &mn->net->vhost.vq[VIRTIO_NET_TX];

	host_log_clear();
	assert_true(send(mn, 1));
	mn->tx.avail->idx = cpu_to_le16((u16)(mn->tx.avail_idx + 65));
	assert_true(look());
	assert_int_equal(vq->ring.broken, RING_BAD_AVAIL_IDX);
	assert_int_equal(host_log_count("queue 1 broken by the driver: avail index"), 1);
	assert_true(mock_status(&mn->mv) & VIRTIO_NEEDS_RESET);
	assert_false(look());
	host_time_advance(LINGER_US * NSEC_PER_USEC);
	assert_false(look());
	assert_true(list_empty(&worker_cpu.pollers));
	assert_int_equal(vq->stats.broken, 1);
}

/* The guest's end takes the queue off the CPU's list. */
static void flushed_is_not_looked_at(void **state)
{
	struct mock_net *mn = *state;

	assert_true(send(mn, 1));
	assert_false(list_empty(&worker_cpu.pollers));
	assert_int_equal(virtio_net_reset(mn->net, NULL), 0);
	assert_true(list_empty(&worker_cpu.pollers));
}

/* -netdev workers=: the queues' work goes to that CPU, and is gone from there when the NIC is. */
static void queues_go_to_the_workers_named(void **state)
{
	struct mock_net *mn = *state, *other = calloc(1, sizeof(*other));
	struct vhost_worker *worker;
	struct nic_config nic;

	cpus[1] = &worker_cpu;
	nr_cpus = 2;
	worker = vhost_new_worker(&worker_cpu);
	mock_net_config(&nic);
	nic.mac[5] ^= 1;
	nic.netdev.workers.nr = 1;
	nic.netdev.workers.cpu[0] = 1;
	mock_net_init(other, "db", mn->wire, &nic);
	for (unsigned int i = 0; i < other->net->vhost.dev.nvqs; i++) {
		assert_ptr_equal(vhost_get_vring_worker(&other->net->vhost.vq[i]), worker);
		assert_ptr_equal(other->net->vhost.vq[i].work.cpu, &worker_cpu);
	}
	assert_int_equal(vhost_free_worker(worker), -EBUSY);
	nr_cpus = 0;		/* nobody else to be asked when it goes */
	mock_net_free(other);
	free(other);
	assert_int_equal(vhost_free_worker(worker), 0);
	cpus[1] = NULL;
}

#define TEST(name, how) cmocka_unit_test_setup_teardown(name, setup_##how, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_doorbell_then_none, event_idx),
		TEST(one_doorbell_then_none, flags_polled),
		TEST(the_guest_is_not_interrupted_for_each, event_idx),
		TEST(the_guest_is_not_interrupted_for_each, flags_polled),
		TEST(rest_gives_all_back, event_idx),
		TEST(hostile_1_broken_while_it_is_looked_at, event_idx),
		TEST(hostile_1_broken_while_it_is_looked_at, flags_polled),
		TEST(nothing_is_left_behind, event_idx),
		TEST(nothing_is_left_behind, flags_polled),
		TEST(a_stopped_queue_goes_to_rest, event_idx),
		TEST(flushed_is_not_looked_at, event_idx),
		TEST(queues_go_to_the_workers_named, event_idx),
	};

	return cmocka_run_group_tests_name("net_poll", tests, NULL, NULL);
}
