/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The portable code built as a Linux process: what stands in for the machine, and how a
 * test or daemon steers and watches it. One file per subject, so that a program which
 * links the real kernel/X.c does without the stand-in.
 */
#ifndef ARCH_HOST_HOST_H
#define ARCH_HOST_HOST_H

#include "kernel/types.h"

/* time.c: time_ns() follows CLOCK_MONOTONIC until it is set, then only host_time_advance(). */
void host_time_set(u64 ns);
void host_time_advance(u64 ns);

/*
 * log.c: lines are kept and also go to stderr if RINGVISOR_LOG is in the environment.
 * host_log_count() - lines since host_log_clear() that contain @text.
 */
unsigned int host_log_count(const char *text);
const char *host_log_last(void);	/* "" if none */
void host_log_clear(void);

/* console.c: what console_printf() and console_write() produced since the last clear. */
const char *host_console_text(void);
void host_console_clear(void);

/* mem.c: have the @n-th mem_alloc() from now (1: the next) fail; 0: none. */
void host_mem_fail(unsigned int n);

#endif
