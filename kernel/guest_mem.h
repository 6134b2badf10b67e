/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest RAM as the hypervisor sees it: a short table of ranges, guest-physical to
 * pointer. This table is the vhost mem table, and guest_mem_ptr() is the one way to
 * guest memory: every address and length a guest supplies goes through it, at the place
 * and time of use.
 */
#ifndef KERNEL_GUEST_MEM_H
#define KERNEL_GUEST_MEM_H

#include "kernel/types.h"

#define GUEST_MEM_REGIONS 8

struct guest_mem_region {
	u64 gpa;		/* guest-physical address, page aligned */
	u64 size;		/* bytes, page multiple; gpa + size does not wrap */
	u8 *hva;		/* where the hypervisor reads and writes it */
	u64 phys;		/* host-physical, for DMA; 0 in native builds */
};

enum guest_mem_access {		/* what is to be done there; 0: nothing, only the address counts */
	GUEST_MEM_READ = 1,
	GUEST_MEM_WRITE = 2,
	GUEST_MEM_RW = GUEST_MEM_READ | GUEST_MEM_WRITE,
};

struct guest_mem {
	unsigned int nr;
	struct guest_mem_region region[GUEST_MEM_REGIONS];	/* to be read and to be written */
	/*
	 * Not NULL: the regions are a cache of a longer table (virtio/iotlb.h). The one that has
	 * all of the range and allows @access, made room for; or NULL, and if that may change,
	 * `missed` says where and for what.
	 */
	const struct guest_mem_region *(*refill)(const struct guest_mem *gm, u64 gpa, u64 len,
						 unsigned int access);
	struct guest_mem_region limited;	/* of refill(): not for all accesses */
	bool missed;
	bool denied;			/* the last refill(): it is there, but not for that */
	u8 missed_access;
	u64 missed_at;
};

/* 0, -ENOSPC (table full) or -EINVAL (empty, unaligned, wrapping or overlapping). */
int guest_mem_add(struct guest_mem *gm, u64 gpa, u64 size, void *hva, u64 phys);

/*
 * guest_mem_find() - the region that holds all of the @len bytes at @gpa; NULL if any byte
 * is outside or gpa + len wraps, or if @access is not allowed. @len == 0 is answered for an
 * address inside a region. @access: enum guest_mem_access.
 */
static inline bool guest_mem_inside(const struct guest_mem_region *r, u64 gpa, u64 len)
{
	u64 off = gpa - r->gpa;		/* huge if gpa lies below */

	return off < r->size && len <= r->size - off;
}

/* guest_mem_find() beyond the first region: the others, then refill(). NULL: not there. */
const struct guest_mem_region *guest_mem_find_other(const struct guest_mem *gm, u64 gpa, u64 len,
						    unsigned int access);

static inline const struct guest_mem_region *guest_mem_find(const struct guest_mem *gm, u64 gpa,
							    u64 len, unsigned int access)
{
	/* Most guests have most of their RAM in the first one; if there is none, its size is 0. */
	if (likely(guest_mem_inside(&gm->region[0], gpa, len)))
		return &gm->region[0];
	return guest_mem_find_other(gm, gpa, len, access);
}

/*
 * guest_mem_ptr() - the @len bytes at @gpa, all inside one region, or NULL.
 * The memory stays the guest's: it may change under every read.
 */
static inline void *guest_mem_ptr_for(const struct guest_mem *gm, u64 gpa, u64 len,
				      unsigned int access)
{
	const struct guest_mem_region *r = guest_mem_find(gm, gpa, len, access);

	return r ? r->hva + (gpa - r->gpa) : NULL;
}

static inline void *guest_mem_ptr(const struct guest_mem *gm, u64 gpa, u64 len)
{
	return guest_mem_ptr_for(gm, gpa, len, GUEST_MEM_RW);
}

/* Host-physical address for DMA of the same range; 0 if outside. */
u64 guest_mem_phys(const struct guest_mem *gm, u64 gpa, u64 len);

/* Copies that may cross regions. 0 or -EFAULT (then nothing is promised of @dst). */
int guest_mem_read(const struct guest_mem *gm, u64 gpa, void *dst, u64 len);
int guest_mem_write(const struct guest_mem *gm, u64 gpa, const void *src, u64 len);

#endif
