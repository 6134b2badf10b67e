/* SPDX-License-Identifier: BSD-2-Clause */
/* Large TCP frames: checking the headers, and cutting. */
#include "net/gso.h"

#include <errno.h>
#include <string.h>

#include "net/csum.h"
#include "net/headers.h"

/* ---- Headers. Each of these: where the next one starts, or 0: not that, or not all there. ---- */

static u32 eth_end(const u8 *hdr, u32 len, u16 *type)
{
	u32 at = ETH_TYPE;

	for (unsigned int tags = 0; at + sizeof(*type) <= len; tags++, at += VLAN_HLEN) {
		*type = get_be16(hdr + at);
		if (*type != ETH_TYPE_VLAN && *type != ETH_TYPE_QINQ)
			return at + (u32)sizeof(*type);
		if (tags == VLAN_TAGS_MAX)
			break;
	}
	return 0;
}

static u32 ip4_end(const u8 *hdr, u32 ip, u32 len)
{
	u32 ihl;

	if (ip + IP4_HLEN > len || hdr[ip + IP4_VERSION_IHL] >> 4 != 4)
		return 0;
	ihl = (hdr[ip + IP4_VERSION_IHL] & 0xfu) * 4;
	if (ihl < IP4_HLEN || hdr[ip + IP4_PROTOCOL] != IP_TCP)
		return 0;
	return get_be16(hdr + ip + IP4_FRAGMENT) & IP4_FRAGMENT_MASK ? 0 : ip + ihl;
}

/* Extension headers that stand in front of TCP and are the same in each part (RFC 8200 §4.1). */
static u32 ip6_end(const u8 *hdr, u32 ip, u32 len)
{
	u32 at = ip + IP6_HLEN;
	u8 next;

	if (at > len || hdr[ip] >> 4 != 6)
		return 0;
	next = hdr[ip + IP6_NEXT];
	while (next == IP_HOP_BY_HOP || next == IP_ROUTING || next == IP_DST_OPTIONS) {
		if (at + IP6_EXT_UNIT > len)
			return 0;
		next = hdr[at];
		at += (hdr[at + 1] + 1u) * IP6_EXT_UNIT;
	}
	return next == IP_TCP ? at : 0;
}

static u32 tcp_end(const u8 *hdr, u32 tcp, u32 len)
{
	u32 size;

	if (tcp + TCP_HLEN > len)
		return 0;
	size = (hdr[tcp + TCP_DATA_OFFSET] >> 4) * 4u;
	return size >= TCP_HLEN && tcp + size <= len ? tcp + size : 0;
}

/* The end of the headers, if there is TCP over the right IP where the checksum starts; or 0. */
static u32 headers_end(const struct frame *frame, u16 tso, u32 *ip)
{
	const u8 *hdr = frame->seg[0].ptr;
	u32 len = MIN(frame->seg[0].len, (u32)FRAME_HDR_MAX), tcp = 0;
	u16 type;

	*ip = eth_end(hdr, len, &type);
	if (!*ip)
		return 0;
	if (type == ETH_TYPE_IP4 && (tso & FRAME_TSO4))
		tcp = ip4_end(hdr, *ip, len);
	else if (type == ETH_TYPE_IP6 && (tso & FRAME_TSO6))
		tcp = ip6_end(hdr, *ip, len);
	return tcp && tcp == frame->csum_start ? tcp_end(hdr, tcp, len) : 0;
}

int gso_set(struct frame *frame, u16 tso, u16 size)
{
	u32 ip, end, payload;

	if (!size || !(frame->flags & FRAME_NEEDS_CSUM) || frame->csum_offset != TCP_CHECK)
		return -EINVAL;
	end = headers_end(frame, tso, &ip);
	if (!end || end > frame->len || frame->len - ip > IP_LEN_MAX)
		return -EINVAL;
	payload = frame->len - end;
	if (payload <= size)
		return 0;
	if (DIV_ROUND_UP(payload, size) > GSO_PARTS_MAX)
		return -EINVAL;
	frame->flags |= tso & (FRAME_TSO | FRAME_TSO_ECN);
	frame->gso_size = size;
	frame->gso_hdr_len = (u16)end;
	frame->gso_ip_start = (u16)ip;
	return 0;
}

/* ---- Changing them ---- */

/* A 16-bit number as csum_add() would add it. */
static u16 csum_word(u32 number)
{
	return __builtin_bswap16((u16)number);
}

/*
 * The sum of the pseudo header but for the length: out of the field, where the length of the
 * whole was added. What the sender put there otherwise (a routing header) stays.
 */
static u64 pseudo_sum(const struct frame *frame)
{
	u16 field;

	memcpy(&field, frame->seg[0].ptr + frame->csum_start + TCP_CHECK, sizeof(field));
	return (u64)field + (u16)~csum_word(frame->len - frame->csum_start);
}

void gso_nic_headers(const struct frame *frame, u8 *hdr)
{
	u8 *ip = hdr + frame->gso_ip_start;
	u16 sum = csum_reduce(pseudo_sum(frame));

	memcpy(hdr, frame->seg[0].ptr, frame->gso_hdr_len);
	memcpy(hdr + frame->csum_start + TCP_CHECK, &sum, sizeof(sum));
	if (frame->flags & FRAME_TSO6) {
		put_be16(ip + IP6_LEN, 0);
		return;
	}
	put_be16(ip + IP4_LEN, 0);
	put_be16(ip + IP4_CHECK, 0);
}

/* ---- Cutting ---- */

bool gso_cut_init(struct gso_cut *cut, const struct frame *frame)
{
	const u8 *hdr = frame->seg[0].ptr, *ip = hdr + frame->gso_ip_start;

	if (frame->nr_segs == FRAME_SEGS && frame->seg[0].len > frame->gso_hdr_len)
		return false;
	*cut = (struct gso_cut){
		.frame = frame,
		.off = frame->gso_hdr_len,
		.left = frame->len - frame->gso_hdr_len,
		.part_len = frame->gso_size,
		.seq = get_be32(hdr + frame->csum_start + TCP_SEQ),
		.tcp_sum = pseudo_sum(frame),
		.first = true,
	};
	if (frame->flags & FRAME_TSO6)
		return true;
	cut->id = get_be16(ip + IP4_ID);
	cut->ip_sum = csum_add(0, ip, IP4_LEN, false);
	cut->ip_sum = csum_add(cut->ip_sum, ip + IP4_FRAGMENT, IP4_CHECK - IP4_FRAGMENT, false);
	cut->ip_sum = csum_add(cut->ip_sum, ip + IP4_CHECK + sizeof(u16),
			       (size_t)(frame->csum_start - frame->gso_ip_start) - IP4_CHECK -
			       sizeof(u16), false);
	return true;
}

static void part_ip(struct gso_cut *cut, const struct frame *part)
{
	u32 len = part->len - part->gso_ip_start;
	u8 *ip = (u8 *)part->hdr + part->gso_ip_start;
	u16 check;

	if (cut->frame->flags & FRAME_TSO6) {
		put_be16(ip + IP6_LEN, (u16)(len - IP6_HLEN));
		return;
	}
	check = (u16)~csum_reduce(cut->ip_sum + csum_word(len) + csum_word(cut->id));
	put_be16(ip + IP4_LEN, (u16)len);
	put_be16(ip + IP4_ID, cut->id++);
	memcpy(ip + IP4_CHECK, &check, sizeof(check));
}

/* FIN and PSH are the last part's, CWR the first's (RFC 3168 §6.1.2). */
static void part_tcp(struct gso_cut *cut, struct frame *part)
{
	u8 *tcp = part->hdr + part->csum_start;
	u16 sum = csum_reduce(cut->tcp_sum + csum_word(part->len - part->csum_start));

	put_be32(tcp + TCP_SEQ, cut->seq);
	memcpy(tcp + TCP_CHECK, &sum, sizeof(sum));
	if (cut->left)
		tcp[TCP_FLAGS] &= (u8)~(TCP_FIN | TCP_PSH);
	if (!cut->first)
		tcp[TCP_FLAGS] &= (u8)~TCP_CWR;
}

/* The next @len bytes of the payload as pieces of @part. */
static void part_refer(struct gso_cut *cut, struct frame *part, u32 len)
{
	while (len) {
		const struct frame_seg *from = &cut->frame->seg[cut->seg];
		u32 n = MIN(from->len - cut->off, len);

		if (n)
			part->seg[part->nr_segs++] = (struct frame_seg){
				.ptr = from->ptr + cut->off,
				.phys = from->phys + cut->off,
				.len = n,
			};
		len -= n;
		cut->off += n;
		if (cut->off == from->len) {
			cut->seg++;
			cut->off = 0;
		}
	}
}

bool gso_cut_next(struct gso_cut *cut, struct frame *part)
{
	const struct frame *frame = cut->frame;
	u32 len = MIN(cut->left, cut->part_len);

	if (!len)
		return false;
	memcpy(part->hdr, frame->seg[0].ptr, frame->gso_hdr_len);
	part->hdr_len = frame->gso_hdr_len;
	part->seg[0] = (struct frame_seg){
		.ptr = part->hdr, .phys = part->hdr_phys, .len = part->hdr_len,
	};
	part->nr_segs = 1;
	part->len = part->hdr_len + len;
	part->flags = FRAME_NEEDS_CSUM | (frame->flags & FRAME_BROADCAST);
	part->csum_start = frame->csum_start;
	part->csum_offset = frame->csum_offset;
	part->gso_ip_start = frame->gso_ip_start;
	part_refer(cut, part, len);
	cut->left -= len;
	part_ip(cut, part);
	part_tcp(cut, part);
	cut->seq += len;
	cut->first = false;
	return true;
}
