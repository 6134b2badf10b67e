/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP frames for tests, written byte by byte. Nothing here is the tree's: checksums are RFC
 * 1071's, by the letter.
 */
#ifndef TESTS_UNIT_TCP_FRAME_H
#define TESTS_UNIT_TCP_FRAME_H

#include <string.h>

#include "kernel/types.h"

enum {
	TCP_F_FIN = 0x01, TCP_F_PSH = 0x08, TCP_F_ACK = 0x10, TCP_F_CWR = 0x80,
};

struct tcp_spec {
	bool ip6;
	unsigned int vlans;		/* tags */
	unsigned int ip_options;	/* IPv4, bytes */
	unsigned int extensions;	/* IPv6, headers of 8 bytes */
	unsigned int tcp_options;	/* bytes */
	u32 payload;
	u32 seq;
	u16 id;
	u8 flags;
};

struct tcp_frame {
	u8 data[65536 + 256];
	u32 ip, tcp, payload, len;	/* where they start; the length of all */
};

/* The sum of 16-bit words, not complemented, in network order. */
static inline u32 tcp_sum(u32 sum, const u8 *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (u32)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Of the pseudo header with @len bytes of TCP, as in memory (RFC 9293 §3.1, RFC 8200 §8.1). */
static inline u16 tcp_pseudo_sum(const struct tcp_frame *f, const struct tcp_spec *spec, u32 len)
{
	const u8 *ip = f->data + f->ip;
	u32 sum = tcp_sum(len + 6, ip + (spec->ip6 ? 8 : 12), spec->ip6 ? 32 : 8);

	return (u16)(sum << 8 | sum >> 8);
}

static inline void tcp_put16(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static inline u32 tcp_get16(const u8 *p)
{
	return (u32)(p[0] << 8 | p[1]);
}

static inline u32 tcp_get32(const u8 *p)
{
	return tcp_get16(p) << 16 | tcp_get16(p + 2);
}

static inline void tcp_ip4_make(struct tcp_frame *f, const struct tcp_spec *spec)
{
	u8 *ip = f->data + f->ip;
	u32 hlen = 20 + spec->ip_options;

	memset(ip, 1, hlen);		/* options: no operation */
	ip[0] = (u8)(0x40 | hlen / 4);
	ip[1] = 0x2c;
	tcp_put16(ip + 2, f->len - f->ip);
	tcp_put16(ip + 4, spec->id);
	tcp_put16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = 6;
	tcp_put16(ip + 10, 0);
	memcpy(ip + 12, (const u8[]){ 10, 1, 2, 3, 192, 168, 255, 254 }, 8);
	tcp_put16(ip + 10, ~tcp_sum(0, ip, hlen));
}

static inline void tcp_ip6_make(struct tcp_frame *f, const struct tcp_spec *spec)
{
	static const u8 kind[] = { 0, 60 };	/* hop by hop, destination options */
	u8 *ip = f->data + f->ip, *at = ip + 6;

	ip[0] = 0x62;
	ip[1] = 0x34;
	tcp_put16(ip + 2, 0xabcd);
	tcp_put16(ip + 4, f->len - f->ip - 40);
	ip[7] = 64;
	for (unsigned int i = 0; i < 32; i++)
		ip[8 + i] = (u8)(0x20 + i * 7);
	for (unsigned int i = 0; i < spec->extensions; i++) {
		*at = kind[i];
		at = ip + 40 + 8 * i;
		memcpy(at, (const u8[]){ 0, 0, 1, 4, 0, 0, 0, 0 }, 8);	/* PadN */
	}
	*at = 6;
}

static inline void tcp_frame_make(struct tcp_frame *f, const struct tcp_spec *spec)
{
	u8 *p = f->data, *tcp;
	u16 sum;

	memcpy(p, (const u8[]){ 0x02, 0, 0, 0, 0, 0x99, 0x02, 0, 0, 0, 0, 0x01 }, 12);
	for (unsigned int i = 0; i < spec->vlans; i++) {
		tcp_put16(p + 12 + 4 * i, i + 1 < spec->vlans ? 0x88a8 : 0x8100);
		tcp_put16(p + 14 + 4 * i, 0x2000 + i);
	}
	f->ip = 14 + 4 * spec->vlans;
	tcp_put16(p + f->ip - 2, spec->ip6 ? 0x86dd : 0x0800);
	f->tcp = f->ip + (spec->ip6 ? 40 + 8 * spec->extensions : 20 + spec->ip_options);
	f->payload = f->tcp + 20 + spec->tcp_options;
	f->len = f->payload + spec->payload;
	if (spec->ip6)
		tcp_ip6_make(f, spec);
	else
		tcp_ip4_make(f, spec);
	tcp = p + f->tcp;
	memset(tcp, 1, f->payload - f->tcp);
	tcp_put16(tcp, 80);
	tcp_put16(tcp + 2, 40000);
	tcp_put16(tcp + 4, spec->seq >> 16);
	tcp_put16(tcp + 6, spec->seq);
	tcp[12] = (u8)((f->payload - f->tcp) / 4 << 4);
	tcp[13] = spec->flags;
	for (u32 i = 0; i < spec->payload; i++)
		p[f->payload + i] = (u8)(i * 7 + i / 251);
	sum = tcp_pseudo_sum(f, spec, f->len - f->tcp);
	memcpy(tcp + 16, &sum, 2);
}

#endif
