/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transmit queue: a chain for each frame, its header and its segments by physical address. With
 * indirect descriptors it takes one entry of the ring.
 */
#include <errno.h>

#include "drivers/net/virtio_net.h"
#include "kernel/mem.h"
#include "virtio/virtio.h"

#define TX_REAP_BATCH	64	/* frames put after each turn with the lock */
#define TX_DESCS_MAX	(1 + FRAME_SEGS)

static void tx_put_frame(struct vnic_tx *tx, struct frame *frame)
{
	struct vring_piece piece[TX_DESCS_MAX];
	u16 head = tx->ring.free;
	struct virtio_net_hdr *hdr = &tx->hdr[head];
	unsigned int nr = 1;

	*hdr = (struct virtio_net_hdr){ 0 };
	if (frame->flags & FRAME_NEEDS_CSUM)
		virtio_net_hdr_offloads(hdr, frame);
	piece[0].phys = tx->hdr_phys + head * sizeof(*hdr);
	piece[0].len = sizeof(*hdr);
	for (unsigned int i = 0; i < frame->nr_segs; i++) {
		if (!frame->seg[i].len)
			continue;
		piece[nr].phys = frame->seg[i].phys;
		piece[nr++].len = frame->seg[i].len;
	}
	frame_get(frame);
	vring_add(&tx->ring, piece, nr, false, frame);
	tx->frames++;
}

/* Take up to @max sent frames off the ring. tx->lock held. */
static unsigned int tx_take_done(struct vnic_tx *tx, struct frame **done, unsigned int max)
{
	unsigned int nr = 0;
	u32 len;

	while (nr < max) {
		struct frame *frame = vring_pop(&tx->ring, &len);

		if (!frame)
			break;
		done[nr++] = frame;
	}
	tx->frames -= nr;
	tx->reaped += nr;
	return nr;
}

void vnic_tx_reap(struct vnic_queue *q)
{
	struct vnic_tx *tx = &q->tx;
	struct frame *done[TX_REAP_BATCH];
	unsigned int nr;

	do {
		spin_lock(&tx->lock);
		nr = tx_take_done(tx, done, TX_REAP_BATCH);
		spin_unlock(&tx->lock);
		for (unsigned int i = 0; i < nr; i++)
			frame_put(done[i]);
	} while (nr == TX_REAP_BATCH);
}

/* tx->lock held; let go meanwhile if sent frames have to be put to make room. */
static bool tx_make_room(struct vnic_queue *q, const struct frame *frame)
{
	const unsigned int need = 1 + frame->nr_segs;
	struct vnic_tx *tx = &q->tx;

	if (vring_has_room(&tx->ring, need))
		return true;
	vring_kick(&tx->ring);
	spin_unlock(&tx->lock);
	vnic_tx_reap(q);
	spin_lock(&tx->lock);
	return tx->running && vring_has_room(&tx->ring, need);
}

unsigned int vnic_tx(struct netdev_queue *nq, struct frame **frames, unsigned int nr)
{
	struct vnic_queue *q = vnic_queue(nq);
	struct vnic_tx *tx = &q->tx;
	unsigned int taken;

	spin_lock(&tx->lock);
	for (taken = 0; taken < nr && tx->running && tx_make_room(q, frames[taken]); taken++) {
		tx_put_frame(tx, frames[taken]);
		nq->stats.tx_packets++;
		nq->stats.tx_bytes += frames[taken]->len;
	}
	spin_unlock(&tx->lock);
	return taken;
}

/* What is with the device when it is asked for an interrupt, and sent before, is looked for. */
void vnic_tx_flush(struct netdev_queue *nq)
{
	struct vnic_queue *q = vnic_queue(nq);
	struct vnic_tx *tx = &q->tx;
	bool again = false;

	spin_lock(&tx->lock);
	if (tx->running)
		vring_kick(&tx->ring);
	spin_unlock(&tx->lock);
	vnic_tx_reap(q);
	spin_lock(&tx->lock);
	if (tx->frames && !tx->irq_wanted && !nq->dev->polled) {
		tx->irq_wanted = true;
		vring_irq_enable(&tx->ring, true);
		again = vring_pending(&tx->ring);
	}
	spin_unlock(&tx->lock);
	if (again)
		vnic_tx_reap(q);
}

void vnic_tx_poll(struct vnic_queue *q)
{
	struct vnic_tx *tx = &q->tx;

	vnic_tx_reap(q);
	spin_lock(&tx->lock);
	tx->irq_wanted = tx->frames;
	spin_unlock(&tx->lock);
}

/* §5.1.2 */
static u16 tx_index(const struct vnic_queue *q)
{
	return (u16)(2 * q->nq.index + VIRTIO_NET_TX);
}

int vnic_tx_alloc(struct vnic_queue *q)
{
	struct vnic_tx *tx = &q->tx;
	u16 size = MIN(vp_queue_max(&q->nic->vp, tx_index(q)), (u16)VNIC_RING_MAX);
	int err;

	spin_init(&tx->lock, LOCK_NIC);
	if (size < TX_DESCS_MAX)
		return -ENODEV;
	err = vring_alloc(&tx->ring, size);
	if (!err && (q->nic->features & BIT_ULL(VIRTIO_F_INDIRECT_DESC)))
		err = vring_alloc_tables(&tx->ring, TX_DESCS_MAX);
	if (err)
		return err;
	tx->ring.indirect = tx->ring.table;
	tx->hdr_phys = mem_alloc(size * sizeof(*tx->hdr), PAGE_SIZE, MEM_DMA);
	if (!tx->hdr_phys)
		return -ENOMEM;
	tx->hdr = phys_to_virt(tx->hdr_phys);
	return 0;
}

void vnic_tx_free(struct vnic_queue *q)
{
	struct vnic_tx *tx = &q->tx;

	if (tx->hdr_phys)
		mem_free(tx->hdr_phys, tx->ring.size * sizeof(*tx->hdr), MEM_DMA);
	vring_free(&tx->ring);
}

int vnic_tx_start(struct vnic_queue *q, u16 vector)
{
	vring_init(&q->tx.ring);
	return vp_queue_start(&q->nic->vp, &q->tx.ring, tx_index(q), vector);
}

void vnic_tx_run(struct vnic_queue *q)
{
	struct vnic_tx *tx = &q->tx;

	spin_lock(&tx->lock);
	tx->irq_wanted = false;
	tx->running = true;
	spin_unlock(&tx->lock);
}

void vnic_tx_stop(struct vnic_queue *q)
{
	struct vnic_tx *tx = &q->tx;
	struct frame *frame;

	spin_lock(&tx->lock);
	tx->running = false;	/* so nobody else touches the ring below */
	tx->frames = 0;
	spin_unlock(&tx->lock);
	while ((frame = vring_drain(&tx->ring)))
		frame_put(frame);
}
