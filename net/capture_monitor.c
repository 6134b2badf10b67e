/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `capture PORT`. The bytes of the file are printed as they come, in lines
 *
 *     pcap PORT: OFFSET BASE64
 *
 * with the offset of the line's first byte in hexadecimal, so that a lost line is noticed.
 */
#include "net/capture_monitor.h"

#include <errno.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/monitor.h"
#include "kernel/options.h"
#include "kernel/time.h"
#include "net/capture.h"

#define COUNT_DEFAULT	100
#define SNAPLEN_DEFAULT	256
#define SNAPLEN_MIN	14		/* an Ethernet header */

#define LINE_BYTES	57		/* 76 characters of base64, as MIME has them */
#define BASE64_LEN(n)	(((n) + 2) / 3 * 4)

/*
 * Half of the CPU at most: a line takes 9 ms at 115200 baud, and guests run on this CPU too. It
 * prints for so long, and then for as long it does not.
 */
#define PRINT_NS	(4 * NSEC_PER_MSEC)
#define PRINT_LINES	16
#define PAUSE_MIN_NS	NSEC_PER_MSEC

static struct work work;
static struct timer timer;
static u32 offset;			/* in the file, of what is printed next */

/* RFC 4648 §4 */
static void base64(const u8 *from, size_t len, char *to)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (; len; from += 3, to += 4) {
		size_t n = MIN(len, (size_t)3);
		u32 bits = (u32)from[0] << 16;

		bits |= n > 1 ? (u32)from[1] << 8 : 0;
		bits |= n > 2 ? from[2] : 0;
		for (unsigned int i = 0; i < 4; i++)
			to[i] = i <= n ? digits[bits >> (18 - 6 * i) & 63] : '=';
		len -= n;
	}
	*to = '\0';
}

/* False: nothing to print at present. */
static bool print_line(const char *port)
{
	char text[BASE64_LEN(LINE_BYTES) + 1];
	u8 bytes[LINE_BYTES];
	size_t n = capture_read(bytes, sizeof(bytes));

	if (!n)
		return false;
	base64(bytes, n, text);
	console_printf("pcap %s: %08x %s\n", port, offset, text);
	offset += (u32)n;
	return true;
}

static void say_over(const struct capture_stats *stats)
{
	console_printf("capture %s: ended frames=%lu missed=%lu bytes=%u why=\"%s\"\n",
		       stats->port, stats->frames, stats->missed, offset, stats->ended);
}

static void print(void)
{
	u64 begin = time_ns(), now = begin;
	struct capture_stats stats;
	bool more = true;

	if (!capture_poll(&stats))
		return;
	if (stats.over) {
		say_over(&stats);
		return;
	}
	for (unsigned int i = 0; i < PRINT_LINES && now - begin < PRINT_NS && more; i++) {
		more = print_line(stats.port);
		now = time_ns();
	}
	if (more) {
		timer_start(&timer, now + MAX(now - begin, PAUSE_MIN_NS));
		return;
	}
	if (capture_poll(&stats) && stats.over)
		say_over(&stats);
}

static void print_later(struct timer *t)
{
	print();
}

static void print_work(struct work *w)
{
	if (!timer_armed(&timer))
		print();
}

/* Any CPU: something has been captured. */
static void captured(void)
{
	work_queue(&work);
}

/* A number of the command; false after the message. */
static bool number(const char *what, const char *text, u64 min, u64 max, u32 *val)
{
	u64 n;

	if (!text[0])
		return true;
	if (option_number(text, &n) || n < min || n > max) {
		char quoted[40];

		option_quote(quoted, sizeof(quoted), text);
		console_printf("error: capture: %s %s: out of range, expected %lu..%lu\n", what,
			       quoted, min, max);
		return false;
	}
	*val = (u32)n;
	return true;
}

static void cmd_capture(const char *const *arg)
{
	u32 count = COUNT_DEFAULT, snaplen = SNAPLEN_DEFAULT;
	char port[48];

	if (!strcmp(arg[0], "off")) {
		if (capture_stop("stopped"))
			work_queue(&work);
		else
			console_printf("error: capture off: there is none\n");
		return;
	}
	if (!number("count", arg[1], 1, CAPTURE_COUNT_MAX, &count) ||
	    !number("snaplen", arg[2], SNAPLEN_MIN, CAPTURE_SNAPLEN_MAX, &snaplen))
		return;
	option_quote(port, sizeof(port), arg[0]);
	switch (capture_start(arg[0], count, snaplen, captured)) {
	case 0:
		offset = 0;
		console_printf("capture %s: started count=%u snaplen=%u\n", port, count, snaplen);
		work_queue(&work);
		break;
	case -EBUSY:
		console_printf("error: capture %s: one is under way, see capture off\n", port);
		break;
	case -ENOENT:
		console_printf("error: capture %s: no such port, see info switch\n", port);
		break;
	default:
		console_printf("error: capture %s: out of memory\n", port);
	}
}

void capture_monitor_init(void)
{
	static const struct monitor_command command = {
		.name = "capture", .args = "PORT [COUNT [SNAPLEN]]",
		.help = "frames of a port, for tools/capture.py; `capture off` ends it",
		.min_args = 1, .max_args = 3, .run = cmd_capture,
	};

	work_init(&work, this_cpu(), print_work);
	timer_init(&timer, print_later);
	monitor_add_command(&command);
}
