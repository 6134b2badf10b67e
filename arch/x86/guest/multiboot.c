/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot 1 (Multiboot Specification 0.6.96): ELF kernels of 32 or 64 bit, loaded as GRUB
 * does, or anything with the header's own addresses (the "a.out kludge"), as QEMU does; command
 * line and modules worded as QEMU words them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/acpi_tables.h"
#include "arch/x86/guest/elf.h"
#include "arch/x86/guest/load.h"
#include "arch/x86/guest/vpc_map.h"
#include "arch/x86/hvm.h"
#include "kernel/guest.h"

/* §3.1 */
struct mb_header {
	le32 magic, flags, checksum;
	le32 header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;	/* MB_ADDRESSES */
} __packed;

enum {
	MB_MAGIC = 0x1badb002,
	MB_LOADER_MAGIC = 0x2badb002,
	MB_SEARCH = 8192,
	MB_HEADER_MIN = 12,
	MB_PAGE_ALIGN = BIT(0),
	MB_MEMORY_INFO = BIT(1),
	MB_VIDEO_MODE = BIT(2),		/* a wish: there is no video */
	MB_REQUIRED = 0xffff,		/* a loader must know every one of these bits */
	MB_ADDRESSES = BIT(16),
};

/* §3.3 */
struct mb_info {
	le32 flags;
	le32 mem_lower, mem_upper;
	le32 boot_device;
	le32 cmdline;
	le32 mods_count, mods_addr;
	le32 syms[4];
	le32 mmap_length, mmap_addr;
	le32 drives_length, drives_addr;
	le32 config_table;
	le32 boot_loader_name;
	le32 apm_table;
	le32 vbe[4];
} __packed;

enum {
	INFO_MEMORY = BIT(0),
	INFO_CMDLINE = BIT(2),
	INFO_MODS = BIT(3),
	INFO_MMAP = BIT(6),
	INFO_LOADER_NAME = BIT(9),
};

struct mb_module {
	le32 start, end, string, reserved;
} __packed;

struct mb_mmap {
	le32 size;		/* of what follows */
	le64 base, length;
	le32 type;		/* 1: RAM; else reserved, as in enum load_range_type */
} __packed;

#define LOADER_NAME	"Ringvisor"
#define CODE_SEL	0x08
#define DATA_SEL	0x10
#define INFO_LOW	0x10000		/* where the information goes if the kernel is above it */
#define INFO_STRINGS	2048

struct loading {
	const struct image *image;
	struct mb_header header;
	size_t header_off;
	u64 entry;
	u64 low, high;		/* what the kernel takes: lowest and one past the highest address */
	struct archive_file module_file[GUEST_MODULES_MAX];
	char module_args[GUEST_MODULES_MAX][sizeof(((struct guest_config *)0)->initrd)];
	u64 module_addr[GUEST_MODULES_MAX];
	unsigned int nr_modules;
};

/* ---- The header ---- */

/* In the first 8 KiB, on a 4-byte boundary. False: there is none. */
static bool header_find(const struct archive_file *file, struct mb_header *h, size_t *off)
{
	size_t end = MIN(file->size, (size_t)MB_SEARCH);

	for (size_t i = 0; i + MB_HEADER_MIN <= end; i += 4) {
		memset(h, 0, sizeof(*h));
		memcpy(h, file->data + i, MIN(sizeof(*h), file->size - i));
		if (le32_to_cpu(h->magic) == MB_MAGIC &&
		    le32_to_cpu(h->magic) + le32_to_cpu(h->flags) + le32_to_cpu(h->checksum) == 0) {
			*off = i;
			return true;
		}
	}
	return false;
}

bool multiboot_probe(const struct archive_file *file)
{
	struct mb_header header;
	size_t off;

	return header_find(file, &header, &off);
}

static int refuse(const struct loading *l, int err, const char *why)
{
	return load_refuse(l->image->guest, "-kernel", l->image->kernel.name, err, "%s", why);
}

/* ---- The kernel ---- */

/* @filesz bytes of @data and zeros up to @memsz at @gpa. */
static int place(struct loading *l, u64 gpa, const u8 *data, u64 filesz, u64 memsz)
{
	const struct guest *guest = l->image->guest;

	if (!load_usable(guest, gpa, memsz) || gpa + memsz > load_low_end(guest))
		return load_refuse(guest, "-kernel", l->image->kernel.name, -E2BIG,
				   "needs %lu KiB at 0x%lx, which is not in the guest's memory "
				   "(%lu MiB)",
				   (unsigned long)(memsz / KIB), (unsigned long)gpa,
				   (unsigned long)(guest->config->memory / MIB));
	if (guest_mem_write(&guest->mem, gpa, data, filesz))
		return refuse(l, -E2BIG, "the guest's memory is too small");
	load_clear(guest, gpa + filesz, memsz - filesz);
	l->low = MIN(l->low, gpa);
	l->high = MAX(l->high, gpa + memsz);
	return 0;
}

/* §3.1.3: addresses in the header, the file is one flat image. */
static int place_flat(struct loading *l)
{
	const struct archive_file *file = &l->image->kernel;
	const struct mb_header *h = &l->header;
	u64 header_addr = le32_to_cpu(h->header_addr), load = le32_to_cpu(h->load_addr);
	u64 load_end = le32_to_cpu(h->load_end_addr), bss_end = le32_to_cpu(h->bss_end_addr);
	u64 off, size;

	if (l->header_off + sizeof(*h) > file->size)
		return refuse(l, -ENOEXEC, "truncated in its multiboot header");
	if (header_addr < load || header_addr - load > l->header_off)
		return refuse(l, -ENOEXEC, "multiboot header: header_addr, load_addr do not fit");
	off = l->header_off - (header_addr - load);
	size = load_end ? load_end - load : file->size - off;
	if (load_end && load_end < load)
		return refuse(l, -ENOEXEC, "multiboot header: load_end_addr below load_addr");
	if (size > file->size - off)
		return refuse(l, -ENOEXEC, "truncated: load_end_addr is past the file's end");
	if (bss_end && bss_end < load + size)
		return refuse(l, -ENOEXEC, "multiboot header: bss_end_addr below load_end_addr");
	l->entry = le32_to_cpu(h->entry_addr);
	return place(l, load, file->data + off, size, bss_end ? bss_end - load : size);
}

/* As GRUB: segments at their physical addresses, the entry translated like its segment. */
static int place_elf(struct loading *l)
{
	const struct archive_file *file = &l->image->kernel;
	const char *why = "";
	struct elf elf;
	int err = elf_open(&elf, file->data, file->size, &why);

	if (err)
		return refuse(l, err, why);
	l->entry = elf.entry;
	for (unsigned int i = 0; i < elf.phnum; i++) {
		struct elf_segment seg;

		err = elf_segment(&elf, i, &seg, &why);
		if (err < 0)
			return refuse(l, err, why);
		if (err == 0)
			continue;
		err = place(l, seg.paddr, seg.data, seg.filesz, seg.memsz);
		if (err)
			return err;
		if (elf.entry - seg.vaddr < seg.memsz)
			l->entry = elf.entry - seg.vaddr + seg.paddr;
	}
	return 0;
}

static int place_kernel(struct loading *l)
{
	u32 flags;
	int err;

	header_find(&l->image->kernel, &l->header, &l->header_off);
	flags = le32_to_cpu(l->header.flags);
	if (flags & MB_REQUIRED & ~(u32)(MB_PAGE_ALIGN | MB_MEMORY_INFO | MB_VIDEO_MODE))
		return load_refuse(l->image->guest, "-kernel", l->image->kernel.name, -ENOEXEC,
				   "multiboot header requires what is not known (flags 0x%x)",
				   flags);
	l->low = UINT64_MAX;
	err = flags & MB_ADDRESSES ? place_flat(l) : place_elf(l);
	if (err)
		return err;
	if (l->entry < l->low || l->entry >= l->high)
		return refuse(l, -ENOEXEC, "its entry point is outside of what it loads");
	return 0;
}

/* ---- Modules: -initrd "file args,file args" ---- */

static int module_find(struct loading *l, const char *args, size_t len)
{
	unsigned int i = l->nr_modules;
	char name[sizeof(l->module_args[0])];

	if (i == GUEST_MODULES_MAX)
		return load_refuse(l->image->guest, "-initrd", l->image->guest->config->initrd,
				   -E2BIG, "more than %u modules", GUEST_MODULES_MAX);
	snprintf(l->module_args[i], sizeof(l->module_args[i]), "%.*s", (int)len, args);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(l->module_args[i], " "),
		 l->module_args[i]);
	l->nr_modules++;
	return load_find(l->image, "-initrd", name, &l->module_file[i]);
}

static int modules_find(struct loading *l)
{
	const char *p = l->image->guest->config->initrd;
	int err = 0;

	while (*p && !err) {
		size_t len = strcspn(p, ",");

		if (len)
			err = module_find(l, p, len);
		p += len;
		p += *p == ',';
	}
	return err;
}

static int modules_place(struct loading *l)
{
	const struct guest *guest = l->image->guest;
	u64 next = MAX(l->high, (u64)VPC_BIOS_END);

	for (unsigned int i = 0; i < l->nr_modules; i++) {
		const struct archive_file *file = &l->module_file[i];
		u64 at = load_room(guest, next, file->size);

		if (!at || at + file->size > load_low_end(guest) ||
		    guest_mem_write(&guest->mem, at, file->data, file->size))
			return load_refuse(guest, "-initrd", file->name, -E2BIG,
					   "%zu KiB do not fit above the kernel",
					   (size_t)(file->size / KIB));
		l->module_addr[i] = at;
		next = at + file->size;
	}
	l->high = MAX(l->high, next);
	return 0;
}

/* ---- Information ---- */

/* What the kernel gets to read, in one piece, so that one address has to be found. */
struct info_block {
	struct mb_info info;
	struct mb_module module[GUEST_MODULES_MAX];
	struct mb_mmap mmap[LOAD_RANGES_MAX];
	char loader[sizeof(LOADER_NAME)];
	char strings[INFO_STRINGS];
};

/* Append a string; its guest address, or 0 when there is no room. */
static u64 add_string(struct info_block *b, u64 gpa, size_t *used, const char *fmt,
		      const char *one, const char *two)
{
	size_t room = sizeof(b->strings) - *used, at = *used;
	int len = snprintf(b->strings + at, room, fmt, one, two);

	if (len < 0 || (size_t)len >= room)
		return 0;
	*used += (size_t)len + 1;
	return gpa + offsetof(struct info_block, strings) + at;
}

static int fill_strings(const struct loading *l, struct info_block *b, u64 gpa)
{
	const struct guest_config *config = l->image->guest->config;
	size_t used = 0;
	u64 at = add_string(b, gpa, &used, config->append[0] ? "%s %s" : "%s", config->kernel,
			    config->append);

	if (!at)
		return load_refuse(l->image->guest, "-append", "", -E2BIG, "longer than %u "
				   "characters", (unsigned int)INFO_STRINGS);
	b->info.cmdline = cpu_to_le32((u32)at);
	for (unsigned int i = 0; i < l->nr_modules; i++) {
		u64 start = l->module_addr[i];

		at = add_string(b, gpa, &used, "%s", l->module_args[i], "");
		if (!at)
			return load_refuse(l->image->guest, "-initrd", config->initrd, -E2BIG,
					   "arguments too long");
		b->module[i] = (struct mb_module){
			.start = cpu_to_le32((u32)start),
			.end = cpu_to_le32((u32)(start + l->module_file[i].size)),
			.string = cpu_to_le32((u32)at),
		};
	}
	return 0;
}

static void fill_memory(const struct guest *guest, struct info_block *b, u64 gpa)
{
	struct load_range map[LOAD_RANGES_MAX];
	unsigned int nr = load_memory_map(guest, map);

	for (unsigned int i = 0; i < nr; i++)
		b->mmap[i] = (struct mb_mmap){
			.size = cpu_to_le32(sizeof(b->mmap[i]) - sizeof(b->mmap[i].size)),
			.base = cpu_to_le64(map[i].base),
			.length = cpu_to_le64(map[i].size),
			.type = cpu_to_le32(map[i].type),
		};
	b->info.mmap_length = cpu_to_le32((u32)(nr * sizeof(b->mmap[0])));
	b->info.mmap_addr = cpu_to_le32((u32)(gpa + offsetof(struct info_block, mmap)));
	b->info.mem_lower = cpu_to_le32(VPC_EBDA_BASE / KIB);
	b->info.mem_upper = cpu_to_le32((u32)((load_low_end(guest) - VPC_BIOS_END) / KIB));
}

static int put_info(const struct loading *l, u64 *gpa)
{
	const struct guest *guest = l->image->guest;
	struct info_block *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return refuse(l, -ENOMEM, "no memory for loading it");
	*gpa = load_room(guest, l->low >= VPC_EBDA_BASE ? INFO_LOW : l->high, sizeof(*b));
	if (!*gpa || *gpa + sizeof(*b) > load_low_end(guest)) {
		free(b);
		return refuse(l, -E2BIG, "no room for the multiboot information");
	}
	b->info.flags = cpu_to_le32(INFO_MEMORY | INFO_CMDLINE | INFO_MMAP | INFO_LOADER_NAME |
				    (l->nr_modules ? INFO_MODS : 0));
	b->info.mods_count = cpu_to_le32(l->nr_modules);
	b->info.mods_addr = cpu_to_le32((u32)(*gpa + offsetof(struct info_block, module)));
	memcpy(b->loader, LOADER_NAME, sizeof(b->loader));
	b->info.boot_loader_name = cpu_to_le32((u32)(*gpa + offsetof(struct info_block, loader)));
	fill_memory(guest, b, *gpa);
	err = fill_strings(l, b, *gpa);
	if (!err && guest_mem_write(&guest->mem, *gpa, b, sizeof(*b)))
		err = refuse(l, -E2BIG, "no room for the multiboot information");
	free(b);
	return err;
}

/* §3.2: 32-bit protected mode, flat segments, no paging, interrupts off. */
static void set_registers(const struct loading *l, u64 info)
{
	struct vcpu *vcpu = l->image->guest->vcpus[0];
	struct hvm_state st;

	hvm->get_state(vcpu, &st);
	load_segments(&st, SEG_TYPE_CODE | SEG_CODE_DATA | SEG_PRESENT | SEG_BIG, CODE_SEL,
		      DATA_SEL);
	st.cr0 = CR0_PE | CR0_ET | CR0_NE;
	st.rflags = RFLAGS_FIXED;
	st.rip = l->entry;
	hvm->set_state(vcpu, &st);
	vcpu->arch.gpr[HVM_RAX] = (u32)MB_LOADER_MAGIC;
	vcpu->arch.gpr[HVM_RBX] = info;
}

int multiboot_load(const struct image *image)
{
	struct loading *l = calloc(1, sizeof(*l));
	u64 rsdp, info = 0;
	int err;

	if (!l)
		return load_refuse(image->guest, "-kernel", image->kernel.name, -ENOMEM,
				   "no memory for loading it");
	l->image = image;
	err = place_kernel(l);
	if (!err)
		err = modules_find(l);
	if (!err)
		err = modules_place(l);
	if (!err)
		err = guest_acpi_install(image->guest, &rsdp);	/* found by scan */
	if (!err)
		err = put_info(l, &info);
	if (!err)
		set_registers(l, info);
	free(l);
	return err;
}
