/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chains in flight, noted: vhost-user.rst §Inflight I/O tracking has the steps, and why their
 * order lets a process be killed between any two of them. What is taken is noted before it is
 * handed out; what is given back is linked to a list, published, and only then forgotten: who
 * finds the list sees by the ring whether the driver has been told.
 */
#include "virtio/ring_inflight.h"

#include <stdlib.h>
#include <string.h>

#include "virtio/ring_impl.h"

struct again {			/* a chain to be taken again */
	u64 counter;
	u16 entry;		/* split: its head */
	u16 num;		/* packed: descriptors, */
	u32 kept;		/* from kept[] on */
};

struct ring_inflight {
	union {
		struct inflight_split *split;
		struct inflight_packed *packed;
	};
	u64 counter;		/* next */
	struct again *again;	/* in order */
	struct ring_desc *kept;
	u16 nr_again;		/* 0 when unpopping cannot come to them any more */
	u16 again_base;		/* split: the avail index of the first */
	u16 *pushed;		/* heads, since the last publication */
	unsigned int nr_pushed;
	u16 *entry;		/* packed, by id: its chain's first entry */
	/* Packed, by entry: our own copies of the lists. */
	u16 free_head, *next, *last;
};

u64 ring_inflight_size(bool packed, u16 entries)
{
	u64 size = packed ?
		sizeof(struct inflight_packed) + entries * sizeof(struct inflight_packed_desc) :
		sizeof(struct inflight_split) + entries * sizeof(struct inflight_split_desc);

	return ALIGN_UP(size, (u64)INFLIGHT_ALIGN);
}

/* ---- Taking ---- */

/* Chains taken since the ring was enabled, as long as there may be some to be taken again. */
static u16 again_at(const struct ring *ring)
{
	return ring->packed ? ring->taken_at :
			      (u16)(ring->last_avail - ring->inflight->again_base);
}

bool ring_inflight_left(const struct ring *ring)
{
	return ring->inflight && again_at(ring) < ring->inflight->nr_again;
}

static void note_split(struct ring_inflight *t, u16 head)
{
	struct inflight_split_desc *d = &t->split->desc[head];

	WRITE_ONCE(d->counter, t->counter++);
	wmb();
	WRITE_ONCE(d->inflight, 1);
}

/*
 * The descriptors are read once more, for a later process that checks its copies as any others;
 * this one does not use them.
 */
static void note_packed(struct ring *ring, u16 head, u16 pos)
{
	struct ring_inflight *t = ring->inflight;
	u16 descs = ring->in_use[head] & HEAD_DESCS, first = t->free_head, e = first;
	struct inflight_packed_desc *to = t->packed->desc;

	for (u16 i = 0; i < descs; i++) {
		const volatile struct virtq_pdesc *d = &ring->pdesc[pos];

		to[e].addr = d->addr;
		to[e].len = d->len;
		to[e].id = d->id;
		to[e].flags = d->flags;
		t->last[first] = e;
		e = t->next[e];
		pos = (u16)(pos + 1) == ring->num ? 0 : pos + 1;
	}
	t->entry[head] = first;
	t->free_head = e;
	to[first].last = t->last[first];
	to[first].num = descs;
	to[first].counter = t->counter++;
	wmb();
	WRITE_ONCE(t->packed->free_head, e);
	WRITE_ONCE(to[first].inflight, 1);
	wmb();
	WRITE_ONCE(t->packed->old_free_head, e);	/* until now it was not taken */
}

static int take_again(struct ring *ring, struct ring_chain *c, struct ring_seg *seg,
		      unsigned int max_segs)
{
	struct ring_inflight *t = ring->inflight;
	const struct again *a = &t->again[again_at(ring)];
	int got;

	if (!ring->packed)
		return ring_split_take(ring, c, seg, a->entry, max_segs);
	got = ring_packed_take(ring, c, seg, &t->kept[a->kept], a->num, max_segs);
	if (got >= 0)
		t->entry[c->head] = a->entry;
	return got;
}

static void take_back(struct ring *ring, unsigned int n)
{
	if (ring->packed)
		ring_packed_unpop(ring, n);
	else
		ring_split_unpop(ring, n);
}

static unsigned int take_new(struct ring *ring, struct ring_chain *chain, unsigned int max,
			     struct ring_seg *seg, unsigned int nr_segs, unsigned int max_segs)
{
	u16 pos = ring->last_avail;
	unsigned int n = ring->packed ?
		ring_packed_pop(ring, chain, max, seg, nr_segs, max_segs) :
		ring_split_pop(ring, chain, max, seg, nr_segs, max_segs);

	/* The driver cannot know of what is pushed: it has posted more than the ring holds. */
	if (unlikely(ring->in_flight + ring->pending > ring->num)) {
		take_back(ring, n);
		ring_break(ring, RING_BAD_AVAIL_IDX, pos);
		return 0;
	}
	for (unsigned int i = 0; i < n; i++) {
		if (!ring->packed) {
			note_split(ring->inflight, chain[i].head);
			continue;
		}
		note_packed(ring, chain[i].head, pos);
		pos += ring->in_use[chain[i].head] & HEAD_DESCS;
		pos -= pos >= ring->num ? ring->num : 0;
	}
	return n;
}

unsigned int ring_inflight_pop(struct ring *ring, struct ring_chain *chain, unsigned int max,
			       struct ring_seg *seg, unsigned int nr_segs, unsigned int max_segs)
{
	struct ring_inflight *t = ring->inflight;
	unsigned int n;

	if (unlikely(ring->broken))
		return 0;
	for (n = 0; ring_inflight_left(ring); n++) {
		int got;

		if (n == max || nr_segs < max_segs)
			return n;
		got = take_again(ring, &chain[n], seg, max_segs);
		if (got < 0)
			return n;
		seg += got;
		nr_segs -= (unsigned int)got;
	}
	/* As many since cannot all be in flight: what was taken again has been given back. */
	if (t->nr_again && again_at(ring) >= t->nr_again + ring->num)
		t->nr_again = 0;
	if (n == max || nr_segs < max_segs)
		return n;
	return n + take_new(ring, chain + n, max - n, seg, nr_segs, max_segs);
}

/* As if not taken; what was to be taken again still is. */
static void forget_last(struct ring *ring)
{
	struct ring_inflight *t = ring->inflight;
	u16 head = ring->taken[(ring->packed ? ring->taken_at - 1 : ring->last_avail - 1) &
			       ring->taken_mask];
	u16 first;

	if ((u16)(again_at(ring) - 1) < t->nr_again)
		return;
	if (!ring->packed) {
		WRITE_ONCE(t->split->desc[head].inflight, 0);
		return;
	}
	first = t->entry[head];
	t->next[t->last[first]] = t->free_head;
	t->free_head = first;
	t->packed->desc[t->last[first]].next = t->next[t->last[first]];
	wmb();
	WRITE_ONCE(t->packed->free_head, first);
	WRITE_ONCE(t->packed->old_free_head, first);
	wmb();	/* whatever is in the free list is not in flight */
	WRITE_ONCE(t->packed->desc[first].inflight, 0);
}

void ring_inflight_unpop(struct ring *ring, unsigned int n)
{
	while (n--) {
		forget_last(ring);
		take_back(ring, 1);
	}
}

/* ---- Giving back ---- */

/* With IN_ORDER only those whose turn has come: [@from, @to) of taken[]. */
static void pushed_in_turn(struct ring *ring, u16 from, u16 to)
{
	struct ring_inflight *t = ring->inflight;

	for (; from != to; from++)
		t->pushed[t->nr_pushed++] = ring->taken[from & ring->taken_mask];
}

void ring_inflight_push(struct ring *ring, const struct ring_used *used, unsigned int n)
{
	struct ring_inflight *t = ring->inflight;
	u16 from = ring->packed ? ring->taken_done : ring->used_idx;

	if (ring->packed)
		ring_packed_push(ring, used, n);
	else
		ring_split_push(ring, used, n);
	if (ring->in_order)
		pushed_in_turn(ring, from, ring->packed ? ring->taken_done : ring->used_idx);
	for (unsigned int i = 0; !ring->in_order && i < n; i++)
		t->pushed[t->nr_pushed++] = (u16)used[i].head;
}

static bool publish_split(struct ring *ring)
{
	struct ring_inflight *t = ring->inflight;
	struct inflight_split *to = t->split;
	u16 head = to->last_batch_head;
	bool wanted;

	for (unsigned int i = 0; i < t->nr_pushed; i++) {
		WRITE_ONCE(to->desc[t->pushed[i]].next, head);
		head = t->pushed[i];
	}
	wmb();
	WRITE_ONCE(to->last_batch_head, head);
	wanted = ring_split_publish(ring);
	for (unsigned int i = 0; i < t->nr_pushed; i++)
		WRITE_ONCE(to->desc[t->pushed[i]].inflight, 0);
	wmb();
	WRITE_ONCE(to->used_idx, ring->used_idx);
	return wanted;
}

/*
 * The wrap counter before the index: who finds the two from before and after sees that they
 * differ, and that the ring has the new ones.
 */
static void packed_settle(struct inflight_packed *to)
{
	wmb();
	WRITE_ONCE(to->old_free_head, to->free_head);
	wmb();
	WRITE_ONCE(to->old_used_wrap_counter, to->used_wrap_counter);
	wmb();
	WRITE_ONCE(to->old_used_idx, to->used_idx);
}

static bool publish_packed(struct ring *ring)
{
	struct ring_inflight *t = ring->inflight;
	struct inflight_packed *to = t->packed;
	bool wanted;

	for (unsigned int i = 0; i < t->nr_pushed; i++) {
		u16 first = t->entry[t->pushed[i]], last = t->last[first];

		to->desc[last].next = t->next[last] = t->free_head;
		t->free_head = first;
	}
	WRITE_ONCE(to->free_head, t->free_head);
	WRITE_ONCE(to->used_idx, ring->used_idx);
	WRITE_ONCE(to->used_wrap_counter, ring->used_wrap);
	wmb();
	wanted = ring_packed_publish(ring);
	for (unsigned int i = 0; i < t->nr_pushed; i++)
		WRITE_ONCE(to->desc[t->entry[t->pushed[i]]].inflight, 0);
	packed_settle(to);
	return wanted;
}

bool ring_inflight_publish(struct ring *ring)
{
	bool wanted = ring->packed ? publish_packed(ring) : publish_split(ring);

	ring->inflight->nr_pushed = 0;
	return wanted;
}

/* ---- What is found ---- */

static int refuse(struct ring_inflight_area *area, const char *why)
{
	area->why = why;
	return -EINVAL;
}

static int by_counter(const void *a, const void *b)
{
	u64 x = ((const struct again *)a)->counter, y = ((const struct again *)b)->counter;

	return (x > y) - (x < y);
}

static int again_sort(struct ring_inflight *t, struct ring_inflight_area *area)
{
	qsort(t->again, t->nr_again, sizeof(*t->again), by_counter);
	for (unsigned int i = 1; i < t->nr_again; i++)
		if (t->again[i].counter == t->again[i - 1].counter)
			return refuse(area, "two chains with the same counter");
	t->counter = t->nr_again ? t->again[t->nr_again - 1].counter + 1 : 0;
	return t->nr_again && !t->counter ? refuse(area, "a counter at its end") : 0;
}

/* The last batch, if the driver has been told of it, has been given back. */
static int split_finish(struct ring *ring, struct ring_inflight_area *area)
{
	struct inflight_split *from = ring->inflight->split;
	u16 idx = le16_to_cpu(ring->used->idx), n = (u16)(idx - from->used_idx);
	u16 head = from->last_batch_head;

	if (n > ring->num)
		return refuse(area, "used index too far behind the ring's");
	while (n--) {
		if (head >= ring->num)
			return refuse(area, "last batch's list leads outside the ring");
		WRITE_ONCE(from->desc[head].inflight, 0);
		head = READ_ONCE(from->desc[head].next);
	}
	wmb();
	WRITE_ONCE(from->used_idx, idx);
	ring->used_idx = ring->last_avail = ring->inflight->again_base = idx;
	return 0;
}

static int split_restore(struct ring *ring, struct ring_inflight_area *area)
{
	struct ring_inflight *t = ring->inflight;
	int err = split_finish(ring, area);

	for (u16 i = 0; !err && i < area->entries; i++) {
		struct inflight_split_desc d = t->split->desc[i];

		if (!d.inflight)
			continue;
		if (d.inflight != 1 || i >= ring->num)
			return refuse(area, "a chain in flight that is outside the ring");
		t->again[t->nr_again++] = (struct again){ .counter = d.counter, .entry = i };
	}
	ring->avail_seen = (u16)(ring->last_avail + t->nr_again);
	return err ? err : again_sort(t, area);
}

static void split_init(struct ring *ring, u16 entries)
{
	struct inflight_split *to = ring->inflight->split;

	memset(to->desc, 0, entries * sizeof(to->desc[0]));
	to->desc_num = entries;
	to->last_batch_head = 0;
	to->used_idx = ring->used_idx;
	ring->inflight->again_base = ring->last_avail;
}

/* A batch of which the driver has been told stays given back, another one never was. */
static int packed_finish(struct ring *ring, struct ring_inflight_area *area)
{
	struct inflight_packed *at = ring->inflight->packed;
	u16 pos = READ_ONCE(at->used_idx), old_pos = READ_ONCE(at->old_used_idx);
	u8 wrap = READ_ONCE(at->used_wrap_counter), old_wrap = READ_ONCE(at->old_used_wrap_counter);

	if (pos >= ring->num || old_pos >= ring->num)
		return refuse(area, "used index outside the ring");
	if (wrap > 1 || old_wrap > 1)
		return refuse(area, "wrap counter neither 0 nor 1");
	if ((pos != old_pos || wrap != old_wrap) &&
	    !ring_packed_is_avail(ring, old_pos, old_wrap)) {
		packed_settle(at);
	} else {
		WRITE_ONCE(at->free_head, at->old_free_head);
		WRITE_ONCE(at->used_wrap_counter, wrap = old_wrap);
		WRITE_ONCE(at->used_idx, pos = old_pos);
	}
	ring->used_idx = ring->last_avail = pos;
	ring->used_wrap = ring->avail_wrap = wrap;
	return 0;
}

#define ENTRY_FREE	0xffff		/* in last[]: of the free list; others while it is walked */
#define ENTRY_UNSEEN	0xfffe

static int packed_free_list(struct ring_inflight *t, struct ring_inflight_area *area)
{
	u16 e = READ_ONCE(t->packed->free_head);

	t->free_head = e;
	for (u16 i = 0; i < area->entries; i++)
		t->last[i] = ENTRY_UNSEEN;
	while (e != area->entries) {
		if (e > area->entries || t->last[e] != ENTRY_UNSEEN)
			return refuse(area, "free list that leads outside or in a circle");
		t->last[e] = ENTRY_FREE;
		WRITE_ONCE(t->packed->desc[e].inflight, 0);
		e = t->next[e] = READ_ONCE(t->packed->desc[e].next);
	}
	return 0;
}

/* The chain from entry @first on; *kept: descriptors kept so far. */
static int packed_chain(struct ring *ring, struct ring_inflight_area *area, u16 first, u32 *kept)
{
	struct ring_inflight *t = ring->inflight;
	const struct inflight_packed_desc *head = &t->packed->desc[first];
	u16 e = first, last = first, num = READ_ONCE(head->num);

	if (head->inflight != 1 || !num || num > ring->num - *kept)
		return refuse(area, "a chain in flight longer than the ring");
	t->again[t->nr_again++] = (struct again){
		.counter = head->counter, .entry = first, .num = num, .kept = *kept,
	};
	for (u16 i = 0; i < num; i++) {
		if (e >= area->entries || t->last[e] != ENTRY_UNSEEN)
			return refuse(area, "a chain in flight that leads into another or outside");
		t->kept[(*kept)++] = (struct ring_desc){
			.addr = t->packed->desc[e].addr, .len = t->packed->desc[e].len,
			.flags = t->packed->desc[e].flags, .next = t->packed->desc[e].id,
		};
		t->last[e] = last = e;
		e = t->next[e] = READ_ONCE(t->packed->desc[e].next);
	}
	t->last[first] = last;
	return last == head->last ? 0 : refuse(area, "a chain in flight whose end is elsewhere");
}

static int packed_restore(struct ring *ring, struct ring_inflight_area *area)
{
	struct ring_inflight *t = ring->inflight;
	u32 kept = 0;
	int err = packed_finish(ring, area);

	if (!err)
		err = packed_free_list(t, area);
	for (u16 i = 0; !err && i < area->entries; i++)
		if (t->last[i] == ENTRY_UNSEEN && t->packed->desc[i].inflight)
			err = packed_chain(ring, area, i, &kept);
	for (u16 i = 0; !err && i < area->entries; i++)
		if (t->last[i] == ENTRY_UNSEEN)
			err = refuse(area, "an entry neither free nor in flight");
	return err ? err : again_sort(t, area);
}

static void packed_init(struct ring *ring, u16 entries)
{
	struct ring_inflight *t = ring->inflight;
	struct inflight_packed *to = t->packed;

	memset(to->desc, 0, entries * sizeof(to->desc[0]));
	for (u16 i = 0; i < entries; i++)
		to->desc[i].next = t->next[i] = i + 1;
	to->desc_num = entries;
	to->free_head = to->old_free_head = 0;
	to->used_idx = to->old_used_idx = ring->used_idx;
	to->used_wrap_counter = to->old_used_wrap_counter = ring->used_wrap;
}

/* Our side of it, in one allocation. */
static int alloc(struct ring *ring, const struct ring_inflight_area *area)
{
	size_t num = ring->taken_mask + 1u, entries = area->entries;
	struct ring_inflight *t = calloc(1, sizeof(*t) + num * sizeof(*t->again) +
					    num * sizeof(*t->kept) +
					    2 * (num + entries) * sizeof(u16));

	if (!t)
		return -ENOMEM;
	t->again = (struct again *)(t + 1);
	t->kept = (struct ring_desc *)(t->again + num);
	t->pushed = (u16 *)(t->kept + num);
	t->entry = t->pushed + num;
	t->next = t->entry + num;
	t->last = t->next + entries;
	t->split = area->mem;
	ring->inflight = t;
	return 0;
}

static int restore(struct ring *ring, struct ring_inflight_area *area)
{
	const struct inflight_split *head = area->mem;	/* as the other one begins */

	if (head->version != INFLIGHT_VERSION || head->features)
		return refuse(area, "version or features unknown");
	if (head->desc_num != area->entries)
		return refuse(area, "another number of entries than was said");
	return ring->packed ? packed_restore(ring, area) : split_restore(ring, area);
}

int ring_inflight_enable(struct ring *ring, struct ring_inflight_area *area)
{
	struct inflight_split *head = area->mem;
	int err;

	area->why = NULL;
	if (area->entries < ring->num || area->entries > RING_SIZE_MAX)
		return refuse(area, "fewer entries than the ring has");
	err = alloc(ring, area);
	if (err)
		return err;
	if (head->version)
		err = restore(ring, area);
	else if (ring->packed)
		packed_init(ring, area->entries);
	else
		split_init(ring, area->entries);
	if (err)
		return err;
	head->features = 0;
	wmb();
	WRITE_ONCE(head->version, INFLIGHT_VERSION);
	ring->path = RING_PATH_INFLIGHT;
	return 0;
}
