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

#define RX_BATCH	64	/* frames given to the switch at once */
#define RX_RING_BYTES	(E1000_RX_DESCS * sizeof(struct e1000_rx_desc))

static unsigned int rx_after(unsigned int i)
{
	return (i + 1) & (E1000_RX_DESCS - 1);
}

static inline void rx_put_desc(struct e1000_rx *rx, unsigned int i, struct rx_buf *buf)
{
	rx->slot[i] = buf;
	rx->desc[i] = (struct e1000_rx_desc){ .addr = cpu_to_le64(buf->phys) };
}

/* Buffers for the empty descriptors, but one: head = tail means an empty ring (§3.2.6). */
static void rx_fill(struct e1000_rx *rx)
{
	unsigned int tail = rx->tail;
	const unsigned int next = rx->next;

	while (rx_after(tail) != next) {
		struct rx_buf *buf = rx_pool_take(&rx->pool);

		if (!buf)
			break;
		rx_put_desc(rx, tail, buf);
		tail = rx_after(tail);
	}
	rx->tail = tail;
}

/* A frame that nobody has any more: its buffers were in the ring, where there is room for them. */
static inline void rx_reuse(struct e1000_rx *rx, struct frame *frame)
{
	unsigned int tail = rx->tail;

	while (frame) {
		struct rx_buf *buf = container_of(frame, struct rx_buf, frame);

		frame = buf->frame.frags;
		buf->frame.frags = NULL;
		rx_put_desc(rx, tail, buf);
		tail = rx_after(tail);
	}
	rx->tail = tail;
}

void e1000_rx_refill(struct e1000_queue *q)
{
	struct e1000_rx *rx = &q->rx;

	rx_pool_begin(&rx->pool);
	rx_fill(rx);
	if (rx_after(rx->tail) != rx->next) {
		rx_pool_starve(&rx->pool);
		rx_fill(rx);
	}
	if (rx->tail == rx->tail_written)
		return;
	e1000_queue_write(q, E1000_RDT, rx->tail);
	rx->tail_written = rx->tail;
}

/* Both kinds have the buffer's address in front, and this behind it. */
static u64 rx_written(const struct e1000_rx *rx, unsigned int i)
{
	u64 w = le64_to_cpu(READ_ONCE(rx->desc[i].written));

	if (likely(!rx->extended))
		return w;
	return (u16)(w >> RX_EXT_LENGTH_SHIFT) |
	       (u64)(u8)(w >> RX_EXT_STATUS_SHIFT) << RX_STATUS_SHIFT |
	       (u64)(u8)(w >> RX_EXT_ERRORS_SHIFT) << RX_ERRORS_SHIFT;
}

#define RX_STATUS(bits)	((u64)(bits) << RX_STATUS_SHIFT)
#define RX_ERRORS(bits)	((u64)(bits) << RX_ERRORS_SHIFT)

static bool rx_len_ok(u64 written)
{
	u32 len = (u16)written;

	return len - FRAME_LEN_MIN <= E1000_BUF_SIZE - FRAME_LEN_MIN;
}

/* A whole frame without errors in one buffer: in @written, and with a length that can be. */
static bool rx_is_good(u64 written)
{
	return (written & (RX_STATUS(RX_EOP) | RX_ERRORS(RX_FRAME_BAD))) == RX_STATUS(RX_EOP) &&
	       rx_len_ok(written);
}

/* All that is looked at, and how it is in most: a whole frame, and its checksum is right. */
#define RX_LOOKED_AT	(RX_STATUS(RX_DD | RX_EOP | RX_IXSM | RX_TCPCS) | \
			 RX_ERRORS(RX_FRAME_BAD | RX_TCPE))
#define RX_USUAL	RX_STATUS(RX_DD | RX_EOP | RX_TCPCS)

static bool rx_is_usual(u64 written)
{
	return (written & RX_LOOKED_AT) == RX_USUAL && rx_len_ok(written);
}

/* §3.2.9: the checksum was calculated and is right. */
static u16 rx_csum(u64 written)
{
	return (written & (RX_STATUS(RX_IXSM | RX_TCPCS) | RX_ERRORS(RX_TCPE))) ==
	       RX_STATUS(RX_TCPCS) ? FRAME_CSUM_VALID : 0;
}

/* Thrown away, and counted once: what needs two buffers is longer than RCTL lets in. */
static void rx_bad(struct e1000_queue *q, struct rx_buf *buf, u64 written)
{
	bool eop = written & RX_STATUS(RX_EOP);

	q->rx.in_bad = !eop;
	q->nq.stats.rx_errors += eop;
	rx_pool_give(&q->rx.pool, buf);
}

static inline struct frame *rx_frame(struct rx_buf *buf, u64 written, u16 flags)
{
	struct frame *frame = &buf->frame;

	frame->seg[0].len = frame->len = (u16)written;
	frame->nr_segs = 1;
	frame->flags = flags;
	frame->refs = 1;
	return frame;
}

/* Up to @max frames out of the ring; *looked: descriptors emptied. */
static unsigned int rx_harvest(struct e1000_queue *q, struct frame **frames, unsigned int max,
			       unsigned int *looked)
{
	struct e1000_rx *rx = &q->rx;
	const unsigned int filled = (rx->tail - rx->next) & (E1000_RX_DESCS - 1);
	unsigned int next = rx->next, left = MIN(max, filled);
	struct frame **to = frames;
	u64 bytes = 0;

	*looked = left;
	for (; left; left--) {
		u64 written = rx_written(rx, next);
		struct rx_buf *buf = rx->slot[next];

		if (likely(rx_is_usual(written) && !rx->in_bad)) {
			*to++ = rx_frame(buf, written, FRAME_CSUM_VALID);
			bytes += (u16)written;
		} else if (!(written & RX_STATUS(RX_DD))) {
			break;
		} else if (rx_is_good(written) && !rx->in_bad) {
			*to++ = rx_frame(buf, written, rx_csum(written));
			bytes += (u16)written;
		} else {
			rx_bad(q, buf, written);
		}
		next = rx_after(next);
	}
	rmb();	/* the descriptors before the data, which is looked at from here on */
	WRITE_ONCE(rx->next, next);
	q->nq.stats.rx_packets += (u64)(to - frames);
	q->nq.stats.rx_bytes += bytes;
	*looked -= left;
	return (unsigned int)(to - frames);
}

bool e1000_rx_poll(struct e1000_queue *q, unsigned int budget)
{
	struct frame *frames[RX_BATCH];
	unsigned int looked;

	while (budget) {
		unsigned int want = MIN(budget, (unsigned int)RX_BATCH);
		unsigned int nr = rx_harvest(q, frames, want, &looked);

		nr = netdev_receive(&q->nq, frames, nr);
		for (unsigned int i = 0; i < nr; i++) {
			if (rx_pool_sole(frames[i]))
				rx_reuse(&q->rx, frames[i]);
			else
				frame_put(frames[i]);
		}
		e1000_rx_refill(q);
		if (looked < want)
			return false;
		budget -= looked;
	}
	return e1000_rx_pending(q);
}

bool e1000_rx_pending(const struct e1000_queue *q)
{
	unsigned int next = READ_ONCE(q->rx.next);

	return next != READ_ONCE(q->rx.tail) && (rx_written(&q->rx, next) & RX_STATUS(RX_DD));
}

int e1000_rx_alloc(struct e1000_queue *q)
{
	struct e1000_rx *rx = &q->rx;

	rx->desc_phys = mem_alloc(RX_RING_BYTES, PAGE_SIZE, MEM_DMA);
	if (!rx->desc_phys)
		return -ENOMEM;
	rx->desc = phys_to_virt(rx->desc_phys);
	return rx_pool_alloc(&rx->pool, E1000_RX_BUFS, E1000_BUF_SIZE, &q->nq.poll_work);
}

void e1000_rx_free(struct e1000_queue *q)
{
	struct e1000_rx *rx = &q->rx;

	if (rx->desc_phys)
		mem_free(rx->desc_phys, RX_RING_BYTES, MEM_DMA);
	rx_pool_free(&rx->pool);
}

/* §14.4 */
void e1000_rx_start(struct e1000_queue *q)
{
	struct e1000_rx *rx = &q->rx;

	e1000_queue_write(q, E1000_RDBAL, (u32)rx->desc_phys);
	e1000_queue_write(q, E1000_RDBAH, (u32)(rx->desc_phys >> 32));
	e1000_queue_write(q, E1000_RDLEN, RX_RING_BYTES);
	e1000_queue_write(q, E1000_RDH, 0);
	e1000_queue_write(q, E1000_RDT, 0);
	rx->extended = q->nic->dev.nr_queues > 1;
}

void e1000_rx_stop(struct e1000_queue *q)
{
	struct e1000_rx *rx = &q->rx;

	for (unsigned int i = rx->next; i != rx->tail; i = rx_after(i))
		rx_pool_give(&rx->pool, rx->slot[i]);
	rx->next = 0;
	rx->tail = rx->tail_written = 0;
	rx->in_bad = false;
	WRITE_ONCE(rx->pool.starved, false);
}
