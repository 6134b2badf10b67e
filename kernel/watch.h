/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs watch each other: each looks every WATCH_NS whether the next one has passed through its
 * loop, which its own watch, a timer, makes it do as often. One that has not since two looks ago
 *
 * - and sleeps or is in guest mode, has lost an interrupt: it is interrupted once more, and its
 *   loop finds whatever else waits. So that no single loss stops guests, NICs or the console.
 * - and is in the hypervisor, does something for long: said after WATCH_STUCK_NS.
 */
#ifndef KERNEL_WATCH_H
#define KERNEL_WATCH_H

#include "kernel/time.h"

#define WATCH_NS	(300 * NSEC_PER_MSEC)
#define WATCH_STUCK_NS	(5 * NSEC_PER_SEC)

/* On each CPU, before it enters its loop. */
void watch_start(void);

#endif
