/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of one guest, word for word as QEMU's: the tables, and the checks that need all of
 * them. kernel/guest_config.c reads the file and feeds the words.
 */
#ifndef KERNEL_GUEST_OPTIONS_H
#define KERNEL_GUEST_OPTIONS_H

#include "kernel/guest_config.h"
#include "kernel/options.h"
#include "kernel/types.h"

struct nic_options {
	struct nic_config nic;
	char netdev[32];		/* the id that was named */
};

struct guest_options {
	struct guest_config config;	/* being filled */
	struct options options;		/* the words that begin with '-' */
	struct nic_options nic[GUEST_NICS_MAX];
	struct netdev_config netdev[GUEST_NICS_MAX];
	unsigned int nr_netdevs;
	unsigned int line;		/* of the option at hand, for messages */
	bool no_memory;
};

/* A guest with nothing but its name and the defaults. Messages go to @error as they come. */
void guest_options_init(struct guest_options *g, const char *name,
			void (*error)(void *arg, const char *text), void *arg);
/* It is not going to be used: give back what it holds. */
void guest_options_discard(struct guest_options *g);
/* The row of the word "-m", or NULL after a message; its value, if any, goes to option_apply(). */
const struct option *guest_option_find(struct guest_options *g, const char *word);
void guest_option_apply(struct guest_options *g, const struct option *opt, const char *value);

/*
 * All words were given: required ones, references, duplicates, addresses. @number is the guest's
 * in the file, counted from 0, for its MAC addresses; @others (@nr) are those before it.
 */
void guest_options_finish(struct guest_options *g, unsigned int number,
			  const struct guest_config *others, unsigned int nr);

/* For the parts of an option: */
/* A mistake in line @line of the file: one message, and the guest is not going to start. */
void guest_option_bad(struct guest_options *g, unsigned int line, const char *fmt, ...)
	__printf(3, 4);
/*
 * Parse @list, cutting it into pieces, by @table as part of option @where ("-netdev "), into
 * @object. False: there were mistakes; they count as the guest's.
 */
bool guest_options_parse(struct guest_options *g, const struct option_table *table,
			 const char *where, char *list, void *object);

#endif
