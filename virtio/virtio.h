/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device, whatever its transport: status state machine, features, configuration
 * space and virtqueues (virtio 1.2 §2). The transport (virtio/pci.c) drives it under
 * guest->lock; the device class (virtio/net.c) supplies the ops.
 */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include "kernel/types.h"
#include "virtio/ring.h"
#include "virtio/vhost.h"

enum virtio_status {		/* virtio 1.2 §2.1 */
	VIRTIO_ACKNOWLEDGE = 1,
	VIRTIO_DRIVER = 2,
	VIRTIO_DRIVER_OK = 4,
	VIRTIO_FEATURES_OK = 8,
	VIRTIO_NEEDS_RESET = 64,
	VIRTIO_FAILED = 128,
};

enum virtio_feature {		/* bit numbers, virtio 1.2 §6 */
	VIRTIO_F_NOTIFY_ON_EMPTY = 24,
	VIRTIO_F_INDIRECT_DESC = 28,
	VIRTIO_F_EVENT_IDX = 29,
	VIRTIO_F_VERSION_1 = 32,
	VIRTIO_F_ACCESS_PLATFORM = 33,
	VIRTIO_F_RING_PACKED = 34,
	VIRTIO_F_IN_ORDER = 35,
	VIRTIO_F_ORDER_PLATFORM = 36,
	VIRTIO_F_SR_IOV = 37,
	VIRTIO_F_NOTIFICATION_DATA = 38,
	VIRTIO_F_NOTIF_CONFIG_DATA = 39,
	VIRTIO_F_RING_RESET = 40,
};

#define VIRTIO_MSI_NO_VECTOR 0xffff

struct virtio_dev;

struct virtio_ops {
	/* FEATURES_OK is being set with @features: 0 or -EINVAL (dependencies of the class). */
	int (*features_ok)(struct virtio_dev *vdev, u64 features);
	int (*start)(struct virtio_dev *vdev);		/* DRIVER_OK */
	void (*reset)(struct virtio_dev *vdev);	/* status 0: queues are stopped when it returns */
	/* Buffers of stopped queues that hardware still uses; a reset is complete at 0. */
	unsigned int (*in_flight)(struct virtio_dev *vdev);
	void (*config_write)(struct virtio_dev *vdev, unsigned int off, unsigned int size, u32 val);
};

struct virtio_queue {		/* what the driver wrote, before it is started */
	u16 size, size_max;	/* size_max 0: with the driver's features there is none */
	u16 vector;		/* MSI-X entry or VIRTIO_MSI_NO_VECTOR */
	bool enable;
	struct ring_addr addr;
	struct event call;	/* -> MSI-X entry or ISR + INTx */
	struct virtio_dev *vdev;
};

struct virtio_dev {
	const struct virtio_ops *ops;
	u16 device_id;
	u64 offered;		/* device features */
	u64 driver;		/* what the driver wrote */
	u32 device_feature_select, driver_feature_select;
	u8 status;		/* atomic: a worker may set NEEDS_RESET */
	bool resetting;		/* status 0 was written, buffers are still in flight */
	u16 queue_select;
	u16 config_vector;
	u8 config_generation;	/* §4.1.4.3.1: counts changes of @config */
	u8 *config;		/* device-specific configuration, as read; the class owns it */
	unsigned int config_len;
	u8 isr;			/* bit 0 queue, bit 1 configuration (§4.1.4.5); atomic */
	struct virtio_queue *queue;
	unsigned int nr_queues;
	struct vhost_dev *vhost;
	void *transport;
	void (*config_irq)(struct virtio_dev *vdev);	/* transport: configuration changed */
	u64 bad_accesses;	/* writes with no meaning: wrong size, read-only, wrong state */
};

/* Initial state: after the class has filled in ops, offered, queues (size_max), config. */
void virtio_dev_init(struct virtio_dev *vdev);

/*
 * Status and feature negotiation as the specification has them; used by transports. A reset
 * that waits for buffers in flight shows the old status until they are back, as §2.1.2 and
 * §4.1.4.3.1 allow; meanwhile the device takes no other write (virtio_resetting()).
 */
void virtio_set_status(struct virtio_dev *vdev, u8 status);
u8 virtio_get_status(struct virtio_dev *vdev);
bool virtio_resetting(struct virtio_dev *vdev);
void virtio_set_driver_features(struct virtio_dev *vdev, u32 val);
u32 virtio_device_features(const struct virtio_dev *vdev);	/* the half selected */
u32 virtio_driver_features(const struct virtio_dev *vdev);
/* The device may not reach memory any more: queues stop, the driver has to reset it. */
void virtio_detach(struct virtio_dev *vdev);
/* A write that means nothing here. */
void virtio_bad_access(struct virtio_dev *vdev);

/* DEVICE_NEEDS_RESET + configuration interrupt. Any CPU. */
void virtio_needs_reset(struct virtio_dev *vdev);
static inline bool virtio_has(const struct virtio_dev *vdev, unsigned int bit)
{
	return vdev->driver & BIT_ULL(bit);
}

#endif
