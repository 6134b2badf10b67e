/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transmit ring. A frame's segments go to the NIC by physical address, a data descriptor each;
 * the last one asks for a write-back, and until then the frame is held. Checksums that a
 * guest left open are inserted by the NIC, told by a context descriptor where; large TCP frames
 * are cut by it.
 */
#include <errno.h>

#include "asm/barrier.h"
#include "drivers/net/e1000.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "net/csum.h"
#include "net/gso.h"
#include "net/headers.h"

#define TX_REAP_BATCH	64	/* frames put after each turn with the lock */
#define TX_RING_BYTES	(E1000_TX_DESCS * sizeof(struct e1000_tx_desc))
#define TX_HDR_BYTES	(E1000_TX_DESCS * FRAME_HDR_MAX)
#define TX_BYTES	(TX_RING_BYTES + TX_HDR_BYTES + E1000_FRAME_MIN)
/* Of one frame: context, headers or padding, segments, and where a segment is split. */
#define TX_DESCS_MAX	(2 + FRAME_SEGS + FRAME_GSO_MAX / E1000_TX_PIECE_MIN)
#define TX_CSUM_MAX	255	/* TUCSS and TUCSO are bytes */
#define TX_NO_CONTEXT	UINT32_MAX

static unsigned int tx_after(unsigned int i)
{
	return (i + 1) & (E1000_TX_DESCS - 1);
}

static unsigned int tx_room(const struct e1000_tx *tx)
{
	return E1000_TX_DESCS - 1 - tx->used;	/* head = tail means an empty ring (§3.4) */
}

static struct e1000_tx_desc *tx_next_desc(struct e1000_tx *tx)
{
	struct e1000_tx_desc *desc = &tx->desc[tx->tail];

	tx->tail = tx_after(tx->tail);
	tx->used++;
	return desc;
}

/* §3.3.6: where the checksum of the frames that follow starts and where it goes. */
static void tx_put_context(struct e1000_tx *tx, const struct frame *frame)
{
	u32 context = (u32)frame->csum_start << 16 | frame->csum_offset;

	if (context == tx->context)
		return;
	if (tx->keeps_context)
		tx->context = context;
	*tx_next_desc(tx) = (struct e1000_tx_desc){
		.tucss = (u8)frame->csum_start,
		.tucso = (u8)(frame->csum_start + frame->csum_offset),
		.tucse = cpu_to_le16(0),
		.cmd = cpu_to_le32(TX_DEXT | TX_DTYP_CONTEXT),
	};
}

/* §3.3.6, §3.5: for the next frame alone, as it tells its length. */
static void tx_put_tso_context(struct e1000_tx *tx, const struct frame *frame)
{
	u32 cmd = TX_DEXT | TX_DTYP_CONTEXT | TX_TSE | TX_CONTEXT_TCP;

	tx->context = TX_NO_CONTEXT;
	if (frame->flags & FRAME_TSO4)
		cmd |= TX_CONTEXT_IP4;
	*tx_next_desc(tx) = (struct e1000_tx_desc){
		.ipcss = (u8)frame->gso_ip_start,
		.ipcso = (u8)(frame->gso_ip_start + IP4_CHECK),
		.ipcse = cpu_to_le16((u16)(frame->csum_start - 1)),
		.tucss = (u8)frame->csum_start,
		.tucso = (u8)(frame->csum_start + frame->csum_offset),
		.tucse = cpu_to_le16(0),
		.cmd = cpu_to_le32(cmd | (frame->len - frame->gso_hdr_len)),
		.hdr_len = (u8)frame->gso_hdr_len,
		.mss = cpu_to_le16(frame->gso_size),
	};
}

static struct e1000_tx_desc *tx_put_data(struct e1000_tx *tx, u64 phys, u32 len, u32 cmd, u8 popts)
{
	struct e1000_tx_desc *desc = tx_next_desc(tx);

	*desc = (struct e1000_tx_desc){
		.addr = cpu_to_le64(phys),
		.cmd = cpu_to_le32(TX_DEXT | TX_DTYP_DATA | cmd | len),
		.popts = popts,
	};
	return desc;
}

/* The last descriptor of @frame, whose context has been put. */
static struct e1000_tx_desc *tx_put_plain(struct e1000_tx *tx, const struct frame *frame, u8 popts)
{
	struct e1000_tx_desc *desc = NULL;

	for (unsigned int i = 0; i < frame->nr_segs; i++)
		if (frame->seg[i].len)
			desc = tx_put_data(tx, frame->seg[i].phys, frame->seg[i].len, 0, popts);
	/* Not by TCTL.PSP alone: some of the family corrupt what they pad, emulators do not pad. */
	if (frame->len < E1000_FRAME_MIN)
		desc = tx_put_data(tx, tx->pad_phys, E1000_FRAME_MIN - frame->len, 0, popts);
	return desc;
}

/* Headers of its own, as the NIC wants them, and the payload in pieces that its FIFO takes. */
static struct e1000_tx_desc *tx_put_large(struct e1000_queue *q, const struct frame *frame,
					  unsigned int slot)
{
	u8 popts = TX_POPTS_TXSM | (frame->flags & FRAME_TSO4 ? TX_POPTS_IXSM : 0);
	u32 skip = frame->gso_hdr_len, offset = slot * FRAME_HDR_MAX;
	struct e1000_tx *tx = &q->tx;
	struct e1000_tx_desc *desc;

	gso_nic_headers(frame, tx->hdr + offset);
	tx_put_tso_context(tx, frame);
	desc = tx_put_data(tx, tx->hdr_phys + offset, skip, TX_TSE, popts);
	for (unsigned int i = 0; i < frame->nr_segs; i++) {
		u64 phys = frame->seg[i].phys + skip;
		u32 left = frame->seg[i].len - skip, len;

		skip = 0;		/* headers are all in the first segment */
		for (; left; left -= len, phys += len) {
			len = MIN(left, q->nic->chip->tx_piece);
			desc = tx_put_data(tx, phys, len, TX_TSE, popts);
		}
	}
	return desc;
}

static void tx_put_frame(struct e1000_queue *q, struct frame *frame)
{
	struct e1000_tx *tx = &q->tx;
	unsigned int before = tx->used, slot = (tx->first + tx->frames) & (E1000_TX_DESCS - 1);
	struct e1000_tx_frame *entry = &tx->ring[slot];
	struct e1000_tx_desc *desc;

	/* Whoever plays the NIC may count the padding in the pseudo header's length: QEMU does. */
	if (frame->len < E1000_FRAME_MIN)
		frame_checksum(frame);
	if (frame->flags & FRAME_TSO) {
		desc = tx_put_large(q, frame, slot);
	} else if (frame->flags & FRAME_NEEDS_CSUM) {
		tx_put_context(tx, frame);
		desc = tx_put_plain(tx, frame, TX_POPTS_TXSM);
	} else {
		desc = tx_put_plain(tx, frame, 0);
	}
	desc->cmd |= cpu_to_le32(TX_EOP | TX_IFCS | TX_RS);
	entry->frame = frame;
	entry->last = (unsigned int)(desc - tx->desc);
	entry->nr = tx->used - before;
	tx->frames++;
	frame_get(frame);
}

/* Has the NIC written back the oldest frame? */
static bool tx_first_done(const struct e1000_tx *tx)
{
	return tx->frames && (READ_ONCE(tx->desc[tx->ring[tx->first].last].status) & TX_DD);
}

/* Take up to @max sent frames off the ring. tx->lock held. */
static unsigned int tx_take_done(struct e1000_tx *tx, struct frame **done, unsigned int max)
{
	unsigned int nr = 0;

	while (nr < max && tx_first_done(tx)) {
		struct e1000_tx_frame *entry = &tx->ring[tx->first];

		done[nr++] = entry->frame;
		tx->used -= entry->nr;
		tx->first = tx_after(tx->first);
		tx->frames--;
		tx->reaped++;
	}
	return nr;
}

static void tx_write_tail(struct e1000_queue *q)
{
	struct e1000_tx *tx = &q->tx;

	if (tx->tail == tx->tail_written || !tx->running)
		return;
	wmb();	/* descriptors before the tail */
	e1000_queue_write(q, E1000_TDT, tx->tail);
	tx->tail_written = tx->tail;
}

void e1000_tx_reap(struct e1000_queue *q)
{
	struct e1000_tx *tx = &q->tx;
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

/* A frame that the NIC cannot take: checksum too far behind, or nothing to send. */
static bool tx_unfit(const struct frame *frame)
{
	if (!frame->len)
		return true;
	return (frame->flags & FRAME_NEEDS_CSUM) &&
	       (u32)frame->csum_start + frame->csum_offset > TX_CSUM_MAX;
}

/* tx->lock held; let go meanwhile if sent frames have to be put to make room. */
static bool tx_make_room(struct e1000_queue *q)
{
	struct e1000_tx *tx = &q->tx;

	if (tx_room(tx) >= TX_DESCS_MAX)
		return true;
	tx_write_tail(q);
	spin_unlock(&tx->lock);
	e1000_tx_reap(q);
	spin_lock(&tx->lock);
	return tx->running && tx_room(tx) >= TX_DESCS_MAX;
}

unsigned int e1000_tx(struct netdev_queue *nq, struct frame **frames, unsigned int nr)
{
	struct e1000_queue *q = e1000_queue(nq);
	struct e1000_tx *tx = &q->tx;
	unsigned int taken;

	spin_lock(&tx->lock);
	for (taken = 0; taken < nr && tx->running && tx_make_room(q); taken++) {
		struct frame *frame = frames[taken];

		if (tx_unfit(frame)) {
			nq->stats.tx_errors++;
			port_drop(&nq->dev->port, DROP_MALFORMED, 1);
			continue;
		}
		tx_put_frame(q, frame);
		nq->stats.tx_packets++;
		nq->stats.tx_bytes += frame->len;
	}
	spin_unlock(&tx->lock);
	return taken;
}

/*
 * A NIC that has sent everything by the time the tail is written, as emulated ones have, need
 * not interrupt for it. Its interrupt is wanted while frames are with it; a write-back before
 * it was asked for has set the cause, and interrupts when it is (§13.4.20).
 */
void e1000_tx_flush(struct netdev_queue *nq)
{
	struct e1000_queue *q = e1000_queue(nq);
	struct e1000_tx *tx = &q->tx;
	struct frame *done[TX_REAP_BATCH];
	unsigned int nr;

	spin_lock(&tx->lock);
	tx_write_tail(q);
	nr = tx_take_done(tx, done, TX_REAP_BATCH);
	if (tx->frames && !tx->irq_wanted && !nq->dev->polled) {
		tx->irq_wanted = true;
		e1000_write(q->nic, E1000_IMS, q->int_tx);
	}
	spin_unlock(&tx->lock);
	for (unsigned int i = 0; i < nr; i++)
		frame_put(done[i]);
}

void e1000_tx_poll(struct e1000_queue *q)
{
	struct e1000_tx *tx = &q->tx;

	/* Who sends meanwhile asks for the interrupt by itself. */
	if (!READ_ONCE(tx->frames) && !READ_ONCE(tx->irq_wanted))
		return;
	e1000_tx_reap(q);
	spin_lock(&tx->lock);
	tx->irq_wanted = tx->frames;
	spin_unlock(&tx->lock);
}

bool e1000_tx_pending(const struct e1000_queue *q)
{
	return tx_first_done(&q->tx);
}

int e1000_tx_alloc(struct e1000_queue *q)
{
	struct e1000_tx *tx = &q->tx;

	spin_init(&tx->lock, LOCK_NIC);
	tx->desc_phys = mem_alloc(TX_BYTES, PAGE_SIZE, MEM_DMA);
	if (!tx->desc_phys)
		return -ENOMEM;
	tx->desc = phys_to_virt(tx->desc_phys);
	tx->hdr_phys = tx->desc_phys + TX_RING_BYTES;
	tx->hdr = phys_to_virt(tx->hdr_phys);
	tx->pad_phys = tx->hdr_phys + TX_HDR_BYTES;
	return 0;
}

void e1000_tx_free(struct e1000_queue *q)
{
	if (q->tx.desc_phys)
		mem_free(q->tx.desc_phys, TX_BYTES, MEM_DMA);
}

/* §14.5 */
void e1000_tx_start(struct e1000_queue *q)
{
	struct e1000_tx *tx = &q->tx;

	e1000_queue_write(q, E1000_TDBAL, (u32)tx->desc_phys);
	e1000_queue_write(q, E1000_TDBAH, (u32)(tx->desc_phys >> 32));
	e1000_queue_write(q, E1000_TDLEN, TX_RING_BYTES);
	e1000_queue_write(q, E1000_TDH, 0);
	e1000_queue_write(q, E1000_TDT, 0);
	e1000_queue_write(q, E1000_TXDCTL, TXDCTL_GRAN | TXDCTL_WTHRESH_1 | q->nic->chip->txdctl);
}

void e1000_tx_run(struct e1000_queue *q)
{
	struct e1000_tx *tx = &q->tx;

	spin_lock(&tx->lock);
	tx->context = TX_NO_CONTEXT;
	tx->keeps_context = q->nic->dev.nr_queues == 1;
	tx->irq_wanted = false;
	tx->running = true;
	spin_unlock(&tx->lock);
}

void e1000_tx_stop(struct e1000_queue *q)
{
	struct e1000_tx *tx = &q->tx;
	unsigned int first, frames;

	spin_lock(&tx->lock);
	tx->running = false;	/* so nobody else touches the ring below */
	first = tx->first;
	frames = tx->frames;
	tx->first = tx->frames = tx->tail = tx->tail_written = tx->used = 0;
	spin_unlock(&tx->lock);
	for (unsigned int i = 0; i < frames; i++)
		frame_put(tx->ring[(first + i) & (E1000_TX_DESCS - 1)].frame);
}
