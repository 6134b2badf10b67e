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

_Static_assert(ETH_HLEN + VLAN_HLEN + IP6_HLEN + TCP_HLEN_MAX <= FRAME_HDR_MAX, "fits expect[]");

/* Where the headers of a TCP segment are. */
struct gro_key {
	const u8 *hdr;
	u16 ip, tcp;			/* offsets */
	bool ip6;
};

/*
 * Where the headers of a connection's segments are, and what counts in them: of the next one. Both
 * are eight bytes of the header as a number.
 */
struct gro_pos {
	u64 seq_ack;			/* TCP's two numbers */
	u64 id_check;			/* IPv4: from the id to the checksum */
	u16 ip, tcp, hdr_len;		/* where they start; where payload does */
	u16 options;			/* of TCP: bytes */
	u16 sum;			/* IPv4: of the header without id and checksum */
	bool ip6;
};

#define GRO_ID_SHIFT	48		/* in id_check */
#define GRO_SEQ_SHIFT	32		/* in seq_ack */
/* One id further: so is the sum, of which the checksum is the complement; see gro_steps(). */
#define GRO_ID_STEP	((1ull << GRO_ID_SHIFT) - 1)

/* A connection whose latest segment may be followed by another. */
struct gro_flow {
	struct frame *head;		/* its first one; headers as they came until gro_end() */
	u64 expect[GRO_WORDS];		/* headers, but for what counts */
	u64 tcp_mask;			/* of the 8 bytes from TCP_DATA_OFFSET on */
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

/* @pos->id_check with that id, and the checksum for it. */
static u64 ip4_count(const struct gro_pos *pos, u16 id)
{
	u32 all = (u32)pos->sum + __builtin_bswap16(id);
	u16 check = (u16)~((all & UINT16_MAX) + (all >> 16));
	u64 between = pos->id_check << 16 >> 32 << 16;	/* fragment, TTL, protocol */

	return (u64)id << GRO_ID_SHIFT | between | __builtin_bswap16(check);
}

static inline u16 ip4_id(const struct gro_pos *pos)
{
	return (u16)(pos->id_check >> GRO_ID_SHIFT);
}

/* How many segments from the next one on are told by GRO_ID_STEP: neither of the two wraps. */
static unsigned int gro_steps(const struct gro_pos *pos)
{
	u16 ids = UINT16_MAX - ip4_id(pos), checks = (u16)pos->id_check;

	return pos->ip6 ? GRO_SEGS_MAX : 1u + MIN(ids, checks);
}

/* @n segments with @size bytes each came. */
static inline void gro_count_on(struct gro_pos *pos, unsigned int n, u32 size)
{
	pos->seq_ack += (u64)(n * size) << GRO_SEQ_SHIFT;
	if (!pos->ip6)
		pos->id_check = ip4_count(pos, (u16)(ip4_id(pos) + n));
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
	f->pos.id_check = ip4_count(&f->pos, ip4_id(&f->pos));
	return true;
}

/* Eight bytes. */
static inline bool same(const u8 *hdr, const u8 *want)
{
	return load64(hdr) == load64(want);
}

static inline bool all_same(const u8 *hdr, const u8 *want, u32 from, u32 to)
{
	for (; from < to; from += sizeof(u64))
		if (!same(hdr + from, want + from))
			return false;
	return true;
}

static inline u32 ip_hlen(bool ip6)
{
	return ip6 ? IP6_HLEN : IP4_HLEN;
}

/* From four bytes before IP on, which 16 bytes of Ethernet may not reach, to TCP's ports. */
static inline bool same_ip(const u8 *ip, const u8 *want, u64 id_check, bool ip6)
{
	if (!same(ip - 4, want - 4))
		return false;
	if (ip6)
		return all_same(ip, want, IP6_LEN, IP6_HLEN + TCP_SEQ);
	return get_be64(ip + IP4_ID) == id_check && same(ip + IP4_SRC, want + IP4_SRC) &&
	       same(ip + IP4_HLEN - 4, want + IP4_HLEN - 4);
}

/*
 * The rest of TCP without options. A checksum of 0 is the same number as 65535 in ones' complement,
 * and not what gso_cut_next() writes.
 */
static inline bool same_tcp(const u8 *tcp, const u8 *want, u64 seq_ack, u64 mask)
{
	return get_be64(tcp + TCP_SEQ) == seq_ack &&
	       !((load64(tcp + TCP_DATA_OFFSET) ^ load64(want + TCP_DATA_OFFSET)) & mask) &&
	       load16(tcp + TCP_CHECK);
}

/* Their length is one in fours. */
static inline bool same_options(const u8 *options, const u8 *want, u32 len)
{
	u32 eights = len & ~7u;

	return all_same(options, want, 0, eights) &&
	       (eights == len || load32(options + eights) == load32(want + eights));
}

/* Is @frame, of that length, what comes next in @f? @pos: of @f, or a copy that is at hand. */
static inline __attribute__((always_inline))
bool gro_follows(const struct gro_flow *f, const struct gro_pos *pos, const struct frame *frame,
		 u32 len, bool ip6)
{
	const u8 *hdr = frame->seg[0].ptr, *want = (const u8 *)f->expect;
	const u8 *ip = hdr + pos->ip, *want_ip = want + pos->ip;
	const u32 tcp = ip_hlen(ip6);

	return frame->len == len && frame->flags == FRAME_CSUM_VALID && frame->nr_segs == 1 &&
	       same(hdr, want) && same(hdr + sizeof(u64), want + sizeof(u64)) &&
	       same_ip(ip, want_ip, pos->id_check, ip6) &&
	       same_tcp(ip + tcp, want_ip + tcp, pos->seq_ack, f->tcp_mask) &&
	       (!pos->options ||
		same_options(ip + tcp + TCP_HLEN, want_ip + tcp + TCP_HLEN, pos->options));
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
static u64 gro_tcp_mask(void)
{
	u8 mask[sizeof(u64)];

	memset(mask, UINT8_MAX, sizeof(mask));
	mask[TCP_FLAGS - TCP_DATA_OFFSET] = (u8)~GRO_LAST;
	memset(&mask[TCP_CHECK - TCP_DATA_OFFSET], 0, sizeof(u16));
	return load64(mask);
}

/* IPv4: false if the header is not one to be made again. */
static bool gro_ip4(struct gro_flow *f)
{
	const u8 *ip = (const u8 *)f->expect + f->pos.ip;

	if (get_be16(ip + IP4_LEN) != f->len - f->pos.ip ||
	    (get_be16(ip + IP4_FRAGMENT) & IP4_FRAGMENT_MASK))
		return false;
	/* Without id and checksum, which are at 4 and 10. */
	f->pos.sum = csum_reduce((u64)load32(ip) + (load32(ip + 4) >> 16) + (u16)load32(ip + 8) +
				 load32(ip + 12) + load32(ip + 16));
	f->pos.id_check = get_be64(ip + IP4_ID);
	return ip4_count(&f->pos, ip4_id(&f->pos)) == f->pos.id_check;
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
	f->pos.options = (u16)(hdr_len - key->tcp - TCP_HLEN);
	f->len = frame->len;
	f->size = frame->len - hdr_len;
	memcpy(f->expect, key->hdr, hdr_len);
	if (f->pos.ip6 ? key->hdr[f->pos.ip] >> 4 != 6 ||
		     get_be16(key->hdr + f->pos.ip + IP6_LEN) != f->len - f->pos.tcp : !gro_ip4(f))
		return false;
	f->pos.seq_ack = get_be64(tcp + TCP_SEQ);
	f->tcp_mask = gro_tcp_mask();
	f->refused = false;
	gro_count_on(&f->pos, 1, f->size);
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

static bool gro_flag_last(const struct gro_flow *f, const struct frame *frame)
{
	return frame->seg[0].ptr[f->pos.tcp + TCP_FLAGS] & GRO_LAST;
}

/* The next one, before any: can it be the second segment of a large frame? */
__attribute__((noinline))
static bool gro_begins(struct gro *gro, struct gro_flow *f, const struct frame *frame, u32 len)
{
	return gro_follows(f, &f->pos, frame, len, f->pos.ip6) && gro_wanted(gro, f);
}

/*
 * Those of @frames that follow in @f one after the other, @max at most and each of that length,
 * become parts of its large frame: how many. What counts is kept at hand meanwhile.
 */
static inline __attribute__((always_inline))
unsigned int gro_take(struct gro_flow *f, struct frame **frames, unsigned int max, u32 len,
		      bool ip6)
{
	struct frame *head = f->head, *frags = head->frags;
	struct frame_seg *seg = &head->seg[head->nr_segs];
	struct gro_pos pos = f->pos;
	const u32 hdr_len = pos.hdr_len, size = len - hdr_len, tcp = pos.ip + ip_hlen(ip6);
	struct frame **at = frames, **end = frames + max;
	unsigned int n;

	while (at < end) {
		struct frame *frame = *at;
		const u8 *hdr = frame->seg[0].ptr;

		if (!gro_follows(f, &pos, frame, len, ip6))
			break;
		*seg++ = (struct frame_seg){
			.ptr = hdr + hdr_len, .phys = frame->seg[0].phys + hdr_len, .len = size,
		};
		frame->frags = frags;
		frags = frame;
		pos.seq_ack += (u64)size << GRO_SEQ_SHIFT;
		pos.id_check += GRO_ID_STEP;
		at++;
		if (hdr[tcp + TCP_FLAGS] & GRO_LAST)
			break;
	}
	n = (unsigned int)(at - frames);
	head->frags = frags;
	head->nr_segs += n;
	head->len += n * size;
	gro_count_on(&f->pos, n, size);
	return n;
}

/* The same for @nr of @frames, as far as its large frame has room; it ends if it must. */
static unsigned int gro_run(struct gro *gro, struct gro_flow *f, struct frame **frames,
			    unsigned int nr, u32 len)
{
	struct frame *head = f->head;
	unsigned int max, n;

	if (head->nr_segs == 1 && !gro_begins(gro, f, frames[0], len))
		return 0;
	max = MIN(MIN(nr, f->max_segs - head->nr_segs), gro_steps(&f->pos));
	n = f->pos.ip6 ? gro_take(f, frames, max, len, true) :
			 gro_take(f, frames, max, len, false);
	if (n && (gro_flag_last(f, head->frags) || len != f->len || head->nr_segs == f->max_segs))
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
