/* SPDX-License-Identifier: BSD-2-Clause */
/* The console multiplexer: whose text stands on which line, and who gets what is typed. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"
#include "kernel/monitor.h"

/* ---- The device ---- */

static char out[65536];
static size_t out_len;
static const char *typed = "";

static bool panic_on_putc;

static void dev_putc(char c)
{
	if (panic_on_putc) {	/* while the lock is held */
		panic_on_putc = false;
		console_bust_lock();
		console_printf("panic\n");
	}
	assert_true(out_len < sizeof(out) - 1);
	out[out_len++] = c;
	out[out_len] = '\0';
}

static int dev_getc(void)
{
	return *typed ? (u8)*typed++ : -1;
}

static const struct console_dev dev = { .putc = dev_putc, .getc = dev_getc };

static void out_clear(void)
{
	out_len = 0;
	out[0] = '\0';
}

/* Type @keys; what came out meanwhile is to be @echo if not NULL. */
static void type(const char *keys, const char *echo)
{
	out_clear();
	typed = keys;
	console_poll();
	if (echo)
		assert_string_equal(out, echo);
}

/* ---- What the console calls ---- */

static char to_monitor[64];
static unsigned int prompts, quits;

void monitor_input(char c)
{
	size_t n = strlen(to_monitor);

	to_monitor[n] = c;
	to_monitor[n + 1] = '\0';
}

void monitor_prompt(void)
{
	prompts++;
}

void guests_quit(void)
{
	quits++;
}

/* ---- Two guests ---- */

static const struct guest_config configs[2] = { { .name = "web" }, { .name = "db" } };
static struct guest guest[2];
static unsigned int ready[2];

static void input_ready(struct guest_console *gc)
{
	ready[gc->guest->id]++;
}

#define A_MOMENT (50 * NSEC_PER_MSEC)	/* for which a silent writer keeps its line */
#define PATIENCE	NSEC_PER_SEC	/* kernel/console.c, PATIENCE_NS */

static void print_now(unsigned int g, const char *text)
{
	while (*text)
		console_guest_putc(&guest[g].console, *text++);
}

/* After whatever was written before has come to rest. */
static void print(unsigned int g, const char *text)
{
	host_time_advance(A_MOMENT);
	print_now(g, text);
}

static void hear(unsigned int g, const char *text)
{
	char got[CONSOLE_INPUT_MAX + 1];
	unsigned int n = 0;
	int c;

	while ((c = console_guest_getc(&guest[g].console)) >= 0)
		got[n++] = (char)c;
	got[n] = '\0';
	assert_string_equal(got, text);
	assert_false(console_guest_has_input(&guest[g].console));
}

static int setup(void **state)
{
	console_init(&dev);
	host_time_set(NSEC_PER_SEC);
	timer_queue_init(&this_cpu()->timers);
	memset(guest, 0, sizeof(guest));
	memset(ready, 0, sizeof(ready));
	to_monitor[0] = '\0';
	prompts = quits = 0;
	for (unsigned int i = 0; i < 2; i++) {
		guest[i].id = i;
		guest[i].config = &configs[i];
		guest[i].cpu = this_cpu();
		guest[i].console.input_ready = input_ready;
		console_guest_add(&guest[i].console, &guest[i]);
	}
	out_clear();
	return 0;
}

static int teardown(void **state)
{
	for (unsigned int i = 0; i < 2; i++)
		console_guest_remove(&guest[i].console);
	return 0;
}

/* ---- Output ---- */

static void test_each_guest_line_has_its_name(void **state)
{
	print(0, "one\r\ntwo\r\n\r\n");
	console_printf("log: three\n");
	print(1, "four\n");
	assert_string_equal(out, "[web] one\r\n[web] two\r\n[web] \r\nlog: three\r\n[db] four\r\n");
}

static void test_characters_appear_at_once(void **state)
{
	print(0, "guest# l");
	assert_string_equal(out, "[web] guest# l");
	print(0, "s");
	assert_string_equal(out, "[web] guest# ls");
	assert_int_equal(guest[0].console.out_bytes, 9);
}

static void test_another_writer_starts_a_new_line(void **state)
{
	print(0, "ab");
	print(1, "cd");
	print(0, "ef");
	console_printf("note\n");
	print(0, "gh\n");
	assert_string_equal(out, "[web] ab\r\n[db] cd\r\n[web] ef\r\nnote\r\n[web] gh\r\n");
}

static void test_lines_of_busy_writers_stay_whole(void **state)
{
	print_now(0, "on");
	print_now(1, "tw");
	assert_string_equal(out, "[web] on");
	print_now(0, "e\r\n");
	assert_string_equal(out, "[web] one\r\n[db] tw");
	print_now(0, "three\nfo");
	print_now(1, "o\n");
	print_now(0, "ur\n");
	assert_string_equal(out, "[web] one\r\n[db] two\r\n[web] three\r\n[web] four\r\n");
	assert_int_equal(guest[0].console.out_bytes, 16);
}

static void test_waiting_ends_after_a_moment(void **state)
{
	print_now(0, "prompt# ");
	host_time_advance(A_MOMENT / 2);
	print_now(1, "wait");
	host_time_advance(A_MOMENT - 1);
	timer_run(this_cpu());
	assert_string_equal(out, "[web] prompt# ");
	host_time_advance(1);
	timer_run(this_cpu());
	assert_string_equal(out, "[web] prompt# \r\n[db] wait");
	print_now(1, "ed\n");
	assert_string_equal(out, "[web] prompt# \r\n[db] waited\r\n");
}

static void test_silent_writer_is_not_waited_for(void **state)
{
	print_now(0, "prompt# ");
	host_time_advance(A_MOMENT - 1);
	print_now(1, "a");
	assert_string_equal(out, "[web] prompt# ");
	host_time_advance(1);
	print_now(1, "b");
	assert_string_equal(out, "[web] prompt# \r\n[db] ab");
}

static void test_long_wait_is_bounded(void **state)
{
	char much[CONSOLE_HELD_MAX + 1];

	memset(much, 'x', CONSOLE_HELD_MAX);
	much[CONSOLE_HELD_MAX] = '\0';
	print_now(0, "a");
	print_now(1, much);
	assert_string_equal(out, "[web] a");
	print_now(1, "y");
	assert_int_equal(out_len, strlen("[web] a\r\n[db] ") + CONSOLE_HELD_MAX + 1);
}

static void test_end_does_not_lose_what_waits(void **state)
{
	print_now(0, "a");
	print_now(1, "b");
	console_guest_remove(&guest[1].console);
	assert_string_equal(out, "[web] a\r\n[db] b");
	assert_int_equal(timer_next(this_cpu()), TIME_NEVER);
	print_now(0, "c");
	host_time_advance(A_MOMENT);
	timer_run(this_cpu());
	assert_string_equal(out, "[web] a\r\n[db] b\r\n[web] c");
	console_flush();
	assert_string_equal(out, "[web] a\r\n[db] b\r\n[web] c\r\n");
}

static void test_flush_shows_what_waits(void **state)
{
	print_now(0, "a");
	print_now(1, "b");
	console_flush();
	assert_string_equal(out, "[web] a\r\n[db] b\r\n");
}

static void test_hypervisor_waits_for_nobody(void **state)
{
	print_now(0, "a");
	print_now(1, "b");
	console_printf("note\n");
	assert_string_equal(out, "[web] a\r\nnote\r\n[db] b");
}

static void test_finished_line_needs_no_break(void **state)
{
	print(0, "ab\r\n");
	print(1, "cd");
	assert_string_equal(out, "[web] ab\r\n[db] cd");
}

static void test_overwritten_line_keeps_its_name(void **state)
{
	print(0, "10%\r20%\r\nend");
	assert_string_equal(out, "[web] 10%\r[web] 20%\r\n[web] end");
}

static void test_carriage_return_then_another_writer(void **state)
{
	print(0, "10%\r");
	print(1, "x\n");
	print(0, "20%\n");
	assert_string_equal(out, "[web] 10%\r\n[db] x\r\n[web] 20%\r\n");
}

static void test_carriage_returns_alone_print_nothing(void **state)
{
	print(0, "\r\r");
	print(1, "x");
	assert_string_equal(out, "[db] x");
}

static void test_typed_line_comes_back_after_a_break(void **state)
{
	console_edit("> ", 2, "", 0);
	console_edit("> ", 2, "i", 1);
	console_edit("> i", 3, "n", 1);
	assert_string_equal(out, "> in");
	console_printf("note\n");
	console_edit("> in", 4, "f", 1);
	assert_string_equal(out, "> in\r\nnote\r\n> inf");
	print(0, "x");
	console_edit("> inf", 5, "", 0);
	assert_string_equal(out, "> in\r\nnote\r\n> inf\r\n[web] x\r\n> inf");
}

static void test_output_without_a_device(void **state)
{
	console_init(NULL);
	console_printf("lost\n");
	console_poll();
	assert_string_equal(out, "");
}

static void test_flush_ends_the_line(void **state)
{
	print(0, "x");
	console_flush();
	console_flush();
	assert_string_equal(out, "[web] x\r\n");
}

static void test_long_text_is_cut(void **state)
{
	console_printf("%1100s\n", "");
	assert_int_equal(out_len, 1023);
}

static void test_busted_lock_is_not_waited_for(void **state)
{
	panic_on_putc = true;
	console_printf("x");
	assert_non_null(strstr(out, "panic\r\n"));
}

/* ---- Input ---- */

static void test_first_guest_has_the_input(void **state)
{
	type("ls\r", "");
	hear(0, "ls\r");
	hear(1, "");
	assert_int_equal(ready[0], 3);
	assert_int_equal(guest[0].console.in_bytes, 3);
}

static void test_keys_choose_who_reads(void **state)
{
	type("\1" "2x", "console: input goes to guest db (Ctrl-A h for help)\r\n");
	hear(1, "x");
	type("\1ny", NULL);
	hear(0, "y");
	type("\1c" "m", "console: input goes to the monitor (Ctrl-A h for help)\r\n");
	assert_string_equal(to_monitor, "m");
	assert_int_equal(prompts, 1);
	type("\1" "2\1c\1cz", NULL);
	hear(1, "z");
	assert_string_equal(to_monitor, "m");
	type("\1" "3", "console: no guest 3, expected 1..2\r\n");
	type("\1?w", "");
	hear(1, "w");
}

static void test_next_leaves_the_monitor(void **state)
{
	type("\1c\1nx", NULL);
	hear(0, "x");
}

static void test_literal_ctrl_a(void **state)
{
	type("\1a\1\1", "");
	hear(0, "\1\1");
}

static void test_help(void **state)
{
	type("\1h", NULL);
	assert_non_null(strstr(out, "Ctrl-A c     between the monitor and a guest\r\n"));
	assert_non_null(strstr(out, "Ctrl-A 1..9  that guest\r\n"));
	assert_non_null(strstr(out, "guest 1: web (has the input)\r\nguest 2: db\r\n"));
	hear(0, "");
}

static void test_quit(void **state)
{
	type("\1x", "");
	assert_int_equal(quits, 1);
	hear(0, "");
}

/* A buffer of text and ten bytes more, all alike. */
static const char *too_much(void)
{
	static char many[CONSOLE_INPUT_MAX + 11];

	memset(many, 'k', sizeof(many) - 1);
	return many;
}

static const char *full(void)
{
	return too_much() + 10;
}

static void test_full_buffer_keeps_the_rest_on_the_line(void **state)
{
	typed = too_much();
	assert_false(console_poll());
	assert_int_equal(strlen(typed), 9);	/* one is taken, and kept */
	host_time_advance(PATIENCE - 1);
	assert_false(console_poll());
	assert_int_equal(strlen(typed), 9);
	hear(0, full());
	assert_true(console_poll());
	hear(0, "kkkkkkkkkk");
	assert_int_equal(guest[0].console.in_dropped, 0);
}

/* A literal Ctrl-A is two keys and one byte. */
static void test_literal_ctrl_a_waits_too(void **state)
{
	type(full(), "");
	typed = "\1a";
	assert_false(console_poll());
	hear(0, full());
	assert_true(console_poll());
	hear(0, "\1");
}

static void test_patience_begins_anew_with_each_byte_read(void **state)
{
	typed = too_much();
	for (unsigned int i = 0; i < 10; i++) {
		assert_false(console_poll());
		host_time_advance(PATIENCE - 1);
		assert_int_equal(console_guest_getc(&guest[0].console), 'k');
	}
	assert_true(console_poll());
	hear(0, full());
	assert_int_equal(guest[0].console.in_dropped, 0);
}

static void test_what_nobody_reads_is_dropped_in_the_end(void **state)
{
	type(too_much(), "");
	host_time_advance(PATIENCE);
	out_clear();
	assert_true(console_poll());
	assert_string_equal(out, "console: guest web does not read what is typed; "
			    "dropped until it does\r\n");
	assert_int_equal(guest[0].console.in_dropped, 10);
	type("x\1" "2y", "console: input goes to guest db (Ctrl-A h for help)\r\n");
	assert_int_equal(guest[0].console.in_dropped, 11);
	hear(1, "y");
	hear(0, full());
	type("\1" "1again", NULL);
	hear(0, "again");
	type(too_much(), "");		/* patient again, and then heard of again */
	host_time_advance(PATIENCE);
	out_clear();
	assert_true(console_poll());
	assert_true(out_len > 0);
	assert_int_equal(guest[0].console.in_dropped, 21);
}

static void test_removed_reader_hands_over(void **state)
{
	out_clear();
	console_guest_remove(&guest[0].console);
	assert_string_equal(out, "console: input goes to guest db (Ctrl-A h for help)\r\n");
	type("x", "");
	hear(1, "x");
	out_clear();
	console_guest_remove(&guest[1].console);
	assert_string_equal(out, "console: input goes to the monitor (Ctrl-A h for help)\r\n");
	type("y", "");
	assert_string_equal(to_monitor, "y");
	type("\1c\1n", "console: nothing to switch to\r\nconsole: nothing to switch to\r\n");
}

static void test_removed_guest_is_not_toggled_to(void **state)
{
	type("\1c", NULL);
	out_clear();
	console_guest_remove(&guest[0].console);
	console_guest_remove(&guest[0].console);
	assert_string_equal(out, "");
	type("\1cx", NULL);
	hear(1, "x");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_guest_line_has_its_name),
		TEST(test_characters_appear_at_once),
		TEST(test_another_writer_starts_a_new_line),
		TEST(test_lines_of_busy_writers_stay_whole),
		TEST(test_waiting_ends_after_a_moment),
		TEST(test_silent_writer_is_not_waited_for),
		TEST(test_long_wait_is_bounded),
		TEST(test_end_does_not_lose_what_waits),
		TEST(test_flush_shows_what_waits),
		TEST(test_hypervisor_waits_for_nobody),
		TEST(test_finished_line_needs_no_break),
		TEST(test_overwritten_line_keeps_its_name),
		TEST(test_carriage_return_then_another_writer),
		TEST(test_carriage_returns_alone_print_nothing),
		TEST(test_typed_line_comes_back_after_a_break),
		TEST(test_output_without_a_device),
		TEST(test_flush_ends_the_line),
		TEST(test_long_text_is_cut),
		TEST(test_first_guest_has_the_input),
		TEST(test_keys_choose_who_reads),
		TEST(test_next_leaves_the_monitor),
		TEST(test_literal_ctrl_a),
		TEST(test_help),
		TEST(test_quit),
		TEST(test_full_buffer_keeps_the_rest_on_the_line),
		TEST(test_literal_ctrl_a_waits_too),
		TEST(test_patience_begins_anew_with_each_byte_read),
		TEST(test_what_nobody_reads_is_dropped_in_the_end),
		TEST(test_removed_reader_hands_over),
		TEST(test_removed_guest_is_not_toggled_to),
		TEST(test_busted_lock_is_not_waited_for),	/* last: it stays busted */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
