/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's side of a split virtqueue.
 *
 * Each rule below is one that some known implementation broke: private indices; a
 * descriptor is copied once, then the copy is checked and used; every walk is bounded.
 */
#include "virtio/ring.h"

#include <errno.h>
#include <stdlib.h>

#include "asm/barrier.h"
#include "kernel/log.h"

/* More entries than a 16-bit index can name cannot be chained. */
#define INDIRECT_ENTRIES_MAX 65536u

static const char *const error_names[RING_ERRORS] = {
	[RING_OK] = "no error",
	[RING_BAD_AVAIL_IDX] = "avail index jumped by more than the ring size",
	[RING_BAD_HEAD] = "head outside the descriptor table",
	[RING_BAD_NEXT] = "next outside the descriptor table",
	[RING_CHAIN_LOOP] = "chain longer than the descriptor table",
	[RING_BAD_ADDR] = "buffer not in guest RAM",
	[RING_BAD_ORDER] = "readable buffer after a writable one",
	[RING_BAD_INDIRECT] = "bad indirect descriptor",
	[RING_INDIRECT_ADDR] = "indirect table not in guest RAM",
	[RING_TOO_LONG] = "chain with too many buffers",
	[RING_HEAD_IN_USE] = "head posted again before it was used",
	[RING_BAD_DIRECTION] = "buffer of the wrong direction",
	[RING_BAD_BUFFER] = "chain shorter than its header",
};

const char *ring_error_name(enum ring_error error)
{
	return (unsigned int)error < RING_ERRORS ? error_names[error] : "?";
}

/* ---- Enable and disable ---- */

static bool areas_overlap(u64 a, u64 a_size, u64 b, u64 b_size)
{
	return a < b + b_size && b < a + a_size;
}

static bool addr_ok(const struct ring_addr *addr, u16 num)
{
	u64 desc = virtq_desc_size(num), avail = virtq_avail_size(num), used = virtq_used_size(num);

	if (!IS_ALIGNED(addr->desc, VIRTQ_DESC_ALIGN) ||
	    !IS_ALIGNED(addr->avail, VIRTQ_AVAIL_ALIGN) ||
	    !IS_ALIGNED(addr->used, VIRTQ_USED_ALIGN))
		return false;
	return !areas_overlap(addr->desc, desc, addr->avail, avail) &&
	       !areas_overlap(addr->desc, desc, addr->used, used) &&
	       !areas_overlap(addr->avail, avail, addr->used, used);
}

int ring_enable(struct ring *ring, const struct guest_mem *mem, u16 num,
		const struct ring_addr *addr, u16 start, bool event_idx, bool indirect)
{
	size_t words = DIV_ROUND_UP(num, 64u);

	if (!num || num > RING_SIZE_MAX || (num & (num - 1)))
		return -EINVAL;
	*ring = (struct ring){
		.mem = mem,
		.num = num,
		.event_idx = event_idx,
		.indirect = indirect,
		.desc = guest_mem_ptr(mem, addr->desc, virtq_desc_size(num)),
		.avail = guest_mem_ptr(mem, addr->avail, virtq_avail_size(num)),
		.used = guest_mem_ptr(mem, addr->used, virtq_used_size(num)),
		.last_avail = start,
		.avail_seen = start,
		.used_idx = start,
		.used_published = start,
	};
	if (!ring->desc || !ring->avail || !ring->used)
		return -EFAULT;
	if (!addr_ok(addr, num))
		return -EINVAL;
	ring->in_use = calloc(1, words * sizeof(u64) + num * sizeof(u16));
	if (!ring->in_use)
		return -ENOMEM;
	ring->taken = (u16 *)(ring->in_use + words);
	return 0;
}

void ring_disable(struct ring *ring)
{
	free(ring->in_use);
	*ring = (struct ring){ 0 };
}

void ring_break(struct ring *ring, enum ring_error error, u32 value)
{
	if (ring->broken)
		return;
	ring->broken_value = value;
	ring->broken = error;
}

__attribute__((noinline, cold))
static int ring_fail(struct ring *ring, enum ring_error error, u32 value)
{
	ring_break(ring, error, value);
	return -EPROTO;
}

/* ---- Taking chains ---- */

static unsigned int avail_update(struct ring *ring)
{
	u16 idx = le16_to_cpu(ring->avail->idx);
	u16 n = (u16)(idx - ring->last_avail);

	if (unlikely(n > ring->num)) {
		ring_break(ring, RING_BAD_AVAIL_IDX, idx);
		return 0;
	}
	ring->avail_seen = idx;
	rmb();	/* entries after the index; pairs with the driver's, virtio 1.2 §2.7.13.3 */
	return n;
}

unsigned int ring_available(struct ring *ring)
{
	u16 n = (u16)(ring->avail_seen - ring->last_avail);

	if (unlikely(ring->broken))
		return 0;
	return n ? n : avail_update(ring);
}

/* One read of each half: what is checked is what is used. */
static inline struct virtq_desc desc_read(const volatile struct virtq_desc *table, u32 i)
{
	const volatile struct virtq_desc *d = &table[i];
	union {
		struct {
			le32 len;
			le16 flags;
			le16 next;
		};
		u64 word;
	} rest;
	struct __packed u64_unaligned { u64 v; };	/* an indirect table may lie anywhere */

	rest.word = ((const volatile struct u64_unaligned *)&d->len)->v;
	return (struct virtq_desc){
		.addr = ((const volatile struct u64_unaligned *)&d->addr)->v,
		.len = rest.len, .flags = rest.flags, .next = rest.next,
	};
}

/* A table that is being walked: the ring's own or an indirect one. */
struct table {
	const volatile struct virtq_desc *desc;
	u32 entries;
	u32 links;		/* seen so far */
	bool indirect;		/* not told by desc: it may name the ring's own table */
};

/* A descriptor that names a table: virtio 1.2 §2.7.5.3; its WRITE flag means nothing. */
static int table_enter(struct ring *ring, struct table *t, const struct virtq_desc *d)
{
	u32 len = le32_to_cpu(d->len);

	if (!ring->indirect || t->indirect || (le16_to_cpu(d->flags) & VIRTQ_DESC_F_NEXT))
		return ring_fail(ring, RING_BAD_INDIRECT, le16_to_cpu(d->flags));
	if (!len || len % sizeof(*d) || len / sizeof(*d) > INDIRECT_ENTRIES_MAX)
		return ring_fail(ring, RING_BAD_INDIRECT, len);
	t->desc = guest_mem_ptr(ring->mem, le64_to_cpu(d->addr), len);
	if (!t->desc)
		return ring_fail(ring, RING_INDIRECT_ADDR, len);
	t->entries = len / sizeof(*d);
	t->links = 0;
	t->indirect = true;
	return 0;
}

/* Append a checked buffer. Empty ones only take part in the rule of order. */
static inline int chain_add(struct ring *ring, struct ring_chain *c, const struct virtq_desc *d)
{
	u64 addr = le64_to_cpu(d->addr);
	u32 len = le32_to_cpu(d->len);
	bool write = le16_to_cpu(d->flags) & VIRTQ_DESC_F_WRITE;
	const struct guest_mem_region *r;
	struct ring_seg *seg = &c->seg[c->nr_read + c->nr_write];

	if (unlikely(!write && c->nr_write))
		return ring_fail(ring, RING_BAD_ORDER, c->nr_read + c->nr_write);
	if (unlikely(!len))
		return 0;
	r = guest_mem_find(ring->mem, addr, len);
	if (unlikely(!r))
		return ring_fail(ring, RING_BAD_ADDR, len);
	seg->ptr = r->hva + (addr - r->gpa);
	seg->phys = r->phys + (addr - r->gpa);
	seg->len = len;
	seg->write = write;
	if (write) {
		c->nr_write++;
		c->write_len += len;
	} else {
		c->nr_read++;
		c->read_len += len;
	}
	return 0;
}

/* A chain of more than one descriptor, or in an indirect table; @d is a copy of the first. */
__attribute__((noinline))
static int chain_walk(struct ring *ring, struct ring_chain *c, struct virtq_desc d)
{
	struct table t = { .desc = ring->desc, .entries = ring->num };
	unsigned int total = 0;
	u32 i;

	for (;;) {
		u16 flags = le16_to_cpu(d.flags);

		if (unlikely(t.links++ == t.entries))
			return ring_fail(ring, RING_CHAIN_LOOP, t.entries);
		if (flags & VIRTQ_DESC_F_INDIRECT) {
			if (table_enter(ring, &t, &d))
				return -EPROTO;
			d = desc_read(t.desc, 0);
			continue;
		}
		/* Empty ones count: a large indirect table of them must not hold the CPU. */
		if (unlikely(total++ == c->max_segs))
			return ring_fail(ring, RING_TOO_LONG, total);
		if (chain_add(ring, c, &d))
			return -EPROTO;
		if (!(flags & VIRTQ_DESC_F_NEXT))
			return 0;
		i = le16_to_cpu(d.next);
		if (unlikely(i >= t.entries))
			return ring_fail(ring, RING_BAD_NEXT, i);
		d = desc_read(t.desc, i);
	}
}

static inline int chain_read(struct ring *ring, struct ring_chain *c)
{
	struct virtq_desc d = desc_read(ring->desc, c->head);

	c->nr_read = c->nr_write = 0;
	c->read_len = c->write_len = 0;
	if (likely(!(le16_to_cpu(d.flags) & (VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_INDIRECT))))
		return chain_add(ring, c, &d);
	return chain_walk(ring, c, d);
}

int ring_pop(struct ring *ring, struct ring_chain *c)
{
	u16 slot, head;
	u64 bit;

	if (!ring_available(ring))
		return ring->broken ? -EPROTO : 0;
	slot = ring->last_avail & (ring->num - 1);
	head = le16_to_cpu(ring->avail->ring[slot]);
	if (unlikely(head >= ring->num))
		return ring_fail(ring, RING_BAD_HEAD, head);
	bit = BIT_ULL(head % 64);
	if (unlikely(ring->in_use[head / 64] & bit))
		return ring_fail(ring, RING_HEAD_IN_USE, head);
	c->head = head;
	if (unlikely(chain_read(ring, c)))
		return -EPROTO;
	ring->in_use[head / 64] |= bit;
	ring->taken[slot] = head;
	ring->last_avail++;
	return 1;
}

static inline void head_free(struct ring *ring, u16 head)
{
	debug_check(ring->in_use[head / 64] & BIT_ULL(head % 64));
	ring->in_use[head / 64] &= ~BIT_ULL(head % 64);
}

void ring_unpop(struct ring *ring, unsigned int n)
{
	while (n--) {
		ring->last_avail--;
		head_free(ring, ring->taken[ring->last_avail & (ring->num - 1)]);
	}
	/* The driver has posted more while those were ours: beyond what the ring holds. */
	if (unlikely((u16)(ring->avail_seen - ring->last_avail) > ring->num))
		ring_break(ring, RING_BAD_AVAIL_IDX, ring->avail_seen);
}

/* ---- Giving them back ---- */

void ring_push(struct ring *ring, u16 head, u32 len)
{
	volatile struct virtq_used_elem *e = &ring->used->ring[ring->used_idx & (ring->num - 1)];

	e->id = cpu_to_le32(head);
	e->len = cpu_to_le32(len);
	ring->used_idx++;
	head_free(ring, head);
}

/* The event field behind each ring's entries. */
static inline u16 used_event(const struct ring *ring)
{
	return le16_to_cpu(ring->avail->ring[ring->num]);
}

static inline void avail_event_write(struct ring *ring, u16 idx)
{
	*(volatile le16 *)&ring->used->ring[ring->num] = cpu_to_le16(idx);
}

bool ring_publish(struct ring *ring)
{
	u16 new = ring->used_idx, old = ring->signalled_used;
	bool valid = ring->signalled_valid;

	if (new == ring->used_published)
		return false;
	wmb();	/* entries before the index; pairs with the driver's rmb, virtio 1.2 §2.7.14 */
	ring->used->idx = cpu_to_le16(new);
	ring->used_published = new;
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

/* ---- Notification suppression ---- */

void ring_notify_disable(struct ring *ring)
{
	if (ring->notify_off)
		return;
	ring->notify_off = true;
	/* With EVENT_IDX a stale avail_event does it: the driver's index is past it. */
	if (!ring->event_idx)
		ring->used->flags = cpu_to_le16(VIRTQ_USED_F_NO_NOTIFY);
}

bool ring_notify_enable(struct ring *ring)
{
	if (unlikely(ring->broken))
		return false;
	ring->notify_off = false;
	if (ring->event_idx)
		avail_event_write(ring, ring->last_avail);
	else
		ring->used->flags = cpu_to_le16(0);
	/*
	 * Our wish before the last look. Pairs with the driver's full barrier between writing
	 * avail->idx and looking at avail_event or flags (§2.7.13.4.1).
	 */
	mb();
	return le16_to_cpu(ring->avail->idx) != ring->last_avail;
}
