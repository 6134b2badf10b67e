/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of both ring formats share. Who includes it has defined struct fixture, with a
 * ring, a chain, memory and a buffer, and post_chain().
 */
#ifndef TESTS_UNIT_RING_CASES_H
#define TESTS_UNIT_RING_CASES_H

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	ring_disable(&f->ring);
	mock_ram_free(&f->ram);
	free(f);
	return 0;
}

static inline int pop(struct fixture *f)
{
	return ring_pop(&f->ring, &f->chain);
}

/* The chain just posted breaks the queue by this rule, and it stays broken. */
static inline void assert_breaks(struct fixture *f, enum ring_error error)
{
	assert_int_equal(pop(f), -EPROTO);
	assert_string_equal(ring_error_name(f->ring.broken), ring_error_name(error));
	assert_int_equal(pop(f), -EPROTO);
	assert_int_equal(ring_available(&f->ring), 0);
	assert_false(ring_notify_enable(&f->ring));
}

/* ---- The first cases ---- */

static inline void empty_ring_has_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ring_available(&f->ring), 0);
	assert_int_equal(pop(f), 0);
	assert_int_equal(f->ring.broken, RING_OK);
	assert_false(ring_publish(&f->ring));
}

static inline void chain_arrives_as_posted(void **state)
{
	struct fixture *f = *state;
	const struct mock_buf buf[] = {
		{ f->buf, 12, false },
		{ f->buf + 100, 1000, false },
		{ MOCK_HIGH_GPA + 5, 7, true },
	};
	int head = post_chain(f, buf, 3);

	assert_int_equal(ring_available(&f->ring), 1);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.head, head);
	assert_int_equal(f->chain.nr_read, 2);
	assert_int_equal(f->chain.nr_write, 1);
	assert_int_equal(f->chain.read_len, 1012);
	assert_int_equal(f->chain.write_len, 7);
	assert_ptr_equal(f->seg[0].ptr, f->ram.low + f->buf);
	assert_ptr_equal(f->seg[1].ptr, f->ram.low + f->buf + 100);
	assert_int_equal(f->seg[1].len, 1000);
	assert_int_equal(f->seg[1].phys, (uintptr_t)f->ram.low + f->buf + 100);
	assert_false(f->seg[1].write);
	assert_ptr_equal(f->seg[2].ptr, f->ram.high + 5);
	assert_true(f->seg[2].write);
	assert_int_equal(pop(f), 0);
}

/* All in order, and none of them empty: what is beyond the caller's room stays as it is. */
static inline void hostile_05_table_longer_than_the_caller_takes(void **state)
{
	struct fixture *f = *state;
	const struct ring_seg mark = { .phys = 0x5ea1 };
	struct mock_buf buf[5];

	assert_true(f->ring.indirect);
	for (unsigned int i = 0; i < ARRAY_SIZE(buf); i++)
		buf[i] = (struct mock_buf){ f->buf + 64 * i, 64, false };
	f->chain.max_segs = 4;
	f->seg[4] = mark;
	post_chain(f, buf, 4);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.nr_read, 4);
	post_chain(f, buf, 5);
	assert_breaks(f, RING_TOO_LONG);
	assert_memory_equal(&f->seg[4], &mark, sizeof(mark));
}

#endif
