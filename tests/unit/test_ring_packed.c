/* SPDX-License-Identifier: BSD-2-Clause */
/* The packed ring from the driver's side, and IN_ORDER in both formats. */
#include "tests/unit/unit.h"

#include "tests/unit/packed_fixture.h"

/* ---- The good cases ---- */

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
		for (unsigned int n = dice + 1; n && f->vq.nr_free && posted < total; n--)
			mock_packed_add_one(&f->vq, f->buf, 1 + (u32)(posted++ % 1000), true);
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
	};
	return cmocka_run_group_tests_name("ring_packed", tests, NULL, NULL);
}
