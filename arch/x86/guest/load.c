/* SPDX-License-Identifier: BSD-2-Clause */
/* Which protocol a kernel image speaks, and what the protocols' loaders share. */
#include "arch/x86/guest/load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "arch/x86/guest/pm.h"
#include "arch/x86/guest/vpc_map.h"
#include "kernel/guest.h"
#include "kernel/log.h"

#define SEG_LIMIT_4G	0xffffffffu
#define TSS_LIMIT	0x67		/* SDM 3A 7.2.1, 8.7: the smallest */

int load_refuse(const struct guest *guest, const char *option, const char *file, int err,
		const char *fmt, ...)
{
	char why[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	pr_err("guest %s: %s %s: %s", guest_name(guest), option, file, why);
	return err;
}

int load_find(const struct image *image, const char *option, const char *name,
	      struct archive_file *file)
{
	if (archive_find(image->archive, name, file) == 0)
		return 0;
	return load_refuse(image->guest, option, name, -ENOENT, "not in the boot archive");
}

/* ---- Memory ---- */

u64 load_low_end(const struct guest *guest)
{
	_Static_assert(VPC_LOW_RAM_MAX == ARCH_GUEST_LOW_RAM_MAX, "one map of guest RAM");

	return MIN(guest->config->memory, (u64)VPC_LOW_RAM_MAX);
}

unsigned int load_memory_map(const struct guest *guest, struct load_range out[LOAD_RANGES_MAX])
{
	u64 low = load_low_end(guest);
	const struct load_range map[] = {
		{ 0, VPC_EBDA_BASE, RANGE_RAM },
		{ VPC_EBDA_BASE, VPC_EBDA_END - VPC_EBDA_BASE, RANGE_RESERVED },
		{ VPC_BIOS_BASE, VPC_BIOS_END - VPC_BIOS_BASE, RANGE_RESERVED },
		{ VPC_BIOS_END, low - VPC_BIOS_END, RANGE_RAM },
		{ VPC_ECAM_BASE, VPC_ECAM_SIZE, RANGE_RESERVED },
		{ VPC_HIGH_RAM_BASE, guest->config->memory - low, RANGE_RAM },
	};
	unsigned int nr = 0;

	_Static_assert(ARRAY_SIZE(map) <= LOAD_RANGES_MAX, "room for all");
	for (unsigned int i = 0; i < ARRAY_SIZE(map); i++)
		if (map[i].size)
			out[nr++] = map[i];
	return nr;
}

bool load_usable(const struct guest *guest, u64 gpa, u64 size)
{
	struct load_range map[LOAD_RANGES_MAX];
	unsigned int nr = load_memory_map(guest, map);

	for (unsigned int i = 0; i < nr; i++) {
		u64 off = gpa - map[i].base;

		if (map[i].type == RANGE_RAM && gpa >= map[i].base && off <= map[i].size &&
		    size <= map[i].size - off)
			return true;
	}
	return false;
}

u64 load_room(const struct guest *guest, u64 from, u64 size)
{
	struct load_range map[LOAD_RANGES_MAX];
	unsigned int nr = load_memory_map(guest, map);

	for (unsigned int i = 0; i < nr; i++) {
		u64 at = ALIGN_UP(MAX(from, map[i].base), PAGE_SIZE);

		if (at >= from && load_usable(guest, at, size))
			return at;
	}
	return 0;
}

void load_clear(const struct guest *guest, u64 gpa, u64 size)
{
	while (size) {
		u64 part = MIN(size, PAGE_SIZE - gpa % PAGE_SIZE);	/* never across regions */
		void *p = guest_mem_ptr(&guest->mem, gpa, part);

		if (p)
			memset(p, 0, part);
		gpa += part;
		size -= part;
	}
}

/*
 * What is left of a BIOS: its entry point, where software that wants a reset jumps in real mode.
 * Linux does on a hardware-reduced platform without UEFI (arch/x86/kernel/reboot.c).
 */
static int load_reset_vector(const struct guest *guest)
{
	static const u8 code[] = {
		0xba, VPM_RESET & 0xff, VPM_RESET >> 8,	/* mov $0xcf9, %dx */
		0xb0, VPM_RESET_VALUE,			/* mov $6, %al */
		0xee,					/* out %al, %dx */
		0xf4,					/* 1: hlt */
		0xeb, 0xfd,				/* jmp 1b */
	};

	_Static_assert(VPC_RESET_VECTOR + sizeof(code) <= VPC_BIOS_END, "16 bytes");
	return guest_mem_write(&guest->mem, VPC_RESET_VECTOR, code, sizeof(code));
}

/* ---- Segments ---- */

u64 load_descriptor(u16 attr)
{
	u64 limit = 0xfffffull, granular = BIT_ULL(15);

	/* attr's bits 7:0 and 15:12 are the descriptor's 47:40 and 55:52. */
	return (limit & 0xffff) | (attr & 0xffull) << 40 | (limit >> 16) << 48 |
	       ((attr & 0x7000u) | granular) << 40;
}

void load_segments(struct hvm_state *st, u16 code_attr, u16 code_sel, u16 data_sel)
{
	struct hvm_segment data = {
		.selector = data_sel,
		.limit = SEG_LIMIT_4G,
		.granular = true,
		.attr = SEG_TYPE_DATA | SEG_CODE_DATA | SEG_PRESENT | SEG_BIG,
	};

	for (enum hvm_seg seg = HVM_ES; seg <= HVM_GS; seg++)
		st->seg[seg] = data;
	st->seg[HVM_CS].selector = code_sel;
	st->seg[HVM_CS].attr = code_attr;
	st->seg[HVM_LDTR] = (struct hvm_segment){ .attr = HVM_SEG_UNUSABLE };
	st->seg[HVM_TR] = (struct hvm_segment){
		.limit = TSS_LIMIT,
		.attr = SEG_TYPE_TSS | SEG_PRESENT,
	};
}

/* ---- The choice ---- */

int arch_guest_load(struct guest *guest, const struct archive *archive)
{
	struct image image = { .guest = guest, .archive = archive };
	const char *name = guest->config->kernel;
	int err = load_find(&image, "-kernel", name, &image.kernel);

	if (!err)
		err = load_reset_vector(guest);
	if (err)
		return err;
	if (linux_probe(&image.kernel))
		return linux_load(&image);
#ifdef CONFIG_MULTIBOOT_GUESTS
	if (multiboot_probe(&image.kernel))
		return multiboot_load(&image);
	return load_refuse(guest, "-kernel", name, -ENOEXEC, "neither a Linux bzImage nor a "
			   "multiboot 1 kernel (%zu bytes)", image.kernel.size);
#else
	return load_refuse(guest, "-kernel", name, -ENOEXEC, "not a Linux bzImage (%zu bytes)",
			   image.kernel.size);
#endif
}
