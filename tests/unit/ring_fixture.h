/* SPDX-License-Identifier: BSD-2-Clause */
/* A ring with its driver and a buffer, for the tests of the split ring. */
#ifndef TESTS_UNIT_RING_FIXTURE_H
#define TESTS_UNIT_RING_FIXTURE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/mock_driver.h"

#define NUM	8
#define SEGS	64

struct fixture {
	struct mock_ram ram;
	struct mock_vq vq;
	struct ring ring;
	struct ring_seg seg[SEGS];
	struct ring_chain chain;
	u64 buf;	/* 64 KiB of guest RAM */
};

static inline void setup_ring(struct fixture *f, u16 num, bool event_idx, bool indirect)
{
	mock_ram_init(&f->ram, 1 * MIB);
	mock_vq_init(&f->vq, &f->ram, num, event_idx, indirect);
	f->buf = mock_alloc(&f->ram, 64 * KIB, 16);
	assert_int_equal(
		ring_enable(&f->ring, &f->ram.gm, num, &f->vq.addr, 0,
			    (event_idx ? RING_EVENT_IDX : 0) | (indirect ? RING_INDIRECT : 0)), 0);
	f->chain = (struct ring_chain){ .seg = f->seg, .max_segs = SEGS };
}

static inline struct fixture *new_fixture(u16 num, bool event_idx, bool indirect)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	setup_ring(f, num, event_idx, indirect);
	return f;
}

static inline int setup(void **state)
{
	*state = new_fixture(NUM, false, false);
	return 0;
}

static inline int setup_event_idx(void **state)
{
	*state = new_fixture(NUM, true, false);
	return 0;
}

static inline int setup_indirect(void **state)
{
	*state = new_fixture(NUM, false, true);
	return 0;
}

/* A chain of @n buffers; what its driver gets it back as. */
static inline int post_chain(struct fixture *f, const struct mock_buf *buf, unsigned int n)
{
	return mock_add(&f->vq, buf, n);
}

#include "tests/unit/ring_cases.h"

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define T_EVENT(name) cmocka_unit_test_setup_teardown(name, setup_event_idx, teardown)
#define T_INDIRECT(name) cmocka_unit_test_setup_teardown(name, setup_indirect, teardown)

#endif
