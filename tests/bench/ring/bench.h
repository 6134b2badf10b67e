/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring benchmark: one region of shared memory is the guest's RAM, driver.c is the
 * virtio-net driver in it, a backend is the device. All in one process.
 */
#ifndef TESTS_BENCH_RING_BENCH_H
#define TESTS_BENCH_RING_BENCH_H

#include "kernel/types.h"
#include "virtio/virtq.h"

#define BENCH_HDR	12u	/* struct virtio_net_hdr with num_buffers, virtio 1.2 §5.1.6 */
#define BENCH_BURST	32u
#define BENCH_RING	256u
#define BENCH_RXBUF	(2048u + BENCH_HDR)
#define BENCH_FRAME_MAX	1536u

enum bench_queue { BENCH_RX, BENCH_TX, BENCH_QUEUES };

enum bench_feature {		/* bit numbers */
	BENCH_F_MRG_RXBUF = 15,
	BENCH_F_INDIRECT = 28,
	BENCH_F_VERSION_1 = 32,
	BENCH_F_PACKED = 34,
	BENCH_F_IN_ORDER = 35,
};

struct bench_mem {
	int fd;			/* memfd */
	u8 *va;
	u64 len, gpa;
	bool huge;
};

struct bench_ring {		/* guest-physical; packed: ring, driver area, device area */
	u16 num;
	u64 desc, driver, device;
};

/*
 * A device. Packets are its own handles; the virtio-net header is its business: stripped by
 * tx, written by rx. Each call takes what a turn of the device takes: look, check everything,
 * move, give back, publish, decide whether to interrupt.
 */
struct bench_backend {
	const char *name;
	int (*init)(int cpu, bool huge);	/* NULL: nothing to do */
	void *(*open)(const struct bench_mem *mem, const struct bench_ring ring[BENCH_QUEUES],
		      u64 features);
	/* Guest to host: up to @max packets, copied; then the host's buffers are let go. */
	unsigned int (*tx)(void *be, void **pkts, unsigned int max);
	void (*tx_free)(void *be, void **pkts, unsigned int n);
	/*
	 * The same by reference: headers copied, payload where it is; tx_ref_done() gives the
	 * chains back. NULL: not offered.
	 */
	unsigned int (*tx_ref)(void *be, void **pkts, unsigned int max);
	void (*tx_ref_done)(void *be, void **pkts, unsigned int n);
	/* Host to guest: copied; the packets stay the caller's. */
	unsigned int (*rx)(void *be, void **pkts, unsigned int n);
	/* Outside of what is measured. @buf: BENCH_FRAME_MAX bytes to gather a packet in. */
	void *(*pkt_new)(void *be, const void *data, u32 len);
	const void *(*pkt_data)(void *be, void *pkt, u8 *buf, u32 *len);
	void (*close)(void *be);
};
extern const struct bench_backend backend_dpdk, backend_ringvisor, backend_ringvisor_gp;

/* ---- The driver's side of one queue (driver.c) ---- */

enum bench_layout { BENCH_DIRECT, BENCH_INDIRECT };	/* one buffer; header and rest */

struct bench_driver {
	bool packed, in_order, write;
	enum bench_layout layout;
	u16 num;
	u32 posted, reaped;		/* packets, free running */
	u16 used_seen;			/* split */
	u32 bad;			/* used buffers in another order than posted */
	u32 *lens;			/* used length by slot, if asked for */
	volatile struct virtq_desc *desc;
	volatile struct virtq_avail *avail;
	volatile struct virtq_used *used;
	volatile struct virtq_pdesc *pdesc;
	u8 *tables, *buf;
	u64 buf_gpa, tables_gpa;
};

struct bench_guest {
	struct bench_mem mem;
	struct bench_ring ring[BENCH_QUEUES];
	struct bench_driver q[BENCH_QUEUES];
};

/* 0 or -1, said on stderr. Huge pages are taken if there are any. */
int bench_guest_init(struct bench_guest *g, u64 features, enum bench_layout layout, bool huge);
void bench_guest_free(struct bench_guest *g);
/* Where the header of packet number @seq lies. */
u8 *driver_slot(struct bench_driver *q, u32 seq);
/* Post @n packets of @len bytes (header not counted). */
void driver_post(struct bench_driver *q, unsigned int n, u32 len);
/* How many came back since the last call. */
unsigned int driver_reap(struct bench_driver *q);

#endif
