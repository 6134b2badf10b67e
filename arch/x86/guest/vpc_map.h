/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where things are in the guest's physical memory. Plain numbers, because the DSDT's source
 * (dsdt.asl) includes this too. RAM is [0, min(size, VPC_LOW_RAM_MAX)) and the rest from 4 GiB
 * up; it lies under the first MiB's reserved ranges as well.
 */
#ifndef ARCH_X86_GUEST_VPC_MAP_H
#define ARCH_X86_GUEST_VPC_MAP_H

#define VPC_LOW_RAM_MAX		0xc0000000
#define VPC_HIGH_RAM_BASE	0x100000000

#define VPC_PCI_MMIO_BASE	0xd0000000
#define VPC_PCI_MMIO_SIZE	0x0fe00000
#define VPC_PCI_MMIO_LAST	0xdfdfffff
#define VPC_PCI_PIO_BASE	0xc000
#define VPC_PCI_PIO_SIZE	0x1000
#define VPC_PCI_PIO_LAST	0xcfff
#define VPC_ECAM_BASE		0xe0000000	/* bus 0 */
#define VPC_ECAM_SIZE		0x00100000
#define VPC_IOAPIC_BASE		0xfec00000

#define VPC_SLEEP_PORT		0x600		/* ACPI sleep control, sleep status */

/* The first MiB as a BIOS leaves it: memory to use ends below the extended BIOS data area. */
#define VPC_EBDA_BASE		0x0009fc00
#define VPC_EBDA_END		0x000a0000
#define VPC_BIOS_BASE		0x000e0000	/* ACPI tables, where the RSDP is looked for */
#define VPC_RESET_VECTOR	0x000ffff0	/* F000:FFF0 */
#define VPC_BIOS_END		0x00100000

#endif
