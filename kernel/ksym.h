/* SPDX-License-Identifier: BSD-2-Clause */
/* The image's own text symbols, for backtraces. Any CPU, any context: reads constants only. */
#ifndef KERNEL_KSYM_H
#define KERNEL_KSYM_H

#include "kernel/types.h"

/*
 * ksym_lookup() - name of the function that contains @addr, and in *@offset the bytes from its
 * beginning. NULL when @addr is not in the image's text.
 */
const char *ksym_lookup(u64 addr, u64 *offset);

#endif
