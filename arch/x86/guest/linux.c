/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Linux 64-bit boot protocol (Documentation/x86/boot.rst, "64-bit BOOT PROTOCOL"): bzImage,
 * initrd, command line, boot_params, identity-mapped page tables.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/acpi_tables.h"
#include "arch/x86/guest/cpuid.h"
#include "arch/x86/guest/load.h"
#include "arch/x86/hvm.h"
#include "arch/x86/msr.h"
#include "arch/x86/smp.h"
#include "kernel/guest.h"

/* boot.rst, "The Real-Mode Kernel Header": from byte 0x1f1 of the image */
struct setup_header {
	u8 setup_sects;		/* of 512 bytes, after the first; 0 means 4 */
	le16 root_flags;
	le32 syssize;		/* protected-mode code, in 16 bytes */
	le16 ram_size, vid_mode, root_dev;
	le16 boot_flag;
	u8 jump, jump_offset;	/* the header ends at 0x202 + jump_offset */
	le32 header;
	le16 version;
	le32 realmode_swtch;
	le16 start_sys_seg, kernel_version;
	u8 type_of_loader, loadflags;
	le16 setup_move_size;
	le32 code32_start, ramdisk_image, ramdisk_size, bootsect_kludge;
	le16 heap_end_ptr;
	u8 ext_loader_ver, ext_loader_type;
	le32 cmd_line_ptr, initrd_addr_max, kernel_alignment;
	u8 relocatable_kernel, min_alignment;
	le16 xloadflags;
	le32 cmdline_size, hardware_subarch;
	le64 hardware_subarch_data;
	le32 payload_offset, payload_length;
	le64 setup_data, pref_address;
	le32 init_size, handover_offset, kernel_info_offset;
} __packed;

enum {
	SETUP_HEADER = 0x1f1,		/* offset in the file and in boot_params */
	SETUP_HEADER_JUMP = 0x202,
	SECTOR = 512,
	SETUP_SECTS_DEFAULT = 4,
	BOOT_FLAG = 0xaa55,
	HEADER_MAGIC = 0x53726448,	/* "HdrS" */
	VERSION_MIN = 0x020c,		/* xloadflags */
	VERSION_RSDP = 0x020e,		/* acpi_rsdp_addr */
	LOADED_HIGH = BIT(0),
	XLF_KERNEL_64 = BIT(0),
	LOADER_UNDEFINED = 0xff,
	ENTRY_64 = 0x200,		/* from the protected-mode code's start */
	SYSSIZE_UNIT = 16,
};

/* Documentation/x86/zero-page.rst */
struct boot_e820_entry {
	le64 addr, size;
	le32 type;
} __packed;
#define E820_MAX 128

struct boot_params {
	u8 pad0[0x070];
	le64 acpi_rsdp_addr;
	u8 pad1[0x1e8 - 0x078];
	u8 e820_entries;
	u8 pad2[0x1f1 - 0x1e9];
	struct setup_header hdr;
	u8 pad3[0x2d0 - 0x1f1 - sizeof(struct setup_header)];
	struct boot_e820_entry e820_table[E820_MAX];
	u8 pad4[0x1000 - 0x2d0 - E820_MAX * sizeof(struct boot_e820_entry)];
} __packed;
_Static_assert(sizeof(struct boot_params) == 4096, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, hdr.init_size) == 0x260, "boot.rst");
_Static_assert(offsetof(struct boot_params, e820_table) == 0x2d0, "zero-page.rst");

/* Below 640 KiB, where the kernel expects loaders to leave things. */
enum {
	GDT_GPA = 0x6000,
	BOOT_PARAMS_GPA = 0x7000,
	PML4_GPA = 0x9000,
	PDPT_GPA = 0xa000,
	PD_GPA = 0xb000,		/* 4 pages: 4 GiB */
	PD_PAGES = 4,
	CMDLINE_GPA = 0x20000,
	CMDLINE_ROOM = 0x10000,
	BOOT_CS = 0x10,			/* selectors: boot.rst */
	BOOT_DS = 0x18,
	PTES = 512,
};

/* What is known of the image after its header was checked. */
struct bzimage {
	struct setup_header hdr;
	u64 setup_size;		/* bytes of the file before the protected-mode code */
	u64 code_size;
	u64 load;		/* guest-physical */
	u64 initrd, initrd_size;
};

/* ---- The header ---- */

bool linux_probe(const struct archive_file *file)
{
	struct setup_header hdr;

	if (file->size < SETUP_HEADER + sizeof(hdr))
		return false;
	memcpy(&hdr, file->data + SETUP_HEADER, sizeof(hdr));
	return le16_to_cpu(hdr.boot_flag) == BOOT_FLAG && le32_to_cpu(hdr.header) == HEADER_MAGIC;
}

static int refuse(const struct image *image, int err, const char *why)
{
	return load_refuse(image->guest, "-kernel", image->kernel.name, err, "%s", why);
}

static int check_header(const struct image *image, struct bzimage *bz)
{
	const struct archive_file *file = &image->kernel;
	struct setup_header *hdr = &bz->hdr;
	unsigned int version;

	memcpy(hdr, file->data + SETUP_HEADER, sizeof(*hdr));
	version = le16_to_cpu(hdr->version);
	if (version < VERSION_MIN)
		return load_refuse(image->guest, "-kernel", file->name, -ENOEXEC,
				   "boot protocol %u.%02u, at least 2.12 is needed", version >> 8,
				   version & 0xff);
	if (!(le16_to_cpu(hdr->xloadflags) & XLF_KERNEL_64))
		return refuse(image, -ENOEXEC, "no 64-bit entry point (XLF_KERNEL_64 is clear)");
	if (!(hdr->loadflags & LOADED_HIGH))
		return refuse(image, -ENOEXEC, "a zImage (LOADED_HIGH is clear)");
	bz->setup_size = (1 + (u64)(hdr->setup_sects ? hdr->setup_sects : SETUP_SECTS_DEFAULT)) *
			 SECTOR;
	bz->code_size = (u64)le32_to_cpu(hdr->syssize) * SYSSIZE_UNIT;
	if (bz->setup_size + bz->code_size > file->size)
		return load_refuse(image->guest, "-kernel", file->name, -ENOEXEC, "truncated: "
				   "%zu bytes, its header says %lu", file->size,
				   (unsigned long)(bz->setup_size + bz->code_size));
	if (bz->code_size <= ENTRY_64 || le32_to_cpu(hdr->init_size) < bz->code_size)
		return refuse(image, -ENOEXEC, "inconsistent header (syssize, init_size)");
	return 0;
}

/* ---- Placement ---- */

/*
 * At pref_address. A relocatable kernel could be put lower, but unpacks itself to
 * LOAD_PHYSICAL_ADDR, which is the same (arch/x86/boot/compressed/head_64.S).
 */
static int place_kernel(const struct image *image, struct bzimage *bz)
{
	u64 need = le32_to_cpu(bz->hdr.init_size), pref = le64_to_cpu(bz->hdr.pref_address);

	if (!load_usable(image->guest, pref, need) || pref < MIB)
		return load_refuse(image->guest, "-kernel", image->kernel.name, -E2BIG, "needs "
				   "%lu KiB at 0x%lx, the guest has %lu MiB",
				   (unsigned long)(need / KIB), (unsigned long)pref,
				   (unsigned long)(image->guest->config->memory / MIB));
	bz->load = pref;
	return 0;
}

/* As high as the kernel allows. */
static int place_initrd(const struct image *image, struct bzimage *bz,
			struct archive_file *initrd)
{
	const char *name = image->guest->config->initrd;
	u64 floor = bz->load + le32_to_cpu(bz->hdr.init_size);
	u64 top = MIN(load_low_end(image->guest), (u64)le32_to_cpu(bz->hdr.initrd_addr_max) + 1);
	int err;

	initrd->size = 0;
	if (!name[0])
		return 0;
	err = load_find(image, "-initrd", name, initrd);
	if (err)
		return err;
	if (top < floor || initrd->size > ALIGN_DOWN(top - floor, PAGE_SIZE))
		return load_refuse(image->guest, "-initrd", name, -E2BIG, "%zu KiB, %lu KiB are "
				   "free above the kernel", (size_t)(initrd->size / KIB),
				   (unsigned long)((top < floor ? 0 : top - floor) / KIB));
	bz->initrd = ALIGN_DOWN(top - initrd->size, PAGE_SIZE);
	bz->initrd_size = initrd->size;
	return 0;
}

/* ---- Writing it all: everything has been checked but the guest's RAM being there ---- */

static int put(const struct image *image, u64 gpa, const void *data, u64 len)
{
	if (guest_mem_write(&image->guest->mem, gpa, data, len) == 0)
		return 0;
	return refuse(image, -E2BIG, "the guest's memory is too small");
}

/*
 * Linux believes CPUID leaf 15H of Intel's processors only. On others it would measure the TSC
 * against the PIT, which exits make too coarse. Comes first, so that the user's own word counts.
 */
static size_t tsc_option(char *buf, size_t size)
{
	buf[0] = '\0';
	if (guest_cpuid_is_amd())
		snprintf(buf, size, "tsc_early_khz=%lu ", (unsigned long)tsc_khz());
	return strlen(buf);
}

static int put_cmdline(const struct image *image, const struct bzimage *bz)
{
	const char *cmdline = image->guest->config->append;
	char tsc[40];
	size_t first = tsc_option(tsc, sizeof(tsc));
	size_t len = first + strlen(cmdline), max = le32_to_cpu(bz->hdr.cmdline_size);
	int err;

	if (len > MIN(max, (size_t)CMDLINE_ROOM - 1))
		return load_refuse(image->guest, "-append", "", -E2BIG,
				   "%zu characters, the kernel takes %zu", len, max);
	err = put(image, CMDLINE_GPA, tsc, first);
	return err ? err : put(image, CMDLINE_GPA + first, cmdline, len - first + 1);
}

static void fill_e820(const struct guest *guest, struct boot_params *bp)
{
	struct load_range map[LOAD_RANGES_MAX];
	unsigned int nr = load_memory_map(guest, map);

	for (unsigned int i = 0; i < nr; i++) {
		bp->e820_table[i].addr = cpu_to_le64(map[i].base);
		bp->e820_table[i].size = cpu_to_le64(map[i].size);
		bp->e820_table[i].type = cpu_to_le32(map[i].type);
	}
	bp->e820_entries = (u8)nr;
}

static int put_boot_params(const struct image *image, const struct bzimage *bz, u64 rsdp)
{
	static struct boot_params bp;	/* too large for the stack; guests are loaded one by one */
	size_t len = SETUP_HEADER_JUMP + bz->hdr.jump_offset - SETUP_HEADER;
	static struct spinlock lock = SPINLOCK_INIT(LOCK_LOADER);
	int err;

	spin_lock(&lock);
	memset(&bp, 0, sizeof(bp));
	memcpy(&bp.hdr, &bz->hdr, MIN(len, sizeof(bp.hdr)));
	bp.hdr.type_of_loader = LOADER_UNDEFINED;
	bp.hdr.cmd_line_ptr = cpu_to_le32(CMDLINE_GPA);
	bp.hdr.ramdisk_image = cpu_to_le32((u32)bz->initrd);
	bp.hdr.ramdisk_size = cpu_to_le32((u32)bz->initrd_size);
	if (le16_to_cpu(bz->hdr.version) >= VERSION_RSDP)
		bp.acpi_rsdp_addr = cpu_to_le64(rsdp);
	fill_e820(image->guest, &bp);
	err = put(image, BOOT_PARAMS_GPA, &bp, sizeof(bp));
	spin_unlock(&lock);
	return err;
}

static int put_entry(const struct image *image, u64 table, unsigned int index, u64 entry)
{
	return put(image, table + index * sizeof(entry), &entry, sizeof(entry));
}

/* The first 4 GiB, identity mapped by 2 MiB pages. */
static int put_page_tables(const struct image *image)
{
	int err;

	load_clear(image->guest, PML4_GPA, (2 + PD_PAGES) * PAGE_SIZE);
	err = put_entry(image, PML4_GPA, 0, PDPT_GPA | PTE_P | PTE_RW);
	for (unsigned int i = 0; i < PD_PAGES && !err; i++)
		err = put_entry(image, PDPT_GPA, i, (PD_GPA + i * PAGE_SIZE) | PTE_P | PTE_RW);
	for (unsigned int i = 0; i < PD_PAGES * PTES && !err; i++)
		err = put_entry(image, PD_GPA, i, i * 2 * MIB | PTE_P | PTE_RW | PTE_PS);
	return err;
}

#define CODE_ATTR (SEG_TYPE_CODE | SEG_CODE_DATA | SEG_PRESENT | SEG_LONG)
#define DATA_ATTR (SEG_TYPE_DATA | SEG_CODE_DATA | SEG_PRESENT | SEG_BIG)

static int put_gdt(const struct image *image)
{
	const u64 gdt[] = {
		[BOOT_CS / 8] = load_descriptor(CODE_ATTR),
		[BOOT_DS / 8] = load_descriptor(DATA_ATTR),
	};

	return put(image, GDT_GPA, gdt, sizeof(gdt));
}

/* boot.rst: 64-bit mode, paging on, flat segments, interrupts off, %rsi = boot_params. */
static void set_registers(const struct image *image, const struct bzimage *bz)
{
	struct vcpu *vcpu = image->guest->vcpus[0];
	struct hvm_state st;

	hvm->get_state(vcpu, &st);
	load_segments(&st, CODE_ATTR, BOOT_CS, BOOT_DS);
	st.gdtr_base = GDT_GPA;
	st.gdtr_limit = BOOT_DS + sizeof(u64) - 1;
	st.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
	st.cr3 = PML4_GPA;
	st.cr4 = CR4_PAE;
	st.efer = EFER_LME | EFER_LMA;
	st.rflags = RFLAGS_FIXED;
	st.rip = bz->load + ENTRY_64;
	hvm->set_state(vcpu, &st);
	vcpu->arch.gpr[HVM_RSI] = BOOT_PARAMS_GPA;
}

int linux_load(const struct image *image)
{
	struct bzimage bz = { 0 };
	struct archive_file initrd = { 0 };
	u64 rsdp = 0;
	int err = check_header(image, &bz);

	if (!err)
		err = place_kernel(image, &bz);
	if (!err)
		err = place_initrd(image, &bz, &initrd);
	if (!err)
		err = put(image, bz.load, image->kernel.data + bz.setup_size, bz.code_size);
	if (!err && bz.initrd_size)
		err = put(image, bz.initrd, initrd.data, initrd.size);
	if (!err)
		err = put_cmdline(image, &bz);
	if (!err)
		err = put_page_tables(image);
	if (!err)
		err = put_gdt(image);
	if (!err)
		err = guest_acpi_install(image->guest, &rsdp);
	if (!err)
		err = put_boot_params(image, &bz, rsdp);
	if (!err)
		set_registers(image, &bz);
	return err;
}
