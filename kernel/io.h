/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's I/O space (port or memory): non-overlapping regions kept in address order,
 * each with the device model that answers. Changed by its guest's vCPUs (BAR moves) under
 * the guest's lock; looked up on every trapped access.
 */
#ifndef KERNEL_IO_H
#define KERNEL_IO_H

#include "kernel/types.h"

/*
 * @off: bytes from the region's base; @size: 1, 2, 4 or 8; off + size is inside the region.
 * Values are zero-extended; what a device does not implement reads as it does in hardware
 * (all ones unless its manual says otherwise) and ignores writes.
 */
struct io_ops {
	u64 (*read)(void *dev, u64 off, unsigned int size);
	void (*write)(void *dev, u64 off, unsigned int size, u64 val);
};

struct io_region {
	u64 base;
	u64 size;
	const struct io_ops *ops;
	void *dev;
	const char *name;
};

#define IO_SPACE_REGIONS 64

struct io_space {
	const char *name;	/* "pio" or "mmio" */
	unsigned int nr;
	struct io_region region[IO_SPACE_REGIONS];	/* by base */
};

/* 0, -ENOSPC, -EINVAL (empty or wrapping) or -EBUSY (overlaps a region). */
int io_add(struct io_space *space, u64 base, u64 size, const struct io_ops *ops, void *dev,
	   const char *name);
/* Remove the region that starts at @base and belongs to @dev; harmless if there is none. */
void io_remove(struct io_space *space, u64 base, const void *dev);
/* The region that @addr lies in, or NULL. Until the space is changed. */
const struct io_region *io_find(const struct io_space *space, u64 addr);

/*
 * One access. An access nobody answers, or one that leaves its region, reads all ones and
 * is dropped on write; false then (counted by the caller).
 */
bool io_read(const struct io_space *space, u64 addr, unsigned int size, u64 *val);
bool io_write(const struct io_space *space, u64 addr, unsigned int size, u64 val);

#endif
