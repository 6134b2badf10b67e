/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A port: where frames enter and leave a switch. The other side of a port is a virtio-net
 * device (through vhost) or a NIC (the uplink).
 */
#ifndef NET_PORT_H
#define NET_PORT_H

#include "kernel/types.h"
#include "net/frame.h"
#include "net/policing.h"
#include "net/vlan.h"

struct net_switch;
struct port;

enum port_drop {
	DROP_RUNT,		/* shorter than an Ethernet header */
	DROP_OVERSIZE,		/* longer than the receiver takes */
	DROP_BAD_SRC,		/* source is a group address or zero */
	DROP_RESERVED,		/* to a bridge's own addresses, 802.1D §7.12.6: STP, PAUSE, ... */
	DROP_NO_BUFFER,		/* receiver's ring is empty */
	DROP_LINK_DOWN,
	DROP_RING_FULL,		/* NIC transmit ring */
	DROP_BROKEN,		/* receiver's queue is broken or stopped */
	DROP_MALFORMED,		/* bad virtio-net header */
	DROP_HAIRPIN,		/* destination lives on the port it came from */
	DROP_NO_MEMORY,
	DROP_SPOOF,		/* source is not the port's own address */
	DROP_RATE,		/* above the port's limit */
	DROP_VLAN,		/* of a VLAN that the port is not in, or a tag below a tag */
	DROP_REASONS
};

struct port_stats {
	/* Counted by the switch, under its lock. */
	u64 rx_frames, rx_bytes;	/* into the switch, from this port */
	u64 tx_frames, tx_bytes;	/* handed to deliver(); drops[] says what it did not take */
	u64 rx_broadcast, tx_flooded;
	u64 rx_dropped;			/* of rx_frames, what went no further: in drops[] too */
	/* Counted by the port's owner. */
	u64 copies, copied_bytes;	/* payload copies made delivering to this port */
	/* In software, for want of an offload: checksums; large frames, their parts. */
	u64 sw_csums, sw_gso_frames, sw_gso_parts;
	u64 gro_frames, gro_segs;	/* from this port: large frames made, and of how many */
	u64 drops[DROP_REASONS];	/* by both, with port_drop() */
};

struct port_ops {
	/*
	 * Deliver frames to the port's other side. Called by the sending worker, any CPU.
	 * Takes what it can and keeps no reference to the rest; it frame_get()s a frame it needs
	 * after returning. What was not taken has been counted in stats.drops[]. A frame may be on
	 * its way to several ports: it must not be changed while somebody else holds it. None needs
	 * an offload that port->offloads does not have.
	 */
	void (*deliver)(struct port *port, struct frame **frames, unsigned int nr);
	/* End of a batch: publish, notify, ring the NIC's tail. May be NULL. */
	void (*flush)(struct port *port);
};

/* What is asked of the frames that a port's other side sends, and gro: options of -netdev. */
struct port_policy {
	bool gro;			/* TCP segments from the uplink: net/gro.h */
	bool spoofchk;			/* no source address but the port's own */
	struct port_vlan vlan;
	u32 rate, burst;		/* kbit/s, kbit; rate 0: no limit */
	u32 kpkts_rate, kpkts_burst;	/* the same in 1000 frames */
};

/* What makes a port's frames take the longer way; none for most ports. */
enum port_checks {
	PORT_POLICY = BIT(0),		/* spoofchk or a rate limit */
	PORT_VLAN = BIT(1),		/* the switch has VLANs; set by it */
	PORT_CAPTURE = BIT(2),		/* net/capture.h */
};

/*
 * Where the port's latest frame went, if to one port: the next one's address is likely the same.
 * For the switch.
 */
struct port_flow {
	u64 first;			/* 8 bytes of its Ethernet header, and 4 more */
	u32 rest;
	u32 version;			/* of the table; 0: none */
	u64 begun_ns;
	struct port *to;
};

struct port {
	char name[48];			/* "uplink0", "web.net2" */
	const struct port_ops *ops;
	void *owner;
	struct net_switch *sw;		/* NULL: not attached */
	unsigned int index;		/* in sw->ports */
	u32 users;			/* deliveries under way: see switch_detach() */
	bool uplink;
	bool link_up;
	bool hairpin;			/* frames may leave by the port that they came from */
	u32 max_frame;			/* bytes with Ethernet header, without FCS; of parts */
	/*
	 * FRAME_OFFLOADS that deliver() takes, set while the link is down: frames that need others
	 * are finished in software before (net/gso.h). TSO only together with NEEDS_CSUM.
	 */
	u16 offloads;
	u8 checks;			/* enum port_checks; under the switch's lock */
	u8 mac[6];			/* its own address, if policy.spoofchk */
	struct port_stats stats;
	struct port_policy policy;
	struct token_bucket bits, packets;	/* under the switch's lock; so is flow */
	struct port_flow flow;
};

const char *port_drop_name(enum port_drop reason);	/* as `info net` has it */

/* Before it is attached. @mac: of the port's other side. */
void port_set_policy(struct port *port, const struct port_policy *policy, const u8 *mac);

/* Any CPU. */
static inline void port_drop(struct port *port, enum port_drop reason, unsigned int nr)
{
	__atomic_fetch_add(&port->stats.drops[reason], nr, __ATOMIC_RELAXED);
}

#endif
