/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio-net device with several pairs and a control queue, and its driver, on split or packed
 * rings.
 */
#ifndef TESTS_UNIT_MOCK_MQ_H
#define TESTS_UNIT_MOCK_MQ_H

#include "tests/unit/mock_net.h"
#include "tests/unit/mock_packed.h"

#define MOCK_MQ_PAIRS	8
#define MOCK_MQ_SIZE	16

struct mock_queue {
	bool packed;
	struct mock_vq split;
	struct mock_packed ring;
};

struct mock_mq {
	struct mock_net mn;
	u16 pairs, ctrl_index;
	struct mock_queue vq[MOCK_MQ_PAIRS * 2];
	struct mock_queue ctrl;
	u64 page[MOCK_MQ_PAIRS * 2];	/* guest RAM: a 2 KiB buffer for each descriptor */
	u64 command;			/* guest RAM: a page for commands */
};

/* As mock_add(), mock_get(), ...; of the ring that it is. */
int mock_queue_add(struct mock_queue *q, const struct mock_buf *buf, unsigned int n);
int mock_queue_get(struct mock_queue *q, u32 *len);
bool mock_queue_kick(struct mock_queue *q);

/* A device as @nic says, which is on the bus. */
void mock_mq_init(struct mock_mq *mq, struct mock_wire *wire, const struct nic_config *nic);
/* The driver brings up all pairs and the control queue that there are with @features. */
void mock_mq_up(struct mock_mq *mq, u64 features);
void mock_mq_free(struct mock_mq *mq);

/* VIRTIO_NET_OK or _ERR; -1: no answer. @len bytes of @cmd, header included. */
int mock_mq_command(struct mock_mq *mq, const void *cmd, u32 len);
int mock_mq_pairs(struct mock_mq *mq, u16 pairs);

/* UDP of flow @flow, to the wire and back from it, in a frame of @len bytes. */
void mock_mq_frame(const struct mock_mq *mq, u8 *frame, u32 len, unsigned int flow, bool out);
/* The guest sends one by pair @pair; a frame of that flow comes for it. */
void mock_mq_send(struct mock_mq *mq, unsigned int pair, unsigned int flow);
void mock_mq_receive(struct mock_mq *mq, unsigned int flow);
/* Receive buffers for all pairs, as many as there is room for. */
void mock_mq_post(struct mock_mq *mq);
/* Frames that have come by @pair since the last call. */
unsigned int mock_mq_received(struct mock_mq *mq, unsigned int pair);

#endif
