/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's own page tables: SDM 3A 4.5 (4-level paging). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/paging.h"
#include "arch/x86/smp.h"
#include "asm/layout.h"
#include "boot/boot.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/mem.h"

#define ENTRIES		512
#define LEVELS		4
#define PAGE_2M		(2 * MIB)
#define PAGE_1G		(1 * GIB)

/* Permissions of a mapping, in PTE bits. */
#define MAP_RX		0ull
#define MAP_R		PTE_XD
#define MAP_RW		(PTE_RW | PTE_XD)
#define MAP_RWX		PTE_RW			/* the trampoline's page only */
#define MAP_UC		(PTE_PCD | PTE_PWT)	/* PAT entry 3 */

/* A part of the address space that is handed out upwards and never taken back. */
struct window {
	u64 next, end;
};

static struct spinlock paging_lock = SPINLOCK_INIT(LOCK_PAGING);	/* tables and windows */
static u64 *root;
static u64 direct_base;			/* 0 while the early tables' identity map is in use */
static bool nx, large_1g;
static struct window heap_window = { HEAP_BASE, HEAP_BASE + HEAP_SIZE };
static struct window device_window = { WINDOW_BASE, WINDOW_BASE + WINDOW_SIZE };
static struct window stack_window = { STACKS_BASE, STACKS_BASE + STACKS_SIZE };

void *phys_to_virt(u64 phys)
{
	return (void *)(direct_base + phys);
}

u64 virt_to_phys(const void *virt)
{
	u64 addr = (u64)virt;

	if (addr >= KERNEL_VMA)
		return addr - KERNEL_VMA;
	if (addr - direct_base < DIRECT_MAP_SIZE)
		return addr - direct_base;
	panic("paging: virt_to_phys(%p): neither direct map nor image", virt);
}

u64 paging_root(void)
{
	return virt_to_phys(root);
}

static u64 *table_alloc(void)
{
	u64 phys = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_PAGE_TABLE);

	return phys ? phys_to_virt(phys) : NULL;
}

static unsigned int entry_index(u64 virt, unsigned int level)
{
	return virt >> (12 + 9 * level) & (ENTRIES - 1);
}

/* The entry for @virt at @level (0: 4 KiB, 1: 2 MiB, 2: 1 GiB), with the tables above it. */
static u64 *entry_get(u64 virt, unsigned int level)
{
	u64 *table = root;

	for (unsigned int l = LEVELS - 1; l > level; l--) {
		u64 *entry = &table[entry_index(virt, l)];

		if (!*entry) {
			u64 *below = table_alloc();

			if (!below)
				return NULL;
			*entry = virt_to_phys(below) | PTE_P | PTE_RW;
		}
		debug_check(!(*entry & PTE_PS));
		table = phys_to_virt(*entry & PTE_ADDR);
	}
	return &table[entry_index(virt, level)];
}

static unsigned int largest_level(u64 virt, u64 phys, u64 size)
{
	if (large_1g && IS_ALIGNED(virt | phys, PAGE_1G) && size >= PAGE_1G)
		return 2;
	return IS_ALIGNED(virt | phys, PAGE_2M) && size >= PAGE_2M ? 1 : 0;
}

/* Page-aligned. On -ENOMEM what was mapped stays, harmless: nobody is told the address. */
static int map(u64 virt, u64 phys, u64 size, u64 flags)
{
	if (!nx)
		flags &= ~PTE_XD;
	while (size) {
		unsigned int level = largest_level(virt, phys, size);
		u64 step = PAGE_SIZE << (9 * level);
		u64 *entry = entry_get(virt, level);

		if (!entry)
			return -ENOMEM;
		*entry = phys | flags | PTE_P | PTE_A | PTE_D | (level ? PTE_PS : 0);
		virt += step;
		phys += step;
		size -= step;
	}
	return 0;
}

static int map_image(void)
{
	static const struct {
		const char *start, *end;
		u64 flags;
	} parts[] = {
		{ __text_start, __text_end, MAP_RX },
		{ __rodata_start, __rodata_end, MAP_R },
		{ __data_start, __data_end, MAP_RW },
		{ __bss_start, __bss_end, MAP_RW },
	};
	int err = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(parts) && !err; i++)
		err = map((u64)parts[i].start, virt_to_phys(parts[i].start),
			  parts[i].end - parts[i].start, parts[i].flags);
	return err;
}

/* RAM but for the image, which has its own mapping with its own permissions. */
static void map_direct(void *arg, const struct mem_range *range)
{
	u64 image = virt_to_phys(__image_start), image_end = virt_to_phys(__image_end);
	u64 base = range->base, end = MIN(base + range->size, DIRECT_MAP_SIZE);
	int *err = arg;

	if (!*err && base < MIN(end, image))
		*err = map(DIRECT_MAP_BASE + base, base, MIN(end, image) - base, MAP_RW);
	base = MAX(base, image_end);
	if (!*err && base < end)
		*err = map(DIRECT_MAP_BASE + base, base, end - base, MAP_RW);
}

int paging_init(const struct boot_info *bi)
{
	int err;

	nx = cpuid_or_zero(CPUID_EXT_AMD, 0).edx & CPUID_81_EDX_NX;
	large_1g = cpuid_or_zero(CPUID_EXT_AMD, 0).edx & CPUID_81_EDX_PAGE_1G;
	cpu_control_init();
	root = table_alloc();
	if (!root)
		return -ENOMEM;
	err = map_image();
	mem_for_each_ram(map_direct, &err);
	if (err)
		return err;
	write_cr3(virt_to_phys(root));
	root = (u64 *)(DIRECT_MAP_BASE + virt_to_phys(root));
	direct_base = DIRECT_MAP_BASE;
	return 0;
}

void paging_describe(char *buf, size_t len)
{
	u64 cr4 = read_cr4();

	snprintf(buf, len, "%s%s%s%s%s", nx ? "W^X NX" : "no NX, data is executable",
		 cr4 & CR4_SMEP ? " SMEP" : "", cr4 & CR4_SMAP ? " SMAP" : "",
		 cr4 & CR4_UMIP ? " UMIP" : "", large_1g ? " 1G-pages" : "");
}

static u64 window_take(struct window *w, u64 size, u64 align)
{
	u64 virt = ALIGN_UP(w->next, align);

	if (virt > w->end || size > w->end - virt)
		return 0;
	w->next = virt + size;
	return virt;
}

static void *window_map(u64 phys, u64 size, u64 flags)
{
	u64 base = ALIGN_DOWN(phys, PAGE_SIZE), virt;
	u64 bytes = ALIGN_UP(phys - base + size, PAGE_SIZE);
	u64 align = bytes >= PAGE_2M && IS_ALIGNED(base, PAGE_2M) ? PAGE_2M : PAGE_SIZE;

	if (!size || size > WINDOW_SIZE || base & ~PTE_ADDR)
		return NULL;
	spin_lock(&paging_lock);
	virt = window_take(&device_window, bytes, align);
	if (virt && map(virt, base, bytes, flags))
		virt = 0;
	spin_unlock(&paging_lock);
	return virt ? (void *)(virt + (phys - base)) : NULL;
}

void *mmio_map(u64 phys, u64 size)
{
	return window_map(phys, size, MAP_RW | MAP_UC);
}

const void *firmware_map(u64 phys, u64 size)
{
	return window_map(phys, size, MAP_R);
}

void *stack_alloc(u64 size)
{
	u64 virt = 0, phys;

	size = ALIGN_UP(size, PAGE_SIZE);
	phys = mem_alloc(size, PAGE_SIZE, MEM_STACK);
	if (!phys)
		return NULL;
	spin_lock(&paging_lock);
	virt = window_take(&stack_window, PAGE_SIZE + size, PAGE_SIZE);
	if (virt && map(virt + PAGE_SIZE, phys, size, MAP_RW))
		virt = 0;
	spin_unlock(&paging_lock);
	if (!virt) {
		mem_free(phys, size, MEM_STACK);
		return NULL;
	}
	return (void *)(virt + PAGE_SIZE + size);
}

/* Page by page: no frames need be contiguous. What was mapped before an error is used next. */
void *heap_grow(u64 pages)
{
	static u64 mapped = HEAP_BASE;
	u64 start, phys;
	int err = 0;

	spin_lock(&paging_lock);
	start = pages ? window_take(&heap_window, pages * PAGE_SIZE, PAGE_SIZE) : 0;
	while (start && mapped < heap_window.next && !err) {
		phys = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_HEAP);
		err = phys ? map(mapped, phys, PAGE_SIZE, MAP_RW) : -ENOMEM;
		if (!err)
			mapped += PAGE_SIZE;
		else if (phys)
			mem_free(phys, PAGE_SIZE, MEM_HEAP);
	}
	if (err)
		heap_window.next = start;
	spin_unlock(&paging_lock);
	return err || !start ? NULL : (void *)start;
}

int paging_map_low_page(u64 phys)
{
	int err;

	spin_lock(&paging_lock);
	err = map(phys, phys, PAGE_SIZE, MAP_RWX);
	spin_unlock(&paging_lock);
	return err;
}

void paging_unmap_low_page(u64 phys)
{
	u64 *entry;

	spin_lock(&paging_lock);
	entry = entry_get(phys, 0);
	if (entry)
		*entry = 0;
	spin_unlock(&paging_lock);
	invlpg((const void *)phys);
}
