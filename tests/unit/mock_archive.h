/* SPDX-License-Identifier: BSD-2-Clause */
/* A boot archive whose files a test makes. Each ends where its allocation does: ASan sees more. */
#ifndef TESTS_UNIT_MOCK_ARCHIVE_H
#define TESTS_UNIT_MOCK_ARCHIVE_H

#include <stddef.h>

#include "kernel/types.h"

/* A file of zeros, the archive's until it is dropped; @name is kept. */
u8 *archive_file_add(const char *name, size_t size);
/* The same file with another size, perhaps elsewhere; NULL: there is none. */
u8 *archive_file_resize(const char *name, size_t size);
/* Its bytes; 0: there is none. */
size_t archive_file_size(const char *name);
/* Without the file that was added last; without any. */
void archive_file_drop(void);
void archive_files_clear(void);

#endif
