/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A port: where frames enter and leave a switch. The other side of a port is a virtio-net
 * device (through vhost) or a NIC (the uplink).
 */
#ifndef NET_PORT_H
#define NET_PORT_H

#include "kernel/types.h"
#include "net/frame.h"

struct net_switch;
struct port;

enum port_drop {
	DROP_RUNT,		/* shorter than an Ethernet header */
	DROP_OVERSIZE,		/* longer than the receiver takes */
	DROP_BAD_SRC,		/* source is a group address */
	DROP_NO_BUFFER,		/* receiver's ring is empty */
	DROP_LINK_DOWN,
	DROP_RING_FULL,		/* NIC transmit ring */
	DROP_BROKEN,		/* receiver's queue is broken or stopped */
	DROP_MALFORMED,		/* bad virtio-net header */
	DROP_HAIRPIN,		/* destination lives on the port it came from */
	DROP_NO_MEMORY,
	DROP_REASONS
};

struct port_stats {
	u64 rx_frames, rx_bytes;	/* into the switch, from this port */
	u64 tx_frames, tx_bytes;	/* out of the switch, to this port */
	u64 rx_broadcast, tx_flooded;
	u64 copies, copied_bytes;	/* payload copies made delivering to this port */
	u64 drops[DROP_REASONS];
};

struct port_ops {
	/*
	 * Deliver frames to the port's other side. Called by the sending worker, any CPU.
	 * Takes what it can and keeps no reference to the rest; it frame_get()s a frame it needs
	 * after returning. What was not taken has been counted in stats.drops[].
	 */
	void (*deliver)(struct port *port, struct frame **frames, unsigned int nr);
	/* End of a batch: publish, notify, ring the NIC's tail. May be NULL. */
	void (*flush)(struct port *port);
};

struct port {
	char name[32];			/* "uplink0", "web.net2" */
	const struct port_ops *ops;
	void *owner;
	struct net_switch *sw;		/* NULL: not attached */
	unsigned int index;		/* in sw->ports */
	bool uplink;
	bool link_up;
	u32 max_frame;			/* bytes with Ethernet header, without FCS */
	struct port_stats stats;
};

const char *port_drop_name(enum port_drop reason);

static inline void port_drop(struct port *port, enum port_drop reason, unsigned int nr)
{
	port->stats.drops[reason] += nr;
}

#endif
