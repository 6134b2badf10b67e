/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changing the doorbell map. Other vCPUs of the guest may look it up meanwhile: a bell
 * answers as long as its size is not 0, so the size is written last and cleared first.
 */
#include "kernel/doorbell.h"

#include <errno.h>

#include "asm/barrier.h"

static void bell_set(struct doorbell *b, const struct doorbell *from)
{
	WRITE_ONCE(b->size, 0);
	wmb();		/* pairs with nothing but the order of loads in doorbell_ring() */
	b->addr = from->addr;
	b->event = from->event;
	b->pio = from->pio;
	wmb();
	WRITE_ONCE(b->size, from->size);
}

static void span_update(struct doorbell_map *map, bool pio)
{
	struct doorbell_span span = { .first = UINT64_MAX };

	for (unsigned int i = 0; i < map->nr; i++) {
		const struct doorbell *b = &map->bell[i];

		if (b->pio != pio)
			continue;
		span.first = MIN(span.first, b->addr);
		span.last = MAX(span.last, b->addr + (b->size - 1));
	}
	if (span.first > span.last)
		span.first = 0;
	WRITE_ONCE(map->span[pio].first, span.first);
	WRITE_ONCE(map->span[pio].last, span.last);
}

int doorbell_add(struct doorbell_map *map, bool pio, u64 addr, u64 size, struct event *event)
{
	const struct doorbell bell = { .addr = addr, .size = size, .event = event, .pio = pio };

	for (unsigned int i = 0; i < map->nr; i++) {
		const struct doorbell *b = &map->bell[i];

		if (b->pio == pio && (addr - b->addr < b->size || b->addr - addr < size))
			return -EEXIST;
	}
	if (map->nr == DOORBELLS_MAX)
		return -ENOSPC;
	bell_set(&map->bell[map->nr], &bell);
	wmb();
	WRITE_ONCE(map->nr, map->nr + 1);
	span_update(map, pio);
	return 0;
}

void doorbell_remove(struct doorbell_map *map, bool pio, u64 addr)
{
	for (unsigned int i = 0; i < map->nr; i++) {
		if (map->bell[i].addr != addr || map->bell[i].pio != pio)
			continue;
		bell_set(&map->bell[i], &map->bell[map->nr - 1]);
		WRITE_ONCE(map->nr, map->nr - 1);
		span_update(map, pio);
		return;
	}
}
