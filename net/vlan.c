/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VLANs. A tag is never taken off a frame that has another one below: whoever gets it would take
 * that for the VLAN, and a guest could send into VLANs that are not its own.
 */
#include "net/vlan.h"

#include "net/headers.h"
#include "net/part.h"
#include "net/port.h"

#define TAGGED_HLEN	(ETH_HLEN + VLAN_HLEN)
#define TCI		(ETH_TYPE + 2)			/* 802.1Q §9.6, behind the type */
#define INNER_TYPE	(ETH_TYPE + VLAN_HLEN)
#define HDR_ROOM	(FRAME_HDR_MAX - VLAN_HLEN)	/* of a header that may grow by a tag */

struct tag {
	bool there;
	bool nested;		/* what follows it, or the type if it is not there, is a tag */
	u16 tci;
};

static bool is_tag(u16 type)
{
	return type == ETH_TYPE_VLAN || type == ETH_TYPE_QINQ;
}

/* False: it begins as a tag does and ends there. */
static bool tag_of(const struct frame *frame, struct tag *tag)
{
	const u8 *eth = frame_eth(frame);
	u16 type = get_be16(eth + ETH_TYPE);
	u32 len = frame->hdr_len ? frame->hdr_len : frame->seg[0].len;

	*tag = (struct tag){ .nested = is_tag(type) };
	if (type != ETH_TYPE_VLAN)
		return true;
	if (len < TAGGED_HLEN)
		return false;
	tag->there = true;
	tag->tci = get_be16(eth + TCI);
	tag->nested = is_tag(get_be16(eth + INNER_TYPE));
	return true;
}

bool vlan_ingress(const struct port_vlan *vlan, const struct frame *frame, u16 *vid)
{
	struct tag tag;

	if (!tag_of(frame, &tag))
		return false;
	*vid = tag.tci & VLAN_ID_MASK;
	if (*vid == VLAN_NONE) {
		*vid = vlan->tag;
		/* Below the tag that it gets, another one would come to light elsewhere. */
		return !(tag.nested && (vlan->tag || port_vlan_access(vlan))) &&
		       port_vlan_member(vlan, *vid);
	}
	return *vid <= VLAN_ID_MAX && !port_vlan_access(vlan) && port_vlan_member(vlan, *vid);
}

/* ---- The way out ---- */

enum retag { TAG_KEEP, TAG_INSERT, TAG_CHANGE, TAG_STRIP };

static enum retag retag_of(const struct port *to, const struct tag *tag, u16 vid)
{
	bool wanted = vid != VLAN_NONE && vid != to->policy.vlan.tag;

	if (!tag->there)
		return wanted ? TAG_INSERT : TAG_KEEP;
	if ((tag->tci & VLAN_ID_MASK) == VLAN_NONE)
		return wanted ? TAG_CHANGE : TAG_KEEP;
	return wanted ? TAG_KEEP : TAG_STRIP;
}

/* The header of @frame, a copy of its own, grows by @n bytes behind the addresses, or shrinks. */
static bool header_move(struct frame *frame, int n)
{
	u32 old = frame->hdr_len;

	if (frame->flags & FRAME_TSO && frame->gso_hdr_len > old)
		return false;
	if (frame->flags & FRAME_NEEDS_CSUM && frame->csum_start + n > UINT16_MAX)
		return false;
	if (n > 0)
		memmove(frame->hdr + ETH_TYPE + n, frame->hdr + ETH_TYPE, old - ETH_TYPE);
	else
		memmove(frame->hdr + ETH_TYPE, frame->hdr + ETH_TYPE - n, old + (u32)n - ETH_TYPE);
	frame->hdr_len += (u32)n;
	frame->seg[0].len += (u32)n;
	frame->len += (u32)n;
	frame->csum_start = (u16)(frame->csum_start + n);
	frame->gso_hdr_len = (u16)(frame->gso_hdr_len + n);
	frame->gso_ip_start = (u16)(frame->gso_ip_start + n);
	return true;
}

static bool retag(struct frame *frame, enum retag how, u16 tci)
{
	if (how == TAG_INSERT && !header_move(frame, VLAN_HLEN))
		return false;
	if (how == TAG_STRIP)
		return header_move(frame, -VLAN_HLEN);
	put_be16(frame->hdr + ETH_TYPE, ETH_TYPE_VLAN);
	put_be16(frame->hdr + TCI, tci);
	return true;
}

/* A part that stands for @frame; DROP_REASONS, or why there is none. */
static enum port_drop retag_part(const struct port *to, struct vlan_parts *parts,
				 struct frame *frame, enum retag how, u16 tci, struct frame **out)
{
	struct part *part = parts->spare ? parts->spare : parts_take(to);

	if (!part)
		return DROP_NO_MEMORY;
	parts->spare = part;
	if (!part_copy(&part->frame, frame, HDR_ROOM) || !retag(&part->frame, how, tci))
		return DROP_MALFORMED;
	parts->spare = part->next;
	part->frame.owner = frame;
	part->frame.refs = 1;
	frame_get(frame);
	parts->frame[parts->nr++] = &part->frame;
	*out = &part->frame;
	return DROP_REASONS;
}

static enum port_drop frame_egress(struct port *to, struct frame *frame, u16 vid,
				   struct vlan_parts *parts, struct frame **out)
{
	struct tag tag;
	enum retag how;

	if (!tag_of(frame, &tag))
		return DROP_VLAN;
	how = retag_of(to, &tag, vid);
	*out = frame;
	if (how == TAG_KEEP)
		return DROP_REASONS;
	if (how == TAG_STRIP && tag.nested)
		return DROP_VLAN;
	if (how == TAG_INSERT && frame_wire_len(frame) + VLAN_HLEN > to->max_frame)
		return DROP_OVERSIZE;
	return retag_part(to, parts, frame, how, (tag.tci & (u16)~VLAN_ID_MASK) | vid, out);
}

unsigned int vlan_egress(struct port *to, struct frame **frames, const u16 *vids, unsigned int nr,
			 struct vlan_parts *parts)
{
	unsigned int left = 0;

	parts->nr = 0;
	parts->spare = NULL;
	for (unsigned int i = 0; i < nr; i++) {
		enum port_drop why = frame_egress(to, frames[i], vids[i], parts, &frames[left]);

		if (why == DROP_REASONS)
			left++;
		else
			port_drop(to, why, 1);
	}
	return left;
}

void vlan_parts_put(struct vlan_parts *parts)
{
	for (unsigned int i = 0; i < parts->nr; i++)
		frame_put(parts->frame[i]);
	parts_give(parts->spare);
}
