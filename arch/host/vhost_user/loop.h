/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop of ringvisor-vhost: one thread that waits for descriptors (epoll) and runs the queued
 * work of the one struct cpu. What the hypervisor's cpu_loop() is to the same work.
 */
#ifndef VHOST_USER_LOOP_H
#define VHOST_USER_LOOP_H

#include "kernel/types.h"

struct loop_source {
	int fd;			/* -1: not waited for */
	void (*ready)(struct loop_source *source);
};

/* 0 or -errno, said. */
int loop_init(void);
/*
 * Wait for @source->fd to become readable. @edge: call ready() once for each write to an eventfd,
 * which need not be read: a descriptor from the other side may be one that blocks.
 */
int loop_add(struct loop_source *source, int fd, bool edge);
void loop_remove(struct loop_source *source);	/* before its fd is closed; may be called twice */

/* Descriptors that are ready, then the work queued. @wait: sleep until there is one of them. */
void loop_turn(bool wait);
/*
 * Until loop_stop(). @turn is called at the start of each turn; with @poll
 * the loop does not sleep.
 */
void loop_run(void (*turn)(void), bool poll);
void loop_stop(void);

#endif
