/* SPDX-License-Identifier: BSD-2-Clause */
/* IOTLB messages (§IOMMU support): misses to the front end, updates and invalidations from it. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arch/host/vhost_user/device.h"
#include "kernel/log.h"
#include "virtio/virtio.h"

bool vu_iommu(const struct vu_dev *dev)
{
	return vhost_has_feature(&dev->net.dev, VIRTIO_F_ACCESS_PLATFORM);
}

int vu_backend_fd(struct vu_dev *dev, struct vu_msg *msg)
{
	if (dev->backend_fd >= 0)
		close(dev->backend_fd);
	dev->backend_fd = vu_take_fd(msg, 0);
	dev->asked = false;
	return 0;
}

void vu_iotlb_clear(struct vu_dev *dev)
{
	vhost_iotlb_init(&dev->iotlb);
	dev->asked = false;
}

_Static_assert((int)GUEST_MEM_READ == VHOST_ACCESS_RO && (int)GUEST_MEM_WRITE == VHOST_ACCESS_WO,
	       "used as one");

/* What is asked for: the first ring's wish. */
static void wish_of(const struct vu_dev *dev, struct vhost_user_iotlb *miss)
{
	for (unsigned int i = 0; i < 2 * dev->nr_pairs; i++) {
		const struct ring *ring = &dev->net.vq[i].ring;

		if (!ring->missed)
			continue;
		miss->iova = ring->missed_at;
		miss->perm = ring->missed_access;
		return;
	}
}

/*
 * The receive buffers that are next in turn have to be known before a frame comes, which does not
 * wait: they are taken, and given back as if they had not been. False: one is not known.
 */
static bool know_ahead(struct vu_dev *dev)
{
	struct ring_chain chain[VHOST_BATCH];

	for (unsigned int p = 0; p < dev->nr_pairs && !dev->iotlb.mem.missed; p++) {
		struct net_rx *rx = &dev->net.rx[p];
		struct vhost_virtqueue *vq = rx->vq;

		spin_lock(&vq->lock);
		if (vq->enabled)
			ring_unpop(&vq->ring,
				   ring_pop_batch(&vq->ring, chain, VHOST_BATCH, rx->segs,
						  2 * rx->max_segs, rx->max_segs));
		if (unlikely(vq->ring.broken))
			vhost_vq_error(vq);
		spin_unlock(&vq->lock);
	}
	return !dev->iotlb.mem.missed;
}

void vu_iotlb_ask(struct vu_dev *dev)
{
	struct vhost_user_iotlb wish = {	/* of a ring that has not started, if of no other */
		.iova = dev->iotlb.mem.missed_at, .type = VHOST_IOTLB_MISS,
		.perm = dev->iotlb.mem.missed_access,
	};
	struct __packed {
		struct vhost_user_hdr hdr;
		struct vhost_user_iotlb iotlb;
	} miss = { { VHOST_USER_BACKEND_IOTLB_MSG, VHOST_USER_VERSION, sizeof(wish) }, { 0 } };

	if (likely(!vu_iommu(dev)) || dev->asked || know_ahead(dev))
		return;
	wish_of(dev, &wish);
	miss.iotlb = wish;
	dev->asked = true;
	if (send(dev->backend_fd, &miss, sizeof(miss), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(miss))
		return;
	log_ratelimited(&dev->ratelimit, LOG_WARN,
			"vhost-user: %s: no translation of 0x%lx, and it cannot be asked for: %s",
			dev->path, wish.iova, strerror(errno));
}

static int update(struct vu_dev *dev, const struct vhost_user_iotlb *said)
{
	u64 gpa;
	int err;

	if (!vu_mem_gpa(dev, said->uaddr, said->size, &gpa))
		return vu_fail(dev, -EFAULT, "0x%lx with 0x%lx bytes is outside the regions",
			       said->uaddr, said->size);
	err = vhost_iotlb_update(&dev->iotlb, said->iova, said->size, said->perm,
				 guest_mem_ptr(&dev->mem, gpa, said->size), gpa);
	if (err)
		return vu_fail(dev, err, "0x%lx with 0x%lx bytes is empty or wraps, or access %u",
			       said->iova, said->size, said->perm);
	dev->asked = false;
	vu_vrings_resume(dev);
	for (unsigned int i = 0; i < 2 * dev->nr_pairs; i++)
		dev->net.vq[i].ring.missed = false;
	if (know_ahead(dev))	/* otherwise there will be another update */
		vu_vrings_retry(dev);
	return 0;
}

int vu_iotlb_msg(struct vu_dev *dev, struct vu_msg *msg)
{
	const struct vhost_user_iotlb *said = &msg->payload.iotlb;

	if (!vu_iommu(dev))
		return vu_fail(dev, -EINVAL, "without VIRTIO_F_ACCESS_PLATFORM");
	switch (said->type) {
	case VHOST_IOTLB_UPDATE:
		return update(dev, said);
	case VHOST_IOTLB_INVALIDATE:
		vu_vrings_halt(dev);
		vhost_iotlb_invalidate(&dev->iotlb, said->iova, said->size);
		vu_vrings_resume(dev);
		return 0;
	default:
		return vu_fail(dev, -EINVAL, "type %u", said->type);
	}
}
