/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forwarding, in two steps. Under the lock, each frame of a batch gets the set of ports it goes
 * to, a bit each; those ports are pinned. Then, without the lock, each port gets its frames at
 * once, and one flush. Which switches and ports there are: net/switches.c.
 */
#include <string.h>

#include "asm/barrier.h"
#include "kernel/time.h"
#include "net/capture.h"
#include "net/headers.h"
#include "net/offload.h"
#include "net/switch.h"

#define SWITCH_BATCH	64	/* frames whose destinations are looked up at once */
#define SWITCH_FLOW_NS	(100 * NSEC_PER_MSEC)	/* then addresses are seen to be still in use */

struct switch_batch {
	struct port *from;
	struct frame **frames;
	unsigned int nr;
	unsigned int flags;			/* of all frames */
	bool vlans;				/* the switch has VLANs */
	u64 dest[SWITCH_BATCH];			/* ports each frame goes to */
	u64 all, same;				/* ports that get any; all of them */
	struct port *port[SWITCH_PORTS_MAX];	/* of the bits in `all`, pinned */
};

/* 802.1D §7.12.6, table 7-10: 01-80-C2-00-00-00 to -0F are never relayed. */
static inline bool eth_reserved(u64 mac)
{
	return (mac & 0xf0ffffffffff) == 0x0000c28001;
}

static inline bool eth_bad_source(u64 mac)
{
	return (mac & ETH_GROUP) || !mac;
}

static void from_drop(struct port *from, enum port_drop reason)
{
	from->stats.rx_dropped++;
	port_drop(from, reason, 1);
}

/* What @from asks of its frames. The VLAN of @frame, or -1: it may not come in, counted why. */
static int port_admits(struct port *from, const struct frame *frame, u64 src, u64 now)
{
	u16 vid = VLAN_NONE;

	/* Whoever computes it would write over what is checked here. */
	if (frame->flags & FRAME_NEEDS_CSUM && frame->csum_start < ETH_HLEN + VLAN_HLEN) {
		from_drop(from, DROP_MALFORMED);
		return -1;
	}
	if (from->policy.spoofchk && src != fdb_mac(from->mac)) {
		from_drop(from, DROP_SPOOF);
		return -1;
	}
	if (from->checks & PORT_VLAN && !vlan_ingress(&from->policy.vlan, frame, &vid)) {
		from_drop(from, DROP_VLAN);
		return -1;
	}
	if (!token_bucket_take(&from->packets, 1, now) ||
	    !token_bucket_take(&from->bits, 8 * frame->len, now)) {
		from_drop(from, DROP_RATE);
		return -1;
	}
	return vid;
}

/* Can @frame to @dst go out by @to? It is counted, or why not. */
static bool port_accepts(struct port *to, const struct frame *frame, u64 dst)
{
	/* Flooding passes it by; no address is learnt where it is not, in that VLAN. */
	if (unlikely(to->checks & PORT_VLAN) &&
	    !port_vlan_member(&to->policy.vlan, fdb_vlan_of(dst)))
		return false;
	if (!READ_ONCE(to->link_up)) {
		port_drop(to, DROP_LINK_DOWN, 1);
		return false;
	}
	if (frame_wire_len(frame) > to->max_frame) {
		port_drop(to, DROP_OVERSIZE, 1);
		return false;
	}
	to->stats.tx_frames++;
	to->stats.tx_bytes += frame->len;
	return true;
}

static u64 switch_flood(struct net_switch *sw, struct port *from, const struct frame *frame,
			u64 dst)
{
	u64 dest = 0;

	sw->flooded++;
	for (u64 left = sw->attached; left; left &= left - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(left);
		struct port *to = sw->ports[i];

		if ((to == from && !from->hairpin) || !port_accepts(to, frame, dst))
			continue;
		to->stats.tx_flooded++;
		dest |= BIT_ULL(i);
	}
	return dest;
}

/*
 * Frames come in trains: the addresses of one that went to one port, for those behind it. What
 * the port is to count waits until the train has passed.
 */
struct switch_flow {
	u64 first;			/* 8 bytes of its Ethernet header, and 4 more */
	u32 rest;
	u32 max_frame;			/* of `to` */
	bool more;			/* than one frame is there */
	u64 dest;			/* its bit; 0: look it up */
	struct port *to;
	u64 frames, bytes;
};

_Static_assert(ETH_DST == 0 && ETH_SRC == 6, "addresses");

static inline bool eth_has(const u8 *eth, u64 first, u32 rest)
{
	return !memcmp(eth, &first, sizeof(first)) &&
	       !memcmp(eth + sizeof(first), &rest, sizeof(rest));
}

static inline bool flow_has(const struct switch_flow *flow, const u8 *eth,
			    const struct frame *frame)
{
	return eth_has(eth, flow->first, flow->rest) && frame_wire_len(frame) <= flow->max_frame;
}

static void flow_end(struct switch_flow *flow)
{
	flow->to->stats.tx_frames += flow->frames;
	flow->to->stats.tx_bytes += flow->bytes;
	flow->dest = 0;
}

/* What looks like @eth has gone to @to. */
static void flow_begin(struct switch_flow *flow, const u8 *eth, struct port *to)
{
	memcpy(&flow->first, eth, sizeof(flow->first));
	memcpy(&flow->rest, eth + sizeof(flow->first), sizeof(flow->rest));
	flow->max_frame = to->max_frame;
	flow->dest = BIT_ULL(to->index);
	flow->to = to;
	flow->frames = flow->bytes = 0;
}

static void port_flow_begin(const struct net_switch *sw, struct port *from, const u8 *eth,
			    struct port *to, u64 now)
{
	struct port_flow *flow = &from->flow;

	memcpy(&flow->first, eth, sizeof(flow->first));
	memcpy(&flow->rest, eth + sizeof(flow->first), sizeof(flow->rest));
	flow->version = sw->fdb.version;
	flow->begun_ns = now;
	flow->to = to;
}

/* Another frame than the one before. Learn the source, find the ports it goes to. */
__attribute__((noinline))
static u64 switch_lookup(struct net_switch *sw, struct port *from, struct frame *frame,
			 const u8 *eth, u64 now, struct switch_flow *flow)
{
	u32 limit = from->uplink ? sw->fdb.size : MAX(sw->fdb.size / 8, 1u);
	u64 src, dst;
	int port;

	if (flow->dest)
		flow_end(flow);
	if (unlikely(!eth)) {
		from_drop(from, DROP_RUNT);
		return 0;
	}
	src = fdb_mac(eth + ETH_SRC);
	dst = fdb_mac(eth + ETH_DST);
	if (eth_bad_source(src)) {
		from_drop(from, DROP_BAD_SRC);
		return 0;
	}
	if (eth_reserved(dst)) {
		from_drop(from, DROP_RESERVED);
		return 0;
	}
	if (unlikely(from->checks)) {
		int vid = port_admits(from, frame, src, now);

		if (vid < 0)
			return 0;
		src |= fdb_vlan((u16)vid);
		dst |= fdb_vlan((u16)vid);
	}
	fdb_learn(&sw->fdb, src, from->index, limit, now);
	if (dst & ETH_GROUP) {
		frame->flags |= FRAME_BROADCAST;
		from->stats.rx_broadcast++;
		return switch_flood(sw, from, frame, dst);
	}
	port = fdb_lookup(&sw->fdb, dst, now);
	if (port < 0)
		return switch_flood(sw, from, frame, dst);
	if ((unsigned int)port == from->index && !from->hairpin) {
		from_drop(from, DROP_HAIRPIN);
		return 0;
	}
	if (!port_accepts(sw->ports[port], frame, dst)) {
		sw->refused++;
		return 0;
	}
	if (from->checks)			/* each frame is looked at for itself */
		return BIT_ULL(port);
	port_flow_begin(sw, from, eth, sw->ports[port], now);
	if (flow->more)
		flow_begin(flow, eth, sw->ports[port]);
	return BIT_ULL(port);
}

u16 switch_receiver_gro(const struct port *from, const struct frame *frame)
{
	struct net_switch *sw = READ_ONCE(from->sw);
	u16 vid = VLAN_NONE, offloads = 0;
	int port = -1;

	if (!sw)
		return 0;
	spin_lock(&sw->lock);
	if (!(from->checks & PORT_VLAN) || vlan_ingress(&from->policy.vlan, frame, &vid))
		port = fdb_lookup(&sw->fdb, fdb_mac(frame_eth(frame)) | fdb_vlan(vid), time_ns());
	if (port >= 0 && sw->ports[port]->policy.gro)
		offloads = sw->ports[port]->offloads;
	spin_unlock(&sw->lock);
	return offloads;
}

/* The ports that @frame goes to. */
static inline u64 switch_dest(struct net_switch *sw, struct port *from, struct frame *frame,
			      u64 now, struct switch_flow *flow)
{
	const u8 *eth = frame_eth(frame);

	if (!flow->dest || !eth || !flow_has(flow, eth, frame))
		return switch_lookup(sw, from, frame, eth, now, flow);
	flow->frames++;
	flow->bytes += frame->len;
	return flow->dest;
}

/* First step, under the lock. */
static void switch_classify(struct net_switch *sw, struct port *from, struct switch_batch *batch)
{
	u64 now = time_ns(), left, all = 0, same = UINT64_MAX, bytes = 0;
	struct switch_flow flow;
	unsigned int flags = 0;

	flow.dest = 0;
	flow.more = batch->nr > 1;
	for (unsigned int i = 0; i < batch->nr; i++) {
		u64 dest = switch_dest(sw, from, batch->frames[i], now, &flow);

		bytes += batch->frames[i]->len;
		flags |= batch->frames[i]->flags;
		batch->dest[i] = dest;
		all |= dest;
		same &= dest;
	}
	if (flow.dest)
		flow_end(&flow);
	from->stats.rx_frames += batch->nr;
	from->stats.rx_bytes += bytes;
	for (left = all; left; left &= left - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(left);

		batch->port[i] = sw->ports[i];
		__atomic_fetch_add(&sw->ports[i]->users, 1, __ATOMIC_RELAXED);
	}
	batch->all = all;
	batch->same = same;
	batch->flags = flags;
	batch->vlans = sw->vlan_ports;
}

static void switch_unpin(struct port *port)
{
	__atomic_fetch_sub(&port->users, 1, __ATOMIC_RELEASE);
}

/* @flags: of all of them, or more. */
static void port_deliver(struct port *to, struct frame **frames, unsigned int nr,
			 unsigned int flags)
{
	if (unlikely(READ_ONCE(to->checks) & PORT_CAPTURE))
		capture_frames(to, frames, nr);
	if (likely(!(flags & FRAME_OFFLOADS & ~to->offloads)))
		to->ops->deliver(to, frames, nr);
	else
		offload_deliver(to, frames, nr);
	if (to->ops->flush)
		to->ops->flush(to);
}

/* Those of the batch that go to port @p. */
static unsigned int batch_group(const struct switch_batch *batch, unsigned int p,
				struct frame **group)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < batch->nr; i++)
		if (batch->dest[i] & BIT_ULL(p))
			group[nr++] = batch->frames[i];
	return nr;
}

/*
 * The longer way, on a switch that has VLANs: @frames are those of @batch for port @p. Which VLAN
 * a frame belongs to follows from what has not changed since the first step.
 */
static void port_deliver_vlan(const struct switch_batch *batch, unsigned int p,
			      struct frame **frames, unsigned int nr)
{
	struct vlan_parts parts;
	u16 vids[SWITCH_BATCH];

	for (unsigned int i = 0; i < nr; i++)
		vlan_ingress(&batch->from->policy.vlan, frames[i], &vids[i]);
	nr = vlan_egress(batch->port[p], frames, vids, nr, &parts);
	if (nr)
		port_deliver(batch->port[p], frames, nr, batch->flags);
	vlan_parts_put(&parts);
}

/* Second step: each port its frames. */
static void switch_deliver(struct switch_batch *batch)
{
	struct frame *group[SWITCH_BATCH];

	for (u64 left = batch->all; left; left &= left - 1) {
		unsigned int p = (unsigned int)__builtin_ctzll(left);

		if (unlikely(batch->vlans))
			port_deliver_vlan(batch, p, group, batch_group(batch, p, group));
		else if (likely(batch->same & BIT_ULL(p)))
			port_deliver(batch->port[p], batch->frames, batch->nr,
				     batch->flags);
		else
			port_deliver(batch->port[p], group, batch_group(batch, p, group),
				     batch->flags);
		switch_unpin(batch->port[p]);
	}
}

/* Does @frame look like those that went there? */
static inline bool port_flow_has(const struct port_flow *flow, const struct frame *frame)
{
	const u8 *eth = frame_eth(frame);

	return likely(eth) && eth_has(eth, flow->first, flow->rest) &&
	       frame_wire_len(frame) <= flow->to->max_frame;
}

/*
 * The short way: all frames go where the latest one from this port went, and no address has gone
 * or moved since. That port, pinned, and the flags of all frames; NULL: they have to be looked at.
 */
static inline struct port *flow_takes(const struct net_switch *sw, struct port *from,
				      struct frame *const *frames, unsigned int nr, u64 now,
				      unsigned int *all)
{
	const struct port_flow *flow = &from->flow;
	struct port *to = flow->to;
	unsigned int flags = 0;
	u64 bytes = 0;

	if (flow->version != sw->fdb.version || from->checks || !READ_ONCE(to->link_up) ||
	    now - flow->begun_ns >= SWITCH_FLOW_NS)
		return NULL;
	for (unsigned int i = 0; i < nr; i++) {
		if (!port_flow_has(flow, frames[i]))
			return NULL;
		bytes += frames[i]->len;
		flags |= frames[i]->flags;
	}
	from->stats.rx_frames += nr;
	from->stats.rx_bytes += bytes;
	to->stats.tx_frames += nr;
	to->stats.tx_bytes += bytes;
	__atomic_fetch_add(&to->users, 1, __ATOMIC_RELAXED);
	*all = flags;
	return to;
}

static bool switch_same(struct port *from, struct frame **frames, unsigned int nr)
{
	u64 now = time_ns();		/* early, when there is little to be kept over the call */
	struct net_switch *sw = READ_ONCE(from->sw);
	struct port *to = NULL;
	unsigned int flags;

	if (!sw || !READ_ONCE(from->link_up))
		return false;
	spin_lock(&sw->lock);
	if (from->sw == sw)
		to = flow_takes(sw, from, frames, nr, now, &flags);
	spin_unlock(&sw->lock);
	if (!to)
		return false;
	port_deliver(to, frames, nr, flags);
	switch_unpin(to);
	return true;
}

__attribute__((noinline))
static void switch_forward(struct port *from, struct frame **frames, unsigned int nr)
{
	struct net_switch *sw = READ_ONCE(from->sw);
	struct switch_batch batch;

	if (!sw || !READ_ONCE(from->link_up)) {
		port_drop(from, DROP_LINK_DOWN, nr);
		return;
	}
	if (unlikely(READ_ONCE(from->checks) & PORT_CAPTURE))
		capture_frames(from, frames, nr);
	batch.from = from;
	batch.frames = frames;
	batch.nr = nr;
	batch.all = 0;
	spin_lock(&sw->lock);
	if (from->sw == sw)		/* not detached meanwhile */
		switch_classify(sw, from, &batch);
	spin_unlock(&sw->lock);
	switch_deliver(&batch);
}

static void batch_input(struct port *from, struct frame **frames, unsigned int nr)
{
	if (!switch_same(from, frames, nr))
		switch_forward(from, frames, nr);
}

/* Nothing is kept over the last batch, which mostly is the only one. */
void switch_input(struct port *from, struct frame **frames, unsigned int nr)
{
	for (; nr > SWITCH_BATCH; nr -= SWITCH_BATCH, frames += SWITCH_BATCH)
		batch_input(from, frames, SWITCH_BATCH);
	if (nr)
		batch_input(from, frames, nr);
}
