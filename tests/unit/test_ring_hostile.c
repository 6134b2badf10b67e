/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The split ring and a hostile driver. hostile_NN: case NN of the list of what a hostile guest
 * tries; those of the device class are in test_net_*.c.
 */
#include "tests/unit/unit.h"

#include "tests/unit/ring_fixture.h"

/* ---- Ring structure ---- */

static void hostile_01_avail_index_jumps(void **state)
{
	struct fixture *f = *state;

	mock_add_one(&f->vq, f->buf, 1, false);
	*(volatile le16 *)&f->vq.avail->idx = NUM + 1;
	assert_breaks(f, RING_BAD_AVAIL_IDX);
	assert_int_equal(f->ring.broken_value, NUM + 1);
}

static void hostile_01_avail_index_goes_back(void **state)
{
	struct fixture *f = *state;

	mock_add_one(&f->vq, f->buf, 1, false);
	assert_int_equal(pop(f), 1);
	*(volatile le16 *)&f->vq.avail->idx = 0;
	assert_breaks(f, RING_BAD_AVAIL_IDX);
}

/* Found by fuzzing: the index moves on twice by the ring's size, the second time unseen. */
static void hostile_01_avail_index_jumps_in_two_steps(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < NUM; i++) {
		mock_desc(&f->vq, (u16)i, f->buf, 1, 0, 0);
		mock_post(&f->vq, (u16)i);
		assert_int_equal(pop(f), 1);
	}
	*(volatile le16 *)&f->vq.avail->idx = 2 * NUM;
	assert_breaks(f, RING_BAD_AVAIL_IDX);
	ring_unpop(&f->ring, NUM);
	assert_breaks(f, RING_BAD_AVAIL_IDX);
}

static void hostile_02_head_outside(void **state)
{
	struct fixture *f = *state;

	mock_post(&f->vq, NUM);
	assert_breaks(f, RING_BAD_HEAD);
	assert_int_equal(f->ring.broken_value, NUM);
}

static void hostile_03_next_outside(void **state)
{
	struct fixture *f = *state;

	mock_desc(&f->vq, 0, f->buf, 1, VIRTQ_DESC_F_NEXT, NUM);
	mock_post(&f->vq, 0);
	assert_breaks(f, RING_BAD_NEXT);
}

static void hostile_03_next_outside_the_indirect_table(void **state)
{
	struct fixture *f = *state;
	volatile struct virtq_desc *table = mock_ptr(&f->ram, f->vq.tables);

	table[0] = (struct virtq_desc){
		.addr = f->buf, .len = 1, .flags = VIRTQ_DESC_F_NEXT, .next = 2
	};
	mock_desc(&f->vq, 0, f->vq.tables, 32, VIRTQ_DESC_F_INDIRECT, 0);
	mock_post(&f->vq, 0);
	assert_breaks(f, RING_BAD_NEXT);
}

static void hostile_04_self_loop(void **state)
{
	struct fixture *f = *state;

	mock_desc(&f->vq, 2, f->buf, 1, VIRTQ_DESC_F_NEXT, 2);
	mock_post(&f->vq, 2);
	assert_breaks(f, RING_CHAIN_LOOP);
}

static void hostile_04_two_cycle(void **state)
{
	struct fixture *f = *state;

	mock_desc(&f->vq, 2, f->buf, 1, VIRTQ_DESC_F_NEXT, 5);
	mock_desc(&f->vq, 5, f->buf, 1, VIRTQ_DESC_F_NEXT, 2);
	mock_post(&f->vq, 2);
	assert_breaks(f, RING_CHAIN_LOOP);
}

static void hostile_04_loop_of_empty_descriptors(void **state)
{
	struct fixture *f = *state;

	mock_desc(&f->vq, 2, f->buf, 0, VIRTQ_DESC_F_NEXT, 2);
	mock_post(&f->vq, 2);
	assert_breaks(f, RING_CHAIN_LOOP);
}

static void hostile_04_loops_in_an_indirect_table(void **state)
{
	struct fixture *f = *state;
	volatile struct virtq_desc *table = mock_ptr(&f->ram, f->buf);

	/* A short table loops; a long one of empty descriptors ends at the bound on a chain. */
	table[0] = (struct virtq_desc){ .addr = f->buf, .flags = VIRTQ_DESC_F_NEXT, .next = 0 };
	mock_desc(&f->vq, 0, f->buf, 48, VIRTQ_DESC_F_INDIRECT, 0);
	mock_post(&f->vq, 0);
	assert_breaks(f, RING_CHAIN_LOOP);
	f->ring.broken = RING_OK;
	mock_desc(&f->vq, 0, f->buf, 64 * KIB, VIRTQ_DESC_F_INDIRECT, 0);
	assert_breaks(f, RING_TOO_LONG);
	assert_int_equal(f->ring.broken_value, SEGS + 1);
}

static void post_long_chain(struct fixture *f, unsigned int links)
{
	for (u16 i = 0; i < NUM; i++)
		mock_desc(&f->vq, i, f->buf + i, 1, i + 1u < links ? VIRTQ_DESC_F_NEXT : 0,
			  (i + 1) % NUM);
	mock_post(&f->vq, 0);
}

static void hostile_05_chain_of_ring_size(void **state)
{
	struct fixture *f = *state;

	post_long_chain(f, NUM);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.nr_read, NUM);
}

static void hostile_05_chain_of_ring_size_plus_one(void **state)
{
	struct fixture *f = *state;

	post_long_chain(f, NUM + 1);
	assert_breaks(f, RING_CHAIN_LOOP);
}

static void hostile_05_chain_longer_than_the_caller_takes(void **state)
{
	struct fixture *f = *state;

	f->chain.max_segs = 4;
	post_long_chain(f, 4);
	assert_int_equal(pop(f), 1);
	ring_push(&f->ring, 0, 0);
	post_long_chain(f, 5);
	assert_breaks(f, RING_TOO_LONG);
}

static void hostile_06_head_posted_twice(void **state)
{
	struct fixture *f = *state;

	mock_desc(&f->vq, 1, f->buf, 1, 0, 0);
	mock_post(&f->vq, 1);
	mock_post(&f->vq, 1);
	assert_int_equal(pop(f), 1);
	assert_breaks(f, RING_HEAD_IN_USE);
	assert_int_equal(f->ring.broken_value, 1);
}

static int enable_with(struct fixture *f, u16 num, struct ring_addr addr)
{
	struct ring ring = { 0 };
	int err = ring_enable(&ring, &f->ram.gm, num, &addr, 0, RING_EVENT_IDX | RING_INDIRECT);

	ring_disable(&ring);
	return err;
}

static void hostile_07_queue_sizes(void **state)
{
	struct fixture *f = *state;
	const struct ring_addr a = { 0x10000, 0x20000, 0x30000 };

	assert_int_equal(enable_with(f, 0, a), -EINVAL);
	assert_int_equal(enable_with(f, 3, a), -EINVAL);
	assert_int_equal(enable_with(f, RING_SIZE_MAX + 1, a), -EINVAL);
	assert_int_equal(enable_with(f, 2 * RING_SIZE_MAX, a), -EINVAL);
	assert_int_equal(enable_with(f, 32768, a), -EINVAL);
	assert_int_equal(enable_with(f, 1, a), 0);
	assert_int_equal(enable_with(f, RING_SIZE_MAX, a), 0);
}

static void hostile_08_misaligned_areas(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10008, 0x20000, 0x30000 }),
			 -EINVAL);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x20001, 0x30000 }),
			 -EINVAL);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x20000, 0x30002 }),
			 -EINVAL);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10010, 0x20002, 0x30004 }), 0);
}

static void hostile_08_areas_outside_ram(void **state)
{
	struct fixture *f = *state;
	const u64 end = f->ram.size;

	assert_int_equal(enable_with(f, 8, (struct ring_addr){ end, 0x20000, 0x30000 }), -EFAULT);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0xd0000000, 0x30000 }),
			 -EFAULT);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x20000, ~15ull }),
			 -EFAULT);
	/* Straddling the end: the last byte decides, that of the event field included. */
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ end - 128, 0x20000, 0x30000 }), 0);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ end - 112, 0x20000, 0x30000 }),
			 -EFAULT);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, end - 22, 0x30000 }), 0);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, end - 20, 0x30000 }),
			 -EFAULT);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x20000, end - 72 }), 0);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x20000, end - 68 }),
			 -EFAULT);
}

static void hostile_08_areas_overlapping(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x10000, 0x30000 }),
			 -EINVAL);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x1007e, 0x30000 }),
			 -EINVAL);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x10080, 0x10094 }),
			 -EINVAL);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x10080, 0x10098 }), 0);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10040, 0x20000, 0x10000 }),
			 -EINVAL);
}

static void hostile_09_used_ring_rewritten(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 3; i++) {
		mock_add_one(&f->vq, f->buf, 1, false);
		assert_int_equal(pop(f), 1);
		memset((void *)f->vq.used, 0x5a, virtq_used_size(NUM));
		ring_push(&f->ring, f->chain.head, 7);
		/* Anything, or just what is about to be published. */
		*(volatile le16 *)&f->vq.used->idx = (le16)(i == 1 ? i + 1 : 0x7777);
		assert_true(ring_publish(&f->ring));
		assert_int_equal(f->vq.used->idx, i + 1);
		assert_int_equal(f->vq.used->ring[i].len, 7);
	}
	assert_int_equal(f->ring.broken, RING_OK);
}

/* ---- Indirect ---- */

static void post_indirect(struct fixture *f, u64 addr, u32 len, u16 flags)
{
	mock_desc(&f->vq, 0, addr, len, VIRTQ_DESC_F_INDIRECT | flags, 1);
	mock_desc(&f->vq, 1, f->buf, 1, 0, 0);
	mock_post(&f->vq, 0);
}

static void assert_indirect_length_breaks(struct fixture *f, u32 len)
{
	f->ring.broken = RING_OK;
	post_indirect(f, 0, len, 0);
	assert_breaks(f, RING_BAD_INDIRECT);
	assert_int_equal(f->ring.broken_value, len);
	f->vq.avail_idx--;
}

static void hostile_11_indirect_lengths(void **state)
{
	struct fixture *f = *state;

	assert_indirect_length_breaks(f, 0);
	assert_indirect_length_breaks(f, 15);
	assert_indirect_length_breaks(f, 17);
	assert_indirect_length_breaks(f, 65537 * 16);
	assert_indirect_length_breaks(f, 0xfffffff0);
	assert_indirect_length_breaks(f, 0xffffffff);
}

static void hostile_12_nested_indirect(void **state)
{
	struct fixture *f = *state;
	volatile struct virtq_desc *table = mock_ptr(&f->ram, f->vq.tables);

	table[0] = (struct virtq_desc){ .addr = f->vq.tables,
					.len = 16,
					.flags = VIRTQ_DESC_F_INDIRECT };
	post_indirect(f, f->vq.tables, 16, 0);
	assert_breaks(f, RING_BAD_INDIRECT);
}

static void hostile_12_indirect_table_is_the_ring(void **state)
{
	struct fixture *f = *state;

	post_indirect(f, f->vq.addr.desc, NUM * 16, 0);
	assert_breaks(f, RING_BAD_INDIRECT);
}

static void hostile_12_indirect_with_next(void **state)
{
	struct fixture *f = *state;

	post_indirect(f, f->vq.tables, 16, VIRTQ_DESC_F_NEXT);
	assert_breaks(f, RING_BAD_INDIRECT);
}

static void hostile_12_indirect_not_negotiated(void **state)
{
	struct fixture *f = *state;
	volatile struct virtq_desc *table = mock_ptr(&f->ram, f->buf);

	/* Nothing else is wrong with them, and each length has a way of its own. */
	for (u16 n = 1; n <= 3; n++) {
		for (u16 i = 0; i < n; i++)
			table[i] = (struct virtq_desc){ f->buf + 1024, 64,
							i + 1 < n ? VIRTQ_DESC_F_NEXT : 0, i + 1 };
		f->ring.broken = RING_OK;
		post_indirect(f, f->buf, 16u * n, 0);
		assert_breaks(f, RING_BAD_INDIRECT);
	}
}

static void hostile_13_indirect_table_outside_ram(void **state)
{
	struct fixture *f = *state;

	post_indirect(f, 0xd0000000, 16, 0);
	assert_breaks(f, RING_INDIRECT_ADDR);
}

/* Tables of two entries have a way of their own, which has to leave these to the general one. */
static void hostile_11_to_16_tables_of_two(void **state)
{
	const u16 next = VIRTQ_DESC_F_NEXT, write = VIRTQ_DESC_F_WRITE;
	struct fixture *f = *state;
	const u64 buf = f->buf, end = f->ram.size;
	const struct {
		struct virtq_desc entry[2];
		enum ring_error error;
	} wrong[] = {
		{ { { buf, 12, next, 0 }, { buf, 64, 0, 0 } }, RING_CHAIN_LOOP },
		{ { { buf, 12, next, 2 }, { buf, 64, 0, 0 } }, RING_BAD_NEXT },
		{ { { buf, 12, next, 1 }, { buf, 64, next, 1 } }, RING_CHAIN_LOOP },
		{ { { buf, 12, next, 1 }, { buf, 64, next, 5 } }, RING_BAD_NEXT },
		{ { { buf, 12, next | 4, 1 }, { buf, 64, 0, 0 } }, RING_BAD_INDIRECT },
		{ { { buf, 12, next, 1 }, { buf, 64, 4, 0 } }, RING_BAD_INDIRECT },
		{ { { end, 12, next, 1 }, { buf, 64, 0, 0 } }, RING_BAD_ADDR },
		{ { { end - 11, 12, next, 1 }, { buf, 64, 0, 0 } }, RING_BAD_ADDR },
		{ { { -1ull, 12, next, 1 }, { buf, 64, 0, 0 } }, RING_BAD_ADDR },
		{ { { buf, 12, next, 1 }, { end - 63, 64, 0, 0 } }, RING_BAD_ADDR },
		{ { { buf, 12, next, 1 }, { buf, -1u, 0, 0 } }, RING_BAD_ADDR },
		{ { { buf, 12, next | write, 1 }, { -2ull, 64, write, 0 } }, RING_BAD_ADDR },
		{ { { buf, 12, next | write, 1 }, { buf, 64, 0, 0 } }, RING_BAD_ORDER },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
		memcpy(mock_ptr(&f->ram, f->vq.tables), wrong[i].entry, sizeof(wrong[i].entry));
		post_indirect(f, f->vq.tables, sizeof(wrong[i].entry), 0);
		assert_breaks(f, wrong[i].error);
		ring_disable(&f->ring);
		assert_int_equal(ring_enable(&f->ring, &f->ram.gm, NUM, &f->vq.addr,
					     f->vq.avail->idx, RING_INDIRECT), 0);
	}
	/* A good first entry, and the second one behind the end of RAM. */
	memcpy(mock_ptr(&f->ram, end - 16), &(struct virtq_desc){ buf, 12, next, 1 }, 16);
	post_indirect(f, end - 16, 32, 0);
	assert_breaks(f, RING_INDIRECT_ADDR);
}

static void tables_of_two_with_less_in_them(void **state)
{
	const u16 next = VIRTQ_DESC_F_NEXT;
	struct fixture *f = *state;
	const struct virtq_desc good[][2] = {
		{ { f->buf, 12, 0, 0 }, { f->buf, 64, 0, 0 } },		/* ends with the first */
		{ { f->buf, 0, next, 1 }, { f->buf, 12, 0, 0 } },
		{ { f->buf, 12, next, 1 }, { f->buf, 0, 0, 0 } },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(good); i++) {
		memcpy(mock_ptr(&f->ram, f->vq.tables), good[i], sizeof(good[i]));
		post_indirect(f, f->vq.tables, sizeof(good[i]), 0);
		assert_int_equal(pop(f), 1);
		assert_int_equal(f->chain.nr_read, 1);
		assert_int_equal(f->chain.read_len, 12);
		ring_push(&f->ring, f->chain.head, 0);
	}
}

static void hostile_13_indirect_table_across_the_end(void **state)
{
	struct fixture *f = *state;

	post_indirect(f, f->ram.size - 16, 32, 0);
	assert_breaks(f, RING_INDIRECT_ADDR);
}

/* ---- Buffers ---- */

static void assert_buffer_breaks(struct fixture *f, u64 addr, u32 len)
{
	f->ring.broken = RING_OK;
	mock_desc(&f->vq, 0, addr, len, 0, 0);
	mock_post(&f->vq, 0);
	assert_breaks(f, RING_BAD_ADDR);
	f->vq.avail_idx--;
}

static void hostile_14_buffers_outside_ram(void **state)
{
	struct fixture *f = *state;

	assert_buffer_breaks(f, UINT64_MAX, 1);
	assert_buffer_breaks(f, UINT64_MAX - 10, 4096);			/* wraps */
	assert_buffer_breaks(f, f->ram.size, 1);
	assert_buffer_breaks(f, f->ram.size - 100, 101);		/* the last byte only */
	assert_buffer_breaks(f, MOCK_HIGH_GPA - 1, 2);			/* the first byte only */
	assert_buffer_breaks(f, MOCK_HIGH_GPA + f->ram.size - 1, 2);
	assert_buffer_breaks(f, 0, 0xffffffff);
}

static void hostile_16_readable_after_writable(void **state)
{
	struct fixture *f = *state;

	mock_desc(&f->vq, 0, f->buf, 1, VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_NEXT, 1);
	mock_desc(&f->vq, 1, f->buf, 1, 0, 0);
	mock_post(&f->vq, 0);
	assert_breaks(f, RING_BAD_ORDER);
}

static void hostile_18_sum_above_4_gib(void **state)
{
	struct fixture *f = *state;
	volatile struct virtq_desc *table = mock_ptr(&f->ram, f->vq.tables);
	static u8 *big;
	struct guest_mem gm = { 0 };

	/* Address space only: the ring must not touch the buffers. */
	big = (u8 *)0x100000000000;
	assert_int_equal(guest_mem_add(&gm, 0, f->ram.size, f->ram.low, 0), 0);
	assert_int_equal(guest_mem_add(&gm, MOCK_HIGH_GPA, 8 * GIB, big, 0), 0);
	f->ring.mem = &gm;
	for (u16 i = 0; i < 3; i++)
		table[i] = (struct virtq_desc){ .addr = MOCK_HIGH_GPA,
						.len = 0xffffffff,
						.flags = i < 2 ? VIRTQ_DESC_F_NEXT : 0,
						.next = i + 1 };
	post_indirect(f, f->vq.tables, 48, 0);
	assert_int_equal(pop(f), 1);
	assert_true(f->chain.read_len == 3 * 0xffffffffull);
	f->ring.mem = &f->ram.gm;
}

/* ---- Double fetch: what was checked is what is handed on (with threads: test_race.c) ---- */

static void hostile_21_descriptors_change_after_the_pop(void **state)
{
	struct fixture *f = *state;

	mock_add_one(&f->vq, f->buf, 10, false);
	assert_int_equal(pop(f), 1);
	memset((void *)f->vq.desc, 0xff, virtq_desc_size(NUM));
	memset((void *)f->vq.avail->ring, 0xff, NUM * sizeof(le16));
	assert_int_equal(f->seg[0].len, 10);
	assert_ptr_equal(f->seg[0].ptr, f->ram.low + f->buf);
	/* Not even the head is fetched again, neither to use it nor to give it back. */
	ring_unpop(&f->ring, 1);
	assert_int_equal(f->ring.in_use[0], 0);
	assert_breaks(f, RING_BAD_HEAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(hostile_01_avail_index_jumps),
		T(hostile_01_avail_index_goes_back),
		T(hostile_01_avail_index_jumps_in_two_steps),
		T(hostile_02_head_outside),
		T(hostile_03_next_outside),
		T_INDIRECT(hostile_03_next_outside_the_indirect_table),
		T(hostile_04_self_loop),
		T(hostile_04_two_cycle),
		T(hostile_04_loop_of_empty_descriptors),
		T_INDIRECT(hostile_04_loops_in_an_indirect_table),
		T(hostile_05_chain_of_ring_size),
		T(hostile_05_chain_of_ring_size_plus_one),
		T(hostile_05_chain_longer_than_the_caller_takes),
		T(hostile_06_head_posted_twice),
		T(hostile_07_queue_sizes),
		T(hostile_08_misaligned_areas),
		T(hostile_08_areas_outside_ram),
		T(hostile_08_areas_overlapping),
		T(hostile_09_used_ring_rewritten),
		T_INDIRECT(hostile_05_table_longer_than_the_caller_takes),
		T_INDIRECT(hostile_11_indirect_lengths),
		T_INDIRECT(hostile_12_nested_indirect),
		T_INDIRECT(hostile_12_indirect_table_is_the_ring),
		T_INDIRECT(hostile_12_indirect_with_next),
		T(hostile_12_indirect_not_negotiated),
		T_INDIRECT(hostile_13_indirect_table_outside_ram),
		T_INDIRECT(hostile_13_indirect_table_across_the_end),
		T_INDIRECT(hostile_11_to_16_tables_of_two),
		T_INDIRECT(tables_of_two_with_less_in_them),
		T(hostile_14_buffers_outside_ram),
		T(hostile_16_readable_after_writable),
		T_INDIRECT(hostile_18_sum_above_4_gib),
		T(hostile_21_descriptors_change_after_the_pop),
	};
	return cmocka_run_group_tests_name("ring_hostile", tests, NULL, NULL);
}
