/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/mock_mq.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/headers.h"
#include "net/switch.h"
#include "tests/unit/mock_work.h"

#define BUFFER	2048u

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "mock_mq: %s\n", what);
	abort();
}

/* ---- A ring of either kind ---- */

int mock_queue_add(struct mock_queue *q, const struct mock_buf *buf, unsigned int n)
{
	return q->packed ? mock_packed_add(&q->ring, buf, n) : mock_add(&q->split, buf, n);
}

int mock_queue_get(struct mock_queue *q, u32 *len)
{
	return q->packed ? mock_packed_get(&q->ring, len) : mock_get(&q->split, len);
}

bool mock_queue_kick(struct mock_queue *q)
{
	return q->packed ? mock_packed_kick(&q->ring) : mock_kick(&q->split);
}

static void queue_up(struct mock_mq *mq, struct mock_queue *q, u16 index, u64 features,
		     u16 size)
{
	const bool event_idx = features & BIT_ULL(VIRTIO_F_EVENT_IDX);
	const bool indirect = features & BIT_ULL(VIRTIO_F_INDIRECT_DESC);
	struct mock_ram *ram = &mq->mn.mg.ram;
	struct mock_vq regs = { .num = size };

	q->packed = features & BIT_ULL(VIRTIO_F_RING_PACKED);
	if (q->packed) {
		mock_packed_init(&q->ring, ram, size, event_idx, indirect);
		q->ring.in_order = features & BIT_ULL(VIRTIO_F_IN_ORDER);
		regs.addr = q->ring.addr;
	} else {
		mock_vq_init(&q->split, ram, size, event_idx, indirect);
		regs.addr = q->split.addr;
	}
	/* Vector 0 is for the configuration. */
	mock_setup_queue(&mq->mn.mv, index, &regs, index + 1);
}

/* ---- The device ---- */

void mock_mq_init(struct mock_mq *mq, struct mock_wire *wire, const struct nic_config *nic)
{
	memset(mq, 0, sizeof(*mq));
	mock_net_init(&mq->mn, "web", wire, nic);
	mock_enable_msix(&mq->mn.mv);
}

void mock_mq_up(struct mock_mq *mq, u64 features)
{
	const u8 ok = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK;
	struct mock_net *mn = &mq->mn;

	mn->mg.ram.next = PAGE_SIZE;
	must(mock_negotiate(&mn->mv, features), "features refused");
	mq->pairs = features & BIT_ULL(VIRTIO_NET_F_MQ) ?
		    (u16)mock_mmio_read(&mn->mg, mn->mv.device + 8, 2) : 1;
	mq->ctrl_index = 2 * mq->pairs;
	mock_common_write(&mn->mv, 16, 2, MOCK_VECTOR_CONFIG);
	for (u16 i = 0; i < 2 * mq->pairs; i++) {
		queue_up(mq, &mq->vq[i], i, features, MOCK_MQ_SIZE);
		mq->page[i] = mock_alloc(&mn->mg.ram, MOCK_MQ_SIZE * BUFFER, PAGE_SIZE);
	}
	if (features & BIT_ULL(VIRTIO_NET_F_CTRL_VQ))
		queue_up(mq, &mq->ctrl, mq->ctrl_index, features, NET_CTRL_QUEUE_SIZE);
	mq->command = mock_alloc(&mn->mg.ram, PAGE_SIZE, PAGE_SIZE);
	mock_set_status(&mn->mv, ok);
	must(mock_status(&mn->mv) == ok, "device did not start");
	mock_work_run();
	mock_guest_clear(&mn->mg);
}

void mock_mq_free(struct mock_mq *mq)
{
	mock_net_free(&mq->mn);
}

/* ---- Commands ---- */

int mock_mq_command(struct mock_mq *mq, const void *cmd, u32 len)
{
	const struct mock_buf buf[] = { { mq->command, len, false },
					{ mq->command + BUFFER, 1, true } };
	u8 *answer = mock_ptr(&mq->mn.mg.ram, mq->command + BUFFER);
	u32 written;

	memcpy(mock_ptr(&mq->mn.mg.ram, mq->command), cmd, len);
	*answer = UINT8_MAX;
	must(mock_queue_add(&mq->ctrl, buf, ARRAY_SIZE(buf)) >= 0, "control queue is full");
	mock_notify(&mq->mn.mv, mq->ctrl_index);
	mock_work_run();
	if (mock_queue_get(&mq->ctrl, &written) < 0)
		return -1;
	must(written == 1, "answer of another length");
	return *answer;
}

int mock_mq_pairs(struct mock_mq *mq, u16 pairs)
{
	const u8 cmd[] = { VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, (u8)pairs,
			   (u8)(pairs >> 8) };

	return mock_mq_command(mq, cmd, sizeof(cmd));
}

/* ---- Frames ---- */

void mock_mq_frame(const struct mock_mq *mq, u8 *frame, u32 len, unsigned int flow, bool out)
{
	const u8 guest[] = { 10, 0, 0, 1 }, other[] = { 10, 0, (u8)(flow >> 8), (u8)flow };
	u8 *ip = frame + ETH_HLEN, *udp = ip + IP4_HLEN;

	memset(frame, 0, len);
	memcpy(frame + ETH_DST, out ? mock_wire_mac : mq->mn.nic.mac, ETH_ALEN);
	memcpy(frame + ETH_SRC, out ? mq->mn.nic.mac : mock_wire_mac, ETH_ALEN);
	put_be16(frame + ETH_TYPE, ETH_TYPE_IP4);
	ip[IP4_VERSION_IHL] = 0x45;
	ip[IP4_PROTOCOL] = IP_UDP;
	memcpy(ip + 12, out ? guest : other, sizeof(guest));
	memcpy(ip + 16, out ? other : guest, sizeof(guest));
	put_be16(udp, out ? 5000 : 80);
	put_be16(udp + 2, out ? 80 : 5000);
}

void mock_mq_send(struct mock_mq *mq, unsigned int pair, unsigned int flow)
{
	unsigned int i = 2 * pair + VIRTIO_NET_TX;
	const u32 hdr = sizeof(struct virtio_net_hdr), len = 60;
	const struct mock_buf buf = { mq->page[i], hdr + len, false };
	u8 *to = mock_ptr(&mq->mn.mg.ram, mq->page[i]);
	u32 written;

	memset(to, 0, hdr);
	mock_mq_frame(mq, to + hdr, len, flow, true);
	must(mock_queue_add(&mq->vq[i], &buf, 1) >= 0, "transmit ring is full");
	mock_notify(&mq->mn.mv, (u16)i);
	mock_work_run();
	while (mock_queue_get(&mq->vq[i], &written) >= 0)
		;
}

static void nothing_done(struct frame *frame)
{
}

void mock_mq_receive(struct mock_mq *mq, unsigned int flow)
{
	u8 bytes[60];
	struct frame f = { .nr_segs = 1, .len = sizeof(bytes), .refs = 1, .done = nothing_done };
	struct frame *frames[] = { &f };

	mock_mq_frame(mq, bytes, sizeof(bytes), flow, false);
	f.seg[0] = (struct frame_seg){ .ptr = bytes, .len = sizeof(bytes) };
	switch_input(&mq->mn.wire->port, frames, 1);
}

void mock_mq_post(struct mock_mq *mq)
{
	for (unsigned int i = VIRTIO_NET_RX; i < 2u * mq->pairs; i += 2) {
		struct mock_buf buf = { mq->page[i], BUFFER, true };

		while (mock_queue_add(&mq->vq[i], &buf, 1) >= 0)
			;
	}
}

unsigned int mock_mq_received(struct mock_mq *mq, unsigned int pair)
{
	unsigned int n = 0;
	u32 len;

	while (mock_queue_get(&mq->vq[2 * pair + VIRTIO_NET_RX], &len) >= 0)
		n++;
	return n;
}
