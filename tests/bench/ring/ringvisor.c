/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ringvisor's engine as a backend: what a turn of a vhost worker does, with the lock, the
 * counters and the checks of virtio-net around the ring. Compiled twice: for this machine, and
 * (BENCH_GP) with the hypervisor's flags, which leave it the general registers only.
 */
#include <stdlib.h>
#include <string.h>

#include "net/frame.h"
#include "tests/bench/ring/bench.h"
#include "tests/bench/ring/copy.h"
#include "virtio/net_hdr.h"
#include "virtio/vhost.h"
#include "virtio/virtio.h"

#ifdef BENCH_GP
#define BACKEND		backend_ringvisor_gp
#define BACKEND_NAME	"ringvisor-gp"
#else
#define BACKEND		backend_ringvisor
#define BACKEND_NAME	"ringvisor"
#endif

#define PACKETS		512
#define SEGS_MAX	BENCH_RING	/* of a chain */
#define SEGS_ROOM	(SEGS_MAX + 4 * BENCH_BURST)

struct packet {
	u32 len, nr_segs;
	u16 head;
	struct ring_seg seg[2];		/* by reference: headers, payload */
	u8 data[BENCH_FRAME_MAX] __aligned(64);
} __aligned(64);

struct ringvisor {
	struct guest_mem mem;
	struct vhost_dev dev;
	struct vhost_virtqueue vq[BENCH_QUEUES];
	struct ring_seg segs[SEGS_ROOM];
	struct packet *pool, *free[PACKETS];
	unsigned int nr_free;
};

static void no_kick(struct vhost_virtqueue *vq)
{
}

static void *ringvisor_open(const struct bench_mem *mem,
			    const struct bench_ring ring[BENCH_QUEUES], u64 features)
{
	struct ringvisor *r = calloc(1, sizeof(*r));

	r->pool = aligned_alloc(2 * MIB, 2 * MIB);
	for (r->nr_free = 0; r->nr_free < PACKETS; r->nr_free++)
		r->free[r->nr_free] = &r->pool[r->nr_free];
	for (unsigned int i = 0; i < BENCH_QUEUES; i++)
		r->vq[i].handle_kick = no_kick;
	vhost_dev_init(&r->dev, BACKEND_NAME, r->vq, BENCH_QUEUES, NULL);
	if (guest_mem_add(&r->mem, mem->gpa, mem->len, mem->va, mem->gpa))
		return NULL;
	vhost_set_mem_table(&r->dev, &r->mem);
	vhost_set_features(&r->dev, features, features);
	for (unsigned int i = 0; i < BENCH_QUEUES; i++) {
		const struct ring_addr addr = { ring[i].desc, ring[i].driver, ring[i].device };

		vhost_set_vring_num(&r->dev, i, ring[i].num);
		vhost_set_vring_addr(&r->dev, i, &addr);
		vhost_set_vring_base(&r->dev, i,
				     features & BIT_ULL(BENCH_F_PACKED) ? RING_PACKED_START : 0);
		if (vhost_vring_start(&r->dev, i))
			return NULL;
		ring_notify_disable(&r->vq[i].ring);
	}
	return r;
}

static void ringvisor_close(void *be)
{
	struct ringvisor *r = be;

	for (unsigned int i = 0; i < BENCH_QUEUES; i++)
		vhost_vring_stop(&r->dev, i);
	free(r->pool);
	free(r);
}

/* ---- Transmission ---- */

/* The rules of the class on the chain and on our copy of its header; no offloads here. */
static inline bool tx_ok(struct ring *ring, const struct ring_chain *c)
{
	struct virtio_net_hdr hdr;

	if (unlikely(c->nr_write)) {
		ring_break(ring, RING_BAD_DIRECTION, c->nr_write);
		return false;
	}
	if (unlikely(c->read_len - sizeof(hdr) - FRAME_LEN_MIN >
		     BENCH_FRAME_MAX - FRAME_LEN_MIN || c->seg[0].len < sizeof(hdr))) {
		ring_break(ring, RING_BAD_BUFFER, (u32)c->read_len);
		return false;
	}
	memcpy(&hdr, c->seg[0].ptr, sizeof(hdr));
	return likely(hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE &&
		      !(hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM));
}

static inline void copy_in(struct packet *p, const struct ring_chain *c)
{
	const u32 skip = sizeof(struct virtio_net_hdr);
	u32 len = c->seg[0].len - skip;

	if (len)
		copy_bytes(p->data, c->seg[0].ptr + skip, len);
	for (unsigned int i = 1; unlikely(i < c->nr_read); i++) {
		copy_bytes(p->data + len, c->seg[i].ptr, c->seg[i].len);
		len += c->seg[i].len;
	}
	p->len = len;
}

static unsigned int ringvisor_tx(void *be, void **pkts, unsigned int max)
{
	struct ringvisor *r = be;
	struct vhost_virtqueue *vq = &r->vq[BENCH_TX];
	struct ring_chain c[BENCH_BURST];
	struct ring_used used[BENCH_BURST];
	struct packet **next = r->free + r->nr_free;
	unsigned int n, i;

	spin_lock(&vq->lock);
	n = ring_pop_batch(&vq->ring, c, MIN(MIN(max, BENCH_BURST), r->nr_free), r->segs,
			   SEGS_ROOM, SEGS_MAX);
	for (i = 0; i < n; i++) {
		struct packet *p = *--next;

		if (!tx_ok(&vq->ring, &c[i]))
			break;
		copy_in(p, &c[i]);
		used[i] = (struct ring_used){ c[i].head, 0 };
		pkts[i] = p;
	}
	r->nr_free -= i;
	ring_push_batch(&vq->ring, used, i);
	vhost_signal(vq);
	vhost_count_batch(vq, i);
	spin_unlock(&vq->lock);
	return i;
}

static void ringvisor_tx_free(void *be, void **pkts, unsigned int n)
{
	struct ringvisor *r = be;

	while (n)
		r->free[r->nr_free++] = pkts[--n];
}

/* Headers copied, the rest where it is: what a NIC would be given. */
static inline void refer(struct packet *p, const struct ring_chain *c)
{
	u32 skip = sizeof(struct virtio_net_hdr), want;
	const struct ring_seg *s = c->seg;	/* not more than two of them here */

	if (s->len == skip && c->nr_read > 1) {
		s++;
		skip = 0;
	}
	p->len = (u32)(c->read_len - sizeof(struct virtio_net_hdr));
	want = MIN(MIN(p->len, (u32)FRAME_HDR_MAX), s->len - skip);
	copy_bytes(p->data, s->ptr + skip, want);
	p->seg[0] = (struct ring_seg){ .ptr = p->data, .len = want };
	p->seg[1] = (struct ring_seg){
		.ptr = s->ptr + skip + want, .phys = s->phys + skip + want,
		.len = s->len - skip - want,
	};
	p->nr_segs = p->seg[1].len ? 2 : 1;
	p->head = c->head;
}

static unsigned int ringvisor_tx_ref(void *be, void **pkts, unsigned int max)
{
	struct ringvisor *r = be;
	struct vhost_virtqueue *vq = &r->vq[BENCH_TX];
	struct ring_chain c[BENCH_BURST];
	struct packet **next = r->free + r->nr_free;
	unsigned int n, i;

	spin_lock(&vq->lock);
	n = ring_pop_batch(&vq->ring, c, MIN(MIN(max, BENCH_BURST), r->nr_free), r->segs,
			   SEGS_ROOM, SEGS_MAX);
	for (i = 0; i < n; i++) {
		struct packet *p = *--next;

		if (!tx_ok(&vq->ring, &c[i]))
			break;
		refer(p, &c[i]);
		pkts[i] = p;
	}
	r->nr_free -= i;
	vhost_count_batch(vq, i);
	spin_unlock(&vq->lock);
	return i;
}

static void ringvisor_tx_ref_done(void *be, void **pkts, unsigned int n)
{
	struct ringvisor *r = be;
	struct vhost_virtqueue *vq = &r->vq[BENCH_TX];
	struct ring_used used[BENCH_BURST];

	for (unsigned int i = 0; i < n; i++)
		used[i] = (struct ring_used){ ((struct packet *)pkts[i])->head, 0 };
	spin_lock(&vq->lock);
	ring_push_batch(&vq->ring, used, n);
	vhost_signal(vq);
	spin_unlock(&vq->lock);
	ringvisor_tx_free(be, pkts, n);
}

/* ---- Reception ---- */

static inline void copy_out(const struct ring_chain *c, const struct packet *p)
{
	struct __packed { u64 no_offload; le32 num_buffers; } *hdr = (void *)c->seg[0].ptr;
	u32 skip = sizeof(*hdr), done = MIN(c->seg[0].len - skip, p->len);

	hdr->no_offload = 0;	/* in two words: what is put together of small stores stalls */
	hdr->num_buffers = cpu_to_le32(1u << 16);
	if (done)
		copy_bytes(c->seg[0].ptr + skip, p->data, done);
	for (unsigned int i = 1; unlikely(done < p->len); i++) {
		u32 n = MIN(c->seg[i].len, p->len - done);

		copy_bytes(c->seg[i].ptr, p->data + done, n);
		done += n;
	}
}

/* One buffer has to do here, as merged ones are no part of the cases. */
static inline bool rx_ok(struct ring *ring, const struct ring_chain *c, const struct packet *p)
{
	if (unlikely(c->nr_read)) {
		ring_break(ring, RING_BAD_DIRECTION, c->nr_read);
		return false;
	}
	if (unlikely(c->write_len < sizeof(struct virtio_net_hdr) + p->len ||
		     c->seg[0].len < sizeof(struct virtio_net_hdr))) {
		ring_break(ring, RING_BAD_BUFFER, (u32)c->write_len);
		return false;
	}
	return true;
}

static unsigned int ringvisor_rx(void *be, void **pkts, unsigned int n)
{
	struct ringvisor *r = be;
	struct vhost_virtqueue *vq = &r->vq[BENCH_RX];
	struct ring_chain c[BENCH_BURST];
	struct ring_used used[BENCH_BURST];
	unsigned int i;

	spin_lock(&vq->lock);
	n = ring_pop_batch(&vq->ring, c, MIN(n, BENCH_BURST), r->segs, SEGS_ROOM, SEGS_MAX);
	for (i = 0; i < n; i++) {
		const struct packet *p = pkts[i];

		if (!rx_ok(&vq->ring, &c[i], p))
			break;
		copy_out(&c[i], p);
		used[i] = (struct ring_used){
			c[i].head, (u32)sizeof(struct virtio_net_hdr) + p->len
		};
	}
	ring_push_batch(&vq->ring, used, i);
	vhost_count_batch(vq, i);
	vhost_signal(vq);
	spin_unlock(&vq->lock);
	return i;
}

/* ---- Packets ---- */

static void *ringvisor_pkt_new(void *be, const void *data, u32 len)
{
	struct ringvisor *r = be;
	struct packet *p;

	if (!r->nr_free)
		return NULL;
	p = r->free[--r->nr_free];
	memcpy(p->data, data, len);
	p->len = len;
	p->nr_segs = 0;
	return p;
}

static const void *ringvisor_pkt_data(void *be, void *pkt, u8 *buf, u32 *len)
{
	const struct packet *p = pkt;
	u32 at = 0;

	*len = p->len;
	if (!p->nr_segs)
		return p->data;
	for (unsigned int i = 0; i < p->nr_segs; at += p->seg[i++].len)
		memcpy(buf + at, p->seg[i].ptr, p->seg[i].len);
	return buf;
}

const struct bench_backend BACKEND = {
	.name = BACKEND_NAME, .open = ringvisor_open, .tx = ringvisor_tx,
	.tx_free = ringvisor_tx_free, .tx_ref = ringvisor_tx_ref,
	.tx_ref_done = ringvisor_tx_ref_done, .rx = ringvisor_rx,
	.pkt_new = ringvisor_pkt_new, .pkt_data = ringvisor_pkt_data, .close = ringvisor_close,
};
