/* SPDX-License-Identifier: BSD-2-Clause */
/* I/O spaces and doorbell maps. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "kernel/doorbell.h"
#include "kernel/io.h"

static u64 last_off, last_val;
static unsigned int last_size;

static u64 dev_read(void *dev, u64 off, unsigned int size)
{
	last_off = off;
	last_size = size;
	return 0x1122334455667700ull + *(u8 *)dev;
}

static void dev_write(void *dev, u64 off, unsigned int size, u64 val)
{
	last_off = off;
	last_size = size;
	last_val = val + *(u8 *)dev;
}

static const struct io_ops ops = { .read = dev_read, .write = dev_write };
static u8 dev_a = 1, dev_b = 2;

static void regions_are_found_by_any_byte(void **state)
{
	struct io_space s = { .name = "mmio" };

	assert_int_equal(io_add(&s, 0x3000, 0x1000, &ops, &dev_b, "b"), 0);
	assert_int_equal(io_add(&s, 0x1000, 0x10, &ops, &dev_a, "a"), 0);
	assert_int_equal(io_add(&s, 0x8000, 1, &ops, &dev_a, "c"), 0);
	assert_string_equal(io_find(&s, 0x1000)->name, "a");
	assert_string_equal(io_find(&s, 0x100f)->name, "a");
	assert_null(io_find(&s, 0x1010));
	assert_null(io_find(&s, 0xfff));
	assert_string_equal(io_find(&s, 0x3fff)->name, "b");
	assert_string_equal(io_find(&s, 0x8000)->name, "c");
	assert_null(io_find(&s, 0x8001));
	assert_null(io_find(&s, UINT64_MAX));
}

static void add_refuses_overlap_and_nonsense(void **state)
{
	struct io_space s = { .name = "mmio" };

	assert_int_equal(io_add(&s, 0x1000, 0x1000, &ops, &dev_a, "a"), 0);
	assert_int_equal(io_add(&s, 0x1fff, 1, &ops, &dev_b, "b"), -EBUSY);
	assert_int_equal(io_add(&s, 0x0, 0x1001, &ops, &dev_b, "b"), -EBUSY);
	assert_int_equal(io_add(&s, 0x0, 0x10000, &ops, &dev_b, "b"), -EBUSY);
	assert_int_equal(io_add(&s, 0x1000, 0x1000, &ops, &dev_b, "b"), -EBUSY);
	assert_int_equal(io_add(&s, 0x5000, 0, &ops, &dev_b, "b"), -EINVAL);
	assert_int_equal(io_add(&s, UINT64_MAX, 2, &ops, &dev_b, "b"), -EINVAL);
	assert_int_equal(io_add(&s, UINT64_MAX, 1, &ops, &dev_b, "b"), 0);
	assert_int_equal(s.nr, 2);
}

static void add_says_when_full(void **state)
{
	struct io_space s = { .name = "pio" };

	for (u64 i = IO_SPACE_REGIONS; i-- > 0;)
		assert_int_equal(io_add(&s, i * 16, 8, &ops, &dev_a, "a"), 0);
	assert_int_equal(io_add(&s, 0x10000, 8, &ops, &dev_a, "a"), -ENOSPC);
	for (u64 i = 0; i < IO_SPACE_REGIONS; i++)
		assert_int_equal(io_find(&s, i * 16 + 7)->base, i * 16);
}

static void remove_takes_the_owners_region_only(void **state)
{
	struct io_space s = { .name = "mmio" };

	io_add(&s, 0x1000, 0x1000, &ops, &dev_a, "a");
	io_add(&s, 0x2000, 0x1000, &ops, &dev_b, "b");
	io_remove(&s, 0x1000, &dev_b);
	io_remove(&s, 0x1001, &dev_a);
	io_remove(&s, 0x9000, &dev_a);
	assert_int_equal(s.nr, 2);
	io_remove(&s, 0x1000, &dev_a);
	assert_null(io_find(&s, 0x1000));
	assert_string_equal(io_find(&s, 0x2000)->name, "b");
}

static void accesses_reach_the_device(void **state)
{
	struct io_space s = { .name = "mmio" };
	u64 val;

	io_add(&s, 0x1000, 0x10, &ops, &dev_a, "a");
	assert_true(io_read(&s, 0x1004, 2, &val));
	assert_int_equal(val, 0x7701);
	assert_int_equal(last_off, 4);
	assert_int_equal(last_size, 2);
	assert_true(io_read(&s, 0x1008, 8, &val));
	assert_true(val == 0x1122334455667701ull);
	assert_true(io_write(&s, 0x100f, 1, 0x40));
	assert_int_equal(last_off, 15);
	assert_int_equal(last_val, 0x41);
}

static void nobody_answers_with_ones(void **state)
{
	struct io_space s = { .name = "mmio" };
	u64 val = 0;

	io_add(&s, 0x1000, 0x10, &ops, &dev_a, "a");
	io_add(&s, 0x1010, 1, &ops, &dev_b, "b");
	assert_false(io_read(&s, 0x5000, 1, &val));
	assert_int_equal(val, 0xff);
	assert_false(io_read(&s, 0x5000, 8, &val));
	assert_true(val == UINT64_MAX);
	/* Out of its region, into the next one or not. */
	assert_false(io_read(&s, 0x100e, 4, &val));
	assert_int_equal(val, 0xffffffff);
	assert_false(io_read(&s, 0x1010, 2, &val));
	assert_int_equal(val, 0xffff);
	last_val = 0;
	assert_false(io_write(&s, 0x100f, 2, 7));
	assert_int_equal(last_val, 0);
}

/* ---- Doorbells ---- */

static void doorbells_ring_their_event(void **state)
{
	struct doorbell_map map = { 0 };
	struct event a, b;

	event_init(&a, NULL);
	event_init(&b, NULL);
	assert_int_equal(doorbell_add(&map, false, 0xd0003000, 4, &a), 0);
	assert_int_equal(doorbell_add(&map, true, 0xc010, 2, &b), 0);
	assert_true(doorbell_ring(&map, false, 0xd0003000));
	assert_true(doorbell_ring(&map, false, 0xd0003003));
	assert_false(doorbell_ring(&map, false, 0xd0003004));
	assert_false(doorbell_ring(&map, false, 0xd0002fff));
	assert_false(doorbell_ring(&map, true, 0xd0003000));
	assert_false(doorbell_ring(&map, false, 0xc010));
	assert_true(doorbell_ring(&map, true, 0xc011));
	assert_int_equal(a.signals, 2);
	assert_int_equal(b.signals, 1);
}

static void doorbells_do_not_overlap(void **state)
{
	struct doorbell_map map = { 0 };
	struct event e;

	event_init(&e, NULL);
	assert_int_equal(doorbell_add(&map, false, 0x1000, 4, &e), 0);
	assert_int_equal(doorbell_add(&map, false, 0x1003, 4, &e), -EEXIST);
	assert_int_equal(doorbell_add(&map, false, 0xffd, 4, &e), -EEXIST);
	assert_int_equal(doorbell_add(&map, true, 0x1000, 4, &e), 0);
	assert_int_equal(doorbell_add(&map, false, 0x1004, 4, &e), 0);
	doorbell_remove(&map, false, 0x1000);
	assert_false(doorbell_ring(&map, false, 0x1000));
	assert_true(doorbell_ring(&map, false, 0x1004));
	assert_true(doorbell_ring(&map, true, 0x1000));
	assert_int_equal(doorbell_add(&map, false, 0x1000, 4, &e), 0);
	doorbell_remove(&map, false, 0x1000);
	assert_int_equal(doorbell_add(&map, false, 0x1000, 4, &e), 0);
	doorbell_remove(&map, true, 0x1004);
	doorbell_remove(&map, false, 0x9999);
	assert_int_equal(map.nr, 3);
}

/* Bells at both ends, ports and memory apart; each is found, and nothing around them. */
static void spans_follow(void **state)
{
	static const u64 at[] = { 0, 0xc000, 0xfffc, 0xd0003000, UINT64_MAX - 3 };
	struct doorbell_map map = { 0 };
	struct event e;

	event_init(&e, NULL);
	assert_false(doorbell_ring(&map, true, 0));
	for (unsigned int pio = 0; pio < 2; pio++)
		for (unsigned int i = 0; i < ARRAY_SIZE(at); i++) {
			assert_int_equal(doorbell_add(&map, pio, at[i], 4, &e), 0);
			for (unsigned int j = 0; j < ARRAY_SIZE(at); j++) {
				assert_int_equal(doorbell_ring(&map, pio, at[j]), j <= i);
				assert_int_equal(doorbell_ring(&map, pio, at[j] + 3), j <= i);
				assert_false(doorbell_ring(&map, pio, at[j] + 4) && at[j] + 4);
			}
		}
	for (unsigned int i = ARRAY_SIZE(at); i--;) {
		doorbell_remove(&map, true, at[i]);
		for (unsigned int j = 0; j < ARRAY_SIZE(at); j++) {
			assert_int_equal(doorbell_ring(&map, true, at[j]), j < i);
			assert_true(doorbell_ring(&map, false, at[j]));
		}
	}
}

static void doorbells_say_when_full(void **state)
{
	struct doorbell_map map = { 0 };
	struct event e;

	event_init(&e, NULL);
	for (u64 i = 0; i < DOORBELLS_MAX; i++)
		assert_int_equal(doorbell_add(&map, false, i * 4, 4, &e), 0);
	assert_int_equal(doorbell_add(&map, false, 0x10000, 4, &e), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions_are_found_by_any_byte),
		cmocka_unit_test(add_refuses_overlap_and_nonsense),
		cmocka_unit_test(add_says_when_full),
		cmocka_unit_test(remove_takes_the_owners_region_only),
		cmocka_unit_test(accesses_reach_the_device),
		cmocka_unit_test(nobody_answers_with_ones),
		cmocka_unit_test(doorbells_ring_their_event),
		cmocka_unit_test(doorbells_do_not_overlap),
		cmocka_unit_test(spans_follow),
		cmocka_unit_test(doorbells_say_when_full),
	};
	return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
