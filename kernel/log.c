/* SPDX-License-Identifier: BSD-2-Clause */
/* The log: a ring of records in memory, and the console for those at or below the level. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/time.h"

#define RING_SIZE	(1ull << CONFIG_LOG_BUF_SHIFT)

struct record {
	u64 time_ns;
	u8 level;
	u8 len;			/* of the text that follows */
};
_Static_assert(LOG_LINE_MAX <= UINT8_MAX, "struct record's len");
_Static_assert(sizeof(struct record) + LOG_LINE_MAX < RING_SIZE, "a line fits");

static struct spinlock log_lock = SPINLOCK_INIT(LOCK_LOG);	/* the ring */
static char ring[RING_SIZE];
static u64 ring_head, ring_tail;	/* bytes ever written, and first one kept */
static enum log_level console_level = CONFIG_LOG_LEVEL;
static bool lock_busted;

static void log_acquire(void)
{
	if (!READ_ONCE(lock_busted))
		spin_lock(&log_lock);
}

static void log_release(void)
{
	if (!READ_ONCE(lock_busted))
		spin_unlock(&log_lock);
}

static void ring_copy_in(u64 at, const void *src, size_t len)
{
	size_t first = MIN(len, RING_SIZE - at % RING_SIZE);

	memcpy(&ring[at % RING_SIZE], src, first);
	memcpy(ring, (const char *)src + first, len - first);
}

static void ring_copy_out(u64 at, void *dst, size_t len)
{
	size_t first = MIN(len, RING_SIZE - at % RING_SIZE);

	memcpy(dst, &ring[at % RING_SIZE], first);
	memcpy((char *)dst + first, ring, len - first);
}

static void ring_append(const struct record *rec, const char *text)
{
	u64 need = sizeof(*rec) + rec->len;
	struct record oldest;

	log_acquire();
	while (ring_head + need - ring_tail > RING_SIZE) {
		ring_copy_out(ring_tail, &oldest, sizeof(oldest));
		ring_tail += sizeof(oldest) + oldest.len;
	}
	ring_copy_in(ring_head, rec, sizeof(*rec));
	ring_copy_in(ring_head + sizeof(*rec), text, rec->len);
	ring_head += need;
	log_release();
}

static void log_vline(enum log_level level, unsigned int suppressed, const char *fmt, va_list ap)
{
	char text[LOG_LINE_MAX + 2];	/* '\n' and '\0' */
	struct record rec = { .time_ns = time_ns(), .level = level };
	int len = vsnprintf(text, LOG_LINE_MAX + 1, fmt, ap);

	if (len >= 0 && len <= LOG_LINE_MAX && suppressed)
		len += snprintf(text + len, LOG_LINE_MAX + 1 - len, " (%u similar suppressed)",
				suppressed);
	if (len < 0)
		len = 0;
	if (len > LOG_LINE_MAX) {
		len = LOG_LINE_MAX;
		memcpy(text + len - 3, "...", 3);
	}
	rec.len = len;
	ring_append(&rec, text);
	if (level > READ_ONCE(console_level))
		return;
	text[len] = '\n';
	console_write(text, len + 1);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vline(level, 0, fmt, ap);
	va_end(ap);
}

/* May a line pass now? *@missed: how many did not since the last one that did. */
static bool ratelimit_pass(struct ratelimit *rl, u32 *missed)
{
	u64 now = time_ns();
	u64 earned;
	bool pass;

	log_acquire();
	earned = (now - rl->last_ns) / RATELIMIT_INTERVAL_NS;
	if (earned >= rl->used) {
		rl->used = 0;
		rl->last_ns = now;
	} else {
		rl->used -= earned;
		rl->last_ns += earned * RATELIMIT_INTERVAL_NS;
	}
	pass = rl->used < RATELIMIT_BURST;
	*missed = 0;
	if (pass) {
		rl->used++;
		*missed = rl->missed;
		rl->missed = 0;
	} else {
		rl->missed++;
	}
	log_release();
	return pass;
}

void log_ratelimited(struct ratelimit *rl, enum log_level level, const char *fmt, ...)
{
	va_list ap;
	u32 missed;

	if (!ratelimit_pass(rl, &missed))
		return;
	va_start(ap, fmt);
	log_vline(level, missed, fmt, ap);
	va_end(ap);
}

void log_set_level(enum log_level level)
{
	WRITE_ONCE(console_level, level);
}

enum log_level log_get_level(void)
{
	return READ_ONCE(console_level);
}

/* The record at @at or, if that is gone, the oldest; the position after it, or 0 at the end. */
static u64 ring_read(u64 at, struct record *rec, char *text)
{
	u64 next = 0;

	log_acquire();
	at = MAX(at, ring_tail);
	if (at < ring_head) {
		ring_copy_out(at, rec, sizeof(*rec));
		ring_copy_out(at + sizeof(*rec), text, rec->len);
		text[rec->len] = '\0';
		next = at + sizeof(*rec) + rec->len;
	}
	log_release();
	return next;
}

void log_for_each(void (*fn)(void *arg, enum log_level level, u64 time_ns, const char *line),
		  void *arg)
{
	char text[LOG_LINE_MAX + 1];
	struct record rec;
	u64 at = 0, end;

	log_acquire();
	end = ring_head;	/* what @fn itself logs is not shown */
	log_release();
	while (at < end && (at = ring_read(at, &rec, text)))
		fn(arg, rec.level, rec.time_ns, text);
}

void log_bust_lock(void)
{
	WRITE_ONCE(lock_busted, true);
}
