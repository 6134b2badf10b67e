/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's I/O space: a sorted array, searched by bisection. */
#include "kernel/io.h"

#include <errno.h>
#include <string.h>

/* Index of the first region that ends above @addr; space->nr if there is none. */
static unsigned int io_search(const struct io_space *space, u64 addr)
{
	unsigned int lo = 0, hi = space->nr;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;
		const struct io_region *r = &space->region[mid];

		if (r->base + (r->size - 1) < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int io_add(struct io_space *space, u64 base, u64 size, const struct io_ops *ops, void *dev,
	   const char *name)
{
	unsigned int i;

	if (!size || base + (size - 1) < base)
		return -EINVAL;
	i = io_search(space, base);
	if (i < space->nr && space->region[i].base <= base + (size - 1))
		return -EBUSY;
	if (space->nr == IO_SPACE_REGIONS)
		return -ENOSPC;
	memmove(&space->region[i + 1], &space->region[i],
		(space->nr - i) * sizeof(space->region[0]));
	space->nr++;
	space->region[i] = (struct io_region){
		.base = base, .size = size, .ops = ops, .dev = dev, .name = name,
	};
	return 0;
}

void io_remove(struct io_space *space, u64 base, const void *dev)
{
	unsigned int i = io_search(space, base);

	if (i == space->nr || space->region[i].base != base || space->region[i].dev != dev)
		return;
	space->nr--;
	memmove(&space->region[i], &space->region[i + 1],
		(space->nr - i) * sizeof(space->region[0]));
}

const struct io_region *io_find(const struct io_space *space, u64 addr)
{
	unsigned int i = io_search(space, addr);

	return i < space->nr && space->region[i].base <= addr ? &space->region[i] : NULL;
}

/* The region that holds all of the access. */
static const struct io_region *io_find_access(const struct io_space *space, u64 addr,
					      unsigned int size)
{
	const struct io_region *r = io_find(space, addr);

	return r && size <= r->size && addr - r->base <= r->size - size ? r : NULL;
}

bool io_read(const struct io_space *space, u64 addr, unsigned int size, u64 *val)
{
	const struct io_region *r = io_find_access(space, addr, size);
	u64 ones = size < 8 ? BIT_ULL(8 * size) - 1 : UINT64_MAX;

	*val = r ? r->ops->read(r->dev, addr - r->base, size) & ones : ones;
	return r;
}

bool io_write(const struct io_space *space, u64 addr, unsigned int size, u64 val)
{
	const struct io_region *r = io_find_access(space, addr, size);

	if (r)
		r->ops->write(r->dev, addr - r->base, size, val);
	return r;
}
