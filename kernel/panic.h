/* SPDX-License-Identifier: BSD-2-Clause */
/* What the dying paths (panic(), exceptions) share, and what they need of the machine. */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include "kernel/types.h"

/*
 * panic_enter() - first thing on a dying path: other CPUs stop, locks of log and console are
 * broken. False if a panic is under way already on this CPU (then only panic_end() is left).
 * panic_end() - the configured end.
 */
bool panic_enter(void);
void panic_end(void) __noreturn;

/* Arch half. */
void arch_stop_other_cpus(void);
void arch_backtrace(void);		/* of the caller */

#endif
