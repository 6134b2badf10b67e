/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8259A interrupt controller pair of an AT: master at 0x20, slave at 0xa0 on the master's
 * input 2, trigger modes (ELCR) at 0x4d0. Its output is wired to LINT0 of the boot vCPU's local
 * APIC. Source: Intel 8259A data sheet (231468), ICH9 (316972) §13.4 for the ELCR.
 */
#ifndef ARCH_X86_GUEST_PIC_H
#define ARCH_X86_GUEST_PIC_H

#include "kernel/io.h"
#include "kernel/lock.h"
#include "kernel/types.h"

struct guest;

#define VPIC_LINES	16

struct vpic_chip {
	u8 irr, isr, imr;
	u8 lines;		/* inputs now */
	u8 elcr;		/* 1: level-triggered */
	u8 elcr_mask;		/* which of them can be */
	u8 base;		/* vector of input 0 */
	u8 lowest;		/* input with the lowest priority: 7 unless rotated */
	u8 icw;			/* next initialization word expected, 0: none */
	bool icw4, single;	/* ICW1: ICW4 follows; no ICW3 */
	bool auto_eoi, rotate_aeoi, special_mask, nested;
	bool read_isr, poll;
};

struct vpic {
	struct guest *guest;
	struct spinlock lock;	/* all below; taken inside guest->lock or without it */
	struct vpic_chip chip[2];
	u32 output;		/* INT of the master; read without the lock */
};

/* dev: struct vpic; guest->lock held */
extern const struct io_ops vpic_master_ops, vpic_slave_ops, vpic_elcr_ops;

/* Once, when @guest is made; in its power-on state. */
void vpic_init(struct vpic *pic, struct guest *guest);
void vpic_reset(struct vpic *pic);	/* power-on, everything masked as firmware leaves it */
/* Any CPU. @irq: 0..15, not 2. */
void vpic_set(struct vpic *pic, unsigned int irq, bool level);
/* Any CPU, no lock. */
static inline bool vpic_asserted(const struct vpic *pic) { return READ_ONCE(pic->output); }
/* The vector that an INTA cycle would give now, or -1. */
int vpic_vector(struct vpic *pic);
/* The INTA cycle for @vector, as vpic_vector() gave it. */
void vpic_accept(struct vpic *pic, u8 vector);

#endif
