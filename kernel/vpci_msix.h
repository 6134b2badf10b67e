/* SPDX-License-Identifier: BSD-2-Clause */
/* MSI-X of a guest's PCI function: what vpci.c needs of it. The rest is in vpci.h. */
#ifndef KERNEL_VPCI_MSIX_H
#define KERNEL_VPCI_MSIX_H

struct vpci_dev;

/* Entries as after reset: masked, empty, nothing pending. */
void vpci_msix_reset(struct vpci_dev *dev);
/* Enable or a mask has changed: send what is pending and no longer masked. */
void vpci_msix_flush(struct vpci_dev *dev);

#endif
