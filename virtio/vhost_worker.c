/* SPDX-License-Identifier: BSD-2-Clause */
/* Workers: which there are, who has which, and how a device lets go of them. */
#include "virtio/vhost_worker.h"

#include <errno.h>
#include <stdlib.h>

#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/place.h"
#include "virtio/vhost.h"

struct vhost_worker *vhost_workers[VHOST_WORKERS_MAX];

struct vhost_worker *vhost_new_worker(struct cpu *cpu)
{
	struct vhost_worker *worker;
	unsigned int id = 0;

	while (id < VHOST_WORKERS_MAX && vhost_workers[id])
		id++;
	worker = id < VHOST_WORKERS_MAX ? calloc(1, sizeof(*worker)) : NULL;
	if (!worker)
		return NULL;
	worker->id = id;
	worker->cpu = cpu;
	vhost_workers[id] = worker;
	return worker;
}

int vhost_free_worker(struct vhost_worker *worker)
{
	if (__atomic_load_n(&worker->attached, __ATOMIC_ACQUIRE))
		return -EBUSY;
	vhost_workers[worker->id] = NULL;
	free(worker);
	return 0;
}

int vhost_workers_init(void)
{
	for (unsigned int i = 0; i < nr_cpus; i++)
		if (!vhost_new_worker(cpus[i]))
			return -ENOMEM;
	return 0;
}

int vhost_attach_vring_worker(struct vhost_virtqueue *vq, struct vhost_worker *worker)
{
	if (vq->enabled || READ_ONCE(vq->work.queued))
		return -EBUSY;
	if (vq->worker)
		__atomic_fetch_sub(&vq->worker->attached, 1, __ATOMIC_RELEASE);
	vq->worker = worker;
	if (worker) {
		__atomic_fetch_add(&worker->attached, 1, __ATOMIC_RELAXED);
		vq->work.cpu = worker->cpu;
	}
	return 0;
}

struct vhost_worker *vhost_get_vring_worker(const struct vhost_virtqueue *vq)
{
	return vq->worker;
}

struct vhost_worker *vhost_worker_of(const struct cpu *cpu)
{
	for (unsigned int i = 0; i < VHOST_WORKERS_MAX; i++)
		if (vhost_workers[i] && vhost_workers[i]->cpu == cpu)
			return vhost_workers[i];
	return NULL;
}

struct vhost_worker *vhost_worker_pick(struct cpu *const *home, unsigned int nr_home,
				       unsigned int first, unsigned int n)
{
	return nr_home ? vhost_worker_of(place_queue(home, nr_home, first, n)) : NULL;
}

void vhost_workers_show(void)
{
	for (unsigned int i = 0; i < VHOST_WORKERS_MAX; i++) {
		const struct vhost_worker *w = vhost_workers[i];

		if (w)
			console_printf("vhost worker %u: cpu=%u cpu_for=%s queues=%u\n", w->id,
				       w->cpu->id, w->cpu->workers_only ? "workers" : "all",
				       READ_ONCE(w->attached));
	}
}

/* ---- Flushing: work that visits one CPU after the other, twice ---- */

/*
 * Nobody rings any more, but a CPU may have queues' work queued or be in the middle of it, or of
 * giving back the last frame, which queues it on another CPU. Work of one CPU runs one after the
 * other: when all have been visited once, nobody is in the middle of anything and nothing is queued
 * any more that the second visit does not find.
 */
static void flush_this_cpu(struct vhost_dev *dev)
{
	for (unsigned int i = 0; i < dev->nvqs; i++) {
		if (dev->vqs[i].work.cpu != this_cpu())
			continue;
		poller_stop(&dev->vqs[i].poller);
		work_cancel(&dev->vqs[i].work);
	}
}

#define FLUSH_ROUNDS	2

/* On to the next CPU; after the last one to who waits. */
static void flush_next(struct vhost_flush *f)
{
	struct work *again = f->again;

	if (f->visits < FLUSH_ROUNDS * nr_cpus) {
		f->work.cpu = cpus[f->visits++ % nr_cpus];
		work_queue(&f->work);
		return;
	}
	/* From here on the device may go away. */
	__atomic_store_n(&f->state, VHOST_FLUSHED, __ATOMIC_RELEASE);
	work_queue(again);
}

static void flush_work(struct work *work)
{
	struct vhost_dev *dev = container_of(work, struct vhost_dev, flush.work);

	flush_this_cpu(dev);
	flush_next(&dev->flush);
}

static void flush_begin(struct vhost_dev *dev, struct work *again)
{
	struct vhost_flush *f = &dev->flush;

	if (nr_cpus <= 1) {		/* nobody is in the middle of anything but the caller */
		flush_this_cpu(dev);
		f->state = VHOST_FLUSHED;
		return;
	}
	f->state = VHOST_FLUSHING;
	f->visits = 0;
	f->again = again;
	work_init(&f->work, this_cpu(), flush_work);
	flush_next(f);
}

int vhost_dev_flush(struct vhost_dev *dev, struct work *again)
{
	struct vhost_flush *f = &dev->flush;

	if (f->state == VHOST_UNFLUSHED)
		flush_begin(dev, again);
	return __atomic_load_n(&f->state, __ATOMIC_ACQUIRE) == VHOST_FLUSHED ? 0 : -EINPROGRESS;
}

void vhost_dev_unflush(struct vhost_dev *dev)
{
	dev->flush.state = VHOST_UNFLUSHED;
}
