/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical memory: a page-frame allocator over the boot map. Any CPU (mem_lock).
 * Everything allocated is mapped read-write, no-execute in the direct map, so a
 * physical address and its pointer convert both ways with phys_to_virt()/virt_to_phys().
 */
#ifndef KERNEL_MEM_H
#define KERNEL_MEM_H

#include "kernel/types.h"

struct boot_info;

enum mem_owner {	/* what `info mem` accounts for */
	MEM_FREE,
	MEM_BOOT,	/* image, archive */
	MEM_HEAP,
	MEM_STACK,
	MEM_PAGE_TABLE,	/* the hypervisor's own */
	MEM_EPT,	/* nested page tables, VMCS, MSR/IO bitmaps: per guest */
	MEM_GUEST,	/* guest RAM */
	MEM_DMA,	/* NIC rings and buffers */
	MEM_VHOST,	/* frames, ring shadows */
	MEM_OWNERS
};

/* BSP, once, before any other call. 0, or -ENOMEM when no usable RAM was found. */
int mem_init(const struct boot_info *bi);

/*
 * mem_alloc() - @size bytes (rounded up to pages), physically contiguous, aligned to
 * @align (a power of two, >= PAGE_SIZE), zeroed unless @owner is MEM_GUEST (which the
 * caller clears: it may be large). Returns the physical address or 0.
 * mem_free() - give back exactly what was allocated, same size and owner.
 */
u64 mem_alloc(u64 size, u64 align, enum mem_owner owner);
void mem_free(u64 phys, u64 size, enum mem_owner owner);

/* Bytes in use by @owner; MEM_FREE: bytes left. */
u64 mem_used(enum mem_owner owner);
const char *mem_owner_name(enum mem_owner owner);

/*
 * What the machine has, as the boot map told it and before anything was taken: RAM in page-aligned
 * ranges, ascending, overlaps with other types resolved against RAM.
 */
struct mem_range {
	u64 base, size;
};
void mem_for_each_ram(void (*fn)(void *arg, const struct mem_range *range), void *arg);
u64 mem_total(void);
bool mem_is_ram(u64 phys, u64 size);	/* all of it, in one range */

/* One page of RAM below 1 MiB that nothing else uses, for the AP trampoline; 0: there is none. */
u64 mem_low_page(void);

/* Direct map (arch): valid for all RAM and for nothing else. */
void *phys_to_virt(u64 phys);
u64 virt_to_phys(const void *virt);	/* direct map and image addresses only */

/* Device registers, uncached, never unmapped. Page-granular underneath. NULL if out of room. */
void *mmio_map(u64 phys, u64 size);

/*
 * A stack of @size bytes (whole pages) with an unmapped guard page below it.
 * Returns its top (highest address, 16-byte aligned) or NULL.
 */
void *stack_alloc(u64 size);

/*
 * The C library's heap grows through this: @pages more, virtually contiguous with what
 * it returned before. NULL when memory or the heap's window is used up.
 */
void *heap_grow(u64 pages);

#endif
