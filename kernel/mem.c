/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page-frame allocator: an array of free extents in address order. Allocations are few and
 * long-lived (a guest's RAM is one of them), so a search through the array is all it takes.
 *
 * Small allocations come from the lowest extent that fits, large and guest ones from the highest:
 * pages of the hypervisor do not end up between guests, and DMA buffers end up below 4 GiB.
 */
#include <errno.h>
#include <string.h>

#include "boot/boot.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/mem.h"

#define LOW_MEMORY	(1 * MIB)	/* left to firmware and real mode */
#define LOW_PAGES_FROM	(64 * KIB)	/* below it, some firmware writes behind our back */
#define LOW_PAGES_TO	(640 * KIB)
#define LARGE_ALIGN	(2 * MIB)

/* Each allocation or release adds one extent at most; the array is grown well before it is full. */
#define EXTENTS_STATIC	512
#define EXTENTS_SPARE	4

struct extents {
	struct mem_range *range;	/* ascending, not touching each other */
	unsigned int nr, max;
};

static struct mem_range ram_ranges[BOOT_MEM_MAX * 2];
static struct extents ram = { ram_ranges, 0, ARRAY_SIZE(ram_ranges) };

static struct spinlock mem_lock = SPINLOCK_INIT(LOCK_MEM);	/* guards all below */
static struct mem_range free_ranges[EXTENTS_STATIC];
static struct extents frames = { free_ranges, 0, EXTENTS_STATIC };
static u64 used[MEM_OWNERS];
static u64 low_page;

static const char *const owner_names[MEM_OWNERS] = {
	[MEM_FREE] = "free",
	[MEM_BOOT] = "boot",
	[MEM_HEAP] = "heap",
	[MEM_STACK] = "stacks",
	[MEM_PAGE_TABLE] = "page-tables",
	[MEM_EPT] = "nested-paging",
	[MEM_GUEST] = "guests",
	[MEM_DMA] = "dma",
	[MEM_VHOST] = "vhost",
};

/* First extent that ends above @addr. */
static unsigned int extent_index(const struct extents *e, u64 addr)
{
	unsigned int i = 0;

	while (i < e->nr && e->range[i].base + e->range[i].size <= addr)
		i++;
	return i;
}

/* Put @nr extents of @with in place of those in [from, to). -ENOSPC: the array is full. */
static int extents_replace(struct extents *e, unsigned int from, unsigned int to,
			   const struct mem_range *with, unsigned int nr)
{
	if (e->nr - (to - from) + nr > e->max)
		return -ENOSPC;
	memmove(&e->range[from + nr], &e->range[to], (e->nr - to) * sizeof(*with));
	memcpy(&e->range[from], with, nr * sizeof(*with));
	e->nr = e->nr - (to - from) + nr;
	return 0;
}

/* Add a range, merged with what it overlaps or touches. */
static int extents_add(struct extents *e, u64 base, u64 size)
{
	struct mem_range merged = { base, size };
	unsigned int from, to;
	u64 end = base + size;

	from = to = extent_index(e, base);
	if (from > 0 && e->range[from - 1].base + e->range[from - 1].size == base)
		from--;
	if (from < e->nr && e->range[from].base < merged.base)
		merged.base = e->range[from].base;
	for (; to < e->nr && e->range[to].base <= end; to++)
		end = MAX(end, e->range[to].base + e->range[to].size);
	merged.size = end - merged.base;
	return extents_replace(e, from, to, &merged, 1);
}

/* Take a range out; whatever of it is not there does not matter. */
static int extents_remove(struct extents *e, u64 base, u64 size)
{
	u64 end = base + size;
	unsigned int from = extent_index(e, base), to = from, nr = 0;
	struct mem_range rest[2];

	if (from < e->nr && e->range[from].base < base) {
		rest[nr].base = e->range[from].base;
		rest[nr++].size = base - e->range[from].base;
	}
	for (; to < e->nr && e->range[to].base < end; to++)
		;
	if (to > from) {
		const struct mem_range *last = &e->range[to - 1];

		if (last->base + last->size > end) {
			rest[nr].base = end;
			rest[nr++].size = last->base + last->size - end;
		}
	}
	return to > from ? extents_replace(e, from, to, rest, nr) : 0;
}

static u64 extents_total(const struct extents *e)
{
	u64 total = 0;

	for (unsigned int i = 0; i < e->nr; i++)
		total += e->range[i].size;
	return total;
}

static bool extents_overlap(const struct extents *e, u64 base, u64 size)
{
	unsigned int i = extent_index(e, base);

	return i < e->nr && e->range[i].base < base + size;
}

/* Page-aligned range of a boot map entry: inwards for RAM, outwards for the rest. */
static bool boot_range(const struct boot_mem *mem, bool inwards, u64 *base, u64 *size)
{
	u64 top = UINT64_MAX - PAGE_SIZE + 1;	/* the last page is never used */
	u64 end = mem->size > top - MIN(mem->base, top) ? top : mem->base + mem->size;

	*base = MIN(mem->base, top);
	*base = inwards ? ALIGN_UP(*base, PAGE_SIZE) : ALIGN_DOWN(*base, PAGE_SIZE);
	end = inwards ? ALIGN_DOWN(end, PAGE_SIZE) : ALIGN_UP(end, PAGE_SIZE);
	*size = end > *base ? end - *base : 0;
	return *size != 0;
}

static int ram_init(const struct boot_info *bi)
{
	u64 base, size;
	int err = 0;

	for (unsigned int i = 0; i < bi->nr_mem && !err; i++)
		if (bi->mem[i].type == BOOT_MEM_RAM && boot_range(&bi->mem[i], true, &base, &size))
			err = extents_add(&ram, base, size);
	for (unsigned int i = 0; i < bi->nr_mem && !err; i++)
		if (bi->mem[i].type != BOOT_MEM_RAM && boot_range(&bi->mem[i], false, &base, &size))
			err = extents_remove(&ram, base, size);
	return err ? err : ram.nr ? 0 : -ENOMEM;
}

static u64 find_low_page(u64 from)
{
	unsigned int i = extent_index(&frames, from);
	u64 page;

	if (i == frames.nr)
		return 0;
	page = MAX(frames.range[i].base, from);
	return page < LOW_PAGES_TO ? page : 0;
}

static int take(u64 base, u64 size)
{
	u64 start = ALIGN_DOWN(base, PAGE_SIZE);

	return extents_remove(&frames, start, ALIGN_UP(base + size, PAGE_SIZE) - start);
}

int mem_init(const struct boot_info *bi)
{
	u64 image = virt_to_phys(__image_start), image_end = virt_to_phys(__image_end);
	int err = ram_init(bi);

	if (err)
		return err;
	memcpy(free_ranges, ram_ranges, ram.nr * sizeof(*ram_ranges));
	frames.nr = ram.nr;
	err = take(image, image_end - image);
	if (!err && bi->archive_size)
		err = take(bi->archive, bi->archive_size);
	low_page = find_low_page(LOW_PAGES_FROM);
	if (!low_page)
		low_page = find_low_page(PAGE_SIZE);
	if (!err)
		err = take(0, LOW_MEMORY);
	used[MEM_BOOT] = image_end - image + ALIGN_UP(bi->archive_size, PAGE_SIZE);
	return err ? err : frames.nr ? 0 : -ENOMEM;
}

/* Lowest address in extent @i for @size bytes aligned to @align, or 0. */
static u64 fit_low(unsigned int i, u64 size, u64 align)
{
	const struct mem_range *r = &frames.range[i];
	u64 base = ALIGN_UP(r->base, align);

	return base >= r->base && base - r->base <= r->size && size <= r->size - (base - r->base) ?
	       base : 0;
}

static u64 fit_high(unsigned int i, u64 size, u64 align)
{
	const struct mem_range *r = &frames.range[i];
	u64 base;

	if (size > r->size)
		return 0;
	base = ALIGN_DOWN(r->base + r->size - size, align);
	return base >= r->base ? base : 0;
}

static u64 find(u64 size, u64 align, bool high)
{
	u64 base = 0;

	for (unsigned int i = 0; i < frames.nr && !base; i++)
		base = high ? fit_high(frames.nr - 1 - i, size, align) : fit_low(i, size, align);
	return base;
}

static u64 alloc_locked(u64 size, u64 align, enum mem_owner owner)
{
	u64 base = find(size, align, owner == MEM_GUEST || align >= LARGE_ALIGN);

	if (!base || extents_remove(&frames, base, size))
		return 0;
	used[owner] += size;
	return base;
}

/* A longer array while there is still room in this one. Not before the direct map is final. */
static void extents_grow(void)
{
	u64 bytes = frames.max * sizeof(*frames.range), bigger;
	struct mem_range *old = frames.range;

	if (frames.nr + EXTENTS_SPARE <= frames.max)
		return;
	bigger = alloc_locked(2 * bytes, PAGE_SIZE, MEM_HEAP);
	if (!bigger)
		return;
	frames.range = memcpy(phys_to_virt(bigger), old, bytes);
	frames.max *= 2;
	if (old != free_ranges && !extents_add(&frames, virt_to_phys(old), bytes))
		used[MEM_HEAP] -= bytes;
}

u64 mem_alloc(u64 size, u64 align, enum mem_owner owner)
{
	u64 phys;

	if (!size || size > UINT64_MAX - PAGE_SIZE)
		return 0;
	size = ALIGN_UP(size, PAGE_SIZE);
	spin_lock(&mem_lock);
	phys = alloc_locked(size, MAX(align, PAGE_SIZE), owner);
	extents_grow();
	spin_unlock(&mem_lock);
	if (phys && owner != MEM_GUEST)
		memset(phys_to_virt(phys), 0, size);
	return phys;
}

void mem_free(u64 phys, u64 size, enum mem_owner owner)
{
	bool sane;
	int err = 0;

	size = ALIGN_UP(size, PAGE_SIZE);
	spin_lock(&mem_lock);
	sane = size && IS_ALIGNED(phys, PAGE_SIZE) && used[owner] >= size &&
	       mem_is_ram(phys, size) && !extents_overlap(&frames, phys, size);
	if (sane) {
		err = extents_add(&frames, phys, size);
		used[owner] -= size;
		extents_grow();
	}
	spin_unlock(&mem_lock);
	if (!sane)
		panic("mem: %s: free of what is not allocated (%#lx, %lu bytes)",
		      owner_names[owner], phys, size);
	if (err)
		pr_err("mem: %s: %lu bytes lost, too many free extents", owner_names[owner],
		       size);
}

u64 mem_used(enum mem_owner owner)
{
	u64 bytes;

	spin_lock(&mem_lock);
	bytes = owner == MEM_FREE ? extents_total(&frames) : used[owner];
	spin_unlock(&mem_lock);
	return bytes;
}

const char *mem_owner_name(enum mem_owner owner)
{
	return owner < MEM_OWNERS ? owner_names[owner] : "?";
}

void mem_for_each_ram(void (*fn)(void *arg, const struct mem_range *range), void *arg)
{
	for (unsigned int i = 0; i < ram.nr; i++)
		fn(arg, &ram_ranges[i]);
}

u64 mem_total(void)
{
	return extents_total(&ram);
}

bool mem_is_ram(u64 phys, u64 size)
{
	unsigned int i = extent_index(&ram, phys);
	const struct mem_range *r = &ram_ranges[i];

	return i < ram.nr && r->base <= phys && size <= r->size - (phys - r->base);
}

u64 mem_low_page(void)
{
	return low_page;
}
