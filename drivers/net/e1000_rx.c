/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receive ring. The NIC's buffer itself becomes the frame (rx_pool.h). A descriptor whose buffer
 * is out gets a spare one at once, so a consumer that keeps frames empties the ring only when the
 * spares are used up.
 */
#include <errno.h>

#include "asm/barrier.h"
#include "drivers/net/e1000.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "net/switch.h"

#define RX_BATCH	64	/* frames given to the switch at once */
#define RX_RING_BYTES	(E1000_RX_DESCS * sizeof(struct e1000_rx_desc))

static unsigned int rx_after(unsigned int i)
{
	return (i + 1) & (E1000_RX_DESCS - 1);
}

/* Buffers for the empty descriptors, but one: head = tail means an empty ring (§3.2.6). */
static void rx_fill(struct e1000_rx *rx)
{
	while (rx_after(rx->tail) != rx->next) {
		struct rx_buf *buf = rx_pool_take(&rx->pool);

		if (!buf)
			return;
		rx->slot[rx->tail] = buf;
		rx->desc[rx->tail] = (struct e1000_rx_desc){ .addr = cpu_to_le64(buf->phys) };
		rx->tail = rx_after(rx->tail);
	}
}

static void rx_refill(struct e1000 *nic)
{
	struct e1000_rx *rx = &nic->rx;
	unsigned int tail = rx->tail;

	rx_pool_begin(&rx->pool);
	rx_fill(rx);
	if (rx_after(rx->tail) != rx->next) {
		rx_pool_starve(&rx->pool);
		rx_fill(rx);
	}
	if (rx->tail != tail)
		e1000_write(nic, E1000_RDT, rx->tail);
}

/* The frame in @desc's buffer, or NULL: it is thrown away, and counted once. */
static struct frame *rx_take(struct e1000 *nic, struct rx_buf *buf,
			     const struct e1000_rx_desc *desc)
{
	struct netdev_stats *stats = &nic->dev.stats;
	struct frame *frame = &buf->frame;
	u32 len = le16_to_cpu(desc->length);
	bool eop = desc->status & RX_EOP, bad;

	/* Frames that need two buffers are longer than RCTL lets in. */
	bad = nic->rx.in_bad || !eop || (desc->errors & RX_FRAME_BAD) ||
	      len < FRAME_LEN_MIN || len > E1000_BUF_SIZE;
	nic->rx.in_bad = bad && !eop;
	if (bad) {
		stats->rx_errors += eop;
		return NULL;
	}
	stats->rx_packets++;
	stats->rx_bytes += len;
	frame->seg[0] = (struct frame_seg){ .ptr = buf->data, .phys = buf->phys, .len = len };
	frame->nr_segs = 1;
	frame->len = len;
	frame->flags = 0;
	/* §3.2.9: the checksum was calculated and is right. */
	if (!(desc->status & RX_IXSM) && (desc->status & RX_TCPCS) && !(desc->errors & RX_TCPE))
		frame->flags |= FRAME_CSUM_VALID;
	frame->refs = 1;
	return frame;
}

/* Up to @max frames out of the ring; *looked: descriptors emptied. */
static unsigned int rx_harvest(struct e1000 *nic, struct frame **frames, unsigned int max,
			       unsigned int *looked)
{
	struct e1000_rx *rx = &nic->rx;
	unsigned int nr = 0;

	for (*looked = 0; *looked < max && rx->next != rx->tail; ++*looked) {
		struct e1000_rx_desc *at = &rx->desc[rx->next], desc;
		struct rx_buf *buf = rx->slot[rx->next];
		struct frame *frame;

		if (!(READ_ONCE(at->status) & RX_DD))
			break;
		rmb();	/* status before the rest of the descriptor and the data */
		desc = *at;
		rx->slot[rx->next] = NULL;
		rx->next = rx_after(rx->next);
		frame = rx_take(nic, buf, &desc);
		if (frame)
			frames[nr++] = frame;
		else
			rx_pool_give(&rx->pool, buf);
	}
	return nr;
}

bool e1000_rx_poll(struct e1000 *nic, unsigned int budget)
{
	struct frame *frames[RX_BATCH];
	unsigned int looked;

	while (budget) {
		unsigned int want = MIN(budget, (unsigned int)RX_BATCH);
		unsigned int nr = rx_harvest(nic, frames, want, &looked);

		if (nr)
			switch_input(&nic->dev.port, frames, nr);
		for (unsigned int i = 0; i < nr; i++)
			frame_put(frames[i]);
		rx_refill(nic);
		if (looked < want)
			return false;
		budget -= looked;
	}
	return e1000_rx_pending(nic);
}

bool e1000_rx_pending(const struct e1000 *nic)
{
	unsigned int next = READ_ONCE(nic->rx.next);

	return next != READ_ONCE(nic->rx.tail) && (READ_ONCE(nic->rx.desc[next].status) & RX_DD);
}

int e1000_rx_alloc(struct e1000 *nic)
{
	struct e1000_rx *rx = &nic->rx;

	rx->desc_phys = mem_alloc(RX_RING_BYTES, PAGE_SIZE, MEM_DMA);
	if (!rx->desc_phys)
		return -ENOMEM;
	rx->desc = phys_to_virt(rx->desc_phys);
	return rx_pool_alloc(&rx->pool, E1000_RX_BUFS, E1000_BUF_SIZE, &nic->dev.poll_work);
}

void e1000_rx_free(struct e1000 *nic)
{
	struct e1000_rx *rx = &nic->rx;

	if (rx->desc_phys)
		mem_free(rx->desc_phys, RX_RING_BYTES, MEM_DMA);
	rx_pool_free(&rx->pool);
}

/* §14.4 */
void e1000_rx_start(struct e1000 *nic)
{
	struct e1000_rx *rx = &nic->rx;

	e1000_write(nic, E1000_RDBAL, (u32)rx->desc_phys);
	e1000_write(nic, E1000_RDBAH, (u32)(rx->desc_phys >> 32));
	e1000_write(nic, E1000_RDLEN, RX_RING_BYTES);
	e1000_write(nic, E1000_RDH, 0);
	e1000_write(nic, E1000_RDT, 0);
	e1000_write(nic, E1000_RXCSUM, RXCSUM_IPOFL | RXCSUM_TUOFL);
	/* Guests have addresses of their own: all frames are taken, the switch sorts them. */
	e1000_write(nic, E1000_RCTL, RCTL_EN | RCTL_UPE | RCTL_MPE | RCTL_BAM | RCTL_BSIZE_2048 |
		    RCTL_SECRC);
	rx_refill(nic);
}

void e1000_rx_stop(struct e1000 *nic)
{
	struct e1000_rx *rx = &nic->rx;

	for (unsigned int i = 0; i < E1000_RX_DESCS; i++) {
		struct rx_buf *buf = rx->slot[i];

		if (!buf)
			continue;
		rx->slot[i] = NULL;
		rx_pool_give(&rx->pool, buf);
	}
	rx->next = 0;
	rx->tail = 0;
	rx->in_bad = false;
	WRITE_ONCE(rx->pool.starved, false);
}
