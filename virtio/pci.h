/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-pci, modern interface (virtio 1.2 §4.1): a virtio device as a function of a guest's
 * PCI bus. BAR 1 holds the MSI-X table and pending bits, BAR 2 (I/O space) notification ports,
 * BAR 4 the common, ISR, device and notification areas. Register accesses come under guest->lock.
 */
#ifndef VIRTIO_PCI_H
#define VIRTIO_PCI_H

#include "kernel/types.h"
#include "kernel/vpci.h"
#include "virtio/virtio.h"

struct guest;

/* Areas of BAR 4, a page each. */
enum virtio_pci_area {
	VIRTIO_PCI_COMMON = 0x0000,
	VIRTIO_PCI_ISR = 0x1000,
	VIRTIO_PCI_DEVICE = 0x2000,
	VIRTIO_PCI_NOTIFY = 0x3000,
	VIRTIO_PCI_AREA_SIZE = 0x1000,
	VIRTIO_PCI_BAR_SIZE = 0x4000,
};
#define VIRTIO_PCI_BAR			4
#define VIRTIO_PCI_NOTIFY_MULTIPLIER	4	/* in BAR 2 and in BAR 4 */

/* BAR 1. */
enum virtio_pci_msix_area {
	VIRTIO_PCI_MSIX_TABLE = 0x000,
	VIRTIO_PCI_MSIX_PBA = 0x800,
	VIRTIO_PCI_MSIX_BAR_SIZE = 0x1000,
};
#define VIRTIO_PCI_MSIX_BAR		1

#define VIRTIO_PCI_PIO_BAR		2	/* QEMU's too */

struct virtio_pci {
	struct vpci_dev pci;
	struct virtio_dev *vdev;
	struct guest *guest;
	unsigned int cfg_cap;		/* offset of the configuration access capability */
};

/*
 * Put @vdev (initialised, its queues' kick events in vdev->vhost) on the guest's bus in slot
 * @devfn, PCI class @class, with @vectors MSI-X vectors (0: INTx only). -EBUSY, -EINVAL, -ENOSPC.
 * @pio_notify: offer notification by ports too, before that by memory: such an exit says what
 * was written where without a look at the instruction. Devices with more queues than an I/O BAR
 * has room for (64) do without.
 */
int virtio_pci_create(struct virtio_pci *vp, struct guest *guest, struct virtio_dev *vdev,
		      unsigned int devfn, u32 class, unsigned int vectors, bool pio_notify,
		      const char *name);
void virtio_pci_destroy(struct virtio_pci *vp);

#endif
