/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's NIC with four pairs, of all kinds of rings: for the tests of several pairs. */
#ifndef TESTS_UNIT_MQ_FIXTURE_H
#define TESTS_UNIT_MQ_FIXTURE_H

#include "tests/unit/mock_mq.h"
#include "tests/unit/net_fixture.h"

#define PAIRS	4
#define F(bit)	BIT_ULL(VIRTIO_##bit)

static inline void config(struct nic_config *nic)
{
	mock_net_config(nic);
	nic->mq = nic->packed = nic->in_order = true;
	nic->netdev.queues = PAIRS;
	nic->vectors = 2 * PAIRS + 2;
	nic->rx_queue_size = nic->tx_queue_size = 64;
}

static inline int setup_with(void **state, u64 without)
{
	struct mock_mq *mq = calloc(1, sizeof(*mq));
	struct nic_config nic;

	host_time_set(1000 * NSEC_PER_SEC);	/* the key of the hash is made of it */
	config(&nic);
	mock_mq_init(mq, mock_wire_new("br0"), &nic);
	mock_mq_up(mq, mock_net_offered(&mq->mn) & ~without);
	mock_mq_post(mq);
	host_log_clear();
	*state = mq;
	return 0;
}

static inline int setup_split(void **state)
{
	return setup_with(state, F(F_RING_PACKED) | F(F_IN_ORDER));
}

static inline int setup_flags_only(void **state)
{
	return setup_with(state, F(F_RING_PACKED) | F(F_IN_ORDER) | F(F_EVENT_IDX) |
				 F(F_INDIRECT_DESC));
}

static inline int setup_packed(void **state)
{
	return setup_with(state, F(F_IN_ORDER));
}

static inline int setup_packed_in_order(void **state)
{
	return setup_with(state, 0);
}

static inline int teardown_mq(void **state)
{
	struct mock_mq *mq = *state;
	struct mock_wire *wire = mq->mn.wire;

	mock_mq_free(mq);
	mock_wire_free(wire);
	free(mq);
	assert_int_equal(mock_work_queued(), 0);
	assert_int_equal(mem_used(MEM_VHOST), 0);
	return 0;
}

#define T_ONE(name, how) { #name " (" #how ")", name, setup_##how, teardown_mq, NULL }
#define T_ALL(name) T_ONE(name, split), T_ONE(name, flags_only), T_ONE(name, packed), \
	T_ONE(name, packed_in_order)

#endif
