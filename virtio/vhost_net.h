/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vhost-net: the queues of a network device and its switch port, without the device model that a
 * driver sees. That is virtio/net.c in the hypervisor, and the other end of a vhost-user socket
 * in ringvisor-vhost; both fill in the port (name, max_frame), attach it, and make vhost calls.
 */
#ifndef VIRTIO_VHOST_NET_H
#define VIRTIO_VHOST_NET_H

#include "kernel/types.h"
#include "net/frame.h"
#include "net/port.h"
#include "virtio/net_hdr.h"
#include "virtio/vhost.h"

struct vhost_net;
struct cpu;
struct work;

#define VHOST_NET_QUEUES	2	/* of a pair */
#define VHOST_NET_PAIRS_MAX	8	/* as NIC_PAIRS_MAX */

/*
 * One frame on its way out, by the head of its chain: a head is in use once. Private to the
 * worker but for `next` and the frame's references.
 */
struct tx_slot {
	struct frame frame;
	struct tx_slot *next;		/* tx->completed */
	u64 bounce_phys;		/* copy of a frame in too many pieces; 0: none */
	u32 bounce_len;
} __aligned(64);

/* Transmission. Everything under vq->lock, except `completed`, where any CPU puts. */
struct net_tx {
	struct vhost_net *net;
	struct vhost_virtqueue *vq;
	struct tx_slot *slots;		/* MEM_VHOST */
	u64 slots_phys;
	unsigned int nr_slots;
	struct tx_slot *completed;	/* lock-free stack of frames that have come back */
	unsigned int in_flight;		/* frames given to the switch, not back yet */
	unsigned int bounces;		/* slots with a copy */
	struct work *again;		/* queued when in_flight reaches 0; NULL: nobody waits */
	struct ring_seg *segs;		/* of the chains at hand */
};

#define TX_BOUNCES_MAX	16

/* Reception. Under vq->lock, from any CPU that delivers. */
struct net_rx {
	struct vhost_net *net;
	struct vhost_virtqueue *vq;
	struct ring_seg *segs;		/* chains being filled: room for two of the longest */
	unsigned int max_segs;		/* of one chain */
	u32 room;			/* in the first chain of the last frame that took several */
	bool mergeable;
	bool passive;			/* not a pair in use: net_set_pairs() */
	u8 csum_valid;			/* FRAME_CSUM_VALID, if the driver takes the word for it */
};

#define RX_MERGE_MAX	64		/* buffers of one frame */

struct vhost_net {
	struct vhost_dev dev;
	/* Pair p: 2 * p + enum virtio_net_queue; behind them the control queue, if there is one. */
	struct vhost_virtqueue *vq;
	unsigned int nr_pairs;
	/* Of the control queue, set before vhost_net_init(); NULL: there is none. */
	void (*handle_ctrl)(struct vhost_virtqueue *vq);
	struct port port;
	struct net_tx *tx;		/* by pair */
	struct net_rx *rx;
	struct net_steer *steer;	/* NULL: one pair */
	struct ratelimit ratelimit;
};

/*
 * vhost_net_init() - @net is zeroed but for handle_ctrl; its @nr_pairs pairs of queues, of at most
 * these sizes, are worked on @cpu. With more than one pair each flow has a receive queue of those
 * that run (net_set_pairs()).
 * -ENOMEM; to be freed with vhost_net_free(), also after an error.
 */
int vhost_net_init(struct vhost_net *net, const char *name, unsigned int nr_pairs,
		   unsigned int rx_size, unsigned int tx_size, struct cpu *cpu);
/* The port is detached, the queues are stopped, their work is cancelled, no frame is in flight. */
void vhost_net_free(struct vhost_net *net);

/* Link down and all queues stopped. Frames may still be in flight. */
void vhost_net_stop(struct vhost_net *net);
/* net_tx_in_flight() of all pairs; with @again, to be asked once more when that has been queued. */
unsigned int vhost_net_in_flight(struct vhost_net *net, struct work *again);
/* Bytes of memory that its queues take up, rings that run left out. */
u64 vhost_net_memory(const struct vhost_net *net);

/* -ENOMEM; freed with net_tx_free(), also after an error. @size: of the queue, at most. */
int net_tx_init(struct net_tx *tx, struct vhost_net *net, struct vhost_virtqueue *vq,
		unsigned int size);
void net_tx_free(struct net_tx *tx);
u64 net_tx_memory(const struct net_tx *tx);	/* bytes, as for the others of this name */
/* vhost_virtqueue.handle_kick of a transmit queue. */
void net_tx_kick(struct vhost_virtqueue *vq);
/*
 * Frames of the stopped queue that have not come back; if there are any and @again is not
 * NULL, it is queued when the last one has.
 */
unsigned int net_tx_in_flight(struct net_tx *tx, struct work *again);

/* For a queue of up to @size entries. -ENOMEM. */
int net_rx_init(struct net_rx *rx, struct vhost_net *net, struct vhost_virtqueue *vq,
		unsigned int size);
void net_rx_free(struct net_rx *rx);
u64 net_rx_memory(const struct net_rx *rx);
void net_rx_start(struct net_rx *rx);	/* features are known, the queue has not started yet */
/* vhost_virtqueue.handle_kick of a receive queue. */
void net_rx_kick(struct vhost_virtqueue *vq);
/*
 * Frames to one queue; published by net_rx_flush(). Any CPU. False: nothing was done, as the pair
 * is passive, which the only or first one never is.
 */
bool net_rx_deliver(struct net_rx *rx, struct frame **frames, unsigned int nr);
void net_rx_flush(struct net_rx *rx);
extern const struct port_ops net_port_ops;	/* one pair */

/* ---- Several pairs: net_steer.c ---- */

extern const struct port_ops net_steer_ops;
int net_steer_init(struct vhost_net *net);	/* -ENOMEM */
void net_steer_free(struct vhost_net *net);
u64 net_steer_memory(const struct vhost_net *net);
/* These go out by pair @pair: their flows are to come in by it (virtio 1.2 §5.1.6.5.6). */
void net_steer_learn(struct vhost_net *net, unsigned int pair, struct frame **frames,
		     unsigned int nr);
/*
 * The driver receives by the first @pairs (1..nr_pairs; all at first): when it returns, nothing
 * more comes by the others. Their buffers stay where they are, and what they send is sent. Any
 * CPU, no lock of a receive queue held.
 */
void net_set_pairs(struct vhost_net *net, unsigned int pairs);
unsigned int net_pairs(const struct vhost_net *net);

struct net_steer_stats {
	u64 by_flow, by_hash;		/* frames received, by how their pair was found */
};
struct net_steer_stats net_steer_stats(const struct vhost_net *net);

#endif
