/* SPDX-License-Identifier: BSD-2-Clause */
/* The image's own text symbols. The table is made by tools/ksyms.py from the first link. */
#include "boot/boot.h"
#include "kernel/ksym.h"

struct ksym {
	u64 addr;
	u64 name;	/* offset in ksym_names */
};

extern const u64 ksym_count;
extern const struct ksym ksym_table[];	/* by ascending address */
extern const char ksym_names[];

const char *ksym_lookup(u64 addr, u64 *offset)
{
	u64 low = 0, high = ksym_count;

	if (addr < (u64)__text_start || addr >= (u64)__text_end)
		return NULL;
	while (low < high) {	/* first entry above addr */
		u64 mid = low + (high - low) / 2;

		if (ksym_table[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0)
		return NULL;
	*offset = addr - ksym_table[low - 1].addr;
	return ksym_names + ksym_table[low - 1].name;
}
