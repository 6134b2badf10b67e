/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest RAM table: what may be added, and that no byte outside is ever reached. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "kernel/guest_mem.h"

static u8 low[2 * 4096], high[4096];

static struct guest_mem two_regions(void)
{
	struct guest_mem gm = { 0 };

	assert_int_equal(guest_mem_add(&gm, 0x10000, sizeof(low), low, 0x700000), 0);
	assert_int_equal(guest_mem_add(&gm, 0x12000, sizeof(high), high, 0x900000), 0);
	return gm;
}

static void add_refuses_nonsense(void **state)
{
	struct guest_mem gm = two_regions();

	assert_int_equal(guest_mem_add(&gm, 0x20000, 0, low, 0), -EINVAL);
	assert_int_equal(guest_mem_add(&gm, 0x20001, 4096, low, 0), -EINVAL);
	assert_int_equal(guest_mem_add(&gm, 0x20000, 4097, low, 0), -EINVAL);
	assert_int_equal(guest_mem_add(&gm, 0xfffffffffffff000, 4096, low, 0), -EINVAL);
	assert_int_equal(guest_mem_add(&gm, 0xfffffffffffff000, 8192, low, 0), -EINVAL);
	assert_int_equal(guest_mem_add(&gm, 0x11000, 4096, low, 0), -EINVAL);
	assert_int_equal(guest_mem_add(&gm, 0xf000, 0x10000, low, 0), -EINVAL);
	assert_int_equal(gm.nr, 2);
}

static void add_says_when_full(void **state)
{
	struct guest_mem gm = { 0 };

	for (unsigned int i = 0; i < GUEST_MEM_REGIONS; i++)
		assert_int_equal(guest_mem_add(&gm, i * 0x10000, 4096, low, 0), 0);
	assert_int_equal(guest_mem_add(&gm, 0x1000000, 4096, low, 0), -ENOSPC);
}

static void ptr_stays_in_one_region(void **state)
{
	struct guest_mem gm = two_regions();

	assert_ptr_equal(guest_mem_ptr(&gm, 0x10000, 0x2000), low);
	assert_ptr_equal(guest_mem_ptr(&gm, 0x11fff, 1), low + 0x1fff);
	assert_ptr_equal(guest_mem_ptr(&gm, 0x12000, 0), high);
	assert_null(guest_mem_ptr(&gm, 0x11fff, 2));
	assert_null(guest_mem_ptr(&gm, 0xffff, 1));
	assert_null(guest_mem_ptr(&gm, 0xffff, 2));
	assert_null(guest_mem_ptr(&gm, 0x12fff, 2));
	assert_null(guest_mem_ptr(&gm, 0x13000, 0));
}

static void ptr_refuses_wrapping_ranges(void **state)
{
	struct guest_mem gm = two_regions();

	assert_null(guest_mem_ptr(&gm, 0x10000, UINT64_MAX));
	assert_null(guest_mem_ptr(&gm, 0x10001, UINT64_MAX - 0x10000));
	assert_null(guest_mem_ptr(&gm, UINT64_MAX, 1));
	assert_null(guest_mem_ptr(&gm, UINT64_MAX - 4095, 0x20000));
}

static void phys_follows_the_region(void **state)
{
	struct guest_mem gm = two_regions();

	assert_int_equal(guest_mem_phys(&gm, 0x10010, 16), 0x700010);
	assert_int_equal(guest_mem_phys(&gm, 0x12ffe, 2), 0x900ffe);
	assert_int_equal(guest_mem_phys(&gm, 0x12fff, 2), 0);
	assert_int_equal(guest_mem_phys(&gm, 0x11fff, 2), 0);
	assert_int_equal(guest_mem_phys(&gm, 0x13000, 1), 0);
}

static void copies_cross_regions(void **state)
{
	struct guest_mem gm = two_regions();
	u8 buf[8];

	assert_int_equal(guest_mem_write(&gm, 0x11ffc, "abcdefgh", 8), 0);
	assert_memory_equal(low + 0x1ffc, "abcd", 4);
	assert_memory_equal(high, "efgh", 4);
	assert_int_equal(guest_mem_read(&gm, 0x11ffc, buf, 8), 0);
	assert_memory_equal(buf, "abcdefgh", 8);
}

static void copies_refuse_what_is_outside(void **state)
{
	struct guest_mem gm = two_regions();
	u8 buf[16];

	assert_int_equal(guest_mem_read(&gm, 0x12ff8, buf, 9), -EFAULT);
	assert_int_equal(guest_mem_write(&gm, 0xffff, buf, 4), -EFAULT);
	assert_int_equal(guest_mem_read(&gm, UINT64_MAX, buf, 4), -EFAULT);
	assert_int_equal(guest_mem_read(&gm, 0x5, buf, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_refuses_nonsense),
		cmocka_unit_test(add_says_when_full),
		cmocka_unit_test(ptr_stays_in_one_region),
		cmocka_unit_test(ptr_refuses_wrapping_ranges),
		cmocka_unit_test(phys_follows_the_region),
		cmocka_unit_test(copies_cross_regions),
		cmocka_unit_test(copies_refuse_what_is_outside),
	};
	return cmocka_run_group_tests_name("guest_mem", tests, NULL, NULL);
}
