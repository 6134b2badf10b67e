/* SPDX-License-Identifier: BSD-2-Clause */
/* The log of a Linux process: lines are kept for tests, and shown on request. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/host/host.h"
#include "kernel/log.h"

#define LOG_LINES 256

static char lines[LOG_LINES][LOG_LINE_MAX];
static unsigned int nr_lines;	/* since the last clear; the newest LOG_LINES are kept */
static enum log_level level = LOG_DEBUG;

static void log_vline(const char *fmt, va_list ap)
{
	char *line = lines[nr_lines++ % LOG_LINES];

	vsnprintf(line, LOG_LINE_MAX, fmt, ap);
	if (getenv("RINGVISOR_LOG"))
		fprintf(stderr, "%s\n", line);
}

void log_line(enum log_level lvl, const char *fmt, ...)
{
	va_list ap;

	if (lvl > level)
		return;
	va_start(ap, fmt);
	log_vline(fmt, ap);
	va_end(ap);
}

void log_ratelimited(struct ratelimit *rl, enum log_level lvl, const char *fmt, ...)
{
	va_list ap;

	if (rl->used >= RATELIMIT_BURST) {
		rl->missed++;
		return;
	}
	rl->used++;
	if (lvl > level)
		return;
	va_start(ap, fmt);
	log_vline(fmt, ap);
	va_end(ap);
}

void log_set_level(enum log_level lvl)
{
	level = lvl;
}

enum log_level log_get_level(void)
{
	return level;
}

unsigned int host_log_count(const char *text)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < MIN(nr_lines, (unsigned int)LOG_LINES); i++)
		n += strstr(lines[i], text) != NULL;
	return n;
}

const char *host_log_last(void)
{
	return nr_lines ? lines[(nr_lines - 1) % LOG_LINES] : "";
}

void host_log_clear(void)
{
	nr_lines = 0;
}
