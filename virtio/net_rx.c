/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net reception: frames from the switch are copied, once, into the guest's buffers.
 * There is no backlog: with no buffer the frame is dropped and counted, so a guest that stops
 * receiving costs nothing but its own frames.
 */
#include "virtio/vhost_net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Chains at hand: chain[at..n) have been taken and not been filled yet. */
struct rx_stash {
	struct net_rx *rx;
	unsigned int at, n;
	unsigned int nr_used;		/* filled, to be given back */
	struct ring_chain chain[VHOST_BATCH];
	struct ring_used used[2 * VHOST_BATCH];
};

_Static_assert(RX_MERGE_MAX <= VHOST_BATCH, "a frame's chains are at hand at once");

/* ---- Taking chains ---- */

static void stash_give_back(struct rx_stash *s)
{
	if (s->nr_used)
		ring_push_batch(&s->rx->vq->ring, s->used, s->nr_used);
	s->nr_used = 0;
}

/* Have up to @want chains at hand. True: there are more than there were. */
static bool stash_fill(struct rx_stash *s, unsigned int want)
{
	struct ring *ring = &s->rx->vq->ring;
	unsigned int left = s->n - s->at, max_segs = s->rx->max_segs;

	if (s->nr_used > VHOST_BATCH)
		stash_give_back(s);
	if (left)
		ring_unpop(ring, left);		/* so that their buffers lie one after another */
	s->at = 0;
	s->n = ring_pop_batch(ring, s->chain, MIN(want, (unsigned int)VHOST_BATCH), s->rx->segs,
			      2 * max_segs, max_segs);
	return s->n > left;
}

/* A chain that can take part in a frame of several. */
static bool chain_ok(struct ring *ring, const struct ring_chain *c)
{
	if (unlikely(c->nr_read)) {
		ring_break(ring, RING_BAD_DIRECTION, c->nr_read);
		return false;
	}
	if (unlikely(c->write_len < sizeof(struct virtio_net_hdr))) {
		ring_break(ring, RING_BAD_BUFFER, (u32)c->write_len);
		return false;
	}
	return true;
}

/* There are no more than are at hand, and why that is so. */
static enum port_drop stash_short(const struct rx_stash *s)
{
	const struct ring_chain *last;

	if (s->rx->vq->ring.broken)
		return DROP_BROKEN;
	if (!s->n)
		return DROP_NO_BUFFER;
	last = &s->chain[s->n - 1];
	return (unsigned int)(last->seg + last->nr_write - s->rx->segs) > s->rx->max_segs ?
	       DROP_OVERSIZE : DROP_NO_BUFFER;
}

/* Chains from s->at on with room for @need bytes. DROP_REASONS: *nr are; otherwise why not. */
static enum port_drop stash_room(struct rx_stash *s, u32 need, unsigned int *nr)
{
	const unsigned int max = s->rx->mergeable ? RX_MERGE_MAX : 1;

	for (;;) {
		const struct ring_chain *c = &s->chain[s->at];
		unsigned int n = 0, left = s->n - s->at;
		u64 room = 0, more = 1;

		for (; n < left && n < max && room < need; n++, c++) {
			if (!chain_ok(&s->rx->vq->ring, c))
				return DROP_BROKEN;
			room += c->write_len;
			more = DIV_ROUND_UP(need, c->write_len);
		}
		*nr = n;
		if (room >= need)
			return DROP_REASONS;
		if (n == max)
			return DROP_OVERSIZE;
		/* What is at hand is read anew with the others: nothing of it is known any more. */
		if (!stash_fill(s, n + (unsigned int)MIN(more, (u64)max)))
			return stash_short(s);
	}
}

/* ---- Filling them ---- */

/*
 * What may be written to comes from the segments from @to on, which have room. The frame's bytes
 * behind the virtio-net header.
 */
static void rx_copy(const struct ring_seg *to, const struct virtio_net_hdr *hdr,
		    const struct frame *frame)
{
	const struct frame_seg *seg = frame->seg, *end = seg + frame->nr_segs;
	const u8 *from = (const u8 *)hdr;
	size_t len = sizeof(*hdr), room = to->len;
	u8 *at = to->ptr;

	for (;; seg++) {
		while (len > room) {
			memcpy(at, from, room);
			from += room;
			len -= room;
			to++;
			at = to->ptr;
			room = to->len;
		}
		memcpy(at, from, len);
		at += len;
		room -= len;
		if (seg == end)
			return;
		from = seg->ptr;
		len = seg->len;
	}
}

_Static_assert((int)FRAME_CSUM_VALID == (int)VIRTIO_NET_HDR_F_DATA_VALID, "used as one");

/* §5.1.6.4.1 */
static inline struct virtio_net_hdr rx_hdr(const struct net_rx *rx, const struct frame *frame,
					   u16 buffers)
{
	struct virtio_net_hdr hdr = {
		.flags = (u8)(frame->flags & rx->csum_valid),
		.num_buffers = cpu_to_le16(buffers),
	};

	if (unlikely(frame->flags & FRAME_NEEDS_CSUM))
		virtio_net_hdr_offloads(&hdr, frame);	/* the driver has agreed to them */
	return hdr;
}

/* ---- The port ---- */

/* The usual case: the chain begins with room for all. */
static inline bool rx_fits(const struct ring_chain *c, u32 need)
{
	return likely(!c->nr_read && c->nr_write && c->seg->len >= need);
}

static inline void rx_fill_one(const struct net_rx *rx, const struct ring_chain *c,
			       const struct frame *frame)
{
	struct virtio_net_hdr hdr = rx_hdr(rx, frame, 1);
	u8 *to = c->seg->ptr;

	memcpy(to, &hdr, sizeof(hdr));
	to += sizeof(hdr);
	for (unsigned int i = 0; i < frame->nr_segs; i++) {
		memcpy(to, frame->seg[i].ptr, frame->seg[i].len);
		to += frame->seg[i].len;
	}
}

/* What has been copied into the guest's buffers. */
struct rx_count {
	unsigned int frames;
	u64 bytes;
};

/* A frame into as many chains as it needs, or dropped. */
__attribute__((noinline))
static bool rx_frame_merged(struct rx_stash *s, const struct frame *frame)
{
	u32 need = (u32)sizeof(struct virtio_net_hdr) + frame->len;
	struct net_rx *rx = s->rx;
	const struct ring_chain *c;
	struct virtio_net_hdr hdr;
	unsigned int nr;
	enum port_drop why = stash_room(s, need, &nr);

	if (unlikely(why != DROP_REASONS)) {
		port_drop(&rx->net->port, why, 1);
		return false;
	}
	c = &s->chain[s->at];
	rx->room = (u32)MIN(c->write_len, (u64)UINT32_MAX);
	hdr = rx_hdr(rx, frame, (u16)nr);
	rx_copy(c->seg, &hdr, frame);
	if (unlikely(rx->vq->dev->logging))
		vhost_log_segs(rx->vq->dev, c->seg, need);
	s->at += nr;
	for (; nr; nr--, c++) {
		u32 n = (u32)MIN((u64)need, c->write_len);

		s->used[s->nr_used++] = (struct ring_used){ .head = c->head, .len = n };
		need -= n;
	}
	return true;
}

/* Chains to begin with, for these frames: by what the latest large one was put in. */
static unsigned int rx_want(const struct net_rx *rx, struct frame *const *frames, unsigned int nr)
{
	unsigned int want = 0;

	if (likely(frames[0]->len <= rx->room))
		return nr;
	for (unsigned int i = 0; i < nr; i++)
		want += ((u32)sizeof(struct virtio_net_hdr) + frames[i]->len - 1) / rx->room + 1;
	return want;
}

static void rx_frames(struct net_rx *rx, struct frame **frames, unsigned int nr,
		      struct rx_count *count)
{
	struct ring *ring = &rx->vq->ring;
	struct rx_stash s;

	s.rx = rx;
	s.at = s.n = s.nr_used = 0;
	for (; nr; nr--, frames++) {
		u32 need = (u32)sizeof(struct virtio_net_hdr) + (*frames)->len;
		const struct ring_chain *c = &s.chain[s.at];

		if (s.at == s.n) {
			if (unlikely(!stash_fill(&s, rx_want(rx, frames, nr)))) {
				port_drop(&rx->net->port,
					  ring->broken ? DROP_BROKEN : DROP_NO_BUFFER, nr);
				break;
			}
			c = s.chain;
		}
		if (likely(rx_fits(c, need))) {
			rx_fill_one(rx, c, *frames);
			if (unlikely(rx->vq->dev->logging))
				vhost_log_segs(rx->vq->dev, c->seg, need);
			s.used[s.nr_used++] = (struct ring_used){ .head = c->head, .len = need };
			s.at++;
		} else if (!rx_frame_merged(&s, *frames)) {
			continue;
		}
		count->frames++;
		count->bytes += (*frames)->len;
	}
	stash_give_back(&s);
	if (s.at < s.n)
		ring_unpop(ring, s.n - s.at);
}

bool net_rx_deliver(struct net_rx *rx, struct frame **frames, unsigned int nr)
{
	struct port *port = &rx->net->port;
	struct vhost_virtqueue *vq = rx->vq;
	struct rx_count count = { 0 };

	spin_lock(&vq->lock);
	if (unlikely(rx->passive)) {
		spin_unlock(&vq->lock);
		return false;
	}
	if (!vq->enabled || vq->ring.broken) {
		vq->stats.drops += nr;
		spin_unlock(&vq->lock);
		port_drop(port, DROP_BROKEN, nr);
		return true;
	}
	rx_frames(rx, frames, nr, &count);
	vq->stats.bytes += count.bytes;
	vq->stats.copies += count.frames;
	vq->stats.copied_bytes += count.bytes;
	port->stats.copies += count.frames;
	port->stats.copied_bytes += count.bytes;
	vq->stats.drops += nr - count.frames;
	vhost_count_batch(vq, count.frames);
	if (unlikely(vq->ring.broken))
		vhost_vq_error(vq);
	spin_unlock(&vq->lock);
	return true;
}

/* One publication and one decision about an interrupt for all that was delivered. */
void net_rx_flush(struct net_rx *rx)
{
	struct vhost_virtqueue *vq = rx->vq;

	spin_lock(&vq->lock);
	if (vq->enabled)
		vhost_signal(vq);
	spin_unlock(&vq->lock);
}

static void net_deliver(struct port *port, struct frame **frames, unsigned int nr)
{
	net_rx_deliver(((struct vhost_net *)port->owner)->rx, frames, nr);
}

static void net_flush(struct port *port)
{
	net_rx_flush(((struct vhost_net *)port->owner)->rx);
}

const struct port_ops net_port_ops = { .deliver = net_deliver, .flush = net_flush };

/* New buffers are looked for when a frame comes; nobody waits for the notification. */
void net_rx_kick(struct vhost_virtqueue *vq)
{
	if (vq->enabled && !vq->ring.broken)
		ring_notify_disable(&vq->ring);
}

void net_rx_start(struct net_rx *rx)
{
	static const struct {
		unsigned int feature;
		u16 offload;
	} map[] = {
		{ VIRTIO_NET_F_GUEST_CSUM, FRAME_NEEDS_CSUM },
		{ VIRTIO_NET_F_GUEST_TSO4, FRAME_TSO4 },
		{ VIRTIO_NET_F_GUEST_TSO6, FRAME_TSO6 },
		{ VIRTIO_NET_F_GUEST_ECN, FRAME_TSO_ECN },
	};
	const struct vhost_dev *dev = &rx->net->dev;

	rx->mergeable = vhost_has_feature(dev, VIRTIO_NET_F_MRG_RXBUF);
	rx->csum_valid = vhost_has_feature(dev, VIRTIO_NET_F_GUEST_CSUM) ? FRAME_CSUM_VALID : 0;
	rx->net->port.offloads = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(map); i++)
		if (vhost_has_feature(dev, map[i].feature))
			rx->net->port.offloads |= map[i].offload;
}

int net_rx_init(struct net_rx *rx, struct vhost_net *net, struct vhost_virtqueue *vq,
		unsigned int size)
{
	*rx = (struct net_rx){ .net = net, .vq = vq, .max_segs = size, .room = UINT32_MAX };
	rx->segs = calloc(2 * size, sizeof(*rx->segs));
	return rx->segs ? 0 : -ENOMEM;
}

void net_rx_free(struct net_rx *rx)
{
	free(rx->segs);
	*rx = (struct net_rx){ 0 };
}

u64 net_rx_memory(const struct net_rx *rx)
{
	return 2 * (u64)rx->max_segs * sizeof(*rx->segs);
}
