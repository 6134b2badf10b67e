/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pairs taken out of use and back while another CPU delivers to them: from the answer on nothing
 * comes by those that are not in use, and every frame has either come or been counted as dropped.
 */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <sched.h>

#include "kernel/cpu.h"
#include "net/headers.h"
#include "tests/unit/mock_mq.h"
#include "tests/unit/net_fixture.h"

#define PAIRS	4
#define FLOWS	64
#define ROUNDS	1000
#define BATCH	16
#define LEN	60

struct sender {
	struct mock_mq *mq;
	struct cpu cpu;
	u64 sent;
	bool stop;
};

static void nothing_done(struct frame *frame)
{
}

/* The NIC's CPU: frames of many flows, in batches. */
static void *sender_cpu(void *arg)
{
	struct sender *s = arg;
	struct frame *frames[BATCH], frame[BATCH];
	u8 bytes[BATCH][LEN];
	unsigned int seed = 3;

	host_this_cpu = &s->cpu.arch;
	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
		for (unsigned int i = 0; i < BATCH; i++) {
			mock_mq_frame(s->mq, bytes[i], LEN, (unsigned int)rand_r(&seed) % FLOWS,
				      false);
			frame[i] = (struct frame){ .nr_segs = 1, .len = LEN, .refs = 1,
						   .done = nothing_done };
			frame[i].seg[0] = (struct frame_seg){ .ptr = bytes[i], .len = LEN };
			frames[i] = &frame[i];
		}
		switch_input(&s->mq->mn.wire->port, frames, BATCH);
		s->sent += BATCH;
	}
	return NULL;
}

static u16 used_idx(const struct mock_mq *mq, unsigned int pair)
{
	return mq->vq[2 * pair + VIRTIO_NET_RX].split.used->idx;
}

/* True: nothing more has come by the pairs from @pairs on. */
static bool others_are_quiet(const struct mock_mq *mq, unsigned int pairs)
{
	u16 before[PAIRS], now = 0;

	for (unsigned int p = pairs; p < PAIRS; p++)
		before[p] = used_idx(mq, p);
	for (unsigned int i = 0; i < 3; i++)
		sched_yield();
	for (unsigned int p = pairs; p < PAIRS; p++)
		now |= (u16)(before[p] ^ used_idx(mq, p));
	return !now;
}

static u64 drain(struct mock_mq *mq)
{
	u64 n = 0;

	for (unsigned int p = 0; p < PAIRS; p++)
		n += mock_mq_received(mq, p);
	mock_mq_post(mq);
	return n;
}

static void pairs_come_and_go_under_traffic(void **state)
{
	struct mock_mq *mq = calloc(1, sizeof(*mq));
	struct mock_wire *wire = mock_wire_new("br0");
	struct sender s = { .mq = mq };
	unsigned int seed = 5, loud = 0;
	struct nic_config nic;
	u64 received = 0;
	pthread_t thread;

	mock_net_config(&nic);
	nic.mq = true;
	nic.netdev.queues = PAIRS;
	mock_mq_init(mq, wire, &nic);
	mock_mq_up(mq, mock_net_offered(&mq->mn));
	mock_mq_post(mq);
	assert_int_equal(pthread_create(&thread, NULL, sender_cpu, &s), 0);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		unsigned int pairs = 1 + (unsigned int)rand_r(&seed) % PAIRS;

		net_set_pairs(&mq->mn.net->vhost, pairs);
		loud += !others_are_quiet(mq, pairs);
		received += drain(mq);
		mock_mq_send(mq, (unsigned int)rand_r(&seed) % PAIRS,
			     (unsigned int)rand_r(&seed) % FLOWS);
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	received += drain(mq);
	assert_int_equal(loud, 0);
	assert_true(received > ROUNDS && s.sent > received / 2);
	assert_true(s.sent == received + dropped(&mq->mn, DROP_NO_BUFFER));
	mock_mq_free(mq);
	mock_wire_free(wire);
	free(mq);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_come_and_go_under_traffic),
	};
	return cmocka_run_group_tests_name("mq_race", tests, NULL, NULL);
}
