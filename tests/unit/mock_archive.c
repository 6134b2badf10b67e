/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/mock_archive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/archive.h"
#include "tests/unit/unit.h"

static struct { const char *name; u8 *data; size_t size; } files[8];
static unsigned int nr_files;

int archive_find(const struct archive *ar, const char *name, struct archive_file *file)
{
	for (unsigned int i = 0; i < nr_files; i++)
		if (!strcmp(files[i].name, name)) {
			snprintf(file->name, sizeof(file->name), "%s", name);
			file->data = files[i].data;
			file->size = files[i].size;
			return 0;
		}
	return -ENOENT;
}

u8 *archive_file_add(const char *name, size_t size)
{
	u8 *data = calloc(1, size ? size : 1);

	assert_in_range(nr_files, 0, ARRAY_SIZE(files) - 1);
	files[nr_files].name = name;
	files[nr_files].data = data;
	files[nr_files++].size = size;
	return data;
}

u8 *archive_file_resize(const char *name, size_t size)
{
	for (unsigned int i = 0; i < nr_files; i++)
		if (!strcmp(files[i].name, name)) {
			files[i].data = realloc(files[i].data, size ? size : 1);
			files[i].size = size;
			return files[i].data;
		}
	return NULL;
}

size_t archive_file_size(const char *name)
{
	for (unsigned int i = 0; i < nr_files; i++)
		if (!strcmp(files[i].name, name))
			return files[i].size;
	return 0;
}

void archive_file_drop(void)
{
	free(files[--nr_files].data);
}

void archive_files_clear(void)
{
	while (nr_files)
		archive_file_drop();
}
