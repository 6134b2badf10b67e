/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packed ring from the driver's side, and IN_ORDER in both formats. hostile_NN: case NN of the
 * list of what a hostile guest tries, as far as a packed ring has it.
 */
#include "tests/unit/unit.h"

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

static int setup_with(void **state, u16 num, unsigned int features)
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

static int setup(void **state)
{
	return setup_with(state, NUM, RING_PACKED);
}

static int setup_odd(void **state)
{
	return setup_with(state, 5, RING_PACKED);
}

static int setup_event_idx(void **state)
{
	return setup_with(state, NUM, RING_PACKED | RING_EVENT_IDX);
}

static int setup_indirect(void **state)
{
	return setup_with(state, NUM, RING_PACKED | RING_INDIRECT);
}

static int setup_in_order(void **state)
{
	return setup_with(state, NUM, RING_PACKED | RING_IN_ORDER);
}

static int setup_split_in_order(void **state)
{
	return setup_with(state, NUM, RING_IN_ORDER);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ring_disable(&f->ring);
	mock_ram_free(&f->ram);
	free(f);
	return 0;
}

static int pop(struct fixture *f)
{
	return ring_pop(&f->ring, &f->chain);
}

static void assert_breaks(struct fixture *f, enum ring_error error)
{
	assert_int_equal(pop(f), -EPROTO);
	assert_string_equal(ring_error_name(f->ring.broken), ring_error_name(error));
	assert_int_equal(pop(f), -EPROTO);
	assert_int_equal(ring_available(&f->ring), 0);
	assert_false(ring_notify_enable(&f->ring));
}

/* ---- The good cases ---- */

static void empty_ring_has_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ring_available(&f->ring), 0);
	assert_int_equal(pop(f), 0);
	assert_int_equal(f->ring.broken, RING_OK);
	assert_false(ring_publish(&f->ring));
}

static void chain_arrives_as_posted(void **state)
{
	struct fixture *f = *state;
	const struct mock_buf buf[] = {
		{ f->buf, 12, false },
		{ f->buf + 100, 1000, false },
		{ MOCK_HIGH_GPA + 5, 7, true },
	};
	int id = mock_packed_add(&f->vq, buf, 3);

	assert_int_equal(ring_available(&f->ring), 1);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.head, id);
	assert_int_equal(f->chain.nr_read, 2);
	assert_int_equal(f->chain.nr_write, 1);
	assert_int_equal(f->chain.read_len, 1012);
	assert_int_equal(f->chain.write_len, 7);
	assert_ptr_equal(f->seg[0].ptr, f->ram.low + f->buf);
	assert_int_equal(f->seg[1].len, 1000);
	assert_int_equal(f->seg[1].phys, (uintptr_t)f->ram.low + f->buf + 100);
	assert_ptr_equal(f->seg[2].ptr, f->ram.high + 5);
	assert_true(f->seg[2].write && !f->seg[0].write);
	assert_int_equal(pop(f), 0);
}

static void used_is_seen_after_publish_only(void **state)
{
	struct fixture *f = *state;
	int id[3];
	u32 len;

	for (unsigned int i = 0; i < 3; i++) {
		id[i] = mock_packed_add_one(&f->vq, f->buf, 64, true);
		assert_int_equal(pop(f), 1);
		ring_push(&f->ring, f->chain.head, 33 + i);
	}
	assert_int_equal(mock_packed_get(&f->vq, &len), -1);
	assert_true(ring_publish(&f->ring));
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(mock_packed_get(&f->vq, &len), id[i]);
		assert_int_equal(len, 33 + i);
	}
	assert_false(ring_publish(&f->ring));
}

static void indirect_chain_arrives_as_posted(void **state)
{
	struct fixture *f = *state;
	struct mock_buf buf[20];

	for (unsigned int i = 0; i < 20; i++)
		buf[i] = (struct mock_buf){ f->buf + 100 * i, 10 + i, i >= 15 };
	assert_true(mock_packed_add(&f->vq, buf, 20) >= 0);
	assert_int_equal(f->vq.nr_free, NUM - 1);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.nr_read, 15);
	assert_int_equal(f->chain.nr_write, 5);
	for (unsigned int i = 0; i < 20; i++) {
		assert_ptr_equal(f->seg[i].ptr, f->ram.low + f->buf + 100 * i);
		assert_int_equal(f->seg[i].len, 10 + i);
		assert_int_equal(f->seg[i].write, i >= 15);
	}
}

static void completion_out_of_order(void **state)
{
	struct fixture *f = *state;
	int id[NUM];
	u32 len;

	for (unsigned int lap = 0; lap < 5; lap++) {
		for (unsigned int i = 0; i < NUM; i++)
			id[i] = mock_packed_add_one(&f->vq, f->buf, 1, false);
		for (unsigned int i = 0; i < NUM; i++)
			assert_int_equal(pop(f), 1);
		assert_int_equal(pop(f), 0);
		for (unsigned int i = NUM; i-- > 0;)
			ring_push(&f->ring, (u16)id[i], 0);
		ring_publish(&f->ring);
		for (unsigned int i = NUM; i-- > 0;)
			assert_int_equal(mock_packed_get(&f->vq, &len), id[i]);
	}
}

static void unpop_gives_back_as_if_never_taken(void **state)
{
	struct fixture *f = *state;
	struct mock_buf buf[2] = { { f->buf, 8, true }, { f->buf + 8, 8, true } };
	u32 len;

	/* Chains of two descriptors in a ring of eight: laps begin within them and at them. */
	for (unsigned int round = 0; round < 100; round++) {
		unsigned int n = 1 + round % 3;

		for (unsigned int i = 0; i < n; i++)
			assert_true(mock_packed_add(&f->vq, buf, 1 + (round + i) % 2) >= 0);
		for (unsigned int i = 0; i < n; i++)
			assert_int_equal(pop(f), 1);
		ring_unpop(&f->ring, n);
		assert_int_equal(ring_available(&f->ring), 1);
		for (unsigned int i = 0; i < n; i++) {
			assert_int_equal(pop(f), 1);
			assert_int_equal(f->chain.nr_write, 1 + (round + i) % 2);
			ring_push(&f->ring, f->chain.head, round);
		}
		ring_publish(&f->ring);
		for (unsigned int i = 0; i < n; i++) {
			assert_true(mock_packed_get(&f->vq, &len) >= 0);
			assert_int_equal(len, round);
		}
	}
}

/* ---- Batches ---- */

static void batch_of_all_kinds(void **state)
{
	struct fixture *f = *state;
	const struct mock_buf one = { f->buf, 11, true }, high = { MOCK_HIGH_GPA, 13, true };
	struct mock_buf two[2] = { { f->buf, 5, false }, { f->buf + 5, 6, true } };
	struct ring_chain c[NUM];
	struct ring_used used[NUM];
	int id[5];
	u32 len;

	for (unsigned int lap = 0; lap < 20; lap++) {
		id[0] = mock_packed_add(&f->vq, &one, 1);
		id[1] = mock_packed_add(&f->vq, two, 2);
		id[2] = mock_packed_add(&f->vq, &high, 1);
		id[3] = mock_packed_add(&f->vq, &high, 1);
		id[4] = mock_packed_add(&f->vq, &one, 1);
		assert_int_equal(ring_pop_batch(&f->ring, c, NUM, f->seg, SEGS, 8), 5);
		for (unsigned int i = 0; i < 5; i++) {
			assert_int_equal(c[i].head, id[i]);
			assert_int_equal(c[i].nr_read, i == 1);
			assert_int_equal(c[i].nr_write, 1);
			assert_int_equal(c[i].write_len, i == 1 ? 6 : i == 2 || i == 3 ? 13 : 11);
			used[i] = (struct ring_used){ c[i].head, i };
		}
		ring_push_batch(&f->ring, used, 5);
		ring_publish(&f->ring);
		for (unsigned int i = 0; i < 5; i++) {
			assert_int_equal(mock_packed_get(&f->vq, &len), id[i]);
			assert_int_equal(len, i);
		}
		assert_int_equal(mock_packed_get(&f->vq, &len), -1);
	}
}

static void batch_ends_where_segments_do(void **state)
{
	struct fixture *f = *state;
	struct mock_buf buf[3] = { { f->buf, 1, true }, { f->buf, 2, true }, { f->buf, 3, true } };
	struct ring_chain c[NUM];

	for (unsigned int i = 0; i < 4; i++)
		mock_packed_add(&f->vq, buf, 3);
	/* The second leaves room for two: not for what a chain may have. */
	assert_int_equal(ring_pop_batch(&f->ring, c, NUM, f->seg, 8, 3), 2);
	assert_int_equal(f->ring.broken, RING_OK);
	assert_int_equal(ring_pop_batch(&f->ring, c, NUM, f->seg, 8, 3), 2);
	assert_int_equal(ring_pop_batch(&f->ring, c, NUM, f->seg, 8, 3), 0);
}

/* ---- Interrupts and notifications ---- */

static void interrupt_follows_the_flag(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 4; i++) {
		mock_packed_add_one(&f->vq, f->buf, 1, false);
		assert_int_equal(pop(f), 1);
		ring_push(&f->ring, f->chain.head, 0);
		if (i & 1)
			mock_packed_irq_disable(&f->vq);
		else
			mock_packed_irq_enable(&f->vq);
		assert_int_equal(ring_publish(&f->ring), !(i & 1));
	}
}

static void interrupt_follows_the_event(void **state)
{
	struct fixture *f = *state;
	u32 len;

	for (unsigned int i = 0; i < 40; i++) {
		/* When the used position passes 3, in the lap that it is. */
		bool wrap = !(i / NUM & 1), expect = i == 0 || i % NUM == 3;

		f->vq.driver->off_wrap_flags =
			3 | (wrap ? VIRTQ_EVENT_WRAP : 0) | VIRTQ_EVENT_DESC << 16;
		mock_packed_add_one(&f->vq, f->buf, 1, false);
		assert_int_equal(pop(f), 1);
		ring_push(&f->ring, f->chain.head, 0);
		/* The first one after enabling is always signalled. */
		assert_int_equal(ring_publish(&f->ring), expect);
		mock_packed_get(&f->vq, &len);
	}
}

static void notifications_off_and_on(void **state)
{
	struct fixture *f = *state;

	mock_packed_add_one(&f->vq, f->buf, 1, false);
	assert_true(mock_packed_kick(&f->vq));
	ring_notify_disable(&f->ring);
	assert_int_equal(pop(f), 1);
	mock_packed_add_one(&f->vq, f->buf, 1, false);
	assert_false(mock_packed_kick(&f->vq));
	assert_true(ring_notify_enable(&f->ring));	/* look again */
	assert_int_equal(pop(f), 1);
	assert_false(ring_notify_enable(&f->ring));
	mock_packed_add_one(&f->vq, f->buf, 1, false);
	assert_true(mock_packed_kick(&f->vq));
}

/* ---- Both sides take turns and sleep: a lost wake-up ends the pump ---- */

static void pump(void **state)
{
	struct fixture *f = *state;
	const u64 total = 3 * 65536 + 17;
	u64 posted = 0, popped = 0, gotten = 0;
	bool dev_awake = false, drv_awake = true;
	u32 len;

	srand(2);
	while (gotten < total) {
		unsigned int dice = (unsigned int)rand() % 8;

		assert_true(dev_awake || drv_awake);
		if (dev_awake && (dice & 1 || !drv_awake)) {
			unsigned int budget = 1 + dice * 3;

			ring_notify_disable(&f->ring);
			while (budget && pop(f) == 1) {
				assert_int_equal(f->chain.write_len, 1 + popped % 1000);
				ring_push(&f->ring, f->chain.head, (u32)++popped);
				budget--;
			}
			dev_awake = !budget || ring_notify_enable(&f->ring);
			drv_awake |= ring_publish(&f->ring);
			continue;
		}
		mock_packed_irq_disable(&f->vq);
		while (mock_packed_get(&f->vq, &len) >= 0)
			assert_int_equal(len, (u32)++gotten);
		for (unsigned int n = dice + 1; n && posted < total; n--, posted++)
			if (mock_packed_add_one(&f->vq, f->buf, 1 + (u32)(posted % 1000), true) < 0)
				break;
		dev_awake |= mock_packed_kick(&f->vq);
		if (posted == total || !f->vq.nr_free)
			drv_awake = mock_packed_irq_enable(&f->vq);
	}
	assert_int_equal(popped, total);
}

/* ---- IN_ORDER ---- */

/* Completed out of order, used in order; of chains without lengths, the last for all. */
static void in_order_waits_for_its_turn(void **state)
{
	struct fixture *f = *state;
	int id[4];
	u32 len;

	for (unsigned int lap = 0; lap < 10; lap++) {
		for (unsigned int i = 0; i < 4; i++) {
			id[i] = mock_packed_add_one(&f->vq, f->buf, 1, false);
			assert_int_equal(pop(f), 1);
		}
		ring_push(&f->ring, (u16)id[2], 0);
		ring_push(&f->ring, (u16)id[1], 0);
		assert_false(ring_publish(&f->ring));
		ring_push(&f->ring, (u16)id[0], 0);
		assert_true(ring_publish(&f->ring));
		for (unsigned int i = 0; i < 3; i++)
			assert_int_equal(mock_packed_get(&f->vq, &len), id[i]);
		assert_int_equal(mock_packed_get(&f->vq, &len), -1);
		ring_push(&f->ring, (u16)id[3], 0);
		ring_publish(&f->ring);
		assert_int_equal(mock_packed_get(&f->vq, &len), id[3]);
	}
}

/* What was written to has a length of its own. */
static void in_order_keeps_lengths(void **state)
{
	struct fixture *f = *state;
	int id[4];
	u32 len;

	for (unsigned int i = 0; i < 4; i++) {
		id[i] = mock_packed_add_one(&f->vq, f->buf, 100, i > 1);
		assert_int_equal(pop(f), 1);
	}
	for (unsigned int i = 4; i-- > 0;)
		ring_push(&f->ring, (u16)id[i], i > 1 ? 10 + i : 0);
	ring_publish(&f->ring);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(mock_packed_get(&f->vq, &len), id[i]);
		assert_int_equal(len, i > 1 ? 10 + i : 0);
	}
}

static void split_in_order_one_entry_for_a_batch(void **state)
{
	struct fixture *f = *state;
	struct mock_vq *vq = &f->split;

	for (unsigned int i = 0; i < 4; i++) {
		mock_add_one(vq, f->buf, 1, i == 3);
		assert_int_equal(pop(f), 1);
	}
	ring_push(&f->ring, 2, 0);
	ring_push(&f->ring, 3, 9);
	ring_push(&f->ring, 1, 0);
	assert_false(ring_publish(&f->ring));
	memset((void *)vq->used->ring, 0xee, NUM * sizeof(vq->used->ring[0]));
	ring_push(&f->ring, 0, 0);
	assert_true(ring_publish(&f->ring));
	assert_int_equal(vq->used->idx, 4);
	assert_int_equal(vq->used->ring[0].id, 2);	/* at the first, for the first three */
	assert_int_equal(vq->used->ring[1].id, 0xeeeeeeee);
	assert_int_equal(vq->used->ring[3].id, 3);
	assert_int_equal(vq->used->ring[3].len, 9);
}

/* ---- A hostile driver ---- */

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

	for (unsigned int i = 0; i < 5; i++)
		buf[i] = (struct mock_buf){ f->buf + i, i != 2, false };	/* empty ones count */
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
	assert_table_breaks(f, f->vq.tables, 16, 0, RING_BAD_INDIRECT);
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

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define T_WITH(kind, name) cmocka_unit_test_setup_teardown(name, setup_ ## kind, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(empty_ring_has_nothing),
		T(chain_arrives_as_posted),
		T_WITH(odd, chain_arrives_as_posted),
		T(used_is_seen_after_publish_only),
		T_WITH(indirect, indirect_chain_arrives_as_posted),
		T(completion_out_of_order),
		T(unpop_gives_back_as_if_never_taken),
		T(batch_of_all_kinds),
		T_WITH(indirect, batch_of_all_kinds),
		T_WITH(in_order, batch_of_all_kinds),
		T_WITH(indirect, batch_ends_where_segments_do),
		T(interrupt_follows_the_flag),
		T_WITH(event_idx, interrupt_follows_the_event),
		T(notifications_off_and_on),
		T_WITH(event_idx, notifications_off_and_on),
		T(pump),
		T_WITH(odd, pump),
		T_WITH(event_idx, pump),
		T_WITH(in_order, pump),
		T_WITH(in_order, in_order_waits_for_its_turn),
		T_WITH(in_order, in_order_keeps_lengths),
		T_WITH(split_in_order, split_in_order_one_entry_for_a_batch),
		T(hostile_01_more_than_the_ring_holds),
		T(hostile_02_id_outside),
		T(hostile_03_chain_runs_into_what_is_not_available),
		T(hostile_04_chain_round_the_ring),
		T(hostile_05_chain_of_ring_size),
		T(hostile_05_chain_longer_than_the_caller_takes),
		T(hostile_06_id_posted_twice),
		T(hostile_07_08_sizes_and_areas),
		T(hostile_09_used_descriptors_rewritten),
		T_WITH(indirect, hostile_11_to_13_bad_tables),
		T(hostile_14_buffers_outside_ram),
		T(hostile_16_readable_after_writable),
	};
	return cmocka_run_group_tests_name("ring_packed", tests, NULL, NULL);
}
