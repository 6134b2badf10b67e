/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chains that have been taken and not given back, noted in memory that outlives the process: the
 * next one takes exactly them again. The layout is vhost-user's (QEMU's docs/interop/
 * vhost-user.rst, §Inflight I/O tracking), all fields in host byte order.
 *
 * A ring without it does not know of it: ring.h's dispatchers tell the two apart by the number
 * that tells the formats apart. After ring_inflight_enable() the memory is written only.
 */
#ifndef VIRTIO_RING_INFLIGHT_H
#define VIRTIO_RING_INFLIGHT_H

#include "kernel/types.h"
#include "virtio/ring.h"

#define INFLIGHT_VERSION	1	/* 0: not initialised */
#define INFLIGHT_ALIGN		64	/* of a queue's part, as other back ends have it */

struct inflight_split_desc {	/* by head */
	u8 inflight, padding[5];
	u16 next;		/* in the list of the last batch */
	u64 counter;		/* order of taking */
};

struct inflight_split {
	u64 features;		/* 0 */
	u16 version, desc_num;
	u16 last_batch_head;
	u16 used_idx;
	struct inflight_split_desc desc[];
};

struct inflight_packed_desc {	/* one for each descriptor in flight, and free ones */
	u8 inflight, padding;	/* of a chain's first */
	u16 next;		/* of the chain, or of the free list; desc_num: none */
	u16 last, num;		/* of a chain's first: the last one, and how many */
	u64 counter;
	u16 id, flags;		/* the descriptor, which may be overwritten in the ring */
	u32 len;
	u64 addr;
};

struct inflight_packed {
	u64 features;
	u16 version, desc_num;
	u16 free_head, old_free_head;	/* old: before the batch that is being given back */
	u16 used_idx, old_used_idx;
	u8 used_wrap_counter, old_used_wrap_counter, padding[7];
	struct inflight_packed_desc desc[];
};

/* Bytes of a queue's part with @entries descriptors. */
u64 ring_inflight_size(bool packed, u16 entries);

struct ring_inflight_area {
	void *mem;		/* ring_inflight_size() bytes, 8-byte aligned, shared */
	u16 entries;		/* >= the ring's */
	const char *why;	/* it was refused */
};

/*
 * ring_inflight_enable() - note from now on, and before anything else take again what is noted:
 * the memory, if it is initialised, says where to go on, not ring_enable()'s start. Right after
 * ring_enable(). -EINVAL and area->why: what is noted cannot be; -ENOMEM.
 */
int ring_inflight_enable(struct ring *ring, struct ring_inflight_area *area);

#endif
