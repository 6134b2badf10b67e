/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MC146818 clock with 128 bytes of CMOS memory at ports 0x70, 0x71; IRQ 8. It shows the
 * host's wall time unless the guest has set it. Source: Motorola MC146818 data sheet; addresses
 * above 0x0d as PC firmware uses them.
 */
#ifndef ARCH_X86_GUEST_RTC_H
#define ARCH_X86_GUEST_RTC_H

#include "kernel/io.h"
#include "kernel/shared_timer.h"
#include "kernel/types.h"

struct guest;

#define VRTC_BYTES	128
#define VRTC_CENTURY	0x32	/* FADT CENTURY says so */

struct vrtc {
	struct guest *guest;
	u8 index;
	u8 cmos[VRTC_BYTES];	/* the time's bytes are current only while SET halts the clock */
	u64 offset_ns;		/* guest's clock = wall time + this, modulo 2^64 */
	struct shared_timer timer;	/* next periodic or update cycle that somebody waits for */
	u64 periodic_ns;	/* time_ns() when the last periodic interrupt was due */
	u64 updated_s;		/* guest's second that the flags of register C know of */
};

extern const struct io_ops vrtc_ops;	/* dev: struct vrtc; guest->lock held */

/* Once, when @guest is made; in its power-on state. */
void vrtc_init(struct vrtc *rtc, struct guest *guest);
void vrtc_reset(struct vrtc *rtc);	/* the time and memory are battery-backed: kept */
void vrtc_stop(struct vrtc *rtc);	/* the guest's end: no timer stays armed */

/*
 * Seconds since 1970-01-01 from and to the clock's bytes in @cmos, in the format that register
 * B there says. -EINVAL: not a date.
 */
int cmos_to_seconds(const u8 *cmos, u64 *seconds);
void cmos_from_seconds(u8 *cmos, u64 seconds);

/*
 * wallclock.c: wall time as nanoseconds since 1970-01-01 UTC at time_ns() == 0. The first call
 * reads the host's CMOS clock: on the BSP, at boot. 0 if that clock is not usable.
 */
u64 wallclock_boot_ns(void);

#endif
