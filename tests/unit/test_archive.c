/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot archive: what is found in a good one, and why a bad one is refused. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/archive.h"

#define REGULAR 0100644
#define FOLDER 040755

static char built[8192];
static size_t built_len;

static void pad(void)
{
	while (built_len % 4)
		built[built_len++] = '\0';
}

/* One member; @name_size and @size as its header says them. */
static void add_raw(const char *magic, unsigned int mode, const char *name, size_t name_size,
		    const char *data, size_t size)
{
	built_len += (size_t)sprintf(built + built_len, "%s%08X%08X%08X%08X%08X%08X%08zX%08X%08X"
				     "%08X%08X%08zX%08X", magic, 1, mode, 0, 0, 1, 0, size, 0, 0, 0,
				     0, name_size, 0);
	memcpy(built + built_len, name, strlen(name) + 1);
	built_len += strlen(name) + 1;
	pad();
	memcpy(built + built_len, data, strlen(data));
	built_len += strlen(data);
	pad();
}

static void add(const char *name, const char *data)
{
	add_raw("070701", REGULAR, name, strlen(name) + 1, data, strlen(data));
}

static void add_trailer(void)
{
	add_raw("070701", 0, "TRAILER!!!", 11, "", 0);
}

/* In a block of exactly its size, so that the sanitizer sees a read past the end. */
static int open_copy(size_t len, char *why)
{
	struct archive_file file;
	char *copy = malloc(len ? len : 1);
	struct archive ar;
	int err;

	memcpy(copy, built, len);
	why[0] = '\0';
	err = archive_open(&ar, copy, len, why, 120);
	if (!err)
		archive_find(&ar, "no such file", &file);
	free(copy);
	return err;
}

static int setup(void **state)
{
	built_len = 0;
	return 0;
}

static void expect_bad(const char *reason)
{
	char why[120];

	assert_int_equal(open_copy(built_len, why), -EINVAL);
	if (!strstr(why, reason))
		fail_msg("\"%s\" is not \"%s\"", why, reason);
}

static void test_finds_regular_files(void **state)
{
	struct archive_file file;
	struct archive ar;
	char why[120];

	add_raw("070701", FOLDER, "boot", 5, "", 0);
	add("./ringvisor.conf", "guest a");
	add("boot/vmlinuz", "kernel");
	add("empty", "");
	add_trailer();
	memset(built + built_len, 0, 512);	/* cpio pads to its block */
	assert_int_equal(archive_open(&ar, built, built_len + 512, why, sizeof(why)), 0);
	assert_int_equal(archive_find(&ar, "ringvisor.conf", &file), 0);
	assert_int_equal(file.size, 7);
	assert_memory_equal(file.data, "guest a", 7);
	assert_int_equal(archive_find(&ar, "./boot/vmlinuz", &file), 0);
	assert_memory_equal(file.data, "kernel", 6);
	assert_string_equal(file.name, "boot/vmlinuz");
	assert_int_equal(archive_find(&ar, "empty", &file), 0);
	assert_int_equal(file.size, 0);
	assert_int_equal(archive_find(&ar, "boot", &file), -ENOENT);
	assert_int_equal(archive_find(&ar, "TRAILER!!!", &file), -ENOENT);
	assert_int_equal(archive_find(&ar, "", &file), -ENOENT);
}

static void test_later_file_replaces_earlier(void **state)
{
	struct archive_file file;
	struct archive ar;
	char why[120];

	add("a", "old");
	add("a", "newer");
	add_trailer();
	assert_int_equal(archive_open(&ar, built, built_len, why, sizeof(why)), 0);
	assert_int_equal(archive_find(&ar, "a", &file), 0);
	assert_int_equal(file.size, 5);
}

static void test_every_truncation_is_refused(void **state)
{
	char why[120];

	add("a", "data of a");
	add_trailer();
	built_len -= 1;		/* the trailer's name is not padded in every archive */
	for (size_t len = 0; len < built_len - 2; len++)
		assert_int_equal(open_copy(len, why), -EINVAL);
}

static void test_no_trailer_is_refused(void **state)
{
	add("a", "data");
	expect_bad("without TRAILER!!!");
}

static void test_other_formats_are_refused(void **state)
{
	add_raw("070702", REGULAR, "a", 2, "", 0);
	add_trailer();
	expect_bad("no \"070701\" at offset 0");
}

static void test_bad_number_is_refused(void **state)
{
	add("a", "data");
	add_trailer();
	built[54] = 'x';	/* in filesize */
	expect_bad("bad number at offset 0");
}

static void test_file_past_the_end_is_refused(void **state)
{
	add_raw("070701", REGULAR, "a", 2, "data", 0xfffffff0);
	add_trailer();
	expect_bad("a: 4294967280 bytes of file past the end");
}

static void test_name_past_the_end_is_refused(void **state)
{
	add_raw("070701", REGULAR, "a", 0xfffffffd, "data", 4);
	expect_bad("name past the end");
}

static void test_name_without_end_is_refused(void **state)
{
	add_raw("070701", REGULAR, "abcd", 4, "data", 4);
	add_trailer();
	expect_bad("name not terminated");
}

static void test_name_of_no_bytes_is_refused(void **state)
{
	add_raw("070701", REGULAR, "", 0, "data", 4);
	add_trailer();
	expect_bad("name not terminated");
}

static void test_name_that_ends_early_is_refused(void **state)
{
	add_raw("070701", REGULAR, "ab", 6, "data", 4);
	expect_bad("name not terminated");
}

static void test_long_name_is_refused(void **state)
{
	char name[129];

	memset(name, 'n', 128);
	name[128] = '\0';
	add(name, "");
	add_trailer();
	expect_bad("longer than 127 bytes");
}

static void test_control_character_in_name_is_refused(void **state)
{
	add("a\033[2Jb", "");
	add_trailer();
	expect_bad("control character");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_finds_regular_files, setup),
		cmocka_unit_test_setup(test_later_file_replaces_earlier, setup),
		cmocka_unit_test_setup(test_every_truncation_is_refused, setup),
		cmocka_unit_test_setup(test_no_trailer_is_refused, setup),
		cmocka_unit_test_setup(test_other_formats_are_refused, setup),
		cmocka_unit_test_setup(test_bad_number_is_refused, setup),
		cmocka_unit_test_setup(test_file_past_the_end_is_refused, setup),
		cmocka_unit_test_setup(test_name_past_the_end_is_refused, setup),
		cmocka_unit_test_setup(test_name_without_end_is_refused, setup),
		cmocka_unit_test_setup(test_name_of_no_bytes_is_refused, setup),
		cmocka_unit_test_setup(test_name_that_ends_early_is_refused, setup),
		cmocka_unit_test_setup(test_long_name_is_refused, setup),
		cmocka_unit_test_setup(test_control_character_in_name_is_refused, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
