/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio-net device between a driver and a wire: guest, switch, and a port that keeps what
 * it is sent (by reference, as a NIC does) and sends what the test wants.
 */
#ifndef TESTS_UNIT_MOCK_NET_H
#define TESTS_UNIT_MOCK_NET_H

#include "net/port.h"
#include "tests/unit/mock_virtio.h"
#include "virtio/net.h"
#include "virtio/net_dev.h"

#define MOCK_RAM	(8 * MIB)
#define MOCK_NET_DEVFN	(2 * 8)
#define MOCK_WIRE_MAX	4096

#define MOCK_VECTOR_CONFIG	0
#define MOCK_VECTOR_RX		1
#define MOCK_VECTOR_TX		2

struct mock_wire {
	struct port port;
	bool hold;			/* keep frames, as a NIC that is not done */
	struct frame *held[MOCK_WIRE_MAX];
	unsigned int nr_held;
	u64 frames, flushes;
	u8 last[65536];			/* the last frame, as it lay in memory when sent */
	u32 last_len;
	u16 last_flags;
	u8 last_nr_segs;
	bool last_by_reference;		/* bytes behind the header lie in guest RAM */
	const struct mock_ram *ram;
};

struct mock_net {
	struct mock_guest mg;
	struct mock_virtio mv;
	struct nic_config nic;
	struct virtio_net *net;
	struct mock_vq rx, tx;
	void (*more_queues)(struct mock_net *mn, u64 features);	/* those of the test; or NULL */
	struct mock_wire *wire;		/* may be shared */
	u64 tx_buf, rx_buf;		/* guest RAM: a 4 KiB buffer for each descriptor */
};

struct mock_wire *mock_wire_new(const char *bridge);
void mock_wire_free(struct mock_wire *wire);
/* The NIC is done with the @n oldest frames. */
void mock_wire_put(struct mock_wire *wire, unsigned int n);
/* A frame of @len bytes from outside, to @dst; its bytes are those of mock_pattern(). */
void mock_wire_send(struct mock_wire *wire, const u8 *dst, u32 len, u16 flags);
u8 mock_pattern(u32 i);

void mock_net_config(struct nic_config *nic);	/* all features on, queues of 256 */
void mock_net_init(struct mock_net *mn, const char *name, struct mock_wire *wire,
		   const struct nic_config *nic);
/* A driver brings it up with @features of those offered. */
void mock_net_up(struct mock_net *mn, u64 features, u16 queue_size);
void mock_net_free(struct mock_net *mn);
u64 mock_net_offered(struct mock_net *mn);

/* Transmit: header and @len bytes to the wire's address, from one descriptor or cut at @cut. */
int mock_net_send(struct mock_net *mn, u32 len, const struct virtio_net_hdr *hdr);
void mock_frame(u8 *frame, const u8 *dst, const u8 *src, u32 len);
/* Post @n receive buffers of @len bytes. */
void mock_net_post_rx(struct mock_net *mn, unsigned int n, u32 len);

extern const u8 mock_wire_mac[6];

#endif
