/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading a guest: the kernel and what goes with it from the boot archive to the guest's RAM,
 * and the boot vCPU's registers. load.c chooses the protocol; linux.c and multiboot.c do it.
 * On the guest's CPU with no vCPU of it entered. Images are hostile input like anything else.
 */
#ifndef ARCH_X86_GUEST_LOAD_H
#define ARCH_X86_GUEST_LOAD_H

#include "arch/x86/hvm_types.h"
#include "kernel/archive.h"
#include "kernel/types.h"

struct guest;

struct image {
	struct guest *guest;
	const struct archive *archive;
	struct archive_file kernel;
};

/*
 * Is it this kind of image? Then it is loaded by that protocol or refused.
 * Loading: 0, or -ENOEXEC (malformed), -E2BIG, -ENOENT after a line naming file and reason.
 */
bool linux_probe(const struct archive_file *file);
int linux_load(const struct image *image);
bool multiboot_probe(const struct archive_file *file);
int multiboot_load(const struct image *image);

/* One line: `guest NAME: OPTION FILE: reason`. Answers @err. */
int load_refuse(const struct guest *guest, const char *option, const char *file, int err,
		const char *fmt, ...) __printf(5, 6);
/* A member of the archive; -ENOENT has been said. */
int load_find(const struct image *image, const char *option, const char *name,
	      struct archive_file *file);

/* ---- The guest's memory as firmware reports it: ACPI 6.5 table 15.1 ---- */

enum load_range_type { RANGE_RAM = 1, RANGE_RESERVED = 2 };
struct load_range {
	u64 base, size;
	enum load_range_type type;
};
#define LOAD_RANGES_MAX 8
/* In address order. How many. */
unsigned int load_memory_map(const struct guest *guest, struct load_range out[LOAD_RANGES_MAX]);
/* End of the RAM that begins at 0. */
u64 load_low_end(const struct guest *guest);
/* [@gpa, @gpa + @size) is RAM that software may use. */
bool load_usable(const struct guest *guest, u64 gpa, u64 size);
/* The lowest address >= @from, aligned to a page, where @size usable bytes fit; 0 if none. */
u64 load_room(const struct guest *guest, u64 from, u64 size);
/* @size zero bytes; the caller has checked that it is RAM. */
void load_clear(const struct guest *guest, u64 gpa, u64 size);

/* ---- The boot vCPU: SDM 3C table 25-2, segment access rights ---- */

enum load_segment {
	SEG_TYPE_DATA = 0x3,		/* read/write, accessed */
	SEG_TYPE_CODE = 0xb,		/* execute/read, accessed */
	SEG_TYPE_TSS = 0xb,		/* busy 32-bit or 64-bit TSS (S = 0) */
	SEG_CODE_DATA = BIT(4),		/* S */
	SEG_PRESENT = BIT(7),
	SEG_LONG = BIT(13),
	SEG_BIG = BIT(14),		/* D/B */
};

/* The same as bits of a descriptor: SDM 3A figure 3-8. A flat segment of 4 GiB. */
u64 load_descriptor(u16 attr);
/* Flat code (@attr of the code segment) and data segments, an unusable LDT, a TSS. */
void load_segments(struct hvm_state *st, u16 code_attr, u16 code_sel, u16 data_sel);

#endif
