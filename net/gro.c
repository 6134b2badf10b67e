/* SPDX-License-Identifier: BSD-2-Clause */
/* Large TCP frames out of segments that arrived together. */
#include "net/gro.h"

#include <string.h>

#include "net/csum.h"
#include "net/headers.h"
#include "net/switch.h"

#define GRO_FLOWS	8	/* connections looked at at once */
#define GRO_LAST	(TCP_FIN | TCP_PSH)	/* flags of a last segment */
#define GRO_WORDS	(FRAME_HDR_MAX / sizeof(u64))
#define GRO_HDR_MIN	(ETH_HLEN + IP4_HLEN + TCP_HLEN)

_Static_assert(ETH_HLEN + VLAN_HLEN + IP6_HLEN + TCP_HLEN_MAX <= FRAME_HDR_MAX, "fits expect[]");

/* Where the headers of a TCP segment are. */
struct gro_key {
	const u8 *hdr;
	u16 ip, tcp;			/* offsets */
	bool ip6;
};

/* Where the headers of a connection's segments are, and what counts in them: of the next one. */
struct gro_pos {
	u32 seq;
	u16 ip, tcp, hdr_len;		/* where they start; where payload does */
	u16 id, sum;			/* IPv4: id; sum of the header without it and checksum */
	bool ip6;
};

/* A connection whose latest segment may be followed by another. */
struct gro_flow {
	struct frame *head;		/* its first one; headers as they came until gro_end() */
	/*
	 * Headers of the next one, if it is as long as all: what gso_cut_next() would give it.
	 * mask[]: what is compared.
	 */
	u64 expect[GRO_WORDS], mask[GRO_WORDS];
	u32 len;			/* of a segment with its headers */
	u32 size;			/* of its payload */
	u32 max_segs;			/* of its large frame; set with the second one */
	struct gro_pos pos;
	bool refused;			/* the receiver takes no large frames */
};

struct gro {
	struct port *from;
	struct gro_flow *last;		/* the one looked at last, or NULL */
	unsigned int nr, oldest;
	u32 frames, segs;		/* large ones made, and of how many */
	struct gro_flow flow[GRO_FLOWS];
};

/* ---- What comes next ---- */

static inline void put_ip4_check(u8 *ip, u16 sum, u16 id)
{
	u32 all = (u32)sum + __builtin_bswap16(id);
	u16 check = (u16)~((all & UINT16_MAX) + (all >> 16));

	memcpy(ip + IP4_CHECK, &check, sizeof(check));
}

/* After a segment with @size bytes. */
static inline void expect_next(struct gro_flow *f, struct gro_pos *pos, u32 size)
{
	u8 *tcp = (u8 *)f->expect + pos->tcp, *ip = (u8 *)f->expect + pos->ip;

	pos->seq += size;
	put_be32(tcp + TCP_SEQ, pos->seq);
	if (pos->ip6)
		return;
	pos->id++;
	put_be16(ip + IP4_ID, pos->id);
	put_ip4_check(ip, pos->sum, pos->id);
}

/* A last segment of @len bytes, which are fewer; none can follow it. */
static bool expect_short(struct gro_flow *f, u32 len)
{
	u8 *ip = (u8 *)f->expect + f->pos.ip;

	if (len <= f->pos.hdr_len || len >= f->len)
		return false;
	if (f->pos.ip6) {
		put_be16(ip + IP6_LEN, (u16)(len - f->pos.tcp));
		return true;
	}
	put_be16(ip + IP4_LEN, (u16)(len - f->pos.ip));
	f->pos.sum = csum_reduce((u64)f->pos.sum +
				 (u16)~__builtin_bswap16((u16)(f->len - f->pos.ip)) +
				 __builtin_bswap16((u16)(len - f->pos.ip)));
	put_ip4_check(ip, f->pos.sum, f->pos.id);
	return true;
}

static inline u64 header_differs(const struct gro_flow *f, const u8 *hdr, unsigned int at)
{
	return (load64(hdr + at) ^ load64((const u8 *)f->expect + at)) &
	       load64((const u8 *)f->mask + at);
}

/* Is @frame, of that length, what comes next in @f? @pos: of @f, or a copy that is at hand. */
static inline bool gro_follows(const struct gro_flow *f, const struct gro_pos *pos,
			       const struct frame *frame, u32 len)
{
	const u8 *hdr = frame->seg[0].ptr, *check = hdr + pos->tcp + TCP_CHECK;
	const unsigned int tail = pos->hdr_len - sizeof(u64);
	u64 differ = 0;

	if (frame->len != len || frame->flags != FRAME_CSUM_VALID || frame->nr_segs != 1)
		return false;
#pragma GCC unroll 8
	for (unsigned int at = 0; at < 64; at += 8)
		if (at + 8 <= GRO_HDR_MIN || at < tail)
			differ |= header_differs(f, hdr, at);
	for (unsigned int at = 64; at < tail; at += 8)
		differ |= header_differs(f, hdr, at);
	differ |= header_differs(f, hdr, tail);
	/* 0 is the same number as 65535 in ones' complement, and not what gso_cut_next() writes. */
	return !differ && (check[0] | check[1]);
}

/* ---- The large frame ---- */

/* What is left of the pseudo header's sum when it is not complemented (virtio 1.2 §5.1.6.2). */
static void gro_tcp_check(const struct gro_flow *f, u8 *hdr, u32 tcp_len)
{
	const u8 *ip = hdr + f->pos.ip;
	u64 sum = __builtin_bswap16((u16)tcp_len) + (IP_TCP << 8);
	u16 field;

	if (f->pos.ip6)
		sum = csum_add(sum, ip + IP6_SRC, IP6_HLEN - IP6_SRC, false);
	else
		sum += (u64)load32(ip + IP4_SRC) + load32(ip + IP4_SRC + sizeof(u32));
	field = csum_reduce(sum);
	memcpy(hdr + f->pos.tcp + TCP_CHECK, &field, sizeof(field));
}

static void gro_ip(const struct gro_flow *f, u8 *ip, u32 len)
{
	u16 check;

	if (f->pos.ip6) {
		put_be16(ip + IP6_LEN, (u16)(len - IP6_HLEN));
		return;
	}
	/* RFC 1624 §3, equation 3 */
	memcpy(&check, ip + IP4_CHECK, sizeof(check));
	check = (u16)~csum_reduce((u64)(u16)~check + __builtin_bswap16((u16)len) +
				  (u16)~__builtin_bswap16(get_be16(ip + IP4_LEN)));
	put_be16(ip + IP4_LEN, (u16)len);
	memcpy(ip + IP4_CHECK, &check, sizeof(check));
}

/* No more segments: the head's headers are those of all. */
static void gro_end(struct gro *gro, struct gro_flow *f)
{
	struct frame *frame = f->head;
	u8 *hdr = (u8 *)frame->seg[0].ptr;	/* the NIC's buffer, ours alone */

	if (frame->nr_segs == 1)
		return;
	gro->frames++;
	gro->segs += frame->nr_segs;
	frame->flags = FRAME_NEEDS_CSUM | (f->pos.ip6 ? FRAME_TSO6 : FRAME_TSO4);
	frame->csum_start = f->pos.tcp;
	frame->csum_offset = TCP_CHECK;
	frame->gso_size = (u16)f->size;
	frame->gso_hdr_len = f->pos.hdr_len;
	frame->gso_ip_start = f->pos.ip;
	gro_ip(f, hdr + f->pos.ip, frame->len - f->pos.ip);
	/* Flags of the last one, which had its payload behind them. */
	hdr[f->pos.tcp + TCP_FLAGS] |= frame->frags->seg[0].ptr[f->pos.tcp + TCP_FLAGS] & GRO_LAST;
	gro_tcp_check(f, hdr, frame->len - f->pos.tcp);
}

/* @f is forgotten: what comes of it starts anew. */
static void gro_forget(struct gro *gro, struct gro_flow *f)
{
	gro_end(gro, f);
	f->head = NULL;
	if (gro->last == f)
		gro->last = NULL;
}

static void gro_forget_all(struct gro *gro)
{
	for (unsigned int i = 0; i < gro->nr; i++)
		if (gro->flow[i].head)
			gro_forget(gro, &gro->flow[i]);
	gro->nr = 0;
}

/* ---- Any frame ---- */

enum gro_kind {
	GRO_OTHER,		/* no TCP: between segments it means nothing */
	GRO_ODD,		/* may be of any connection */
	GRO_TCP,		/* the fixed headers are there */
};

static enum gro_kind gro_kind(const struct frame *frame, struct gro_key *key)
{
	const u8 *hdr = frame->seg[0].ptr;
	u32 len = frame->seg[0].len, at = ETH_TYPE;
	u8 protocol = 0;
	u16 type;

	if (len < ETH_HLEN)
		return GRO_OTHER;
	type = get_be16(hdr + at);
	if (type == ETH_TYPE_VLAN && len >= ETH_HLEN + VLAN_HLEN) {
		at += VLAN_HLEN;
		type = get_be16(hdr + at);
	}
	key->hdr = hdr;
	key->ip = (u16)(at + sizeof(type));
	key->ip6 = type == ETH_TYPE_IP6;
	key->tcp = (u16)(key->ip + (key->ip6 ? IP6_HLEN : IP4_HLEN));
	if (type == ETH_TYPE_VLAN || type == ETH_TYPE_QINQ)
		return GRO_ODD;
	if (type != ETH_TYPE_IP4 && !key->ip6)
		return GRO_OTHER;
	if (len < key->tcp)
		return GRO_ODD;
	hdr += key->ip;
	if (key->ip6)
		protocol = hdr[IP6_NEXT];
	else if (hdr[IP4_VERSION_IHL] == IP4_VERSION_IHL_PLAIN)
		protocol = hdr[IP4_PROTOCOL];
	if (protocol == IP_UDP || protocol == IP_ICMP6 || protocol == IP_ICMP)
		return GRO_OTHER;
	return protocol == IP_TCP && len >= key->tcp + (u32)TCP_HLEN ? GRO_TCP : GRO_ODD;
}

/* What may differ is not looked at: the TCP checksum, which the NIC has, and flags. */
static void gro_mask(struct gro_flow *f)
{
	u8 *mask = (u8 *)f->mask;

	memset(mask, UINT8_MAX, f->pos.hdr_len);
	memset(mask + f->pos.tcp + TCP_CHECK, 0, sizeof(u16));
	mask[f->pos.tcp + TCP_FLAGS] = (u8)~GRO_LAST;
}

/* IPv4: false if the header is not one to be made again. */
static bool gro_ip4(struct gro_flow *f)
{
	const u8 *ip = (const u8 *)f->expect + f->pos.ip;
	u16 check;

	memcpy(&check, ip + IP4_CHECK, sizeof(check));
	if (get_be16(ip + IP4_LEN) != f->len - f->pos.ip ||
	    (get_be16(ip + IP4_FRAGMENT) & IP4_FRAGMENT_MASK))
		return false;
	f->pos.id = get_be16(ip + IP4_ID);
	f->pos.sum = csum_reduce((u64)load32(ip) + load32(ip + 4) + load32(ip + 8) +
				 load32(ip + 12) + load32(ip + 16) + (u16)~check +
				 (u16)~__builtin_bswap16(f->pos.id));
	put_ip4_check((u8 *)f->expect + f->pos.ip, f->pos.sum, f->pos.id);
	return !memcmp(ip + IP4_CHECK, &check, sizeof(check));
}

/* Can @frame be a first segment? Then @f is its connection. */
static bool gro_first(struct gro_flow *f, const struct gro_key *key, struct frame *frame)
{
	const u8 *tcp = key->hdr + key->tcp, *check = tcp + TCP_CHECK;
	u32 hdr_len = key->tcp + (tcp[TCP_DATA_OFFSET] >> 4) * 4u;

	if (frame->flags != FRAME_CSUM_VALID || frame->nr_segs != 1 ||
	    hdr_len < key->tcp + (u32)TCP_HLEN || frame->len <= hdr_len ||
	    (tcp[TCP_FLAGS] & (u8)~TCP_ECE) != TCP_ACK || !(check[0] | check[1]))
		return false;
	f->pos.ip = key->ip;
	f->pos.tcp = key->tcp;
	f->pos.ip6 = key->ip6;
	f->pos.hdr_len = (u16)hdr_len;
	f->len = frame->len;
	f->size = frame->len - hdr_len;
	memcpy(f->expect, key->hdr, hdr_len);
	if (f->pos.ip6 ? key->hdr[f->pos.ip] >> 4 != 6 ||
		     get_be16(key->hdr + f->pos.ip + IP6_LEN) != f->len - f->pos.tcp : !gro_ip4(f))
		return false;
	f->pos.seq = get_be32(tcp + TCP_SEQ);
	f->refused = false;
	gro_mask(f);
	expect_next(f, &f->pos, f->size);
	f->head = frame;
	return true;
}

/* The connection that @key is of: addresses and ports, as nothing else tells them apart. */
static struct gro_flow *gro_find(struct gro *gro, const struct gro_key *key)
{
	u32 at = key->ip + (key->ip6 ? IP6_SRC : IP4_SRC), len = key->tcp + TCP_SEQ - at;

	for (unsigned int i = 0; i < gro->nr; i++) {
		struct gro_flow *f = &gro->flow[i];

		if (f->head && f->pos.ip == key->ip && f->pos.ip6 == key->ip6 &&
		    !memcmp((const u8 *)f->expect + at, key->hdr + at, len))
			return f;
	}
	return NULL;
}

static struct gro_flow *gro_slot(struct gro *gro)
{
	struct gro_flow *f;

	if (gro->nr < GRO_FLOWS) {
		f = &gro->flow[gro->nr++];
		f->head = NULL;
		return f;
	}
	f = &gro->flow[gro->oldest++ % GRO_FLOWS];
	if (f->head)
		gro_forget(gro, f);
	return f;
}

/* Before the first one is appended: can there be a large frame, and does the receiver take it? */
__attribute__((noinline))
static bool gro_wanted(struct gro *gro, struct gro_flow *f)
{
	u16 need = FRAME_NEEDS_CSUM | (f->pos.ip6 ? FRAME_TSO6 : FRAME_TSO4);
	u32 fit = (IP_LEN_MAX - (f->pos.hdr_len - f->pos.ip)) / f->size;

	f->max_segs = MIN(fit, (u32)GRO_SEGS_MAX);
	f->refused = fit < 2 || (need & ~switch_receiver_gro(gro->from, f->head));
	if (f->refused)
		f->len = UINT32_MAX;	/* nothing is as long */
	return !f->refused;
}

/*
 * Those of @frames that follow in @f one after the other, each of that length, become parts of its
 * large frame: how many. What changes from one to the next is kept at hand meanwhile.
 */
static unsigned int gro_run(struct gro *gro, struct gro_flow *f, struct frame **frames,
			    unsigned int nr, u32 len)
{
	struct frame *head = f->head, *frags = head->frags;
	const u32 size = len - f->pos.hdr_len;
	struct gro_pos pos = f->pos;
	unsigned int n = 0, max;
	struct frame_seg *seg;
	u8 flags = 0;

	if (head->nr_segs == 1 && (!gro_follows(f, &pos, frames[0], len) || !gro_wanted(gro, f)))
		return 0;
	seg = &head->seg[head->nr_segs];
	for (max = MIN(nr, f->max_segs - head->nr_segs); n < max && !flags; n++) {
		struct frame *frame = frames[n];
		const u8 *hdr = frame->seg[0].ptr;

		if (!gro_follows(f, &pos, frame, len))
			break;
		*seg++ = (struct frame_seg){
			.ptr = hdr + pos.hdr_len, .phys = frame->seg[0].phys + pos.hdr_len,
			.len = size,
		};
		frame->frags = frags;
		frags = frame;
		flags = hdr[pos.tcp + TCP_FLAGS] & GRO_LAST;
		expect_next(f, &pos, size);
	}
	head->frags = frags;
	head->nr_segs += n;
	head->len += n * size;
	f->pos = pos;
	if (n && (flags || size != f->size || head->nr_segs == f->max_segs))
		gro_forget(gro, f);
	return n;
}

/* Another one than what followed in the connection seen last. True: part of a large frame. */
__attribute__((noinline))
static bool gro_other(struct gro *gro, struct frame *frame)
{
	struct gro_flow *f;
	struct gro_key key;
	enum gro_kind kind = gro_kind(frame, &key);

	if (kind == GRO_OTHER)
		return false;
	if (kind == GRO_ODD) {
		gro_forget_all(gro);
		return false;
	}
	f = gro_find(gro, &key);
	if (f && !f->refused && (frame->len == f->len || expect_short(f, frame->len)) &&
	    gro_run(gro, f, &frame, 1, frame->len)) {
		gro->last = f->head ? f : NULL;
		return true;
	}
	if (f && f->refused)
		return false;
	if (f)
		gro_forget(gro, f);
	else
		f = gro_slot(gro);
	if (gro_first(f, &key, frame))
		gro->last = f;
	return false;
}

/* What most frames are that are no TCP. */
static inline bool gro_passes(const struct frame *frame)
{
	const u8 *hdr = frame->seg[0].ptr;

	return frame->seg[0].len >= ETH_HLEN + IP4_HLEN &&
	       get_be16(hdr + ETH_TYPE) == ETH_TYPE_IP4 &&
	       hdr[ETH_HLEN + IP4_PROTOCOL] != IP_TCP;
}

static void gro_count(const struct gro *gro)
{
	struct port_stats *stats = &gro->from->stats;

	__atomic_fetch_add(&stats->gro_frames, gro->frames, __ATOMIC_RELAXED);
	__atomic_fetch_add(&stats->gro_segs, gro->segs, __ATOMIC_RELAXED);
}

unsigned int gro_merge(struct port *from, struct frame **frames, unsigned int nr)
{
	struct gro gro;
	unsigned int left = 0;

	if (nr < 2)
		return nr;
	gro.from = from;
	gro.last = NULL;
	gro.nr = gro.oldest = gro.frames = gro.segs = 0;
	for (unsigned int i = 0; i < nr; i++) {
		struct frame *frame;

		if (gro.last)
			i += gro_run(&gro, gro.last, frames + i, nr - i, gro.last->len);
		if (i == nr)
			break;
		frame = frames[i];
		if (gro_passes(frame) || !gro_other(&gro, frame))
			frames[left++] = frame;
	}
	gro_forget_all(&gro);
	if (gro.frames)
		gro_count(&gro);
	return left;
}
