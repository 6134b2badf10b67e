/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot archive: one cpio file, newc format ("070701"), read in place. */
#ifndef KERNEL_ARCHIVE_H
#define KERNEL_ARCHIVE_H

#include "kernel/types.h"

struct archive {
	const u8 *data;
	size_t size;
};

struct archive_file {
	char name[128];
	const u8 *data;
	size_t size;
};

/*
 * archive_open() - walks the whole archive once: 0, or -EINVAL with @why saying what is
 * wrong and at which offset (bad magic, header or file past the end, no TRAILER!!!, name
 * not terminated or too long). Nothing is trusted afterwards that was not checked here.
 */
int archive_open(struct archive *ar, const void *data, size_t size, char *why, size_t why_len);

/* A regular file by name ("./" ignored). 0 or -ENOENT. */
int archive_find(const struct archive *ar, const char *name, struct archive_file *file);
/* @fn for each regular file, in the archive's order; file->data stays as long as the archive. */
void archive_for_each(const struct archive *ar,
		      void (*fn)(void *arg, const struct archive_file *file), void *arg);

#endif
