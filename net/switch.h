/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A learning Ethernet switch. The table is bounded (CONFIG_SWITCH_TABLE_SIZE) and ages
 * (CONFIG_SWITCH_AGEING_S); when full, new addresses are not learnt (counted) and their
 * frames are flooded. A frame never leaves by the port it came from.
 */
#ifndef NET_SWITCH_H
#define NET_SWITCH_H

#include "kernel/list.h"
#include "kernel/lock.h"
#include "kernel/types.h"
#include "net/port.h"

#define SWITCH_PORTS_MAX 64

struct switch_entry {
	u8 mac[6];
	u8 port;
	bool used;
	u64 seen_ns;
};

struct net_switch {
	char name[16];
	struct spinlock lock;		/* table and port list */
	struct port *ports[SWITCH_PORTS_MAX];
	struct switch_entry *table;	/* hash buckets, fixed size */
	unsigned int table_size, entries;
	u64 learnt, moved, aged, table_full, flooded;
};

/* By name; created at first use. NULL: out of memory. BSP at boot. */
struct net_switch *switch_get(const char *name);
void switch_for_each(void (*fn)(void *arg, struct net_switch *sw), void *arg);

/* 0, -ENOSPC (ports), -EBUSY (attached already). */
int switch_attach(struct net_switch *sw, struct port *port);
/* Forgets its addresses. Nothing is in deliver() for it when this returns. */
void switch_detach(struct port *port);
void port_set_link(struct port *port, bool up);	/* down: addresses forgotten, frames dropped */

/*
 * Frames arriving from @from's other side: learn, look up, deliver or flood, then flush
 * every port that got something. Any CPU. Frames are the caller's; see frame_put().
 */
void switch_input(struct port *from, struct frame **frames, unsigned int nr);

#endif
