/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest that sends TCP in large frames, or leaves their checksum to be filled in. */
#ifndef TESTS_UNIT_TCP_SENDER_H
#define TESTS_UNIT_TCP_SENDER_H

#include "tests/unit/net_fixture.h"
#include "tests/unit/tcp_frame.h"

#define MSS		1000
#define TX_AREA		(80 * KIB)

struct sender {
	struct mock_net *mn;
	u64 area;
	struct tcp_frame frame;
	struct tcp_spec spec;
};

static inline void send_bytes(struct sender *s, const struct virtio_net_hdr *hdr, u32 piece)
{
	struct mock_buf buf[64];
	unsigned int n = 1;

	memcpy(mock_ptr(&s->mn->mg.ram, s->area), hdr, HDR);
	memcpy(mock_ptr(&s->mn->mg.ram, s->area + HDR), s->frame.data, s->frame.len);
	buf[0] = (struct mock_buf){ s->area, HDR, false };
	for (u32 at = 0; at < s->frame.len; at += piece)
		buf[n++] = (struct mock_buf){
			s->area + HDR + at, MIN(piece, s->frame.len - at), false,
		};
	assert_true(mock_add(&s->mn->tx, buf, n) >= 0);
	kick_tx(s->mn);
}

static inline struct virtio_net_hdr large_hdr(const struct sender *s)
{
	u8 type = s->spec.ip6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;

	if (s->spec.flags & TCP_F_CWR)
		type |= VIRTIO_NET_HDR_GSO_ECN;
	return (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = type,
		.hdr_len = (u16)s->frame.payload, .gso_size = MSS,
		.csum_start = (u16)s->frame.tcp, .csum_offset = 16,
	};
}

/* A frame to @dst; @large: with a gso_type, else one that needs its checksum. */
static inline void send_tcp(struct sender *s, const u8 *dst, const struct tcp_spec *spec,
			    bool large)
{
	struct virtio_net_hdr hdr;

	s->spec = *spec;
	tcp_frame_make(&s->frame, spec);
	memcpy(s->frame.data, dst, 6);
	memcpy(s->frame.data + 6, s->mn->nic.mac, 6);
	hdr = large_hdr(s);
	if (!large)
		hdr.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	send_bytes(s, &hdr, 4000);
}

static inline void sender_init(struct sender *s, struct mock_net *mn)
{
	s->mn = mn;
	s->area = mock_alloc(&mn->mg.ram, TX_AREA, 4096);
}

#endif
