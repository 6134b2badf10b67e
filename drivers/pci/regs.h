/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI configuration space: PCI Local Bus 3.0 (§) and PCI-to-PCI Bridge 1.2 (bridge §). */
#ifndef DRIVERS_PCI_REGS_H
#define DRIVERS_PCI_REGS_H

#include "kernel/types.h"

enum pci_mechanism1 {			/* §3.2.2.3.2 */
	PCI_CONFIG_ADDRESS	= 0xcf8,	/* port */
	PCI_CONFIG_DATA		= 0xcfc,	/* port */
	PCI_CONFIG_SIZE		= 256,
	PCI_ECAM_SIZE		= 4096,	/* per function, PCI Express 3.0 §7.2.2 */
	PCI_ECAM_BUS_SHIFT	= 20,
	PCI_ECAM_DEVFN_SHIFT	= 12,
};
#define PCI_CONFIG_ENABLE BIT(31)

enum pci_reg {				/* §6.1, figures 6-1 and, bridge, 3-1 */
	PCI_VENDOR_ID		= 0x00,
	PCI_DEVICE_ID		= 0x02,
	PCI_COMMAND		= 0x04,
	PCI_STATUS		= 0x06,
	PCI_REVISION		= 0x08,
	PCI_HEADER_TYPE		= 0x0e,
	PCI_BAR0		= 0x10,
	PCI_SECONDARY_BUS	= 0x19,	/* header type 1 */
	PCI_SUBSYS_VENDOR	= 0x2c,	/* header type 0 */
	PCI_SUBSYS_ID		= 0x2e,
	PCI_CAPABILITIES	= 0x34,
	PCI_INTERRUPT_LINE	= 0x3c,
	PCI_INTERRUPT_PIN	= 0x3d,
};

enum pci_command {			/* §6.2.2, table 6-1 */
	PCI_COMMAND_IO		= BIT(0),
	PCI_COMMAND_MEMORY	= BIT(1),
	PCI_COMMAND_MASTER	= BIT(2),
	PCI_COMMAND_INTX_DISABLE = BIT(10),
};

enum pci_status {			/* §6.2.3, table 6-2 */
	PCI_STATUS_CAP_LIST	= BIT(4),
};

enum pci_header {			/* §6.2.1 */
	PCI_HEADER_MULTI	= BIT(7),
	PCI_HEADER_TYPE_MASK	= 0x7f,
	PCI_HEADER_NORMAL	= 0,
	PCI_HEADER_BRIDGE	= 1,
};

enum pci_bar_bits {			/* §6.2.5.1 */
	PCI_BAR_IO		= BIT(0),
	PCI_BAR_MEM_64		= 2 << 1,
	PCI_BAR_MEM_TYPE_MASK	= 3 << 1,
	PCI_BAR_PREFETCH	= BIT(3),
};
#define PCI_BAR_IO_MASK		(~(u32)3)
#define PCI_BAR_MEM_MASK	(~(u32)0xf)

enum pci_class {			/* appendix D: base class, sub-class */
	PCI_CLASS_BRIDGE	= 0x06,		/* base class alone */
	PCI_CLASS_HOST_BRIDGE	= 0x0600,
	PCI_CLASS_ISA_BRIDGE	= 0x0601,
	PCI_CLASS_PCI_BRIDGE	= 0x0604,
};

#define PCI_VENDOR_NONE 0xffff

#endif
