/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device IOTLB (VIRTIO_F_ACCESS_PLATFORM, virtio 1.2 §6): I/O virtual addresses to memory, as
 * somebody else says page by page. It is a mem table whose regions are those used last, so that
 * rings know nothing of it; an address that nobody has said yet sets mem.missed, and the ring
 * that met it waits until vhost_iotlb_update(). What may only be read or only be written is looked
 * up each time.
 */
#ifndef VIRTIO_IOTLB_H
#define VIRTIO_IOTLB_H

#include "kernel/guest_mem.h"
#include "kernel/types.h"

#define VHOST_IOTLB_ENTRIES 2048	/* as Linux's vhost; beyond it the oldest are forgotten */

struct vhost_iotlb_entry {
	struct guest_mem_region at;	/* gpa: I/O virtual */
	unsigned int perm;		/* enum guest_mem_access, which are VHOST_ACCESS_... */
};

struct vhost_iotlb {
	struct guest_mem mem;		/* for vhost_set_mem_table() */
	unsigned int next_region;	/* of mem, to be replaced */
	struct vhost_iotlb_entry entry[VHOST_IOTLB_ENTRIES];
	unsigned int nr, next_entry;
};

/* Empty: each access misses. */
void vhost_iotlb_init(struct vhost_iotlb *tlb);
/*
 * Neighbours that lie in memory one after another, with the same @perm, become one. -EINVAL: empty
 * or wraps, or @perm is none.
 */
int vhost_iotlb_update(struct vhost_iotlb *tlb, u64 iova, u64 size, unsigned int perm, void *hva,
		       u64 phys);
/* The range is forgotten; rings that run have to be stopped meanwhile. */
void vhost_iotlb_invalidate(struct vhost_iotlb *tlb, u64 iova, u64 size);

#endif
