/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The split ring from the driver's side. hostile_NN: case NN of the list of what a hostile
 * guest tries.
 */
#include "tests/unit/unit.h"

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

static void setup_ring(struct fixture *f, u16 num, bool event_idx, bool indirect)
{
	mock_ram_init(&f->ram, 1 * MIB);
	mock_vq_init(&f->vq, &f->ram, num, event_idx, indirect);
	f->buf = mock_alloc(&f->ram, 64 * KIB, 16);
	assert_int_equal(ring_enable(&f->ring, &f->ram.gm, num, &f->vq.addr, 0, event_idx, indirect), 0);
	f->chain = (struct ring_chain){ .seg = f->seg, .max_segs = SEGS };
}

static struct fixture *new_fixture(u16 num, bool event_idx, bool indirect)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	setup_ring(f, num, event_idx, indirect);
	return f;
}

static int setup(void **state)
{
	*state = new_fixture(NUM, false, false);
	return 0;
}

static int setup_event_idx(void **state)
{
	*state = new_fixture(NUM, true, false);
	return 0;
}

static int setup_indirect(void **state)
{
	*state = new_fixture(NUM, false, true);
	return 0;
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

/* The chain just posted breaks the queue by this rule, and it stays broken. */
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
		{ f->buf, 12, false }, { f->buf + 100, 1000, false }, { MOCK_HIGH_GPA + 5, 7, true },
	};
	int head = mock_add(&f->vq, buf, 3);

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

static void used_is_seen_after_publish_only(void **state)
{
	struct fixture *f = *state;
	int head = mock_add_one(&f->vq, f->buf, 64, true);
	u32 len;

	assert_int_equal(pop(f), 1);
	ring_push(&f->ring, f->chain.head, 33);
	assert_int_equal(mock_get(&f->vq, &len), -1);
	assert_true(ring_publish(&f->ring));
	assert_int_equal(mock_get(&f->vq, &len), head);
	assert_int_equal(len, 33);
	assert_false(ring_publish(&f->ring));
}

static void indirect_chain_arrives_as_posted(void **state)
{
	struct fixture *f = *state;
	struct mock_buf buf[20];

	for (unsigned int i = 0; i < 20; i++)
		buf[i] = (struct mock_buf){ f->buf + 100 * i, 10 + i, i >= 15 };
	assert_int_equal(mock_add(&f->vq, buf, 20), 0);
	assert_int_equal(f->vq.nr_free, NUM - 1);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.nr_read, 15);
	assert_int_equal(f->chain.nr_write, 5);
	for (unsigned int i = 0; i < 20; i++) {
		assert_ptr_equal(f->seg[i].ptr, f->ram.low + f->buf + 100 * i);
		assert_int_equal(f->seg[i].len, 10 + i);
	}
}

/* virtio 1.2 §2.7.5.3.2: normal descriptors and then one indirect; its WRITE flag is ignored. */
static void direct_then_indirect_is_one_chain(void **state)
{
	struct fixture *f = *state;
	volatile struct virtq_desc *table = mock_ptr(&f->ram, f->vq.tables);

	table[0] = (struct virtq_desc){ .addr = f->buf + 64, .len = 5, .flags = VIRTQ_DESC_F_NEXT, .next = 1 };
	table[1] = (struct virtq_desc){ .addr = f->buf + 96, .len = 6, .flags = VIRTQ_DESC_F_WRITE };
	mock_desc(&f->vq, 3, f->buf, 4, VIRTQ_DESC_F_NEXT, 6);
	mock_desc(&f->vq, 6, f->vq.tables, 32, VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_WRITE, 0);
	mock_post(&f->vq, 3);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.head, 3);
	assert_int_equal(f->chain.nr_read, 2);
	assert_int_equal(f->chain.read_len, 9);
	assert_int_equal(f->chain.write_len, 6);
}

static void indirect_table_may_be_unaligned(void **state)
{
	struct fixture *f = *state;
	struct virtq_desc d = { .addr = f->buf, .len = 77 };

	memcpy(f->ram.low + f->vq.tables + 3, &d, sizeof(d));
	mock_desc(&f->vq, 0, f->vq.tables + 3, 16, VIRTQ_DESC_F_INDIRECT, 0);
	mock_post(&f->vq, 0);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.read_len, 77);
}

static void empty_buffers_are_left_out(void **state)
{
	struct fixture *f = *state;
	const struct mock_buf buf[] = {
		{ ~0ull, 0, false }, { f->buf, 9, false }, { 0, 0, false }, { f->buf, 1, true },
	};

	mock_add(&f->vq, buf, 4);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->chain.nr_read, 1);
	assert_int_equal(f->chain.nr_write, 1);
	assert_int_equal(f->seg[0].len, 9);
}

static void unpop_gives_back_as_if_never_taken(void **state)
{
	struct fixture *f = *state;
	u32 len;

	for (unsigned int i = 0; i < 5; i++)
		mock_add_one(&f->vq, f->buf + 64 * i, 64, true);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(pop(f), 1);
	ring_push(&f->ring, 0, 1);
	ring_unpop(&f->ring, 3);
	assert_int_equal(ring_available(&f->ring), 4);
	for (unsigned int i = 1; i < 5; i++) {
		assert_int_equal(pop(f), 1);
		assert_int_equal(f->chain.head, i);
		ring_push(&f->ring, f->chain.head, i);
	}
	ring_publish(&f->ring);
	for (int i = 0; i < 5; i++)
		assert_int_equal(mock_get(&f->vq, &len), i);
}

static void completion_out_of_order(void **state)
{
	struct fixture *f = *state;
	u32 len;

	for (unsigned int i = 0; i < NUM; i++)
		mock_add_one(&f->vq, f->buf, 1, false);
	for (unsigned int i = 0; i < NUM; i++)
		assert_int_equal(pop(f), 1);
	for (u16 i = NUM; i-- > 0;)
		ring_push(&f->ring, i, 0);
	ring_publish(&f->ring);
	for (int i = NUM; i-- > 0;)
		assert_int_equal(mock_get(&f->vq, &len), i);
}

/* ---- Interrupts and notifications ---- */

static void interrupt_follows_the_flag(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 4; i++) {
		mock_add_one(&f->vq, f->buf, 1, false);
		assert_int_equal(pop(f), 1);
		ring_push(&f->ring, f->chain.head, 0);
		if (i & 1)
			mock_irq_disable(&f->vq);
		else
			mock_irq_enable(&f->vq);
		assert_int_equal(ring_publish(&f->ring), !(i & 1));
	}
}

static void interrupt_follows_used_event(void **state)
{
	struct fixture *f = *state;
	static const bool expect[] = { true, false, false, true, false, false };

	*(volatile le16 *)&f->vq.avail->ring[NUM] = 3;	/* when the used index passes 3 */
	for (unsigned int i = 0; i < ARRAY_SIZE(expect); i++) {
		mock_add_one(&f->vq, f->buf, 1, false);
		assert_int_equal(pop(f), 1);
		ring_push(&f->ring, f->chain.head, 0);
		/* The first one after enabling is always signalled. */
		assert_int_equal(ring_publish(&f->ring), expect[i]);
	}
}

static void one_publication_for_a_batch_crossing_used_event(void **state)
{
	struct fixture *f = *state;

	f->ring.signalled_valid = true;
	*(volatile le16 *)&f->vq.avail->ring[NUM] = 3;
	for (u16 i = 0; i < 6; i++) {
		mock_add_one(&f->vq, f->buf, 1, false);
		assert_int_equal(pop(f), 1);
		ring_push(&f->ring, f->chain.head, 0);
	}
	assert_true(ring_publish(&f->ring));
	assert_int_equal(f->vq.used->idx, 6);
}

static void notifications_off_and_on(void **state)
{
	struct fixture *f = *state;

	mock_add_one(&f->vq, f->buf, 1, false);
	assert_true(mock_kick(&f->vq));
	ring_notify_disable(&f->ring);
	assert_int_equal(pop(f), 1);
	mock_add_one(&f->vq, f->buf, 1, false);
	assert_false(mock_kick(&f->vq));
	assert_true(ring_notify_enable(&f->ring));	/* look again */
	assert_int_equal(pop(f), 1);
	assert_false(ring_notify_enable(&f->ring));
	mock_add_one(&f->vq, f->buf, 1, false);
	assert_true(mock_kick(&f->vq));
}

/* ---- 16-bit wrap, stalls ---- */

struct pump {
	u64 posted, popped, gotten;
	unsigned int kicks, irqs;
	bool dev_awake, drv_awake;
};

/* The device's turn: disable, drain some, enable, look again, one publication. */
static void pump_device(struct fixture *f, struct pump *p, unsigned int budget)
{
	ring_notify_disable(&f->ring);
	for (;;) {
		int got = budget ? pop(f) : 0;

		assert_true(got >= 0);
		if (got) {
			assert_int_equal(f->chain.read_len, 1 + p->popped % 1000);
			p->popped++;
			budget--;
			ring_push(&f->ring, f->chain.head, (u32)p->popped);
			continue;
		}
		p->dev_awake = !budget || ring_notify_enable(&f->ring);
		break;
	}
	if (ring_publish(&f->ring)) {
		p->irqs++;
		p->drv_awake = true;
	}
}

static void pump_driver(struct fixture *f, struct pump *p, unsigned int post, u64 total)
{
	u32 len;

	mock_irq_disable(&f->vq);
	while (mock_get(&f->vq, &len) >= 0) {
		p->gotten++;
		assert_int_equal(len, (u32)p->gotten);
	}
	for (; post && p->posted < total; post--) {
		if (mock_add_one(&f->vq, f->buf, 1 + (u32)(p->posted % 1000), false) < 0)
			break;
		p->posted++;
	}
	if (mock_kick(&f->vq)) {
		p->kicks++;
		p->dev_awake = true;
	}
	/* Sleeps only when it has nothing to do; then only an interrupt wakes it. */
	if (p->posted == total || f->vq.nr_free == 0)
		p->drv_awake = mock_irq_enable(&f->vq);
}

/* Neither side is called unless the other has woken it: a lost wake-up stops the pump. */
static void pump_all(struct fixture *f, u64 total)
{
	struct pump p = { .drv_awake = true };

	srand(1);
	while (p.gotten < total) {
		unsigned int dice = (unsigned int)rand() % 8;

		assert_true(p.dev_awake || p.drv_awake);
		if (p.dev_awake && (dice & 1 || !p.drv_awake))
			pump_device(f, &p, 1 + dice * 3);
		else
			pump_driver(f, &p, dice + 1, total);
	}
	assert_int_equal(p.popped, total);
	assert_true(p.irqs < total && p.kicks < total);
}

static void wrap_past_65536_by_flags(void **state)
{
	pump_all(*state, 3 * 65536 + 17);
}

static void hostile_10_wrap_past_65536_with_event_idx_never_stalls(void **state)
{
	pump_all(*state, 3 * 65536 + 17);
}

/* Whatever the events say, only interrupts and kicks may be wrong, never memory or indices. */
static void hostile_10_random_events(void **state)
{
	struct fixture *f = *state;
	u32 len;

	srand(10);
	for (unsigned int i = 0; i < 70000; i++) {
		*(volatile le16 *)&f->vq.avail->ring[NUM] = (u16)rand();
		*(volatile le16 *)&f->vq.used->ring[NUM] = (u16)rand();
		mock_add_one(&f->vq, f->buf, 1, false);
		ring_notify_disable(&f->ring);
		assert_int_equal(pop(f), 1);
		ring_push(&f->ring, f->chain.head, i);
		assert_false(ring_notify_enable(&f->ring));
		ring_publish(&f->ring);
		assert_true(mock_get(&f->vq, &len) >= 0);
		assert_int_equal(len, i);
	}
}

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
	assert_int_equal(ring_available(&f->ring), NUM);
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

	table[0] = (struct virtq_desc){ .addr = f->buf, .len = 1, .flags = VIRTQ_DESC_F_NEXT, .next = 2 };
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
		mock_desc(&f->vq, i, f->buf + i, 1, i + 1u < links ? VIRTQ_DESC_F_NEXT : 0, (i + 1) % NUM);
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
	struct ring ring;
	int err = ring_enable(&ring, &f->ram.gm, num, &addr, 0, true, true);

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

	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10008, 0x20000, 0x30000 }), -EINVAL);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x20001, 0x30000 }), -EINVAL);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x20000, 0x30002 }), -EINVAL);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10010, 0x20002, 0x30004 }), 0);
}

static void hostile_08_areas_outside_ram(void **state)
{
	struct fixture *f = *state;
	const u64 end = f->ram.size;

	assert_int_equal(enable_with(f, 8, (struct ring_addr){ end, 0x20000, 0x30000 }), -EFAULT);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0xd0000000, 0x30000 }), -EFAULT);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x20000, ~15ull }), -EFAULT);
	/* Straddling the end: the last byte decides, that of the event field included. */
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ end - 128, 0x20000, 0x30000 }), 0);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ end - 112, 0x20000, 0x30000 }), -EFAULT);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, end - 22, 0x30000 }), 0);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, end - 20, 0x30000 }), -EFAULT);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x20000, end - 72 }), 0);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x20000, end - 68 }), -EFAULT);
}

static void hostile_08_areas_overlapping(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x10000, 0x30000 }), -EINVAL);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x1007e, 0x30000 }), -EINVAL);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x10080, 0x10094 }), -EINVAL);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10000, 0x10080, 0x10098 }), 0);
	assert_int_equal(enable_with(f, 8, (struct ring_addr){ 0x10040, 0x20000, 0x10000 }), -EINVAL);
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

	table[0] = (struct virtq_desc){ .addr = f->vq.tables, .len = 16, .flags = VIRTQ_DESC_F_INDIRECT };
	post_indirect(f, f->vq.tables, 16, 0);
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

	post_indirect(f, f->buf, 16, 0);
	assert_breaks(f, RING_BAD_INDIRECT);
}

static void hostile_13_indirect_table_outside_ram(void **state)
{
	struct fixture *f = *state;

	post_indirect(f, 0xd0000000, 16, 0);
	assert_breaks(f, RING_INDIRECT_ADDR);
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
		table[i] = (struct virtq_desc){ .addr = MOCK_HIGH_GPA, .len = 0xffffffff,
						.flags = i < 2 ? VIRTQ_DESC_F_NEXT : 0, .next = i + 1 };
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
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define T_EVENT(name) cmocka_unit_test_setup_teardown(name, setup_event_idx, teardown)
#define T_INDIRECT(name) cmocka_unit_test_setup_teardown(name, setup_indirect, teardown)
	const struct CMUnitTest tests[] = {
		T(empty_ring_has_nothing),
		T(chain_arrives_as_posted),
		T(used_is_seen_after_publish_only),
		T_INDIRECT(indirect_chain_arrives_as_posted),
		T_INDIRECT(direct_then_indirect_is_one_chain),
		T_INDIRECT(indirect_table_may_be_unaligned),
		T(empty_buffers_are_left_out),
		T(unpop_gives_back_as_if_never_taken),
		T(completion_out_of_order),
		T(interrupt_follows_the_flag),
		T_EVENT(interrupt_follows_used_event),
		T_EVENT(one_publication_for_a_batch_crossing_used_event),
		T(notifications_off_and_on),
		T_EVENT(notifications_off_and_on),
		T(wrap_past_65536_by_flags),
		T_EVENT(hostile_10_wrap_past_65536_with_event_idx_never_stalls),
		T_EVENT(hostile_10_random_events),
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
		T_INDIRECT(hostile_11_indirect_lengths),
		T_INDIRECT(hostile_12_nested_indirect),
		T_INDIRECT(hostile_12_indirect_with_next),
		T(hostile_12_indirect_not_negotiated),
		T_INDIRECT(hostile_13_indirect_table_outside_ram),
		T_INDIRECT(hostile_13_indirect_table_across_the_end),
		T(hostile_14_buffers_outside_ram),
		T(hostile_16_readable_after_writable),
		T_INDIRECT(hostile_18_sum_above_4_gib),
		T(hostile_21_descriptors_change_after_the_pop),
	};
	return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
