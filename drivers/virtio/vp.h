/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device of the machine, from the driver's side: modern virtio over PCI (virtio 1.2
 * §4.1), device initialization (§3.1). BSP at boot and the CPU of the device's poll later.
 */
#ifndef DRIVERS_VIRTIO_VP_H
#define DRIVERS_VIRTIO_VP_H

#include "drivers/pci/pci.h"
#include "drivers/virtio/vring.h"

struct vp_dev {
	struct pci_dev *pci;
	const char *name;		/* for the log; kept */
	u8 *common, *notify, *config;	/* mapped structures */
	u8 *isr;			/* NULL: it has none; then INTx cannot be used */
	u32 notify_len, notify_multiplier, config_len;
};

/* Find and map its structures. -ENODEV: not modern, -ENOMEM: not mapped; said. */
int vp_init(struct vp_dev *vp, struct pci_dev *pci, const char *name);

/* All DMA and interrupts end. -ETIMEDOUT: they did not (said). */
int vp_reset(struct vp_dev *vp);

/*
 * After a reset: those of @wanted that the device offers into *features, agreed on with it;
 * VIRTIO_F_VERSION_1 has to be among them. -ENODEV: the device refuses (said).
 */
int vp_negotiate(struct vp_dev *vp, u64 wanted, u64 *features);

/* The most entries that queue @index can have; 0: there is no such queue. */
u16 vp_queue_max(struct vp_dev *vp, u16 index);

/* @ring, allocated and empty, becomes queue @index. -EIO: the device has no such vector. */
int vp_queue_start(struct vp_dev *vp, struct vring *ring, u16 index, u16 vector);
int vp_config_vector(struct vp_dev *vp, u16 vector);	/* -EIO */
void vp_ready(struct vp_dev *vp);			/* DRIVER_OK */

/* INTx: enum virtio_isr, and the interrupt is taken back (§4.1.4.5). 0: not ours. */
u8 vp_isr(const struct vp_dev *vp);

/* The device-specific configuration; 0 beyond its end. */
u8 vp_config_read8(const struct vp_dev *vp, unsigned int off);
u16 vp_config_read16(const struct vp_dev *vp, unsigned int off);

#endif
