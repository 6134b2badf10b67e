/* SPDX-License-Identifier: BSD-2-Clause */
/* The console of a Linux process: text kept for tests, and shown on request. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/host/host.h"
#include "kernel/console.h"

static char text[64 * 1024];
static size_t text_len;

void console_write(const char *s, size_t len)
{
	len = MIN(len, sizeof(text) - 1 - text_len);
	memcpy(text + text_len, s, len);
	text_len += len;
	text[text_len] = '\0';
	if (getenv("RINGVISOR_LOG"))
		fwrite(s, 1, len, stderr);
}

void console_printf(const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0)
		console_write(line, MIN((size_t)n, sizeof(line) - 1));
}

const char *host_console_text(void)
{
	return text;
}

void host_console_clear(void)
{
	text_len = 0;
	text[0] = '\0';
}
