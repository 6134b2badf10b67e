/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changing the doorbell map. Other vCPUs of the guest may look it up meanwhile: what they find
 * while it changes they do not use, but look again.
 */
#include "kernel/doorbell.h"

#include <errno.h>

#include "asm/barrier.h"

/* @i becomes @bell, and there are @nr. */
static void map_change(struct doorbell_map *map, unsigned int i, const struct doorbell *bell,
		       unsigned int nr)
{
	WRITE_ONCE(map->seq, map->seq + 1);
	wmb();
	map->bell[i] = *bell;
	map->nr = nr;
	wmb();
	WRITE_ONCE(map->seq, map->seq + 1);
}

int doorbell_add_row(struct doorbell_map *map, bool pio, u64 addr, u64 size, unsigned int n,
		     struct event *event, size_t event_step)
{
	const struct doorbell bell = {
		.addr = addr, .size = n * size, .event = event, .event_step = event_step,
		.shift = (u8)__builtin_ctzll(size), .pio = pio,
	};

	for (unsigned int i = 0; i < map->nr; i++) {
		const struct doorbell *b = &map->bell[i];

		if (b->pio == pio && (addr - b->addr < b->size || b->addr - addr < bell.size))
			return -EEXIST;
	}
	if (map->nr == DOORBELLS_MAX)
		return -ENOSPC;
	map_change(map, map->nr, &bell, map->nr + 1);
	return 0;
}

void doorbell_remove(struct doorbell_map *map, bool pio, u64 addr)
{
	for (unsigned int i = 0; i < map->nr; i++) {
		if (map->bell[i].addr != addr || map->bell[i].pio != pio)
			continue;
		map_change(map, i, &map->bell[map->nr - 1], map->nr - 1);
		return;
	}
}
