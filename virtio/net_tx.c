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
#include "net/gso.h"
#include "net/switch.h"

#define TX_SEGS	2	/* room for buffers of a batch, in queue sizes; a chain may have one */

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
	mem_free(slot->bounce_phys, slot->bounce_len, MEM_VHOST);
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

__attribute__((noinline))
static void tx_reap_all(struct net_tx *tx)
{
	struct tx_slot *slot = __atomic_exchange_n(&tx->completed, NULL, __ATOMIC_ACQUIRE);

	while (slot) {
		struct tx_slot *next = slot->next;

		slot_finish(tx, slot);
		slot = next;
	}
}

/* Take what has come back; the chains are used, unless the queue has been stopped. */
static inline void tx_reap(struct net_tx *tx)
{
	if (__atomic_load_n(&tx->completed, __ATOMIC_RELAXED))
		tx_reap_all(tx);
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

/* To @len bytes behind the start of the chain, which are there. */
static struct chain_pos chain_at(const struct ring_chain *c, u32 len)
{
	struct chain_pos pos = { .seg = c->seg };

	while (len > pos.seg->len) {
		len -= pos.seg->len;
		pos.seg++;
	}
	pos.off = len;
	return pos;
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
	phys = mem_alloc(left, PAGE_SIZE, MEM_VHOST);
	if (!phys)
		return false;
	tx->bounces++;
	slot->bounce_phys = phys;
	slot->bounce_len = left;
	chain_copy(pos, phys_to_virt(phys), left);
	frame->seg[1] = (struct frame_seg){ .ptr = phys_to_virt(phys), .phys = phys, .len = left };
	frame->nr_segs = 2;
	tx->vq->stats.copies++;
	tx->vq->stats.copied_bytes += left;
	return true;
}

/* FRAME_TSO of a gso_type that was agreed to, or 0. */
static u16 tso_of(const struct vhost_dev *dev, u8 gso_type)
{
	u16 tso = 0;

	if ((gso_type & VIRTIO_NET_HDR_GSO_ECN) && !vhost_has_feature(dev, VIRTIO_NET_F_HOST_ECN))
		return 0;
	switch (gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		tso = vhost_has_feature(dev, VIRTIO_NET_F_HOST_TSO4) ? FRAME_TSO4 : 0;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		tso = vhost_has_feature(dev, VIRTIO_NET_F_HOST_TSO6) ? FRAME_TSO6 : 0;
		break;
	}
	return tso && (gso_type & VIRTIO_NET_HDR_GSO_ECN) ? tso | FRAME_TSO_ECN : tso;
}

/*
 * What the driver wants done to the frame, by our copies of its header (§5.1.6.2) and of the
 * frame's. DROP_REASONS: it is noted in the frame. A large frame's private copy ends with its
 * headers.
 */
__attribute__((noinline))
static enum port_drop hdr_apply(struct net_tx *tx, const struct virtio_net_hdr *hdr,
				struct frame *frame)
{
	u32 start = le16_to_cpu(hdr->csum_start), offset = le16_to_cpu(hdr->csum_offset);
	const struct vhost_dev *dev = &tx->net->dev;
	u16 tso;

	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		/* What the switch looks at stays as it is. */
		if (!vhost_has_feature(dev, VIRTIO_NET_F_CSUM) || start + offset < FRAME_LEN_MIN ||
		    start + offset + sizeof(le16) > frame->len)
			return DROP_MALFORMED;
		frame->flags = FRAME_NEEDS_CSUM;
		frame->csum_start = (u16)start;
		frame->csum_offset = (u16)offset;
	}
	if (hdr->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return DROP_REASONS;
	tso = tso_of(dev, hdr->gso_type);
	if (!tso || le16_to_cpu(hdr->hdr_len) > frame->len ||
	    gso_set(frame, tso, le16_to_cpu(hdr->gso_size)) != 0)
		return DROP_MALFORMED;
	if (frame->flags & FRAME_TSO)
		frame->seg[0].len = frame->hdr_len = frame->gso_hdr_len;
	return frame_wire_len(frame) > tx->net->port.max_frame ? DROP_OVERSIZE : DROP_REASONS;
}

static void tx_drop(struct net_tx *tx, enum port_drop reason, const struct virtio_net_hdr *hdr,
		    u32 len)
{
	struct vhost_net *net = tx->net;

	port_drop(&net->port, reason, 1);
	tx->vq->stats.drops++;
	if (reason == DROP_MALFORMED)
		log_ratelimited(&net->ratelimit, LOG_WARN,
				"virtio-net: %s: frame dropped, bad header (flags %u, gso_type %u, "
				"hdr_len %u, gso_size %u, csum_start %u, csum_offset %u, %u bytes)",
				net->dev.name, hdr->flags, hdr->gso_type,
				le16_to_cpu(hdr->hdr_len), le16_to_cpu(hdr->gso_size),
				le16_to_cpu(hdr->csum_start), le16_to_cpu(hdr->csum_offset), len);
}

/* Longer than a frame may be, or too short for one? DROP_REASONS: it is neither. */
static enum port_drop tx_len_check(const struct net_tx *tx, u64 len, u8 gso_type)
{
	if (unlikely(len < FRAME_LEN_MIN))
		return DROP_RUNT;
	if (unlikely(len > tx->net->port.max_frame) &&
	    (len > FRAME_GSO_MAX || gso_type == VIRTIO_NET_HDR_GSO_NONE))
		return DROP_OVERSIZE;
	return DROP_REASONS;
}

/* The bytes behind the private header. */
static enum port_drop tx_rest(struct net_tx *tx, const struct ring_chain *c, struct chain_pos *pos,
			      struct tx_slot *slot)
{
	struct frame *frame = &slot->frame;
	u32 left = frame->len - frame->hdr_len;

	if (likely(refer_rest(frame, pos, left)))
		return DROP_REASONS;
	*pos = chain_at(c, (u32)sizeof(struct virtio_net_hdr) + frame->hdr_len);
	return copy_rest(tx, slot, pos, left) ? DROP_REASONS : DROP_NO_MEMORY;
}

/* The chain's frame in its slot, or NULL: dropped and counted, the chain is to be used at once. */
static struct frame *tx_frame(struct net_tx *tx, const struct ring_chain *c)
{
	struct tx_slot *slot = &tx->slots[c->head];
	struct frame *frame = &slot->frame;
	struct chain_pos pos = { .seg = c->seg };
	struct virtio_net_hdr hdr;
	enum port_drop why;

	chain_copy(&pos, &hdr, sizeof(hdr));
	why = tx_len_check(tx, c->read_len - sizeof(hdr), hdr.gso_type);
	if (unlikely(why != DROP_REASONS))
		goto drop;
	frame->len = (u32)(c->read_len - sizeof(hdr));
	frame->hdr_len = MIN(frame->len, (u32)FRAME_HDR_MAX);
	chain_copy(&pos, frame->hdr, frame->hdr_len);
	frame->seg[0].len = frame->hdr_len;
	frame->nr_segs = 1;
	frame->refs = 1;
	frame->flags = 0;
	if (hdr.flags | hdr.gso_type) {
		why = hdr_apply(tx, &hdr, frame);
		if (unlikely(why != DROP_REASONS))
			goto drop;
		if (frame->flags & FRAME_TSO)
			pos = chain_at(c, (u32)sizeof(hdr) + frame->hdr_len);
	}
	why = tx_rest(tx, c, &pos, slot);
	if (likely(why == DROP_REASONS))
		return frame;
drop:
	tx_drop(tx, why, &hdr, (u32)MIN(c->read_len, (u64)UINT32_MAX));
	return NULL;
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

/* What a turn of the worker has done. */
struct tx_turn {
	/* A large frame counts as what it becomes on the wire; a look that found nothing, too. */
	unsigned int packets;
	u64 bytes;
};

static bool turn_over(const struct tx_turn *turn)
{
	return turn->packets >= CONFIG_VHOST_NET_WEIGHT_PKTS ||
	       turn->bytes >= CONFIG_VHOST_NET_WEIGHT_BYTES;
}

/* Frames to the switch; those that are back at once go to @used, how many. */
static unsigned int tx_send(struct net_tx *tx, struct frame **frames, unsigned int nr,
			    struct ring_used *used)
{
	unsigned int back = 0;

	if (tx->net->steer)
		net_steer_learn(tx->net, tx->vq->index / VHOST_NET_QUEUES, frames, nr);
	tx->in_flight += nr;
	switch_input(&tx->net->port, frames, nr);
	for (unsigned int i = 0; i < nr; i++) {
		struct tx_slot *slot = slot_of(frames[i]);

		/* Somebody else has it; otherwise no need to send it round by the stack. */
		if (__atomic_load_n(&frames[i]->refs, __ATOMIC_ACQUIRE) != 1) {
			frame_put(frames[i]);
			continue;
		}
		bounce_free(tx, slot);
		used[back++] = (struct ring_used){ .head = (u16)(slot - tx->slots) };
	}
	tx->in_flight -= back;
	return back;
}

/* Up to VHOST_BATCH chains to the switch; how many were taken. */
static unsigned int tx_batch(struct net_tx *tx, struct tx_turn *turn)
{
	struct ring *ring = &tx->vq->ring;
	struct ring_chain chain[VHOST_BATCH];
	struct frame *frames[VHOST_BATCH];
	struct ring_used used[VHOST_BATCH];
	unsigned int n, taken, nr = 0, back = 0;

	n = ring_pop_batch(ring, chain, VHOST_BATCH, tx->segs, TX_SEGS * tx->nr_slots,
			   tx->nr_slots);
	for (taken = 0; taken < n; taken++) {
		const struct ring_chain *c = &chain[taken];
		struct frame *frame;

		if (turn_over(turn) || !tx_chain_ok(tx, c))
			break;
		turn->packets++;
		turn->bytes += c->read_len;
		frame = tx_frame(tx, c);
		if (unlikely(!frame)) {
			used[back++] = (struct ring_used){ .head = c->head };
			continue;
		}
		if (frame->flags & FRAME_TSO)
			turn->packets += (frame->len - frame->hdr_len) / frame->gso_size;
		frames[nr++] = frame;
	}
	if (unlikely(taken < n))
		ring_unpop(ring, n - taken);
	if (nr)
		back += tx_send(tx, frames, nr, used + back);
	if (back)
		ring_push_batch(ring, used, back);
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
	struct vhost_net *net = container_of(vq->dev, struct vhost_net, dev);
	struct net_tx *tx = &net->tx[vq->index / VHOST_NET_QUEUES];
	struct tx_turn turn = { 0 };

	tx_reap(tx);
	if (!vq->enabled) {
		tx_stopped(tx);
		return;
	}
	ring_notify_disable(&vq->ring);
	for (;;) {
		unsigned int n = tx_batch(tx, &turn);

		tx_reap(tx);
		vhost_signal_lazily(vq);
		vhost_count_batch(vq, n);
		if (unlikely(vq->ring.broken)) {
			vhost_vq_error(vq);
			break;
		}
		if (turn_over(&turn) || (n == VHOST_BATCH && work_others_wait(&vq->work))) {
			vq->stats.requeues++;
			work_requeue(&vq->work);	/* notifications stay off */
			break;
		}
		if (n < VHOST_BATCH) {		/* the ring was empty */
			if (vq->dev->mem->missed || vhost_keep_polling(vq, turn.packets) ||
			    !ring_notify_enable(&vq->ring))
				break;
			ring_notify_disable(&vq->ring);
			turn.packets++;		/* it may be gone again, each time */
		}
	}
	vq->stats.bytes += turn.bytes;
}

/* ---- Memory ---- */

int net_tx_init(struct net_tx *tx, struct vhost_net *net, struct vhost_virtqueue *vq,
		unsigned int size)
{
	*tx = (struct net_tx){ .net = net, .vq = vq, .nr_slots = size };
	tx->segs = calloc(TX_SEGS * size, sizeof(*tx->segs));
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

u64 net_tx_memory(const struct net_tx *tx)
{
	return tx->nr_slots * (u64)(TX_SEGS * sizeof(*tx->segs) + sizeof(struct tx_slot));
}
