/* SPDX-License-Identifier: BSD-2-Clause */
/* The console of ringvisor-vhost: its log on standard error. */
#include <stdarg.h>
#include <stdio.h>

#include "kernel/console.h"

void console_write(const char *s, size_t len)
{
	fwrite(s, 1, len, stderr);
}

void console_printf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
}
