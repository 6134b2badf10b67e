/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI configuration space, type 0 header: PCI Local Bus 3.0 §6.1, §6.2; MSI-X: §6.8.2. */
#ifndef KERNEL_PCI_REGS_H
#define KERNEL_PCI_REGS_H

#include "kernel/types.h"

enum pci_reg {			/* figure 6-1 */
	PCI_VENDOR_ID = 0x00,
	PCI_DEVICE_ID = 0x02,
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_REVISION_ID = 0x08,
	PCI_CLASS_PROG = 0x09,
	PCI_CACHE_LINE_SIZE = 0x0c,
	PCI_HEADER_TYPE = 0x0e,
	PCI_BAR0 = 0x10,
	PCI_BAR_END = 0x28,
	PCI_SUBSYSTEM_VENDOR_ID = 0x2c,
	PCI_SUBSYSTEM_ID = 0x2e,
	PCI_CAPABILITY_LIST = 0x34,
	PCI_INTERRUPT_LINE = 0x3c,
	PCI_INTERRUPT_PIN = 0x3d,
	PCI_HEADER_END = 0x40,
	PCI_CFG_SIZE = 0x100,
	PCI_CFG_EXP_SIZE = 0x1000,	/* PCI Express, through ECAM */
};

enum pci_command {		/* table 6-1 */
	PCI_COMMAND_IO = BIT(0),
	PCI_COMMAND_MEMORY = BIT(1),
	PCI_COMMAND_MASTER = BIT(2),
	PCI_COMMAND_PARITY = BIT(6),
	PCI_COMMAND_SERR = BIT(8),
	PCI_COMMAND_INTX_DISABLE = BIT(10),
};

enum pci_status {		/* table 6-2 */
	PCI_STATUS_INTERRUPT = BIT(3),
	PCI_STATUS_CAP_LIST = BIT(4),
};

enum pci_bar_bits {		/* §6.2.5.1 */
	PCI_BAR_IO = BIT(0),
	PCI_BAR_64 = BIT(2),
	PCI_BAR_PREFETCH = BIT(3),
	PCI_BAR_FLAGS = 0xf,
	PCI_BAR_IO_FLAGS = 3,
	PCI_BAR_IO_MAX = 256,
};

enum pci_cap_id {		/* appendix H */
	PCI_CAP_ID_MSI = 0x05,
	PCI_CAP_ID_VENDOR = 0x09,
	PCI_CAP_ID_MSIX = 0x11,
};

struct pci_msix_cap {		/* figure 6-11 */
	u8 id, next;
	le16 control;
	le32 table;		/* offset | BIR */
	le32 pba;
} __packed;

enum pci_msix_control {
	PCI_MSIX_TABLE_SIZE = 0x7ff,	/* N - 1 */
	PCI_MSIX_FUNCTION_MASK = BIT(14),
	PCI_MSIX_ENABLE = BIT(15),
};

enum pci_msix_entry {		/* figure 6-12, offsets in an entry */
	PCI_MSIX_ADDR_LO = 0,
	PCI_MSIX_ADDR_HI = 4,
	PCI_MSIX_DATA = 8,
	PCI_MSIX_VECTOR_CONTROL = 12,
	PCI_MSIX_ENTRY_SIZE = 16,
	PCI_MSIX_ENTRY_MASKED = BIT(0),	/* in Vector Control */
};

#endif
