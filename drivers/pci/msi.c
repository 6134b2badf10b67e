/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Message signalled interrupts: the function writes a vector's number where the CPUs' local
 * APICs listen. MSI: PCI 3.0 §6.8.1; MSI-X: §6.8.2.
 */
#include <errno.h>

#include "arch/x86/smp.h"
#include "asm/io.h"
#include "drivers/pci/msi.h"
#include "drivers/pci/regs.h"
#include "kernel/cpu.h"
#include "kernel/mem.h"

static void control_set(const struct pci_dev *dev, unsigned int off, u16 set, u16 clear)
{
	u32 control = pci_cfg_read(dev, off, 2);

	pci_cfg_write(dev, off, 2, (control & ~(u32)clear) | set);
}

void pci_msi_off(const struct pci_dev *dev)
{
	unsigned int msi = pci_find_cap(dev, PCI_CAP_ID_MSI);
	unsigned int msix = pci_find_cap(dev, PCI_CAP_ID_MSIX);

	if (msi)
		control_set(dev, msi + PCI_MSI_CONTROL, 0, PCI_MSI_ENABLE);
	if (msix)
		control_set(dev, msix + PCI_MSIX_CONTROL, 0, PCI_MSIX_ENABLE);
}

static void vectors_free(struct pci_irq *irq)
{
	while (irq->nr_vectors)
		irq_vector_free(irq->vector[--irq->nr_vectors]);
}

/* The next vector, and the message that raises it on the handler's CPU. */
static int vector_alloc(struct pci_irq *irq, const struct pci_irq_handler *handler,
			const char *name, struct msi_message *msg)
{
	int vector = irq_vector_alloc(handler->fn, handler->arg, name);

	if (vector < 0)
		return vector;
	irq->vector[irq->nr_vectors++] = vector;
	return irq_msi_message(vector, handler->cpu ? handler->cpu : this_cpu(), msg);
}

int pci_msi_request(struct pci_dev *dev, const struct pci_irq_handler *handler, const char *name)
{
	unsigned int cap = pci_find_cap(dev, PCI_CAP_ID_MSI), data = cap + PCI_MSI_DATA_32;
	struct msi_message msg;
	u32 control;
	int err;

	if (!cap)
		return -ENOENT;
	err = vector_alloc(&dev->irq, handler, name, &msg);
	if (err) {
		vectors_free(&dev->irq);
		return err;
	}
	control = pci_cfg_read(dev, cap + PCI_MSI_CONTROL, 2);
	control_set(dev, cap + PCI_MSI_CONTROL, 0, PCI_MSI_ENABLE | PCI_MSI_MULTIPLE_MASK);
	pci_cfg_write(dev, cap + PCI_MSI_ADDR_LO, 4, (u32)msg.addr);
	if (control & PCI_MSI_64) {
		pci_cfg_write(dev, cap + PCI_MSI_ADDR_HI, 4, (u32)(msg.addr >> 32));
		data = cap + PCI_MSI_DATA_64;
	}
	pci_cfg_write(dev, data, 2, msg.data);
	if (control & PCI_MSI_MASKABLE)	/* the mask bits follow the data's dword */
		pci_cfg_write(dev, data + 4, 4, 0);
	control_set(dev, cap + PCI_MSI_CONTROL, PCI_MSI_ENABLE, 0);
	return 0;
}

/* The table's address, with room for @nr entries, or NULL. */
static u8 *msix_map(struct pci_dev *dev, unsigned int cap, unsigned int nr)
{
	u32 where = pci_cfg_read(dev, cap + PCI_MSIX_TABLE, 4);
	u32 bir = where & PCI_MSIX_BIR_MASK, off = where & ~(u32)PCI_MSIX_BIR_MASK;
	u64 size = (u64)nr * PCI_MSIX_ENTRY_SIZE;
	const struct pci_bar *bar = bir < ARRAY_SIZE(dev->bar) ? &dev->bar[bir] : NULL;

	if (!bar || bar->io || !bar->base || off + size > bar->size)
		return NULL;
	pci_cfg_write(dev, PCI_COMMAND, 2, pci_cfg_read(dev, PCI_COMMAND, 2) | PCI_COMMAND_MEMORY);
	return mmio_map(bar->base + off, size);
}

static void msix_write_entry(u8 *entry, const struct msi_message *msg)
{
	mmio_write32(entry + PCI_MSIX_VECTOR_CONTROL, PCI_MSIX_ENTRY_MASKED);
	mmio_write32(entry + PCI_MSIX_ADDR_LO, (u32)msg->addr);
	mmio_write32(entry + PCI_MSIX_ADDR_HI, (u32)(msg->addr >> 32));
	mmio_write32(entry + PCI_MSIX_DATA, msg->data);
	mmio_write32(entry + PCI_MSIX_VECTOR_CONTROL, 0);
}

unsigned int pci_msix_size(const struct pci_dev *dev)
{
	unsigned int cap = pci_find_cap(dev, PCI_CAP_ID_MSIX);

	if (!cap)
		return 0;
	return (pci_cfg_read(dev, cap + PCI_MSIX_CONTROL, 2) & PCI_MSIX_TABLE_SIZE) + 1;
}

int pci_msix_request(struct pci_dev *dev, const struct pci_irq_handler *handlers, unsigned int nr,
		     const char *name)
{
	unsigned int cap = pci_find_cap(dev, PCI_CAP_ID_MSIX), control = cap + PCI_MSIX_CONTROL;
	int err = 0;
	u8 *table;

	if (nr > PCI_IRQ_VECTORS_MAX || nr > pci_msix_size(dev))
		return -ENOENT;
	table = msix_map(dev, cap, nr);
	if (!table)
		return -ENOMEM;
	/* Entries that are not written may hold anything, but are masked (§6.8.2.9). */
	control_set(dev, control, PCI_MSIX_ENABLE | PCI_MSIX_FUNCTION_MASK, 0);
	for (unsigned int i = 0; i < nr && !err; i++) {
		struct msi_message msg;

		err = vector_alloc(&dev->irq, &handlers[i], name, &msg);
		if (!err)
			msix_write_entry(table + i * PCI_MSIX_ENTRY_SIZE, &msg);
	}
	if (err) {
		control_set(dev, control, 0, PCI_MSIX_ENABLE);
		vectors_free(&dev->irq);
		return err;
	}
	control_set(dev, control, 0, PCI_MSIX_FUNCTION_MASK);
	return 0;
}

void pci_msi_release(struct pci_dev *dev)
{
	pci_msi_off(dev);
	vectors_free(&dev->irq);
}
