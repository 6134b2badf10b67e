/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/mock_virtio.h"

#include <stddef.h>
#include <string.h>

#include "kernel/pci_regs.h"
#include "virtio/pci_regs.h"
#include "virtio/virtio.h"

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)

u32 mock_cfg_read(struct mock_virtio *mv, unsigned int off, unsigned int size)
{
	return vpci_cfg_read(&mv->mg->bus, mv->devfn, off, size);
}

void mock_cfg_write(struct mock_virtio *mv, unsigned int off, unsigned int size, u32 val)
{
	vpci_cfg_write(&mv->mg->bus, mv->devfn, off, size, val);
}

static u64 bar_addr(struct mock_virtio *mv, unsigned int bar)
{
	u32 low = mock_cfg_read(mv, PCI_BAR0 + 4 * bar, 4);
	u64 high;

	if (low & PCI_BAR_IO)
		return low & ~(u32)PCI_BAR_IO_FLAGS;
	high = low & PCI_BAR_64 ? mock_cfg_read(mv, PCI_BAR0 + 4 * bar + 4, 4) : 0;
	return (low & ~(u32)PCI_BAR_FLAGS) | high << 32;
}

static bool is_io_bar(struct mock_virtio *mv, unsigned int bar)
{
	return mock_cfg_read(mv, PCI_BAR0 + 4 * bar, 4) & PCI_BAR_IO;
}

static void take_virtio_cap(struct mock_virtio *mv, unsigned int cap)
{
	u8 type = (u8)mock_cfg_read(mv, cap + offsetof(struct virtio_pci_cap, cfg_type), 1);
	u8 bar = (u8)mock_cfg_read(mv, cap + offsetof(struct virtio_pci_cap, bar), 1);
	u64 addr;

	if (type == VIRTIO_PCI_CAP_PCI_CFG) {
		mv->cfg_cap = cap;
		return;
	}
	addr = bar_addr(mv, bar) +
	       mock_cfg_read(mv, cap + offsetof(struct virtio_pci_cap, offset), 4);
	switch (type) {
	case VIRTIO_PCI_CAP_COMMON_CFG:
		mv->common = addr;
		break;
	case VIRTIO_PCI_CAP_ISR_CFG:
		mv->isr = addr;
		break;
	case VIRTIO_PCI_CAP_DEVICE_CFG:
		mv->device = addr;
		break;
	case VIRTIO_PCI_CAP_NOTIFY_CFG:
		if (is_io_bar(mv, bar))
			mv->notify_port = (u16)addr;
		else
			mv->notify = addr;
		mv->port_first |= mv->notify_port && !mv->notify;
		mv->notify_multiplier = mock_cfg_read(mv,
			cap + offsetof(struct virtio_pci_notify_cap, notify_off_multiplier), 4);
		break;
	}
}

void mock_virtio_probe(struct mock_virtio *mv, struct mock_guest *mg, unsigned int devfn)
{
	unsigned int cap;

	*mv = (struct mock_virtio){ .mg = mg, .devfn = devfn };
	mock_cfg_write(mv, PCI_COMMAND, 2,
		       PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	for (cap = mock_cfg_read(mv, PCI_CAPABILITY_LIST, 1); cap;
	     cap = mock_cfg_read(mv, cap + 1, 1)) {
		u32 id = mock_cfg_read(mv, cap, 1), table;

		if (id == PCI_CAP_ID_VENDOR)
			take_virtio_cap(mv, cap);
		if (id != PCI_CAP_ID_MSIX)
			continue;
		mv->msix_cap = cap;
		table = mock_cfg_read(mv, cap + offsetof(struct pci_msix_cap, table), 4);
		mv->msix = bar_addr(mv, table & 7) + (table & ~7u);
	}
	mock_set_status(mv, 0);
}

u64 mock_common_read(struct mock_virtio *mv, unsigned int off, unsigned int size)
{
	return mock_mmio_read(mv->mg, mv->common + off, size);
}

void mock_common_write(struct mock_virtio *mv, unsigned int off, unsigned int size, u64 val)
{
	mock_mmio_write(mv->mg, mv->common + off, size, val);
}

u8 mock_status(struct mock_virtio *mv)
{
	return (u8)mock_common_read(mv, COMMON(device_status), 1);
}

void mock_set_status(struct mock_virtio *mv, u8 status)
{
	mock_common_write(mv, COMMON(device_status), 1, status);
}

u64 mock_device_features(struct mock_virtio *mv)
{
	u64 low;

	mock_common_write(mv, COMMON(device_feature_select), 4, 0);
	low = mock_common_read(mv, COMMON(device_feature), 4);
	mock_common_write(mv, COMMON(device_feature_select), 4, 1);
	return low | mock_common_read(mv, COMMON(device_feature), 4) << 32;
}

bool mock_negotiate(struct mock_virtio *mv, u64 features)
{
	mock_set_status(mv, VIRTIO_ACKNOWLEDGE);
	mock_set_status(mv, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	for (u32 i = 0; i < 2; i++) {
		mock_common_write(mv, COMMON(driver_feature_select), 4, i);
		mock_common_write(mv, COMMON(driver_feature), 4, (u32)(features >> 32 * i));
	}
	mock_set_status(mv, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	return mock_status(mv) & VIRTIO_FEATURES_OK;
}

static void write_64(struct mock_virtio *mv, unsigned int off, u64 val)
{
	mock_common_write(mv, off, 4, (u32)val);
	mock_common_write(mv, off + 4, 4, val >> 32);
}

void mock_setup_queue(struct mock_virtio *mv, u16 idx, const struct mock_vq *vq, u16 vector)
{
	mock_common_write(mv, COMMON(queue_select), 2, idx);
	mock_common_write(mv, COMMON(queue_size), 2, vq->num);
	mock_common_write(mv, COMMON(queue_msix_vector), 2, vector);
	write_64(mv, COMMON(queue_desc_lo), vq->addr.desc);
	write_64(mv, COMMON(queue_driver_lo), vq->addr.avail);
	write_64(mv, COMMON(queue_device_lo), vq->addr.used);
	mock_common_write(mv, COMMON(queue_enable), 2, 1);
}

void mock_enable_msix(struct mock_virtio *mv)
{
	u32 control = mock_cfg_read(mv, mv->msix_cap + offsetof(struct pci_msix_cap, control), 2);
	unsigned int vectors = (control & PCI_MSIX_TABLE_SIZE) + 1;

	for (unsigned int i = 0; i < vectors; i++) {
		u64 entry = mv->msix + i * PCI_MSIX_ENTRY_SIZE;

		mock_mmio_write(mv->mg, entry + PCI_MSIX_ADDR_LO, 4, MOCK_MSI_ADDR);
		mock_mmio_write(mv->mg, entry + PCI_MSIX_ADDR_HI, 4, 0);
		mock_mmio_write(mv->mg, entry + PCI_MSIX_DATA, 4, 0x40 + i);
		mock_mmio_write(mv->mg, entry + PCI_MSIX_VECTOR_CONTROL, 4, 0);
	}
	mock_cfg_write(mv, mv->msix_cap + offsetof(struct pci_msix_cap, control), 2,
		       PCI_MSIX_ENABLE);
}

void mock_notify(struct mock_virtio *mv, u16 idx)
{
	mock_mmio_write(mv->mg, mv->notify + idx * mv->notify_multiplier, 2, idx);
}
