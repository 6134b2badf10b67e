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

/* A receive queue waits to write, all else to read. */
static u8 missed_perm(const struct vu_dev *dev)
{
	for (unsigned int i = VIRTIO_NET_RX; i < 2 * dev->nr_pairs; i += VHOST_NET_QUEUES)
		if (dev->net.vq[i].ring.missed)
			return VHOST_ACCESS_WO;
	return VHOST_ACCESS_RO;
}

void vu_iotlb_ask(struct vu_dev *dev)
{
	struct __packed {
		struct vhost_user_hdr hdr;
		struct vhost_user_iotlb iotlb;
	} miss = {
		.hdr = { VHOST_USER_BACKEND_IOTLB_MSG, VHOST_USER_VERSION, sizeof(miss.iotlb) },
		.iotlb = { .iova = dev->iotlb.mem.missed_at, .type = VHOST_IOTLB_MISS },
	};

	if (likely(!dev->iotlb.mem.missed || dev->asked))
		return;
	miss.iotlb.perm = missed_perm(dev);
	dev->asked = true;
	if (send(dev->backend_fd, &miss, sizeof(miss), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(miss))
		return;
	log_ratelimited(&dev->ratelimit, LOG_WARN,
			"vhost-user: %s: no translation of 0x%lx, and it cannot be asked for: %s",
			dev->path, miss.iotlb.iova, strerror(errno));
}

static int update(struct vu_dev *dev, const struct vhost_user_iotlb *said)
{
	u64 gpa;
	int err;

	if (!vu_mem_gpa(dev, said->uaddr, said->size, &gpa))
		return vu_fail(dev, -EFAULT, "0x%lx with 0x%lx bytes is outside the regions",
			       said->uaddr, said->size);
	err = vhost_iotlb_update(&dev->iotlb, said->iova, said->size,
				 guest_mem_ptr(&dev->mem, gpa, said->size), gpa);
	if (err)
		return vu_fail(dev, err, "0x%lx with 0x%lx bytes is empty or wraps", said->iova,
			       said->size);
	dev->asked = false;
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
		dev->asked = false;
		vu_vrings_resume(dev);
		return 0;
	default:
		return vu_fail(dev, -EINVAL, "type %u", said->type);
	}
}
