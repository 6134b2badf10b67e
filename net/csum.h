/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Internet checksum (RFC 1071) of frames whose sender left it to the device: virtio 1.2
 * §5.1.6.2 (VIRTIO_NET_HDR_F_NEEDS_CSUM). The field holds the sum of the pseudo header; the
 * checksum runs from csum_start to the end of the frame.
 */
#ifndef NET_CSUM_H
#define NET_CSUM_H

#include "kernel/types.h"

struct frame;

/*
 * csum_add() - add @len bytes to a ones' complement sum of 16-bit words in memory order.
 * @odd: the bytes start at an odd offset of what is summed. Start with 0.
 * csum_reduce() - to 16 bits, not complemented: what a partial checksum's field holds.
 * csum_fold() - the checksum, as its two bytes lie in memory. 0 comes out as 0xffff, which is
 * the same number and means "no checksum" to nobody (RFC 768).
 */
u64 csum_add(u64 sum, const void *data, size_t len, bool odd);
u16 csum_reduce(u64 sum);
u16 csum_fold(u64 sum);

/*
 * frame_csum() - the finished checksum of a frame with FRAME_NEEDS_CSUM, as its two bytes lie
 * in memory at csum_start + csum_offset. The frame is not changed: for receivers that copy, and
 * that put it into their copy. Any CPU.
 */
u16 frame_csum(const struct frame *frame);

/*
 * frame_checksum() - finish the checksum in place and clear FRAME_NEEDS_CSUM; for transmission
 * by devices that cannot. 0 also if there was nothing to do. -EINVAL: the field does not lie in
 * the private header copy (the frame must be copied instead). -EBUSY: somebody else holds the
 * frame, perhaps a NIC about to add the checksum itself; use frame_csum() on a copy.
 */
int frame_checksum(struct frame *frame);

#endif
