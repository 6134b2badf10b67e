/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net transmission: chains from the guest become frames for the switch.
 *
 * The first FRAME_HDR_MAX bytes are copied, so that what the switch looks at is what is sent;
 * the rest goes by reference, and the chain is used when the last holder has put the frame.
 * That may be a NIC's poll on another CPU, and long after the queue was stopped: frames come
 * back through a lock-free stack, which the queue's own work empties. A queue's slots are not
 * used again, and its guest's memory is not given away, before all of them are back.
 */
#include "virtio/vhost_net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "kernel/mem.h"
#include "net/switch.h"

/* ---- Frames coming back ---- */

static struct tx_slot *slot_of(struct frame *frame)
{
	return container_of(frame, struct tx_slot, frame);
}

/* frame.done: on whichever CPU put last, with any lock held there. */
static void tx_frame_done(struct frame *frame)
{
	struct net_tx *tx = frame->owner;
	struct tx_slot *slot = slot_of(frame);
	struct tx_slot *top = __atomic_load_n(&tx->completed, __ATOMIC_RELAXED);

	do {
		slot->next = top;
	} while (!__atomic_compare_exchange_n(&tx->completed, &top, slot, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	if (!top)	/* otherwise somebody has queued it, and it has not looked yet */
		vhost_poll_queue(tx->vq);
}

static void bounce_free(struct net_tx *tx, struct tx_slot *slot)
{
	if (likely(!slot->bounce_phys))
		return;
	mem_free(slot->bounce_phys, tx->net->port.max_frame, MEM_VHOST);
	slot->bounce_phys = 0;
	tx->bounces--;
}

static inline void slot_finish(struct net_tx *tx, struct tx_slot *slot)
{
	bounce_free(tx, slot);
	tx->in_flight--;
	if (tx->vq->enabled)
		ring_push(&tx->vq->ring, (u16)(slot - tx->slots), 0);
}

/* Take what has come back; the chains are used, unless the queue has been stopped. */
static void tx_reap(struct net_tx *tx)
{
	struct tx_slot *slot;

	if (!__atomic_load_n(&tx->completed, __ATOMIC_RELAXED))
		return;
	slot = __atomic_exchange_n(&tx->completed, NULL, __ATOMIC_ACQUIRE);
	while (slot) {
		struct tx_slot *next = slot->next;

		slot_finish(tx, slot);
		slot = next;
	}
}

unsigned int net_tx_in_flight(struct net_tx *tx, struct work *again)
{
	unsigned int n;

	spin_lock(&tx->vq->lock);
	tx_reap(tx);
	n = tx->in_flight;
	if (again || !n)
		tx->again = n ? again : NULL;
	spin_unlock(&tx->vq->lock);
	return n;
}

/* ---- A chain becomes a frame ---- */

/* Where reading in a chain has got to. */
struct chain_pos {
	const struct ring_seg *seg;
	u32 off;
};

static void chain_copy_pieces(struct chain_pos *pos, u8 *to, u32 len)
{
	for (;;) {
		u32 n = MIN(len, pos->seg->len - pos->off);

		memcpy(to, pos->seg->ptr + pos->off, n);
		to += n;
		len -= n;
		pos->off += n;
		if (!len)
			return;
		pos->seg++;
		pos->off = 0;
	}
}

/* The caller has made sure that the chain has @len bytes left. */
static inline void chain_copy(struct chain_pos *pos, void *dst, u32 len)
{
	if (unlikely(len > pos->seg->len - pos->off)) {
		chain_copy_pieces(pos, dst, len);
		return;
	}
	memcpy(dst, pos->seg->ptr + pos->off, len);
	pos->off += len;
}

/* The rest of the chain as segments of the frame; false: there are too many. */
static bool refer_rest(struct frame *frame, struct chain_pos *pos, u32 left)
{
	for (; left; pos->seg++, pos->off = 0) {
		u32 n = pos->seg->len - pos->off;

		if (!n)
			continue;
		if (frame->nr_segs == FRAME_SEGS)
			return false;
		frame->seg[frame->nr_segs++] = (struct frame_seg){
			.ptr = pos->seg->ptr + pos->off,
			.phys = pos->seg->phys + pos->off,
			.len = n,
		};
		left -= n;
	}
	return true;
}

/* The rest of the chain in one piece, a copy that lives as long as the frame. */
static bool copy_rest(struct net_tx *tx, struct tx_slot *slot, struct chain_pos *pos, u32 left)
{
	struct frame *frame = &slot->frame;
	u64 phys;

	if (tx->bounces == TX_BOUNCES_MAX)
		return false;
	phys = mem_alloc(tx->net->port.max_frame, PAGE_SIZE, MEM_VHOST);
	if (!phys)
		return false;
	tx->bounces++;
	slot->bounce_phys = phys;
	chain_copy(pos, phys_to_virt(phys), left);
	frame->seg[1] = (struct frame_seg){ .ptr = phys_to_virt(phys), .phys = phys, .len = left };
	frame->nr_segs = 2;
	tx->vq->stats.copies++;
	tx->vq->stats.copied_bytes += left;
	return true;
}

/* What the driver says of the frame, on our copy of the header. False: not to be believed. */
static bool hdr_apply(struct net_tx *tx, const struct virtio_net_hdr *hdr, struct frame *frame)
{
	u32 start = le16_to_cpu(hdr->csum_start), offset = le16_to_cpu(hdr->csum_offset);

	frame->flags = 0;
	/* No segmentation was offered: §5.1.6.2. */
	if (unlikely(hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE))
		return false;
	if (!(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return true;
	if (!vhost_has_feature(&tx->net->dev, VIRTIO_NET_F_CSUM) ||
	    start + offset + sizeof(le16) > frame->len)
		return false;
	frame->flags = FRAME_NEEDS_CSUM;
	frame->csum_start = (u16)start;
	frame->csum_offset = (u16)offset;
	return true;
}

static void tx_drop(struct net_tx *tx, enum port_drop reason, const struct virtio_net_hdr *hdr,
		    u32 len)
{
	struct vhost_net *net = tx->net;

	port_drop(&net->port, reason, 1);
	if (reason == DROP_MALFORMED)
		log_ratelimited(&net->ratelimit, LOG_WARN,
				"virtio-net: %s: frame dropped, bad header "
				"(flags %u, gso_type %u, csum_start %u, csum_offset %u, %u bytes)",
				net->dev.name, hdr->flags, hdr->gso_type,
				le16_to_cpu(hdr->csum_start), le16_to_cpu(hdr->csum_offset), len);
}

/* The chain's frame in its slot, or NULL: dropped and counted, the chain is to be used at once. */
static struct frame *tx_frame(struct net_tx *tx, const struct ring_chain *c)
{
	struct tx_slot *slot = &tx->slots[c->head];
	struct frame *frame = &slot->frame;
	struct chain_pos pos = { .seg = c->seg };
	struct virtio_net_hdr hdr;
	u32 len;

	chain_copy(&pos, &hdr, sizeof(hdr));
	if (unlikely(c->read_len > sizeof(hdr) + tx->net->port.max_frame)) {
		tx_drop(tx, DROP_OVERSIZE, &hdr, 0);
		return NULL;
	}
	len = (u32)(c->read_len - sizeof(hdr));
	if (unlikely(len < FRAME_LEN_MIN)) {
		tx_drop(tx, DROP_RUNT, &hdr, len);
		return NULL;
	}
	frame->len = len;
	if (unlikely(!hdr_apply(tx, &hdr, frame))) {
		tx_drop(tx, DROP_MALFORMED, &hdr, len);
		return NULL;
	}
	frame->hdr_len = MIN(len, (u32)FRAME_HDR_MAX);
	chain_copy(&pos, frame->hdr, frame->hdr_len);
	frame->seg[0].len = frame->hdr_len;
	frame->nr_segs = 1;
	frame->refs = 1;
	if (unlikely(!refer_rest(frame, &pos, len - frame->hdr_len))) {
		pos = (struct chain_pos){ .seg = c->seg };
		chain_copy(&pos, &hdr, sizeof(hdr));
		chain_copy(&pos, frame->hdr, frame->hdr_len);
		if (!copy_rest(tx, slot, &pos, len - frame->hdr_len)) {
			tx_drop(tx, DROP_NO_MEMORY, &hdr, len);
			return NULL;
		}
	}
	return frame;
}

/* ---- The worker ---- */

/* A rule of the device class broken (§5.1.6.2.1): nothing to go on with. */
static bool tx_chain_ok(struct net_tx *tx, const struct ring_chain *c)
{
	if (unlikely(c->nr_write)) {
		ring_break(&tx->vq->ring, RING_BAD_DIRECTION, c->nr_write);
		return false;
	}
	if (unlikely(c->read_len < sizeof(struct virtio_net_hdr))) {
		ring_break(&tx->vq->ring, RING_BAD_BUFFER, (u32)c->read_len);
		return false;
	}
	return true;
}

/* Up to VHOST_BATCH chains to the switch. Chains taken; @bytes grows by what they held. */
static unsigned int tx_batch(struct net_tx *tx, u64 *bytes)
{
	struct vhost_virtqueue *vq = tx->vq;
	struct frame *frames[VHOST_BATCH];
	struct ring_chain c = { .seg = tx->segs, .max_segs = tx->nr_slots };
	unsigned int taken = 0, nr = 0;

	while (taken < VHOST_BATCH && ring_pop(&vq->ring, &c) > 0 && tx_chain_ok(tx, &c)) {
		struct frame *frame = tx_frame(tx, &c);

		taken++;
		*bytes += c.read_len;
		if (likely(frame))
			frames[nr++] = frame;
		else
			ring_push(&vq->ring, c.head, 0);
	}
	if (!nr)
		return taken;
	tx->in_flight += nr;
	switch_input(&tx->net->port, frames, nr);
	for (unsigned int i = 0; i < nr; i++) {
		/* Nobody else has it (any more): no need to send it round by the stack. */
		if (__atomic_load_n(&frames[i]->refs, __ATOMIC_ACQUIRE) == 1)
			slot_finish(tx, slot_of(frames[i]));
		else
			frame_put(frames[i]);
	}
	return taken;
}

/* Stopped: only frames that come back matter, to those who wait for the last. */
static void tx_stopped(struct net_tx *tx)
{
	struct work *again = tx->again;

	if (tx->in_flight || !again)
		return;
	tx->again = NULL;
	work_queue(again);
}

void net_tx_kick(struct vhost_virtqueue *vq)
{
	struct net_tx *tx = &container_of(vq->dev, struct vhost_net, dev)->tx;
	unsigned int packets = 0;
	u64 bytes = 0;

	tx_reap(tx);
	if (!vq->enabled) {
		tx_stopped(tx);
		return;
	}
	ring_notify_disable(&vq->ring);
	for (;;) {
		unsigned int n = tx_batch(tx, &bytes);

		tx_reap(tx);
		vhost_signal(vq);
		vhost_count_batch(vq, n);
		packets += n;
		if (unlikely(vq->ring.broken)) {
			vhost_vq_error(vq);
			break;
		}
		if (packets >= CONFIG_VHOST_NET_WEIGHT_PKTS ||
		    bytes >= CONFIG_VHOST_NET_WEIGHT_BYTES) {
			vq->stats.requeues++;
			vhost_poll_queue(vq);	/* to the back; notifications stay off */
			break;
		}
		if (!n) {
			if (!ring_notify_enable(&vq->ring))
				break;
			ring_notify_disable(&vq->ring);
		}
	}
	vq->stats.bytes += bytes;
}

/* ---- Memory ---- */

int net_tx_init(struct net_tx *tx, struct vhost_net *net, struct vhost_virtqueue *vq,
		unsigned int size)
{
	*tx = (struct net_tx){ .net = net, .vq = vq, .nr_slots = size };
	tx->segs = calloc(size, sizeof(*tx->segs));
	tx->slots_phys = mem_alloc(size * sizeof(struct tx_slot), PAGE_SIZE, MEM_VHOST);
	if (!tx->segs || !tx->slots_phys)
		return -ENOMEM;
	tx->slots = phys_to_virt(tx->slots_phys);
	for (unsigned int i = 0; i < size; i++) {
		struct frame *frame = &tx->slots[i].frame;

		frame->owner = tx;
		frame->done = tx_frame_done;
		frame->hdr_phys = tx->slots_phys + i * sizeof(struct tx_slot) +
				  offsetof(struct tx_slot, frame.hdr);
		frame->seg[0] = (struct frame_seg){ .ptr = frame->hdr, .phys = frame->hdr_phys };
	}
	return 0;
}

void net_tx_free(struct net_tx *tx)
{
	if (tx->slots_phys)
		mem_free(tx->slots_phys, tx->nr_slots * sizeof(struct tx_slot), MEM_VHOST);
	free(tx->segs);
	*tx = (struct net_tx){ 0 };
}
