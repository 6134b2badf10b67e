/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/mock_work.h"

#include <stdio.h>
#include <stdlib.h>

static struct work *head, **tail = &head;
static unsigned int nr;

void work_init(struct work *work, struct cpu *cpu, work_fn fn)
{
	*work = (struct work){ .fn = fn, .cpu = cpu };
}

bool work_queue(struct work *work)
{
	if (work->queued)
		return false;
	work->queued = 1;
	work->next = NULL;
	*tail = work;
	tail = &work->next;
	nr++;
	return true;
}

unsigned int mock_work_requeues;

void work_requeue(struct work *work)
{
	mock_work_requeues++;
	work_queue(work);
}

bool mock_work_others;

bool work_others_wait(const struct work *work)
{
	return mock_work_others;
}

void work_cancel(struct work *work)
{
	for (struct work **p = &head; *p; p = &(*p)->next) {
		if (*p != work)
			continue;
		*p = work->next;
		if (tail == &work->next)
			tail = p;
		work->queued = 0;
		nr--;
		return;
	}
}

unsigned int mock_work_queued(void)
{
	return nr;
}

unsigned int mock_work_pass(void)
{
	unsigned int n = nr;

	for (unsigned int i = 0; i < n && head; i++) {
		struct work *work = head;

		work_cancel(work);
		work->fn(work);
	}
	return n;
}

void mock_work_run(void)
{
	for (unsigned int i = 0; i < 1000000; i++)
		if (!mock_work_pass())
			return;
	fprintf(stderr, "mock_work: never ends\n");
	abort();
}
