/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/virtio/vring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "asm/barrier.h"
#include "asm/io.h"
#include "kernel/log.h"
#include "kernel/mem.h"

/* All three areas in one piece of memory: descriptors, avail, used. */
static u64 avail_off(u16 size)
{
	return virtq_desc_size(size);
}

static u64 used_off(u16 size)
{
	return ALIGN_UP(avail_off(size) + virtq_avail_size(size), VIRTQ_USED_ALIGN);
}

static u64 ring_bytes(u16 size)
{
	return used_off(size) + virtq_used_size(size);
}

static u64 table_bytes(const struct vring *ring)
{
	return virtq_desc_size(ring->size) * ring->table_len;
}

u64 vring_desc_phys(const struct vring *ring)
{
	return ring->phys;
}

u64 vring_avail_phys(const struct vring *ring)
{
	return ring->phys + avail_off(ring->size);
}

u64 vring_used_phys(const struct vring *ring)
{
	return ring->phys + used_off(ring->size);
}

int vring_alloc(struct vring *ring, u16 size)
{
	u8 *at;

	ring->size = size;
	ring->phys = mem_alloc(ring_bytes(size), PAGE_SIZE, MEM_DMA);
	ring->slot = calloc(size, sizeof(*ring->slot));
	if (!ring->phys || !ring->slot)
		return -ENOMEM;
	at = phys_to_virt(ring->phys);
	ring->desc = (struct virtq_desc *)at;
	ring->avail_area = (struct virtq_avail *)(at + avail_off(size));
	ring->used_area = (struct virtq_used *)(at + used_off(size));
	vring_init(ring);
	return 0;
}

int vring_alloc_tables(struct vring *ring, unsigned int len)
{
	ring->table_len = len;
	ring->table_phys = mem_alloc(table_bytes(ring), PAGE_SIZE, MEM_DMA);
	if (!ring->table_phys)
		return -ENOMEM;
	ring->table = phys_to_virt(ring->table_phys);
	return 0;
}

void vring_free(struct vring *ring)
{
	if (ring->table_phys)
		mem_free(ring->table_phys, table_bytes(ring), MEM_DMA);
	if (ring->phys)
		mem_free(ring->phys, ring_bytes(ring->size), MEM_DMA);
	free(ring->slot);
}

void vring_init(struct vring *ring)
{
	memset(ring->desc, 0, ring_bytes(ring->size));
	memset(ring->slot, 0, ring->size * sizeof(*ring->slot));
	for (u16 i = 0; i < ring->size; i++)
		ring->desc[i].next = cpu_to_le16((u16)(i + 1));
	ring->free = ring->avail = ring->published = ring->used = 0;
	ring->nr_free = ring->size;
	ring->broken = false;
	vring_irq_enable(ring, false);
}

void *vring_drain(struct vring *ring)
{
	for (u16 i = 0; i < ring->size; i++) {
		void *cookie = ring->slot[i].cookie;

		ring->slot[i].cookie = NULL;
		if (cookie)
			return cookie;
	}
	return NULL;
}

/* The chain in the table of the next head, which then is all that it takes of the ring. */
static struct vring_piece put_table(struct vring *ring, const struct vring_piece *piece,
				    unsigned int nr)
{
	u64 off = (u64)ring->free * ring->table_len;
	struct virtq_desc *desc = ring->table + off;

	debug_check(nr <= ring->table_len);
	for (unsigned int i = 0; i < nr; i++) {
		desc[i].addr = cpu_to_le64(piece[i].phys);
		desc[i].len = cpu_to_le32(piece[i].len);
		desc[i].flags = cpu_to_le16(i + 1 < nr ? VIRTQ_DESC_F_NEXT : 0);
		desc[i].next = cpu_to_le16((u16)(i + 1));
	}
	return (struct vring_piece){ ring->table_phys + off * sizeof(*desc),
				     (u32)(nr * sizeof(*desc)) };
}

void vring_add(struct vring *ring, const struct vring_piece *piece, unsigned int nr, bool write,
	       void *cookie)
{
	u16 head = ring->free, at = head, flags = write ? VIRTQ_DESC_F_WRITE : 0;
	struct vring_piece table;

	debug_check(nr && vring_has_room(ring, nr));
	if (ring->indirect) {
		table = put_table(ring, piece, nr);
		piece = &table;
		nr = 1;
		flags = VIRTQ_DESC_F_INDIRECT;
	}
	for (unsigned int i = 0; i < nr; i++) {
		struct virtq_desc *desc = &ring->desc[at];

		desc->addr = cpu_to_le64(piece[i].phys);
		desc->len = cpu_to_le32(piece[i].len);
		desc->flags = cpu_to_le16(flags | (i + 1 < nr ? VIRTQ_DESC_F_NEXT : 0));
		at = le16_to_cpu(desc->next);
	}
	ring->free = at;
	ring->nr_free = (u16)(ring->nr_free - nr);
	ring->slot[head] = (struct vring_slot){ cookie, (u16)nr };
	ring->avail_area->ring[ring->avail & (ring->size - 1)] = cpu_to_le16(head);
	ring->avail++;
}

void vring_add_request(struct vring *ring, const struct vring_piece piece[2], void *cookie)
{
	u16 second = le16_to_cpu(ring->desc[ring->free].next);

	debug_check(!ring->indirect);
	vring_add(ring, piece, 2, false, cookie);
	ring->desc[second].flags = cpu_to_le16(VIRTQ_DESC_F_WRITE);
}

void vring_kick(struct vring *ring)
{
	if (ring->avail == ring->published)
		return;
	wmb();	/* §2.7.13.2: descriptors and entries before the index */
	WRITE_ONCE(ring->avail_area->idx, cpu_to_le16(ring->avail));
	ring->published = ring->avail;
	mb();	/* §2.7.13.4: the index before the look whether to notify */
	if (!(READ_ONCE(ring->used_area->flags) & cpu_to_le16(VIRTQ_USED_F_NO_NOTIFY)))
		mmio_write16(ring->notify, ring->index);
}

bool vring_pending(const struct vring *ring)
{
	return le16_to_cpu(READ_ONCE(ring->used_area->idx)) != READ_ONCE(ring->used);
}

static void free_chain(struct vring *ring, u16 head, u16 nr)
{
	u16 last = head;

	for (u16 i = 1; i < nr; i++)
		last = le16_to_cpu(ring->desc[last].next);
	ring->desc[last].next = cpu_to_le16(ring->free);
	ring->free = head;
	ring->nr_free = (u16)(ring->nr_free + nr);
}

void *vring_pop(struct vring *ring, u32 *len)
{
	const struct virtq_used_elem *elem;
	void *cookie;
	u32 id;

	if (ring->broken || !vring_pending(ring))
		return NULL;
	rmb();	/* the index before the entry and what the device wrote */
	elem = &ring->used_area->ring[ring->used & (ring->size - 1)];
	id = le32_to_cpu(elem->id);
	*len = le32_to_cpu(elem->len);
	if (id >= ring->size || !ring->slot[id].cookie) {
		ring->broken = true;
		return NULL;
	}
	cookie = ring->slot[id].cookie;
	ring->slot[id].cookie = NULL;
	free_chain(ring, (u16)id, ring->slot[id].nr);
	WRITE_ONCE(ring->used, (u16)(ring->used + 1));
	return cookie;
}

void vring_irq_enable(struct vring *ring, bool on)
{
	WRITE_ONCE(ring->avail_area->flags, cpu_to_le16(on ? 0 : VIRTQ_AVAIL_F_NO_INTERRUPT));
	mb();	/* the wish before the next look: pairs with the device's, §2.7.8.1 */
}
