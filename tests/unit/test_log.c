/* SPDX-License-Identifier: BSD-2-Clause */
/* The log: what is kept, what goes to the console, cut lines, rate limits. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "kernel/log.h"

static char newest[LOG_LINE_MAX + 1], oldest[LOG_LINE_MAX + 1];
static unsigned int nr_lines;
static u64 newest_ns;

static void look(void *arg, enum log_level level, u64 time_ns, const char *line)
{
	strcpy(newest, line);
	if (nr_lines++ == 0)
		strcpy(oldest, line);
	newest_ns = time_ns;
	assert_int_equal(level, *(enum log_level *)arg);
}

static void look_all(enum log_level level)
{
	nr_lines = 0;
	log_for_each(look, &level);
}

static int setup(void **state)
{
	host_time_set(5 * NSEC_PER_SEC);
	log_set_level(LOG_INFO);
	host_console_clear();
	return 0;
}

static void lines_above_the_level_are_kept_only(void **state)
{
	log_line(LOG_DEBUG, "quiet");
	assert_string_equal(host_console_text(), "");
	look_all(LOG_DEBUG);
	assert_int_equal(nr_lines, 1);
	assert_string_equal(newest, "quiet");
	assert_int_equal(newest_ns, 5 * NSEC_PER_SEC);
	log_set_level(LOG_DEBUG);
	log_line(LOG_DEBUG, "loud %d", 1);
	assert_string_equal(host_console_text(), "loud 1\n");
}

static void a_long_line_is_cut(void **state)
{
	char text[LOG_LINE_MAX + 100];
	const char *said;

	memset(text, 'x', sizeof(text));
	text[LOG_LINE_MAX] = '\0';
	log_line(LOG_INFO, "%s", text);
	said = host_console_text();
	assert_int_equal(strlen(said), LOG_LINE_MAX + 1);
	assert_int_equal(said[LOG_LINE_MAX - 1], 'x');
	host_console_clear();
	text[LOG_LINE_MAX] = 'x';
	text[LOG_LINE_MAX + 1] = '\0';
	log_line(LOG_INFO, "%s", text);
	assert_int_equal(strlen(said), LOG_LINE_MAX + 1);
	assert_string_equal(said + LOG_LINE_MAX - 4, "x...\n");
}

static void the_newest_lines_are_kept(void **state)
{
	char expected[20];
	unsigned int last = 0;

	log_set_level(LOG_ERR);
	for (unsigned int i = 0; i < 20000; i++)
		log_line(LOG_INFO, "line %u%*s", last = i, (int)(i % 50), "");
	look_all(LOG_INFO);
	assert_int_equal(strncmp(newest, "line 19999", 10), 0);
	snprintf(expected, sizeof(expected), "line %u ", last + 1 - nr_lines);
	assert_true(nr_lines > 500);
	assert_int_equal(strncmp(oldest, expected, strlen(expected) - 1), 0);
}

static void log_once_more(void *arg, enum log_level level, u64 time_ns, const char *line)
{
	if (++nr_lines < 100000)
		log_line(LOG_INFO, "while looking");
}

static void looking_ends_though_lines_are_added(void **state)
{
	log_set_level(LOG_ERR);
	nr_lines = 0;
	log_for_each(log_once_more, NULL);
	assert_true(nr_lines < 100000);
}

static unsigned int said(void)
{
	unsigned int n = 0;

	for (const char *p = host_console_text(); (p = strstr(p, "storm")); p++)
		n++;
	return n;
}

static void a_storm_is_limited_and_counted(void **state)
{
	struct ratelimit rl = { 0 };

	for (unsigned int i = 0; i < 100; i++)
		log_ratelimited(&rl, LOG_WARN, "storm");
	assert_int_equal(said(), RATELIMIT_BURST);
	host_time_advance(RATELIMIT_INTERVAL_NS);
	log_ratelimited(&rl, LOG_WARN, "storm");
	assert_int_equal(said(), RATELIMIT_BURST + 1);
	assert_non_null(strstr(host_console_text(), "storm (90 similar suppressed)"));
	log_ratelimited(&rl, LOG_WARN, "storm");
	assert_int_equal(said(), RATELIMIT_BURST + 1);
	host_time_advance(1000 * RATELIMIT_INTERVAL_NS);
	for (unsigned int i = 0; i < 100; i++)
		log_ratelimited(&rl, LOG_WARN, "storm");
	assert_int_equal(said(), 2 * RATELIMIT_BURST + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(lines_above_the_level_are_kept_only, setup),
		cmocka_unit_test_setup(a_long_line_is_cut, setup),
		cmocka_unit_test_setup(the_newest_lines_are_kept, setup),
		cmocka_unit_test_setup(looking_ends_though_lines_are_added, setup),
		cmocka_unit_test_setup(a_storm_is_limited_and_counted, setup),
	};
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
