/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The split ring from the driver's side: what it is for, wrap and suppression. hostile_NN: case
 * NN of the list of what a hostile guest tries.
 */
#include "tests/unit/unit.h"

#include "tests/unit/ring_fixture.h"

/* ---- The good cases ---- */

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

	table[0] = (struct virtq_desc){
		.addr = f->buf + 64, .len = 5, .flags = VIRTQ_DESC_F_NEXT, .next = 1
	};
	table[1] =
		(struct virtq_desc){ .addr = f->buf + 96, .len = 6, .flags = VIRTQ_DESC_F_WRITE };
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

int main(void)
{
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
	};
	return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
