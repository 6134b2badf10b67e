/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vhost: the part that owns virtqueues and moves their chains, in the vocabulary of
 * Linux's include/uapi/linux/vhost.h. The calls below are what an ioctl or a vhost-user
 * message does elsewhere. Control calls come from one place at a time (the device model
 * under guest->lock); the data path runs as work on the queue's CPU, under vq->lock.
 */
#ifndef VIRTIO_VHOST_H
#define VIRTIO_VHOST_H

#include "kernel/event.h"
#include "kernel/guest_mem.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/poller.h"
#include "kernel/types.h"
#include "kernel/work.h"
#include "virtio/ring.h"
#include "virtio/ring_inflight.h"

struct cpu;
struct vhost_dev;
struct vhost_virtqueue;
struct vhost_worker;

/* Histogram of batch sizes: 1, 2-3, 4-7, ... */
#define VHOST_BATCH_BUCKETS 8

struct vhost_vq_stats {
	u64 kicks, kicks_coalesced;	/* doorbells; those that found work queued already */
	u64 calls, calls_suppressed;	/* interrupts sent; publications that needed none */
	u64 runs, requeues;		/* turns of the worker; those that ended by budget */
	u64 chains, bytes, copies, copied_bytes;
	u64 batch[VHOST_BATCH_BUCKETS];
	u64 drops;			/* frames that went no further: in port_stats too */
	u64 broken;			/* times the driver broke the queue */
};

struct vhost_virtqueue {
	struct vhost_dev *dev;
	unsigned int index;
	struct spinlock lock;		/* ring; order: guest, TX queue, switch, RX queue */
	struct ring ring;
	u16 num;
	struct ring_addr addr;
	u16 base;
	struct ring_inflight_area *inflight;	/* SET_INFLIGHT_FD; NULL: not noted */
	bool enabled;			/* has a backend and is running */
	struct event kick;		/* the doorbell's event */
	struct event *call;		/* interrupt; NULL: none */
	struct event *err;		/* queue broken; NULL: none */
	struct work work;		/* handle_kick on the worker's CPU */
	struct vhost_worker *worker;	/* NULL: that of its device's CPU */
	struct poller poller;		/* in place of doorbells while there is much to do */
	u64 poll_ns;			/* VHOST_SET_VRING_BUSYLOOP_TIMEOUT; 0: never */
	/* vq->lock held; also called for a queue that has been stopped meanwhile. */
	void (*handle_kick)(struct vhost_virtqueue *vq);
	bool error_said;
	struct vhost_vq_stats stats;
};

enum vhost_feature {		/* bit numbers among the virtio features, as in Linux's vhost.h */
	VHOST_F_LOG_ALL = 26,
};

/* Which guest memory the device has written: a bit for each page, from guest-physical 0. */
#define VHOST_LOG_PAGE	4096

struct vhost_log {
	u8 *bitmap;		/* NULL: nobody wants to know */
	u64 size;		/* bytes */
};

struct vhost_flush {		/* vhost_dev_flush() */
	enum { VHOST_UNFLUSHED, VHOST_FLUSHING, VHOST_FLUSHED } state;
	struct work work;
	unsigned int visits;	/* of CPUs, the one that it is on its way to included */
	struct work *again;
};

struct vhost_dev {
	char name[48];			/* for messages: "web/net2" */
	const struct guest_mem *mem;	/* mem table; the owner keeps it alive */
	u64 features;			/* acked by the driver */
	struct vhost_virtqueue *vqs;
	unsigned int nvqs;
	struct vhost_log log;		/* SET_LOG_BASE */
	bool logging;			/* VHOST_F_LOG_ALL was acked, and there is a log */
	struct vhost_flush flush;
	struct ratelimit ratelimit;
};

/* Chains handled between two publications, as VHOST_NET_BATCH. */
#define VHOST_BATCH 64

/*
 * VHOST_SET_OWNER: @vqs is the caller's array, zeroed but for handle_kick; each queue's work goes
 * to @cpu, if it is not attached to a worker.
 */
void vhost_dev_init(struct vhost_dev *dev, const char *name, struct vhost_virtqueue *vqs,
		    unsigned int nvqs, struct cpu *cpu);
void vhost_set_mem_table(struct vhost_dev *dev, const struct guest_mem *mem);
/* -EOPNOTSUPP: a bit that was not offered (@offered). */
int vhost_set_features(struct vhost_dev *dev, u64 features, u64 offered);
static inline bool vhost_has_feature(const struct vhost_dev *dev, unsigned int bit)
{
	return dev->features & BIT_ULL(bit);
}

/*
 * Dirty log, off at @log NULL. Only where guest memory's struct guest_mem_region.phys is the
 * guest-physical address. The queues are stopped or on the calling CPU.
 */
void vhost_set_log_base(struct vhost_dev *dev, const struct vhost_log *log);
/* The first @len bytes of these buffers have been written; if logging. */
void vhost_log_segs(struct vhost_dev *dev, const struct ring_seg *seg, u64 len);

/* Each -EBUSY while the queue runs, -EINVAL for a bad value. */
int vhost_set_vring_num(struct vhost_dev *dev, unsigned int idx, unsigned int num);
int vhost_set_vring_addr(struct vhost_dev *dev, unsigned int idx, const struct ring_addr *addr);
/* @base: ring_enable()'s start. */
int vhost_set_vring_base(struct vhost_dev *dev, unsigned int idx, u16 base);
/* Where what is in flight is noted, from the next start on; stays the caller's. NULL: nowhere. */
int vhost_set_vring_inflight(struct vhost_dev *dev, unsigned int idx,
			     struct ring_inflight_area *inflight);
void vhost_set_vring_call(struct vhost_dev *dev, unsigned int idx, struct event *call);
void vhost_set_vring_err(struct vhost_dev *dev, unsigned int idx, struct event *err);
/*
 * How long a queue goes on being looked at without a doorbell when nothing is left in it: in place
 * of asking for one at once (kernel/poller.h). 0: not at all. While it does not run.
 */
void vhost_set_vring_busyloop_timeout(struct vhost_dev *dev, unsigned int idx, unsigned int us);
struct event *vhost_get_vring_kick(struct vhost_dev *dev, unsigned int idx);

/* Start a queue: maps and checks the ring. Errors of ring_enable(), ring_inflight_enable(). */
int vhost_vring_start(struct vhost_dev *dev, unsigned int idx);
/* Stop: when it returns nothing touches the ring any more. The base to go on from. */
u16 vhost_vring_stop(struct vhost_dev *dev, unsigned int idx);

/* Data path helpers for handle_kick, vq->lock held. */
void vhost_signal(struct vhost_virtqueue *vq);		/* ring_publish() + call if wanted */
/*
 * The same for what the driver is in no hurry for (transmit): a worker that does nothing but look
 * keeps it back until there are VHOST_LAZY_MAX or nothing has come for VHOST_LAZY_NS. Otherwise
 * it would be done with each packet before the next one, and have the guest interrupted each time.
 */
#define VHOST_LAZY_MAX	32
#define VHOST_LAZY_NS	(20 * NSEC_PER_USEC)
void vhost_signal_lazily(struct vhost_virtqueue *vq);
/* Say why it broke, count it, err event; once. */
void vhost_vq_error(struct vhost_virtqueue *vq);
void vhost_count_batch(struct vhost_virtqueue *vq, unsigned int n);
/*
 * The ring is empty, after @n chains in this turn: true if it will be looked at again without a
 * doorbell. Otherwise ring_notify_enable() is to be called.
 */
static inline bool vhost_keep_polling(struct vhost_virtqueue *vq, unsigned int n)
{
	return n ? poller_keep(&vq->poller, vq->poll_ns) : poller_active(&vq->poller);
}
/* Any CPU: have the worker look at the queue. */
void vhost_poll_queue(struct vhost_virtqueue *vq);

#endif
