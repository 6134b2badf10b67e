/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading decisions from a fuzzer's input; when it is used up, zeros. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define check(cond) do { if (!(cond)) { \
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); abort(); } } while (0)

struct input {
	const u8 *p;
	size_t left;
};

static inline u64 take(struct input *in, unsigned int size)
{
	u64 val = 0;
	size_t n = MIN((size_t)size, in->left);

	if (n)
		memcpy(&val, in->p, n);
	in->p += n;
	in->left -= n;
	return val;
}

#endif
