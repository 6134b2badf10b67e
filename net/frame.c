/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames: reading bytes out of their segments. */
#include <string.h>

#include "kernel/log.h"
#include "net/frame.h"

void frame_copy_out(const struct frame *frame, u32 off, void *dst, u32 len)
{
	u8 *to = dst;

	debug_check((u64)off + len <= frame->len);
	for (unsigned int i = 0; i < frame->nr_segs && len; i++) {
		const struct frame_seg *seg = &frame->seg[i];
		u32 n;

		if (off >= seg->len) {
			off -= seg->len;
			continue;
		}
		n = MIN(seg->len - off, len);
		memcpy(to, seg->ptr + off, n);
		to += n;
		len -= n;
		off = 0;
	}
}
