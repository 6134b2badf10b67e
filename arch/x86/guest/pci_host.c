/* SPDX-License-Identifier: BSD-2-Clause */
/* Two ways to PCI configuration space, both to kernel/vpci.h. */
#include <string.h>

#include "arch/x86/guest/pci_host.h"
#include "arch/x86/guest/pm.h"
#include "arch/x86/guest/vpc.h"
#include "kernel/guest.h"

/* PCI 3.0 §3.2.2.3.2 */
#define CONFIG_ENABLE		BIT(31)
#define CONFIG_ADDRESS_MASK	0x80fffffcu
#define CONFIG_BDF_SHIFT	8
#define CONFIG_BDF		0xffffu
#define CONFIG_REG		0xfcu
#define CONFIG_DATA		4	/* offset */

/* PCIe 3.0 table 7-1 */
#define ECAM_BDF_SHIFT		12
#define ECAM_REG		0xfffu

/*
 * A generic host bridge by the ids that QEMU gives its own: known to every guest, and Linux
 * has no chipset workarounds for it.
 */
static const struct vpci_id bridge_id = {
	.vendor = 0x1b36,
	.device = 0x0008,
	.subsys_vendor = 0x1af4,
	.subsys = 0x1100,
	.class = 0x060000,	/* PCI 3.0 appendix D: host bridge */
};

/* All accesses inside one dword of CONFIG_ADDRESS's register. */
static u64 data_read(struct vpci_host *host, unsigned int byte, unsigned int size)
{
	u32 addr = host->address;

	if (!(addr & CONFIG_ENABLE))
		return UINT64_MAX;
	return vpci_cfg_read(&host->bus, addr >> CONFIG_BDF_SHIFT & CONFIG_BDF,
			     (addr & CONFIG_REG) + byte, size);
}

static void data_write(struct vpci_host *host, unsigned int byte, unsigned int size, u32 val)
{
	u32 addr = host->address;

	if (addr & CONFIG_ENABLE)
		vpci_cfg_write(&host->bus, addr >> CONFIG_BDF_SHIFT & CONFIG_BDF,
			       (addr & CONFIG_REG) + byte, size, val);
}

/* CONFIG_ADDRESS takes whole dwords only; a byte at 0xcf9 is the reset control register. */
static u64 pio_read(void *dev, u64 off, unsigned int size)
{
	struct vpci_host *host = dev;

	if (off >= CONFIG_DATA)
		return data_read(host, (unsigned int)off - CONFIG_DATA, size);
	if (off == 0 && size == 4)
		return host->address;
	if (off == VPM_RESET - VPCI_CONFIG_ADDRESS && size == 1)
		return vpm_reset_read(host->pm);
	return UINT64_MAX;
}

static void pio_write(void *dev, u64 off, unsigned int size, u64 val)
{
	struct vpci_host *host = dev;

	if (off >= CONFIG_DATA)
		data_write(host, (unsigned int)off - CONFIG_DATA, size, (u32)val);
	else if (off == 0 && size == 4)
		host->address = (u32)val & CONFIG_ADDRESS_MASK;
	else if (off == VPM_RESET - VPCI_CONFIG_ADDRESS && size == 1)
		vpm_reset_write(host->pm, (u8)val);
}

const struct io_ops vpci_host_pio_ops = { .read = pio_read, .write = pio_write };

static u64 ecam_read(void *dev, u64 off, unsigned int size)
{
	struct vpci_host *host = dev;
	unsigned int bdf = (unsigned int)(off >> ECAM_BDF_SHIFT), reg = off & ECAM_REG;

	if (size == 8)
		return vpci_cfg_read(&host->bus, bdf, reg, 4) |
		       (u64)vpci_cfg_read(&host->bus, bdf, reg + 4, 4) << 32;
	return vpci_cfg_read(&host->bus, bdf, reg, size);
}

static void ecam_write(void *dev, u64 off, unsigned int size, u64 val)
{
	struct vpci_host *host = dev;
	unsigned int bdf = (unsigned int)(off >> ECAM_BDF_SHIFT), reg = off & ECAM_REG;

	vpci_cfg_write(&host->bus, bdf, reg, MIN(size, 4u), (u32)val);
	if (size == 8)
		vpci_cfg_write(&host->bus, bdf, reg + 4, 4, (u32)(val >> 32));
}

const struct io_ops vpci_host_ecam_ops = { .read = ecam_read, .write = ecam_write };

void vpci_host_reset(struct vpci_host *host)
{
	host->address = 0;
}

/* The bridge has no BARs and no capabilities. */
static const struct vpci_ops bridge_ops;

int vpci_host_init(struct vpci_host *host, struct guest *guest, struct vpm *pm)
{
	memset(host, 0, sizeof(*host));
	host->pm = pm;
	vpci_bus_init(&host->bus, guest, VPC_PCI_MMIO_BASE, VPC_PCI_MMIO_SIZE);
	vpci_bus_set_pio_window(&host->bus, VPC_PCI_PIO_BASE, VPC_PCI_PIO_SIZE);
	return vpci_add(&host->bus, &host->bridge, 0, &bridge_id, &bridge_ops, host,
			"host bridge");
}
