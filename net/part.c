/* SPDX-License-Identifier: BSD-2-Clause */
/* The pool of parts: a list under a lock, and a lock-free stack of those that have come back. */
#include "net/part.h"

#include <errno.h>

#include "kernel/lock.h"
#include "kernel/mem.h"

#define PARTS_TAKE	32	/* taken from the pool at once */

static struct {
	struct spinlock lock;		/* free */
	struct part *free;
	struct part *parts;		/* all of them */
	struct part *returned;		/* lock-free stack: put on any CPU, under any lock */
} pool = { .lock = SPINLOCK_INIT(LOCK_PARTS) };

static void part_done(struct frame *frame)
{
	struct part *part = container_of(frame, struct part, frame);
	struct frame *whole = frame->owner;

	part->next = __atomic_load_n(&pool.returned, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&pool.returned, &part->next, part, true,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	frame_put(whole);
}

int parts_init(void)
{
	u64 phys;

	if (pool.parts)
		return 0;
	phys = mem_alloc(CONFIG_OFFLOAD_FRAMES * sizeof(struct part), PAGE_SIZE, MEM_DMA);
	if (!phys)
		return -ENOMEM;
	pool.parts = phys_to_virt(phys);
	for (unsigned int i = 0; i < CONFIG_OFFLOAD_FRAMES; i++) {
		struct part *part = &pool.parts[i];

		part->frame.done = part_done;
		part->frame.hdr_phys = virt_to_phys(part->frame.hdr);
		part->next = pool.free;
		pool.free = part;
	}
	return 0;
}

struct part *parts_take(void)
{
	struct part *first, **last = &first;

	spin_lock(&pool.lock);
	if (!pool.free)
		pool.free = __atomic_exchange_n(&pool.returned, NULL, __ATOMIC_ACQUIRE);
	first = pool.free;
	for (unsigned int i = 0; i < PARTS_TAKE && *last; i++)
		last = &(*last)->next;
	pool.free = *last;
	*last = NULL;
	spin_unlock(&pool.lock);
	return first;
}

void parts_give(struct part *first)
{
	struct part **last = &first;

	if (!first)
		return;
	while (*last)
		last = &(*last)->next;
	spin_lock(&pool.lock);
	*last = pool.free;
	pool.free = first;
	spin_unlock(&pool.lock);
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
