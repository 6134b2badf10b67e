/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work without a CPU loop: work_queue() keeps it in order, the test says when it runs.
 * Takes the place of kernel/work.c.
 */
#ifndef TESTS_UNIT_MOCK_WORK_H
#define TESTS_UNIT_MOCK_WORK_H

#include "kernel/work.h"

/* Run what is queued now and not what that queues; how many. */
unsigned int mock_work_pass(void);
/* Passes until nothing is queued; aborts after a million. */
void mock_work_run(void);
unsigned int mock_work_queued(void);
extern unsigned int mock_work_requeues;	/* calls of work_requeue() */
extern bool mock_work_others;		/* work_others_wait() */

#endif
