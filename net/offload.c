/* SPDX-License-Identifier: BSD-2-Clause */
/* What a port's offloads do not cover, done in software. */
#include "net/offload.h"

#include <errno.h>

#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "net/csum.h"
#include "net/gso.h"

#define OFFLOAD_BATCH	64	/* frames delivered at once */
#define OFFLOAD_TAKE	32	/* parts taken from the pool at once */

/* A frame of the pool; its owner is the frame that it refers to, and holds. */
struct part {
	struct frame frame;
	struct part *next;
} __aligned(64);

static struct {
	struct spinlock lock;		/* free */
	struct part *free;
	struct part *parts;		/* all of them */
	struct part *returned;		/* lock-free stack: put on any CPU, under any lock */
} pool;

struct offload {
	struct port *to;
	struct part *spare;		/* taken from the pool */
	unsigned int nr;
	struct frame *frames[OFFLOAD_BATCH];
};

/* ---- The pool ---- */

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

int offload_init(void)
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

/* A chain of up to OFFLOAD_TAKE. */
static struct part *pool_take(void)
{
	struct part *first, **last = &first;

	spin_lock(&pool.lock);
	if (!pool.free)
		pool.free = __atomic_exchange_n(&pool.returned, NULL, __ATOMIC_ACQUIRE);
	first = pool.free;
	for (unsigned int i = 0; i < OFFLOAD_TAKE && *last; i++)
		last = &(*last)->next;
	pool.free = *last;
	*last = NULL;
	spin_unlock(&pool.lock);
	return first;
}

static void pool_give(struct part *first)
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

/* ---- A batch on its way ---- */

static void offload_send(struct offload *o)
{
	if (!o->nr)
		return;
	o->to->ops->deliver(o->to, o->frames, o->nr);
	for (unsigned int i = 0; i < o->nr; i++)
		if (o->frames[i]->done == part_done)
			frame_put(o->frames[i]);
	o->nr = 0;
}

static void offload_add(struct offload *o, struct frame *frame)
{
	if (o->nr == OFFLOAD_BATCH)
		offload_send(o);
	o->frames[o->nr++] = frame;
}

/* A frame that will refer to @whole; not held yet. NULL: the receiver has them all. */
static struct part *part_get(struct offload *o, struct frame *whole)
{
	struct part *part = o->spare;

	if (!part)
		part = pool_take();
	if (unlikely(!part)) {
		offload_send(o);
		if (o->to->ops->flush)
			o->to->ops->flush(o->to);
		part = pool_take();
		if (!part)
			return NULL;
	}
	o->spare = part->next;
	part->frame.owner = whole;
	part->frame.refs = 1;
	return part;
}

static void part_drop(struct offload *o, struct part *part)
{
	part->next = o->spare;
	o->spare = part;
}

/* ---- Checksums ---- */

static void count_csum(struct offload *o)
{
	__atomic_fetch_add(&o->to->stats.sw_csums, 1, __ATOMIC_RELAXED);
}

/* @part as @whole, with a header of its own; its pieces behind that are the same. */
static bool part_copy(struct frame *part, const struct frame *whole)
{
	u32 skip = MIN(whole->len, (u32)FRAME_HDR_MAX);

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

/* In place if nobody else has the frame, otherwise in a copy of its header. */
static void offload_csum(struct offload *o, struct frame *frame)
{
	struct part *part;

	count_csum(o);
	if (frame_checksum(frame) == 0) {
		offload_add(o, frame);
		return;
	}
	part = part_get(o, frame);
	if (!part) {
		port_drop(o->to, DROP_NO_MEMORY, 1);
		return;
	}
	if (!part_copy(&part->frame, frame) || frame_checksum(&part->frame) != 0) {
		part_drop(o, part);
		port_drop(o->to, DROP_MALFORMED, 1);
		return;
	}
	frame_get(frame);
	offload_add(o, &part->frame);
}

/* ---- Large frames ---- */

static void offload_cut(struct offload *o, struct frame *frame)
{
	bool csum = !(o->to->offloads & FRAME_NEEDS_CSUM);
	struct port_stats *stats = &o->to->stats;
	struct gso_cut cut;
	u64 parts = 0;

	if (!gso_cut_init(&cut, frame)) {
		port_drop(o->to, DROP_MALFORMED, 1);
		return;
	}
	while (cut.left) {
		struct part *part = part_get(o, frame);

		if (!part) {
			port_drop(o->to, DROP_NO_MEMORY, 1);
			break;
		}
		gso_cut_next(&cut, &part->frame);
		frame_get(frame);
		if (csum) {
			frame_checksum(&part->frame);
			count_csum(o);
		}
		offload_add(o, &part->frame);
		parts++;
	}
	__atomic_fetch_add(&stats->sw_gso_frames, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&stats->sw_gso_parts, parts, __ATOMIC_RELAXED);
}

void offload_deliver(struct port *to, struct frame **frames, unsigned int nr)
{
	struct offload o;

	o.to = to;
	o.spare = NULL;
	o.nr = 0;
	for (unsigned int i = 0; i < nr; i++) {
		u16 lacks = frames[i]->flags & FRAME_OFFLOADS & (u16)~to->offloads;

		if (!lacks)
			offload_add(&o, frames[i]);
		else if (frames[i]->flags & FRAME_TSO)
			offload_cut(&o, frames[i]);
		else
			offload_csum(&o, frames[i]);
	}
	offload_send(&o);
	pool_give(o.spare);
}
