/* SPDX-License-Identifier: BSD-2-Clause */
/* MSI and MSI-X, as pci_request_irq() uses them. BSP at boot. */
#ifndef DRIVERS_PCI_MSI_H
#define DRIVERS_PCI_MSI_H

#include "drivers/pci/pci.h"

/* Neither kind is on afterwards: what firmware left behind. */
void pci_msi_off(const struct pci_dev *dev);

/*
 * Vectors (kept in dev->irq) for the calling CPU, written to the function, which uses them from
 * now on. -ENOENT: it does not have that kind, or not so many; -ENOSPC: no vectors are left;
 * -ENOMEM: the table cannot be mapped; -ERANGE: the CPU's APIC id fits no message. All is as it
 * was then.
 */
int pci_msi_request(struct pci_dev *dev, const struct pci_irq_handler *handler, const char *name);
int pci_msix_request(struct pci_dev *dev, const struct pci_irq_handler *handlers, unsigned int nr,
		     const char *name);
/* Either kind off, vectors given back. */
void pci_msi_release(struct pci_dev *dev);
unsigned int pci_msix_size(const struct pci_dev *dev);	/* entries of its table; 0: none */

#endif
