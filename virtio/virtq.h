/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtqueues as they lie in guest memory: virtio 1.2 §2.7.5 to §2.7.8 (split), §2.8 (packed). */
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

/* ---- Packed: §2.8.13, §2.8.14 ---- */

enum virtq_pdesc_flags {	/* besides those of virtq_desc_flags, §2.8.1 */
	VIRTQ_PDESC_F_AVAIL = 1 << 7,
	VIRTQ_PDESC_F_USED = 1 << 15,
};

struct virtq_pdesc {
	le64 addr;
	le32 len;
	le16 id;
	le16 flags;
};

enum virtq_event_flags {	/* §2.8.10 */
	VIRTQ_EVENT_ENABLE = 0,
	VIRTQ_EVENT_DISABLE = 1,
	VIRTQ_EVENT_DESC = 2,	/* at the descriptor in off_wrap; with EVENT_IDX only */
	VIRTQ_EVENT_FLAGS = 3,	/* mask; the rest is reserved */
};

#define VIRTQ_EVENT_WRAP	0x8000u	/* of off_wrap: wrap counter, above the position */

struct virtq_event {		/* read and written as one word */
	le32 off_wrap_flags;	/* low half: off_wrap, high half: flags */
};

enum virtq_align {		/* §2.7 */
	VIRTQ_DESC_ALIGN = 16,
	VIRTQ_AVAIL_ALIGN = 2,
	VIRTQ_USED_ALIGN = 4,
	VIRTQ_EVENT_ALIGN = 4,	/* §2.8.10.1 */
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
