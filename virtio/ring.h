/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's side of a virtqueue, split (virtio 1.2 §2.7) or packed (§2.8). It knows nothing
 * of packets.
 *
 * Everything in guest memory is read once into private copies, checked, and used from
 * there. Own indices are private; what we wrote is never read back. A rule broken by the
 * driver breaks the queue (ring->broken says which rule), nothing else.
 *
 * The functions that work on batches are the fast ones: the format is looked at once a batch.
 */
#ifndef VIRTIO_RING_H
#define VIRTIO_RING_H

#include <errno.h>

#include "kernel/guest_mem.h"
#include "kernel/types.h"
#include "virtio/virtq.h"

#define RING_SIZE_MAX	1024

enum ring_error {
	RING_OK,
	RING_BAD_AVAIL_IDX,	/* more made available than the ring holds */
	RING_BAD_HEAD,		/* head, or a packed ring's buffer id, >= size */
	RING_BAD_NEXT,		/* next >= size; packed: next is not available */
	RING_CHAIN_LOOP,	/* more descriptors than entries */
	RING_BAD_ADDR,		/* buffer not in guest RAM */
	RING_BAD_ORDER,		/* readable after writable */
	RING_BAD_INDIRECT,	/* length, nesting, NEXT with INDIRECT, not negotiated */
	RING_INDIRECT_ADDR,	/* table not in guest RAM */
	RING_NO_ACCESS,		/* buffer or table in memory that is not for that: IOMMU */
	RING_TOO_LONG,		/* more segments than the caller takes */
	RING_HEAD_IN_USE,	/* head posted again before it was used */
	RING_BAD_DIRECTION,	/* the device class: writable where it must read, or the reverse */
	RING_BAD_BUFFER,	/* the device class: shorter than its header */
	RING_NO_STATUS,		/* the device class: no room for its answer */
	RING_ERRORS
};
/* In words, for the console and tests. */
const char *ring_error_name(enum ring_error error);

enum ring_features {		/* what was negotiated of those that concern rings */
	RING_EVENT_IDX = BIT(0),
	RING_INDIRECT = BIT(1),
	RING_PACKED = BIT(2),
	RING_IN_ORDER = BIT(3),
};

/* Guest-physical, as written by the driver. Packed: avail and used are the event structures. */
struct ring_addr {
	u64 desc, avail, used;
};

struct ring_seg {		/* one checked buffer of a chain */
	u8 *ptr;
	u64 phys;
	union {
		struct {
			u32 len;
			bool write;	/* device-writable */
		};
		u64 len_write;		/* both, to be written at once */
	};
};

struct ring_chain {
	struct ring_seg *seg;		/* caller's array; empty buffers are left out */
	u64 read_len, write_len;	/* bytes; cannot wrap */
	union {
		struct {
			u16 head;	/* names the chain until it is used; < size */
			/* seg[0..nr_read) readable, then nr_write writable */
			u16 nr_read, nr_write;
			/* ring_pop(): room in seg[]; also the bound on a chain's links */
			u16 max_segs;
		};
		u64 head_and_counts;	/* all, to be written at once */
	};
};

/* A chain to be given back: @len bytes were written to it. */
struct ring_used {
	u32 head, len;
};

/* Which functions serve the ring: one look tells the formats and the rare cases apart. */
enum ring_path {
	RING_PATH_SPLIT,
	RING_PATH_PACKED,
	RING_PATH_INFLIGHT,		/* of either format: ring_inflight.h */
};

struct ring {
	const struct guest_mem *mem;
	u16 num;			/* entries; split: power of two */
	u8 path;			/* enum ring_path */
	bool event_idx, indirect, packed, in_order;
	/* Translated once at enable; every area lies in one RAM region. */
	union {
		const volatile struct virtq_desc *desc;
		volatile struct virtq_pdesc *pdesc;
	};
	union {
		const volatile struct virtq_avail *avail;
		const volatile struct virtq_event *driver_event;
	};
	union {
		volatile struct virtq_used *used;
		volatile struct virtq_event *device_event;
	};
	u16 last_avail;			/* next to take: avail index, packed: position */
	u16 avail_seen;			/* split: copy of avail->idx, validated */
	u16 used_idx;			/* next to write: used index, packed: position */
	bool avail_wrap, used_wrap;	/* packed: wrap counters of the two */
	u16 pending;			/* entries used since the last publication */
	u16 in_flight;			/* taken, not yet used; packed: descriptors */
	u8 region;			/* of guest memory: where to look first */
	u64 first_used;			/* packed: the word of the first pending one, */
	u16 first_used_pos;		/* written last, and where */
	u16 signalled_used;
	bool signalled_valid;
	bool notify_off;		/* we asked the driver not to kick */
	u16 *in_use;			/* by head: enum ring_head_state, 0: free */
	u32 *done_len;			/* by head, IN_ORDER: used, its turn has not come */
	u16 *taken;			/* ring of heads in the order in which they were read */
	u16 taken_mask;
	u16 taken_at, taken_done;	/* packed, in it: next to take, IN_ORDER: oldest not used */
	struct ring_inflight *inflight;	/* NULL: nobody notes what is in flight */
	/* It waits for a translation (struct guest_mem): of what, and what for? */
	bool missed;
	u8 missed_access;
	u64 missed_at;
	enum ring_error broken;
	u32 broken_value;		/* the offending value, for the message */
};

/*
 * ring_enable() - @num in 1..RING_SIZE_MAX, for a split ring a power of two. Checks alignment
 * (16/2/4, packed 16/4/4), that each area lies wholly in RAM, and that they do not overlap.
 * @start: where to go on. Split: the avail index, 0 after reset. Packed: bits 0..14 position of
 * the next available descriptor, 15 its wrap counter (RING_PACKED_START after reset); nothing is
 * in flight, so the used position is the same. @features: enum ring_features. @mem does not change
 * until ring_disable(): which region was the last one is remembered.
 * -EINVAL, -EFAULT, -ENOMEM. Source: virtio 1.2 §2.7 and §2.8.10, sizes and alignments.
 */
#define RING_PACKED_START	VIRTQ_EVENT_WRAP
int ring_enable(struct ring *ring, const struct guest_mem *mem, u16 num,
		const struct ring_addr *addr, u16 start, unsigned int features);
void ring_disable(struct ring *ring);
/* The @start to go on from. */
u16 ring_position(const struct ring *ring);

/* Chains that are available: how many, packed: whether. 0 when broken. */
unsigned int ring_available(struct ring *ring);

/* ---- The two formats, and what is in flight; callers use the functions below ---- */

unsigned int ring_split_pop(struct ring *ring, struct ring_chain *chain, unsigned int max,
			    struct ring_seg *seg, unsigned int nr_segs, unsigned int max_segs);
unsigned int ring_packed_pop(struct ring *ring, struct ring_chain *chain, unsigned int max,
			     struct ring_seg *seg, unsigned int nr_segs, unsigned int max_segs);
void ring_split_push(struct ring *ring, const struct ring_used *used, unsigned int n);
void ring_packed_push(struct ring *ring, const struct ring_used *used, unsigned int n);
bool ring_split_publish(struct ring *ring);
bool ring_packed_publish(struct ring *ring);
unsigned int ring_inflight_pop(struct ring *ring, struct ring_chain *chain, unsigned int max,
			       struct ring_seg *seg, unsigned int nr_segs, unsigned int max_segs);
void ring_inflight_push(struct ring *ring, const struct ring_used *used, unsigned int n);
bool ring_inflight_publish(struct ring *ring);

/* ---- Taking and giving back ---- */

/*
 * ring_pop_batch() - up to @max chains into @chain; their buffers lie in @seg one after another,
 * chain[i].seg says where. @max_segs bounds the links of one chain and is at most @nr_segs, the
 * room in @seg; a batch ends early where the next chain might not fit. Number taken; fewer than
 * could be, 0 included, if ring->broken was set now or before. @chain's max_segs is not looked at.
 */
static inline unsigned int ring_pop_batch(struct ring *ring, struct ring_chain *chain,
					  unsigned int max, struct ring_seg *seg,
					  unsigned int nr_segs, unsigned int max_segs)
{
	if (ring->path == RING_PATH_SPLIT)
		return ring_split_pop(ring, chain, max, seg, nr_segs, max_segs);
	if (likely(ring->path == RING_PATH_PACKED))
		return ring_packed_pop(ring, chain, max, seg, nr_segs, max_segs);
	return ring_inflight_pop(ring, chain, max, seg, nr_segs, max_segs);
}

/*
 * ring_pop() - the next chain into @chain. 1: one; 0: none; -EPROTO: ring->broken was set
 * (now or before) and nothing was taken.
 */
static inline int ring_pop(struct ring *ring, struct ring_chain *c)
{
	const u16 max_segs = c->max_segs;
	unsigned int n = ring_pop_batch(ring, c, 1, c->seg, max_segs, max_segs);

	c->max_segs = max_segs;
	return n ? 1 : ring->broken ? -EPROTO : 0;
}

/*
 * Give back the last @n popped chains, none of them pushed, as if never taken; they are read
 * anew next time (RX: a frame needs more than there is).
 */
void ring_unpop(struct ring *ring, unsigned int n);

/* Mark the queue broken by a rule of the device class. */
void ring_break(struct ring *ring, enum ring_error error, u32 value);

/*
 * Give back popped chains; visible after ring_publish(). In any order: with IN_ORDER one waits
 * for those that were taken before it.
 */
static inline void ring_push_batch(struct ring *ring, const struct ring_used *used, unsigned int n)
{
	if (ring->path == RING_PATH_SPLIT)
		ring_split_push(ring, used, n);
	else if (likely(ring->path == RING_PATH_PACKED))
		ring_packed_push(ring, used, n);
	else
		ring_inflight_push(ring, used, n);
}

static inline void ring_push(struct ring *ring, u16 head, u32 len)
{
	const struct ring_used used = { head, len };

	ring_push_batch(ring, &used, 1);
}

/*
 * ring_publish() - show the driver all pushed so far (write barrier before), then, after a full
 * barrier, ask for its wish: true if it must be interrupted (virtio 1.2 §2.7.7.2, §2.7.10,
 * §2.8.10). False without a look if nothing was pending.
 */
static inline bool ring_publish(struct ring *ring)
{
	if (!ring->pending)
		return false;
	if (ring->path == RING_PATH_SPLIT)
		return ring_split_publish(ring);
	if (likely(ring->path == RING_PATH_PACKED))
		return ring_packed_publish(ring);
	return ring_inflight_publish(ring);
}

/*
 * Notification suppression (§2.7.10, §2.8.10): ring_notify_enable() returns true if chains
 * became available meanwhile: look again before sleeping.
 */
void ring_notify_disable(struct ring *ring);
bool ring_notify_enable(struct ring *ring);

#endif
