/* SPDX-License-Identifier: BSD-2-Clause */
/* First C code: the hand-over of either protocol becomes a struct boot_info. */
#include <stdio.h>

#include "asm/layout.h"
#include "boot/boot.h"
#include "boot/multiboot2.h"
#include "boot/pvh.h"

static struct boot_info boot_info;

/* In entry.S: sets the UART up, sends the line, halts. */
void boot_fail(const char *line) __noreturn;

/* What the early page tables map. */
static const void *early_map(u64 phys, u64 size)
{
	if (phys == 0 || size > EARLY_MAP_GIB * GIB || phys > EARLY_MAP_GIB * GIB - size)
		return NULL;
	return (const void *)phys;
}

/* The info structure's own size is in it: the parser compares it with what is readable. */
static const char *hand_over(u32 magic, u32 info, struct boot_info *bi)
{
	const void *mapped = early_map(info, sizeof(u64));

	if (!mapped)
		return "nothing handed over";
#ifdef CONFIG_MULTIBOOT2
	if (magic == MULTIBOOT2_BOOTLOADER_MAGIC)
		return multiboot2_parse(mapped, EARLY_MAP_GIB * GIB - info, bi);
#endif
#ifdef CONFIG_PVH
	if (magic == 0)
		return pvh_parse(info, early_map, bi);
#endif
	return "not a boot protocol that is compiled in";
}

void boot_main(u32 magic, u32 info)
{
	static char line[128];
	const char *error = hand_over(magic, info, &boot_info);

	if (error) {
		snprintf(line, sizeof(line),
			 "boot: hand-over: %s (magic %#x, info %#x), halted\r\n",
			 error, magic, info);
		boot_fail(line);
	}
	kernel_main(&boot_info);
}
