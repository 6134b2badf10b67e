/* SPDX-License-Identifier: BSD-2-Clause */
/* MSI-X of a guest's PCI function: PCI 3.0 §6.8.2, masks and pending bits §6.8.3.4. */
#include "kernel/vpci_msix.h"

#include <errno.h>
#include <string.h>

#include "asm/barrier.h"
#include "kernel/guest.h"
#include "kernel/pci_regs.h"
#include "kernel/vpci.h"

/* Where messages are interrupts: SDM 3A §11.11.1; anything else would be a write to memory. */
#define MSI_ADDR_BASE	0xfee00000
#define MSI_ADDR_MASK	0xfffffffffff00000

static u16 control(const struct vpci_dev *dev)
{
	u16 val;

	memcpy(&val, &dev->cfg[dev->msix_cap + offsetof(struct pci_msix_cap, control)],
	       sizeof(val));
	return val;
}

bool vpci_msix_enabled(const struct vpci_dev *dev)
{
	return dev->msix_cap && (control(dev) & PCI_MSIX_ENABLE);
}

int vpci_add_msix(struct vpci_dev *dev, unsigned int vectors, unsigned int bar, u32 table_off,
		  u32 pba_off)
{
	struct pci_msix_cap cap = {
		.control = cpu_to_le16((u16)(vectors - 1)),
		.table = cpu_to_le32(table_off | bar),
		.pba = cpu_to_le32(pba_off | bar),
	};
	const unsigned int control_off = offsetof(struct pci_msix_cap, control);
	const u16 writable = PCI_MSIX_FUNCTION_MASK | PCI_MSIX_ENABLE;
	int off;

	if (!vectors || vectors > VPCI_MSIX_MAX)
		return -EINVAL;
	off = vpci_add_cap(dev, PCI_CAP_ID_MSIX, (u8 *)&cap + 2, sizeof(cap) - 2);
	if (off < 0)
		return off;
	memcpy(&dev->wmask[(unsigned int)off + control_off], &writable, sizeof(writable));
	dev->msix_cap = (unsigned int)off;
	dev->msix_bar = bar;
	dev->msix_table_off = table_off;
	dev->msix_pba_off = pba_off;
	dev->msix_vectors = vectors;
	vpci_msix_reset(dev);
	return 0;
}

void vpci_msix_reset(struct vpci_dev *dev)
{
	for (unsigned int i = 0; i < VPCI_MSIX_MAX; i++)
		dev->msix[i] = (struct vpci_msix_entry){ .masked = true };
}

/* ---- Sending ---- */

static bool blocked(const struct vpci_dev *dev, const struct vpci_msix_entry *e)
{
	u16 ctl = control(dev);

	return !(ctl & PCI_MSIX_ENABLE) || (ctl & PCI_MSIX_FUNCTION_MASK) || READ_ONCE(e->masked);
}

static void send(struct vpci_dev *dev, const struct vpci_msix_entry *e)
{
	u64 addr = READ_ONCE(e->addr);

	if ((addr & MSI_ADDR_MASK) != MSI_ADDR_BASE) {
		dev->msi_bad++;
		log_ratelimited(&dev->ratelimit, LOG_WARN,
				"pci: %s: MSI-X entry %u dropped, no interrupt address (0x%lx)",
				dev->name, (unsigned int)(e - dev->msix), addr);
		return;
	}
	dev->msi_sent++;
	guest_msi(dev->bus->guest, addr, READ_ONCE(e->data));
}

/* Whoever clears the pending bit sends: exactly one, however many look at the same time. */
static void send_if_pending(struct vpci_dev *dev, struct vpci_msix_entry *e)
{
	if (__atomic_exchange_n(&e->pending, false, __ATOMIC_ACQ_REL))
		send(dev, e);
}

/* MSI-X is switched on, and entry @e, or all, masked. */
static __noinline void notify_later(struct vpci_dev *dev, struct vpci_msix_entry *e)
{
	dev->msi_masked++;
	WRITE_ONCE(e->pending, true);
	mb();	/* pending before the mask is looked at again; pairs with vpci_msix_flush() */
	if (!blocked(dev, e))
		send_if_pending(dev, e);
}

bool vpci_msix_notify(struct vpci_dev *dev, unsigned int vector)
{
	u16 ctl = dev->msix_cap ? control(dev) : 0;
	struct vpci_msix_entry *e;

	if (!(ctl & PCI_MSIX_ENABLE))
		return false;
	if (unlikely(vector >= dev->msix_vectors))
		return true;
	e = &dev->msix[vector];
	if (unlikely((ctl & PCI_MSIX_FUNCTION_MASK) || READ_ONCE(e->masked)))
		notify_later(dev, e);
	else
		send(dev, e);
	return true;
}

void vpci_msix_flush(struct vpci_dev *dev)
{
	mb();	/* the mask before pending is looked at; pairs with vpci_msix_notify() */
	for (unsigned int i = 0; i < dev->msix_vectors; i++) {
		struct vpci_msix_entry *e = &dev->msix[i];

		if (READ_ONCE(e->pending) && !blocked(dev, e))
			send_if_pending(dev, e);
	}
}

/* ---- Table and pending-bit array ---- */

static u32 entry_read(const struct vpci_msix_entry *e, unsigned int reg)
{
	switch (reg) {
	case PCI_MSIX_ADDR_LO:
		return (u32)e->addr;
	case PCI_MSIX_ADDR_HI:
		return (u32)(e->addr >> 32);
	case PCI_MSIX_DATA:
		return e->data;
	default:
		return e->masked ? PCI_MSIX_ENTRY_MASKED : 0;
	}
}

static u32 pba_read(const struct vpci_dev *dev, unsigned int word)
{
	u32 val = 0;

	for (unsigned int i = 0; i < 32 && word * 32 + i < dev->msix_vectors; i++)
		val |= READ_ONCE(dev->msix[word * 32 + i].pending) ? BIT(i) : 0;
	return val;
}

static u32 dword_read(const struct vpci_dev *dev, u64 off)
{
	u64 table = off - dev->msix_table_off, pba = off - dev->msix_pba_off;

	if (table < dev->msix_vectors * (u64)PCI_MSIX_ENTRY_SIZE)
		return entry_read(&dev->msix[table / PCI_MSIX_ENTRY_SIZE],
				  table % PCI_MSIX_ENTRY_SIZE);
	if (pba < ALIGN_UP(dev->msix_vectors, 64) / 8)
		return pba_read(dev, (unsigned int)(pba / 4));
	return 0;
}

u64 vpci_msix_read(struct vpci_dev *dev, u64 off, unsigned int size)
{
	u64 val = dword_read(dev, off & ~3ull);

	if (size == 8 && off % 8 == 0)
		return val | (u64)dword_read(dev, off + 4) << 32;
	return val >> (off % 4 * 8);
}

static void dword_write(struct vpci_dev *dev, u64 off, u32 val)
{
	u64 table = off - dev->msix_table_off;
	struct vpci_msix_entry *e;

	if (table >= dev->msix_vectors * (u64)PCI_MSIX_ENTRY_SIZE)
		return;		/* the pending bits are read-only */
	e = &dev->msix[table / PCI_MSIX_ENTRY_SIZE];
	switch (table % PCI_MSIX_ENTRY_SIZE) {
	case PCI_MSIX_ADDR_LO:
		e->addr = (e->addr & ~0xffffffffull) | (val & ~3u);
		break;
	case PCI_MSIX_ADDR_HI:
		e->addr = (u32)e->addr | (u64)val << 32;
		break;
	case PCI_MSIX_DATA:
		e->data = val;
		break;
	case PCI_MSIX_VECTOR_CONTROL:
		WRITE_ONCE(e->masked, val & PCI_MSIX_ENTRY_MASKED);
		break;
	}
}

void vpci_msix_write(struct vpci_dev *dev, u64 off, unsigned int size, u64 val)
{
	/* Aligned dwords and qwords only, §6.8.2. */
	if ((size != 4 && size != 8) || off % size)
		return;
	dword_write(dev, off, (u32)val);
	if (size == 8)
		dword_write(dev, off + 4, (u32)(val >> 32));
	vpci_msix_flush(dev);
}
