/* SPDX-License-Identifier: BSD-2-Clause */
/* A device IOTLB: rings whose addresses somebody else translates, for reading, for writing. */
#include "tests/unit/unit.h"

#include "tests/unit/ring_fixture.h"
#include "virtio/iotlb.h"

#define IOVA	(1ull << 40)	/* what lies there is guest RAM from 0 on, as far as it was said */
#define R	GUEST_MEM_READ
#define W	GUEST_MEM_WRITE
#define RW	GUEST_MEM_RW

static struct vhost_iotlb tlb;
static struct mock_ram *ram;

static void say(u64 gpa, u64 size, unsigned int perm)
{
	assert_int_equal(vhost_iotlb_update(&tlb, IOVA + gpa, size, perm, ram->low + gpa, gpa), 0);
}

/* A ring of tables whose driver has all of its own memory translated, the buffers not. */
static int setup_translated(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct ring_addr addr;

	ram = &f->ram;
	mock_ram_init(ram, 1 * MIB);
	mock_vq_init(&f->vq, ram, NUM, false, true);
	mock_alloc(ram, 1, PAGE_SIZE);
	f->buf = mock_alloc(ram, 64 * KIB, PAGE_SIZE);
	f->chain = (struct ring_chain){ .seg = f->seg, .max_segs = SEGS };
	vhost_iotlb_init(&tlb);
	say(0, f->buf, RW);
	addr = (struct ring_addr){ IOVA + f->vq.addr.desc, IOVA + f->vq.addr.avail,
				   IOVA + f->vq.addr.used };
	assert_int_equal(ring_enable(&f->ring, &tlb.mem, NUM, &addr, 0, RING_INDIRECT), 0);
	*state = f;
	return 0;
}

static int post(struct fixture *f, u64 gpa, u32 len, bool write)
{
	mock_desc(&f->vq, 0, IOVA + gpa, len, write ? VIRTQ_DESC_F_WRITE : 0, 0);
	mock_post(&f->vq, 0);
	return pop(f);
}

static void again(struct fixture *f)
{
	ring_push(&f->ring, f->chain.head, 0);
	ring_publish(&f->ring);
}

static void buffers_for_what_they_are(void **state)
{
	struct fixture *f = *state;

	say(f->buf, PAGE_SIZE, R);
	say(f->buf + PAGE_SIZE, PAGE_SIZE, W);
	say(f->buf + 2 * PAGE_SIZE, PAGE_SIZE, RW);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(post(f, f->buf + 16, 100, false), 1);
		assert_ptr_equal(f->seg[0].ptr, ram->low + f->buf + 16);
		again(f);
		assert_int_equal(post(f, f->buf + PAGE_SIZE + 8, 100, true), 1);
		assert_int_equal(f->seg[0].phys, f->buf + PAGE_SIZE + 8);
		again(f);
		assert_int_equal(post(f, f->buf + 2 * PAGE_SIZE, 100, i & 1), 1);
		again(f);
	}
	assert_false(tlb.mem.missed);
}

/* What only one of the two may be done with, and that it is not remembered for the other. */
static void good_for_one(struct fixture *f, unsigned int perm, bool write)
{
	say(f->buf, PAGE_SIZE, perm);
	assert_int_equal(post(f, f->buf, 100, write), 1);
	again(f);
	assert_int_equal(post(f, f->buf, 100, !write), -EPROTO);
	assert_int_equal(f->ring.broken, RING_NO_ACCESS);
}

static void what_is_to_be_read_is_not_written(void **state) { good_for_one(*state, R, false); }
static void what_is_to_be_written_is_not_read(void **state) { good_for_one(*state, W, true); }

/* Said of the same place later: that counts. */
static void the_last_word_counts(void **state)
{
	struct fixture *f = *state;

	say(f->buf, PAGE_SIZE, RW);
	assert_int_equal(post(f, f->buf, 100, true), 1);
	again(f);
	say(f->buf, PAGE_SIZE, R);
	assert_int_equal(post(f, f->buf, 100, false), 1);
	again(f);
	assert_int_equal(post(f, f->buf, 100, true), -EPROTO);
	assert_int_equal(f->ring.broken, RING_NO_ACCESS);
}

static int post_table(struct fixture *f, u64 table)
{
	struct virtq_desc *t = mock_ptr(ram, table);

	*t = (struct virtq_desc){ .addr = cpu_to_le64(IOVA), .len = cpu_to_le32(64) };
	mock_desc(&f->vq, 0, IOVA + table, sizeof(*t), VIRTQ_DESC_F_INDIRECT, 0);
	mock_post(&f->vq, 0);
	return pop(f);
}

static void a_table_is_read(void **state)
{
	struct fixture *f = *state;

	say(f->buf, PAGE_SIZE, R);
	assert_int_equal(post_table(f, f->buf), 1);
	again(f);
	say(f->buf, PAGE_SIZE, W);
	assert_int_equal(post_table(f, f->buf), -EPROTO);
	assert_int_equal(f->ring.broken, RING_NO_ACCESS);
}

/* A ring that waits says for what, so that it can be asked for. */
static void missed_for_what(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(post(f, f->buf + 16, 100, true), 0);
	assert_true(f->ring.missed && tlb.mem.missed);
	assert_int_equal(f->ring.missed_at, IOVA + f->buf + 16);
	assert_int_equal(f->ring.missed_access, W);
	say(f->buf, PAGE_SIZE, W);
	f->ring.missed = false;
	assert_int_equal(pop(f), 1);
	again(f);
	assert_int_equal(post_table(f, f->buf + PAGE_SIZE), 0);
	assert_int_equal(f->ring.missed_at, IOVA + f->buf + PAGE_SIZE);
	assert_int_equal(f->ring.missed_access, R);
	/* Another ring's question does not hide what is forbidden. */
	say(f->buf + PAGE_SIZE, PAGE_SIZE, W);
	assert_null(guest_mem_ptr(&tlb.mem, IOVA + 8 * PAGE_SIZE + f->buf, 1));
	assert_true(tlb.mem.missed);
	assert_int_equal(pop(f), -EPROTO);
	assert_int_equal(f->ring.broken, RING_NO_ACCESS);
}

static int enable(unsigned int desc, unsigned int avail, unsigned int used, bool packed)
{
	const struct ring_addr addr = { IOVA, IOVA + PAGE_SIZE, IOVA + 2 * PAGE_SIZE };
	const unsigned int perm[] = { desc, avail, used };
	struct ring ring;
	int err;

	for (u64 i = 0; i < ARRAY_SIZE(perm); i++)
		say(i * PAGE_SIZE, PAGE_SIZE, perm[i]);
	err = ring_enable(&ring, &tlb.mem, NUM, &addr, packed ? RING_PACKED_START : 0,
			  packed ? RING_PACKED : 0);
	assert_false(tlb.mem.missed);
	ring_disable(&ring);
	return err;
}

static void areas_for_what_they_are(void **state)
{
	assert_int_equal(enable(R, R, W, false), 0);
	assert_int_equal(enable(W, R, W, false), -EFAULT);
	assert_int_equal(enable(R, W, W, false), -EFAULT);
	assert_int_equal(enable(R, R, R, false), -EFAULT);
	assert_int_equal(enable(RW, R, W, true), 0);
	assert_int_equal(enable(R, R, W, true), -EFAULT);
	assert_int_equal(enable(W, R, W, true), -EFAULT);
	assert_int_equal(enable(RW, W, W, true), -EFAULT);
	assert_int_equal(enable(RW, R, R, true), -EFAULT);
	/* The dirty log wants to know where it is, and that only. */
	assert_int_equal(guest_mem_phys(&tlb.mem, IOVA + 2 * PAGE_SIZE + 8, 4), 2 * PAGE_SIZE + 8);
	assert_int_equal(guest_mem_phys(&tlb.mem, 4 * IOVA, 4), 0);
	assert_false(tlb.mem.missed);
}

/* Neighbours become one if they are for the same; what is cut out of one leaves the rest as is. */
static void neighbours(void **state)
{
	struct fixture *f = *state;
	unsigned int before = tlb.nr;

	say(f->buf + PAGE_SIZE, PAGE_SIZE, R);
	say(f->buf, PAGE_SIZE, R);
	say(f->buf + 2 * PAGE_SIZE, PAGE_SIZE, R);
	assert_int_equal(tlb.nr, before + 1);
	assert_int_equal(post(f, f->buf + 100, 3 * PAGE_SIZE - 100, false), 1);
	again(f);
	say(f->buf + PAGE_SIZE, PAGE_SIZE, W);
	assert_int_equal(tlb.nr, before + 3);
	assert_int_equal(post(f, f->buf, PAGE_SIZE, false), 1);
	again(f);
	assert_int_equal(post(f, f->buf + 2 * PAGE_SIZE, PAGE_SIZE, false), 1);
	again(f);
	assert_int_equal(post(f, f->buf + PAGE_SIZE, PAGE_SIZE, true), 1);
	again(f);
	assert_int_equal(post(f, f->buf + 2 * PAGE_SIZE, PAGE_SIZE, true), -EPROTO);
}

static void bad_updates(void **state)
{
	assert_int_equal(vhost_iotlb_update(&tlb, IOVA, PAGE_SIZE, 0, ram->low, 0), -EINVAL);
	assert_int_equal(vhost_iotlb_update(&tlb, IOVA, PAGE_SIZE, 4, ram->low, 0), -EINVAL);
	assert_int_equal(vhost_iotlb_update(&tlb, IOVA, 0, RW, ram->low, 0), -EINVAL);
	assert_int_equal(vhost_iotlb_update(&tlb, UINT64_MAX, 2, RW, ram->low, 0), -EINVAL);
	assert_non_null(guest_mem_ptr(&tlb.mem, IOVA, 1));	/* nothing was changed */
}

/* As many as somebody cares to say, none next to another: the oldest are forgotten. */
static void more_than_there_is_room_for(void **state)
{
	const u64 far = 1ull << 40, step = 2 * PAGE_SIZE;

	for (u64 i = 0; i < 2 * VHOST_IOTLB_ENTRIES + 10; i++) {
		assert_int_equal(vhost_iotlb_update(&tlb, far + i * step, PAGE_SIZE, RW, ram->low,
						    0), 0);
		assert_in_range(tlb.nr, 1, VHOST_IOTLB_ENTRIES);
		assert_non_null(guest_mem_ptr(&tlb.mem, far + i * step, PAGE_SIZE));
	}
	assert_int_equal(tlb.nr, VHOST_IOTLB_ENTRIES);
	/* What is cut in two needs a place more. */
	vhost_iotlb_invalidate(&tlb, far + (2 * VHOST_IOTLB_ENTRIES + 9) * step + 100, 100);
	assert_in_range(tlb.nr, 1, VHOST_IOTLB_ENTRIES);
}

int main(void)
{
#define TRANSLATED(name) cmocka_unit_test_setup_teardown(name, setup_translated, teardown)
	const struct CMUnitTest tests[] = {
		TRANSLATED(buffers_for_what_they_are),
		TRANSLATED(what_is_to_be_read_is_not_written),
		TRANSLATED(what_is_to_be_written_is_not_read),
		TRANSLATED(the_last_word_counts),
		TRANSLATED(a_table_is_read),
		TRANSLATED(missed_for_what),
		TRANSLATED(areas_for_what_they_are),
		TRANSLATED(neighbours),
		TRANSLATED(bad_updates),
		TRANSLATED(more_than_there_is_room_for),
	};

	return cmocka_run_group_tests_name("iotlb", tests, NULL, NULL);
}
