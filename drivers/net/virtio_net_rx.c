/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receive queue: buffers of a page, of which a large frame takes several (MRG_RXBUF). They become
 * the frame themselves (rx_pool.h).
 */
#include <errno.h>

#include "drivers/net/virtio_net.h"
#include "net/gso.h"

#define RX_BATCH	64	/* frames given to the switch at once */

void vnic_rx_refill(struct vnic_queue *q)
{
	struct vnic_rx *rx = &q->rx;
	unsigned int max = MIN(rx->ring.size, (unsigned int)VNIC_RX_MAX), left;

	rx_pool_begin(&rx->pool);
	for (unsigned int turn = 0; turn < 2; turn++) {
		left = max - (rx->ring.size - rx->ring.nr_free);
		for (struct rx_buf *buf; left && (buf = rx_pool_take(&rx->pool)); left--) {
			struct vring_piece piece = { buf->phys, VNIC_BUF_SIZE };

			vring_add(&rx->ring, &piece, 1, true, buf);
		}
		if (!left)
			break;
		if (turn == 0)
			rx_pool_starve(&rx->pool);
	}
	vring_kick(&rx->ring);
}

static void rx_give_all(struct vnic_rx *rx, struct rx_buf *buf)
{
	while (buf) {
		struct rx_buf *more = buf->more;

		buf->more = NULL;
		rx_pool_give(&rx->pool, buf);
		buf = more;
	}
}

/* §5.1.6.4: what the header says of checksum and segments. */
static bool rx_offloads(struct frame *frame, const struct virtio_net_hdr *hdr)
{
	u8 type = hdr->gso_type & (u8)~VIRTIO_NET_HDR_GSO_ECN;
	u16 tso = type == VIRTIO_NET_HDR_GSO_TCPV4 ? FRAME_TSO4 : FRAME_TSO6;

	frame->flags = 0;
	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		frame->flags = FRAME_NEEDS_CSUM;
		frame->csum_start = le16_to_cpu(hdr->csum_start);
		frame->csum_offset = le16_to_cpu(hdr->csum_offset);
		if ((u32)frame->csum_start + frame->csum_offset + sizeof(u16) > frame->len)
			return false;
	} else if (hdr->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
		frame->flags = FRAME_CSUM_VALID;
	}
	if (type == VIRTIO_NET_HDR_GSO_NONE)
		return true;
	if (type != VIRTIO_NET_HDR_GSO_TCPV4 && type != VIRTIO_NET_HDR_GSO_TCPV6)
		return false;
	if (hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN)
		tso |= FRAME_TSO_ECN;
	return gso_set(frame, tso, le16_to_cpu(hdr->gso_size)) == 0;
}

/* The other buffers of a frame of @nr; the device uses all of them at once (§5.1.6.4). */
static bool rx_merge(struct vnic_rx *rx, struct rx_buf *first, unsigned int nr)
{
	struct frame *frame = &first->frame;
	struct rx_buf *last = first;
	bool whole = true;

	for (; nr > 1; nr--) {
		u32 len = 0;
		struct rx_buf *buf = vring_pop(&rx->ring, &len);

		if (!buf)
			return false;
		last->more = buf;
		last = buf;
		if (len > VNIC_BUF_SIZE || frame->nr_segs == FRAME_SEGS) {
			whole = false;
			continue;
		}
		frame->seg[frame->nr_segs++] = (struct frame_seg){ buf->data, buf->phys, len };
		frame->len += len;
	}
	return whole;
}

/* The frame that begins in @first, or NULL: thrown away, and counted. */
static struct frame *rx_take(struct vnic_queue *q, struct rx_buf *first, u32 len)
{
	const struct virtio_net_hdr *hdr = (const struct virtio_net_hdr *)first->data;
	struct netdev_stats *stats = &q->nq.stats;
	struct frame *frame = &first->frame;
	bool ok = len >= sizeof(*hdr) && len <= VNIC_BUF_SIZE;
	u32 n = ok ? len - (u32)sizeof(*hdr) : 0;

	frame->seg[0] = (struct frame_seg){
		first->data + sizeof(*hdr), first->phys + sizeof(*hdr), n,
	};
	frame->nr_segs = 1;
	frame->len = n;
	if (vnic_has(q->nic, VIRTIO_NET_F_MRG_RXBUF))
		ok = rx_merge(&q->rx, first, le16_to_cpu(hdr->num_buffers)) && ok;
	if (!ok || n < FRAME_LEN_MIN || !rx_offloads(frame, hdr)) {
		stats->rx_errors++;
		rx_give_all(&q->rx, first);
		return NULL;
	}
	stats->rx_packets++;
	stats->rx_bytes += frame->len;
	frame->refs = 1;
	return frame;
}

/* Up to @max frames; *looked: those and what was thrown away. */
static unsigned int rx_harvest(struct vnic_queue *q, struct frame **frames, unsigned int max,
			       unsigned int *looked)
{
	unsigned int nr = 0;

	for (*looked = 0; *looked < max; ++*looked) {
		u32 len = 0;
		struct rx_buf *buf = vring_pop(&q->rx.ring, &len);
		struct frame *frame;

		if (!buf)
			break;
		frame = rx_take(q, buf, len);
		if (frame)
			frames[nr++] = frame;
	}
	return nr;
}

bool vnic_rx_poll(struct vnic_queue *q, unsigned int budget)
{
	struct frame *frames[RX_BATCH];
	unsigned int looked;

	while (budget) {
		unsigned int want = MIN(budget, (unsigned int)RX_BATCH);
		unsigned int nr = rx_harvest(q, frames, want, &looked);

		nr = netdev_receive(&q->nq, frames, nr);
		for (unsigned int i = 0; i < nr; i++)
			rx_pool_put(&q->rx.pool, frames[i]);
		vnic_rx_refill(q);
		if (looked < want)
			return false;
		budget -= looked;
	}
	return vring_pending(&q->rx.ring);
}

/* §5.1.2 */
static u16 rx_index(const struct vnic_queue *q)
{
	return (u16)(2 * q->nq.index + VIRTIO_NET_RX);
}

int vnic_rx_alloc(struct vnic_queue *q)
{
	struct vnic_rx *rx = &q->rx;
	u16 size = MIN(vp_queue_max(&q->nic->vp, rx_index(q)), (u16)VNIC_RING_MAX);
	int err;

	if (!size)
		return -ENODEV;
	err = vring_alloc(&rx->ring, size);
	if (err)
		return err;
	return rx_pool_alloc(&rx->pool, MIN(size, (unsigned int)VNIC_RX_MAX) + VNIC_RX_SPARES,
			     VNIC_BUF_SIZE, &q->nq.poll_work);
}

void vnic_rx_free(struct vnic_queue *q)
{
	rx_pool_free(&q->rx.pool);
	vring_free(&q->rx.ring);
}

int vnic_rx_start(struct vnic_queue *q, u16 vector)
{
	vring_init(&q->rx.ring);
	return vp_queue_start(&q->nic->vp, &q->rx.ring, rx_index(q), vector);
}

void vnic_rx_stop(struct vnic_queue *q)
{
	struct rx_buf *buf;

	while ((buf = vring_drain(&q->rx.ring)))
		rx_pool_give(&q->rx.pool, buf);
	WRITE_ONCE(q->rx.pool.starved, false);
}
