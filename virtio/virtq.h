/* SPDX-License-Identifier: BSD-2-Clause */
/* The split virtqueue as it lies in guest memory: virtio 1.2 §2.7.5 to §2.7.8. */
#ifndef VIRTIO_VIRTQ_H
#define VIRTIO_VIRTQ_H

#include "kernel/types.h"

enum virtq_desc_flags {		/* §2.7.5 */
	VIRTQ_DESC_F_NEXT = 1,
	VIRTQ_DESC_F_WRITE = 2,
	VIRTQ_DESC_F_INDIRECT = 4,
};

enum virtq_avail_flags {	/* §2.7.6 */
	VIRTQ_AVAIL_F_NO_INTERRUPT = 1,
};

enum virtq_used_flags {		/* §2.7.8 */
	VIRTQ_USED_F_NO_NOTIFY = 1,
};

struct virtq_desc {
	le64 addr;
	le32 len;
	le16 flags;
	le16 next;
} __packed;

struct virtq_avail {
	le16 flags;
	le16 idx;
	le16 ring[];		/* and after it: le16 used_event */
};

struct virtq_used_elem {
	le32 id;
	le32 len;
};

struct virtq_used {
	le16 flags;
	le16 idx;
	struct virtq_used_elem ring[];	/* and after it: le16 avail_event */
};

enum virtq_align {		/* §2.7 */
	VIRTQ_DESC_ALIGN = 16,
	VIRTQ_AVAIL_ALIGN = 2,
	VIRTQ_USED_ALIGN = 4,
};

/* Bytes of each area, the event fields included. */
static inline u64 virtq_desc_size(u16 num) { return sizeof(struct virtq_desc) * num; }
static inline u64 virtq_avail_size(u16 num)
{
	return sizeof(struct virtq_avail) + sizeof(le16) * num + sizeof(le16);
}
static inline u64 virtq_used_size(u16 num)
{
	return sizeof(struct virtq_used) + sizeof(struct virtq_used_elem) * num + sizeof(le16);
}

/* §2.7.7.2: has the index gone past @event on its way from @old to @new? All modulo 2^16. */
static inline bool virtq_need_event(u16 event, u16 new, u16 old)
{
	return (u16)(new - event - 1) < (u16)(new - old);
}

#endif
