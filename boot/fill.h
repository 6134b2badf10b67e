/* SPDX-License-Identifier: BSD-2-Clause */
/* Filling a struct boot_info: what both hand-over protocols have in common. */
#ifndef BOOT_FILL_H
#define BOOT_FILL_H

#include "boot/boot.h"

/* One range of the memory map. Empty ones are dropped, those that wrap are cut at the top. */
void boot_add_mem(struct boot_info *bi, u64 base, u64 size, u32 type);

/* The command line: at most @len bytes are read, and none beyond a zero byte. */
void boot_set_cmdline(struct boot_info *bi, const char *text, u64 len);

#endif
