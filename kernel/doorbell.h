/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The doorbell map: guest-physical address (or port) of a virtio notification register ->
 * event, looked up before anything else is known of an exit (as KVM's ioeventfd).
 */
#ifndef KERNEL_DOORBELL_H
#define KERNEL_DOORBELL_H

#include "asm/barrier.h"
#include "kernel/event.h"
#include "kernel/types.h"

#define DOORBELLS_MAX 16	/* four NICs, in memory and as ports */

/* A row of bells, one behind the other. */
struct doorbell {
	u64 addr;
	u64 size;		/* bytes answered from addr on; any access inside rings one */
	struct event *event;	/* of the first */
	size_t event_step;	/* bytes from one's event to the next one's */
	u8 shift;		/* log2 of the bytes of each */
	bool pio;
};

struct doorbell_map {
	u32 seq;		/* odd while it is being changed */
	unsigned int nr;
	struct doorbell bell[DOORBELLS_MAX];
};

/*
 * @n bells of @size bytes each, a power of two; the event of the first is @event, those of the
 * others lie @event_step bytes apart. 0, -ENOSPC, -EEXIST (overlap). Under the guest's lock; its
 * vCPUs may ring meanwhile. Events stay as long as the guest.
 */
int doorbell_add_row(struct doorbell_map *map, bool pio, u64 addr, u64 size, unsigned int n,
		     struct event *event, size_t event_step);
static inline int doorbell_add(struct doorbell_map *map, bool pio, u64 addr, u64 size,
			       struct event *event)
{
	return doorbell_add_row(map, pio, addr, size, 1, event, 0);
}
/* The bell or row at @addr. */
void doorbell_remove(struct doorbell_map *map, bool pio, u64 addr);

/* May be nonsense if the map is being changed, so that nobody may look at it. */
static inline struct event *doorbell_find(const struct doorbell_map *map, bool pio, u64 addr)
{
	for (unsigned int i = 0; i < map->nr; i++) {
		const struct doorbell *b = &map->bell[i];
		u64 off = addr - b->addr;

		if (off < b->size && b->pio == pio)
			return (void *)((uintptr_t)b->event + (off >> b->shift) * b->event_step);
	}
	return NULL;
}

/* True: somebody's doorbell, and the event has been signalled. */
static inline bool doorbell_ring(const struct doorbell_map *map, bool pio, u64 addr)
{
	struct event *event;
	u32 seq;

	do {
		while (unlikely((seq = READ_ONCE(map->seq)) & 1))
			cpu_relax();
		rmb();		/* both pair with those of map_change() */
		event = doorbell_find(map, pio, addr);
		rmb();
	} while (unlikely(READ_ONCE(map->seq) != seq));
	if (!event)
		return false;
	event_signal(event);
	return true;
}

#endif
