/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other side of a split virtqueue: guest RAM and a driver as the specification has it
 * (virtio 1.2 §2.7), so that rings are tested from where a guest sees them. Tests that play
 * a hostile guest write to desc, avail and used themselves.
 */
#ifndef TESTS_UNIT_MOCK_DRIVER_H
#define TESTS_UNIT_MOCK_DRIVER_H

#include "kernel/guest_mem.h"
#include "kernel/types.h"
#include "virtio/ring.h"

#define MOCK_HIGH_GPA	(4 * GIB)	/* the second region */

/* Guest RAM: one region from 0, one from 4 GiB; handed out from the first by mock_alloc(). */
struct mock_ram {
	struct guest_mem gm;
	u8 *low, *high;
	u64 size;		/* of each */
	u64 next;		/* next free byte of the low one; page 0 is never handed out */
};

void mock_ram_init(struct mock_ram *ram, u64 size);
void mock_ram_free(struct mock_ram *ram);
u64 mock_alloc(struct mock_ram *ram, u64 size, u64 align);	/* zeroed */
void *mock_ptr(const struct mock_ram *ram, u64 gpa);

struct mock_buf {
	u64 gpa;
	u32 len;
	bool write;
};

struct mock_vq {
	struct mock_ram *ram;
	u16 num;
	bool event_idx, indirect;
	struct ring_addr addr;
	volatile struct virtq_desc *desc;
	volatile struct virtq_avail *avail;
	volatile struct virtq_used *used;
	u64 tables;		/* indirect tables, MOCK_TABLE_ENTRIES each, one for each head */
	u16 free_head, nr_free;
	u16 next_free[RING_SIZE_MAX];
	u16 chain_len[RING_SIZE_MAX];
	u16 avail_idx;		/* added */
	u16 kicked_idx;		/* avail_idx at the last mock_kick() */
	u16 last_used;
};

#define MOCK_TABLE_ENTRIES 64

void mock_vq_init(struct mock_vq *vq, struct mock_ram *ram, u16 num, bool event_idx, bool indirect);
/* Post a chain; its head, or -1 if there are not enough free descriptors. */
int mock_add(struct mock_vq *vq, const struct mock_buf *buf, unsigned int n);
/* Post one buffer. */
int mock_add_one(struct mock_vq *vq, u64 gpa, u32 len, bool write);
/* Does the device want to be notified of what was added since the last call? */
bool mock_kick(struct mock_vq *vq);
/* Next used chain: its head and in @len the bytes written; -1 if there is none. */
int mock_get(struct mock_vq *vq, u32 *len);
void mock_irq_disable(struct mock_vq *vq);
/* True: there are used chains already. */
bool mock_irq_enable(struct mock_vq *vq);

/* Raw access for hostile tests: write descriptor @i; post @head whatever it is. */
void mock_desc(struct mock_vq *vq, u16 i, u64 addr, u32 len, u16 flags, u16 next);
void mock_post(struct mock_vq *vq, u16 head);

#endif
