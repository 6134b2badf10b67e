/* SPDX-License-Identifier: BSD-2-Clause */
/* A modern virtio-net-pci function with split rings, one pair: what its driver does. */
#ifndef TESTS_GUEST_NIC_H
#define TESTS_GUEST_NIC_H

#include "lib.h"

enum { NIC_RX, NIC_TX, NIC_RING = 256, NIC_HEADER = 12, NIC_BUFFER = 2048 };
enum { DESC_NEXT = 1, DESC_WRITE = 2, AVAIL_NO_INTERRUPT = 1, USED_NO_NOTIFY = 1 };

struct desc { u64 addr; u32 len; u16 flags, next; };
struct avail { u16 flags, idx, ring[NIC_RING], used_event; };
struct used { u16 flags, idx; struct { u32 id, len; } ring[NIC_RING]; u16 avail_event; };

struct queue {
	struct desc desc[NIC_RING] __attribute__((aligned(16)));
	struct avail avail;
	struct used used __attribute__((aligned(4)));
	u8 buffer[NIC_RING][NIC_BUFFER];
	u16 seen;			/* of used.idx */
	u64 doorbell;
	u16 port;			/* the same in I/O space */
};

struct nic {
	u32 devfn;
	u64 common, notify, device;	/* configuration structures */
	u16 ports;			/* notify, in I/O space */
	u32 notify_multiplier;
	struct queue queue[2];
	volatile u32 interrupts;
};

/* Up to DRIVER_OK: received frames interrupt with this vector; no receive buffers yet. */
void nic_start(struct nic *n, u32 slot, u8 vector);
/* Buffer @id becomes available; no doorbell. */
void nic_put(struct queue *q, u16 id, u32 len, u16 flags);
void nic_ring(const struct queue *q, u16 index);

#endif
