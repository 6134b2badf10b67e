/* SPDX-License-Identifier: BSD-2-Clause */
/* epoll, and work between two waits. */
#include "arch/host/vhost_user/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/work.h"

#define EVENTS_MAX 64

static int epoll_fd = -1;
static bool stopped;

/* One thread: it looks at its work before it sleeps. */
void cpu_kick(struct cpu *cpu)
{
}

int loop_init(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd >= 0)
		return 0;
	pr_err("loop: epoll_create1: %s", strerror(errno));
	return -errno;
}

int loop_add(struct loop_source *source, int fd, bool edge)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = source };

	if (edge)
		event.events |= EPOLLET;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event))
		return -errno;
	source->fd = fd;
	return 0;
}

void loop_remove(struct loop_source *source)
{
	if (source->fd >= 0)
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->fd = -1;
}

void loop_stop(void)
{
	stopped = true;
}

void loop_turn(bool wait)
{
	struct epoll_event events[EVENTS_MAX];
	struct cpu *cpu = this_cpu();
	bool idle = !work_pending(cpu) && !cpu->work.later;
	int n = epoll_wait(epoll_fd, events, EVENTS_MAX, wait && idle ? -1 : 0);

	for (int i = 0; i < n; i++) {
		struct loop_source *source = events[i].data.ptr;

		if (source->fd >= 0)	/* not removed by an earlier one */
			source->ready(source);
	}
	work_run(cpu);
}

void loop_run(void (*turn)(void), bool poll)
{
	while (!stopped) {
		turn();
		loop_turn(!poll);
	}
}
