/* SPDX-License-Identifier: BSD-2-Clause */
#include "virtio/pci_common.h"

#include "virtio/pci.h"
#include "virtio/pci_regs.h"
#include "virtio/virtio.h"

/* The selected queue; NULL if there is none of that number (§4.1.4.3.1: its size reads 0). */
static struct virtio_queue *selected(struct virtio_dev *vdev)
{
	struct virtio_queue *q = NULL;

	if (vdev->queue_select < vdev->nr_queues)
		q = &vdev->queue[vdev->queue_select];
	return q && q->size_max ? q : NULL;
}

void virtio_pci_common_get(struct virtio_pci *vp, struct virtio_pci_common_cfg *cfg)
{
	struct virtio_dev *vdev = vp->vdev;
	const struct virtio_queue *q = selected(vdev);

	*cfg = (struct virtio_pci_common_cfg){
		.device_feature_select = cpu_to_le32(vdev->device_feature_select),
		.device_feature = cpu_to_le32(virtio_device_features(vdev)),
		.driver_feature_select = cpu_to_le32(vdev->driver_feature_select),
		.driver_feature = cpu_to_le32(virtio_driver_features(vdev)),
		.config_msix_vector = cpu_to_le16(vdev->config_vector),
		.num_queues = cpu_to_le16((u16)vdev->nr_queues),
		.device_status = virtio_get_status(vdev),
		.config_generation = vdev->config_generation,
		.queue_select = cpu_to_le16(vdev->queue_select),
	};
	if (!q)
		return;
	cfg->queue_size = cpu_to_le16(q->size);
	cfg->queue_msix_vector = cpu_to_le16(q->vector);
	cfg->queue_enable = cpu_to_le16(q->enable);
	cfg->queue_notify_off = cpu_to_le16(vdev->queue_select);
	cfg->queue_desc_lo = cpu_to_le32((u32)q->addr.desc);
	cfg->queue_desc_hi = cpu_to_le32((u32)(q->addr.desc >> 32));
	cfg->queue_driver_lo = cpu_to_le32((u32)q->addr.avail);
	cfg->queue_driver_hi = cpu_to_le32((u32)(q->addr.avail >> 32));
	cfg->queue_device_lo = cpu_to_le32((u32)q->addr.used);
	cfg->queue_device_hi = cpu_to_le32((u32)(q->addr.used >> 32));
}

/* §4.1.5.1.2: a vector that does not exist reads back as NO_VECTOR. */
static u16 vector_of(const struct virtio_pci *vp, u64 val)
{
	return val < vp->pci.msix_vectors ? (u16)val : VIRTIO_MSI_NO_VECTOR;
}

static void half_write(u64 *field, bool high, u64 val)
{
	*field = high ? (u32)*field | val << 32 : (*field & ~(u64)UINT32_MAX) | (u32)val;
}

/* Fields of the selected queue. Its layout is fixed once it is enabled or the device runs. */
static bool queue_write(struct virtio_pci *vp, unsigned int off, u64 val)
{
	struct virtio_queue *q = selected(vp->vdev);

	if (!q)
		return false;
	if (off == offsetof(struct virtio_pci_common_cfg, queue_msix_vector)) {
		WRITE_ONCE(q->vector, vector_of(vp, val));
		return true;
	}
	if (q->enable || (vp->vdev->status & VIRTIO_DRIVER_OK))
		return false;
	switch (off) {
	case offsetof(struct virtio_pci_common_cfg, queue_size):
		q->size = (u16)val;	/* checked when the queue is started */
		return true;
	case offsetof(struct virtio_pci_common_cfg, queue_enable):
		q->enable = val == 1;
		return val == 1;
	case offsetof(struct virtio_pci_common_cfg, queue_desc_lo):
	case offsetof(struct virtio_pci_common_cfg, queue_desc_hi):
		half_write(&q->addr.desc, off & 4, val);
		return true;
	case offsetof(struct virtio_pci_common_cfg, queue_driver_lo):
	case offsetof(struct virtio_pci_common_cfg, queue_driver_hi):
		half_write(&q->addr.avail, off & 4, val);
		return true;
	case offsetof(struct virtio_pci_common_cfg, queue_device_lo):
	case offsetof(struct virtio_pci_common_cfg, queue_device_hi):
		half_write(&q->addr.used, off & 4, val);
		return true;
	}
	return false;
}

_Static_assert(offsetof(struct virtio_pci_common_cfg, queue_desc_hi) % 8 == 4 &&
	       offsetof(struct virtio_pci_common_cfg, queue_device_hi) % 8 == 4, "halves: bit 2");

/* Bytes of the field that starts at @off; 0 if none does. */
static unsigned int field_size(unsigned int off)
{
	static const u8 sizes[sizeof(struct virtio_pci_common_cfg)] = {
#define FIELD(name) [offsetof(struct virtio_pci_common_cfg, name)] = \
	sizeof(((struct virtio_pci_common_cfg *)0)->name)
		FIELD(device_feature_select), FIELD(driver_feature_select), FIELD(driver_feature),
		FIELD(config_msix_vector), FIELD(device_status), FIELD(queue_select),
		FIELD(queue_size), FIELD(queue_msix_vector), FIELD(queue_enable),
		FIELD(queue_desc_lo), FIELD(queue_desc_hi), FIELD(queue_driver_lo),
		FIELD(queue_driver_hi), FIELD(queue_device_lo), FIELD(queue_device_hi),
#undef FIELD
	};

	return off < sizeof(sizes) ? sizes[off] : 0;
}

static bool field_write(struct virtio_pci *vp, unsigned int off, u64 val)
{
	struct virtio_dev *vdev = vp->vdev;

	switch (off) {
	case offsetof(struct virtio_pci_common_cfg, device_feature_select):
		vdev->device_feature_select = (u32)val;
		return true;
	case offsetof(struct virtio_pci_common_cfg, driver_feature_select):
		vdev->driver_feature_select = (u32)val;
		return true;
	case offsetof(struct virtio_pci_common_cfg, driver_feature):
		virtio_set_driver_features(vdev, (u32)val);
		return true;
	case offsetof(struct virtio_pci_common_cfg, config_msix_vector):
		WRITE_ONCE(vdev->config_vector, vector_of(vp, val));
		return true;
	case offsetof(struct virtio_pci_common_cfg, queue_select):
		vdev->queue_select = (u16)val;
		return true;
	default:
		return queue_write(vp, off, val);
	}
}

void virtio_pci_common_write(struct virtio_pci *vp, unsigned int off, unsigned int size, u64 val)
{
	struct virtio_dev *vdev = vp->vdev;

	/* A 64-bit field may also be written whole. */
	if (size == 8 && off % 8 == 0 &&
	    off >= offsetof(struct virtio_pci_common_cfg, queue_desc_lo)) {
		virtio_pci_common_write(vp, off, 4, (u32)val);
		virtio_pci_common_write(vp, off + 4, 4, val >> 32);
		return;
	}
	if (field_size(off) != size || !size) {
		virtio_bad_access(vdev);
		return;
	}
	if (off == offsetof(struct virtio_pci_common_cfg, device_status))
		virtio_set_status(vdev, (u8)val);
	else if (virtio_resetting(vdev) || !field_write(vp, off, val))
		virtio_bad_access(vdev);
}
