/* SPDX-License-Identifier: BSD-2-Clause */
/* A function's interrupt: the best kind of those that it and the machine have. */
#include <errno.h>
#include <string.h>

#include "drivers/pci/msi.h"
#include "drivers/pci/regs.h"
#include "kernel/log.h"

static enum pci_irq_kind best = PCI_IRQ_MSIX;

static const char *const names[] = {
	[PCI_IRQ_NONE] = "none",
	[PCI_IRQ_INTX] = "intx",
	[PCI_IRQ_MSI] = "msi",
	[PCI_IRQ_MSIX] = "msix",
};

const char *pci_irq_name(enum pci_irq_kind kind)
{
	return names[kind];
}

int pci_irq_limit(const char *kind)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], kind))
			continue;
		best = (enum pci_irq_kind)i;
		return 0;
	}
	return -EINVAL;
}

unsigned int pci_msix_entries(const struct pci_dev *dev)
{
	return best >= PCI_IRQ_MSIX ? pci_msix_size(dev) : 0;
}

static enum pci_irq_kind request_message(struct pci_dev *dev, const struct pci_irq_request *req)
{
	if (best >= PCI_IRQ_MSIX && req->nr_msix &&
	    pci_msix_request(dev, req->msix, req->nr_msix, req->name) == 0)
		return PCI_IRQ_MSIX;
	if (best >= PCI_IRQ_MSI && req->any.fn && pci_msi_request(dev, &req->any, req->name) == 0)
		return PCI_IRQ_MSI;
	return PCI_IRQ_NONE;
}

static void say_message(const struct pci_dev *dev, const char *name)
{
	const struct pci_irq *irq = &dev->irq;
	const char *kind = irq->kind == PCI_IRQ_MSIX ? "MSI-X" : "MSI";
	unsigned int last = irq->nr_vectors - 1;

	if (last)
		pr_info("pci: %s: %s, vectors 0x%x to 0x%x", name, kind,
			(unsigned int)irq->vector[0], (unsigned int)irq->vector[last]);
	else
		pr_info("pci: %s: %s, vector 0x%x", name, kind, (unsigned int)irq->vector[0]);
}

enum pci_irq_kind pci_request_irq(struct pci_dev *dev, const struct pci_irq_request *req)
{
	u32 command = pci_cfg_read(dev, PCI_COMMAND, 2);

	dev->irq.kind = request_message(dev, req);
	if (dev->irq.kind != PCI_IRQ_NONE) {
		pci_cfg_write(dev, PCI_COMMAND, 2, command | PCI_COMMAND_INTX_DISABLE);
		say_message(dev, req->name);
	} else if (best < PCI_IRQ_INTX) {
		pr_info("pci: %s: polled, as pci-irq=none says", req->name);
	} else if (!req->provoke) {
		pr_warn("pci: %s: no MSI-X, it will be polled", req->name);
	} else if (pci_request_intx(dev, req->any.fn, req->provoke, req->any.arg,
						    req->name) == 0) {
		dev->irq.kind = PCI_IRQ_INTX;
		dev->irq.intx_arg = req->any.arg;
	}
	return dev->irq.kind;
}

void pci_release_irq(struct pci_dev *dev)
{
	if (dev->irq.kind == PCI_IRQ_INTX)
		pci_release_intx(dev, dev->irq.intx_arg);
	else if (dev->irq.kind != PCI_IRQ_NONE)
		pci_msi_release(dev);
	dev->irq.kind = PCI_IRQ_NONE;
}
