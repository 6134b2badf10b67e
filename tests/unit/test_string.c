/* SPDX-License-Identifier: BSD-2-Clause */
/* The image's memcpy() and memset(), under other names: every length, every alignment. */
#include "tests/unit/unit.h"

#include <string.h>

#include "kernel/types.h"

void *rv_memcpy(void *restrict dst, const void *restrict src, size_t n);
void *rv_memset(void *dst, int c, size_t n);

#define LEN_MAX	300
#define ROOM	(LEN_MAX + 64)

static void copies_that_and_no_more(void **state)
{
	u8 from[ROOM], to[ROOM], expect[ROOM];

	for (unsigned int i = 0; i < ROOM; i++)
		from[i] = (u8)(i * 7 + i / 251 + 1);
	for (unsigned int len = 0; len <= LEN_MAX; len++) {
		for (unsigned int align = 0; align < 64; align++) {
			unsigned int d = align & 7, s = align >> 3;

			for (unsigned int i = 0; i < ROOM; i++)
				to[i] = expect[i] = 0xee;
			for (unsigned int i = 0; i < len; i++)
				expect[16 + d + i] = from[s + i];
			assert_ptr_equal(rv_memcpy(to + 16 + d, from + s, len), to + 16 + d);
			assert_memory_equal(to, expect, ROOM);
		}
	}
}

static void sets_that_and_no_more(void **state)
{
	u8 to[ROOM], expect[ROOM];

	for (unsigned int len = 0; len <= LEN_MAX; len++) {
		for (unsigned int d = 0; d < 8; d++) {
			for (unsigned int i = 0; i < ROOM; i++)
				to[i] = expect[i] = 0xee;
			for (unsigned int i = 0; i < len; i++)
				expect[16 + d + i] = 0x9c;
			assert_ptr_equal(rv_memset(to + 16 + d, 0xf9c, len), to + 16 + d);
			assert_memory_equal(to, expect, ROOM);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_that_and_no_more),
		cmocka_unit_test(sets_that_and_no_more),
	};
	return cmocka_run_group_tests_name("string", tests, NULL, NULL);
}
