/* SPDX-License-Identifier: BSD-2-Clause */
/* A boot archive of any bytes: refused with a reason, or every file found in it can be read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define check(cond) do { if (!(cond)) { fprintf(stderr, "%d: %s\n", __LINE__, #cond); abort(); } \
	} while (0)

static volatile u8 sink;

static void visit(void *arg, const struct archive_file *file)
{
	const struct archive *ar = arg;
	struct archive_file found;

	check(strnlen(file->name, sizeof(file->name)) < sizeof(file->name));
	check(file->data >= ar->data && file->size <= ar->size);
	for (size_t i = 0; i < file->size; i++)
		sink ^= file->data[i];
	check(!archive_find(ar, file->name, &found));
	check(!strcmp(found.name, file->name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct archive ar;
	char why[100] = "";

	if (archive_open(&ar, data, size, why, sizeof(why)))
		check(why[0] && strnlen(why, sizeof(why)) < sizeof(why));
	else
		archive_for_each(&ar, visit, &ar);
	return 0;
}
