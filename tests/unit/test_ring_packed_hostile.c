/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packed ring and a hostile driver. hostile_NN: case NN of the list of what a hostile guest
 * tries, as far as a packed ring has it.
 */
#include "tests/unit/unit.h"

#include "tests/unit/packed_fixture.h"

static void hostile_01_more_than_the_ring_holds(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < NUM; i++) {
		mock_packed_add_one(&f->vq, f->buf, 1, false);
		assert_int_equal(pop(f), 1);
	}
	/* All in flight, and yet the next lap is made available. */
	mock_packed_desc(&f->vq, 0, false, f->buf, 1, 0, 0);
	assert_breaks(f, RING_BAD_AVAIL_IDX);
}

/* All descriptors in flight, in chains of two: half of the ids are free. */
static void hostile_01_more_than_the_ring_holds_with_ids_left(void **state)
{
	struct fixture *f = *state;
	const struct mock_buf buf[2] = { { f->buf, 1, false }, { f->buf + 1, 1, false } };

	for (unsigned int i = 0; i < NUM / 2; i++) {
		mock_packed_add(&f->vq, buf, 2);
		assert_int_equal(pop(f), 1);
	}
	mock_packed_desc(&f->vq, 0, false, f->buf, 1, 0, 0);
	assert_breaks(f, RING_BAD_AVAIL_IDX);
}

static void hostile_02_id_outside(void **state)
{
	struct fixture *f = *state;

	mock_packed_desc(&f->vq, 0, true, f->buf, 1, NUM, 0);
	assert_breaks(f, RING_BAD_HEAD);
	assert_int_equal(f->ring.broken_value, NUM);
}

static void hostile_03_chain_runs_into_what_is_not_available(void **state)
{
	struct fixture *f = *state;

	mock_packed_desc(&f->vq, 0, true, f->buf, 1, 0, VIRTQ_DESC_F_NEXT);
	assert_breaks(f, RING_BAD_NEXT);
}

static void hostile_04_chain_round_the_ring(void **state)
{
	struct fixture *f = *state;

	/* The one in flight limits how far a chain may go. */
	mock_packed_add_one(&f->vq, f->buf, 1, false);
	assert_int_equal(pop(f), 1);
	for (u16 i = 0; i < NUM; i++)
		mock_packed_desc(&f->vq, (i + 1) % NUM, i + 1 < NUM, f->buf, 0, 0,
				 VIRTQ_DESC_F_NEXT);
	assert_breaks(f, RING_CHAIN_LOOP);
}

static void hostile_05_chain_of_ring_size(void **state)
{
	struct fixture *f = *state;
	struct mock_buf buf[NUM];

	for (unsigned int i = 0; i < NUM; i++)
		buf[i] = (struct mock_buf){ f->buf + i, 1, false };
	assert_true(mock_packed_add(&f->vq, buf, NUM) >= 0);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.nr_read, NUM);
}

static void hostile_05_chain_longer_than_the_caller_takes(void **state)
{
	struct fixture *f = *state;
	struct mock_buf buf[5] = { [4] = { 0 } };

	/* Empty ones count. */
	for (unsigned int i = 0; i < 5; i++)
		buf[i] = (struct mock_buf){ f->buf + i, i != 2, false };
	f->chain.max_segs = 4;
	mock_packed_add(&f->vq, buf, 5);
	assert_breaks(f, RING_TOO_LONG);
}

static void hostile_06_id_posted_twice(void **state)
{
	struct fixture *f = *state;

	mock_packed_desc(&f->vq, 0, true, f->buf, 1, 3, 0);
	mock_packed_desc(&f->vq, 1, true, f->buf, 1, 3, 0);
	assert_int_equal(pop(f), 1);
	assert_breaks(f, RING_HEAD_IN_USE);
	assert_int_equal(f->ring.broken_value, 3);
}

static int enable_with(struct fixture *f, u16 num, struct ring_addr addr, u16 start)
{
	struct ring ring = { 0 };
	int err = ring_enable(&ring, &f->ram.gm, num, &addr, start, RING_PACKED);

	ring_disable(&ring);
	return err;
}

static void hostile_07_08_sizes_and_areas(void **state)
{
	struct fixture *f = *state;
	const struct ring_addr a = { 0x10000, 0x20000, 0x30000 };
	const u64 end = f->ram.size;

	assert_int_equal(enable_with(f, 0, a, 0), -EINVAL);
	assert_int_equal(enable_with(f, RING_SIZE_MAX + 1, a, 0), -EINVAL);
	assert_int_equal(enable_with(f, 3, a, 0), 0);		/* any size: §2.8.10.1 */
	assert_int_equal(enable_with(f, 8, a, 8), -EINVAL);	/* a position outside */
	assert_int_equal(enable_with(f, 8, a, 0x8007), 0);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10008, 0x20000, 0x30000 }, 0),
			 -EINVAL);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x20002, 0x30000 }, 0),
			 -EINVAL);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x1007c, 0x30000 }, 0),
			 -EINVAL);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x10080, 0x10080 }, 0),
			 -EINVAL);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ end - 112, 0x20000, 0x30000 }, 0),
			 -EFAULT);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, end - 4, 0x30000 }, 0), 0);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x20000, end }, 0),
			 -EFAULT);
}

static void assert_table_breaks(struct fixture *f, u64 addr, u32 len, u16 flags,
				enum ring_error error)
{
	f->ring.broken = RING_OK;
	mock_packed_desc(&f->vq, 0, true, addr, len, 0, VIRTQ_DESC_F_INDIRECT | flags);
	assert_breaks(f, error);
}

static void hostile_11_to_13_bad_tables(void **state)
{
	struct fixture *f = *state;
	volatile struct virtq_pdesc *table = mock_ptr(&f->ram, f->vq.tables);

	assert_table_breaks(f, f->vq.tables, 0, 0, RING_BAD_INDIRECT);
	assert_table_breaks(f, f->vq.tables, 17, 0, RING_BAD_INDIRECT);
	assert_table_breaks(f, f->vq.tables, 65537 * 16, 0, RING_BAD_INDIRECT);
	assert_table_breaks(f, f->vq.tables, 0xfffffff0, 0, RING_BAD_INDIRECT);
	assert_table_breaks(f, f->vq.tables, 16, VIRTQ_DESC_F_NEXT, RING_BAD_INDIRECT);
	assert_table_breaks(f, 0xd0000000, 16, 0, RING_INDIRECT_ADDR);
	assert_table_breaks(f, f->ram.size - 16, 32, 0, RING_INDIRECT_ADDR);
	assert_table_breaks(f, 0, 64 * KIB, 0, RING_TOO_LONG);
	table[0] = (struct virtq_pdesc){ .addr = f->buf, .len = 4,
					 .flags = VIRTQ_DESC_F_INDIRECT };
	assert_table_breaks(f, f->vq.tables, 16, 0, RING_BAD_INDIRECT);
	table[0] = (struct virtq_pdesc){ .addr = f->buf, .len = 4, .flags = VIRTQ_DESC_F_WRITE };
	table[1] = (struct virtq_pdesc){ .addr = f->buf, .len = 4 };
	assert_table_breaks(f, f->vq.tables, 32, 0, RING_BAD_ORDER);
	table[1] = (struct virtq_pdesc){ .addr = ~0ull, .len = 4, .flags = VIRTQ_DESC_F_WRITE };
	assert_table_breaks(f, f->vq.tables, 32, 0, RING_BAD_ADDR);
	f->ring.indirect = false;
	for (u32 n = 1; n <= 3; n++) {		/* nothing else is wrong with it */
		table[n - 1] = (struct virtq_pdesc){ .addr = f->buf, .len = 4 };
		assert_table_breaks(f, f->vq.tables, 16 * n, 0, RING_BAD_INDIRECT);
	}
}

static void hostile_14_buffers_outside_ram(void **state)
{
	struct fixture *f = *state;
	const struct { u64 addr; u32 len; } bad[] = {
		{ UINT64_MAX, 1 }, { UINT64_MAX - 10, 4096 }, { f->ram.size, 1 },
		{ f->ram.size - 100, 101 }, { MOCK_HIGH_GPA - 1, 2 },
		{ MOCK_HIGH_GPA + f->ram.size - 1, 2 }, { 0, 0xffffffff },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		f->ring.broken = RING_OK;
		mock_packed_desc(&f->vq, 0, true, bad[i].addr, bad[i].len, 0, 0);
		assert_breaks(f, RING_BAD_ADDR);
	}
}

static void hostile_16_readable_after_writable(void **state)
{
	struct fixture *f = *state;

	mock_packed_desc(&f->vq, 1, true, f->buf, 1, 0, 0);
	mock_packed_desc(&f->vq, 0, true, f->buf, 1, 0, VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_NEXT);
	assert_breaks(f, RING_BAD_ORDER);
}

static void hostile_09_used_descriptors_rewritten(void **state)
{
	struct fixture *f = *state;

	mock_packed_add_one(&f->vq, f->buf, 1, true);
	mock_packed_add_one(&f->vq, f->buf, 1, true);
	assert_int_equal(pop(f), 1);
	ring_push(&f->ring, f->chain.head, 7);
	memset((void *)f->vq.desc, 0x5a, sizeof(f->vq.desc[0]));
	memset((void *)f->vq.device, 0x5a, sizeof(*f->vq.device));
	ring_publish(&f->ring);
	assert_int_equal(f->vq.desc[0].len, 7);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->ring.broken, RING_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(hostile_01_more_than_the_ring_holds),
		T(hostile_01_more_than_the_ring_holds_with_ids_left),
		T(hostile_02_id_outside),
		T(hostile_03_chain_runs_into_what_is_not_available),
		T(hostile_04_chain_round_the_ring),
		T(hostile_05_chain_of_ring_size),
		T(hostile_05_chain_longer_than_the_caller_takes),
		T(hostile_06_id_posted_twice),
		T(hostile_07_08_sizes_and_areas),
		T(hostile_09_used_descriptors_rewritten),
		T_WITH(indirect, hostile_05_table_longer_than_the_caller_takes),
		T_WITH(indirect, hostile_11_to_13_bad_tables),
		T(hostile_14_buffers_outside_ram),
		T(hostile_16_readable_after_writable),
	};
	return cmocka_run_group_tests_name("ring_packed_hostile", tests, NULL, NULL);
}
