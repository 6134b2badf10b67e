/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The e1000 on several CPUs: workers send while the poll's CPU takes interrupts, reaps, and the
 * NIC lags behind. Each frame leaves once, in its sender's order, and comes back once.
 */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/mem.h"
#include "kernel/work.h"
#include "tests/unit/e1000_bench.h"

#define SENDERS	3
#define FRAMES	20000		/* of each */
#define POOL	200		/* frames a sender has at most with the NIC */

struct sender {
	struct {
		struct frame frame;
		u8 payload[100];
		u32 busy;
	} pool[POOL];
	u32 sent, back;
};

static struct sender sender[SENDERS];

static void came_back(struct frame *frame)
{
	struct sender *s = frame->owner;
	unsigned int i = (unsigned int)(((u8 *)frame - (u8 *)s->pool) / sizeof(s->pool[0]));

	if (__atomic_exchange_n(&s->pool[i].busy, 0, __ATOMIC_ACQ_REL) != 1)
		abort();		/* twice */
	__atomic_fetch_add(&s->back, 1, __ATOMIC_RELAXED);
}

/* Frame number @n of sender @id: both in it, and a length that tells them too. */
static struct frame *prepare(unsigned int id, unsigned int i, u32 n)
{
	struct frame *frame = &sender[id].pool[i].frame;

	memset(frame, 0, sizeof(*frame));
	memset(frame->hdr, 0xff, 12);
	frame->hdr[14] = (u8)id;
	memcpy(frame->hdr + 16, &n, 4);
	frame->hdr_len = 60;
	frame->seg[0] = (struct frame_seg){ frame->hdr, virt_to_phys(frame->hdr), 60 };
	frame->seg[1] = (struct frame_seg){ sender[id].pool[i].payload,
		virt_to_phys(sender[id].pool[i].payload), 1 + n % 100 };
	frame->nr_segs = 2;
	frame->len = 61 + n % 100;
	frame->refs = 1;
	frame->owner = &sender[id];
	frame->done = came_back;
	__atomic_store_n(&sender[id].pool[i].busy, 1, __ATOMIC_RELEASE);
	return frame;
}

static void *work(void *arg)
{
	unsigned int id = (unsigned int)(uintptr_t)arg, i = 0;
	struct netdev_queue *q = dev->queue[id % dev->nr_queues];
	struct sender *s = &sender[id];
	u32 n = 0;

	while (n < FRAMES) {
		struct frame *frames[16];
		unsigned int nr = 0, taken;

		while (nr < 1 + n % 16 && n + nr < FRAMES &&
		       !__atomic_load_n(&s->pool[(i + nr) % POOL].busy, __ATOMIC_ACQUIRE)) {
			frames[nr] = prepare(id, (i + nr) % POOL, n + nr);
			nr++;
		}
		taken = dev->ops->tx(q, frames, nr);
		dev->ops->tx_flush(q);
		for (unsigned int j = 0; j < nr; j++)
			frame_put(frames[j]);
		/* Those that were not taken are numbers to be sent again. */
		i += taken;
		n += taken;
		__atomic_fetch_add(&s->sent, taken, __ATOMIC_RELAXED);
		__atomic_fetch_sub(&s->back, nr - taken, __ATOMIC_RELAXED);
		if (!taken)
			sched_yield();
	}
	return NULL;
}

/* What has left since the last look: each sender's next. */
static void check_sent(u32 next[SENDERS], unsigned int *seen)
{
	for (; *seen != model->nr_sent(); ++*seen) {
		const struct mock_sent *sent = model->sent(*seen);
		unsigned int id = sent->bytes[14];
		u32 n;

		memcpy(&n, sent->bytes + 16, 4);
		assert_in_range(id, 0, SENDERS - 1);
		assert_int_equal(n, next[id]);
		assert_int_equal(sent->len, 61 + n % 100);
		next[id]++;
	}
}

static bool all_back(void)
{
	for (unsigned int id = 0; id < SENDERS; id++)
		if (__atomic_load_n(&sender[id].back, __ATOMIC_RELAXED) != FRAMES)
			return false;
	return true;
}

/* Nobody holds a frame, nobody has put one too often. */
static void check_free(void)
{
	for (unsigned int id = 0; id < SENDERS; id++) {
		for (unsigned int i = 0; i < POOL; i++) {
			assert_int_equal(sender[id].pool[i].busy, 0);
			assert_int_equal(sender[id].pool[i].frame.refs, 0);
		}
	}
	for (unsigned int i = 0; i < dev->nr_queues; i++) {
		assert_int_equal(((struct e1000 *)dev->priv)->queue[i]->tx.frames, 0);
		assert_int_equal(((struct e1000 *)dev->priv)->queue[i]->tx.used, 0);
	}
}

static void each_frame_once_and_in_order(void **state)
{
	pthread_t thread[SENDERS];
	u32 next[SENDERS] = { 0 };
	unsigned int seen = 0, idle = 0;

	mock_nic.tx_stopped = true;		/* sends when this thread lets it */
	memset(sender, 0, sizeof(sender));
	for (uintptr_t id = 0; id < SENDERS; id++)
		assert_int_equal(pthread_create(&thread[id], NULL, work, (void *)id), 0);
	/* A frame whose interrupt is forgotten never comes back. */
	while (!all_back()) {
		mock_nic_tx_go();
		check_sent(next, &seen);
		idle = model->interrupt() | run_work() ? 0 : idle + 1;
		assert_true(idle < 10000000);
		if (idle)
			sched_yield();
	}
	for (unsigned int id = 0; id < SENDERS; id++)
		pthread_join(thread[id], NULL);
	check_sent(next, &seen);
	check_free();
	assert_int_equal(seen, SENDERS * FRAMES);
	assert_int_equal(nic_stats().tx_packets, SENDERS * FRAMES);
}

/* The NIC is reset again and again meanwhile: what it had comes back unsent. */
static void resets_lose_no_frame(void **state)
{
	pthread_t thread[SENDERS];
	unsigned int resets = 0;

	mock_nic.tx_stopped = true;
	memset(sender, 0, sizeof(sender));
	for (uintptr_t id = 0; id < SENDERS; id++)
		assert_int_equal(pthread_create(&thread[id], NULL, work, (void *)id), 0);
	while (!all_back()) {
		if (++resets % 3)
			mock_nic_tx_go();
		netdev_restart(dev, "test");
		model->interrupt();
		run_work();
		sched_yield();
	}
	for (unsigned int id = 0; id < SENDERS; id++)
		pthread_join(thread[id], NULL);
	check_free();
}

/* ---- A queue on another CPU ---- */

static u32 flow_seen[NIC_FLOWS];	/* each by the CPU of its queue alone */
static u64 delivered[2];

/* A reset loses frames; it repeats none and does not turn them around. */
static void check_deliver(struct port *port, struct frame **frames, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		u8 bytes[60];
		u32 number;

		frame_copy_out(frames[i], 0, bytes, sizeof(bytes));
		memcpy(&number, bytes + 38, sizeof(number));
		if (bytes[35] >= NIC_FLOWS || number < flow_seen[bytes[35]])
			abort();
		flow_seen[bytes[35]] = number + 1;
	}
	__atomic_fetch_add(&delivered[this_cpu()->id], nr, __ATOMIC_RELAXED);
	if (this_cpu() == &second_cpu) {
		unsigned int resets = READ_ONCE(mock_nic.resets);

		sched_yield();		/* let the other one come to where it has to wait */
		if (READ_ONCE(mock_nic.resets) != resets)
			abort();
	}
}

static const struct port_ops check_ops = { .deliver = check_deliver };

static bool other_cpu_ends;

static void *play_second_cpu(void *arg)
{
	host_this_cpu = &second_cpu.arch;
	while (!__atomic_load_n(&other_cpu_ends, __ATOMIC_ACQUIRE)) {
		bool irq = mock_nic_queue_interrupt(1);

		if (!work_run(&second_cpu) && !irq)
			sched_yield();
	}
	return NULL;
}

/* The NIC is stopped, and its rings are emptied, only when the other CPU has left the poll. */
static void stops_while_another_cpu_polls(void **state)
{
	pthread_t thread;

	memset(flow_seen, 0, sizeof(flow_seen));
	memset(delivered, 0, sizeof(delivered));
	guest.port.ops = &check_ops;
	other_cpu_ends = false;
	assert_int_equal(pthread_create(&thread, NULL, play_second_cpu, NULL), 0);
	for (unsigned int i = 0; i < 200000 || !delivered[1]; i++) {
		wire_send_flow(i % NIC_FLOWS, 60);
		mock_nic_queue_interrupt(0);
		work_run(this_cpu());
		if (i % 50 == 49)
			netdev_restart(dev, "test");
		assert_true(i < 100000000);
	}
	__atomic_store_n(&other_cpu_ends, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	loop();
	assert_true(delivered[0] && delivered[1]);
	assert_int_equal(delivered[0] + delivered[1], nic_stats().rx_packets);
	/* No buffer was lost, none is there twice. */
	for (unsigned int q = 0; q < 2; q++) {
		const struct e1000_rx *rx = &((struct e1000 *)dev->priv)->queue[q]->rx;
		const struct rx_buf *buf = rx->pool.spare;
		unsigned int spares = 0;

		for (; buf; buf = buf->next)
			spares++;
		assert_int_equal(spares, E1000_RX_BUFS - (E1000_RX_DESCS - 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_frame_once_and_in_order),
		TEST(resets_lose_no_frame),
	};
	const struct CMUnitTest of_two_queues[] = {
		TEST(stops_while_another_cpu_polls),
	};

	return nic_bench_run(e1000_models, E1000_MODELS, tests) +
	       nic_bench_run(&e1000_models[E1000_TWO_QUEUES], 1, of_two_queues);
}
