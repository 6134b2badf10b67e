/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A split virtqueue from the driver's side (virtio 1.2 §2.7). Its owner sees to it that one CPU
 * at a time is in here; vring_pending() any CPU.
 */
#ifndef DRIVERS_VIRTIO_VRING_H
#define DRIVERS_VIRTIO_VRING_H

#include "kernel/types.h"
#include "virtio/virtq.h"

struct vring_piece {
	u64 phys;
	u32 len;
};

struct vring_slot {
	void *cookie;		/* NULL: not the head of a chain with the device */
	u16 nr;			/* descriptors of the chain */
};

struct vring {
	u16 size, index;
	u16 free, nr_free;	/* chain of free descriptors */
	u16 avail;		/* our avail->idx, published or not */
	u16 published;
	u16 used;		/* used->idx up to which was looked */
	bool broken;		/* the device returned what it does not have */
	struct virtq_desc *desc;
	struct virtq_avail *avail_area;
	struct virtq_used *used_area;
	struct vring_slot *slot;	/* [size] */
	u64 phys;
	/* Indirect tables (§2.7.5.3) of table_len entries, one for each head; NULL: none. */
	struct virtq_desc *table;
	u64 table_phys;
	unsigned int table_len;
	bool indirect;		/* agreed on: tables are used for chains */
	u8 *notify;
};

/* Memory for @size (a power of two) entries. -ENOMEM: vring_free() is due all the same. */
int vring_alloc(struct vring *ring, u16 size);
void vring_free(struct vring *ring);

/* Tables too, for chains of up to @len. -ENOMEM: vring_free() is due all the same. */
int vring_alloc_tables(struct vring *ring, unsigned int len);

/* Where its areas are, to be told to the device: physical addresses. After vring_alloc(). */
u64 vring_desc_phys(const struct vring *ring);
u64 vring_avail_phys(const struct vring *ring);
u64 vring_used_phys(const struct vring *ring);

/* While the device does not know it: empty, without interrupts. */
void vring_init(struct vring *ring);
/* After a reset of the device: the cookies of the chains that it still had, one by one; NULL. */
void *vring_drain(struct vring *ring);

/* Is there room for a chain of @nr pieces? */
static inline bool vring_has_room(const struct vring *ring, unsigned int nr)
{
	return ring->nr_free >= (ring->indirect ? 1 : nr);
}

/* A chain of @nr pieces, all to be read or all to be written by the device; there is room. */
void vring_add(struct vring *ring, const struct vring_piece *piece, unsigned int nr, bool write,
	       void *cookie);
/* A request of two pieces, of which the device writes the second. There are no tables. */
void vring_add_request(struct vring *ring, const struct vring_piece piece[2], void *cookie);
/* Show the device what was added since, and notify it if it wants that. */
void vring_kick(struct vring *ring);

/* A chain that the device is done with: its cookie, and the bytes it wrote; or NULL. */
void *vring_pop(struct vring *ring, u32 *len);
bool vring_pending(const struct vring *ring);

/* Interrupt for chains that are done from now on; a hint, both ways. Then look once more. */
void vring_irq_enable(struct vring *ring, bool on);

#endif
