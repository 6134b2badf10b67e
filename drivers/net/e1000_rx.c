/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receive ring. The NIC's buffer itself becomes the frame; its last frame_put() makes it a
 * spare buffer again. A descriptor whose buffer is out gets a spare one at once, so a
 * consumer that keeps frames empties the ring only when the spares are used up.
 */
#include <errno.h>
#include <stdlib.h>

#include "asm/barrier.h"
#include "drivers/net/e1000.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "net/switch.h"

#define RX_BATCH	64	/* frames given to the switch at once */
#define RX_RING_BYTES	(E1000_RX_DESCS * sizeof(struct e1000_rx_desc))
#define RX_DATA_BYTES	((u64)E1000_RX_BUFS * E1000_BUF_SIZE)

static unsigned int rx_after(unsigned int i)
{
	return (i + 1) & (E1000_RX_DESCS - 1);
}

/* struct frame's done(), any CPU. */
static void rx_done(struct frame *frame)
{
	struct e1000_buf *buf = container_of(frame, struct e1000_buf, frame);
	struct e1000_rx *rx = &buf->nic->rx;

	buf->next = __atomic_load_n(&rx->returned, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&rx->returned, &buf->next, buf, true,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	mb();	/* the push before the look; pairs with the one in rx_refill() */
	if (READ_ONCE(rx->starved))
		work_queue(&buf->nic->dev.poll_work);
}

static void rx_collect(struct e1000_rx *rx)
{
	struct e1000_buf *buf = __atomic_exchange_n(&rx->returned, NULL, __ATOMIC_ACQUIRE);

	while (buf) {
		struct e1000_buf *next = buf->next;

		buf->next = rx->spare;
		rx->spare = buf;
		buf = next;
	}
}

/* Buffers for the empty descriptors, but one: head = tail means an empty ring (§3.2.6). */
static void rx_fill(struct e1000_rx *rx)
{
	while (rx->spare && rx_after(rx->tail) != rx->next) {
		struct e1000_buf *buf = rx->spare;

		rx->spare = buf->next;
		rx->slot[rx->tail] = buf;
		rx->desc[rx->tail] = (struct e1000_rx_desc){ .addr = cpu_to_le64(buf->phys) };
		rx->tail = rx_after(rx->tail);
	}
}

static void rx_refill(struct e1000 *nic)
{
	struct e1000_rx *rx = &nic->rx;
	unsigned int tail = rx->tail;

	WRITE_ONCE(rx->starved, false);
	rx_collect(rx);
	rx_fill(rx);
	if (rx_after(rx->tail) != rx->next) {
		WRITE_ONCE(rx->starved, true);
		mb();	/* the flag before the look; pairs with the one in rx_done() */
		rx_collect(rx);
		rx_fill(rx);
	}
	if (rx->tail != tail)
		e1000_write(nic, E1000_RDT, rx->tail);
}

/* The frame in @desc's buffer, or NULL: it is thrown away, and counted once. */
static struct frame *rx_take(struct e1000 *nic, struct e1000_buf *buf,
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
		struct e1000_buf *buf = rx->slot[rx->next];
		struct frame *frame;

		if (!(READ_ONCE(at->status) & RX_DD))
			break;
		rmb();	/* status before the rest of the descriptor and the data */
		desc = *at;
		rx->slot[rx->next] = NULL;
		rx->next = rx_after(rx->next);
		frame = rx_take(nic, buf, &desc);
		if (frame) {
			frames[nr++] = frame;
		} else {
			buf->next = rx->spare;
			rx->spare = buf;
		}
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
	rx->data_phys = mem_alloc(RX_DATA_BYTES, PAGE_SIZE, MEM_DMA);
	rx->buf = calloc(E1000_RX_BUFS, sizeof(*rx->buf));
	if (!rx->desc_phys || !rx->data_phys || !rx->buf)
		return -ENOMEM;
	rx->desc = phys_to_virt(rx->desc_phys);
	for (unsigned int i = 0; i < E1000_RX_BUFS; i++) {
		struct e1000_buf *buf = &rx->buf[i];

		buf->nic = nic;
		buf->phys = rx->data_phys + i * E1000_BUF_SIZE;
		buf->data = phys_to_virt(buf->phys);
		buf->frame.owner = nic;
		buf->frame.done = rx_done;
		buf->next = rx->spare;
		rx->spare = buf;
	}
	return 0;
}

void e1000_rx_free(struct e1000 *nic)
{
	struct e1000_rx *rx = &nic->rx;

	if (rx->desc_phys)
		mem_free(rx->desc_phys, RX_RING_BYTES, MEM_DMA);
	if (rx->data_phys)
		mem_free(rx->data_phys, RX_DATA_BYTES, MEM_DMA);
	free(rx->buf);
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
		struct e1000_buf *buf = rx->slot[i];

		if (!buf)
			continue;
		rx->slot[i] = NULL;
		buf->next = rx->spare;
		rx->spare = buf;
	}
	rx->next = 0;
	rx->tail = 0;
	rx->in_bad = false;
	WRITE_ONCE(rx->starved, false);
}
