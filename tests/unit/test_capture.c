/* SPDX-License-Identifier: BSD-2-Clause */
/* Captures: what is taken, the bounds, ports that go away, and the lines on the console. */
#include "tests/unit/switch_fixture.h"

#include <errno.h>
#include <stdlib.h>

#include "kernel/cpu.h"
#include "kernel/mem.h"
#include "kernel/monitor.h"
#include "net/capture.h"
#include "net/capture_monitor.h"
#include "tests/unit/mock_work.h"

#define FILE_HEADER	24
#define RECORD_HEADER	16

static unsigned int mores;
static const struct monitor_command *command;

void monitor_add_command(const struct monitor_command *c)
{
	command = c;
}

static void more(void)
{
	mores++;
}

static int setup_capture(void **state)
{
	setup(state);
	for (unsigned int i = 0; i < PORTS; i++)
		snprintf(st[i].port.name, sizeof(st[i].port.name), "guest.net%u", i);
	mores = 0;
	host_console_clear();
	return 0;
}

static int teardown_capture(void **state)
{
	u8 rest[4096];
	struct capture_stats stats;

	capture_stop("test");
	while (capture_read(rest, sizeof(rest)))
		;
	capture_poll(&stats);
	assert_false(capture_poll(&stats));
	assert_int_equal(mem_used(MEM_VHOST), 0);
	for (unsigned int i = 0; i < PORTS; i++)
		assert_int_equal(st[i].port.checks, 0);
	return teardown(state);
}

/* ---- Reading a file ---- */

static u8 file[2 * CAPTURE_BUFFER];
static size_t file_len;

static void read_all(void)
{
	size_t n;

	while ((n = capture_read(file + file_len, sizeof(file) - file_len)) != 0)
		file_len += n;
}

static u32 word(size_t at)
{
	u32 v;

	assert_true(at + sizeof(v) <= file_len);
	memcpy(&v, file + at, sizeof(v));
	return v;
}

static void start(unsigned int station, u32 count, u32 snaplen)
{
	file_len = 0;
	assert_int_equal(capture_start(st[station].port.name, count, snaplen, more), 0);
}

/* Frames in the file; each has @captured bytes of @original. */
static unsigned int records(u32 captured, u32 original)
{
	unsigned int n = 0;

	read_all();
	for (size_t at = FILE_HEADER; at < file_len; at += RECORD_HEADER + captured, n++) {
		assert_int_equal(word(at + 8), captured);
		assert_int_equal(word(at + 12), original);
	}
	return n;
}

static void both_directions_are_taken(void **state)
{
	struct packet p;

	start(1, 10, 100);
	host_time_advance(5 * SEC / 2);
	send_frame(1, packet(&p, 200, 100));
	send(2, 100, 200);
	send(2, 300, 200);
	send(3, 200, 300);		/* neither from it nor to it */
	assert_int_equal(records(64, 64), 3);
	assert_int_equal(word(0), 0xa1b23c4d);
	assert_int_equal(word(4), 4 << 16 | 2);
	assert_int_equal(word(16), 100);
	assert_int_equal(word(20), 1);
	assert_int_equal(word(FILE_HEADER), time_ns() / SEC);
	assert_int_equal(word(FILE_HEADER + 4), time_ns() % SEC);
	assert_memory_equal(file + FILE_HEADER + RECORD_HEADER, p.bytes, 64);
	assert_in_range(mores, 3, 5);
}

static void frames_that_are_dropped_are_taken(void **state)
{
	start(1, 10, 100);
	send(1, 1, 0x01000000);
	send(1, 0x01000000, 100);	/* hairpin */
	assert_int_equal(records(64, 64), 2);
}

static void snaplen_cuts_across_pieces(void **state)
{
	struct packet p;
	struct frame *frame = packet(&p, 200, 100);

	for (unsigned int i = 0; i < 64; i++)
		p.bytes[i] |= (u8)(i << 1);
	frame->seg[0].len = 20;
	frame->seg[1] = (struct frame_seg){ .ptr = p.bytes + 20, .len = 44 };
	frame->nr_segs = 2;
	start(1, 10, 33);
	send_frame(1, frame);
	assert_int_equal(records(33, 64), 1);
	assert_memory_equal(file + FILE_HEADER + RECORD_HEADER, p.bytes, 33);
}

static void tags_are_seen_as_they_go_out(void **state)
{
	const struct port_policy ten = { .vlan = { .tag = 10 } };

	switch_detach(&st[1].port);
	port_set_policy(&st[1].port, &ten, (const u8 *)"\x52\x54\0\0\0\1");
	assert_int_equal(switch_attach(sw, &st[1].port), 0);
	start(0, 10, 100);
	send(1, 200, 100);
	assert_int_equal(records(68, 68), 1);
	assert_int_equal(file[FILE_HEADER + RECORD_HEADER + 12], 0x81);
	switch_detach(&st[1].port);
	st[1].port.policy = (struct port_policy){ 0 };
	assert_int_equal(switch_attach(sw, &st[1].port), 0);
}

static void count_ends_it(void **state)
{
	struct capture_stats stats;

	start(1, 2, 100);
	for (unsigned int i = 0; i < 5; i++)
		send(1, 200, 100);
	assert_int_equal(records(64, 64), 2);
	assert_true(capture_poll(&stats));
	assert_true(stats.over);
	assert_int_equal(stats.frames, 2);
	assert_int_equal(stats.missed, 0);
	assert_string_equal(stats.ended, "count reached");
	assert_int_equal(st[1].port.checks, 0);
	assert_false(capture_poll(&stats));
	assert_false(capture_stop("x"));
	assert_int_equal(capture_read(file, sizeof(file)), 0);
}

static void a_full_buffer_misses_frames(void **state)
{
	const u32 room = (CAPTURE_BUFFER - FILE_HEADER) / (RECORD_HEADER + 64);
	struct capture_stats stats;

	start(1, CAPTURE_COUNT_MAX, CAPTURE_SNAPLEN_MAX);
	for (u32 i = 0; i < room + 7; i++)
		send(1, 200, 100);
	capture_poll(&stats);
	assert_int_equal(stats.frames, room);
	assert_int_equal(stats.missed, 7);
	/* What has been read makes room, round the end of the buffer. */
	assert_int_equal(records(64, 64), room);
	for (u32 i = 0; i < room; i++)
		send(1, 200, 100 + i % 2);
	file_len = FILE_HEADER;
	assert_int_equal(records(64, 64), room);
	capture_poll(&stats);
	assert_int_equal(stats.missed, 7);
	for (unsigned int i = 0; i < PORTS; i++)
		st[i].nr = 0;
}

static void a_port_goes_away(void **state)
{
	struct capture_stats stats;

	start(1, 10, 100);
	send(1, 200, 100);
	switch_detach(&st[1].port);
	assert_int_equal(st[1].port.checks, 0);
	assert_true(capture_poll(&stats));
	assert_false(stats.over);
	/* Another of the same name is another. */
	assert_int_equal(switch_attach(sw, &st[1].port), 0);
	send(1, 200, 100);
	assert_int_equal(records(64, 64), 1);
	assert_true(capture_poll(&stats));
	assert_string_equal(stats.ended, "port went away");
}

static void mistakes_leave_nothing_behind(void **state)
{
	assert_int_equal(capture_start("guest.net9", 1, 100, more), -ENOENT);
	assert_int_equal(mem_used(MEM_VHOST), 0);
	host_mem_fail(1);
	assert_int_equal(capture_start("guest.net1", 1, 100, more), -ENOMEM);
	start(1, 10, 100);
	assert_int_equal(capture_start("guest.net2", 1, 100, more), -EBUSY);
	send(2, 1, 200);
	assert_int_equal(records(64, 64), 1);
}

/* ---- On the console ---- */

static void type(const char *a, const char *b, const char *c)
{
	const char *const arg[MONITOR_ARGS_MAX] = { a, b, c, "" };

	host_console_clear();
	command->run(arg);
}

static void run(void)
{
	do {
		mock_work_run();
		host_time_advance(NSEC_PER_MSEC);
		timer_run(this_cpu());
	} while (mock_work_queued() || timer_next(this_cpu()) != TIME_NEVER);
}

static unsigned int digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = strchr(digits, c);

	assert_true(c && found);
	return (unsigned int)(found - digits);
}

/* The lines "pcap NAME: OFFSET BASE64" that the console has, to `file`. */
static void read_console(const char *name)
{
	char begin[64];

	file_len = 0;
	snprintf(begin, sizeof(begin), "pcap %s: ", name);
	for (const char *at = host_console_text(); (at = strstr(at, begin)) != NULL;) {
		at += strlen(begin);
		assert_int_equal(strtoul(at, NULL, 16), file_len);
		for (at += 9; *at != '\n'; at += 4) {
			u32 bits = digit(at[0]) << 18 | digit(at[1]) << 12;

			file[file_len++] = (u8)(bits >> 16);
			if (at[2] == '=')
				continue;
			bits |= digit(at[2]) << 6;
			file[file_len++] = (u8)(bits >> 8);
			if (at[3] != '=')
				file[file_len++] = (u8)(bits | digit(at[3]));
		}
	}
}

static void the_console_has_the_file(void **state)
{
	struct packet p;

	type("guest.net1", "3", "61");
	send_frame(1, packet(&p, 200, 100));
	run();
	send(1, 200, 100);
	send(1, 200, 100);
	send(1, 200, 100);
	run();
	assert_non_null(strstr(host_console_text(), "capture guest.net1: started count=3 "
			       "snaplen=61\npcap guest.net1: "
			       "00000000 TTyyoQIABAAAAAAAAAAAAD0AAAAB"));
	assert_non_null(strstr(host_console_text(), "capture guest.net1: ended frames=3 missed=0 "
			       "bytes=255 why=\"count reached\"\n"));
	read_console("guest.net1");
	assert_int_equal(file_len, 255);
	assert_int_equal(records(61, 64), 3);
	assert_memory_equal(file + FILE_HEADER + RECORD_HEADER, p.bytes, 61);
	assert_int_equal(mem_used(MEM_VHOST), 0);
}

static void printing_leaves_time_for_others(void **state)
{
	unsigned int turns = 0;

	type("guest.net1", "100", "");
	for (unsigned int i = 0; i < 100; i++)
		send(1, 200, 100);
	mock_work_run();
	while (timer_next(this_cpu()) != TIME_NEVER) {
		assert_true(timer_next(this_cpu()) >= time_ns() + NSEC_PER_MSEC);
		host_time_advance(NSEC_PER_MSEC);
		mock_work_run();
		timer_run(this_cpu());
		turns++;
	}
	/* 8024 bytes, 16 lines of 57 a turn */
	assert_int_equal(turns, 8);
	read_console("guest.net1");
	assert_int_equal(file_len, FILE_HEADER + 100 * (RECORD_HEADER + 64));
	assert_int_equal(records(64, 64), 100);
	st[0].nr = st[2].nr = st[3].nr = 0;
}

static void the_operator_ends_it(void **state)
{
	type("off", "", "");
	assert_string_equal(host_console_text(), "error: capture off: there is none\n");
	type("guest.net1", "", "");
	type("guest.net2", "", "");
	assert_string_equal(host_console_text(),
			    "error: capture guest.net2: one is under way, see capture off\n");
	type("off", "", "");
	run();
	assert_non_null(strstr(host_console_text(), "capture guest.net1: ended frames=0 missed=0 "
			       "bytes=24 why=\"stopped\"\n"));
	type("guest.net9", "", "");
	assert_string_equal(host_console_text(),
			    "error: capture guest.net9: no such port, see info switch\n");
	type("guest.net1", "0", "");
	assert_string_equal(host_console_text(),
			    "error: capture: count 0: out of range, expected 1..100000\n");
	type("guest.net1", "1", "13");
	assert_string_equal(host_console_text(),
			    "error: capture: snaplen 13: out of range, expected 14..65535\n");
}

#define CAPTURE_TEST(f) cmocka_unit_test_setup_teardown(f, setup_capture, teardown_capture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CAPTURE_TEST(both_directions_are_taken),
		CAPTURE_TEST(frames_that_are_dropped_are_taken),
		CAPTURE_TEST(snaplen_cuts_across_pieces),
		CAPTURE_TEST(tags_are_seen_as_they_go_out),
		CAPTURE_TEST(count_ends_it),
		CAPTURE_TEST(a_full_buffer_misses_frames),
		CAPTURE_TEST(a_port_goes_away),
		CAPTURE_TEST(mistakes_leave_nothing_behind),
		CAPTURE_TEST(the_console_has_the_file),
		CAPTURE_TEST(printing_leaves_time_for_others),
		CAPTURE_TEST(the_operator_ends_it),
	};

	timer_queue_init(&this_cpu()->timers);
	capture_monitor_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
