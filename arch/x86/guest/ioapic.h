/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O APIC: 24 pins, version 0x20 (with an EOI register), after the 82093AA data sheet
 * (Intel 290566) and the ICH9 data sheet (316972) §13.5.
 */
#ifndef ARCH_X86_GUEST_IOAPIC_H
#define ARCH_X86_GUEST_IOAPIC_H

#include "kernel/io.h"
#include "kernel/lock.h"
#include "kernel/types.h"

struct guest;

#define VIOAPIC_PINS	24
#define VIOAPIC_SIZE	0x1000

struct vioapic {
	struct guest *guest;
	struct spinlock lock;		/* all below; taken inside guest->lock or without it */
	u64 rte[VIOAPIC_PINS];		/* redirection table */
	u32 lines;			/* what drives each pin now */
	u8 select;			/* IOREGSEL */
	u8 id;
	u64 sent[VIOAPIC_PINS];
	u64 refused;			/* no local APIC took the message */
};

extern const struct io_ops vioapic_ops;	/* dev: struct vioapic; guest->lock held */

/* Once, when @guest is made; in its power-on state. */
void vioapic_init(struct vioapic *io, struct guest *guest);
/* Power-on. Lines keep what their devices, which are reset too, drive: low. */
void vioapic_reset(struct vioapic *io);
/* Any CPU: the input of @pin. Polarity is as ACPI describes it, so @level true is "asserted". */
void vioapic_set(struct vioapic *io, unsigned int pin, bool level);
/* Any CPU: EOI of @vector was broadcast by a local APIC. */
void vioapic_eoi(struct vioapic *io, u8 vector);

#endif
