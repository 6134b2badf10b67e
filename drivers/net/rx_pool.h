/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receive buffers of a NIC's queue, which become the frames themselves: the last frame_put(), on
 * any CPU, makes them spare buffers again. All else on the CPU of the queue's poll.
 */
#ifndef DRIVERS_NET_RX_POOL_H
#define DRIVERS_NET_RX_POOL_H

#include "kernel/work.h"
#include "net/frame.h"

struct rx_pool;

struct rx_buf {
	struct frame frame;		/* for the switch: owner, done and seg[0] but its len set */
	struct rx_buf *next;		/* among the spare or returned ones */
	struct rx_buf *more;		/* of a frame in several buffers: the next one */
	struct rx_pool *pool;
	u8 *data;
	u64 phys;
};

struct rx_pool {
	struct rx_buf *spare;
	struct rx_buf *returned;	/* pushed by done(), all taken at once */
	bool starved;			/* done() must queue the poll */
	struct work *poll;
	struct rx_buf *buf;		/* [nr] */
	u64 data_phys;
	unsigned int nr;
	u32 size;
};

/* @nr buffers of @size bytes, a power of two. -ENOMEM: rx_pool_free() is due all the same. */
int rx_pool_alloc(struct rx_pool *pool, unsigned int nr, u32 size, struct work *poll);
void rx_pool_free(struct rx_pool *pool);

/* The spare ones are those that were returned, too, from now on. */
void rx_pool_collect(struct rx_pool *pool);

/*
 * Filling a ring: begin, take buffers until the ring is full; if it is not, starve, and take
 * what came back meanwhile. What comes back after that queues the poll.
 */
static inline void rx_pool_begin(struct rx_pool *pool)
{
	WRITE_ONCE(pool->starved, false);
	rx_pool_collect(pool);
}

/* The ring is not full and nothing is spare: see rx_pool_begin(). */
void rx_pool_starve(struct rx_pool *pool);

static inline struct rx_buf *rx_pool_take(struct rx_pool *pool)
{
	struct rx_buf *buf = pool->spare;

	if (buf)
		pool->spare = buf->next;
	return buf;
}

/* One that is no frame, or that nobody else has. */
static inline void rx_pool_give(struct rx_pool *pool, struct rx_buf *buf)
{
	buf->next = pool->spare;
	pool->spare = buf;
}

/*
 * Is the poll's reference the last one, and the frame in one buffer? Only who has a reference can
 * take another; acquire: what others read, they have read.
 */
static inline bool rx_pool_sole(const struct frame *frame)
{
	const struct rx_buf *buf = container_of(frame, struct rx_buf, frame);

	return likely(!buf->more && __atomic_load_n(&frame->refs, __ATOMIC_ACQUIRE) == 1);
}

/* The poll's own reference. Mostly it is the last: whoever wanted the frame has copied it. */
static inline void rx_pool_put(struct rx_pool *pool, struct frame *frame)
{
	if (!rx_pool_sole(frame)) {
		frame_put(frame);
		return;
	}
	while (frame) {
		struct rx_buf *buf = container_of(frame, struct rx_buf, frame);

		frame = buf->frame.frags;
		buf->frame.frags = NULL;
		rx_pool_give(pool, buf);
	}
}

#endif
