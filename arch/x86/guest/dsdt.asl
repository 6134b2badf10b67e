/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual PC's DSDT, the same for every guest. Run through the C preprocessor, so that
 * addresses come from where the devices have them; compiled by iasl at build time.
 */
#include "arch/x86/guest/vpc_map.h"

/* INTA#..INTD# of a slot: kernel/vpci.h, vpci_intx_gsi(): 16 + (slot + pin) % 4 */
#define PIN(slot, pin, gsi)	Package () { (slot << 16) | 0xffff, pin, 0, gsi }
#define ROW(slot, a, b, c, d)	PIN(slot, 0, a), PIN(slot, 1, b), PIN(slot, 2, c), PIN(slot, 3, d)
#define FOUR(slot)	ROW((slot + 0), 16, 17, 18, 19), ROW((slot + 1), 17, 18, 19, 16), \
			ROW((slot + 2), 18, 19, 16, 17), ROW((slot + 3), 19, 16, 17, 18)

DefinitionBlock ("", "DSDT", 2, "RNGVSR", "VPC     ", 1)
{
	/* ACPI 6.5 7.4.2: SLP_TYP of S5, as arch/x86/guest/pm.h has it */
	Name (\_S5, Package () { 5, 0, 0, 0 })

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A08"))
			Name (_CID, EisaId ("PNP0A03"))
			Name (_UID, 0)
			Name (_SEG, 0)
			Name (_BBN, 0)

			Name (_CRS, ResourceTemplate () {
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0, 0, 0, 0, 1)
				IO (Decode16, 0x0cf8, 0x0cf8, 1, 8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					EntireRange, 0, 0x0000, 0x0cf7, 0, 0x0cf8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					EntireRange, 0, VPC_PCI_PIO_BASE, VPC_PCI_PIO_LAST, 0,
					VPC_PCI_PIO_SIZE)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite, 0, VPC_PCI_MMIO_BASE,
					VPC_PCI_MMIO_LAST, 0, VPC_PCI_MMIO_SIZE)
			})

			Name (_PRT, Package () {
				FOUR(0), FOUR(4), FOUR(8), FOUR(12),
				FOUR(16), FOUR(20), FOUR(24), FOUR(28)
			})

			/*
			 * PCI Firmware 3.2 4.5.1: there are no PCI Express features to hand over
			 * (hot plug, PME, AER), so no control is granted.
			 */
			Method (_OSC, 4)
			{
				CreateDWordField (Arg3, 0, CDW1)
				If (LNotEqual (Arg0,
					       ToUUID ("33db4d5b-1ff7-401c-9657-7441c03dd766"))) {
					Or (CDW1, 0x04, CDW1)	/* unrecognized UUID */
					Return (Arg3)
				}
				If (LNotEqual (Arg1, 1)) {
					Or (CDW1, 0x08, CDW1)	/* unrecognized revision */
				}
				CreateDWordField (Arg3, 8, CDW3)
				If (CDW3) {
					Or (CDW1, 0x10, CDW1)	/* capabilities masked */
				}
				Store (0, CDW3)
				Return (Arg3)
			}
		}

		/* What is on the board and nobody else's: MCFG 1.2 wants the ECAM reserved here. */
		Device (MBRD)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate () {
				Memory32Fixed (ReadOnly, VPC_ECAM_BASE, VPC_ECAM_SIZE)
				IO (Decode16, VPC_SLEEP_PORT, VPC_SLEEP_PORT, 1, 2)
			})
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x03f8, 0x03f8, 1, 8)
				IRQNoFlags () { 4 }
			})
		}

		Device (RTC)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x0070, 0x0070, 1, 2)
				IRQNoFlags () { 8 }
			})
		}
	}
}
