/* SPDX-License-Identifier: BSD-2-Clause */
/* What ring.c, ring_split.c and ring_packed.c share; not for users of rings. */
#ifndef VIRTIO_RING_IMPL_H
#define VIRTIO_RING_IMPL_H

#include "asm/barrier.h"
#include "kernel/log.h"
#include "virtio/ring.h"

/* More entries than a 16-bit index can name cannot be chained. */
#define INDIRECT_ENTRIES_MAX 65536u

enum ring_head_state {
	HEAD_FREE = 0,
	HEAD_DESCS = 0x7ff,		/* ring descriptors it takes up, 1 for a split ring */
	HEAD_WRITABLE = BIT(14),	/* IN_ORDER: has something to be written to */
	HEAD_DONE = BIT(15),		/* IN_ORDER: pushed before its turn */
};
_Static_assert(RING_SIZE_MAX <= HEAD_DESCS, "descriptors of a chain");

/*
 * The queue is broken from now on, by @error and the guest's @value: -EPROTO. -EAGAIN: not so, its
 * translation of an address is still to come (struct guest_mem, missed).
 */
int ring_fail(struct ring *ring, enum ring_error error, u32 value);

/* A descriptor of either format, copied: what is checked is what is used. */
struct ring_desc {
	u64 addr;
	u32 len;
	u16 flags;		/* enum virtq_desc_flags */
	u16 next;		/* packed: the buffer id */
};

/* All of [addr, addr + len) inside of @r, and @len not 0; two comparisons. */
static inline bool ring_buffer_ok(const struct guest_mem_region *r, u64 addr, u32 len)
{
	return len - 1ull < r->size && addr - r->gpa <= r->size - len;
}

static inline void ring_seg_set(struct ring_seg *seg, const struct guest_mem_region *r, u64 addr,
				u32 len, u64 write)
{
	seg->ptr = r->hva + (addr - r->gpa);
	seg->phys = r->phys + (addr - r->gpa);
	seg->len_write = len | write << 32;
}

static inline void ring_chain_of_one(struct ring_chain *c, struct ring_seg *seg, u16 head, u32 len,
				     bool write)
{
	c->seg = seg;
	if (write) {
		c->read_len = 0;
		c->write_len = len;
		c->head_and_counts = head | 1ull << 32;		/* nr_write */
	} else {
		c->read_len = len;
		c->write_len = 0;
		c->head_and_counts = head | 1ull << 16;		/* nr_read */
	}
}

/* A chain of one buffer, which is in @r. */
static inline void ring_chain_single(const struct guest_mem_region *r, struct ring_chain *c,
				     struct ring_seg *seg, u16 head, u64 addr, u32 len, bool write)
{
	ring_seg_set(seg, r, addr, len, write);
	ring_chain_of_one(c, seg, head, len, write);
}

/*
 * Another region, and from now on the first place to look, if it is for reading and for writing;
 * NULL: none has it, or not for that.
 */
const struct guest_mem_region *ring_region(struct ring *ring, u64 addr, u32 len, bool write);

/* A chain being put together: a local of the caller's, of which nobody takes the address. */
struct ring_walk {
	struct ring_seg *seg;		/* next */
	u32 nr_write;
	u64 len, write_len;		/* len: of both */
	u32 links;			/* buffers, the empty ones too, which are left out */
};

/*
 * Append a checked buffer. Empty ones only take part in the rule of order, and count as links: a
 * large indirect table of them must not hold the CPU.
 */
static inline __attribute__((always_inline))
int ring_walk_add(struct ring *ring, struct ring_walk *w, unsigned int max_segs, u64 addr, u32 len,
		  bool write)
{
	const struct guest_mem_region *r = &ring->mem->region[ring->region];

	if (unlikely(w->links++ == max_segs))
		return ring_fail(ring, RING_TOO_LONG, w->links);
	if (unlikely(!write && w->nr_write))
		return ring_fail(ring, RING_BAD_ORDER, w->links);
	if (unlikely(!len))
		return 0;
	if (unlikely(!ring_buffer_ok(r, addr, len))) {
		r = ring_region(ring, addr, len, write);
		if (unlikely(!r))
			return ring_fail(ring, RING_BAD_ADDR, len);
	}
	ring_seg_set(w->seg++, r, addr, len, write);
	w->nr_write += write;
	w->len += len;
	w->write_len += write ? len : 0;
	return 0;
}

static inline void ring_walk_end(const struct ring_walk *w, struct ring_chain *c,
				 struct ring_seg *seg, u16 head)
{
	c->seg = seg;
	c->read_len = w->len - w->write_len;
	c->write_len = w->write_len;
	c->head_and_counts = head | (u64)(w->seg - seg - w->nr_write) << 16 |
			     (u64)w->nr_write << 32;
}

/* The table that a descriptor names, checked: virtio 1.2 §2.7.5.3; its WRITE means nothing. */
const volatile void *ring_table(struct ring *ring, u64 addr, u32 len, u16 flags);

/* IN_ORDER: keep what is pushed until its turn comes. */
static inline void ring_keep_done(struct ring *ring, const struct ring_used *used, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		debug_check(ring->in_use[used[i].head] & HEAD_DESCS);
		ring->in_use[used[i].head] |= HEAD_DONE;
		ring->done_len[used[i].head] = used[i].len;
	}
}

/* What a pop leaves in in_use[]. */
static inline u16 ring_head_state(unsigned int descs, bool writable)
{
	return (u16)(descs | (writable ? HEAD_WRITABLE : 0));
}

/*
 * The common case of an indirect table: entries in order, buffers in @r, none of them empty.
 * Segments, and the chain in @c; 0: something else, which the long way round has to read anew and
 * to judge. Reads each entry once. @packed, a constant: where in an entry the flags are.
 */
static inline __attribute__((always_inline))
unsigned int ring_table_simple(const struct guest_mem_region *r, struct ring_chain *c,
			       struct ring_seg *seg, u16 head, u64 addr, u32 len,
			       unsigned int max_segs, bool packed)
{
	const unsigned int shift = packed ? 48 : 32;
	const u64 gpa = r->gpa, size = r->size, phys = r->phys;
	u8 *hva = r->hva;
	struct __packed entry { u64 addr, rest; };	/* it may lie anywhere */
	const volatile struct entry *t;
	u32 entries = len / sizeof(*t), i = 0, nr_read = 0;
	u64 total = 0, readable = 0, was_write = 0, rest;

	if (len % sizeof(*t) || entries > max_segs || !ring_buffer_ok(r, addr, len))
		return 0;
	t = (const volatile struct entry *)(hva + (addr - gpa));
	c->seg = seg;
	do {
		u64 off, write;

		rest = t->rest;
		off = t->addr - gpa;
		t++;
		write = rest >> shift & VIRTQ_DESC_F_WRITE;
		if (write != was_write) {
			if (!write)
				return 0;
			was_write = write;
			nr_read = i;
			readable = total;
		}
		if ((rest >> shift & VIRTQ_DESC_F_INDIRECT) || (u32)rest - 1ull >= size ||
		    off > size - (u32)rest)
			return 0;
		seg->ptr = hva + off;
		seg->phys = phys + off;
		seg->len_write = (u32)rest | write / VIRTQ_DESC_F_WRITE << 32;
		seg++;
		total += (u32)rest;
		i++;
		if (!packed && !(rest >> shift & VIRTQ_DESC_F_NEXT))
			entries = i;
		else if (!packed && rest >> 48 != i)
			return 0;
	} while (i < entries);
	if (!packed && (rest >> shift & VIRTQ_DESC_F_NEXT))
		return 0;
	if (!was_write) {
		nr_read = i;
		readable = total;
	}
	c->read_len = readable;
	c->write_len = total - readable;
	c->head_and_counts = head | nr_read << 16 | (u64)(i - nr_read) << 32;
	return i;
}

/* One entry's buffer, which has to be in @r and not empty. */
static inline __attribute__((always_inline))
bool ring_seg_take(struct ring_seg *seg, const struct guest_mem_region *r, u64 addr, u32 len,
		   bool write)
{
	u64 off = addr - r->gpa;

	if (unlikely(len - 1ull >= r->size || off > r->size - len))
		return false;
	seg->ptr = r->hva + off;
	seg->phys = r->phys + off;
	seg->len_write = write ? len | 1ull << 32 : len;
	return true;
}

/*
 * The most common one: two buffers of the same direction, a header and what follows it. Their
 * table, of two entries, lies in @r and is read once; false: something else. @write and @packed
 * are constants.
 */
static inline __attribute__((always_inline))
bool ring_table_pair(const struct guest_mem_region *r, struct ring_chain *c, struct ring_seg *seg,
		     u16 head, u64 addr, bool write, bool packed)
{
	struct __packed entry { u64 addr, rest; };	/* it may lie anywhere */
	const u64 what = VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_INDIRECT |
			 (packed ? 0 : VIRTQ_DESC_F_NEXT);
	const u64 dir = write ? VIRTQ_DESC_F_WRITE : 0;
	const volatile struct entry *t;
	u64 rest, len;

	if (unlikely(!ring_buffer_ok(r, addr, 2 * sizeof(*t))))
		return false;
	t = (const volatile struct entry *)(r->hva + (addr - r->gpa));
	rest = t[0].rest;
	/* Split: the first one's next is the second. */
	if (packed ? (rest >> 48 & what) != dir :
		     rest >> 32 != (dir | VIRTQ_DESC_F_NEXT | 1u << 16))
		return false;
	len = (u32)rest;
	if (!ring_seg_take(seg, r, t[0].addr, (u32)rest, write))
		return false;
	rest = t[1].rest;
	if ((rest >> (packed ? 48 : 32) & what) != dir)
		return false;
	if (!ring_seg_take(seg + 1, r, t[1].addr, (u32)rest, write))
		return false;
	len += (u32)rest;
	c->seg = seg;
	c->read_len = write ? 0 : len;
	c->write_len = write ? len : 0;
	c->head_and_counts = head | 2ull << (write ? 32 : 16);	/* nr_write, nr_read */
	return true;
}

/* Split and packed halves of what ring.c dispatches. */
unsigned int ring_split_available(struct ring *ring);
bool ring_packed_available(const struct ring *ring);
void ring_split_unpop(struct ring *ring, unsigned int n);
void ring_packed_unpop(struct ring *ring, unsigned int n);
void ring_split_notify(struct ring *ring, bool on);
void ring_packed_notify(struct ring *ring, bool on);
/*
 * Take a chain that was taken before, where the next one is due: by its head, or its @n
 * descriptors as they were. Its segments or -EPROTO.
 */
int ring_split_take(struct ring *ring, struct ring_chain *c, struct ring_seg *seg, u16 head,
		    unsigned int max_segs);
int ring_packed_take(struct ring *ring, struct ring_chain *c, struct ring_seg *seg,
		     const struct ring_desc *desc, u16 n, unsigned int max_segs);
bool ring_packed_is_avail(const struct ring *ring, u16 pos, bool wrap);
void ring_inflight_unpop(struct ring *ring, unsigned int n);
/* Chains to be taken again are left. */
bool ring_inflight_left(const struct ring *ring);
bool ring_split_more(const struct ring *ring);

#endif
