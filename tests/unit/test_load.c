/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading: bzImage, multiboot and ELF, good ones and broken ones. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/load.h"
#include "arch/x86/msr.h"
#include "kernel/mem.h"
#include "tests/unit/mock_archive.h"
#include "tests/unit/mock_board.h"

#define RAM_MIB		64
#define SETUP_SECTS	3
#define SETUP		((1 + SETUP_SECTS) * 512)
#define CODE		8192
#define PREF		(16 * MIB)
#define INIT_SIZE	(4 * MIB)

static int setup(void **state)
{
	board_init(RAM_MIB);
	strcpy(board.config.kernel, "kernel");
	return 0;
}

static int teardown(void **state)
{
	archive_files_clear();
	board_free();
	return 0;
}

static int load(void)
{
	memset(&board.state, 0, sizeof(board.state));
	host_log_clear();
	return arch_guest_load(&board.guest, NULL);
}

/* Refused with @err and a line that has @why in it. */
static void refused(int err, const char *why)
{
	assert_int_equal(load(), err);
	if (!host_log_count(why))
		print_error("said: %s\n", host_log_last());
	assert_int_equal(host_log_count(why), 1);
	assert_int_equal(host_log_count("guest test: "), 1);
}

static void put16(u8 *p, unsigned int off, u16 val) { memcpy(p + off, &val, 2); }
static void put32(u8 *p, unsigned int off, u32 val) { memcpy(p + off, &val, 4); }
static void put64(u8 *p, unsigned int off, u64 val) { memcpy(p + off, &val, 8); }

static u32 ram32(u64 gpa)
{
	u32 val;

	memcpy(&val, guest_mem_ptr(&board.guest.mem, gpa, 4), 4);
	return val;
}

static u64 ram64(u64 gpa)
{
	return ram32(gpa) | (u64)ram32(gpa + 4) << 32;
}

/* ---- Linux: offsets as in boot.rst ---- */

static u8 *make_bzimage(void)
{
	u8 *p = archive_file_add("kernel", SETUP + CODE);

	p[0x1f1] = SETUP_SECTS;
	put32(p, 0x1f4, CODE / 16);
	put16(p, 0x1fe, 0xaa55);
	p[0x200] = 0xeb;
	p[0x201] = 0x6a;
	memcpy(p + 0x202, "HdrS", 4);
	put16(p, 0x206, 0x020f);
	p[0x211] = 1;
	put32(p, 0x22c, 0x7fffffff);
	put32(p, 0x230, 0x200000);
	p[0x234] = 1;
	put16(p, 0x236, 1);
	put32(p, 0x238, 2047);
	put64(p, 0x258, PREF);
	put32(p, 0x260, INIT_SIZE);
	memset(p + SETUP, 0x90, CODE);
	put32(p, SETUP + 0x200, 0x12345678);
	return p;
}

static void linux_good(void **state)
{
	u64 bp, initrd;

	make_bzimage();
	memset(archive_file_add("initrd", 5000), 0x77, 5000);
	strcpy(board.config.initrd, "initrd");
	board.config.append = "console=ttyS0 quiet";
	assert_int_equal(load(), 0);
	assert_int_equal(board.state.rip, PREF + 0x200);
	assert_int_equal(ram32(board.state.rip), 0x12345678);
	assert_int_equal(board.state.cr0 & (CR0_PE | CR0_PG), CR0_PE | CR0_PG);
	assert_true(board.state.cr4 & CR4_PAE);
	assert_int_equal(board.state.efer, EFER_LME | EFER_LMA);
	assert_false(board.state.rflags & RFLAGS_IF);
	assert_int_equal(board.state.seg[HVM_CS].selector, 0x10);
	assert_int_equal(board.state.seg[HVM_CS].attr, 0x209b);
	assert_int_equal(board.state.seg[HVM_DS].attr, 0x4093);
	assert_int_equal(ram64(board.state.gdtr_base + 0x10), 0x00af9b000000ffff);
	assert_int_equal(ram64(board.state.gdtr_base + 0x18), 0x00cf93000000ffff);
	bp = board.vcpu[0].arch.gpr[HVM_RSI];
	assert_int_equal(ram32(bp + 0x202), 0x53726448);
	assert_int_equal(ram32(bp + 0x260), INIT_SIZE);
	assert_int_equal(*(u8 *)guest_mem_ptr(&board.guest.mem, bp + 0x210, 1), 0xff);
	assert_string_equal(guest_mem_ptr(&board.guest.mem, ram32(bp + 0x228), 20),
			    "console=ttyS0 quiet");
	initrd = ram32(bp + 0x218);
	assert_int_equal(ram32(bp + 0x21c), 5000);
	assert_int_equal(initrd, RAM_MIB * MIB - 8192);
	assert_int_equal(ram32(initrd), 0x77777777);
	assert_int_equal(ram64(bp + 0x70), VPC_BIOS_BASE);
	assert_memory_equal(guest_mem_ptr(&board.guest.mem, VPC_BIOS_BASE, 8), "RSD PTR ", 8);
	/* F000:FFF0: mov $0xcf9,%dx; mov $6,%al; out %al,%dx */
	assert_memory_equal(guest_mem_ptr(&board.guest.mem, 0xffff0, 6),
			    "\xba\xf9\x0c\xb0\x06\xee", 6);
}

static void linux_memory_map(void **state)
{
	u64 bp, end = 0;

	make_bzimage();
	assert_int_equal(load(), 0);
	bp = board.vcpu[0].arch.gpr[HVM_RSI];
	assert_int_equal(*(u8 *)guest_mem_ptr(&board.guest.mem, bp + 0x1e8, 1), 5);
	for (unsigned int i = 0; i < 5; i++) {
		u64 at = bp + 0x2d0 + i * 20;

		assert_in_range(ram64(at), end, UINT64_MAX);
		end = ram64(at) + ram64(at + 8);
	}
	assert_int_equal(ram64(bp + 0x2d0 + 3 * 20), MIB);
	assert_int_equal(ram64(bp + 0x2d0 + 3 * 20 + 8), (RAM_MIB - 1) * MIB);
	assert_int_equal(ram32(bp + 0x2d0 + 3 * 20 + 16), 1);
	assert_int_equal(ram32(bp + 0x2d0 + 4 * 20 + 16), 2);	/* ECAM */
	/* Identity map: PML4 -> PDPT -> PD. */
	assert_int_equal(ram64(board.state.cr3) & ~0xfffull, board.state.cr3 + PAGE_SIZE);
	assert_int_equal(ram64((ram64(ram64(board.state.cr3) & ~0xfffull) & ~0xfffull) + 8 * 8),
			 PREF | 0x83);
}

static void linux_refused(void **state)
{
	u8 *p = make_bzimage();

	put16(p, 0x206, 0x20b);
	refused(-ENOEXEC, "kernel: boot protocol 2.11, at least 2.12");
	put16(p, 0x206, 0x20c);
	assert_int_equal(load(), 0);
	assert_int_equal(ram64(board.vcpu[0].arch.gpr[HVM_RSI] + 0x70), 0);	/* 2.14 only */
	put16(p, 0x236, 0);
	refused(-ENOEXEC, "XLF_KERNEL_64");
	put16(p, 0x236, 1);
	p[0x211] = 0;
	refused(-ENOEXEC, "zImage");
	p[0x211] = 1;
	put32(p, 0x1f4, CODE / 16 + 1);
	refused(-ENOEXEC, "truncated: 10240 bytes, its header says 10256");
	put32(p, 0x1f4, 0xffffffff);
	refused(-ENOEXEC, "truncated");
	put32(p, 0x1f4, 0);
	refused(-ENOEXEC, "inconsistent");
	put32(p, 0x1f4, CODE / 16);
	put32(p, 0x260, CODE - 1);
	refused(-ENOEXEC, "inconsistent");
	put32(p, 0x260, (RAM_MIB - 16) * MIB + 1);
	refused(-E2BIG, "needs 49152 KiB at 0x1000000, the guest has 64 MiB");
	put32(p, 0x260, INIT_SIZE);
	put64(p, 0x258, UINT64_MAX - 4096);
	refused(-E2BIG, "needs");
	put64(p, 0x258, 0xe0000);
	refused(-E2BIG, "needs");
	put64(p, 0x258, 0x1000);		/* over what the loader itself writes */
	refused(-E2BIG, "needs");
	put64(p, 0x258, PREF);
	p[0x1f1] = 0xff;
	refused(-ENOEXEC, "truncated");
	p[0x1f1] = SETUP_SECTS;
	put16(p, 0x1fe, 0);
	refused(-ENOEXEC, "neither a Linux bzImage nor a multiboot 1 kernel");
}

static void linux_initrd_refused(void **state)
{
	u8 *p = make_bzimage();

	strcpy(board.config.initrd, "initrd");
	refused(-ENOENT, "-initrd initrd: not in the boot archive");
	archive_file_add("initrd", 48 * MIB);
	refused(-E2BIG, "-initrd initrd: 49152 KiB, 45056 KiB are free above the kernel");
	archive_file_resize("initrd", 44 * MIB);
	assert_int_equal(load(), 0);
	archive_file_resize("initrd", 44 * MIB + 1);
	refused(-E2BIG, "are free");
	archive_file_resize("initrd", MIB);
	put32(p, 0x22c, 0x1000);		/* the kernel wants it below itself */
	refused(-E2BIG, "0 KiB are free");
	put32(p, 0x22c, 0xffffffff);
	assert_int_equal(load(), 0);
}

static void linux_cmdline_refused(void **state)
{
	static char text[2100];

	make_bzimage();
	memset(text, 'x', 2047);
	board.config.append = text;
	assert_int_equal(load(), 0);
	text[2047] = 'x';
	refused(-E2BIG, "2048 characters, the kernel takes 2047");
}

/* Before the user's own words, the last of which counts. */
static void linux_on_amd_is_told_the_tsc(void **state)
{
	static char text[2100];
	u64 bp;

	make_bzimage();
	board.amd = true;
	board.config.append = "quiet";
	assert_int_equal(load(), 0);
	bp = board.vcpu[0].arch.gpr[HVM_RSI];
	assert_string_equal(guest_mem_ptr(&board.guest.mem, ram32(bp + 0x228), 40),
			    "tsc_early_khz=1000000 quiet");
	memset(text, 'x', 2047);
	board.config.append = text;
	refused(-E2BIG, "2069 characters, the kernel takes 2047");
}

static void small_guest(void **state)
{
	make_bzimage();
	board_free();
	board_init(2);
	strcpy(board.config.kernel, "kernel");
	refused(-E2BIG, "the guest has 2 MiB");
}

/* ---- Multiboot ---- */

#define MB_OFF		64
#define MB_MAGIC	0x1badb002u

static u8 *make_flat(u32 load_addr, size_t size, u32 flags)
{
	u8 *p = archive_file_add("kernel", size);

	put32(p, MB_OFF, MB_MAGIC);
	put32(p, MB_OFF + 4, flags);
	put32(p, MB_OFF + 8, -(MB_MAGIC + flags));
	put32(p, MB_OFF + 12, load_addr + MB_OFF);
	put32(p, MB_OFF + 16, load_addr);
	put32(p, MB_OFF + 20, load_addr + (u32)size);
	put32(p, MB_OFF + 24, load_addr + (u32)size + 4096);
	put32(p, MB_OFF + 28, load_addr + 0x100);
	put32(p, 0x100, 0xcafebabe);
	return p;
}

static const char *string_at(u64 field)
{
	return guest_mem_ptr(&board.guest.mem, ram32(field), 1);
}

static void multiboot_flat_with_modules(void **state)
{
	u64 info, mods;

	make_flat(0x100000, 5000, 0x10003);
	memset(archive_file_add("mod1", 4097), 0x11, 4097);
	memset(archive_file_add("mod2", 10), 0x22, 10);
	strcpy(board.config.initrd, "mod1 with args,mod2");
	board.config.append = "a b=c";
	assert_int_equal(load(), 0);
	assert_int_equal(board.state.rip, 0x100100);
	assert_int_equal(ram32(0x100100), 0xcafebabe);
	assert_int_equal(ram32(0x100000 + 5000), 0);		/* bss */
	assert_int_equal(ram32(0x100000 + 5000 + 4096), 0xa5a5a5a5);
	assert_int_equal(board.state.cr0 & (CR0_PE | CR0_PG), CR0_PE);
	assert_int_equal(board.state.efer, 0);
	assert_int_equal(board.state.seg[HVM_CS].attr, 0x409b);
	assert_int_equal(board.vcpu[0].arch.gpr[HVM_RAX], 0x2badb002);
	info = board.vcpu[0].arch.gpr[HVM_RBX];
	assert_true(ram32(info) & BIT(0) && ram32(info) & BIT(2) && ram32(info) & BIT(3) &&
		    ram32(info) & BIT(6));
	assert_int_equal(ram32(info + 4), 639);
	assert_int_equal(ram32(info + 8), (RAM_MIB - 1) * 1024);
	assert_string_equal(string_at(info + 16), "kernel a b=c");
	assert_int_equal(ram32(info + 20), 2);
	mods = ram32(info + 24);
	assert_int_equal(ram32(mods) % PAGE_SIZE, 0);
	assert_in_range(ram32(mods), 0x100000 + 5000 + 4096, 0x110000);
	assert_int_equal(ram32(mods + 4) - ram32(mods), 4097);
	assert_int_equal(ram32(ram32(mods)), 0x11111111);
	assert_string_equal(string_at(mods + 8), "mod1 with args");
	assert_int_equal(ram32(ram32(mods + 16)), 0x22222222);
	assert_string_equal(string_at(mods + 24), "mod2");
	assert_in_range(ram32(mods + 16), ram32(mods + 4), 0x120000);
	assert_int_equal(ram32(info + 44) % 24, 0);
	assert_int_equal(ram32(ram32(info + 48)), 20);
	assert_string_equal(string_at(info + 64), "Ringvisor");
	assert_memory_equal(guest_mem_ptr(&board.guest.mem, VPC_BIOS_BASE, 8), "RSD PTR ", 8);
}

static void multiboot_flat_refused(void **state)
{
	u8 *p = make_flat(0x100000, 5000, 0x10003);

	put32(p, MB_OFF + 12, 0x100000 - 4);
	refused(-ENOEXEC, "header_addr, load_addr");
	put32(p, MB_OFF + 12, 0x100000 + MB_OFF + 4);
	refused(-ENOEXEC, "header_addr, load_addr");
	put32(p, MB_OFF + 12, 0x100000 + MB_OFF);
	put32(p, MB_OFF + 20, 0x100000 + 5001);
	refused(-ENOEXEC, "truncated");
	put32(p, MB_OFF + 20, 0xfffff);
	refused(-ENOEXEC, "load_end_addr below");
	put32(p, MB_OFF + 20, 0);		/* up to the file's end */
	assert_int_equal(load(), 0);
	put32(p, MB_OFF + 24, 0x100010);
	refused(-ENOEXEC, "bss_end_addr below");
	put32(p, MB_OFF + 24, 0xffffffff);
	refused(-E2BIG, "not in the guest's memory");
	put32(p, MB_OFF + 24, 0);
	put32(p, MB_OFF + 28, 0x90000);
	refused(-ENOEXEC, "entry point");
	put32(p, MB_OFF + 28, 0x100000 + 5000);
	refused(-ENOEXEC, "entry point");
	put32(p, MB_OFF + 4, 0x10010);
	put32(p, MB_OFF + 8, -(MB_MAGIC + 0x10010));
	refused(-ENOEXEC, "requires what is not known (flags 0x10010)");
}

static void multiboot_modules_refused(void **state)
{
	make_flat(0x100000, 5000, 0x10003);
	strcpy(board.config.initrd, "nowhere args");
	refused(-ENOENT, "-initrd nowhere: not in the boot archive");
	archive_file_add("m", 64 * MIB);
	strcpy(board.config.initrd, "m");
	refused(-E2BIG, "-initrd m: 65536 KiB do not fit");
	archive_file_resize("m", 1);
	strcpy(board.config.initrd, "m,m,m,m,m,m,m,m,m");
	refused(-E2BIG, "more than 8 modules");
	strcpy(board.config.initrd, "m,m,m,m,m,m,m,m");
	assert_int_equal(load(), 0);
	strcpy(board.config.initrd, ",,m,,");
	assert_int_equal(load(), 0);
	assert_int_equal(ram32(board.vcpu[0].arch.gpr[HVM_RBX] + 20), 1);
}

static void multiboot_low_kernel(void **state)
{
	u8 *kernel;
	u64 info;

	kernel = make_flat(0x8000, 0x20000, 0x10003);	/* where the information would go */
	assert_int_equal(load(), 0);
	info = board.vcpu[0].arch.gpr[HVM_RBX];
	assert_in_range(info, 0x8000 + 0x20000 + 4096, RAM_MIB * MIB);
	put32(kernel, MB_OFF + 24, 0xa0001);	/* into the reserved range */
	refused(-E2BIG, "not in the guest's memory");
}

/* ---- ELF ---- */

#define PH32	52
#define PH64	64

static u8 *make_elf(bool is_64, size_t size)
{
	u8 *p = archive_file_add("kernel", size);

	memcpy(p, "\177ELF", 4);
	p[4] = is_64 ? 2 : 1;
	p[5] = p[6] = 1;
	put16(p, 16, 2);
	put16(p, 18, is_64 ? 62 : 3);
	if (is_64) {
		put64(p, 24, 0xffffffff80200010);	/* entry, virtual */
		put64(p, 32, PH64);
		put16(p, 54, 56);
		put16(p, 56, 1);
		put32(p, PH64, 1);
		put64(p, PH64 + 8, 0x1000);
		put64(p, PH64 + 16, 0xffffffff80200000);
		put64(p, PH64 + 24, 0x200000);
		put64(p, PH64 + 32, size - 0x1000);
		put64(p, PH64 + 40, 0x10000);
	} else {
		put32(p, 24, 0x200010);
		put32(p, 28, PH32);
		put16(p, 42, 32);
		put16(p, 44, 1);
		put32(p, PH32, 1);
		put32(p, PH32 + 4, 0x1000);
		put32(p, PH32 + 8, 0x200000);
		put32(p, PH32 + 12, 0x200000);
		put32(p, PH32 + 16, (u32)size - 0x1000);
		put32(p, PH32 + 20, 0x10000);
	}
	put32(p, 0x1000, MB_MAGIC);
	put32(p, 0x1004, 3);
	put32(p, 0x1008, -(MB_MAGIC + 3));
	put32(p, 0x1010, 0xfeedface);
	return p;
}

static void elf_good(void **state)
{
	for (unsigned int is_64 = 0; is_64 < 2; is_64++) {
		make_elf(is_64, 0x2345);
		assert_int_equal(load(), 0);
		assert_int_equal(board.state.rip, 0x200010);
		assert_int_equal(ram32(0x200010), 0xfeedface);
		assert_int_equal(ram32(0x200000 + 0x1345), 0);
		assert_int_equal(ram32(0x200000 + 0x10000 - 4), 0);
		archive_file_drop();
	}
}

static void elf32_refused(void **state)
{
	u8 *p = make_elf(false, 0x2345);

	put32(p, PH32 + 16, 0x1346);
	refused(-ENOEXEC, "truncated: an ELF segment lies outside the file");
	put32(p, PH32 + 4, 0xffffffff);
	refused(-ENOEXEC, "truncated: an ELF segment lies outside the file");
	put32(p, PH32 + 4, 0x1000);
	put32(p, PH32 + 16, 0x1000);
	put32(p, PH32 + 20, 0xfff);
	refused(-ENOEXEC, "larger in the file than in memory");
	put32(p, PH32 + 20, 0xffffffff);
	refused(-E2BIG, "not in the guest's memory");
	put32(p, PH32 + 20, 0x10000);
	put32(p, PH32 + 12, 0xf0000);
	refused(-E2BIG, "not in the guest's memory");
	put32(p, PH32 + 12, 0x200000);
	put16(p, 44, 0xffff);
	refused(-ENOEXEC, "program headers outside the file");
	put16(p, 44, 0);
	refused(-ENOEXEC, "program headers outside the file");
	put16(p, 44, 1);
	put16(p, 42, 31);
	refused(-ENOEXEC, "program headers too small");
	put16(p, 42, 32);
	put32(p, 28, 0xfffffff0);
	refused(-ENOEXEC, "program headers outside the file");
	put32(p, 28, PH32);
	put16(p, 18, 40);
	refused(-ENOEXEC, "another machine");
	put16(p, 18, 3);
	put16(p, 16, 1);
	refused(-ENOEXEC, "not an executable");
	put16(p, 16, 2);
	p[0] = 0;
	refused(-ENOEXEC, "not an ELF file");
	p[0] = 0x7f;
	put32(p, PH32, 6);		/* nothing to load */
	refused(-ENOEXEC, "entry point");
}

static void elf64_refused(void **state)
{
	u8 *p = make_elf(true, 0x2345);

	put64(p, 32, UINT64_MAX - 8);
	refused(-ENOEXEC, "program headers outside the file");
	put64(p, 32, PH64);
	put64(p, PH64 + 8, UINT64_MAX - 8);
	refused(-ENOEXEC, "outside the file");
	put64(p, PH64 + 8, 0x1000);
	put64(p, PH64 + 24, UINT64_MAX - 0xfff);
	refused(-E2BIG, "not in the guest's memory");
	put64(p, PH64 + 24, 0x200000);
	put64(p, PH64 + 40, UINT64_MAX);
	refused(-E2BIG, "not in the guest's memory");
	put64(p, PH64 + 40, 0x10000);
	put64(p, 24, 0x300000);
	refused(-ENOEXEC, "entry point");
}

/* ---- Anything ---- */

static void no_kernel(void **state)
{
	refused(-ENOENT, "-kernel kernel: not in the boot archive");
	archive_file_add("kernel", 0);
	refused(-ENOEXEC, "neither");
	memset(archive_file_resize("kernel", 100), 0xff, 100);
	refused(-ENOEXEC, "neither");
}

static void truncated_anywhere(void **state)
{
	size_t full;

	for (unsigned int kind = 0; kind < 4; kind++) {
		if (kind == 0)
			make_bzimage();
		else if (kind == 1)
			make_flat(0x100000, 0x400, 0x10003);
		else
			make_elf(kind == 3, 0x1100);
		full = archive_file_size("kernel");
		for (size_t size = full - 1; size > 0; size -= size > 0x300 ? 97 : 1) {
			archive_file_resize("kernel", size);
			assert_int_not_equal(load(), 0);
			assert_int_equal(host_log_count("guest test: "), 1);
		}
		archive_file_drop();
	}
}

/* One byte after the other replaced: it loads or is refused with a line, never more. */
static void any_byte_changed(void **state)
{
	static const u8 vals[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };

	for (unsigned int kind = 0; kind < 4; kind++) {
		size_t from = 0, to = 0x80;
		u8 *p;

		if (kind == 0) {
			p = make_bzimage();
			from = 0x1f1;
			to = 0x270;
		} else if (kind == 1) {
			p = make_flat(0x100000, 0x400, 0x10003);
		} else {
			p = make_elf(kind == 3, 0x1100);
		}
		for (size_t i = from; i < to; i++) {
			u8 before = p[i];

			for (unsigned int v = 0; v < sizeof(vals); v++) {
				p[i] = vals[v];
				if (load())
					assert_int_equal(host_log_count("guest test: "), 1);
			}
			p[i] = before;
		}
		assert_int_equal(load(), 0);
		archive_file_drop();
	}
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(linux_good), T(linux_memory_map), T(linux_refused), T(linux_initrd_refused),
		T(linux_cmdline_refused), T(linux_on_amd_is_told_the_tsc), T(small_guest),
		T(multiboot_flat_with_modules),
		T(multiboot_flat_refused), T(multiboot_modules_refused), T(multiboot_low_kernel),
		T(elf_good), T(elf32_refused), T(elf64_refused), T(no_kernel),
		T(truncated_anywhere), T(any_byte_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
