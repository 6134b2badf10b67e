/* SPDX-License-Identifier: BSD-2-Clause */
/* vhost: control calls, and what all data paths share. */
#include "virtio/vhost.h"

#include <errno.h>
#include <stdio.h>

#include "kernel/cpu.h"
#include "virtio/virtio.h"

/* ---- The dirty log ---- */

static void log_update(struct vhost_dev *dev)
{
	dev->logging = dev->log.bitmap && (dev->features & BIT_ULL(VHOST_F_LOG_ALL));
}

void vhost_set_log_base(struct vhost_dev *dev, const struct vhost_log *log)
{
	dev->log = log ? *log : (struct vhost_log){ 0 };
	log_update(dev);
}

static void log_write(struct vhost_dev *dev, u64 gpa, u64 len)
{
	u64 page = gpa / VHOST_LOG_PAGE, end = DIV_ROUND_UP(gpa + len, VHOST_LOG_PAGE);

	for (; len && page < end; page++)
		if (page / 8 < dev->log.size)	/* the other side clears bits meanwhile */
			__atomic_fetch_or(&dev->log.bitmap[page / 8], (u8)BIT(page % 8),
					  __ATOMIC_RELEASE);
}

void vhost_log_segs(struct vhost_dev *dev, const struct ring_seg *seg, u64 len)
{
	for (; len; seg++) {
		u64 n = MIN(len, (u64)seg->len);

		log_write(dev, seg->phys, n);
		len -= n;
	}
}

static void log_area(struct vhost_virtqueue *vq, u64 addr, u64 len)
{
	log_write(vq->dev, guest_mem_phys(vq->dev->mem, addr, len), len);
}

/* What we write in a ring: used entries and the index, or descriptors, and our event field. */
__attribute__((noinline, cold))
static void log_ring(struct vhost_virtqueue *vq)
{
	log_area(vq, vq->addr.used, vq->ring.packed ? sizeof(struct virtq_event) :
						      virtq_used_size(vq->num));
	if (vq->ring.packed)
		log_area(vq, vq->addr.desc, virtq_desc_size(vq->num));
}

static void vq_work(struct work *work)
{
	struct vhost_virtqueue *vq = container_of(work, struct vhost_virtqueue, work);

	spin_lock(&vq->lock);
	vq->stats.runs++;
	vq->handle_kick(vq);
	if (unlikely(vq->dev->logging) && vq->enabled)
		log_ring(vq);
	spin_unlock(&vq->lock);
}

void vhost_poll_queue(struct vhost_virtqueue *vq)
{
	work_queue(&vq->work);
}

/* Something for handle_kick? A ring that turns out to be broken is for it to say. */
static bool work_there(struct vhost_virtqueue *vq)
{
	return vq->enabled && (ring_available(&vq->ring) || (vq->ring.broken && !vq->error_said));
}

/* Has what the queue keeps to itself waited long enough? */
static bool signal_due(const struct vhost_virtqueue *vq)
{
	return vq->enabled && vq->ring.pending && time_ns() >= vq->poller.last_ns + VHOST_LAZY_NS;
}

static bool vq_poll(struct poller *poller)
{
	struct vhost_virtqueue *vq = container_of(poller, struct vhost_virtqueue, poller);
	bool found;

	spin_lock(&vq->lock);
	found = work_there(vq);
	if (!found && signal_due(vq))
		vhost_signal(vq);
	spin_unlock(&vq->lock);
	if (found)
		vhost_poll_queue(vq);
	return found;
}

static bool vq_rest(struct poller *poller)
{
	struct vhost_virtqueue *vq = container_of(poller, struct vhost_virtqueue, poller);
	bool more;

	spin_lock(&vq->lock);
	if (vq->enabled)
		vhost_signal(vq);
	more = vq->enabled && ring_notify_enable(&vq->ring);
	if (more)
		ring_notify_disable(&vq->ring);
	spin_unlock(&vq->lock);
	return more;
}

/* On the CPU of whichever vCPU rang; several may at once. */
static void vq_kicked(struct event *kick)
{
	struct vhost_virtqueue *vq = container_of(kick, struct vhost_virtqueue, kick);

	__atomic_fetch_add(&vq->stats.kicks, 1, __ATOMIC_RELAXED);
	if (!work_queue(&vq->work))
		__atomic_fetch_add(&vq->stats.kicks_coalesced, 1, __ATOMIC_RELAXED);
}

void vhost_dev_init(struct vhost_dev *dev, const char *name, struct vhost_virtqueue *vqs,
		    unsigned int nvqs, struct cpu *cpu)
{
	*dev = (struct vhost_dev){ .vqs = vqs, .nvqs = nvqs };
	snprintf(dev->name, sizeof(dev->name), "%s", name);
	for (unsigned int i = 0; i < nvqs; i++) {
		vqs[i].dev = dev;
		vqs[i].index = i;
		event_init(&vqs[i].kick, vq_kicked);
		work_init(&vqs[i].work, cpu, vq_work);
		poller_init(&vqs[i].poller, vq_poll, vq_rest);
	}
}

/* ---- Control ---- */

void vhost_set_mem_table(struct vhost_dev *dev, const struct guest_mem *mem)
{
	dev->mem = mem;
}

int vhost_set_features(struct vhost_dev *dev, u64 features, u64 offered)
{
	if (features & ~offered)
		return -EOPNOTSUPP;
	dev->features = features;
	log_update(dev);
	return 0;
}

/* The queue, if it is one and may be changed. */
static int vq_stopped(struct vhost_dev *dev, unsigned int idx, struct vhost_virtqueue **vq)
{
	if (idx >= dev->nvqs)
		return -EINVAL;
	*vq = &dev->vqs[idx];
	return (*vq)->enabled ? -EBUSY : 0;
}

int vhost_set_vring_num(struct vhost_dev *dev, unsigned int idx, unsigned int num)
{
	struct vhost_virtqueue *vq;
	int err = vq_stopped(dev, idx, &vq);

	if (err)
		return err;
	if (!num || num > RING_SIZE_MAX)
		return -EINVAL;
	/* §2.7: a power of two; §2.8.10.1: any */
	if (!(dev->features & BIT_ULL(VIRTIO_F_RING_PACKED)) && (num & (num - 1)))
		return -EINVAL;
	vq->num = (u16)num;
	return 0;
}

int vhost_set_vring_addr(struct vhost_dev *dev, unsigned int idx, const struct ring_addr *addr)
{
	struct vhost_virtqueue *vq;
	int err = vq_stopped(dev, idx, &vq);

	if (!err)
		vq->addr = *addr;
	return err;
}

int vhost_set_vring_base(struct vhost_dev *dev, unsigned int idx, u16 base)
{
	struct vhost_virtqueue *vq;
	int err = vq_stopped(dev, idx, &vq);

	if (!err)
		vq->base = base;
	return err;
}

int vhost_set_vring_inflight(struct vhost_dev *dev, unsigned int idx,
			     struct ring_inflight_area *inflight)
{
	struct vhost_virtqueue *vq;
	int err = vq_stopped(dev, idx, &vq);

	if (!err)
		vq->inflight = inflight;
	return err;
}

void vhost_set_vring_call(struct vhost_dev *dev, unsigned int idx, struct event *call)
{
	WRITE_ONCE(dev->vqs[idx].call, call);
}

void vhost_set_vring_err(struct vhost_dev *dev, unsigned int idx, struct event *err)
{
	WRITE_ONCE(dev->vqs[idx].err, err);
}

void vhost_set_vring_busyloop_timeout(struct vhost_dev *dev, unsigned int idx, unsigned int us)
{
	dev->vqs[idx].poll_ns = us * NSEC_PER_USEC;
}

struct event *vhost_get_vring_kick(struct vhost_dev *dev, unsigned int idx)
{
	return &dev->vqs[idx].kick;
}

static unsigned int ring_features(const struct vhost_dev *dev)
{
	return (dev->features & BIT_ULL(VIRTIO_F_EVENT_IDX) ? RING_EVENT_IDX : 0) |
	       (dev->features & BIT_ULL(VIRTIO_F_INDIRECT_DESC) ? RING_INDIRECT : 0) |
	       (dev->features & BIT_ULL(VIRTIO_F_RING_PACKED) ? RING_PACKED : 0) |
	       (dev->features & BIT_ULL(VIRTIO_F_IN_ORDER) ? RING_IN_ORDER : 0);
}

int vhost_vring_start(struct vhost_dev *dev, unsigned int idx)
{
	struct vhost_virtqueue *vq;
	int err = vq_stopped(dev, idx, &vq);

	if (err)
		return err;
	spin_lock(&vq->lock);
	err = ring_enable(&vq->ring, dev->mem, vq->num, &vq->addr, vq->base, ring_features(dev));
	if (!err && vq->inflight)
		err = ring_inflight_enable(&vq->ring, vq->inflight);
	if (err)
		ring_disable(&vq->ring);
	vq->enabled = !err;
	vq->error_said = false;
	spin_unlock(&vq->lock);
	if (!err)
		vhost_poll_queue(vq);	/* the driver may have added buffers before */
	return err;
}

u16 vhost_vring_stop(struct vhost_dev *dev, unsigned int idx)
{
	struct vhost_virtqueue *vq = &dev->vqs[idx];
	u16 base = vq->base;

	spin_lock(&vq->lock);
	if (vq->enabled) {
		base = ring_position(&vq->ring);
		vq->enabled = false;
		ring_disable(&vq->ring);
	}
	spin_unlock(&vq->lock);
	return base;
}

/* ---- Data path ---- */

void vhost_signal(struct vhost_virtqueue *vq)
{
	bool wanted;

	if (!vq->ring.pending)
		return;
	wanted = ring_publish(&vq->ring);
	if (unlikely(vq->dev->logging))
		log_ring(vq);
	if (!wanted) {
		vq->stats.calls_suppressed++;
		return;
	}
	vq->stats.calls++;
	if (vq->call)
		event_signal(vq->call);
}

void vhost_signal_lazily(struct vhost_virtqueue *vq)
{
	if (vq->ring.pending < VHOST_LAZY_MAX && poller_active(&vq->poller) &&
	    this_cpu()->workers_only && !vq->ring.broken)
		return;
	vhost_signal(vq);
}

void vhost_vq_error(struct vhost_virtqueue *vq)
{
	struct vhost_dev *dev = vq->dev;

	if (vq->error_said)
		return;
	vq->error_said = true;
	vq->stats.broken++;
	log_ratelimited(&dev->ratelimit, LOG_WARN,
			"vhost: %s: queue %u broken by the driver: %s (%u)", dev->name, vq->index,
			ring_error_name(vq->ring.broken), vq->ring.broken_value);
	if (vq->err)
		event_signal(vq->err);
}

void vhost_count_batch(struct vhost_virtqueue *vq, unsigned int n)
{
	unsigned int bucket;

	if (!n)
		return;
	bucket = 31 - (unsigned int)__builtin_clz(n);
	vq->stats.batch[MIN(bucket, VHOST_BATCH_BUCKETS - 1u)]++;
	vq->stats.chains += n;
}
