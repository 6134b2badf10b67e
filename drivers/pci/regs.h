/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What enumeration needs beyond kernel/pci_regs.h: PCI Local Bus 3.0 (§), PCI-to-PCI Bridge 1.2
 * (bridge §), PCI Express 3.0.
 */
#ifndef DRIVERS_PCI_REGS_H
#define DRIVERS_PCI_REGS_H

#include "kernel/pci_regs.h"
#include "kernel/types.h"

enum pci_mechanism1 {			/* §3.2.2.3.2 */
	PCI_CONFIG_ADDRESS	= 0xcf8,	/* port */
	PCI_CONFIG_DATA		= 0xcfc,	/* port */
};
#define PCI_CONFIG_ENABLE BIT(31)

enum pci_ecam {				/* PCI Express §7.2.2, table 7-1 */
	PCI_ECAM_BUS_SHIFT	= 20,
	PCI_ECAM_DEVFN_SHIFT	= 12,
};

enum pci_bridge_reg {			/* bridge §3.2 */
	PCI_SECONDARY_BUS	= 0x19,
};

enum pci_header {			/* §6.2.1 */
	PCI_HEADER_MULTI	= BIT(7),
	PCI_HEADER_TYPE_MASK	= 0x7f,
	PCI_HEADER_NORMAL	= 0,
	PCI_HEADER_BRIDGE	= 1,
};

#define PCI_BAR_IO_MASK		(~(u32)3)
#define PCI_BAR_MEM_MASK	(~(u32)PCI_BAR_FLAGS)

enum pci_class {			/* appendix D: base class, sub-class */
	PCI_CLASS_BRIDGE	= 0x06,		/* base class alone */
	PCI_CLASS_HOST_BRIDGE	= 0x0600,
	PCI_CLASS_ISA_BRIDGE	= 0x0601,
	PCI_CLASS_PCI_BRIDGE	= 0x0604,
};

enum pci_msi {				/* §6.8.1, offsets in the capability */
	PCI_MSI_CONTROL		= 2,
	PCI_MSI_ADDR_LO		= 4,
	PCI_MSI_ADDR_HI		= 8,	/* with PCI_MSI_64 */
	PCI_MSI_DATA_32		= 8,
	PCI_MSI_DATA_64		= 12,
};

enum pci_msi_control {			/* §6.8.1.3 */
	PCI_MSI_ENABLE		= BIT(0),
	PCI_MSI_MULTIPLE_MASK	= 7 << 4,	/* log2 of the vectors enabled */
	PCI_MSI_64		= BIT(7),
	PCI_MSI_MASKABLE	= BIT(8),
};

enum pci_msix {				/* §6.8.2, offsets in the capability */
	PCI_MSIX_CONTROL	= 2,
	PCI_MSIX_TABLE		= 4,
	PCI_MSIX_BIR_MASK	= 7,	/* which BAR */
};

#define PCI_VENDOR_NONE 0xffff

#endif
