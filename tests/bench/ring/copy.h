/* SPDX-License-Identifier: BSD-2-Clause */
/* Copying what is mostly short: frames and headers. */
#ifndef TESTS_BENCH_RING_COPY_H
#define TESTS_BENCH_RING_COPY_H

#include <string.h>

#include "kernel/types.h"

#ifdef __AVX512F__
#define COPY_INLINE_MAX	2048u	/* a loop of whole cache lines */
#else
#define COPY_INLINE_MAX	256u	/* beyond, a call does not matter */
#endif

/* As memcpy(); pieces of a fixed size, of which the last may overlap the one before. */
static inline void copy_bytes(void *dst, const void *src, u32 len)
{
	u8 *d = dst;
	const u8 *s = src;
	u32 at = 0;

	if (unlikely(len < 64 || len > COPY_INLINE_MAX)) {
		memcpy(d, s, len);
		return;
	}
	do {
		memcpy(d + at, s + at, 64);
		at += 64;
	} while (at + 64 <= len);
	if (at < len)
		memcpy(d + len - 64, s + len - 64, 64);
}

#endif
