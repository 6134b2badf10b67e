/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The monitor: commands as a table, output `key: value` or aligned columns that a script
 * can parse, each command's output ended by the prompt. BSP loop only.
 */
#ifndef KERNEL_MONITOR_H
#define KERNEL_MONITOR_H

#include "kernel/types.h"

struct monitor_info {
	const char *name;		/* `info NAME` */
	const char *help;
	void (*show)(void);		/* writes with console_printf() */
};

#define MONITOR_ARGS_MAX	4

struct monitor_command {
	const char *name, *args, *help;
	unsigned int min_args, max_args;
	/* MONITOR_ARGS_MAX words; "" where none was given. */
	void (*run)(const char *const *arg);
};

#ifdef CONFIG_MONITOR

#define MONITOR_PRESENT true

/* Other parts register what they can show and do; it is static. Boot, BSP. */
void monitor_add_info(const struct monitor_info *info);
void monitor_add_command(const struct monitor_command *command);
void monitor_init(void);
/* A typed byte while the monitor has the input. */
void monitor_input(char c);
void monitor_prompt(void);
/* Run one line as if typed. For the configuration's and tests' use. */
void monitor_run(const char *line);

#else

#define MONITOR_PRESENT false

static inline void monitor_add_info(const struct monitor_info *info) { }
static inline void monitor_add_command(const struct monitor_command *command) { }
static inline void monitor_init(void) { }
static inline void monitor_input(char c) { }
static inline void monitor_prompt(void) { }
static inline void monitor_run(const char *line) { }

#endif

#endif
