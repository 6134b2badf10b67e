/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "net/csum.h"
#include "net/frame.h"

/* In 32-bit words: their carries gather in the upper half, and 2^32 is 1 modulo 2^16 - 1. */
static u64 csum_words(const u8 *p, size_t len)
{
	u64 sum = 0;
	u32 word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum += word;
	}
	word = 0;
	memcpy(&word, p, len);
	return sum + word;
}

u16 csum_reduce(u64 sum)
{
	while (sum >> 16)
		sum = (sum >> 16) + (sum & 0xffff);
	return (u16)sum;
}

u64 csum_add(u64 sum, const void *data, size_t len, bool odd)
{
	u16 part = csum_reduce(csum_words(data, len));

	/* RFC 1071 §2 (B): bytes in the other half of each word: the sum has its halves swapped. */
	return sum + (odd ? __builtin_bswap16(part) : part);
}

u16 csum_fold(u64 sum)
{
	u16 csum = (u16)~csum_reduce(sum);

	return csum ? csum : 0xffff;
}

u16 frame_csum(const struct frame *frame)
{
	u32 off = frame->csum_start, done = 0;
	u64 sum = 0;

	for (unsigned int i = 0; i < frame->nr_segs; i++) {
		const struct frame_seg *seg = &frame->seg[i];

		if (off >= seg->len) {
			off -= seg->len;
			continue;
		}
		sum = csum_add(sum, seg->ptr + off, seg->len - off, done & 1);
		done += seg->len - off;
		off = 0;
	}
	return csum_fold(sum);
}

int frame_checksum(struct frame *frame)
{
	u32 field = (u32)frame->csum_start + frame->csum_offset;
	u16 csum;

	if (!(frame->flags & FRAME_NEEDS_CSUM))
		return 0;
	if (field + sizeof(csum) > frame->hdr_len)
		return -EINVAL;
	if (__atomic_load_n(&frame->refs, __ATOMIC_ACQUIRE) > 1)
		return -EBUSY;
	csum = frame_csum(frame);
	memcpy(frame->hdr + field, &csum, sizeof(csum));
	frame->flags &= (u16)~FRAME_NEEDS_CSUM;
	return 0;
}
