/* SPDX-License-Identifier: BSD-2-Clause */
/* struct virtio_net: what net.c, net_tx.c, net_rx.c and net_show.c share. */
#ifndef VIRTIO_NET_DEV_H
#define VIRTIO_NET_DEV_H

#include "kernel/types.h"
#include "net/frame.h"
#include "net/port.h"
#include "virtio/net_hdr.h"
#include "virtio/pci.h"
#include "virtio/vhost.h"
#include "virtio/virtio.h"

struct guest;
struct nic_config;
struct virtio_net;
struct work;

#define VIRTIO_NET_QUEUES	2	/* one pair */

/*
 * One frame on its way out, by the head of its chain: a head is in use once. Private to the
 * worker but for `next` and the frame's references.
 */
struct tx_slot {
	struct frame frame;
	struct tx_slot *next;		/* tx->completed */
	u64 bounce_phys;		/* copy of a frame in too many pieces; 0: none */
} __aligned(64);

/* Transmission. Everything under vq->lock, except `completed`, where any CPU puts. */
struct net_tx {
	struct virtio_net *net;
	struct vhost_virtqueue *vq;
	struct tx_slot *slots;		/* MEM_VHOST */
	u64 slots_phys;
	unsigned int nr_slots;
	struct tx_slot *completed;	/* lock-free stack of frames that have come back */
	unsigned int in_flight;		/* frames given to the switch, not back yet */
	unsigned int bounces;		/* slots with a copy */
	struct work *again;		/* queued when in_flight reaches 0; NULL: nobody waits */
	struct ring_seg *segs;		/* of the chain at hand */
};

#define TX_BOUNCES_MAX	16

/* Reception. Under vq->lock, from any CPU that delivers. */
struct net_rx {
	struct virtio_net *net;
	struct vhost_virtqueue *vq;
	struct ring_seg *segs;		/* chains being filled: room for two of the longest */
	unsigned int max_segs;		/* of one chain */
	bool mergeable, guest_csum;
};

#define RX_MERGE_MAX	64		/* buffers of one frame */

struct virtio_net {
	struct guest *guest;
	const struct nic_config *config;
	struct virtio_pci pci;
	struct virtio_dev vdev;
	struct virtio_queue queue[VIRTIO_NET_QUEUES];
	struct vhost_dev vhost;
	struct vhost_virtqueue vq[VIRTIO_NET_QUEUES];
	struct event err;		/* a queue is broken */
	struct virtio_net_config cfg;
	struct port port;
	struct net_tx tx;
	struct net_rx rx;
	struct ratelimit ratelimit;
};

/* -ENOMEM; freed with net_tx_free(), also after an error. @size: of the queue, at most. */
int net_tx_init(struct net_tx *tx, struct virtio_net *net, struct vhost_virtqueue *vq,
		unsigned int size);
void net_tx_free(struct net_tx *tx);
/* vhost_virtqueue.handle_kick of a transmit queue. */
void net_tx_kick(struct vhost_virtqueue *vq);
/*
 * Frames of the stopped queue that have not come back; if there are any and @again is not
 * NULL, it is queued when the last one has.
 */
unsigned int net_tx_in_flight(struct net_tx *tx, struct work *again);

int net_rx_init(struct net_rx *rx, struct virtio_net *net, struct vhost_virtqueue *vq,
		unsigned int size);
void net_rx_free(struct net_rx *rx);
void net_rx_start(struct net_rx *rx);	/* features are known now */
void net_rx_kick(struct vhost_virtqueue *vq);
extern const struct port_ops net_port_ops;

#endif
