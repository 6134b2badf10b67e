/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: one event, one line, `area: who: what happened (values)`.
 * Lines go to the hypervisor's console at or below the current level and into a
 * ring that `info log` shows. Any CPU, any context (takes log_lock only).
 */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include "kernel/types.h"

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* A line without its newline; longer than LOG_LINE_MAX is cut and ends in "...". */
#define LOG_LINE_MAX 240
void log_line(enum log_level level, const char *fmt, ...) __printf(2, 3);

/* Console threshold: lines above it are kept in the ring only. Initially CONFIG_LOG_LEVEL. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* Call @fn for each line kept, oldest first. */
void log_for_each(void (*fn)(void *arg, enum log_level level, u64 time_ns, const char *line),
		  void *arg);

#define pr_err(...)	log_line(LOG_ERR, __VA_ARGS__)
#define pr_warn(...)	log_line(LOG_WARN, __VA_ARGS__)
#define pr_info(...)	log_line(LOG_INFO, __VA_ARGS__)
#define pr_debug(...)	log_line(LOG_DEBUG, __VA_ARGS__)

/*
 * Token bucket for lines that a guest or a wire can cause: at most RATELIMIT_BURST
 * at once, one more each RATELIMIT_INTERVAL_NS. Zero-initialised is ready for use.
 */
#define RATELIMIT_BURST		10
#define RATELIMIT_INTERVAL_NS	(1 * 1000000000ull)

struct ratelimit {
	u64 last_ns;
	u32 used;
	u32 missed;	/* said in the next line that passes: "(N similar suppressed)" */
};

/* One line, unless @rl has had its share of this interval: then it is counted. Any CPU. */
void log_ratelimited(struct ratelimit *rl, enum log_level level, const char *fmt, ...)
	__printf(3, 4);

/* Panic path: no lock is taken from now on. */
void log_bust_lock(void);

/*
 * panic() - the hypervisor itself is broken: print, backtrace, then halt or reboot
 * (CONFIG_REBOOT_ON_PANIC). Never because of a guest, a packet or a configuration.
 */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;

/* Checked only with CONFIG_DEBUG_CHECKS, and never on anything a guest controls. */
#ifdef CONFIG_DEBUG_CHECKS
#define debug_check(cond) \
	do { if (!(cond)) panic("%s:%d: %s", __FILE__, __LINE__, #cond); } while (0)
#else
#define debug_check(cond) do { } while (0)
#endif

#endif
