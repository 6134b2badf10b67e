/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/virtio_nic_pci.h"

#include <string.h>

#include "asm/cpu.h"
#include "kernel/cpu.h"
#include "kernel/pci_regs.h"
#include "tests/unit/unit.h"
#include "tests/unit/virtio_nic.h"
#include "virtio/pci_regs.h"
#include "virtio/virtio.h"

static u8 cfg[256];
static struct pci_irq_handler msix[1 + PAIRS], intx;
static bool use_intx;

u32 pci_cfg_read(const struct pci_dev *dev, unsigned int off, unsigned int size)
{
	u32 val = 0;

	memcpy(&val, cfg + off, size);
	return val;
}

void pci_cfg_write(const struct pci_dev *dev, unsigned int off, unsigned int size, u32 val)
{
	memcpy(cfg + off, &val, size);
}

unsigned int pci_next_cap(const struct pci_dev *dev, unsigned int at, u8 id)
{
	assert_int_equal(id, PCI_CAP_ID_VENDOR);
	return at ? cfg[at + 1] : 0x40;
}

void pci_enable(struct pci_dev *dev)
{
	virtio_nic.mastering = true;
}

void pci_disable(struct pci_dev *dev)
{
	virtio_nic.mastering = false;
}

unsigned int pci_msix_entries(const struct pci_dev *dev)
{
	return virtio_nic.msix_entries;
}

/* Nothing but what is provoked asserts it. */
static enum pci_irq_kind request_intx(const struct pci_irq_request *req)
{
	if (!req->provoke)
		return PCI_IRQ_NONE;
	for (unsigned int i = 0; i < 3; i++) {
		req->provoke(req->any.arg, true);
		assert_int_equal(virtio_nic.isr, VIRTIO_ISR_QUEUE);
		req->provoke(req->any.arg, false);
		assert_int_equal(virtio_nic.isr, 0);
	}
	intx = req->any;
	return PCI_IRQ_INTX;
}

enum pci_irq_kind pci_request_irq(struct pci_dev *dev, const struct pci_irq_request *req)
{
	dev->irq.kind = PCI_IRQ_NONE;
	use_intx = !strcmp(model->irq, "intx");
	if (virtio_nic.no_interrupt)
		return PCI_IRQ_NONE;
	if (use_intx)
		return dev->irq.kind = request_intx(req);
	assert_in_range(req->nr_msix, 2, virtio_nic.msix_entries);
	memcpy(msix, req->msix, req->nr_msix * sizeof(*msix));
	return dev->irq.kind = PCI_IRQ_MSIX;
}

void pci_release_irq(struct pci_dev *dev)
{
}

const char *pci_irq_name(enum pci_irq_kind kind)
{
	return kind == PCI_IRQ_NONE ? "none" : kind == PCI_IRQ_INTX ? "intx" : "msix";
}

bool virtio_nic_message(bool *pending, u16 vector, const struct cpu *cpu)
{
	struct arch_cpu *self = host_this_cpu;

	if (!msix[0].fn || !*pending || vector == VIRTIO_MSI_NO_VECTOR)
		return false;
	*pending = false;
	assert_in_range(vector, 0, ARRAY_SIZE(msix) - 1);
	if (cpu)
		assert_ptr_equal(msix[vector].cpu, cpu);
	host_this_cpu = &msix[vector].cpu->arch;
	msix[vector].fn(msix[vector].arg);
	host_this_cpu = self;
	return true;
}

bool virtio_nic_assert_intx(void)
{
	if (!virtio_nic.isr || !intx.fn)
		return false;
	intx.fn(intx.arg);
	return true;
}

bool virtio_nic_intx(void)
{
	return use_intx;
}

static void put_cap(u8 at, u8 next, u8 type, u32 offset, u32 length)
{
	struct virtio_pci_notify_cap cap = {
		.cap = { .cap_vndr = PCI_CAP_ID_VENDOR, .cap_next = next, .cfg_type = type,
			 .bar = 4,
			 .offset = cpu_to_le32(offset), .length = cpu_to_le32(length) },
		.notify_off_multiplier = cpu_to_le32(MULTIPLIER),
	};

	memcpy(cfg + at, &cap, sizeof(cap));
}

bool virtio_nic_seeks_intx(void)
{
	return use_intx && !intx.fn;
}

void virtio_nic_pci_init(void)
{
	memset(msix, 0, sizeof(msix));
	intx.fn = NULL;
	put_cap(0x40, 0x54, 0x7f, 0, 0);		/* something else */
	put_cap(0x54, 0x68, VIRTIO_PCI_CAP_COMMON_CFG, COMMON,
		sizeof(struct virtio_pci_common_cfg));
	put_cap(0x68, 0x7c, VIRTIO_PCI_CAP_DEVICE_CFG, DEVICE,
		sizeof(struct virtio_net_config_rss));
	put_cap(0x90, 0, VIRTIO_PCI_CAP_ISR_CFG, ISR, 1);
	put_cap(0x7c, 0x90, VIRTIO_PCI_CAP_NOTIFY_CFG, NOTIFY, QUEUES * MULTIPLIER);
}
