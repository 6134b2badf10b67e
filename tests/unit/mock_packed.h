/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of a packed virtqueue as the specification has it (virtio 1.2 §2.8), with or without
 * IN_ORDER. Ids are handed out last given back first, so that they differ from positions.
 */
#ifndef TESTS_UNIT_MOCK_PACKED_H
#define TESTS_UNIT_MOCK_PACKED_H

#include "tests/unit/mock_driver.h"

struct mock_packed {
	struct mock_ram *ram;
	u16 num;
	bool event_idx, indirect, in_order;
	struct ring_addr addr;
	volatile struct virtq_pdesc *desc;
	volatile struct virtq_event *driver, *device;
	u64 tables;		/* indirect tables, MOCK_TABLE_ENTRIES each, one for each id */
	u16 nr_free;		/* descriptors */
	u16 next, used;		/* positions */
	bool next_wrap, used_wrap;
	u16 kicked;		/* descriptors made available since the last mock_packed_kick() */
	u16 nr_ids;
	u16 ids[RING_SIZE_MAX];		/* free ones */
	u16 descs[RING_SIZE_MAX];	/* by id: descriptors of the chain, 0: not posted */
	/* IN_ORDER: ids as posted; a used one stands for all up to it. */
	u16 order[RING_SIZE_MAX];
	u32 posted, gotten;
	u16 batch_last;		/* id up to which chains are used without a descriptor each */
	u32 batch_len;
	bool in_batch;
};

void mock_packed_init(struct mock_packed *vq, struct mock_ram *ram, u16 num, bool event_idx,
		      bool indirect);
/* Post a chain; its id, or -1 if there are not enough free descriptors. */
int mock_packed_add(struct mock_packed *vq, const struct mock_buf *buf, unsigned int n);
int mock_packed_add_one(struct mock_packed *vq, u64 gpa, u32 len, bool write);
/* Does the device want to be notified of what was added since the last call? */
bool mock_packed_kick(struct mock_packed *vq);
/* Next used chain: its id and in @len the bytes written; -1 if there is none. */
int mock_packed_get(struct mock_packed *vq, u32 *len);
void mock_packed_irq_disable(struct mock_packed *vq);
/* True: there are used chains already. */
bool mock_packed_irq_enable(struct mock_packed *vq);

/* Raw: a descriptor at @pos, available in the lap of @wrap; the flags are written last. */
void mock_packed_desc(struct mock_packed *vq, u16 pos, bool wrap, u64 addr, u32 len, u16 id,
		      u16 flags);

#endif
