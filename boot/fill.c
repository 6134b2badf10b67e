/* SPDX-License-Identifier: BSD-2-Clause */
/* Filling a struct boot_info: what both hand-over protocols have in common. */
#include <string.h>

#include "boot/fill.h"

void boot_add_mem(struct boot_info *bi, u64 base, u64 size, u32 type)
{
	struct boot_mem *mem = &bi->mem[bi->nr_mem];

	if (size == 0)
		return;
	if (bi->nr_mem == BOOT_MEM_MAX) {
		bi->mem_truncated = true;
		return;
	}
	if (size > UINT64_MAX - base)
		size = UINT64_MAX - base;
	if (type < BOOT_MEM_RAM || type > BOOT_MEM_BAD)
		type = BOOT_MEM_RESERVED;
	*mem = (struct boot_mem){ .base = base, .size = size, .type = type };
	bi->nr_mem++;
}

void boot_set_cmdline(struct boot_info *bi, const char *text, u64 len)
{
	u64 n = strnlen(text, len);

	bi->cmdline_truncated = n >= BOOT_CMDLINE_MAX;
	n = MIN(n, (u64)BOOT_CMDLINE_MAX - 1);
	memcpy(bi->cmdline, text, n);
	bi->cmdline[n] = '\0';
}
