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

#define DOORBELLS_MAX 136	/* four NICs with 17 queues each, in memory and as ports */

struct doorbell {
	u64 addr;
	u64 size;		/* bytes answered from addr on; any access inside rings it */
	struct event *event;
	bool pio;
};

struct doorbell_map {
	unsigned int nr;
	struct doorbell_span {
		u64 first, last;	/* those of a kind all lie in it; all 0: there are none */
	} span[2];		/* by pio */
	struct doorbell bell[DOORBELLS_MAX];
};

/* 0, -ENOSPC, -EEXIST (overlap). Under the guest's lock, its vCPUs paused or the caller. */
int doorbell_add(struct doorbell_map *map, bool pio, u64 addr, u64 size, struct event *event);
void doorbell_remove(struct doorbell_map *map, bool pio, u64 addr);

/*
 * True: somebody's doorbell, and the event has been signalled. Most of what is asked for is none,
 * which one look at the span tells. While the map is being changed it may be missed; then the
 * device model, which holds the lock, has the access.
 */
static inline bool doorbell_ring(const struct doorbell_map *map, bool pio, u64 addr)
{
	const struct doorbell_span *span = &map->span[pio];
	u64 first = READ_ONCE(span->first);

	if (addr - first > READ_ONCE(span->last) - first)
		return false;
	for (const struct doorbell *b = map->bell; b < map->bell + map->nr; b++) {
		if (addr - b->addr < b->size && b->pio == pio) {
			event_signal(b->event);
			return true;
		}
	}
	return false;
}

#endif
