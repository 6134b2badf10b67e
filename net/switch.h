/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A learning Ethernet switch. The table is bounded (CONFIG_SWITCH_TABLE_SIZE) and ages
 * (CONFIG_SWITCH_AGEING_S); when full, new addresses are not learnt (counted) and their
 * frames are flooded. Ports other than the uplink share the table: each may hold an eighth.
 * A frame never leaves by the port it came from, unless that port is a hairpin.
 *
 * What ports ask of their frames: struct port_policy. VLANs: net/vlan.h.
 */
#ifndef NET_SWITCH_H
#define NET_SWITCH_H

#include "kernel/lock.h"
#include "kernel/types.h"
#include "net/fdb.h"
#include "net/port.h"

#define SWITCH_PORTS_MAX FDB_PORTS

struct net_switch {
	char name[16];
	struct spinlock lock;		/* table, port list, the ports' switch counters */
	struct port *ports[SWITCH_PORTS_MAX];
	u64 attached;			/* a bit for each of them that is there */
	struct fdb fdb;
	unsigned int vlan_ports;	/* with a VLAN of their own; 0: tags are payload */
	/*
	 * Frames sent to all ports; to one that could not take it. All others go to one port: while
	 * no port comes or goes, in sums over the ports,
	 * rx_frames = rx_dropped + flooded + refused + tx_frames - tx_flooded.
	 */
	u64 flooded, refused;
	struct net_switch *next;	/* switches live for ever */
};

/* By name; created at first use. NULL: out of memory, or too long a name. BSP at boot. */
struct net_switch *switch_get(const char *name);
/* Is a NIC of the machine on it? BSP at boot. */
bool switch_has_uplink(const struct net_switch *sw);
void switch_for_each(void (*fn)(void *arg, struct net_switch *sw), void *arg);

/* @fn for the attached port called @name, under the lock of its switch. 0 or -ENOENT. */
int switch_with_port(const char *name, void (*fn)(struct port *port));

/* 0, -ENOSPC (ports), -EBUSY (attached already). */
int switch_attach(struct net_switch *sw, struct port *port);
/*
 * Forgets its addresses. Nothing is in deliver() for it when this returns: the caller holds no
 * lock that a deliver() takes. Frames from the port are no longer sent by its owner.
 */
void switch_detach(struct port *port);
void port_set_link(struct port *port, bool up);	/* down: addresses forgotten, frames dropped */

/*
 * The offloads of the port that @frame from @from would go to, if that wants what net/gro.h makes;
 * otherwise, or if it is not known, 0. A hint. Any CPU.
 */
u16 switch_receiver_gro(const struct port *from, const struct frame *frame);

/*
 * Frames arriving from @from's other side: learn, look up, deliver or flood, then flush
 * every port that got something. Any CPU. Frames are the caller's; see frame_put().
 */
void switch_input(struct port *from, struct frame **frames, unsigned int nr);

#endif
