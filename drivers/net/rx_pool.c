/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/net/rx_pool.h"

#include <errno.h>
#include <stdlib.h>

#include "asm/barrier.h"
#include "kernel/mem.h"

static void push(struct rx_pool *pool, struct rx_buf *buf)
{
	buf->next = __atomic_load_n(&pool->returned, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&pool->returned, &buf->next, buf, true,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

/* struct frame's done(), any CPU. */
static void rx_done(struct frame *frame)
{
	struct rx_pool *pool = frame->owner;

	while (frame) {
		struct rx_buf *buf = container_of(frame, struct rx_buf, frame);

		frame = buf->frame.frags;
		buf->frame.frags = NULL;
		while (buf) {
			struct rx_buf *more = buf->more;

			buf->more = NULL;
			push(pool, buf);
			buf = more;
		}
	}
	mb();	/* the push before the look; pairs with the one in rx_pool_starve() */
	if (READ_ONCE(pool->starved))
		work_queue(pool->poll);
}

void rx_pool_collect(struct rx_pool *pool)
{
	struct rx_buf *buf;

	if (!READ_ONCE(pool->returned))
		return;
	buf = __atomic_exchange_n(&pool->returned, NULL, __ATOMIC_ACQUIRE);
	while (buf) {
		struct rx_buf *next = buf->next;

		rx_pool_give(pool, buf);
		buf = next;
	}
}

void rx_pool_starve(struct rx_pool *pool)
{
	WRITE_ONCE(pool->starved, true);
	mb();	/* the flag before the look; pairs with the one in rx_done() */
	rx_pool_collect(pool);
}

int rx_pool_alloc(struct rx_pool *pool, unsigned int nr, u32 size, struct work *poll)
{
	pool->nr = nr;
	pool->size = size;
	pool->poll = poll;
	pool->data_phys = mem_alloc((u64)nr * size, PAGE_SIZE, MEM_DMA);
	pool->buf = calloc(nr, sizeof(*pool->buf));
	if (!pool->data_phys || !pool->buf)
		return -ENOMEM;
	for (unsigned int i = 0; i < nr; i++) {
		struct rx_buf *buf = &pool->buf[i];

		buf->pool = pool;
		buf->phys = pool->data_phys + (u64)i * size;
		buf->data = phys_to_virt(buf->phys);
		buf->frame.owner = pool;
		buf->frame.done = rx_done;
		buf->frame.seg[0].ptr = buf->data;
		buf->frame.seg[0].phys = buf->phys;
		rx_pool_give(pool, buf);
	}
	return 0;
}

void rx_pool_free(struct rx_pool *pool)
{
	if (pool->data_phys)
		mem_free(pool->data_phys, (u64)pool->nr * pool->size, MEM_DMA);
	free(pool->buf);
}
