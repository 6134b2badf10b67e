/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio over PCI, modern: virtio 1.2 §4.1.4. */
#ifndef VIRTIO_PCI_REGS_H
#define VIRTIO_PCI_REGS_H

#include "kernel/types.h"

enum virtio_pci_ids {			/* §4.1.2 */
	VIRTIO_PCI_VENDOR = 0x1af4,
	VIRTIO_PCI_DEVICE_BASE = 0x1040,	/* + device id of §5 */
	VIRTIO_PCI_SUBSYSTEM = 0x1100,
	VIRTIO_PCI_REVISION = 1,		/* >= 1: modern only */
};

enum virtio_pci_cfg_type {		/* §4.1.4 */
	VIRTIO_PCI_CAP_COMMON_CFG = 1,
	VIRTIO_PCI_CAP_NOTIFY_CFG = 2,
	VIRTIO_PCI_CAP_ISR_CFG = 3,
	VIRTIO_PCI_CAP_DEVICE_CFG = 4,
	VIRTIO_PCI_CAP_PCI_CFG = 5,
};

struct virtio_pci_cap {			/* §4.1.4 */
	u8 cap_vndr, cap_next, cap_len, cfg_type;
	u8 bar, id, padding[2];
	le32 offset, length;
} __packed;

struct virtio_pci_notify_cap {		/* §4.1.4.4 */
	struct virtio_pci_cap cap;
	le32 notify_off_multiplier;
} __packed;

struct virtio_pci_cfg_cap {		/* §4.1.4.9 */
	struct virtio_pci_cap cap;
	u8 pci_cfg_data[4];
} __packed;

struct virtio_pci_common_cfg {		/* §4.1.4.3 */
	le32 device_feature_select;
	le32 device_feature;		/* read-only */
	le32 driver_feature_select;
	le32 driver_feature;
	le16 config_msix_vector;
	le16 num_queues;		/* read-only */
	u8 device_status;
	u8 config_generation;		/* read-only */
	le16 queue_select;
	le16 queue_size;
	le16 queue_msix_vector;
	le16 queue_enable;
	le16 queue_notify_off;		/* read-only */
	le32 queue_desc_lo, queue_desc_hi;
	le32 queue_driver_lo, queue_driver_hi;
	le32 queue_device_lo, queue_device_hi;
} __packed;

enum virtio_isr {			/* §4.1.4.5 */
	VIRTIO_ISR_QUEUE = 1,
	VIRTIO_ISR_CONFIG = 2,
};

#endif
