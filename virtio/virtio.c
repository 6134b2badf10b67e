/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtio device: status state machine and feature negotiation (virtio 1.2 §2.1, §2.2, §3.1). */
#include "virtio/virtio.h"

#include <errno.h>

/* What a driver writes; DEVICE_NEEDS_RESET is the device's own. */
#define STATUS_BY_DRIVER (VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | \
			  VIRTIO_DRIVER_OK | VIRTIO_FAILED)

void virtio_bad_access(struct virtio_dev *vdev)
{
	vdev->bad_accesses++;
}

static void state_init(struct virtio_dev *vdev)
{
	vdev->driver = 0;
	vdev->device_feature_select = 0;
	vdev->driver_feature_select = 0;
	vdev->queue_select = 0;
	vdev->config_vector = VIRTIO_MSI_NO_VECTOR;
	for (unsigned int i = 0; i < vdev->nr_queues; i++) {
		struct virtio_queue *q = &vdev->queue[i];

		q->size = q->size_max;
		q->vector = VIRTIO_MSI_NO_VECTOR;
		q->enable = false;
		q->addr = (struct ring_addr){ 0 };
	}
	__atomic_store_n(&vdev->isr, 0, __ATOMIC_RELAXED);
	vdev->resetting = false;
	__atomic_store_n(&vdev->status, 0, __ATOMIC_RELEASE);
}

void virtio_dev_init(struct virtio_dev *vdev)
{
	for (unsigned int i = 0; i < vdev->nr_queues; i++)
		vdev->queue[i].vdev = vdev;
	state_init(vdev);
}

/* ---- Interrupts ---- */

void virtio_needs_reset(struct virtio_dev *vdev)
{
	u8 old = __atomic_fetch_or(&vdev->status, VIRTIO_NEEDS_RESET, __ATOMIC_ACQ_REL);

	if ((old & VIRTIO_DRIVER_OK) && !(old & VIRTIO_NEEDS_RESET))	/* §2.1.2 */
		vdev->config_irq(vdev);
}

/* ---- Features ---- */

static u32 half(u64 features, u32 select)
{
	return select < 2 ? (u32)(features >> 32 * select) : 0;
}

u32 virtio_device_features(const struct virtio_dev *vdev)
{
	return half(vdev->offered, vdev->device_feature_select);
}

u32 virtio_driver_features(const struct virtio_dev *vdev)
{
	return half(vdev->driver, vdev->driver_feature_select);
}

void virtio_set_driver_features(struct virtio_dev *vdev, u32 val)
{
	unsigned int shift = 32 * vdev->driver_feature_select;

	if ((READ_ONCE(vdev->status) & VIRTIO_FEATURES_OK) || vdev->driver_feature_select > 1) {
		if (val)
			virtio_bad_access(vdev);
		return;
	}
	vdev->driver = (vdev->driver & ~((u64)UINT32_MAX << shift)) | (u64)val << shift;
}

static bool features_accepted(struct virtio_dev *vdev)
{
	if (!virtio_has(vdev, VIRTIO_F_VERSION_1))	/* no legacy interface here, §6.1 */
		return false;
	return !vhost_set_features(vdev->vhost, vdev->driver, vdev->offered) &&
	       !vdev->ops->features_ok(vdev, vdev->driver);
}

/* ---- Status ---- */

bool virtio_resetting(struct virtio_dev *vdev)
{
	if (vdev->resetting && !vdev->ops->in_flight(vdev))
		state_init(vdev);
	return vdev->resetting;
}

static void reset(struct virtio_dev *vdev)
{
	if (vdev->resetting)
		return;
	vdev->ops->reset(vdev);
	vdev->resetting = true;
	virtio_resetting(vdev);
}

void virtio_detach(struct virtio_dev *vdev)
{
	if (!(READ_ONCE(vdev->status) & VIRTIO_DRIVER_OK) || vdev->resetting)
		return;
	vdev->ops->reset(vdev);
	virtio_needs_reset(vdev);
}

u8 virtio_get_status(struct virtio_dev *vdev)
{
	virtio_resetting(vdev);
	return READ_ONCE(vdev->status);
}

void virtio_set_status(struct virtio_dev *vdev, u8 status)
{
	u8 old = READ_ONCE(vdev->status), set = status & STATUS_BY_DRIVER & (u8)~old;

	if (!status) {
		reset(vdev);
		return;
	}
	if (old & STATUS_BY_DRIVER & ~status)
		virtio_bad_access(vdev);	/* §2.1.1: a driver must not clear a bit */
	if ((set & VIRTIO_FEATURES_OK) && !features_accepted(vdev))
		set &= (u8)~VIRTIO_FEATURES_OK;
	if ((set & VIRTIO_DRIVER_OK) && !((old | set) & VIRTIO_FEATURES_OK)) {
		virtio_bad_access(vdev);
		set &= (u8)~VIRTIO_DRIVER_OK;
	}
	__atomic_fetch_or(&vdev->status, set, __ATOMIC_ACQ_REL);
	if ((set & VIRTIO_DRIVER_OK) && vdev->ops->start(vdev))
		virtio_needs_reset(vdev);
}
