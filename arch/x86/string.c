/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memcpy() and memset() in place of the C library's. That one stores past the cache what is longer
 * than 255 bytes, which suits neither headers nor frames that a guest is about to read, and copies
 * up to 127 bytes one by one.
 *
 * Short pieces go in words, the last of which may overlap the one before. Longer ones are the
 * processor's string instructions, by eight bytes: as fast as by one where it is good at both, and
 * where it is an emulator eight times as fast.
 */
#include <string.h>

#include "asm/barrier.h"
#include "kernel/types.h"

#define STRING_LOOP_MAX	64	/* bytes; above it starting a string instruction pays */

/* Anything anywhere, as bytes may be. */
typedef u64 __attribute__((aligned(1), may_alias)) any64;
typedef u32 __attribute__((aligned(1), may_alias)) any32;
typedef u16 __attribute__((aligned(1), may_alias)) any16;

/* Below 16 bytes: two words of the longest kind that fits. */
static inline void copy_short(u8 *to, const u8 *from, size_t n)
{
	if (n >= sizeof(u64)) {
		u64 first = *(const any64 *)from, last = *(const any64 *)(from + n - sizeof(u64));

		*(any64 *)to = first;
		*(any64 *)(to + n - sizeof(u64)) = last;
	} else if (n >= sizeof(u32)) {
		u32 first = *(const any32 *)from, last = *(const any32 *)(from + n - sizeof(u32));

		*(any32 *)to = first;
		*(any32 *)(to + n - sizeof(u32)) = last;
	} else if (n >= sizeof(u16)) {
		u16 first = *(const any16 *)from, last = *(const any16 *)(from + n - sizeof(u16));

		*(any16 *)to = first;
		*(any16 *)(to + n - sizeof(u16)) = last;
	} else if (n) {
		*to = *from;
	}
}

/* barrier() in a loop: the compiler shall not make a call of what the loop is part of. */

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	const u8 *from = src;
	u8 *to = dst;
	size_t i;
	u64 a, b;

	if (n < 2 * sizeof(u64)) {
		copy_short(to, from, n);
		return dst;
	}
	a = *(const any64 *)(from + n - 2 * sizeof(u64));
	b = *(const any64 *)(from + n - sizeof(u64));
	if (n > STRING_LOOP_MAX) {
		u8 *at = to;
		size_t words = n / sizeof(u64);

		__asm__ volatile("rep movsq" : "+D" (at), "+S" (from), "+c" (words) : : "memory");
	} else {
		for (i = 0; i < n - 2 * sizeof(u64); i += 2 * sizeof(u64)) {
			u64 first = *(const any64 *)(from + i);
			u64 second = *(const any64 *)(from + i + sizeof(u64));

			*(any64 *)(to + i) = first;
			*(any64 *)(to + i + sizeof(u64)) = second;
			barrier();
		}
		*(any64 *)(to + n - 2 * sizeof(u64)) = a;
	}
	*(any64 *)(to + n - sizeof(u64)) = b;
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	u64 word = (u8)c * (UINT64_MAX / UINT8_MAX);
	u8 *to = dst;

	if (n < sizeof(u64)) {
		for (size_t i = 0; i < n; i++) {
			to[i] = (u8)c;
			barrier();
		}
		return dst;
	}
	if (n > STRING_LOOP_MAX) {
		u8 *at = to;
		size_t words = n / sizeof(u64);

		__asm__ volatile("rep stosq" : "+D" (at), "+c" (words) : "a" (word) : "memory");
	} else {
		for (size_t i = 0; i < n - sizeof(u64); i += sizeof(u64)) {
			*(any64 *)(to + i) = word;
			barrier();
		}
	}
	*(any64 *)(to + n - sizeof(u64)) = word;
	return dst;
}
