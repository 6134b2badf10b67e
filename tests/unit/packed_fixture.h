/* SPDX-License-Identifier: BSD-2-Clause */
/* A packed ring, or a split one used in order, with its driver and a buffer. */
#ifndef TESTS_UNIT_PACKED_FIXTURE_H
#define TESTS_UNIT_PACKED_FIXTURE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/mock_packed.h"

#define NUM	8
#define SEGS	64

struct fixture {
	struct mock_ram ram;
	struct mock_packed vq;
	struct mock_vq split;
	struct ring ring;
	struct ring_seg seg[SEGS];
	struct ring_chain chain;
	u64 buf;	/* 64 KiB of guest RAM */
};

static inline int setup_with(void **state, u16 num, unsigned int features)
{
	struct fixture *f = calloc(1, sizeof(*f));
	bool packed = features & RING_PACKED;

	mock_ram_init(&f->ram, 1 * MIB);
	mock_packed_init(&f->vq, &f->ram, num, features & RING_EVENT_IDX,
			 features & RING_INDIRECT);
	f->vq.in_order = features & RING_IN_ORDER;
	if (!packed)
		mock_vq_init(&f->split, &f->ram, num, features & RING_EVENT_IDX, false);
	f->buf = mock_alloc(&f->ram, 64 * KIB, 16);
	assert_int_equal(ring_enable(&f->ring, &f->ram.gm, num,
				     packed ? &f->vq.addr : &f->split.addr,
				     packed ? RING_PACKED_START : 0, features), 0);
	f->chain = (struct ring_chain){ .seg = f->seg, .max_segs = SEGS };
	*state = f;
	return 0;
}

static inline int setup(void **state)
{
	return setup_with(state, NUM, RING_PACKED);
}

static inline int setup_odd(void **state)
{
	return setup_with(state, 5, RING_PACKED);
}

static inline int setup_event_idx(void **state)
{
	return setup_with(state, NUM, RING_PACKED | RING_EVENT_IDX);
}

static inline int setup_indirect(void **state)
{
	return setup_with(state, NUM, RING_PACKED | RING_INDIRECT);
}

static inline int setup_in_order(void **state)
{
	return setup_with(state, NUM, RING_PACKED | RING_IN_ORDER);
}

static inline int setup_split_in_order(void **state)
{
	return setup_with(state, NUM, RING_IN_ORDER);
}

/* A chain of @n buffers; what its driver gets it back as. */
static inline int post_chain(struct fixture *f, const struct mock_buf *buf, unsigned int n)
{
	return mock_packed_add(&f->vq, buf, n);
}

#include "tests/unit/ring_cases.h"

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define T_WITH(kind, name) cmocka_unit_test_setup_teardown(name, setup_ ## kind, teardown)

#endif
