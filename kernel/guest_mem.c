/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest RAM: building the table, and accesses that may cross from one range into the next. */
#include "kernel/guest_mem.h"

#include <errno.h>
#include <string.h>

/* Does any byte of [gpa, gpa + size) belong to guest RAM? A wrapping range does. */
static bool overlaps(const struct guest_mem *gm, u64 gpa, u64 size)
{
	if (gpa + size < gpa)
		return true;
	for (unsigned int i = 0; i < gm->nr; i++) {
		const struct guest_mem_region *r = &gm->region[i];

		if (gpa < r->gpa + r->size && r->gpa < gpa + size)
			return true;
	}
	return false;
}

const struct guest_mem_region *guest_mem_find_other(const struct guest_mem *gm, u64 gpa, u64 len,
						    unsigned int access)
{
	for (unsigned int i = 1; i < gm->nr; i++)
		if (guest_mem_inside(&gm->region[i], gpa, len))
			return &gm->region[i];
	return gm->refill ? gm->refill(gm, gpa, len, access) : NULL;
}

int guest_mem_add(struct guest_mem *gm, u64 gpa, u64 size, void *hva, u64 phys)
{
	if (!size || !IS_ALIGNED(gpa | size, PAGE_SIZE) || overlaps(gm, gpa, size))
		return -EINVAL;
	if (gm->nr == GUEST_MEM_REGIONS)
		return -ENOSPC;
	gm->region[gm->nr++] = (struct guest_mem_region){
		.gpa = gpa, .size = size, .hva = hva, .phys = phys,
	};
	return 0;
}

u64 guest_mem_phys(const struct guest_mem *gm, u64 gpa, u64 len)
{
	const struct guest_mem_region *r = guest_mem_find(gm, gpa, len, 0);

	return r ? r->phys + (gpa - r->gpa) : 0;
}

/*
 * The part of [gpa, gpa + len) that lies in one region: its pointer, its length in @part.
 * A range that would wrap ends at the top of the address space, where no region is.
 */
static u8 *range_start(const struct guest_mem *gm, u64 gpa, u64 len, unsigned int access,
		       u64 *part)
{
	const struct guest_mem_region *r = guest_mem_find(gm, gpa, 0, access);

	if (!r)
		return NULL;
	*part = MIN(len, r->size - (gpa - r->gpa));
	return r->hva + (gpa - r->gpa);
}

int guest_mem_read(const struct guest_mem *gm, u64 gpa, void *dst, u64 len)
{
	u8 *to = dst;
	u64 part;

	for (; len; gpa += part, to += part, len -= part) {
		const u8 *from = range_start(gm, gpa, len, GUEST_MEM_READ, &part);

		if (!from)
			return -EFAULT;
		memcpy(to, from, part);
	}
	return 0;
}

int guest_mem_write(const struct guest_mem *gm, u64 gpa, const void *src, u64 len)
{
	const u8 *from = src;
	u64 part;

	for (; len; gpa += part, from += part, len -= part) {
		u8 *to = range_start(gm, gpa, len, GUEST_MEM_WRITE, &part);

		if (!to)
			return -EFAULT;
		memcpy(to, from, part);
	}
	return 0;
}
