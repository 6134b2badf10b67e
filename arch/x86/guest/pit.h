/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8254 timer of an AT: counter 0 drives IRQ 0, counter 2 the speaker, both read back and
 * gated through port 0x61 as in ICH9 (316972) §13.3, §13.7.1. Counter 1 (refresh) only counts.
 * Source: Intel 8254 data sheet (231164).
 */
#ifndef ARCH_X86_GUEST_PIT_H
#define ARCH_X86_GUEST_PIT_H

#include "kernel/io.h"
#include "kernel/shared_timer.h"
#include "kernel/types.h"

struct guest;

#define VPIT_HZ		1193182ull
#define VPIT_COUNTERS	3

struct vpit_counter {
	u32 count;		/* loaded: 1..65536 (BCD converted) */
	u64 start_ns;		/* when counting of it began */
	u64 frozen;		/* ticks counted when the gate fell */
	u8 mode, access;	/* 0..5; 1 low byte, 2 high byte, 3 both */
	bool bcd;
	bool loaded;		/* a count was written since the control word */
	bool gate;
	bool write_high, read_high;	/* second byte of access 3 is next */
	u8 write_low;
	bool count_latched, status_latched;
	u16 latch;
	u8 status;
};

struct vpit {
	struct guest *guest;
	struct vpit_counter counter[VPIT_COUNTERS];
	struct shared_timer timer;	/* counter 0's next interrupt */
	u64 edge;		/* how many interrupts since start_ns */
	u64 missed;		/* coalesced because the CPU was late */
	bool speaker;		/* port 0x61 bit 1 */
};

/* dev: struct vpit; guest->lock held. Ports 0x40..0x43 and 0x61. */
extern const struct io_ops vpit_ops, vpit_port61_ops;

/* Once, when @guest is made; in its power-on state. */
void vpit_init(struct vpit *pit, struct guest *guest);
/* On the guest's CPU: power-on; and the end, which leaves no timer armed. */
void vpit_reset(struct vpit *pit);
void vpit_stop(struct vpit *pit);

#endif
