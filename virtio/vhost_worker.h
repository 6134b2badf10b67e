/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers: a queue's work runs on the CPU of its worker. The words are those of Linux's
 * include/uapi/linux/vhost.h; what is different is that a worker is a CPU's and serves the queues
 * of all devices. By default each CPU has one; some CPUs may be the workers' alone (set workers=).
 */
#ifndef VIRTIO_VHOST_WORKER_H
#define VIRTIO_VHOST_WORKER_H

#include "kernel/types.h"

struct cpu;
struct vhost_dev;
struct vhost_virtqueue;

struct vhost_worker {
	unsigned int id;		/* its place in vhost_workers[] */
	struct cpu *cpu;
	u32 attached;			/* queues; atomic: guests are made on their own CPUs */
};

#define VHOST_WORKERS_MAX	CONFIG_MAX_CPUS
extern struct vhost_worker *vhost_workers[VHOST_WORKERS_MAX];	/* NULL: a free place */

/* One for each CPU. BSP at boot, when all CPUs run. -ENOMEM. */
int vhost_workers_init(void);

/* VHOST_NEW_WORKER and VHOST_FREE_WORKER. BSP. NULL: no memory, or too many; -EBUSY: attached. */
struct vhost_worker *vhost_new_worker(struct cpu *cpu);
int vhost_free_worker(struct vhost_worker *worker);

/*
 * VHOST_ATTACH_VRING_WORKER: @vq's work runs on @worker's CPU from now on; NULL: it leaves the one
 * it has. -EBUSY while the queue runs or its work is queued.
 */
int vhost_attach_vring_worker(struct vhost_virtqueue *vq, struct vhost_worker *worker);
/* VHOST_GET_VRING_WORKER. NULL: none, its work runs where vhost_dev_init() said. */
struct vhost_worker *vhost_get_vring_worker(const struct vhost_virtqueue *vq);

/* The first one of @cpu, or NULL. */
struct vhost_worker *vhost_worker_of(const struct cpu *cpu);

/*
 * vhost_worker_pick() - a worker of place_queue()'s CPU for the @n-th queue (or pair of queues) of
 * a device. NULL: that CPU has none.
 */
struct vhost_worker *vhost_worker_pick(struct cpu *const *home, unsigned int nr_home,
				       unsigned int first, unsigned int n);

/* For `info vhost`. BSP. */
void vhost_workers_show(void);

/*
 * vhost_dev_flush() - the queues have been stopped and no frame is on its way: 0 if no CPU has
 * anything to do with them any more. Otherwise -EINPROGRESS, and @again is queued when that is so;
 * then call once more. One caller at a time; no queue is started meanwhile. It stays so until
 * vhost_dev_unflush(): somebody may ring or start a queue from now on.
 */
struct work;
int vhost_dev_flush(struct vhost_dev *dev, struct work *again);
void vhost_dev_unflush(struct vhost_dev *dev);

#endif
