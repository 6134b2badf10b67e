/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the fields of Ethernet, IP and TCP headers lie; their numbers are in network order. */
#ifndef NET_HEADERS_H
#define NET_HEADERS_H

#include <string.h>

#include "kernel/types.h"

enum eth_header {		/* IEEE 802.3 §3.2 */
	ETH_DST = 0,
	ETH_SRC = 6,
	ETH_TYPE = 12,
	ETH_HLEN = 14,
	ETH_ALEN = 6,
	ETH_GROUP = 1,		/* §3.2.3: first octet, first bit on the wire */
	VLAN_HLEN = 4,		/* each tag, IEEE 802.1Q §9.3 */
	VLAN_TAGS_MAX = 2,
};

enum eth_type {
	ETH_TYPE_IP4 = 0x0800,
	ETH_TYPE_VLAN = 0x8100,
	ETH_TYPE_IP6 = 0x86dd,
	ETH_TYPE_QINQ = 0x88a8,
};

#define IP_LEN_MAX	65535u	/* a 16-bit field in both versions */

enum ip4_header {		/* RFC 791 §3.1 */
	IP4_VERSION_IHL = 0,
	IP4_LEN = 2,
	IP4_ID = 4,
	IP4_FRAGMENT = 6,
	IP4_PROTOCOL = 9,
	IP4_CHECK = 10,
	IP4_SRC = 12,
	IP4_DST = 16,
	IP4_HLEN = 20,
	IP4_VERSION_IHL_PLAIN = 0x45,	/* no options */
	IP4_FRAGMENT_MASK = 0x3fff,	/* MF and the offset */
};

enum ip6_header {		/* RFC 8200 §3 */
	IP6_LEN = 4,		/* of what follows the fixed header */
	IP6_NEXT = 6,
	IP6_SRC = 8,
	IP6_DST = 24,
	IP6_HLEN = 40,
	IP6_EXT_UNIT = 8,	/* of extension headers, §4 */
};

enum ip_protocol {
	IP_HOP_BY_HOP = 0,
	IP_ICMP = 1,
	IP_TCP = 6,
	IP_UDP = 17,
	IP_ROUTING = 43,
	IP_ICMP6 = 58,
	IP_DST_OPTIONS = 60,
};

enum tcp_header {		/* RFC 9293 §3.1, RFC 3168 §6.1 */
	TCP_SEQ = 4,
	TCP_DATA_OFFSET = 12,
	TCP_FLAGS = 13,
	TCP_CHECK = 16,
	TCP_HLEN = 20,
	TCP_HLEN_MAX = 60,
	TCP_FIN = 0x01,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
};

/* As the bytes lie there: where only whether they are the same matters, or their sum. */
static inline u16 load16(const u8 *p)
{
	u16 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline u32 load32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline u64 load64(const u8 *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline u16 get_be16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

static inline u32 get_be32(const u8 *p)
{
	return (u32)get_be16(p) << 16 | get_be16(p + 2);
}

static inline u64 get_be64(const u8 *p)
{
	return __builtin_bswap64(load64(p));
}

static inline void put_be16(u8 *p, u16 v)
{
	v = __builtin_bswap16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void put_be32(u8 *p, u32 v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof(v));
}

#endif
