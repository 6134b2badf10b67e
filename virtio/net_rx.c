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

/* The buffers of one frame: the writable segments of one or more chains, in order. */
struct rx_buffers {
	unsigned int nr_segs;
	unsigned int nr;		/* chains */
	u16 head[RX_MERGE_MAX];
	u32 len[RX_MERGE_MAX];		/* room in each */
	u64 room;
};

/* ---- Taking buffers ---- */

/* One more chain. False: there is none, or it broke the queue. */
static bool rx_take(struct net_rx *rx, struct rx_buffers *b)
{
	struct ring *ring = &rx->vq->ring;
	struct ring_chain c;

	c.seg = rx->segs + b->nr_segs;
	c.max_segs = rx->max_segs;
	if (ring_pop(ring, &c) <= 0)
		return false;
	if (unlikely(c.nr_read)) {
		ring_break(ring, RING_BAD_DIRECTION, c.nr_read);
		return false;
	}
	if (unlikely(c.write_len < sizeof(struct virtio_net_hdr))) {
		ring_break(ring, RING_BAD_BUFFER, (u32)c.write_len);
		return false;
	}
	b->head[b->nr] = c.head;
	b->len[b->nr] = (u32)MIN(c.write_len, (u64)UINT32_MAX);
	b->room += b->len[b->nr];
	b->nr_segs += c.nr_write;
	b->nr++;
	return true;
}

/*
 * Buffers for @need bytes. DROP_REASONS: they are in @b; otherwise why there are none, and
 * all that were taken have been given back.
 */
static enum port_drop rx_gather(struct net_rx *rx, struct rx_buffers *b, u32 need)
{
	enum port_drop why = DROP_REASONS;

	b->nr_segs = b->nr = 0;
	b->room = 0;
	do {
		if (b->nr && (!rx->mergeable || b->nr == RX_MERGE_MAX || b->nr_segs > rx->max_segs))
			why = DROP_OVERSIZE;
		else if (!rx_take(rx, b))
			why = rx->vq->ring.broken ? DROP_BROKEN : DROP_NO_BUFFER;
	} while (why == DROP_REASONS && b->room < need);
	if (why != DROP_REASONS && why != DROP_BROKEN)
		ring_unpop(&rx->vq->ring, b->nr);
	return why;
}

/* ---- Filling them ---- */

/* Where writing in the segments has got to. */
struct seg_pos {
	const struct ring_seg *seg;
	u32 off;
};

static void seg_write_pieces(struct seg_pos *pos, const u8 *from, u32 len)
{
	for (;;) {
		u32 n = MIN(len, pos->seg->len - pos->off);

		memcpy(pos->seg->ptr + pos->off, from, n);
		from += n;
		len -= n;
		pos->off += n;
		if (!len)
			return;
		pos->seg++;
		pos->off = 0;
	}
}

/* The caller has made sure that there is room. */
static inline void seg_write(struct seg_pos *pos, const void *src, u32 len)
{
	if (unlikely(len > pos->seg->len - pos->off)) {
		seg_write_pieces(pos, src, len);
		return;
	}
	memcpy(pos->seg->ptr + pos->off, src, len);
	pos->off += len;
}

/* What is left to do in the frame: only what the driver has agreed to comes here. */
static void rx_hdr_offloads(struct virtio_net_hdr *hdr, const struct frame *frame)
{
	hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->csum_start = cpu_to_le16(frame->csum_start);
	hdr->csum_offset = cpu_to_le16(frame->csum_offset);
	if (!(frame->flags & FRAME_TSO))
		return;
	hdr->gso_type = frame->flags & FRAME_TSO4 ? VIRTIO_NET_HDR_GSO_TCPV4 :
						    VIRTIO_NET_HDR_GSO_TCPV6;
	if (frame->flags & FRAME_TSO_ECN)
		hdr->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	hdr->gso_size = cpu_to_le16(frame->gso_size);
	hdr->hdr_len = cpu_to_le16(frame->gso_hdr_len);
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
		rx_hdr_offloads(&hdr, frame);
	return hdr;
}

static void rx_fill(struct net_rx *rx, const struct rx_buffers *b, const struct frame *frame)
{
	struct virtio_net_hdr hdr = rx_hdr(rx, frame, (u16)b->nr);
	struct seg_pos pos = { .seg = rx->segs };

	seg_write(&pos, &hdr, sizeof(hdr));
	for (unsigned int i = 0; i < frame->nr_segs; i++)
		seg_write(&pos, frame->seg[i].ptr, frame->seg[i].len);
}

static void rx_push(struct net_rx *rx, const struct rx_buffers *b, u32 len)
{
	for (unsigned int i = 0; i < b->nr; i++) {
		u32 n = MIN(len, b->len[i]);

		ring_push(&rx->vq->ring, b->head[i], n);
		len -= n;
	}
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

/* Frames into a chain each, as long as they fit; how many. *empty: there was no chain at all. */
static unsigned int rx_batch(struct net_rx *rx, struct frame **frames, unsigned int nr,
			     struct rx_count *count, bool *empty)
{
	struct ring *ring = &rx->vq->ring;
	struct ring_chain chain[VHOST_BATCH];
	struct ring_used used[VHOST_BATCH];
	unsigned int n, done;

	n = ring_pop_batch(ring, chain, MIN(nr, (unsigned int)VHOST_BATCH), rx->segs,
			   2 * rx->max_segs, rx->max_segs);
	*empty = !n;
	for (done = 0; done < n; done++) {
		const struct ring_chain *c = &chain[done];
		u32 need = (u32)sizeof(struct virtio_net_hdr) + frames[done]->len;

		if (!rx_fits(c, need))
			break;
		rx_fill_one(rx, c, frames[done]);
		used[done] = (struct ring_used){ .head = c->head, .len = need };
		count->bytes += frames[done]->len;
	}
	if (unlikely(rx->vq->dev->logging))
		for (unsigned int i = 0; i < done; i++)
			vhost_log_segs(rx->vq->dev, chain[i].seg, used[i].len);
	if (done)
		ring_push_batch(ring, used, done);
	if (unlikely(done < n))
		ring_unpop(ring, n - done);
	count->frames += done;
	return done;
}

/* A frame into as many chains as it needs, or dropped. */
static void rx_frame_merged(struct net_rx *rx, const struct frame *frame, struct rx_count *count)
{
	u32 need = (u32)sizeof(struct virtio_net_hdr) + frame->len;
	struct rx_buffers b;
	enum port_drop why = rx_gather(rx, &b, need);

	if (unlikely(why != DROP_REASONS)) {
		port_drop(&rx->net->port, why, 1);
		return;
	}
	rx_fill(rx, &b, frame);
	if (unlikely(rx->vq->dev->logging))
		vhost_log_segs(rx->vq->dev, rx->segs, need);
	rx_push(rx, &b, need);
	count->frames++;
	count->bytes += frame->len;
}

static void rx_frames(struct net_rx *rx, struct frame **frames, unsigned int nr,
		      struct rx_count *count)
{
	bool empty;

	while (nr) {
		unsigned int n = rx_batch(rx, frames, nr, count, &empty);

		frames += n;
		nr -= n;
		if (unlikely(empty)) {
			port_drop(&rx->net->port,
				  rx->vq->ring.broken ? DROP_BROKEN : DROP_NO_BUFFER, nr);
			return;
		}
		/* There was a chain for it that it does not fit, or there may be one by now. */
		if (unlikely(nr)) {
			rx_frame_merged(rx, *frames++, count);
			nr--;
		}
	}
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
	*rx = (struct net_rx){ .net = net, .vq = vq, .max_segs = size };
	rx->segs = calloc(2 * size, sizeof(*rx->segs));
	return rx->segs ? 0 : -ENOMEM;
}

void net_rx_free(struct net_rx *rx)
{
	free(rx->segs);
	*rx = (struct net_rx){ 0 };
}
