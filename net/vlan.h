/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IEEE 802.1Q on a switch: which VLAN a frame from a port belongs to, which ports a VLAN has, and
 * the tag that a frame has to have on its way out. A switch does this as soon as a port of it has
 * a VLAN of its own; on others tags are payload. Only C-tags (0x8100) count, S-tags (0x88a8) are
 * payload.
 *
 * VLAN 0 is that of frames without a tag on ports without a VLAN of their own.
 */
#ifndef NET_VLAN_H
#define NET_VLAN_H

#include "kernel/types.h"
#include "net/frame.h"

struct port;
struct part;

enum vlan_ids {			/* 802.1Q §9.6, table 9-2 */
	VLAN_NONE = 0,		/* priority-tagged: as without a tag */
	VLAN_ID_MAX = 4094,
	VLAN_IDS = 4096,
	VLAN_ID_MASK = 0x0fff,
};

/* All zeros: an access port of VLAN 0. In the words of Open vSwitch's Port table. */
struct port_vlan {
	bool all;		/* every VLAN, by its tag: the uplink */
	u16 tag;		/* VLAN of frames without a tag; 0: VLAN 0 */
	bool trunk;		/* the VLANs in `trunks`, by their tag, besides that */
	u64 trunks[VLAN_IDS / 64];
};

/* Has it a VLAN of its own? */
static inline bool port_vlan_set(const struct port_vlan *vlan)
{
	return vlan->tag || vlan->trunk;
}

/* No frame with a tag enters or leaves. */
static inline bool port_vlan_access(const struct port_vlan *vlan)
{
	return !vlan->all && !vlan->trunk;
}

static inline bool port_vlan_member(const struct port_vlan *vlan, u16 vid)
{
	if (vlan->all || (vid == vlan->tag && (vid != VLAN_NONE || !vlan->trunk)))
		return true;
	return vlan->trunk && (vlan->trunks[vid / 64] >> vid % 64 & 1);
}

/*
 * The VLAN of @frame, which came from a port with @vlan. False: it may not come in. A checksum
 * that is left to do does not lie in its Ethernet header or tag.
 */
bool vlan_ingress(const struct port_vlan *vlan, const struct frame *frame, u16 *vid);

/* Parts that stand for frames with another tag, until they have been delivered. */
struct vlan_parts {
	unsigned int nr;
	struct part *spare;
	struct frame *frame[64];
};

/*
 * vlan_egress() - give @frames, of the VLANs @vids, the tag that they have to have at @to:
 * entries are replaced by parts, those that cannot be are dropped and counted at @to. Up to 64;
 * returns how many are left. After the delivery: vlan_parts_put().
 */
unsigned int vlan_egress(struct port *to, struct frame **frames, const u16 *vids, unsigned int nr,
			 struct vlan_parts *parts);
void vlan_parts_put(struct vlan_parts *parts);

#endif
