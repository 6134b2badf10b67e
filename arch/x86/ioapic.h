/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's I/O APICs (82093AA datasheet): pins by global system interrupt number.
 * ioapic_route() and ioapic_mask() are in arch/x86/smp.h.
 */
#ifndef ARCH_X86_IOAPIC_H
#define ARCH_X86_IOAPIC_H

void ioapic_init(void);		/* those of the MADT, all pins masked */
unsigned int ioapic_pins(void);	/* of all of them together */

#endif
