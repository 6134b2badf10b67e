/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools of parts: a list under a lock, and a lock-free stack of those that have come back. */
#include "net/part.h"

#include <errno.h>

#include "kernel/lock.h"
#include "kernel/mem.h"
#include "net/port.h"

#define PARTS_TAKE	32	/* taken from the pool at once */

static struct part_pool {
	struct spinlock lock;		/* free */
	struct part *free;
	struct part *returned;		/* lock-free stack: put on any CPU, under any lock */
} pools[] = {				/* by port.uplink */
	{ .lock = SPINLOCK_INIT(LOCK_PARTS) }, { .lock = SPINLOCK_INIT(LOCK_PARTS) },
};

static void part_done(struct frame *frame)
{
	struct part *part = container_of(frame, struct part, frame);
	struct part_pool *pool = part->pool;
	struct frame *whole = frame->owner;

	part->next = __atomic_load_n(&pool->returned, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&pool->returned, &part->next, part, true,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	frame_put(whole);
}

static void pool_init(struct part_pool *pool, struct part *parts)
{
	for (unsigned int i = 0; i < CONFIG_OFFLOAD_FRAMES; i++) {
		struct part *part = &parts[i];

		part->pool = pool;
		part->frame.done = part_done;
		part->frame.hdr_phys = virt_to_phys(part->frame.hdr);
		part->next = pool->free;
		pool->free = part;
	}
}

int parts_init(void)
{
	static struct part *parts;
	u64 phys;

	if (parts)
		return 0;
	phys = mem_alloc(ARRAY_SIZE(pools) * CONFIG_OFFLOAD_FRAMES * sizeof(*parts), PAGE_SIZE,
			 MEM_DMA);
	if (!phys)
		return -ENOMEM;
	parts = phys_to_virt(phys);
	for (unsigned int i = 0; i < ARRAY_SIZE(pools); i++)
		pool_init(&pools[i], parts + i * CONFIG_OFFLOAD_FRAMES);
	return 0;
}

struct part *parts_take(const struct port *to)
{
	struct part_pool *pool = &pools[to->uplink];
	struct part *first, **last = &first;

	spin_lock(&pool->lock);
	if (!pool->free)
		pool->free = __atomic_exchange_n(&pool->returned, NULL, __ATOMIC_ACQUIRE);
	first = pool->free;
	for (unsigned int i = 0; i < PARTS_TAKE && *last; i++)
		last = &(*last)->next;
	pool->free = *last;
	*last = NULL;
	spin_unlock(&pool->lock);
	return first;
}

void parts_give(struct part *first)
{
	struct part **last = &first;
	struct part_pool *pool;

	if (!first)
		return;
	pool = first->pool;
	while (*last)
		last = &(*last)->next;
	spin_lock(&pool->lock);
	*last = pool->free;
	pool->free = first;
	spin_unlock(&pool->lock);
}

bool part_copy(struct frame *part, const struct frame *whole, u32 hdr_max)
{
	u32 skip = MIN(whole->len, hdr_max);

	frame_copy_out(whole, 0, part->hdr, skip);
	part->hdr_len = skip;
	part->seg[0] = (struct frame_seg){
		.ptr = part->hdr, .phys = part->hdr_phys, .len = skip,
	};
	part->nr_segs = 1;
	part->len = whole->len;
	part->flags = whole->flags;
	part->csum_start = whole->csum_start;
	part->csum_offset = whole->csum_offset;
	part->gso_size = whole->gso_size;
	part->gso_hdr_len = whole->gso_hdr_len;
	part->gso_ip_start = whole->gso_ip_start;
	for (unsigned int i = 0; i < whole->nr_segs; i++) {
		const struct frame_seg *from = &whole->seg[i];
		u32 n = MIN(skip, from->len);

		skip -= n;
		if (n == from->len)
			continue;
		if (part->nr_segs == FRAME_SEGS)
			return false;
		part->seg[part->nr_segs++] = (struct frame_seg){
			.ptr = from->ptr + n, .phys = from->phys + n, .len = from->len - n,
		};
	}
	return true;
}
