/* SPDX-License-Identifier: BSD-2-Clause */
/* The common configuration structure of virtio-pci (virtio 1.2 §4.1.4.3), under guest->lock. */
#ifndef VIRTIO_PCI_COMMON_H
#define VIRTIO_PCI_COMMON_H

#include "kernel/types.h"

struct virtio_pci;
struct virtio_pci_common_cfg;

/* As a driver reads it, any part of it: reading has no side effects. */
void virtio_pci_common_get(struct virtio_pci *vp, struct virtio_pci_common_cfg *cfg);
/* One write; anything but a whole writable field is counted and dropped. */
void virtio_pci_common_write(struct virtio_pci *vp, unsigned int off, unsigned int size, u64 val);

#endif
