/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packed virtqueue, virtio 1.2 §2.8. Positions go round the ring; a wrap counter each tells
 * this lap's descriptors from the last one's. Buffer ids have to be below the ring's size, as
 * all drivers keep it: they index what is in flight.
 */
#include "virtio/ring_impl.h"

#define F_AVAIL	VIRTQ_PDESC_F_AVAIL
#define F_USED	VIRTQ_PDESC_F_USED

/* ---- Available ---- */

/* The half of a descriptor with length, id and flags, read and written as one word. */
static inline u64 word_read(const struct ring *ring, u16 pos)
{
	return *(const volatile u64 *)&ring->pdesc[pos].len;
}

static inline void word_write(struct ring *ring, u16 pos, u64 word)
{
	*(volatile u64 *)&ring->pdesc[pos].len = word;
}

static inline u16 word_id(u64 word)
{
	return (u16)(word >> 32);
}

static inline u16 word_flags(u64 word)
{
	return (u16)(word >> 48);
}

/* §2.8.1: available if AVAIL is the wrap counter and USED is not. */
static inline u16 avail_flags(bool wrap)
{
	return wrap ? F_AVAIL : F_USED;
}

static inline bool is_avail(u64 word, bool wrap)
{
	return (word_flags(word) & (F_AVAIL | F_USED)) == avail_flags(wrap);
}

bool ring_packed_is_avail(const struct ring *ring, u16 pos, bool wrap)
{
	return is_avail(word_read(ring, pos), wrap);
}

bool ring_packed_available(const struct ring *ring)
{
	return ring_packed_is_avail(ring, ring->last_avail, ring->avail_wrap);
}

/* ---- Taking chains ---- */

/* What the word says and the address, read after it; the rmb is the caller's. */
static inline struct ring_desc desc_of(const struct ring *ring, u16 pos, u64 word)
{
	return (struct ring_desc){
		.addr = *(const volatile u64 *)&ring->pdesc[pos].addr, .len = (u32)word,
		.flags = word_flags(word), .next = word_id(word),
	};
}

/* §2.8.7: the entries in order; of their flags only WRITE has a meaning. */
static inline __attribute__((always_inline))
int table_walk(struct ring *ring, struct ring_walk *w, const struct ring_desc *d,
	       unsigned int max_segs)
{
	struct __packed unaligned { u64 addr, word; };	/* it may lie anywhere */
	const volatile struct unaligned *t = ring_table(ring, d->addr, d->len, d->flags);
	u32 entries = d->len / sizeof(*t);

	if (unlikely(!t))
		return -EPROTO;
	for (u32 i = 0; i < entries; i++) {
		u64 word = t[i].word;

		if (unlikely(word_flags(word) & VIRTQ_DESC_F_INDIRECT))
			return ring_fail(ring, RING_BAD_INDIRECT, word_flags(word));
		if (ring_walk_add(ring, w, max_segs, t[i].addr, (u32)word,
				  word_flags(word) & VIRTQ_DESC_F_WRITE))
			return -EPROTO;
	}
	return 0;
}

/* Where taking has got to. */
struct at {
	u16 pos;
	bool wrap;
	u16 room;	/* descriptors that are not in flight, this chain's included */
};

static inline void at_next(u16 num, struct at *at)
{
	if (unlikely(++at->pos == num)) {
		at->pos = 0;
		at->wrap = !at->wrap;
	}
}

/*
 * Any chain; @d is a copy of its first descriptor, at @at, which is moved behind the last. The
 * number of descriptors or -EPROTO. The last one has the id (§2.8.6).
 */
__attribute__((noinline))
static int chain_walk(struct ring *ring, struct ring_chain *c, struct ring_seg *seg,
			     struct ring_desc d, struct at *at, unsigned int max_segs)
{
	struct ring_walk w = { .seg = seg };
	unsigned int n;

	for (n = 1;; n++) {
		u64 word;

		if (unlikely(n > at->room))
			return ring_fail(ring, RING_CHAIN_LOOP, n);
		at_next(ring->num, at);
		if (d.flags & VIRTQ_DESC_F_INDIRECT) {
			if (table_walk(ring, &w, &d, max_segs))
				return -EPROTO;
		} else if (ring_walk_add(ring, &w, max_segs, d.addr, d.len,
					 d.flags & VIRTQ_DESC_F_WRITE)) {
			return -EPROTO;
		}
		if (!(d.flags & VIRTQ_DESC_F_NEXT))
			break;
		/* The driver makes the first one available last: all of them have to be. */
		word = word_read(ring, at->pos);
		if (unlikely(!is_avail(word, at->wrap)))
			return ring_fail(ring, RING_BAD_NEXT, at->pos);
		rmb();
		d = desc_of(ring, at->pos, word);
	}
	ring_walk_end(&w, c, seg, d.next);
	return (int)n;
}

/* The chain, of @descs descriptors, has been walked as far as @at: note that it is taken. */
static int taken_any(struct ring *ring, const struct ring_chain *c, unsigned int descs,
		     const struct at *at)
{
	if (unlikely(c->head >= ring->num))
		return ring_fail(ring, RING_BAD_HEAD, c->head);
	if (unlikely(ring->in_use[c->head]))
		return ring_fail(ring, RING_HEAD_IN_USE, c->head);
	ring->in_use[c->head] = ring_head_state(descs, c->nr_write);
	ring->taken[ring->taken_at++ & ring->taken_mask] = c->head;
	ring->last_avail = at->pos;
	ring->avail_wrap = at->wrap;
	ring->in_flight += (u16)descs;
	return c->nr_read + c->nr_write;
}

/*
 * The long way round, for any chain. Its segments, 0 if it has none; -EAGAIN: there is none;
 * -EPROTO: the ring is broken now.
 */
__attribute__((noinline))
static int take_any(struct ring *ring, struct ring_chain *c, struct ring_seg *seg,
		    unsigned int max_segs)
{
	struct at at = { ring->last_avail, ring->avail_wrap, ring->num - ring->in_flight };
	u64 word = word_read(ring, at.pos);
	int descs;

	if (!is_avail(word, at.wrap))
		return -EAGAIN;
	rmb();	/* flags before the rest; pairs with the driver's, §2.8.21.3 */
	if (unlikely(!at.room))
		return ring_fail(ring, RING_BAD_AVAIL_IDX, at.pos);
	descs = chain_walk(ring, c, seg, desc_of(ring, at.pos, word), &at, max_segs);
	if (unlikely(descs < 0))
		return descs;
	return taken_any(ring, c, (unsigned int)descs, &at);
}

int ring_packed_take(struct ring *ring, struct ring_chain *c, struct ring_seg *seg,
		     const struct ring_desc *desc, u16 n, unsigned int max_segs)
{
	struct at at = { ring->last_avail, ring->avail_wrap, 0 };
	struct ring_walk w = { .seg = seg };

	for (u16 i = 0; i < n; i++, at_next(ring->num, &at)) {
		const struct ring_desc *d = &desc[i];

		if (d->flags & VIRTQ_DESC_F_INDIRECT) {
			if (table_walk(ring, &w, d, max_segs))
				return -EPROTO;
		} else if (ring_walk_add(ring, &w, max_segs, d->addr, d->len,
					 d->flags & VIRTQ_DESC_F_WRITE)) {
			return -EPROTO;
		}
	}
	ring_walk_end(&w, c, seg, desc[n - 1].next);
	return taken_any(ring, c, n, &at);
}

/* Room for segments: a chain may have up to @max of the @left from @seg on. */
struct segs {
	struct ring_seg *seg;
	unsigned int left, max;
};

/* @n chains of one descriptor each have been taken, not beyond the end of the lap. */
static inline void taken_simple(struct ring *ring, unsigned int n)
{
	ring->taken_at += (u16)n;
	ring->in_flight += (u16)n;
	ring->last_avail += (u16)n;
	if (ring->last_avail == ring->num) {
		ring->last_avail = 0;
		ring->avail_wrap = !ring->avail_wrap;
	}
}

/* Descriptors up to the end of the lap, or to where those in flight begin. */
static inline unsigned int lap_room(const struct ring *ring)
{
	return MIN(ring->num - ring->last_avail, ring->num - ring->in_flight);
}

#define LOOK	((u64)(F_AVAIL | F_USED | VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_INDIRECT) << 48)

/*
 * The common cases, each with a frame of its own, so that what it needs fits the registers. Both
 * end with the lap of the ring, and at the first chain that is something else or not there; what
 * take_any() is left with it reads anew. Number taken.
 */

/* Chains of one buffer, in the region where the last one was. */
__attribute__((noinline))
static unsigned int take_simple(struct ring *ring, struct ring_chain *c, unsigned int max,
				struct segs *segs)
{
	const struct guest_mem_region r = ring->mem->region[ring->region];
	const u64 want = (u64)avail_flags(ring->avail_wrap) << 48;
	const volatile struct virtq_pdesc *d = &ring->pdesc[ring->last_avail];
	u16 *in_use = ring->in_use, *taken = ring->taken, at = ring->taken_at;
	unsigned int num = ring->num, mask = ring->taken_mask, i;
	struct ring_seg *seg = segs->seg;

	max = MIN(max, MIN(segs->left, lap_room(ring)));
	for (i = 0; i < max; i++, c++, seg++, d++) {
		u64 word = *(const volatile u64 *)&d->len, addr;
		unsigned int id = word_id(word);
		bool write = word_flags(word) & VIRTQ_DESC_F_WRITE;

		if ((word & LOOK) != want)
			break;
		rmb();	/* as above */
		addr = *(const volatile u64 *)&d->addr;
		if (unlikely(id >= num || in_use[id] || !ring_buffer_ok(&r, addr, (u32)word)))
			break;
		ring_chain_single(&r, c, seg, (u16)id, addr, (u32)word, write);
		in_use[id] = ring_head_state(1, write);
		taken[(u16)(at + i) & mask] = (u16)id;
	}
	segs->left -= i;
	segs->seg = seg;
	taken_simple(ring, i);
	return i;
}

/* Tables as ring_table_pair() takes them. */
static inline __attribute__((always_inline))
unsigned int take_pairs(struct ring *ring, struct ring_chain *c, unsigned int max,
			struct segs *segs, bool write)
{
	const struct guest_mem_region *r = &ring->mem->region[ring->region];
	const u64 want = (u64)(avail_flags(ring->avail_wrap) | VIRTQ_DESC_F_INDIRECT) << 48;
	const volatile struct virtq_pdesc *d = &ring->pdesc[ring->last_avail];
	struct ring_seg *seg = segs->seg;
	unsigned int i;

	if (!ring->indirect || segs->max < 2)
		return 0;
	max = MIN(max, MIN(segs->left / 2, lap_room(ring)));
	for (i = 0; i < max; i++, c++, d++, seg += 2) {
		u64 word = *(const volatile u64 *)&d->len;
		unsigned int id = word_id(word);

		if ((word & LOOK) != want || (u32)word != 2 * sizeof(*d))
			break;
		rmb();	/* as above */
		if (unlikely(id >= ring->num || ring->in_use[id]) ||
		    !ring_table_pair(r, c, seg, (u16)id, *(const volatile u64 *)&d->addr, write,
				     true))
			break;
		ring->in_use[id] = ring_head_state(1, write);
		ring->taken[(u16)(ring->taken_at + i) & ring->taken_mask] = (u16)id;
	}
	taken_simple(ring, i);
	segs->left -= 2 * i;
	segs->seg = seg;
	return i;
}

__attribute__((noinline))
static unsigned int take_read_pairs(struct ring *ring, struct ring_chain *c, unsigned int max,
				    struct segs *segs)
{
	return take_pairs(ring, c, max, segs, false);
}

__attribute__((noinline))
static unsigned int take_write_pairs(struct ring *ring, struct ring_chain *c, unsigned int max,
				     struct segs *segs)
{
	return take_pairs(ring, c, max, segs, true);
}

/* Tables as ring_table_simple() takes them. */
__attribute__((noinline))
static unsigned int take_tables(struct ring *ring, struct ring_chain *c, unsigned int max,
				struct segs *segs)
{
	const struct guest_mem_region r = ring->mem->region[ring->region];
	const u64 want = (u64)(avail_flags(ring->avail_wrap) | VIRTQ_DESC_F_INDIRECT) << 48;
	const volatile struct virtq_pdesc *d = &ring->pdesc[ring->last_avail];
	u16 *in_use = ring->in_use, *taken = ring->taken, at = ring->taken_at;
	unsigned int num = ring->num, mask = ring->taken_mask, i;
	const unsigned int max_segs = segs->max;
	struct ring_seg *seg = segs->seg;
	const struct ring_seg *limit;

	if (!ring->indirect || segs->left < segs->max)
		return 0;
	limit = seg + (segs->left - segs->max);
	max = MIN(max, lap_room(ring));
	for (i = 0; i < max && seg <= limit; i++, c++, d++) {
		u64 word = *(const volatile u64 *)&d->len;
		unsigned int id = word_id(word), n;

		if ((word & LOOK) != want)
			break;
		rmb();	/* as above */
		if (unlikely(id >= num || in_use[id]))
			break;
		n = ring_table_simple(&r, c, seg, (u16)id,
				      *(const volatile u64 *)&d->addr, (u32)word,
				      max_segs, true);
		if (unlikely(!n))
			break;
		seg += n;
		in_use[id] = ring_head_state(1, c->write_len);
		taken[(u16)(at + i) & mask] = (u16)id;
	}
	taken_simple(ring, i);
	segs->left -= (unsigned int)(seg - segs->seg);
	segs->seg = seg;
	return i;
}

unsigned int ring_packed_pop(struct ring *ring, struct ring_chain *chain, unsigned int max,
			     struct ring_seg *seg, unsigned int nr_segs, unsigned int max_segs)
{
	struct segs segs = { seg, nr_segs, max_segs };
	unsigned int i = 0;

	if (unlikely(ring->broken))
		return 0;
	for (;;) {
		unsigned int before;
		int got;

		i += take_simple(ring, chain + i, max - i, &segs);
		if (i == max)
			break;
		before = i;
		if (ring->pdesc[ring->last_avail].len == 2 * sizeof(*ring->pdesc)) {	/* a hint */
			i += take_read_pairs(ring, chain + i, max - i, &segs);
			i += take_write_pairs(ring, chain + i, max - i, &segs);
		}
		i += take_tables(ring, chain + i, max - i, &segs);
		if (i == max || segs.left < max_segs)
			break;
		if (i != before)
			continue;
		got = take_any(ring, &chain[i], segs.seg, max_segs);
		if (got < 0)
			break;
		segs.seg += got;
		segs.left -= (unsigned int)got;
		i++;
	}
	return i;
}

void ring_packed_unpop(struct ring *ring, unsigned int n)
{
	while (n--) {
		u16 head = ring->taken[--ring->taken_at & ring->taken_mask];
		u16 descs = ring->in_use[head] & HEAD_DESCS;

		if (descs > ring->last_avail) {
			ring->last_avail += ring->num;
			ring->avail_wrap = !ring->avail_wrap;
		}
		ring->last_avail -= descs;
		ring->in_flight -= descs;
		ring->in_use[head] = HEAD_FREE;
	}
}

/* ---- Giving them back ---- */

/* A used descriptor where the next one is due; it stands for @descs of the ring's. */
static inline void used_write(struct ring *ring, u32 head, u32 len, u16 descs)
{
	u64 flags = (ring->used_wrap ? F_AVAIL | F_USED : 0) | (len ? VIRTQ_DESC_F_WRITE : 0);
	u64 word = len | (u64)head << 32 | flags << 48;

	/* The first one is shown last, so that the driver sees all or nothing of a batch. */
	if (ring->pending) {
		word_write(ring, ring->used_idx, word);
	} else {
		ring->first_used = word;
		ring->first_used_pos = ring->used_idx;
	}
	ring->pending += descs;
	ring->used_idx += descs;
	if (unlikely(ring->used_idx >= ring->num)) {
		ring->used_idx -= ring->num;
		ring->used_wrap = !ring->used_wrap;
	}
}

/*
 * Giving back in order. Of chains with nothing to write to, the last one stands for all up to it,
 * at the place of the first (§2.8.4); lengths have a descriptor each.
 */
struct turn {
	u16 head, descs;	/* of the last one; of those that have not been written yet */
};

static inline void turn_take(struct ring *ring, struct turn *t, u16 head, u16 state, u32 len)
{
	const u16 descs = state & HEAD_DESCS;

	if (state & HEAD_WRITABLE) {
		if (t->descs)
			used_write(ring, t->head, 0, t->descs);
		t->descs = 0;
		used_write(ring, head, len, descs);
	} else {
		t->descs += descs;
	}
	t->head = head;
	ring->in_flight -= descs;
	ring->in_use[head] = HEAD_FREE;
	ring->taken_done++;
}

__attribute__((noinline))
static void push_in_order(struct ring *ring, const struct ring_used *used, unsigned int n)
{
	const u16 mask = ring->taken_mask;
	struct turn t = { 0 };
	unsigned int i;

	/* They mostly are the ones whose turn it is; the others wait for it. */
	for (i = 0; i < n && used[i].head == ring->taken[ring->taken_done & mask]; i++) {
		u16 state = ring->in_use[used[i].head];

		debug_check(state & HEAD_DESCS);
		turn_take(ring, &t, (u16)used[i].head, state, used[i].len);
	}
	ring_keep_done(ring, used + i, n - i);
	while (ring->taken_done != ring->taken_at) {
		u16 head = ring->taken[ring->taken_done & mask];
		u16 state = ring->in_use[head];

		if (!(state & HEAD_DONE))
			break;
		turn_take(ring, &t, head, state, ring->done_len[head]);
	}
	if (t.descs)
		used_write(ring, t.head, 0, t.descs);
}

static void push_any(struct ring *ring, const struct ring_used *used, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		u16 descs = ring->in_use[used[i].head] & HEAD_DESCS;

		debug_check(descs);
		used_write(ring, used[i].head, used[i].len, descs);
		ring->in_flight -= descs;
		ring->in_use[used[i].head] = HEAD_FREE;
	}
}

/* Chains of one descriptor in this lap of the ring, none of them the first pending; how many. */
static inline unsigned int push_simple(struct ring *ring, const struct ring_used *used,
				       unsigned int n)
{
	const u64 flags = ring->used_wrap ? (u64)(F_AVAIL | F_USED) << 48 : 0;
	volatile struct virtq_pdesc *d = &ring->pdesc[ring->used_idx];
	u16 *in_use = ring->in_use;
	unsigned int i;

	/* One less, so that there is no lap to be begun. */
	n = MIN(n, ring->num - ring->used_idx - 1u);
	for (i = 0; i < n; i++, d++) {
		u32 head = used[i].head, len = used[i].len;
		u64 write = len ? (u64)VIRTQ_DESC_F_WRITE << 48 : 0;

		if (unlikely((in_use[head] & HEAD_DESCS) != 1))
			break;
		*(volatile u64 *)&d->len = len | (u64)head << 32 | flags | write;
		in_use[head] = HEAD_FREE;
	}
	ring->used_idx += (u16)i;
	ring->pending += (u16)i;
	ring->in_flight -= (u16)i;
	return i;
}

void ring_packed_push(struct ring *ring, const struct ring_used *used, unsigned int n)
{
	unsigned int got;

	if (unlikely(ring->in_order)) {
		push_in_order(ring, used, n);
		return;
	}
	if (unlikely(!n))
		return;
	if (!ring->pending) {
		push_any(ring, used++, 1);
		n--;
	}
	got = push_simple(ring, used, n);
	if (unlikely(got < n))
		push_any(ring, used + got, n - got);
}

/* ---- Events ---- */

/* §2.8.10: has the used position gone past the one the driver asked for? */
static bool past_event(const struct ring *ring, u32 wish, u16 passed)
{
	u16 event = wish & (u16)~VIRTQ_EVENT_WRAP;
	bool wrap = wish & VIRTQ_EVENT_WRAP;

	if (wrap != ring->used_wrap)	/* it lies in the lap before */
		event -= ring->num;
	return virtq_need_event(event, ring->used_idx, (u16)(ring->used_idx - passed));
}

bool ring_packed_publish(struct ring *ring)
{
	u16 passed = ring->pending;
	bool valid = ring->signalled_valid;
	u32 wish, flags;

	wmb();	/* the others before the first; pairs with the driver's rmb, §2.8.21.3 */
	word_write(ring, ring->first_used_pos, ring->first_used);
	ring->pending = 0;
	ring->signalled_valid = true;
	/*
	 * Used before looking at the driver's wish. Pairs with the driver's full barrier between
	 * writing its event structure and looking at the descriptor once more (§2.8.10).
	 */
	mb();
	wish = le32_to_cpu(ring->driver_event->off_wrap_flags);
	flags = wish >> 16 & VIRTQ_EVENT_FLAGS;
	if (flags == VIRTQ_EVENT_DISABLE)
		return false;
	if (flags == VIRTQ_EVENT_DESC && ring->event_idx)
		return !valid || past_event(ring, wish, passed);
	return true;
}

void ring_packed_notify(struct ring *ring, bool on)
{
	u32 off_wrap = ring->last_avail | (ring->avail_wrap ? VIRTQ_EVENT_WRAP : 0);
	u32 flags = VIRTQ_EVENT_DISABLE;

	if (on)
		flags = ring->event_idx ? VIRTQ_EVENT_DESC : VIRTQ_EVENT_ENABLE;
	ring->device_event->off_wrap_flags = cpu_to_le32(off_wrap | flags << 16);
}
