/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's own virtio-net (virtio 1.2 §5.1) as a NIC: for clouds and nested use. Not the
 * device that guests see, which is virtio/net.h. virtio_net.c: the device; virtio_net_rx.c,
 * virtio_net_tx.c: a queue pair of it; virtio_net_ctrl.c: its control queue.
 */
#ifndef DRIVERS_NET_VIRTIO_NET_H
#define DRIVERS_NET_VIRTIO_NET_H

#include "drivers/net/rx_pool.h"
#include "drivers/virtio/vp.h"
#include "kernel/lock.h"
#include "net/netdev.h"
#include "virtio/net_hdr.h"

#define VNIC_RING_MAX	1024	/* entries of a ring, at most */
#define VNIC_RX_MAX	256	/* buffers with the device, at most */
#define VNIC_RX_SPARES	64	/* and beyond those, for what consumers hold */
#define VNIC_BUF_SIZE	4096	/* a large frame fits into FRAME_SEGS of them */

struct vnic_rx {			/* CPU of the poll */
	struct vring ring;
	struct rx_pool pool;
};

struct vnic_tx {
	struct spinlock lock;		/* all of this; innermost: done() is called without it */
	struct vring ring;
	struct virtio_net_hdr *hdr;	/* [ring.size], by head */
	u64 hdr_phys;
	bool running;
	bool irq_wanted;
	unsigned int frames;		/* with the device */
	u64 reaped;			/* ever: has anything moved? */
};

/* A queue pair. */
struct vnic_queue {
	struct netdev_queue nq;
	struct vnic *nic;
	struct vnic_rx rx;
	struct vnic_tx tx;
	/* Watchdog: what the transmitter looked like a second ago. */
	u64 reaped_seen;
	unsigned int stuck;		/* seconds without a change */
};

/* The control queue: one command at a time, waited for. */
struct vnic_ctrl {
	struct vring ring;
	u8 *page;			/* command, and at its end the answer */
	u64 page_phys;
};

struct vnic {
	struct netdev dev;
	struct vp_dev vp;
	u64 features;
	unsigned int max_pairs;		/* that the device has */
	struct vnic_ctrl ctrl;
	bool provoking;			/* it runs, with the control queue alone: for INTx */
	struct vnic_queue *queue[NETDEV_QUEUES_MAX];
	bool link_check;		/* the configuration has changed */
};

static inline bool vnic_has(const struct vnic *nic, unsigned int feature)
{
	return nic->features & BIT_ULL(feature);
}

static inline struct vnic_queue *vnic_queue(struct netdev_queue *nq)
{
	return container_of(nq, struct vnic_queue, nq);
}

/* All that it has, back to what was before probe(). */
void vnic_free(struct vnic *nic);

/* The queue, if CTRL_VQ has been agreed on; nothing without it. */
int vnic_ctrl_alloc(struct vnic *nic);		/* -ENOMEM, -ENODEV: no such queue */
void vnic_ctrl_free(struct vnic *nic);
int vnic_ctrl_start(struct vnic *nic);		/* -EIO */
/*
 * Once the device is ready: everything is received, by all queues. -EPROTO: it does not take the
 * number of queues; -ETIMEDOUT: nor answer. Said.
 */
int vnic_ctrl_configure(struct vnic *nic);

/* The device interrupts by INTx, as it has carried out a command. -EPROTO, -ETIMEDOUT. */
int vnic_ctrl_provoke(struct vnic *nic);

/* Are the device's limits wide enough for all queues? */
bool vnic_rss_usable(const struct vnic *nic);

/* Memory for rings and buffers, once. -ENOMEM; -ENODEV: no such queue. free() also then. */
int vnic_rx_alloc(struct vnic_queue *q);
int vnic_tx_alloc(struct vnic_queue *q);
void vnic_rx_free(struct vnic_queue *q);
void vnic_tx_free(struct vnic_queue *q);

/* After a device reset and negotiation: the queue is the device's. -EIO. */
int vnic_rx_start(struct vnic_queue *q, u16 vector);
int vnic_tx_start(struct vnic_queue *q, u16 vector);
/* Once the device is ready: it gets buffers, and may get frames. */
void vnic_rx_refill(struct vnic_queue *q);
void vnic_tx_run(struct vnic_queue *q);
/* After the device was reset to stop it: buffers come back, frames are put. */
void vnic_rx_stop(struct vnic_queue *q);
void vnic_tx_stop(struct vnic_queue *q);

/* struct netdev_ops */
bool vnic_rx_poll(struct vnic_queue *q, unsigned int budget);	/* true: more to do */
unsigned int vnic_tx(struct netdev_queue *nq, struct frame **frames, unsigned int nr);
void vnic_tx_flush(struct netdev_queue *nq);

/* Put the frames that the device has sent. Any CPU; the poll looks again whether to interrupt. */
void vnic_tx_reap(struct vnic_queue *q);
void vnic_tx_poll(struct vnic_queue *q);

extern const struct pci_driver virtio_net_driver;

#endif
