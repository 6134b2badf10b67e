/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receive steering (virtio 1.2 §5.1.6.5.6.1), as Linux's tun does it: the frames of a flow go to
 * the pair by which the driver last sent of that flow; those of other flows by their hash to one of
 * the pairs in use.
 *
 * The flows are kept in a table of fixed size, one place for a hash, the last come has it. What
 * a driver does to it concerns its own frames alone; what others send does not change it.
 * Entries are single words, read and written without a lock: they are hints, and are checked
 * against what runs when they are used.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/time.h"
#include "net/headers.h"
#include "net/switch.h"
#include "virtio/vhost_net.h"

enum flow_fields {		/* RFC 791 §3.1 */
	FLOW_IP4_WORDS = 4,	/* of the header, in bytes each */
	FLOW_IP4_IHL = 0x0f,
	FLOW_PORTS_LEN = 4,	/* of TCP and UDP, at the start of the header */
};

#define STEER_BATCH	64
#define STEER_FLOWS	1024	/* as many places as tun has */
#define STEER_EXPIRY_NS	(3 * NSEC_PER_SEC)	/* as tun */

/* An entry: upper half of the hash, when the driver last sent, and by which pair. */
#define ENTRY_PAIR_BITS	3
#define ENTRY_TIME_BITS	13
#define ENTRY_TAG	(~0u << (ENTRY_PAIR_BITS + ENTRY_TIME_BITS))
#define ENTRY_TIME	((1u << ENTRY_TIME_BITS) - 1)	/* in TICK_SHIFT's ticks: 9 minutes */
#define TICK_SHIFT	26	/* 67 ms */

_Static_assert(VHOST_NET_PAIRS_MAX <= 1 << ENTRY_PAIR_BITS, "pairs fit");
_Static_assert(!(STEER_FLOWS & (STEER_FLOWS - 1)) && STEER_FLOWS <= ~ENTRY_TAG, "place and tag");

struct net_steer {
	u64 key;
	unsigned int pairs;		/* in use: the first so many */
	struct net_steer_stats stats;
	u32 flow[STEER_FLOWS];
};

/* ---- Flows ---- */

#define HASH_FACTOR	0x9e3779b97f4a7c15	/* 2^64 divided by the golden ratio */

/* The same for both directions; ends that differ little are to be far apart. */
static inline u32 hash_ends(u64 key, u64 a, u64 b)
{
	u64 h = (MIN(a, b) ^ key) * HASH_FACTOR;

	h = ((h ^ h >> 32) + MAX(a, b)) * HASH_FACTOR;
	return (u32)((h ^ h >> 32) * HASH_FACTOR >> 32);
}

/* Ports of TCP and UDP at @off, source in the lower half; 0: others have none. */
static inline u32 flow_ports(u8 protocol, const u8 *eth, u32 off, u32 len)
{
	if ((protocol != IP_TCP && protocol != IP_UDP) || off + FLOW_PORTS_LEN > len)
		return 0;
	return load32(eth + off);
}

static inline u32 hash_ip4_ends(u64 key, u32 src, u32 dst, u32 ports)
{
	return hash_ends(key, (u64)src << 16 | (u16)ports, (u64)dst << 16 | ports >> 16);
}

static u32 hash_ip4(u64 key, const u8 *eth, u32 ip, u32 len)
{
	u32 ports = 0;

	/* Only the first fragment has ports: a flow stays together without them. */
	if (!(get_be16(eth + ip + IP4_FRAGMENT) & IP4_FRAGMENT_MASK))
		ports = flow_ports(eth[ip + IP4_PROTOCOL], eth,
				   ip + FLOW_IP4_WORDS * (eth[ip] & FLOW_IP4_IHL), len);
	return hash_ip4_ends(key, load32(eth + ip + IP4_SRC),
			     load32(eth + ip + IP4_DST), ports);
}

static inline u64 fold_ip6(const u8 *addr, u32 port)
{
	return load64(addr) * HASH_FACTOR ^ load64(addr + 8) ^ (u64)port << 48;
}

static u32 hash_ip6(u64 key, const u8 *eth, u32 ip, u32 len)
{
	u32 ports = flow_ports(eth[ip + IP6_NEXT], eth, ip + IP6_HLEN, len);

	return hash_ends(key, fold_ip6(eth + ip + IP6_SRC, (u16)ports),
			 fold_ip6(eth + ip + IP6_DST, ports >> 16));
}

/* @eth: the first @len bytes, which are stable, at least an Ethernet header. */
__attribute__((noinline))
static u32 flow_hash(u64 key, const u8 *eth, u32 len)
{
	u32 off = ETH_TYPE;
	u16 type = get_be16(eth + off);

	for (unsigned int tags = 0; tags < VLAN_TAGS_MAX &&
	     (type == ETH_TYPE_VLAN || type == ETH_TYPE_QINQ) &&
	     off + VLAN_HLEN + sizeof(type) <= len; tags++) {
		off += VLAN_HLEN;
		type = get_be16(eth + off);
	}
	off += sizeof(type);
	if (type == ETH_TYPE_IP4 && len >= off + IP4_HLEN)
		return hash_ip4(key, eth, off, len);
	if (type == ETH_TYPE_IP6 && len >= off + IP6_HLEN)
		return hash_ip6(key, eth, off, len);
	return hash_ends(key, load64(eth + ETH_SRC) << 16, load64(eth + ETH_DST) << 16);
}

/*
 * Frames come in trains. Most are IPv4 without tags and options, TCP or UDP, and whole: these
 * words tell whether the flow is that of the frame before.
 */
struct flow_train {
	u64 addrs;
	u64 ports_protocol;		/* 0: the frame is something else */
	u32 hash;
};

/* Type, version and length of header; fragmentation and protocol. In memory's order. */
#define PLAIN_TYPE		(ETH_TYPE_IP4 >> 8 | IP4_VERSION_IHL_PLAIN << 16)
#define PLAIN_TYPE_MASK		((1u << 24) - 1)
#define PLAIN_PROTOCOL(n)	((u32)(n) << 24)
#define PLAIN_WHOLE_MASK	(PLAIN_PROTOCOL(UINT8_MAX) | \
				 (IP4_FRAGMENT_MASK & UINT8_MAX) << 8 | IP4_FRAGMENT_MASK >> 8)

_Static_assert(!(ETH_TYPE_IP4 & UINT8_MAX) && IP4_PROTOCOL == IP4_FRAGMENT + 3,
	       "words of a header");

/* @t is empty. */
static inline void train_look(struct flow_train *t, const u8 *eth, u32 len)
{
	const u8 *ip = eth + ETH_HLEN;
	u32 protocol;

	if (len < ETH_HLEN + IP4_HLEN + FLOW_PORTS_LEN ||
	    (load32(eth + ETH_TYPE) & PLAIN_TYPE_MASK) != PLAIN_TYPE)
		return;
	protocol = load32(ip + IP4_FRAGMENT) & PLAIN_WHOLE_MASK;
	if (protocol != PLAIN_PROTOCOL(IP_TCP) && protocol != PLAIN_PROTOCOL(IP_UDP))
		return;
	t->addrs = load64(ip + IP4_SRC);
	t->ports_protocol = (u64)protocol << 32 | load32(ip + IP4_HLEN);
}

__attribute__((noinline))
static void train_new(struct flow_train *t, u64 key, const u8 *eth, u32 len)
{
	if (t->ports_protocol)
		t->hash = hash_ip4_ends(key, (u32)t->addrs, (u32)(t->addrs >> 32),
					(u32)t->ports_protocol);
	else
		t->hash = eth ? flow_hash(key, eth, len) : 0;	/* or it is no frame at all */
}

/* True: @frame is of the same flow as the one before. Otherwise @t has its hash. */
static inline __attribute__((always_inline))
bool train_next(struct flow_train *t, u64 key, const struct frame *frame)
{
	const u8 *eth = frame_eth(frame);
	u32 len = frame->hdr_len ? frame->hdr_len : frame->seg[0].len;
	struct flow_train now = { 0 };

	if (likely(eth))
		train_look(&now, eth, len);
	if (now.ports_protocol && now.addrs == t->addrs && now.ports_protocol == t->ports_protocol)
		return true;
	*t = now;
	train_new(t, key, eth, len);
	return false;
}

static inline u32 entry_time(u32 entry)
{
	return entry >> ENTRY_PAIR_BITS & ENTRY_TIME;
}

static inline u32 now_ticks(void)
{
	return (u32)(time_ns() >> TICK_SHIFT) & ENTRY_TIME;
}

void net_steer_learn(struct vhost_net *net, unsigned int pair, struct frame **frames,
		     unsigned int nr)
{
	struct net_steer *steer = net->steer;
	struct flow_train train = { 0 };
	u32 now;

	if (READ_ONCE(steer->pairs) < 2)
		return;
	now = now_ticks();
	for (unsigned int i = 0; i < nr; i++) {
		u32 *place, entry;

		if (train_next(&train, steer->key, frames[i]))
			continue;
		place = &steer->flow[train.hash % STEER_FLOWS];
		entry = (train.hash & ENTRY_TAG) | now << ENTRY_PAIR_BITS | pair;
		if (READ_ONCE(*place) != entry)	/* others' caches have it */
			WRITE_ONCE(*place, entry);
	}
}

/* ---- Frames to pairs ---- */

/* Pairs in use whose receive queue runs. */
struct pairs {
	unsigned int n;
	u32 running;			/* a bit each */
	u8 pair[VHOST_NET_PAIRS_MAX];
};

static void pairs_find(const struct vhost_net *net, struct pairs *pairs)
{
	unsigned int in_use = READ_ONCE(net->steer->pairs);

	pairs->n = pairs->running = 0;
	for (unsigned int p = 0; p < in_use; p++) {
		if (!READ_ONCE(net->rx[p].vq->enabled))
			continue;
		pairs->running |= BIT(p);
		pairs->pair[pairs->n++] = (u8)p;
	}
}

/* By its flow, if that is known (*known) and its pair runs. */
static inline unsigned int pair_of(const struct net_steer *steer, const struct pairs *pairs,
				   u32 hash, u32 now, bool *known)
{
	u32 entry = READ_ONCE(steer->flow[hash % STEER_FLOWS]);
	unsigned int pair = entry & (BIT(ENTRY_PAIR_BITS) - 1);

	*known = (entry & ENTRY_TAG) == (hash & ENTRY_TAG) && (pairs->running & BIT(pair)) &&
		 ((now - entry_time(entry)) & ENTRY_TIME) <= STEER_EXPIRY_NS >> TICK_SHIFT;
	return *known ? pair : pairs->pair[(u64)hash * pairs->n >> 32];
}

static void deliver_to(struct vhost_net *net, unsigned int pair, struct frame **frames,
		       unsigned int nr)
{
	/* The driver has given it up meanwhile; the first one it cannot. */
	if (unlikely(!net_rx_deliver(&net->rx[pair], frames, nr)))
		net_rx_deliver(&net->rx[0], frames, nr);
}

/* The pair of each frame to @to, how many each has to @count. */
static void steer_sort(struct net_steer *steer, const struct pairs *pairs, struct frame **frames,
		       unsigned int nr, u8 *to, unsigned int *count)
{
	struct flow_train train = { 0 };
	unsigned int pair = 0, by_flow = 0;
	u32 now = now_ticks();
	bool known = false;

	for (unsigned int i = 0; i < nr; i++) {
		if (!train_next(&train, steer->key, frames[i]))
			pair = pair_of(steer, pairs, train.hash, now, &known);
		by_flow += known;
		to[i] = (u8)pair;
		count[pair]++;
	}
	__atomic_fetch_add(&steer->stats.by_flow, by_flow, __ATOMIC_RELAXED);
	__atomic_fetch_add(&steer->stats.by_hash, nr - by_flow, __ATOMIC_RELAXED);
}

static void steer(struct vhost_net *net, const struct pairs *pairs, struct frame **frames,
		  unsigned int nr)
{
	unsigned int count[VHOST_NET_PAIRS_MAX] = { 0 }, at[VHOST_NET_PAIRS_MAX];
	struct frame *sorted[STEER_BATCH];
	u8 to[STEER_BATCH];

	steer_sort(net->steer, pairs, frames, nr, to, count);
	if (count[to[0]] == nr) {
		deliver_to(net, to[0], frames, nr);
		return;
	}
	for (unsigned int p = 0, next = 0; p < net->nr_pairs; next += count[p++])
		at[p] = next;
	for (unsigned int i = 0; i < nr; i++)
		sorted[at[to[i]]++] = frames[i];
	for (unsigned int p = 0; p < net->nr_pairs; p++)
		if (count[p])
			deliver_to(net, p, sorted + at[p] - count[p], count[p]);
}

static void steer_deliver(struct port *port, struct frame **frames, unsigned int nr)
{
	struct vhost_net *net = port->owner;
	struct pairs pairs;

	pairs_find(net, &pairs);
	if (pairs.n < 2) {
		deliver_to(net, pairs.n ? pairs.pair[0] : 0, frames, nr);
		return;
	}
	for (unsigned int i = 0; i < nr; i += STEER_BATCH)
		steer(net, &pairs, frames + i, MIN(nr - i, (unsigned int)STEER_BATCH));
}

/* What this CPU has delivered it sees without the lock; others see to theirs. */
static void steer_flush(struct port *port)
{
	struct vhost_net *net = port->owner;

	for (unsigned int p = 0; p < net->nr_pairs; p++)
		if (READ_ONCE(net->rx[p].vq->ring.pending))
			net_rx_flush(&net->rx[p]);
}

const struct port_ops net_steer_ops = { .deliver = steer_deliver, .flush = steer_flush };

struct net_steer_stats net_steer_stats(const struct vhost_net *net)
{
	return net->steer ? net->steer->stats : (struct net_steer_stats){ 0 };
}

/* ---- Pairs in use ---- */

void net_set_pairs(struct vhost_net *net, unsigned int pairs)
{
	if (!net->steer)
		return;
	WRITE_ONCE(net->steer->pairs, pairs);
	for (unsigned int p = 0; p < net->nr_pairs; p++) {
		struct vhost_virtqueue *vq = net->rx[p].vq;

		spin_lock(&vq->lock);
		net->rx[p].passive = p >= pairs;
		if (vq->enabled)	/* what was delivered before */
			vhost_signal(vq);
		spin_unlock(&vq->lock);
	}
}

unsigned int net_pairs(const struct vhost_net *net)
{
	return net->steer ? READ_ONCE(net->steer->pairs) : 1;
}

int net_steer_init(struct vhost_net *net)
{
	net->steer = calloc(1, sizeof(*net->steer));
	if (!net->steer)
		return -ENOMEM;
	net->steer->key = time_ns() * HASH_FACTOR;
	net->steer->pairs = net->nr_pairs;
	return 0;
}

void net_steer_free(struct vhost_net *net)
{
	free(net->steer);
	net->steer = NULL;
}

u64 net_steer_memory(const struct vhost_net *net)
{
	return net->steer ? sizeof(*net->steer) : 0;
}
