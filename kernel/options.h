/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options in QEMU's manner, `name=value,name=value,...`, by table: a row says what an option is
 * called, which values it takes, where they go, and what to tell somebody who wrote another one.
 * Portable; used once at boot.
 */
#ifndef KERNEL_OPTIONS_H
#define KERNEL_OPTIONS_H

#include "kernel/types.h"

struct option;
struct options;

/* Check @value and store it in @object; what is wrong with it is told by option_bad(). */
typedef void (*option_set)(struct options *o, const struct option *opt, const char *value,
			   void *object);

struct option {
	const char *name;
	option_set set;
	u32 offset, size;	/* the field in the object, bytes */
	u64 min, max;		/* numbers and sizes */
	u32 flags;		/* enum option_flags */
	const char *expected;	/* for messages; NULL: made from min and max */
};

enum option_flags {
	OPTION_POWER_OF_2 = BIT(0),
	OPTION_FLAG = BIT(1),		/* a word of its own, without a value */
	OPTION_REQUIRED = BIT(2),
	OPTION_HIDDEN = BIT(3),		/* known, but not worth proposing: see option_set_fixed() */
	OPTION_MANY = BIT(4),		/* may be given more than once */
};

#define OPTION_FIELD(type, member) \
	.offset = offsetof(type, member), .size = sizeof(((type *)0)->member)

#define OPTIONS_MAX 64			/* rows in a table */

struct option_table {
	const struct option *row;
	unsigned int nr;		/* <= OPTIONS_MAX */
};

/* One use of a table. The caller sets where, joint and error; the rest starts as 0. */
struct options {
	const struct option_table *table;
	const char *where;	/* "-netdev tap,", before the name in messages; "" */
	char joint;		/* between name and value in messages: '=' or ' ' */
	/* One message without its prefix: "-m 12Q: not a size, expected ...". */
	void (*error)(void *arg, const char *text);
	void *arg;
	u64 seen;		/* rows given, by their number */
	unsigned int errors;
};

/* @value of @opt is no good for the reason @what: "<where><name>=<value>: <what>, expected ...". */
void option_bad(struct options *o, const struct option *opt, const char *value, const char *what);

/* The row called @name, or NULL after the message that lists those that there are. */
const struct option *option_find(struct options *o, const char *name);
/* Give @value to @opt, refusing it the second time. */
void option_apply(struct options *o, const struct option *opt, const char *value, void *object);
/* It was given, but its value was not: one message. */
void option_missing_value(struct options *o, const struct option *opt);
/* What was required and not given is an error. */
void options_check_required(struct options *o);

/* One "name=value" into @object; cut at its '='. */
void option_parse(struct options *o, char *element, void *object);
/*
 * options_parse() - a whole list into @object, which holds the defaults. @list is cut at its
 * commas (NULL: an empty one). Number of errors, all told.
 */
unsigned int options_parse(struct options *o, char *list, void *object);

/* Setters. The field's size decides how much is stored; min and max must fit it. */
void option_set_bool(struct options *o, const struct option *opt, const char *value, void *object);
void option_set_flag(struct options *o, const struct option *opt, const char *value, void *object);
void option_set_uint(struct options *o, const struct option *opt, const char *value, void *object);
/* Bytes; suffix K, M, G or T; without one, MiB as QEMU's -m. */
void option_set_size(struct options *o, const struct option *opt, const char *value, void *object);
void option_set_string(struct options *o, const struct option *opt, const char *value,
		       void *object);
/* A letter, then letters, digits, '-', '.' and '_' (QEMU's id_wellformed()). */
void option_set_id(struct options *o, const struct option *opt, const char *value, void *object);
/* Six bytes of a unicast MAC address, not zero. */
void option_set_mac(struct options *o, const struct option *opt, const char *value, void *object);
/* Only the value `expected` is accepted, and nothing is stored. */
void option_set_fixed(struct options *o, const struct option *opt, const char *value,
		      void *object);

/*
 * A whole number in C's notation (decimal, 0x, no sign, nothing after it).
 * 0, -EINVAL (not a number) or -ERANGE (does not fit).
 */
int option_number(const char *text, u64 *val);

/*
 * Cut the first element off *@list at one of @separators; NULL after the last. It may be empty, the
 * last one too, which newlib's strsep() passes over.
 */
char *option_cut(char **list, const char *separators);

/*
 * "1", "0-3", or several of them with one of @separators in between, in their order into @cpu:
 * 0..@max_cpu, up to @max. False: not that, or more; @list is cut into pieces.
 */
bool option_cpu_list(char *list, const char *separators, u16 *cpu, unsigned int *nr,
		     unsigned int max, unsigned int max_cpu);

/* A copy of @text fit for a message: control characters replaced, cut to @len; "" if empty. */
void option_quote(char *dst, size_t len, const char *text);

#endif
