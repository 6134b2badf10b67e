/* SPDX-License-Identifier: BSD-2-Clause */
/* What a port's offloads do not cover, done in software. */
#include "net/offload.h"

#include "net/csum.h"
#include "net/gso.h"
#include "net/part.h"

#define OFFLOAD_BATCH	64	/* frames delivered at once */

struct offload {
	struct port *to;
	struct part *spare;		/* taken from the pool */
	unsigned int nr;
	u64 own;			/* which of them are parts made here */
	struct frame *frames[OFFLOAD_BATCH];
};

/* ---- A batch on its way ---- */

static void offload_send(struct offload *o)
{
	if (!o->nr)
		return;
	o->to->ops->deliver(o->to, o->frames, o->nr);
	for (; o->own; o->own &= o->own - 1)
		frame_put(o->frames[__builtin_ctzll(o->own)]);
	o->nr = 0;
}

static void offload_add(struct offload *o, struct frame *frame)
{
	if (o->nr == OFFLOAD_BATCH)
		offload_send(o);
	o->frames[o->nr++] = frame;
}

/* @part goes when it has been delivered, if nobody keeps it. */
static void offload_add_part(struct offload *o, struct part *part)
{
	offload_add(o, &part->frame);
	o->own |= BIT_ULL(o->nr - 1);
}

/* A frame that will refer to @whole; not held yet. NULL: the receiver has them all. */
static struct part *part_get(struct offload *o, struct frame *whole)
{
	struct part *part = o->spare;

	if (!part)
		part = parts_take(o->to);
	if (unlikely(!part)) {
		offload_send(o);
		if (o->to->ops->flush)
			o->to->ops->flush(o->to);
		part = parts_take(o->to);
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
	if (!part_copy(&part->frame, frame, FRAME_HDR_MAX) || frame_checksum(&part->frame) != 0) {
		part_drop(o, part);
		port_drop(o->to, DROP_MALFORMED, 1);
		return;
	}
	frame_get(frame);
	offload_add_part(o, part);
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
		offload_add_part(o, part);
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
	o.own = 0;
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
	parts_give(o.spare);
}
