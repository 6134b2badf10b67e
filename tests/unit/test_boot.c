/* SPDX-License-Identifier: BSD-2-Clause */
/* The hand-over of a boot loader: what becomes of it, and that nonsense is told from sense. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "boot/boot.h"
#include "boot/multiboot2.h"
#include "boot/pvh.h"

/* Boot information being put together, 8-aligned; copied to its exact size before parsing. */
static _Alignas(8) u8 area[8192];
static u32 used;

static struct multiboot2_tag *tag_add(u32 type, const void *payload, u32 len)
{
	struct multiboot2_tag *tag = (void *)(area + used);

	tag->type = type;
	tag->size = sizeof(*tag) + len;
	if (len)
		memcpy(tag + 1, payload, len);
	used += ALIGN_UP(tag->size, 8);
	return tag;
}

static int info_begin(void **state)
{
	memset(area, 0, sizeof(area));
	used = sizeof(struct multiboot2_info);
	return 0;
}

struct mmap_payload {
	u32 entry_size, entry_version;
	struct multiboot2_mmap_entry entry[4];
};

static void mmap_add(void)
{
	struct mmap_payload payload = {
		.entry_size = sizeof(struct multiboot2_mmap_entry),
		.entry = {
			{ 0, 0x9fc00, BOOT_MEM_RAM, 0 },
			{ 0x100000, 0, BOOT_MEM_RAM, 0 },
			{ 0xfffffffffffff000, 0x2000, 77, 0 },
			{ 0x200000, 0x1000, BOOT_MEM_ACPI_NVS, 0 },
		},
	};

	tag_add(MULTIBOOT2_TAG_MMAP, &payload, sizeof(payload));
}

/* On the heap and without a byte to spare, so that a read beyond it is seen. */
static const char *parse(struct boot_info *bi)
{
	struct multiboot2_info *copy = malloc(used);
	const char *error;

	memset(bi, 0, sizeof(*bi));
	memcpy(copy, area, used);
	copy->total_size = used;
	error = multiboot2_parse(copy, used, bi);
	free(copy);
	return error;
}

static void multiboot2_takes_all_tags(void **state)
{
	u32 module[] = { 0x100000, 0x100123 }, second[] = { 0x300000, 0x300001 };
	static struct boot_info bi;
	u8 rsdp[40] = "RSD PTR ";

	tag_add(MULTIBOOT2_TAG_CMDLINE, "loglevel=3", 11);
	tag_add(MULTIBOOT2_TAG_BOOT_LOADER_NAME, "GRUB", 5);
	tag_add(MULTIBOOT2_TAG_MODULE, module, sizeof(module));
	tag_add(MULTIBOOT2_TAG_MODULE, second, sizeof(second));
	mmap_add();
	tag_add(MULTIBOOT2_TAG_ACPI_NEW, rsdp, sizeof(rsdp));
	tag_add(MULTIBOOT2_TAG_ACPI_OLD, rsdp, 20);
	tag_add(MULTIBOOT2_TAG_EFI64, rsdp, 8);
	tag_add(MULTIBOOT2_TAG_END, NULL, 0);
	tag_add(MULTIBOOT2_TAG_CMDLINE, "behind the end", 15);

	assert_null(parse(&bi));
	assert_string_equal(bi.protocol, "multiboot2");
	assert_string_equal(bi.cmdline, "loglevel=3");
	assert_false(bi.cmdline_truncated);
	assert_string_equal(bi.loader, "GRUB");
	assert_int_equal(bi.archive, 0x100000);
	assert_int_equal(bi.archive_size, 0x123);
	assert_int_equal(bi.rsdp_copy_len, 36);
	assert_memory_equal(bi.rsdp_copy, "RSD PTR ", 8);
	assert_true(bi.efi);
}

static void memory_map_is_cleaned(void **state)
{
	static struct boot_info bi;

	mmap_add();
	assert_null(parse(&bi));
	assert_int_equal(bi.nr_mem, 3);
	assert_int_equal(bi.mem[0].size, 0x9fc00);
	assert_int_equal(bi.mem[1].base, 0xfffffffffffff000);
	assert_int_equal(bi.mem[1].size, 0xfff);
	assert_int_equal(bi.mem[1].type, BOOT_MEM_RESERVED);
	assert_int_equal(bi.mem[2].type, BOOT_MEM_ACPI_NVS);
}

static void memory_map_longer_than_ours_is_noted(void **state)
{
	static struct boot_info bi;
	unsigned int i;

	for (i = 0; i < BOOT_MEM_MAX / 3 + 1; i++)
		mmap_add();
	assert_null(parse(&bi));
	assert_int_equal(bi.nr_mem, BOOT_MEM_MAX);
	assert_true(bi.mem_truncated);
}

static void missing_memory_map_is_named(void **state)
{
	struct mmap_payload payload = { .entry_size = 8, .entry = { { 0, 4096, 1, 0 } } };
	static struct boot_info bi;

	tag_add(MULTIBOOT2_TAG_CMDLINE, "x", 2);
	assert_string_equal(parse(&bi), "multiboot2: no memory map (tag 6)");
	tag_add(MULTIBOOT2_TAG_MMAP, &payload, sizeof(payload));	/* entries too small */
	assert_string_equal(parse(&bi), "multiboot2: no memory map (tag 6)");
	payload.entry_size = UINT32_MAX;	/* the first entry is there, no second one is */
	tag_add(MULTIBOOT2_TAG_MMAP, &payload, sizeof(payload));
	assert_null(parse(&bi));
	assert_int_equal(bi.nr_mem, 1);
}

static void memory_map_cut_in_an_entry(void **state)
{
	struct mmap_payload payload = { .entry_size = 24, .entry = { { 0, 4096, 1, 0 } } };
	static struct boot_info bi;

	tag_add(MULTIBOOT2_TAG_MMAP, &payload, 8 + 24 + 23);
	used -= 1;
	assert_null(parse(&bi));
	assert_int_equal(bi.nr_mem, 1);
}

static void tag_sizes_stay_inside(void **state)
{
	static const u32 sizes[] = { 0, 7, 17, 0x7fffffff, 0xfffffff8, UINT32_MAX };
	static struct boot_info bi;
	struct multiboot2_tag *tag;

	mmap_add();
	tag = tag_add(MULTIBOOT2_TAG_CMDLINE, "1234567", 8);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		tag->size = sizes[i];
		assert_string_equal(parse(&bi), "multiboot2: tag of impossible size");
	}
}

static void short_tags_are_passed_over(void **state)
{
	static const u32 types[] = { MULTIBOOT2_TAG_CMDLINE, MULTIBOOT2_TAG_BOOT_LOADER_NAME,
		MULTIBOOT2_TAG_MODULE, MULTIBOOT2_TAG_MMAP, MULTIBOOT2_TAG_ACPI_OLD };
	u32 backwards[] = { 0x2000, 0x1000 };
	static struct boot_info bi;

	mmap_add();
	tag_add(MULTIBOOT2_TAG_MODULE, backwards, sizeof(backwards));
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		tag_add(types[i], NULL, 0);	/* in turn the last, with nothing behind it */
		assert_null(parse(&bi));
	}
	used += 4;	/* less than a tag */
	assert_null(parse(&bi));
	assert_int_equal(bi.archive, 0);
	assert_int_equal(bi.rsdp_copy_len, 0);
	assert_string_equal(bi.cmdline, "");
}

static void total_size_is_believed_only_if_readable(void **state)
{
	struct multiboot2_info *info = (void *)area;
	static struct boot_info bi;
	void *tiny;

	mmap_add();
	info->total_size = used;
	assert_null(multiboot2_parse(area, used, &bi));
	assert_non_null(multiboot2_parse(area, used - 1, &bi));
	tiny = malloc(1);
	assert_non_null(multiboot2_parse(tiny, 1, &bi));
	free(tiny);
	assert_non_null(multiboot2_parse(area + 4, used, &bi));
	info->total_size = 0;
	memset(&bi, 0, sizeof(bi));
	assert_non_null(multiboot2_parse(area, used, &bi));
}

static void long_texts_are_cut_and_terminated(void **state)
{
	static struct boot_info bi;
	char text[2000];

	memset(text, 'x', sizeof(text));
	mmap_add();
	tag_add(MULTIBOOT2_TAG_CMDLINE, text, sizeof(text));
	tag_add(MULTIBOOT2_TAG_BOOT_LOADER_NAME, text, sizeof(text));
	assert_null(parse(&bi));
	assert_true(bi.cmdline_truncated);
	assert_int_equal(strlen(bi.cmdline), BOOT_CMDLINE_MAX - 1);
	assert_int_equal(strlen(bi.loader), sizeof(bi.loader) - 1);
}

/* PVH: physical addresses are offsets into `area`, from PHYS_BASE. */
enum { PHYS_BASE = 0x10000, AT_INFO = PHYS_BASE, AT_MAP = PHYS_BASE + 0x100,
       AT_MODULES = PHYS_BASE + 0x400, AT_CMDLINE = PHYS_BASE + 0x800 };

static const void *map_area(u64 phys, u64 size)
{
	if (phys < PHYS_BASE || size > sizeof(area) || phys - PHYS_BASE > sizeof(area) - size)
		return NULL;
	return area + (phys - PHYS_BASE);
}

static struct hvm_start_info *start_info(void)
{
	struct hvm_memmap_table_entry *entry = (void *)(area + AT_MAP - PHYS_BASE);
	struct hvm_modlist_entry *module = (void *)(area + AT_MODULES - PHYS_BASE);
	struct hvm_start_info *info = (void *)area;

	*info = (struct hvm_start_info){
		.magic = XEN_HVM_START_MAGIC_VALUE, .version = 1, .nr_modules = 1,
		.modlist_paddr = AT_MODULES, .cmdline_paddr = AT_CMDLINE, .rsdp_paddr = 0xf0000,
		.memmap_paddr = AT_MAP, .memmap_entries = 2,
	};
	entry[0] = (struct hvm_memmap_table_entry){ 0, 0x9fc00, BOOT_MEM_RAM, 0 };
	entry[1] = (struct hvm_memmap_table_entry){ 0x100000, 0x1000, 6, 0 };
	*module = (struct hvm_modlist_entry){ .paddr = 0x500000, .size = 0x1234 };
	strcpy((char *)area + AT_CMDLINE - PHYS_BASE, "a b");
	return info;
}

static void pvh_takes_everything(void **state)
{
	static struct boot_info bi;

	start_info();
	assert_null(pvh_parse(AT_INFO, map_area, &bi));
	assert_string_equal(bi.protocol, "pvh");
	assert_string_equal(bi.cmdline, "a b");
	assert_int_equal(bi.nr_mem, 2);
	assert_int_equal(bi.mem[1].type, BOOT_MEM_RESERVED);
	assert_int_equal(bi.archive, 0x500000);
	assert_int_equal(bi.archive_size, 0x1234);
	assert_int_equal(bi.rsdp, 0xf0000);
}

static const char *pvh_error(struct hvm_start_info *info)
{
	static struct boot_info bi;
	const char *error;

	memset(&bi, 0, sizeof(bi));
	error = pvh_parse(AT_INFO, map_area, &bi);
	*info = *start_info();
	return error ? error : "none";
}

static void pvh_names_what_is_missing(void **state)
{
	struct hvm_start_info *info = start_info();

	info->magic = 0;
	assert_string_equal(pvh_error(info), "pvh: no start_info");
	info->version = 0;
	assert_string_equal(pvh_error(info), "pvh: no memory map in start_info");
	info->memmap_entries = 0;
	assert_string_equal(pvh_error(info), "pvh: no memory map in start_info");
	info->memmap_entries = UINT32_MAX;
	assert_string_equal(pvh_error(info), "pvh: memory map out of reach");
	info->memmap_entries = UINT32_MAX / sizeof(struct hvm_memmap_table_entry) + 1;
	assert_string_equal(pvh_error(info), "pvh: memory map out of reach");
	info->memmap_paddr = UINT64_MAX;
	assert_string_equal(pvh_error(info), "pvh: memory map out of reach");
	info->modlist_paddr = PHYS_BASE + sizeof(area) - 8;
	assert_string_equal(pvh_error(info), "pvh: module list out of reach");
	memset(area + AT_MAP - PHYS_BASE, 0, 2 * sizeof(struct hvm_memmap_table_entry));
	assert_string_equal(pvh_error(info), "pvh: memory map without an entry");
	assert_string_equal(pvh_error(info), "none");
}

static void pvh_does_without_module_and_command_line(void **state)
{
	struct hvm_start_info *info = start_info();
	static struct boot_info bi;

	info->nr_modules = 0;
	info->cmdline_paddr = 0;
	assert_null(pvh_parse(AT_INFO, map_area, &bi));
	assert_int_equal(bi.archive, 0);
	assert_string_equal(bi.cmdline, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(multiboot2_takes_all_tags, info_begin),
		cmocka_unit_test_setup(memory_map_is_cleaned, info_begin),
		cmocka_unit_test_setup(memory_map_longer_than_ours_is_noted, info_begin),
		cmocka_unit_test_setup(missing_memory_map_is_named, info_begin),
		cmocka_unit_test_setup(memory_map_cut_in_an_entry, info_begin),
		cmocka_unit_test_setup(tag_sizes_stay_inside, info_begin),
		cmocka_unit_test_setup(short_tags_are_passed_over, info_begin),
		cmocka_unit_test_setup(total_size_is_believed_only_if_readable, info_begin),
		cmocka_unit_test_setup(long_texts_are_cut_and_terminated, info_begin),
		cmocka_unit_test_setup(pvh_takes_everything, info_begin),
		cmocka_unit_test_setup(pvh_names_what_is_missing, info_begin),
		cmocka_unit_test_setup(pvh_does_without_module_and_command_line, info_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
