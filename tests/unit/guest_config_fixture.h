/* SPDX-License-Identifier: BSD-2-Clause */
/* ringvisor.conf, parsed: what came out, and what was said. */
#ifndef TESTS_UNIT_GUEST_CONFIG_FIXTURE_H
#define TESTS_UNIT_GUEST_CONFIG_FIXTURE_H

#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/guest_config.h"
#include "kernel/log.h"

#ifndef MAX_GUESTS
#define MAX_GUESTS 3
#endif

static struct host_config host;
static struct guest_config guest[MAX_GUESTS];
static char errors[16][sizeof(((struct config_error *)0)->text)];
static unsigned int nr_errors;

static inline void report(void *arg, const struct config_error *err)
{
	assert_true(nr_errors < ARRAY_SIZE(errors));
	strcpy(errors[nr_errors++], err->text);
}

/* In a block of exactly its size, so that the sanitizer sees a read past the end. */
static inline int parse_bytes(const char *text, size_t len)
{
	char *copy = calloc(1, len ? len : 1);
	int n;

	memcpy(copy, text, len);
	nr_errors = 0;
	n = config_parse("ringvisor.conf", copy, len, &host, guest, MAX_GUESTS, report, NULL);
	free(copy);
	return n;
}

static inline void release(int n)
{
	for (int i = 0; i < n; i++)
		if (guest[i].append[0])
			free((char *)guest[i].append);
}

static inline int parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

/* Exactly @want guests, and not a word. */
static inline void parse_good(const char *text, int want)
{
	int n = parse(text);

	if (nr_errors)
		fail_msg("%s", errors[0]);
	assert_int_equal(n, want);
}

#endif
