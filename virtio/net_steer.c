/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receive steering (virtio 1.2 §5.1.6.5.5): with several pairs, the frames of a flow go to one of
 * the receive queues that run, by a hash of what tells flows apart.
 */
#include <string.h>

#include "net/headers.h"
#include "net/switch.h"
#include "virtio/vhost_net.h"

enum flow_fields {		/* addresses of IP headers: RFC 791 §3.1, RFC 8200 §3 */
	FLOW_IP4 = 12,
	FLOW_IP4_LEN = 8,
	FLOW_IP6 = 8,
	FLOW_IP6_LEN = 32,
	FLOW_PORTS_LEN = 4,	/* of TCP and UDP, at the start of the header */
};

#define STEER_BATCH 64

static u32 hash_bytes(u32 hash, const u8 *p, u32 len)
{
	while (len--)
		hash = (hash ^ *p++) * 0x01000193;	/* FNV-1a */
	return hash;
}

/* Only bytes of the first @len, which are stable, are looked at. */
static u32 flow_hash(const u8 *eth, u32 len)
{
	u32 hash = hash_bytes(0x811c9dc5, eth, 2 * (ETH_SRC - ETH_DST));
	const u8 *ip = eth + ETH_HLEN;
	u16 type = (u16)(eth[ETH_TYPE] << 8 | eth[ETH_TYPE + 1]);

	if (type == ETH_TYPE_IP4 && len >= ETH_HLEN + IP4_HLEN + FLOW_PORTS_LEN) {
		hash = hash_bytes(hash, ip + FLOW_IP4, FLOW_IP4_LEN);
		/* Only the first fragment has ports: a flow stays together without them. */
		if (!((ip[IP4_FRAGMENT] << 8 | ip[IP4_FRAGMENT + 1]) & IP4_FRAGMENT_MASK))
			hash = hash_bytes(hash, ip + IP4_HLEN, FLOW_PORTS_LEN);
	} else if (type == ETH_TYPE_IP6 && len >= ETH_HLEN + IP6_HLEN + FLOW_PORTS_LEN) {
		hash = hash_bytes(hash, ip + FLOW_IP6, FLOW_IP6_LEN);
		hash = hash_bytes(hash, ip + IP6_HLEN, FLOW_PORTS_LEN);
	}
	return hash ^ hash >> 16;
}

static unsigned int running(struct vhost_net *net, struct net_rx **rx)
{
	unsigned int n = 0;

	for (unsigned int p = 0; p < net->nr_pairs; p++)
		if (READ_ONCE(net->rx[p].vq->enabled))
			rx[n++] = &net->rx[p];
	return n;
}

static void steer(struct net_rx **rx, unsigned int n, struct frame **frames, unsigned int nr)
{
	u8 to[STEER_BATCH];
	struct frame *group[STEER_BATCH];

	for (unsigned int i = 0; i < nr; i++) {
		const u8 *eth = frame_eth(frames[i]);
		u32 len = frames[i]->hdr_len ? frames[i]->hdr_len : frames[i]->seg[0].len;

		to[i] = eth ? (u8)(flow_hash(eth, len) % n) : 0;
	}
	for (unsigned int q = 0; q < n; q++) {
		unsigned int count = 0;

		for (unsigned int i = 0; i < nr; i++)
			if (to[i] == q)
				group[count++] = frames[i];
		if (count)
			net_rx_deliver(rx[q], group, count);
	}
}

static void steer_deliver(struct port *port, struct frame **frames, unsigned int nr)
{
	struct vhost_net *net = port->owner;
	struct net_rx *rx[VHOST_NET_PAIRS_MAX];
	unsigned int n = running(net, rx);

	if (n < 2) {
		net_rx_deliver(n ? rx[0] : &net->rx[0], frames, nr);
		return;
	}
	for (unsigned int i = 0; i < nr; i += STEER_BATCH)
		steer(rx, n, frames + i, MIN(nr - i, (unsigned int)STEER_BATCH));
}

static void steer_flush(struct port *port)
{
	struct vhost_net *net = port->owner;

	for (unsigned int p = 0; p < net->nr_pairs; p++)
		net_rx_flush(&net->rx[p]);
}

const struct port_ops net_steer_ops = { .deliver = steer_deliver, .flush = steer_flush };
