/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A frame on its way between ports. The producer owns the bytes; consumers read them in
 * place or hand them to DMA by physical address, and put the frame when done. The last
 * put returns it to the producer through done().
 */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include "kernel/types.h"

#define FRAME_SEGS	47	/* 64 KiB in Ethernet's segments, the copied header, a VLAN tag */
#define FRAME_HDR_MAX	128	/* Ethernet + VLANs + IP + options + TCP: what may be inspected */
#define FRAME_LEN_MIN	14	/* an Ethernet header */

struct frame;

struct frame_seg {
	const u8 *ptr;
	u64 phys;		/* for DMA; 0 in native builds */
	u32 len;
};

/*
 * What is left to do to a frame, and what is known of it; meaning as in virtio_net_hdr, virtio 1.2
 * §5.1.6. The bits of FRAME_OFFLOADS are also what a port or NIC says that it takes: no other
 * frames are handed to it (net/gso.h).
 */
enum frame_flags {
	FRAME_NEEDS_CSUM = BIT(0),	/* csum_start/csum_offset valid: checksum is partial */
	FRAME_CSUM_VALID = BIT(1),	/* receiver need not check */
	FRAME_BROADCAST = BIT(2),	/* to a group address; filled in by the switch */
	FRAME_TSO4 = BIT(3),		/* large, TCP over IPv4; NEEDS_CSUM and gso_* are set */
	FRAME_TSO6 = BIT(4),		/* the same over IPv6 */
	FRAME_TSO_ECN = BIT(5),		/* one of those with CWR: the first part's alone */
};

#define FRAME_TSO	(FRAME_TSO4 | FRAME_TSO6)
#define FRAME_OFFLOADS	(FRAME_NEEDS_CSUM | FRAME_TSO | FRAME_TSO_ECN)

#define FRAME_GSO_MAX	(65535 + 14 + 2 * 4)	/* longest large frame: IP's limit, two VLAN tags */

struct frame {
	unsigned int nr_segs;
	u32 len;			/* sum of seg[].len */
	u16 flags;			/* enum frame_flags */
	u16 csum_start, csum_offset;	/* checked by the producer: start + offset + 2 <= len */
	/*
	 * Of a large frame (FRAME_TSO), set and checked by gso_set() from the headers themselves:
	 * Ethernet with up to two VLAN tags, IP, and TCP at csum_start, all in seg[0], where
	 * payload may follow. The TCP checksum field holds the pseudo header's sum with the length
	 * of the whole; there is more payload than gso_size.
	 */
	u16 gso_size;			/* payload of each part but the last */
	u16 gso_hdr_len;		/* headers in front of the payload */
	u16 gso_ip_start;
	u32 refs;
	void (*done)(struct frame *frame);	/* on whichever CPU puts last */
	void *owner;
	struct frame *frags;		/* those whose bytes are in seg[] too: net/gro.h */
	/*
	 * Private copy of the first hdr_len bytes, at least those of the Ethernet header; what
	 * was inspected is what is sent: seg[0] points here when the producer is a guest. A NIC's
	 * frame lies in memory that nobody else writes: hdr_len is 0 and seg[0] has the header.
	 */
	u64 hdr_phys;
	u32 hdr_len;
	u8 hdr[FRAME_HDR_MAX];
	struct frame_seg seg[FRAME_SEGS];
};

/* The longest frame on the wire that comes of it. */
static inline u32 frame_wire_len(const struct frame *frame)
{
	if (unlikely(frame->flags & FRAME_TSO))
		return (u32)frame->gso_hdr_len + frame->gso_size;
	return frame->len;
}

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
