/* SPDX-License-Identifier: BSD-2-Clause */
/* The split virtqueue, virtio 1.2 §2.7. */
#include <string.h>

#include "virtio/ring_impl.h"

/* ---- Available ---- */

/* How many there are, with a fresh look at the index; 0 if it breaks the ring. */
static inline unsigned int avail_update(struct ring *ring)
{
	u16 idx = le16_to_cpu(ring->avail->idx);
	u16 n = (u16)(idx - ring->last_avail);

	/* Those in flight take up entries too; ring->taken relies on it. */
	if (unlikely(n > ring->num - ring->in_flight)) {
		ring_break(ring, RING_BAD_AVAIL_IDX, idx);
		return 0;
	}
	ring->avail_seen = idx;
	rmb();	/* entries after the index; pairs with the driver's, virtio 1.2 §2.7.13.3 */
	return n;
}

unsigned int ring_split_available(struct ring *ring)
{
	u16 n = (u16)(ring->avail_seen - ring->last_avail);

	return n ? n : avail_update(ring);
}

bool ring_split_more(const struct ring *ring)
{
	return le16_to_cpu(ring->avail->idx) != ring->last_avail;
}

/* ---- Taking chains ---- */

/* One read of each half. */
static inline struct ring_desc desc_read(const volatile struct virtq_desc *table, u32 i)
{
	struct __packed u64_unaligned { u64 v; };	/* an indirect table may lie anywhere */
	const volatile struct virtq_desc *d = &table[i];
	u64 rest = ((const volatile struct u64_unaligned *)&d->len)->v;

	return (struct ring_desc){
		.addr = ((const volatile struct u64_unaligned *)&d->addr)->v,
		.len = (u32)rest, .flags = (u16)(rest >> 32), .next = (u16)(rest >> 48),
	};
}

/* A table that is being walked: the ring's own or an indirect one. */
struct table {
	const volatile struct virtq_desc *desc;
	u32 entries;
	u32 links;		/* seen so far */
	bool indirect;		/* not told by desc: it may name the ring's own table */
};

static inline int table_enter(struct ring *ring, struct table *t, const struct ring_desc *d)
{
	if (unlikely(t->indirect))
		return ring_fail(ring, RING_BAD_INDIRECT, d->flags);
	t->desc = ring_table(ring, d->addr, d->len, d->flags);
	t->entries = d->len / sizeof(*t->desc);
	t->links = 0;
	t->indirect = true;
	return t->desc ? 0 : -EPROTO;
}

/* Any chain; @d is a copy of its first descriptor. */
__attribute__((noinline))
static int chain_walk(struct ring *ring, struct ring_chain *c, struct ring_seg *seg,
			     u16 head, struct ring_desc d, unsigned int max_segs)
{
	struct table t = { .desc = ring->desc, .entries = ring->num };
	struct ring_walk w = { .seg = seg };

	for (;;) {
		if (unlikely(t.links++ == t.entries))
			return ring_fail(ring, RING_CHAIN_LOOP, t.entries);
		if (d.flags & VIRTQ_DESC_F_INDIRECT) {
			if (table_enter(ring, &t, &d))
				return -EPROTO;
			d = desc_read(t.desc, 0);
			continue;
		}
		if (ring_walk_add(ring, &w, max_segs, d.addr, d.len,
				  d.flags & VIRTQ_DESC_F_WRITE))
			return -EPROTO;
		if (!(d.flags & VIRTQ_DESC_F_NEXT))
			break;
		if (unlikely(d.next >= t.entries))
			return ring_fail(ring, RING_BAD_NEXT, d.next);
		d = desc_read(t.desc, d.next);
	}
	ring_walk_end(&w, c, seg, head);
	return 0;
}

/* The chain of @head to @slot of taken[]. */
static int take_head(struct ring *ring, struct ring_chain *c, struct ring_seg *seg,
		     unsigned int slot, u16 head, unsigned int max_segs)
{
	if (unlikely(head >= ring->num))
		return ring_fail(ring, RING_BAD_HEAD, head);
	if (unlikely(ring->in_use[head]))
		return ring_fail(ring, RING_HEAD_IN_USE, head);
	if (chain_walk(ring, c, seg, head, desc_read(ring->desc, head), max_segs))
		return -EPROTO;
	ring->in_use[head] = ring_head_state(1, c->nr_write);
	ring->taken[slot] = head;
	return c->nr_read + c->nr_write;
}

/*
 * The long way round, for any chain. Its segments, 0 if it has none; -EPROTO: the ring is broken
 * now.
 */
__attribute__((noinline))
static int take_any(struct ring *ring, struct ring_chain *c, struct ring_seg *seg, u16 at,
		    unsigned int max_segs)
{
	unsigned int slot = at & (ring->num - 1u);

	return take_head(ring, c, seg, slot, le16_to_cpu(ring->avail->ring[slot]), max_segs);
}

int ring_split_take(struct ring *ring, struct ring_chain *c, struct ring_seg *seg, u16 head,
		    unsigned int max_segs)
{
	int got = take_head(ring, c, seg, ring->last_avail & (ring->num - 1u), head, max_segs);

	if (got >= 0) {
		ring->last_avail++;
		ring->in_flight++;
	}
	return got;
}

/* Room for segments: a chain may have up to @max of the @left from @seg on. */
struct segs {
	struct ring_seg *seg;
	unsigned int left, max;
};

/*
 * The common cases, each with a frame of its own, so that what it needs fits the registers. Both
 * end at the first chain that is something else; what take_any() is left with it reads anew.
 * Number taken.
 */

/* Chains of one buffer, in the region where the last one was. */
__attribute__((noinline))
static unsigned int take_simple(struct ring *ring, struct ring_chain *c, unsigned int max,
				struct segs *segs, u16 at)
{
	const struct guest_mem_region r = ring->mem->region[ring->region];
	const volatile le16 *heads = ring->avail->ring;
	const volatile struct virtq_desc *desc = ring->desc;
	u16 *taken = ring->taken, *in_use = ring->in_use;
	struct ring_seg *seg = segs->seg;
	unsigned int mask = ring->num - 1u, i;

	max = MIN(max, segs->left);
	for (i = 0; i < max; i++, c++, seg++) {
		unsigned int slot = (at + i) & mask;
		unsigned int head = le16_to_cpu(heads[slot]);
		struct ring_desc d;
		bool write;

		if (unlikely(head > mask || in_use[head]))
			break;
		d = desc_read(desc, head);
		if (unlikely((d.flags & (VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_INDIRECT)) ||
			     !ring_buffer_ok(&r, d.addr, d.len)))
			break;
		write = d.flags & VIRTQ_DESC_F_WRITE;
		ring_chain_single(&r, c, seg, (u16)head, d.addr, d.len, write);
		in_use[head] = ring_head_state(1, write);
		taken[slot] = (u16)head;
	}
	segs->left -= i;
	segs->seg = seg;
	return i;
}

/* Tables as ring_table_pair() takes them. */
static inline __attribute__((always_inline))
unsigned int take_pairs(struct ring *ring, struct ring_chain *c, unsigned int max,
			struct segs *segs, u16 at, bool write)
{
	const struct guest_mem_region *r = &ring->mem->region[ring->region];
	const volatile le16 *heads = ring->avail->ring;
	struct ring_seg *seg = segs->seg;
	unsigned int mask = ring->num - 1u, i;

	if (!ring->indirect || segs->max < 2)
		return 0;
	max = MIN(max, segs->left / 2);
	for (i = 0; i < max; i++, c++, seg += 2) {
		unsigned int slot = (at + i) & mask;
		unsigned int head = le16_to_cpu(heads[slot]);
		struct ring_desc d;

		if (unlikely(head > mask || ring->in_use[head]))
			break;
		d = desc_read(ring->desc, head);
		if (d.flags != VIRTQ_DESC_F_INDIRECT || d.len != 2 * sizeof(*ring->desc) ||
		    !ring_table_pair(r, c, seg, (u16)head, d.addr, write, false))
			break;
		ring->in_use[head] = ring_head_state(1, write);
		ring->taken[slot] = (u16)head;
	}
	segs->left -= 2 * i;
	segs->seg = seg;
	return i;
}

/* A hint, for which no more is read than has to be anyway. */
static inline bool pair_next(const struct ring *ring, u16 at)
{
	unsigned int mask = ring->num - 1u, head = le16_to_cpu(ring->avail->ring[at & mask]);

	return ring->desc[head & mask].len == 2 * sizeof(*ring->desc);
}

__attribute__((noinline))
static unsigned int take_read_pairs(struct ring *ring, struct ring_chain *c, unsigned int max,
				    struct segs *segs, u16 at)
{
	return take_pairs(ring, c, max, segs, at, false);
}

__attribute__((noinline))
static unsigned int take_write_pairs(struct ring *ring, struct ring_chain *c, unsigned int max,
				     struct segs *segs, u16 at)
{
	return take_pairs(ring, c, max, segs, at, true);
}

/* Tables as ring_table_simple() takes them. */
__attribute__((noinline))
static unsigned int take_tables(struct ring *ring, struct ring_chain *c, unsigned int max,
				struct segs *segs, u16 at)
{
	const struct guest_mem_region r = ring->mem->region[ring->region];
	const volatile le16 *heads = ring->avail->ring;
	u16 *taken = ring->taken, *in_use = ring->in_use;
	unsigned int mask = ring->num - 1u, i;
	const unsigned int max_segs = segs->max;
	struct ring_seg *seg = segs->seg;
	const struct ring_seg *limit;

	if (!ring->indirect || segs->left < segs->max)
		return 0;
	limit = seg + (segs->left - segs->max);
	for (i = 0; i < max && seg <= limit; i++, c++) {
		unsigned int slot = (at + i) & mask, n;
		unsigned int head = le16_to_cpu(heads[slot]);
		struct ring_desc d;

		if (unlikely(head > mask || in_use[head]))
			break;
		d = desc_read(ring->desc, head);
		if (d.flags != VIRTQ_DESC_F_INDIRECT)
			break;
		n = ring_table_simple(&r, c, seg, (u16)head, d.addr, d.len,
				      max_segs, false);
		if (unlikely(!n))
			break;
		seg += n;
		in_use[head] = ring_head_state(1, c->write_len);
		taken[slot] = (u16)head;
	}
	segs->left -= (unsigned int)(seg - segs->seg);
	segs->seg = seg;
	return i;
}

/* The rest of ring_split_pop(), @n available. One that is alone is not take_simple()'s. */
__attribute__((noinline))
static unsigned int take_several(struct ring *ring, struct ring_chain *chain, unsigned int n,
				 struct ring_seg *seg, unsigned int nr_segs, unsigned int max_segs)
{
	bool simple = n > 1;
	struct segs segs = { seg, nr_segs, max_segs };
	u16 at = ring->last_avail;
	unsigned int i = 0;

	for (;; simple = true) {
		unsigned int before;
		int got;

		if (simple)
			i += take_simple(ring, chain + i, n - i, &segs, (u16)(at + i));
		if (i == n)
			break;
		before = i;
		if (pair_next(ring, (u16)(at + i))) {
			i += take_read_pairs(ring, chain + i, n - i, &segs, (u16)(at + i));
			i += take_write_pairs(ring, chain + i, n - i, &segs, (u16)(at + i));
		}
		i += take_tables(ring, chain + i, n - i, &segs, (u16)(at + i));
		if (i == n || segs.left < max_segs)
			break;
		if (i != before)
			continue;
		got = take_any(ring, &chain[i], segs.seg, (u16)(at + i), max_segs);
		if (got < 0)
			break;
		segs.seg += got;
		segs.left -= (unsigned int)got;
		i++;
	}
	ring->last_avail = (u16)(at + i);
	ring->in_flight += (u16)i;
	return i;
}

/*
 * take_simple() for one chain, when that is all there is: there is less to set up. Anything else
 * goes on to take_several(), and nothing is kept for that.
 */
__attribute__((noinline))
static unsigned int take_one(struct ring *ring, struct ring_chain *c, struct ring_seg *seg,
			     unsigned int nr_segs, unsigned int max_segs)
{
	const struct guest_mem_region r = ring->mem->region[ring->region];
	unsigned int mask = ring->num - 1u, slot = ring->last_avail & mask;
	unsigned int head = le16_to_cpu(ring->avail->ring[slot]);
	struct ring_desc d;
	bool write;

	if (unlikely(head > mask || ring->in_use[head]))
		goto other;
	d = desc_read(ring->desc, head);
	write = d.flags & VIRTQ_DESC_F_WRITE;
	if (unlikely((d.flags & (VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_INDIRECT)) ||
		     !ring_seg_take(seg, &r, d.addr, d.len, write)))
		goto other;
	ring_chain_of_one(c, seg, (u16)head, d.len, write);
	ring->in_use[head] = ring_head_state(1, write);
	ring->taken[slot] = (u16)head;
	ring->last_avail++;
	ring->in_flight++;
	return 1;
other:
	return take_several(ring, c, 1, seg, nr_segs, max_segs);
}

unsigned int ring_split_pop(struct ring *ring, struct ring_chain *chain, unsigned int max,
			    struct ring_seg *seg, unsigned int nr_segs, unsigned int max_segs)
{
	unsigned int n = (u16)(ring->avail_seen - ring->last_avail);

	if (unlikely(ring->broken))
		return 0;
	if (n < max)
		n = avail_update(ring);
	n = MIN(n, max);
	if (n == 1)
		return take_one(ring, chain, seg, nr_segs, max_segs);
	return n ? take_several(ring, chain, n, seg, nr_segs, max_segs) : 0;
}

void ring_split_unpop(struct ring *ring, unsigned int n)
{
	ring->in_flight -= (u16)n;
	while (n--) {
		ring->last_avail--;
		ring->in_use[ring->taken[ring->last_avail & (ring->num - 1)]] = HEAD_FREE;
	}
}

/* ---- Giving them back ---- */

static inline void used_write(volatile struct virtq_used *used, u16 mask, u16 idx, u32 head,
			      u32 len)
{
	struct __packed elem { u64 id_and_len; };
	volatile struct virtq_used_elem *e = &used->ring[idx & mask];

	((volatile struct elem *)e)->id_and_len = head | (u64)len << 32;
}

/*
 * Giving back in order. Of chains with nothing to write to, one entry stands for all up to it, at
 * the place of the first (§2.7.9); lengths have an entry each.
 */
struct turn {
	u16 idx;	/* next */
	u16 run;	/* from here on to idx no entry has been written yet */
	u16 head;	/* of the last one */
};

static inline void turn_take(struct ring *ring, struct turn *t, u16 head, u16 state, u32 len)
{
	const u16 mask = ring->num - 1;

	if (state & HEAD_WRITABLE) {
		if (t->run != t->idx)
			used_write(ring->used, mask, t->run, t->head, 0);
		used_write(ring->used, mask, t->idx, head, len);
		t->run = t->idx + 1;
	}
	t->head = head;
	t->idx++;
	ring->in_use[head] = HEAD_FREE;
}

__attribute__((noinline))
static void push_in_order(struct ring *ring, const struct ring_used *used, unsigned int n)
{
	struct turn t = { ring->used_idx, ring->used_idx, 0 };
	const u16 mask = ring->num - 1;
	unsigned int i;

	/* They mostly are the ones whose turn it is; the others wait for it. */
	for (i = 0; i < n && used[i].head == ring->taken[t.idx & mask]; i++) {
		u16 state = ring->in_use[used[i].head];

		debug_check(state & HEAD_DESCS);
		turn_take(ring, &t, (u16)used[i].head, state, used[i].len);
	}
	ring_keep_done(ring, used + i, n - i);
	while (t.idx != ring->last_avail) {
		u16 head = ring->taken[t.idx & mask];
		u16 state = ring->in_use[head];

		if (!(state & HEAD_DONE))
			break;
		turn_take(ring, &t, head, state, ring->done_len[head]);
	}
	if (t.run != t.idx)
		used_write(ring->used, mask, t.run, t.head, 0);
	ring->pending += (u16)(t.idx - ring->used_idx);
	ring->in_flight -= (u16)(t.idx - ring->used_idx);
	ring->used_idx = t.idx;
}

void ring_split_push(struct ring *ring, const struct ring_used *used, unsigned int n)
{
	volatile struct virtq_used *to = ring->used;
	u16 *in_use = ring->in_use, idx = ring->used_idx, mask = ring->num - 1;

	if (unlikely(ring->in_order)) {
		push_in_order(ring, used, n);
		return;
	}
	for (unsigned int i = 0; i < n; i++) {
		debug_check(in_use[used[i].head]);
		used_write(to, mask, (u16)(idx + i), used[i].head, used[i].len);
		in_use[used[i].head] = HEAD_FREE;
	}
	ring->used_idx = (u16)(idx + n);
	ring->pending += (u16)n;
	ring->in_flight -= (u16)n;
}

/* ---- Events ---- */

/* The event field behind each ring's entries. */
static inline u16 used_event(const struct ring *ring)
{
	return le16_to_cpu(ring->avail->ring[ring->num]);
}

bool ring_split_publish(struct ring *ring)
{
	u16 new = ring->used_idx, old = ring->signalled_used;
	bool valid = ring->signalled_valid;

	wmb();	/* entries before the index; pairs with the driver's rmb, virtio 1.2 §2.7.14 */
	ring->used->idx = cpu_to_le16(new);
	ring->pending = 0;
	ring->signalled_used = new;
	ring->signalled_valid = true;
	/*
	 * The index before looking at the driver's wish. Pairs with the driver's full barrier
	 * between writing used_event or flags and looking at used->idx once more (§2.7.10).
	 */
	mb();
	if (!ring->event_idx)
		return !(le16_to_cpu(ring->avail->flags) & VIRTQ_AVAIL_F_NO_INTERRUPT);
	return !valid || virtq_need_event(used_event(ring), new, old);
}

void ring_split_notify(struct ring *ring, bool on)
{
	if (!ring->event_idx)
		ring->used->flags = cpu_to_le16(on ? 0 : VIRTQ_USED_F_NO_NOTIFY);
	else if (on)	/* off: a stale avail_event does it, as the driver's index is past it */
		*(volatile le16 *)&ring->used->ring[ring->num] = cpu_to_le16(ring->last_avail);
}
