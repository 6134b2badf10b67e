/* SPDX-License-Identifier: BSD-2-Clause */
#include "virtio/iotlb.h"

#include <errno.h>
#include <string.h>

static const struct guest_mem_region *entry_of(const struct vhost_iotlb *tlb, u64 iova)
{
	for (unsigned int i = 0; i < tlb->nr; i++)
		if (guest_mem_inside(&tlb->entry[i], iova, 1))
			return &tlb->entry[i];
	return NULL;
}

/* guest_mem.refill: none of the regions has the range. */
static const struct guest_mem_region *refill(const struct guest_mem *gm, u64 iova, u64 len)
{
	struct vhost_iotlb *tlb = container_of((struct guest_mem *)(uintptr_t)gm,
					       struct vhost_iotlb, mem);
	const struct guest_mem_region *e = entry_of(tlb, iova);
	struct guest_mem_region *r;
	u64 at = iova;

	while (e && !guest_mem_inside(e, iova, len)) {
		at = e->gpa + e->size;
		if (at < iova || at - iova >= len)
			return NULL;	/* wraps, or pieces that do not lie together */
		e = entry_of(tlb, at);
		if (e)
			return NULL;
	}
	if (!e) {
		tlb->mem.missed = true;
		tlb->mem.missed_at = at;
		return NULL;
	}
	r = &tlb->mem.region[tlb->next_region++ % GUEST_MEM_REGIONS];
	*r = *e;
	return r;
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
static void entry_add(struct vhost_iotlb *tlb, const struct guest_mem_region *e)
{
	if (!e->size)
		return;
	if (tlb->nr == VHOST_IOTLB_ENTRIES)
		tlb->entry[tlb->next_entry++ % VHOST_IOTLB_ENTRIES] = *e;
	else
		tlb->entry[tlb->nr++] = *e;
}

/* @e from @off on, @size bytes. */
static struct guest_mem_region part(const struct guest_mem_region *e, u64 off, u64 size)
{
	return (struct guest_mem_region){ e->gpa + off, size, e->hva + off, e->phys + off };
}

void vhost_iotlb_invalidate(struct vhost_iotlb *tlb, u64 iova, u64 size)
{
	for (unsigned int i = 0; i < tlb->nr;) {
		const struct guest_mem_region e = tlb->entry[i];
		u64 before = iova - e.gpa, skip = e.gpa - iova, end;

		if (skip >= size && before >= e.size) {	/* neither begins inside the other */
			i++;
			continue;
		}
		entry_remove(tlb, i);
		before = before < e.size ? before : 0;
		end = before ? MIN(e.size, before + MIN(size, e.size)) : MIN(e.size, size - skip);
		entry_add(tlb, &(struct guest_mem_region){ e.gpa, before, e.hva, e.phys });
		if (end < e.size) {
			struct guest_mem_region rest = part(&e, end, e.size - end);

			entry_add(tlb, &rest);
		}
	}
	cache_flush(tlb);
}

static bool follows(const struct guest_mem_region *a, const struct guest_mem_region *b)
{
	return a->gpa + a->size == b->gpa && a->hva + a->size == b->hva &&
	       a->phys + a->size == b->phys;
}

int vhost_iotlb_update(struct vhost_iotlb *tlb, u64 iova, u64 size, void *hva, u64 phys)
{
	struct guest_mem_region new = { .gpa = iova, .size = size, .hva = hva, .phys = phys };

	if (!size || iova + size - 1 < iova)
		return -EINVAL;
	vhost_iotlb_invalidate(tlb, iova, size);
	for (unsigned int i = 0; i < tlb->nr;) {
		const struct guest_mem_region e = tlb->entry[i];

		if (!follows(&e, &new) && !follows(&new, &e)) {
			i++;
			continue;
		}
		new.size += e.size;
		if (e.gpa < new.gpa) {
			new.gpa = e.gpa;
			new.hva = e.hva;
			new.phys = e.phys;
		}
		entry_remove(tlb, i);
	}
	entry_add(tlb, &new);
	return 0;
}
