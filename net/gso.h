/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large TCP frames (FRAME_TSO): what a producer says is checked here, and here they are cut into
 * parts that fit the wire, for receivers that cannot do it. The meaning is that of virtio 1.2
 * §5.1.6.2 and of Linux's vnet header. Any CPU.
 */
#ifndef NET_GSO_H
#define NET_GSO_H

#include "kernel/types.h"
#include "net/frame.h"

/*
 * A frame of 64 KiB in parts of 64 bytes. Who has a peer with a smaller segment size sends less
 * at once; more would be work out of proportion for one frame.
 */
#define GSO_PARTS_MAX	1024

/*
 * gso_set() - the producer says that @frame is one for parts of @size bytes of payload. @tso:
 * FRAME_TSO4 or FRAME_TSO6, FRAME_TSO_ECN perhaps. nr_segs may still grow; seg[0] (memory that
 * nobody else writes), len, FRAME_NEEDS_CSUM and csum_* are there. Sets flags and gso_*; a frame
 * that is one part loses nothing but the word. If payload follows the headers in seg[0], nr_segs
 * stays below FRAME_SEGS. -EINVAL: the headers do not agree, or are too long for FRAME_HDR_MAX;
 * the frame is as it was.
 */
int gso_set(struct frame *frame, u16 tso, u16 size);

/*
 * gso_nic_headers() - the headers of a large frame as Intel's segmentation engines want them, to
 * @hdr, gso_hdr_len bytes: IP length and header checksum 0, and in the TCP checksum field the
 * pseudo header's sum without the length (8254x manual §3.5). NICs with
 * the vnet header's meaning need nothing of it.
 */
void gso_nic_headers(const struct frame *frame, u8 *hdr);

/* Cutting a large frame. */
struct gso_cut {
	const struct frame *frame;
	unsigned int seg;		/* payload not cut yet: in frame->seg[seg], from off */
	u32 off, left;
	u32 part_len;			/* payload of a part, at most */
	u32 seq;
	u16 id;				/* IPv4 */
	u64 ip_sum;			/* IPv4 header but length, id and checksum */
	u64 tcp_sum;			/* pseudo header but the length */
	bool first;
};

/* False: @frame has too many pieces. */
bool gso_cut_init(struct gso_cut *cut, const struct frame *frame);
/*
 * gso_cut_next() - the next part into @part, whose hdr_phys is there: headers of its own, payload
 * by reference to cut->frame, which lives longer. The TCP checksum is left partial
 * (FRAME_NEEDS_CSUM). refs, done and owner are the caller's business. False: that was all.
 */
bool gso_cut_next(struct gso_cut *cut, struct frame *part);

#endif
