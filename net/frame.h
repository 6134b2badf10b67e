/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A frame on its way between ports. The producer owns the bytes; consumers read them in
 * place or hand them to DMA by physical address, and put the frame when done. The last
 * put returns it to the producer through done().
 */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include "kernel/types.h"

#define FRAME_SEGS	20	/* 64 KiB in 4 KiB pages, the copied header, one for misalignment */
#define FRAME_HDR_MAX	128	/* Ethernet + VLANs + IP + options + TCP: what may be inspected */
#define FRAME_LEN_MIN	14	/* an Ethernet header */

struct frame;
struct port;

struct frame_seg {
	const u8 *ptr;
	u64 phys;		/* for DMA; 0 in native builds */
	u32 len;
};

enum frame_flags {		/* meaning as in virtio_net_hdr, virtio 1.2 §5.1.6 */
	FRAME_NEEDS_CSUM = BIT(0),	/* csum_start/csum_offset valid: checksum is partial */
	FRAME_CSUM_VALID = BIT(1),	/* receiver need not check */
	FRAME_BROADCAST = BIT(2),	/* to a group address; filled in by the switch */
};

struct frame {
	struct frame_seg seg[FRAME_SEGS];
	unsigned int nr_segs;
	u32 len;			/* sum of seg[].len */
	u16 flags;			/* enum frame_flags */
	u16 csum_start, csum_offset;	/* checked by the producer: start + offset + 2 <= len */
	u8 gso_type;			/* VIRTIO_NET_HDR_GSO_*; NONE in this version */
	u16 gso_size;
	/*
	 * Private copy of the first hdr_len bytes, at least those of the Ethernet header; what
	 * was inspected is what is sent: seg[0] points here when the producer is a guest. A NIC's
	 * frame lies in memory that nobody else writes: hdr_len is 0 and seg[0] has the header.
	 */
	u8 hdr[FRAME_HDR_MAX];
	u64 hdr_phys;
	u32 hdr_len;
	u32 refs;
	void (*done)(struct frame *frame);	/* on whichever CPU puts last */
	void *owner;
};

static inline void frame_get(struct frame *frame)
{
	__atomic_fetch_add(&frame->refs, 1, __ATOMIC_RELAXED);
}

static inline void frame_put(struct frame *frame)
{
	if (__atomic_fetch_sub(&frame->refs, 1, __ATOMIC_ACQ_REL) == 1)
		frame->done(frame);
}

/* The Ethernet header, stable and contiguous; NULL if the frame does not hold one (a runt). */
static inline const u8 *frame_eth(const struct frame *frame)
{
	if (frame->len < FRAME_LEN_MIN)
		return NULL;
	if (frame->hdr_len >= FRAME_LEN_MIN)
		return frame->hdr;
	if (frame->hdr_len == 0 && frame->seg[0].len >= FRAME_LEN_MIN)
		return frame->seg[0].ptr;
	return NULL;
}

/* Copy @len bytes from @off to @dst; the caller keeps off + len <= frame->len. */
void frame_copy_out(const struct frame *frame, u32 off, void *dst, u32 len);

#endif
