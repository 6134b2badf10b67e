/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's side of a split virtqueue (virtio 1.2 §2.7). It knows nothing of packets.
 *
 * Everything in guest memory is read once into private copies, checked, and used from
 * there. Own indices are private; used->idx is written, never read. A rule broken by the
 * driver breaks the queue (ring->broken says which rule), nothing else.
 */
#ifndef VIRTIO_RING_H
#define VIRTIO_RING_H

#include "kernel/guest_mem.h"
#include "kernel/types.h"
#include "virtio/virtq.h"

#define RING_SIZE_MAX	1024

enum ring_error {
	RING_OK,
	RING_BAD_AVAIL_IDX,	/* avail->idx moved by more than the ring's size */
	RING_BAD_HEAD,		/* head >= size */
	RING_BAD_NEXT,		/* next >= size */
	RING_CHAIN_LOOP,	/* more descriptors than entries */
	RING_BAD_ADDR,		/* buffer not in guest RAM */
	RING_BAD_ORDER,		/* readable after writable */
	RING_BAD_INDIRECT,	/* length, nesting, NEXT with INDIRECT, not negotiated */
	RING_INDIRECT_ADDR,	/* table not in guest RAM */
	RING_TOO_LONG,		/* more segments than the caller takes */
	RING_HEAD_IN_USE,	/* head posted again before it was used */
	RING_BAD_DIRECTION,	/* the device class: writable where it must read, or the reverse */
	RING_BAD_BUFFER,	/* the device class: shorter than its header */
	RING_ERRORS
};
const char *ring_error_name(enum ring_error error);

struct ring_addr {		/* guest-physical, as written by the driver */
	u64 desc, avail, used;
};

struct ring_seg {		/* one checked buffer of a chain */
	u8 *ptr;
	u64 phys;
	u32 len;
	bool write;		/* device-writable */
};

#define RING_SEGS_MAX	1024

struct ring_chain {
	u16 head;
	unsigned int nr_read, nr_write;	/* seg[0..nr_read) readable, then nr_write writable */
	u64 read_len, write_len;	/* bytes; cannot wrap */
	struct ring_seg *seg;		/* caller's array; empty buffers are left out */
	unsigned int max_segs;		/* also the bound on a chain's links */
};

struct ring {
	const struct guest_mem *mem;
	u16 num;			/* entries, power of two */
	bool event_idx, indirect;
	/* Translated once at enable; every area lies in one RAM region. */
	const volatile struct virtq_desc *desc;
	const volatile struct virtq_avail *avail;
	volatile struct virtq_used *used;
	u16 last_avail;			/* next avail entry to take */
	u16 avail_seen;			/* copy of avail->idx, validated */
	u16 used_idx;			/* next used entry to write */
	u16 used_published;		/* used->idx as the driver sees it */
	u16 signalled_used;
	bool signalled_valid;
	bool notify_off;		/* we asked the driver not to kick */
	u64 *in_use;			/* bitmap by head: taken, not yet used */
	u16 *taken;			/* by avail index: the head that was read there */
	enum ring_error broken;
	u32 broken_value;		/* the offending value, for the message */
};

/*
 * ring_enable() - @num a power of two in 1..RING_SIZE_MAX. Checks alignment (16/2/4),
 * that each area lies wholly in RAM, and that they do not overlap. @start: the index to
 * go on from (0 after reset). -EINVAL, -EFAULT, -ENOMEM.
 * Source: virtio 1.2 §2.7, table of sizes and alignments.
 */
int ring_enable(struct ring *ring, const struct guest_mem *mem, u16 num,
		const struct ring_addr *addr, u16 start, bool event_idx, bool indirect);
void ring_disable(struct ring *ring);

/* How many chains are available (re-reads avail->idx when none are known). 0 when broken. */
unsigned int ring_available(struct ring *ring);

/*
 * ring_pop() - the next chain into @chain. 1: one; 0: none; -EPROTO: ring->broken was set
 * (now or before) and nothing was taken.
 */
int ring_pop(struct ring *ring, struct ring_chain *chain);
/*
 * Give back the last @n popped chains, none of them pushed, as if never taken; they are read
 * anew next time (RX: a frame needs more than there is).
 */
void ring_unpop(struct ring *ring, unsigned int n);

/* Mark the queue broken by a rule of the device class. */
void ring_break(struct ring *ring, enum ring_error error, u32 value);

/* Add a used entry (@len bytes written); visible after ring_publish(). */
void ring_push(struct ring *ring, u16 head, u32 len);
/*
 * ring_publish() - used->idx for all pushed so far (write barrier before), then, after a full
 * barrier, the driver's wish: true if it must be interrupted (virtio 1.2 §2.7.7.2, §2.7.10).
 */
bool ring_publish(struct ring *ring);

/*
 * Notification suppression (§2.7.10): ring_notify_enable() returns true if chains became
 * available meanwhile: look again before sleeping.
 */
void ring_notify_disable(struct ring *ring);
bool ring_notify_enable(struct ring *ring);

#endif
