/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration accesses: through memory (ECAM) for the buses that an MCFG table names, else by
 * the pair of ports, which reach the first 256 bytes.
 */
#include <stdlib.h>

#include "arch/x86/acpi.h"
#include "asm/io.h"
#include "drivers/pci/pci.h"
#include "drivers/pci/regs.h"
#include "kernel/lock.h"
#include "kernel/mem.h"

#define BUSES 256

/* The pair of ports; ecam_bus[]. */
static struct spinlock pci_lock = SPINLOCK_INIT(LOCK_PCI_CONFIG);
static u8 *ecam_bus[BUSES];

static const struct acpi_mcfg *ecam_find(unsigned int bus)
{
	for (unsigned int i = 0; i < acpi.nr_mcfg; i++) {
		const struct acpi_mcfg *mcfg = &acpi.mcfg[i];

		if (mcfg->segment == 0 && bus >= mcfg->first_bus && bus <= mcfg->last_bus)
			return mcfg;
	}
	return NULL;
}

/* The register's address, or NULL. A bus is mapped when it is first looked at. pci_lock held. */
static u8 *ecam_addr(const struct pci_dev *dev, unsigned int off)
{
	const struct acpi_mcfg *mcfg = ecam_find(dev->bus);

	if (!mcfg)
		return NULL;
	if (!ecam_bus[dev->bus])
		ecam_bus[dev->bus] = mmio_map(mcfg->base + ((u64)dev->bus << PCI_ECAM_BUS_SHIFT),
					      1ull << PCI_ECAM_BUS_SHIFT);
	if (!ecam_bus[dev->bus])
		return NULL;
	return ecam_bus[dev->bus] + ((u32)dev->devfn << PCI_ECAM_DEVFN_SHIFT) + off;
}

/* All accesses are of a whole, aligned dword; parts of it are merged here. */
static u32 read_dword(const struct pci_dev *dev, unsigned int off)
{
	const u8 *addr = ecam_addr(dev, off);

	if (addr)
		return mmio_read32(addr);
	if (off >= PCI_CFG_SIZE)
		return UINT32_MAX;
	outl(PCI_CONFIG_ADDRESS, PCI_CONFIG_ENABLE | (u32)dev->bus << 16 |
	     (u32)dev->devfn << 8 | off);
	return inl(PCI_CONFIG_DATA);
}

static bool access_ok(unsigned int off, unsigned int size)
{
	return (size == 1 || size == 2 || size == 4) && off % size == 0 &&
	       off + size <= PCI_CFG_EXP_SIZE;
}

static u32 size_mask(unsigned int size)
{
	return size == 4 ? UINT32_MAX : BIT(8 * size) - 1;
}

u32 pci_cfg_read(const struct pci_dev *dev, unsigned int off, unsigned int size)
{
	u32 val;

	if (!access_ok(off, size))
		return UINT32_MAX;
	spin_lock(&pci_lock);
	val = read_dword(dev, off & ~3u);
	spin_unlock(&pci_lock);
	return val >> 8 * (off & 3) & size_mask(size);
}

/*
 * Writes are as narrow as asked for: merging would write back a neighbour's bits that are
 * cleared by writing ones (status).
 */
static void write_ports(const struct pci_dev *dev, unsigned int off, unsigned int size, u32 val)
{
	u16 data = (u16)(PCI_CONFIG_DATA + (off & 3));

	if (off >= PCI_CFG_SIZE)
		return;
	outl(PCI_CONFIG_ADDRESS, PCI_CONFIG_ENABLE | (u32)dev->bus << 16 |
	     (u32)dev->devfn << 8 | (off & ~3u));
	if (size == 1)
		outb(data, (u8)val);
	else if (size == 2)
		outw(data, (u16)val);
	else
		outl(data, val);
}

void pci_cfg_write(const struct pci_dev *dev, unsigned int off, unsigned int size, u32 val)
{
	u8 *addr;

	if (!access_ok(off, size))
		return;
	spin_lock(&pci_lock);
	addr = ecam_addr(dev, off);
	if (!addr)
		write_ports(dev, off, size, val);
	else if (size == 1)
		mmio_write8(addr, (u8)val);
	else if (size == 2)
		mmio_write16(addr, (u16)val);
	else
		mmio_write32(addr, val);
	spin_unlock(&pci_lock);
}
