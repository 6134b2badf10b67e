/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame allocator: what the boot map allows, alignment, accounting, and that everything comes
 * back as it was. Each test runs in a process of its own, since mem_init() is for once.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot/boot.h"
#include "kernel/log.h"
#include "kernel/mem.h"

#define RAM_SIZE	(8 * GIB)	/* address space only; what is not touched costs nothing */
#define IMAGE		(2 * MIB)
#define IMAGE_END	(3 * MIB)

static u8 *ram_base;

/* Addresses of the image. */
char __image_start[1], __image_end[1];

void *phys_to_virt(u64 phys)
{
	assert_true(phys < RAM_SIZE);
	return ram_base + phys;
}

u64 virt_to_phys(const void *virt)
{
	if (virt == __image_start)
		return IMAGE;
	return virt == __image_end ? IMAGE_END : (u64)((const u8 *)virt - ram_base);
}

static struct boot_info bi;

static void map_add(u64 base, u64 size, u32 type)
{
	bi.mem[bi.nr_mem++] = (struct boot_mem){ base, size, type };
}

/* A PC with 4 GiB: low memory, RAM up to 2 GiB with ACPI tables at its end, RAM above 4 GiB. */
static void pc_map(void)
{
	map_add(0, 0x9fc00, BOOT_MEM_RAM);
	map_add(0x9fc00, 0x400, BOOT_MEM_RESERVED);
	map_add(0xf0000, 0x10000, BOOT_MEM_RESERVED);
	map_add(0x100000, 0x7ff00000 - 0x30000, BOOT_MEM_RAM);
	map_add(0x7ffd0000, 0x20000, BOOT_MEM_ACPI_RECLAIM);
	map_add(0x7fff0000, 0x10000, BOOT_MEM_ACPI_NVS);
	map_add(0xfec00000, 0x1000, BOOT_MEM_RESERVED);
	map_add(4 * GIB, 2 * GIB, BOOT_MEM_RAM);
}

static void init(void)
{
	assert_int_equal(mem_init(&bi), 0);
}

static void usable_is_ram_minus_image_archive_and_low_memory(void **state)
{
	u64 total;

	pc_map();
	bi.archive = 0x40000123;
	bi.archive_size = 0x2000;	/* three pages, as it is not aligned */
	init();
	total = 0x9f000 + 0x7ff00000 - 0x30000 + 2 * GIB;
	assert_int_equal(mem_total(), total);
	assert_int_equal(mem_used(MEM_FREE), total - 0x9f000 - (IMAGE_END - IMAGE) - 0x3000);
	assert_true(mem_is_ram(0x1000, 0x9e000));
	assert_false(mem_is_ram(0x1000, 0x9f000));
	assert_false(mem_is_ram(0x7ffcf000, 0x2000));
	assert_false(mem_is_ram(0xfec00000, 1));
	assert_false(mem_is_ram(0x100000, UINT64_MAX - 0x1000));
}

static void the_low_page_is_above_what_firmware_scribbles_on(void **state)
{
	pc_map();
	init();
	assert_int_equal(mem_low_page(), 64 * KIB);
}

static void the_low_page_may_be_lower_if_need_be(void **state)
{
	map_add(0, 0x8000, BOOT_MEM_RAM);
	map_add(0x100000, 16 * MIB, BOOT_MEM_RAM);
	init();
	assert_int_equal(mem_low_page(), 0x1000);
}

static void no_low_page_without_low_ram(void **state)
{
	map_add(0x100000, 16 * MIB, BOOT_MEM_RAM);
	init();
	assert_int_equal(mem_low_page(), 0);
}

static void no_memory_map_no_start(void **state)
{
	assert_int_equal(mem_init(&bi), -ENOMEM);
}

static void nothing_but_low_memory_is_not_enough(void **state)
{
	map_add(0, 0xa0000, BOOT_MEM_RAM);
	assert_int_equal(mem_init(&bi), -ENOMEM);
}

static void maps_may_overlap_and_wrap(void **state)
{
	map_add(0x100000, 32 * MIB, BOOT_MEM_RAM);
	map_add(0x800000, 32 * MIB, BOOT_MEM_RAM);		/* overlaps the first */
	map_add(0x1000000, 0x800, BOOT_MEM_RESERVED);		/* a page in its middle */
	map_add(0x3000001, 0x1fff, BOOT_MEM_RAM);		/* one whole page in it */
	map_add(UINT64_MAX - 0x1800, 0x1800, BOOT_MEM_RESERVED);
	map_add(UINT64_MAX - 0x10, UINT64_MAX, BOOT_MEM_RAM);	/* nonsense */
	init();
	assert_int_equal(mem_total(), 0x2800000 - 0x100000 - 0x1000 + 0x1000);
	assert_true(mem_is_ram(0x3001000, 0x1000));
	assert_false(mem_is_ram(0x3000000, 0x1000));
	assert_false(mem_is_ram(0x1000000, 0x1000));
	assert_true(mem_is_ram(0x1001000, 0x1000));
}

static void small_ones_are_low_and_zeroed(void **state)
{
	u64 a, b;

	pc_map();
	init();
	memset(ram_base + MIB, 0xff, 2 * PAGE_SIZE);
	a = mem_alloc(1, PAGE_SIZE, MEM_HEAP);
	b = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_EPT);
	assert_int_equal(a, MIB);
	assert_int_equal(b, MIB + PAGE_SIZE);
	for (unsigned int i = 0; i < 2 * PAGE_SIZE; i++)
		assert_int_equal(ram_base[MIB + i], 0);
	assert_int_equal(mem_used(MEM_HEAP), PAGE_SIZE);
	assert_int_equal(mem_used(MEM_EPT), PAGE_SIZE);
}

static void large_ones_are_aligned_and_high(void **state)
{
	u64 g, m;

	pc_map();
	init();
	g = mem_alloc(GIB, GIB, MEM_GUEST);
	assert_int_equal(g, 5 * GIB);
	m = mem_alloc(256 * MIB, 2 * MIB, MEM_GUEST);
	assert_int_equal(m, 5 * GIB - 256 * MIB);
	/* Below 4 GiB there is 1 GiB in one piece, at 1 GiB. */
	assert_int_equal(mem_alloc(GIB, GIB, MEM_GUEST), 0);
	mem_free(m, 256 * MIB, MEM_GUEST);
	assert_int_equal(mem_alloc(GIB, GIB, MEM_GUEST), 4 * GIB);
	assert_int_equal(mem_used(MEM_GUEST), 2 * GIB);
}

static void small_ones_keep_around_the_image(void **state)
{
	u64 page;

	map_add(0x100000, 4 * MIB, BOOT_MEM_RAM);
	bi.archive = 0x400000;
	bi.archive_size = PAGE_SIZE;
	init();
	while ((page = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_HEAP))) {
		assert_true(page >= 0x100000 && page < 0x500000);
		assert_false(page >= IMAGE && page < IMAGE_END);
		assert_int_not_equal(page, 0x400000);
	}
	assert_int_equal(mem_used(MEM_FREE), 0);
	assert_int_equal(mem_used(MEM_HEAP), 4 * MIB - (IMAGE_END - IMAGE) - PAGE_SIZE);
}

static void impossible_sizes_are_refused(void **state)
{
	pc_map();
	init();
	assert_int_equal(mem_alloc(0, PAGE_SIZE, MEM_HEAP), 0);
	assert_int_equal(mem_alloc(UINT64_MAX, PAGE_SIZE, MEM_GUEST), 0);
	assert_int_equal(mem_alloc(UINT64_MAX - 2 * PAGE_SIZE, PAGE_SIZE, MEM_GUEST), 0);
	assert_int_equal(mem_alloc(3 * GIB, PAGE_SIZE, MEM_GUEST), 0);
	assert_int_equal(mem_alloc(PAGE_SIZE, BIT_ULL(63), MEM_GUEST), 0);
}

/* Freed in an order in which each piece has neighbours on both sides, below or above only. */
static void neighbours_merge(void **state)
{
	u64 page[9];

	pc_map();
	init();
	for (unsigned int i = 0; i < ARRAY_SIZE(page); i++)
		page[i] = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_DMA);
	for (unsigned int i = 0; i < ARRAY_SIZE(page); i++)
		mem_free(page[i * 4 % ARRAY_SIZE(page)], PAGE_SIZE, MEM_DMA);
	assert_int_equal(mem_alloc(IMAGE - MIB, PAGE_SIZE, MEM_DMA), MIB);
}

#define PIECES 3000

/* More free extents than the static array has; then all of it is one piece again. */
static void everything_comes_back(void **state)
{
	static u64 page[PIECES];
	u64 before;

	pc_map();
	init();
	before = mem_used(MEM_FREE);
	for (unsigned int i = 0; i < PIECES; i++)
		page[i] = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_DMA);
	for (unsigned int i = 0; i < PIECES; i += 2)
		mem_free(page[i], PAGE_SIZE, MEM_DMA);
	assert_int_equal(mem_used(MEM_DMA), PIECES / 2 * PAGE_SIZE);
	for (unsigned int i = 1; i < PIECES; i += 2)
		mem_free(page[i], PAGE_SIZE, MEM_DMA);
	assert_int_equal(mem_used(MEM_DMA), 0);
	/* What is missing is the longer array itself. */
	assert_int_equal(mem_used(MEM_FREE) + mem_used(MEM_HEAP), before);
	assert_true(mem_used(MEM_HEAP) >= PIECES / 2 * sizeof(struct mem_range));
	assert_int_not_equal(mem_alloc(GIB, GIB, MEM_GUEST), 0);
	assert_int_not_equal(mem_alloc(GIB, GIB, MEM_GUEST), 0);
}

/* Random sizes and alignments; no two allocations overlap, and all are inside RAM. */
static void allocations_are_disjoint(void **state)
{
	static struct { u64 base, size; } live[200];
	unsigned int seed = 1;

	pc_map();
	init();
	for (unsigned int round = 0; round < 20000; round++) {
		unsigned int i = rand_r(&seed) % ARRAY_SIZE(live);
		u64 align = PAGE_SIZE << rand_r(&seed) % 11;

		if (live[i].size) {
			mem_free(live[i].base, live[i].size, MEM_GUEST);
			live[i].size = 0;
			continue;
		}
		live[i].size = (rand_r(&seed) % 900 + 1) * PAGE_SIZE;
		live[i].base = mem_alloc(live[i].size, align, MEM_GUEST);
		assert_int_not_equal(live[i].base, 0);
		assert_true(IS_ALIGNED(live[i].base, align));
		assert_true(mem_is_ram(live[i].base, live[i].size));
		for (unsigned int j = 0; j < ARRAY_SIZE(live); j++)
			assert_true(j == i || !live[j].size ||
				    live[j].base >= live[i].base + live[i].size ||
				    live[i].base >= live[j].base + live[j].size);
	}
}

static bool dies(u64 phys, u64 size, enum mem_owner owner)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		close(STDERR_FILENO);
		mem_free(phys, size, owner);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static void wrong_frees_are_found(void **state)
{
	u64 page;

	pc_map();
	init();
	page = mem_alloc(2 * PAGE_SIZE, PAGE_SIZE, MEM_HEAP);
	assert_false(dies(page, 2 * PAGE_SIZE, MEM_HEAP));
	assert_true(dies(page, 3 * PAGE_SIZE, MEM_HEAP));
	assert_true(dies(page, PAGE_SIZE, MEM_EPT));
	assert_true(dies(page + 1, PAGE_SIZE, MEM_HEAP));
	assert_true(dies(page + 2 * PAGE_SIZE, PAGE_SIZE, MEM_HEAP));
	assert_true(dies(0x7ffd0000, PAGE_SIZE, MEM_HEAP));
}

/* ---- A process for each test ---- */

static int alone(void **state)
{
	memset(&bi, 0, sizeof(bi));
	ram_base = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return ram_base == MAP_FAILED ? -1 : 0;
}

#define TEST(fn) { #fn, cmocka_unit_test_setup(fn, alone) }

static const struct {
	const char *name;
	struct CMUnitTest test;
} all[] = {
	TEST(usable_is_ram_minus_image_archive_and_low_memory),
	TEST(the_low_page_is_above_what_firmware_scribbles_on),
	TEST(the_low_page_may_be_lower_if_need_be),
	TEST(no_low_page_without_low_ram),
	TEST(no_memory_map_no_start),
	TEST(nothing_but_low_memory_is_not_enough),
	TEST(maps_may_overlap_and_wrap),
	TEST(small_ones_are_low_and_zeroed),
	TEST(large_ones_are_aligned_and_high),
	TEST(small_ones_keep_around_the_image),
	TEST(impossible_sizes_are_refused),
	TEST(neighbours_merge),
	TEST(everything_comes_back),
	TEST(allocations_are_disjoint),
	TEST(wrong_frees_are_found),
};

int main(void)
{
	int failed = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++) {
		const struct CMUnitTest one[] = { all[i].test };
		int status;
		pid_t pid;

		fflush(NULL);
		pid = fork();
		if (pid == 0)
			exit(cmocka_run_group_tests_name(all[i].name, one, NULL, NULL));
		waitpid(pid, &status, 0);
		failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	}
	return failed;
}
