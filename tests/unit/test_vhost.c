/* SPDX-License-Identifier: BSD-2-Clause */
/* vhost's control calls: what they refuse, and when. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/mock_driver.h"
#include "tests/unit/mock_work.h"
#include "virtio/vhost.h"
#include "virtio/virtio.h"

struct fixture {
	struct mock_ram ram;
	struct mock_vq driver;
	struct vhost_dev dev;
	struct vhost_virtqueue vq[2];
	unsigned int kicked;
};

static void handle_kick(struct vhost_virtqueue *vq)
{
	container_of(vq->dev, struct fixture, dev)->kicked++;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	mock_ram_init(&f->ram, 1 * MIB);
	mock_vq_init(&f->driver, &f->ram, 16, false, false);
	f->vq[0].handle_kick = f->vq[1].handle_kick = handle_kick;
	vhost_dev_init(&f->dev, "test/dev", f->vq, 2, NULL);
	vhost_set_mem_table(&f->dev, &f->ram.gm);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	vhost_vring_stop(&f->dev, 0);
	vhost_vring_stop(&f->dev, 1);
	mock_work_run();
	mock_ram_free(&f->ram);
	free(f);
	return 0;
}

static void start(struct fixture *f, u16 base)
{
	assert_int_equal(vhost_set_vring_num(&f->dev, 0, 16), 0);
	assert_int_equal(vhost_set_vring_addr(&f->dev, 0, &f->driver.addr), 0);
	assert_int_equal(vhost_set_vring_base(&f->dev, 0, base), 0);
	assert_int_equal(vhost_vring_start(&f->dev, 0), 0);
}

static void numbers_that_are_no_ring_size(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(vhost_set_vring_num(&f->dev, 0, 0), -EINVAL);
	assert_int_equal(vhost_set_vring_num(&f->dev, 0, 3), -EINVAL);
	assert_int_equal(vhost_set_vring_num(&f->dev, 0, 2 * RING_SIZE_MAX), -EINVAL);
	assert_int_equal(vhost_set_vring_num(&f->dev, 0, 65536 + 16), -EINVAL);
	assert_int_equal(vhost_set_vring_num(&f->dev, 0, RING_SIZE_MAX), 0);
}

static void queues_that_do_not_exist(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(vhost_set_vring_num(&f->dev, 2, 16), -EINVAL);
	assert_int_equal(vhost_set_vring_addr(&f->dev, 2, &f->driver.addr), -EINVAL);
	assert_int_equal(vhost_set_vring_base(&f->dev, UINT32_MAX, 0), -EINVAL);
	assert_int_equal(vhost_vring_start(&f->dev, 2), -EINVAL);
}

static void running_queue_is_not_changed(void **state)
{
	struct fixture *f = *state;

	start(f, 0);
	assert_int_equal(vhost_set_vring_num(&f->dev, 0, 8), -EBUSY);
	assert_int_equal(vhost_set_vring_addr(&f->dev, 0, &f->driver.addr), -EBUSY);
	assert_int_equal(vhost_set_vring_base(&f->dev, 0, 1), -EBUSY);
	assert_int_equal(vhost_vring_start(&f->dev, 0), -EBUSY);
	vhost_vring_stop(&f->dev, 0);
	assert_int_equal(vhost_set_vring_num(&f->dev, 0, 8), 0);
}

static void features_not_offered(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(vhost_set_features(&f->dev, 6, 4), -EOPNOTSUPP);
	assert_true(f->dev.features == 0);
	assert_int_equal(vhost_set_features(&f->dev, 4, 6), 0);
	assert_true(f->dev.features == 4);
}

static void features_reach_the_ring(void **state)
{
	struct fixture *f = *state;

	vhost_set_features(&f->dev, BIT_ULL(VIRTIO_F_EVENT_IDX), UINT64_MAX);
	start(f, 0);
	assert_true(f->vq[0].ring.event_idx && !f->vq[0].ring.indirect);
	vhost_vring_stop(&f->dev, 0);
	vhost_set_features(&f->dev, BIT_ULL(VIRTIO_F_INDIRECT_DESC), UINT64_MAX);
	start(f, 0);
	assert_true(!f->vq[0].ring.event_idx && f->vq[0].ring.indirect);
}

static void goes_on_where_it_stopped(void **state)
{
	struct fixture *f = *state;
	struct ring_seg seg[4];
	struct ring_chain c = { .seg = seg, .max_segs = 4 };

	f->driver.avail_idx = f->driver.last_used = 0xfffe;
	start(f, 0xfffe);
	for (unsigned int i = 0; i < 3; i++)
		mock_add_one(&f->driver, 0x1000, 16, false);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(ring_pop(&f->vq[0].ring, &c), 1);
		ring_push(&f->vq[0].ring, c.head, 0);
	}
	vhost_signal(&f->vq[0]);
	assert_int_equal(f->driver.used->idx, 1);
	assert_int_equal(vhost_vring_stop(&f->dev, 0), 1);
	start(f, 1);
	mock_add_one(&f->driver, 0x1000, 16, false);
	assert_int_equal(ring_pop(&f->vq[0].ring, &c), 1);
}

static void errors_of_the_ring_come_back(void **state)
{
	struct fixture *f = *state;
	struct ring_addr addr = f->driver.addr;

	addr.used = 0xd0000000;
	assert_int_equal(vhost_set_vring_num(&f->dev, 0, 16), 0);
	assert_int_equal(vhost_set_vring_addr(&f->dev, 0, &addr), 0);
	assert_int_equal(vhost_vring_start(&f->dev, 0), -EFAULT);
	assert_false(f->vq[0].enabled);
	assert_int_equal(vhost_vring_stop(&f->dev, 0), 0);
}

static void kicks_coalesce(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 5; i++)
		event_signal(vhost_get_vring_kick(&f->dev, 1));
	mock_work_run();
	assert_int_equal(f->kicked, 1);
	assert_int_equal(f->vq[1].stats.kicks, 5);
	assert_int_equal(f->vq[1].stats.kicks_coalesced, 4);
}

static void batches_are_counted_by_size(void **state)
{
	struct fixture *f = *state;
	static const unsigned int n[] = { 0, 1, 2, 3, 4, 63, 64, 127, 128, 255, 256, 100000 };
	static const u64 expect[VHOST_BATCH_BUCKETS] = { 1, 2, 1, 0, 0, 1, 2, 4 };

	for (unsigned int i = 0; i < ARRAY_SIZE(n); i++)
		vhost_count_batch(&f->vq[0], n[i]);
	assert_memory_equal(f->vq[0].stats.batch, expect, sizeof(expect));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(numbers_that_are_no_ring_size),
		T(queues_that_do_not_exist),
		T(running_queue_is_not_changed),
		T(features_not_offered),
		T(features_reach_the_ring),
		T(goes_on_where_it_stopped),
		T(errors_of_the_ring_come_back),
		T(kicks_coalesce),
		T(batches_are_counted_by_size),
	};
	return cmocka_run_group_tests_name("vhost", tests, NULL, NULL);
}
