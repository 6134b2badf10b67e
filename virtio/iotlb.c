/* SPDX-License-Identifier: BSD-2-Clause */
#include "virtio/iotlb.h"

#include <errno.h>
#include <string.h>

static const struct vhost_iotlb_entry *entry_of(const struct vhost_iotlb *tlb, u64 iova)
{
	for (unsigned int i = 0; i < tlb->nr; i++)
		if (guest_mem_inside(&tlb->entry[i].at, iova, 1))
			return &tlb->entry[i];
	return NULL;
}

/* The entry that has all of it, and @access or none of it. */
static const struct guest_mem_region *use(struct vhost_iotlb *tlb,
					  const struct vhost_iotlb_entry *e, unsigned int access)
{
	struct guest_mem_region *r = &tlb->mem.limited;

	tlb->mem.denied = access & ~e->perm;
	if (tlb->mem.denied)
		return NULL;
	if (e->perm == GUEST_MEM_RW)
		r = &tlb->mem.region[tlb->next_region++ % GUEST_MEM_REGIONS];
	*r = e->at;
	return r;
}

/* guest_mem.refill: none of the regions has the range. */
static const struct guest_mem_region *refill(const struct guest_mem *gm, u64 iova, u64 len,
					     unsigned int access)
{
	struct vhost_iotlb *tlb = container_of((struct guest_mem *)(uintptr_t)gm,
					       struct vhost_iotlb, mem);
	const struct vhost_iotlb_entry *e = entry_of(tlb, iova);
	u64 at = iova;

	tlb->mem.denied = false;
	while (e && !guest_mem_inside(&e->at, iova, len)) {
		at = e->at.gpa + e->at.size;
		if (at < iova || at - iova >= len)
			return NULL;	/* wraps, or pieces that do not lie together */
		e = entry_of(tlb, at);
		if (e)
			return NULL;
	}
	if (e)
		return use(tlb, e, access);
	if (access) {
		tlb->mem.missed = true;
		tlb->mem.missed_at = at;
		tlb->mem.missed_access = (u8)access;
	}
	return NULL;
}

static void cache_flush(struct vhost_iotlb *tlb)
{
	memset(tlb->mem.region, 0, sizeof(tlb->mem.region));
	tlb->mem.nr = GUEST_MEM_REGIONS;
	tlb->mem.missed = false;
}

void vhost_iotlb_init(struct vhost_iotlb *tlb)
{
	tlb->nr = tlb->next_entry = 0;
	tlb->mem.refill = refill;
	cache_flush(tlb);
}

static void entry_remove(struct vhost_iotlb *tlb, unsigned int i)
{
	tlb->entry[i] = tlb->entry[--tlb->nr];
}

/* In place of the oldest if there is no room. */
static void entry_add(struct vhost_iotlb *tlb, const struct vhost_iotlb_entry *e)
{
	if (!e->at.size)
		return;
	if (tlb->nr == VHOST_IOTLB_ENTRIES)
		tlb->entry[tlb->next_entry++ % VHOST_IOTLB_ENTRIES] = *e;
	else
		tlb->entry[tlb->nr++] = *e;
}

/* @e from @off on, @size bytes. */
static struct vhost_iotlb_entry part(const struct vhost_iotlb_entry *e, u64 off, u64 size)
{
	return (struct vhost_iotlb_entry){
		{ e->at.gpa + off, size, e->at.hva + off, e->at.phys + off }, e->perm,
	};
}

void vhost_iotlb_invalidate(struct vhost_iotlb *tlb, u64 iova, u64 size)
{
	for (unsigned int i = 0; i < tlb->nr;) {
		const struct vhost_iotlb_entry e = tlb->entry[i];
		u64 before = iova - e.at.gpa, skip = e.at.gpa - iova, len = e.at.size, end;
		struct vhost_iotlb_entry first, last;

		if (skip >= size && before >= len) {	/* neither begins inside the other */
			i++;
			continue;
		}
		entry_remove(tlb, i);
		before = before < len ? before : 0;
		end = before ? MIN(len, before + MIN(size, len)) : MIN(len, size - skip);
		first = part(&e, 0, before);
		last = part(&e, end, len - end);
		entry_add(tlb, &first);
		entry_add(tlb, &last);
	}
	cache_flush(tlb);
}

static bool follows(const struct vhost_iotlb_entry *a, const struct vhost_iotlb_entry *b)
{
	return a->at.gpa + a->at.size == b->at.gpa && a->at.hva + a->at.size == b->at.hva &&
	       a->at.phys + a->at.size == b->at.phys && a->perm == b->perm;
}

int vhost_iotlb_update(struct vhost_iotlb *tlb, u64 iova, u64 size, unsigned int perm, void *hva,
		       u64 phys)
{
	struct vhost_iotlb_entry new = { { iova, size, hva, phys }, perm };

	if (!size || iova + size - 1 < iova || !perm || perm & ~(unsigned int)GUEST_MEM_RW)
		return -EINVAL;
	vhost_iotlb_invalidate(tlb, iova, size);
	for (unsigned int i = 0; i < tlb->nr;) {
		const struct vhost_iotlb_entry e = tlb->entry[i];
		bool before = follows(&e, &new);

		if (!before && !follows(&new, &e)) {
			i++;
			continue;
		}
		new.at.size += e.at.size;
		if (before) {
			new.at.gpa = e.at.gpa;
			new.at.hva = e.at.hva;
			new.at.phys = e.at.phys;
		}
		entry_remove(tlb, i);
	}
	entry_add(tlb, &new);
	return 0;
}
