/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtqueues, the device's side: what both formats share. */
#include "virtio/ring.h"

#include <stdlib.h>

#include "virtio/ring_impl.h"

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
	[RING_NO_ACCESS] = "buffer that may not be read or written",
	[RING_TOO_LONG] = "chain with too many buffers",
	[RING_HEAD_IN_USE] = "head posted again before it was used",
	[RING_BAD_DIRECTION] = "buffer of the wrong direction",
	[RING_BAD_BUFFER] = "chain shorter than its header",
	[RING_NO_STATUS] = "chain without room for the answer",
};

const char *ring_error_name(enum ring_error error)
{
	return (unsigned int)error < RING_ERRORS ? error_names[error] : "?";
}

/* ---- Enable and disable ---- */

struct areas {
	u64 desc, avail, used;		/* bytes */
	u64 desc_align, avail_align, used_align;
};

static struct areas areas_of(u16 num, bool packed)
{
	if (packed)
		return (struct areas){
			sizeof(struct virtq_pdesc) * num, sizeof(struct virtq_event),
			sizeof(struct virtq_event), VIRTQ_DESC_ALIGN, VIRTQ_EVENT_ALIGN,
			VIRTQ_EVENT_ALIGN,
		};
	return (struct areas){
		virtq_desc_size(num), virtq_avail_size(num), virtq_used_size(num),
		VIRTQ_DESC_ALIGN, VIRTQ_AVAIL_ALIGN, VIRTQ_USED_ALIGN,
	};
}

static bool areas_overlap(u64 a, u64 a_size, u64 b, u64 b_size)
{
	return a < b + b_size && b < a + a_size;
}

static bool addr_ok(const struct ring_addr *addr, const struct areas *size)
{
	if (!IS_ALIGNED(addr->desc, size->desc_align) ||
	    !IS_ALIGNED(addr->avail, size->avail_align) ||
	    !IS_ALIGNED(addr->used, size->used_align))
		return false;
	return !areas_overlap(addr->desc, size->desc, addr->avail, size->avail) &&
	       !areas_overlap(addr->desc, size->desc, addr->used, size->used) &&
	       !areas_overlap(addr->avail, size->avail, addr->used, size->used);
}

/* The private arrays, in one allocation. */
static int alloc_arrays(struct ring *ring)
{
	unsigned int slots = 1;

	while (slots < ring->num)
		slots *= 2;
	ring->taken_mask = (u16)(slots - 1);
	ring->done_len = calloc(slots, sizeof(u32) + 2 * sizeof(u16));
	if (!ring->done_len)
		return -ENOMEM;
	ring->in_use = (u16 *)(ring->done_len + slots);
	ring->taken = ring->in_use + slots;
	return 0;
}

int ring_enable(struct ring *ring, const struct guest_mem *mem, u16 num,
		const struct ring_addr *addr, u16 start, unsigned int features)
{
	bool packed = features & RING_PACKED;
	struct areas size = areas_of(num, packed);

	*ring = (struct ring){ 0 };
	if (!num || num > RING_SIZE_MAX || (!packed && (num & (num - 1))))
		return -EINVAL;
	if (packed && (start & ~VIRTQ_EVENT_WRAP) >= num)
		return -EINVAL;
	*ring = (struct ring){
		.mem = mem,
		.num = num,
		.packed = packed,
		.path = packed ? RING_PATH_PACKED : RING_PATH_SPLIT,
		.in_order = features & RING_IN_ORDER,
		.event_idx = features & RING_EVENT_IDX,
		.indirect = features & RING_INDIRECT,
		.desc = guest_mem_ptr_for(mem, addr->desc, size.desc,
					  packed ? GUEST_MEM_RW : GUEST_MEM_READ),
		.avail = guest_mem_ptr_for(mem, addr->avail, size.avail, GUEST_MEM_READ),
		.used = guest_mem_ptr_for(mem, addr->used, size.used, GUEST_MEM_WRITE),
		.last_avail = packed ? start & (u16)~VIRTQ_EVENT_WRAP : start,
		.avail_seen = start,
		.avail_wrap = start & VIRTQ_EVENT_WRAP,
	};
	ring->used_idx = ring->last_avail;
	ring->used_wrap = ring->avail_wrap;
	if (!ring->desc || !ring->avail || !ring->used)
		return -EFAULT;
	if (!addr_ok(addr, &size))
		return -EINVAL;
	return alloc_arrays(ring);
}

void ring_disable(struct ring *ring)
{
	free(ring->done_len);
	free(ring->inflight);
	*ring = (struct ring){ 0 };
}

u16 ring_position(const struct ring *ring)
{
	return ring->last_avail | (ring->packed && ring->avail_wrap ? VIRTQ_EVENT_WRAP : 0);
}

void ring_break(struct ring *ring, enum ring_error error, u32 value)
{
	if (ring->broken)
		return;
	ring->broken_value = value;
	ring->broken = error;
}

/* An address whose translation is still to come: nothing is taken for now. */
static int not_known_yet(struct ring *ring)
{
	ring->missed = true;
	ring->missed_at = ring->mem->missed_at;
	ring->missed_access = ring->mem->missed_access;
	return -EAGAIN;
}

__attribute__((noinline, cold))
int ring_fail(struct ring *ring, enum ring_error error, u32 value)
{
	if (error == RING_BAD_ADDR || error == RING_INDIRECT_ADDR) {
		if (ring->mem->denied)
			error = RING_NO_ACCESS;
		else if (ring->mem->missed)
			return not_known_yet(ring);
	}
	ring_break(ring, error, value);
	return -EPROTO;
}

/* ---- Chains ---- */

__attribute__((cold))
const struct guest_mem_region *ring_region(struct ring *ring, u64 addr, u32 len, bool write)
{
	const struct guest_mem_region *r = guest_mem_find(ring->mem, addr, len,
							  write ? GUEST_MEM_WRITE : GUEST_MEM_READ);

	if (r && r != &ring->mem->limited)
		ring->region = (u8)(r - ring->mem->region);
	return r;
}

__attribute__((noinline))
static const volatile void *table_bad(struct ring *ring, u32 len, u16 flags)
{
	if (!ring->indirect || (flags & VIRTQ_DESC_F_NEXT))
		ring_break(ring, RING_BAD_INDIRECT, flags);
	else
		ring_break(ring, RING_BAD_INDIRECT, len);
	return NULL;
}

const volatile void *ring_table(struct ring *ring, u64 addr, u32 len, u16 flags)
{
	const struct guest_mem_region *r = &ring->mem->region[ring->region];

	if (unlikely(!ring->indirect || (flags & VIRTQ_DESC_F_NEXT) ||
		     !len || len % sizeof(struct virtq_desc) ||
		     len > INDIRECT_ENTRIES_MAX * sizeof(struct virtq_desc)))
		return table_bad(ring, len, flags);
	if (unlikely(!ring_buffer_ok(r, addr, len)))
		r = guest_mem_find(ring->mem, addr, len, GUEST_MEM_READ);
	if (unlikely(!r)) {
		ring_fail(ring, RING_INDIRECT_ADDR, len);
		return NULL;
	}
	return r->hva + (addr - r->gpa);
}

unsigned int ring_available(struct ring *ring)
{
	if (unlikely(ring->broken))
		return 0;
	return ring->packed ? ring_packed_available(ring) || ring_inflight_left(ring) :
			      ring_split_available(ring);
}

void ring_unpop(struct ring *ring, unsigned int n)
{
	if (unlikely(ring->inflight))
		ring_inflight_unpop(ring, n);
	else if (ring->packed)
		ring_packed_unpop(ring, n);
	else
		ring_split_unpop(ring, n);
}

/* ---- Notification suppression ---- */

void ring_notify_disable(struct ring *ring)
{
	if (ring->notify_off)
		return;
	ring->notify_off = true;
	if (ring->packed)
		ring_packed_notify(ring, false);
	else
		ring_split_notify(ring, false);
}

bool ring_notify_enable(struct ring *ring)
{
	if (unlikely(ring->broken))
		return false;
	ring->notify_off = false;
	if (ring->packed)
		ring_packed_notify(ring, true);
	else
		ring_split_notify(ring, true);
	/*
	 * Our wish before the last look. Pairs with the driver's full barrier between making
	 * buffers available and looking at avail_event, flags or the device's event structure
	 * (§2.7.13.4.1, §2.8.21.3.1).
	 */
	mb();
	return ring->packed ? ring_packed_available(ring) || ring_inflight_left(ring) :
			      ring_split_more(ring);
}
