/* SPDX-License-Identifier: BSD-2-Clause */
/* The monitor: typing a line, finding the command, and what it prints. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"
#include "kernel/log.h"
#include "kernel/lifecycle.h"
#include "kernel/mem.h"
#include "kernel/monitor.h"
#include "virtio/net.h"
#include "virtio/vhost_worker.h"

#define PROMPT "(ringvisor) "

/* ---- The console, and what the commands act on ---- */

static char out[65536];
static size_t out_len;

static unsigned int written_locked;	/* characters while a guest's lock was held */
static struct guest guest[2];

static void dev_putc(char c)
{
	assert_true(out_len < sizeof(out) - 1);
	written_locked += guest[0].lock.locked || guest[1].lock.locked;
	if (c == '\r')
		return;
	out[out_len++] = c;
	out[out_len] = '\0';
}

static void clear(void)
{
	out_len = 0;
	out[0] = '\0';
}

static const struct console_dev dev = { .putc = dev_putc };

static const struct guest_config configs[2] = {
	{ .name = "web", .memory = 256 * MIB, .nr_vcpus = 2, .kernel = "vmlinuz", .nr_nics = 1 },
	{ .name = "db", .memory = 64 * MIB, .nr_vcpus = 1, .kernel = "db.elf" },
};
static struct cpu cpu;
static struct vcpu vcpu[2];
struct guest *guests[CONFIG_MAX_GUESTS] = { &guest[0], &guest[1] };
unsigned int nr_guests = 2;
struct cpu *cpus[CONFIG_MAX_CPUS] = { &cpu };
unsigned int nr_cpus = 1;
static char acted[128];

struct guest *guest_find(const char *name)
{
	for (unsigned int i = 0; i < nr_guests; i++)
		if (!strcmp(guest_name(guests[i]), name))
			return guests[i];
	return NULL;
}

void guest_request(struct guest *g, enum guest_request req, u32 code, const char *why)
{
	sprintf(acted, "request %d %s", req, guest_name(g));
}

int guest_pause(struct guest *g)
{
	sprintf(acted, "pause %s", guest_name(g));
	return g->state == GUEST_RUNNING ? 0 : -EINVAL;
}

int guest_cont(struct guest *g)
{
	sprintf(acted, "cont %s", guest_name(g));
	return g->state == GUEST_PAUSED ? 0 : -EINVAL;
}

void guests_quit(void)
{
	strcpy(acted, "quit");
}

const char *arch_exit_name(unsigned int reason)
{
	return reason == 48 ? "EPT violation" : NULL;
}

const char *mem_owner_name(enum mem_owner owner)
{
	return owner == MEM_GUEST ? "guest" : "other";
}

u64 guests_memory(enum mem_owner owner)
{
	return owner == MEM_EPT ? 3000 : owner == MEM_VHOST ? 2000 : owner == MEM_HEAP ? 1000 : 0;
}

void virtio_net_show(const struct virtio_net *net)
{
	console_printf("vhost %s: shown\n", (const char *)net);
}

void vhost_workers_show(void)
{
	console_printf("vhost worker: shown\n");
}

/* ---- Typing ---- */

static void type(const char *keys)
{
	while (*keys)
		monitor_input(*keys++);
}

/* A whole line: what it prints between itself and the next prompt. */
static void expect(const char *line, const char *answer)
{
	char want[4096];

	clear();
	acted[0] = '\0';
	type(line);
	type("\r");
	snprintf(want, sizeof(want), "%s\n%s" PROMPT, line, answer);
	assert_string_equal(out, want);
}

static int setup_once(void **state)
{
	monitor_init();
	return 0;
}

static int setup(void **state)
{
	console_init(&dev);
	for (unsigned int i = 0; i < 2; i++) {
		memset(&vcpu[i], 0, sizeof(vcpu[i]));
		memset(&guest[i], 0, sizeof(guest[i]));
		guest[i].id = i;
		guest[i].config = &configs[i];
		guest[i].cpu = guest[i].placement[0] = &cpu;
		guest[i].state = GUEST_RUNNING;
		guest[i].vcpus[0] = &vcpu[i];
		vcpu[i].guest = &guest[i];
		vcpu[i].cpu = this_cpu();
	}
	host_time_set(12345 * NSEC_PER_MSEC);
	log_set_level(LOG_INFO);
	monitor_prompt();
	clear();
	return 0;
}

/* ---- Cases ---- */

static void test_line_editing(void **state)
{
	type("hlep\b\b\177");
	assert_string_equal(out, "hlep\b \b\b \b\b \b");
	clear();
	type("elp\x15");
	assert_string_equal(out, "elp\b \b\b \b\b \b\b \b");
	clear();
	type("\b\x15\t\x01");
	assert_string_equal(out, "");
	type("log\x03");
	assert_string_equal(out, "log^C\n" PROMPT);
}

static void test_long_line_is_not_taken(void **state)
{
	for (int i = 0; i < 130; i++)
		type("x");
	assert_int_equal(out_len, 120);
	type("\r");
	assert_string_equal(out + 120, "\nerror: command xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...: "
			    "unknown, try help\n" PROMPT);
}

static void test_return_and_newline_are_one(void **state)
{
	type("\r\n");
	assert_string_equal(out, "\n" PROMPT);
	type("\n\n");
	assert_string_equal(out, "\n" PROMPT "\n" PROMPT "\n" PROMPT);
}

static void test_history(void **state)
{
	expect("log 1", "log: level=warning\n");
	expect("log 3", "log: level=debug\n");
	expect("log 3", "log: level=debug\n");		/* kept once */
	clear();
	type("\033[A\033[A\r");
	assert_non_null(strstr(out, "log: level=warning\n"));
	clear();
	type("\x10\x10\x0e\r");				/* Ctrl-P twice, Ctrl-N */
	assert_non_null(strstr(out, "log: level=warning\n"));
	clear();
	type("\033[A\033[B\033[B\033[1;5C");
	type("x\r");
	assert_non_null(strstr(out, "error: command x: unknown"));
}

static void test_history_is_bounded(void **state)
{
	for (int i = 0; i < 17; i++) {
		char line[] = { 'c', (char)('a' + i), '\r', '\0' };

		type(line);
	}
	clear();
	for (int i = 0; i < 40; i++)
		type("\033[A");
	type("\r");
	assert_non_null(strstr(out, "error: command cb: unknown"));
}

static void test_log_line_in_mid_typing(void **state)
{
	type("log 2");
	log_line(LOG_WARN, "news");
	type("\r");
	assert_string_equal(out, "log 2\nnews\n" PROMPT "log 2\nlog: level=info\n" PROMPT);
}

static void test_unknown_words(void **state)
{
	expect("foo bar", "error: command foo: unknown, try help\n");
	expect("info foo", "error: info foo: unknown, expected version guests exits vhost mem cpus "
	       "log\n");
	expect("log loud", "error: log loud: unknown, expected error, warning, info, debug or "
	       "0..3\n");
	expect("log 12", "error: log 12: unknown, expected error, warning, info, debug or 0..3\n");
	expect("info", "error: info: name missing, expected version guests exits vhost mem cpus "
	       "log\n");
	expect("info mem mem", "error: usage: info NAME\n");
	expect("quit now", "error: usage: quit\n");
	assert_string_equal(acted, "");
	expect("", "");
	expect("   ", "");
}

static void test_help_names_everything(void **state)
{
	static const char *const lines[] = {
		"help            this list\n", "info     NAME   show", "reset    GUEST  ",
		"quit            end", "info     guests   each", "info     log      the",
	};

	type("help\r");
	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++)
		if (!strstr(out, lines[i]))
			fail_msg("no \"%s\" in: %s", lines[i], out);
}

static void test_guest_commands(void **state)
{
	char want[32];

	expect(" reset  web ", "");
	snprintf(want, sizeof(want), "request %d web", GUEST_REQ_RESET);
	assert_string_equal(acted, want);
	expect("poweroff db", "");
	snprintf(want, sizeof(want), "request %d db", GUEST_REQ_STOP);
	assert_string_equal(acted, want);
	expect("stop web", "");
	assert_string_equal(acted, "pause web");
	expect("cont web", "error: cont web: not stopped\n");
	guest[0].state = GUEST_PAUSED;
	expect("stop web", "error: stop web: not running\n");
	expect("cont web", "");
	assert_string_equal(acted, "cont web");
	guest[0].state = GUEST_ENDED;
	expect("stop web", "error: stop web: not running\n");
	expect("poweroff web", "error: poweroff web: has ended\n");
	assert_string_equal(acted, "");
	expect("reset mail", "error: reset mail: no such guest, see info guests\n");
	assert_string_equal(acted, "");
	expect("quit", "");
	assert_string_equal(acted, "quit");
}

static void test_log_level(void **state)
{
	expect("log error", "log: level=error\n");
	assert_int_equal(log_get_level(), LOG_ERR);
	expect("log 3", "log: level=debug\n");
	assert_int_equal(log_get_level(), LOG_DEBUG);
}

static void test_info_guests(void **state)
{
	guest[0].started_ns = 2345 * NSEC_PER_MSEC;
	guest[0].starts = 1;
	guest[0].resets = 2;
	guest[0].console.out_bytes = 5;
	guest[1].state = GUEST_ENDED;
	guest[1].started_ns = 1000 * NSEC_PER_MSEC;
	guest[1].ended_ns = 1500 * NSEC_PER_MSEC;
	strcpy(guest[1].ended_why, "powered off");
	expect("info guests",
	       "guest web: state=running seconds=10.000 starts=1 resets=2\n"
	       "guest web: mib=256 vcpus=2 cpu=0 nics=1 kernel=vmlinuz\n"
	       "guest web: console_out=5 console_in=0 console_in_dropped=0\n"
	       "guest db: state=ended seconds=0.500 starts=0 resets=0\n"
	       "guest db: mib=64 vcpus=1 cpu=0 nics=0 kernel=db.elf\n"
	       "guest db: console_out=0 console_in=0 console_in_dropped=0\n"
	       "guest db: why=\"powered off\"\n");
}

static void test_info_exits(void **state)
{
	vcpu[0].exits[48] = 9;
	vcpu[0].exits[79] = 1;
	vcpu[0].entries = 10;
	vcpu[0].exit_ticks[48] = 9 * 700 + 8;
	vcpu[0].guest_ticks = 5000;
	vcpu[0].entry_ticks = 60;
	vcpu[0].doorbells = 3;
	vcpu[1].injected = 4;
	vcpu[1].cpu = NULL;		/* it is being made anew on its CPU */
	expect("info exits",
	       "vcpu web.0: cpu=0 entries=10 doorbells=3 interrupts=0 guest_ticks=5000 "
	       "entry_ticks=60\n"
	       "vcpu web.0: exit=48 name=\"EPT violation\" count=9 ticks=6308 average=700\n"
	       "vcpu web.0: exit=79 name=\"?\" count=1 ticks=0 average=0\n"
	       "vcpu db.0: cpu=0 entries=0 doorbells=0 interrupts=4 guest_ticks=0 "
	       "entry_ticks=0\n");
}

static void test_info_of_the_machine(void **state)
{
	u64 frame = mem_alloc(8192, PAGE_SIZE, MEM_GUEST);

	clear();
	type("info mem\r");
	assert_non_null(strstr(out, "mem guest: bytes=8192\n"));
	assert_non_null(strstr(out, "mem total: bytes=8192\n"));
	assert_non_null(strstr(out, "mem overhead: guests=2 average=3000 nested_paging=3000 "
			       "vhost=2000 heap=1000\n"));
	mem_free(frame, 8192, MEM_GUEST);
	cpu.stats.loops = 17;
	cpu.stats.work_ns = 30000;
	cpu.stats.guest_ns = 10005;
	cpu.stats.idle_ns = 39995;
	cpu.stats.poll_ns = 20000;
	expect("info cpus", "cpu 0: state=running online=0 loops=17 idle=0 work=0 runs=0 "
	       "kicks=0 late=0 for=all\n"
	       "cpu 0: work_ns=30000 guest_ns=10005 idle_ns=39995 work_share=30.00% "
	       "guest_share=10.00% idle_share=39.99%\n"
	       "cpu 0: poll_ns=20000 poll_share=20.00%\n");
	clear();
	type("info version\r");
	assert_non_null(strstr(out, "version: ringvisor="));
	assert_non_null(strstr(out, " uptime=12.345\n"));
}

static void test_info_vhost(void **state)
{
	guest[0].nics[0] = (struct virtio_net *)"web/net0";
	guest[0].nr_nics = 1;
	guest[1].nics[0] = (struct virtio_net *)"db/net0";
	guest[1].nics[1] = (struct virtio_net *)"db/net1";
	guest[1].nr_nics = 2;
	written_locked = 0;
	expect("info vhost", "vhost worker: shown\nvhost web/net0: shown\nvhost db/net0: shown\n"
			     "vhost db/net1: shown\n");
	assert_int_equal(written_locked, 0);	/* the guests' own exits wait for the lock */
}

static void test_info_log(void **state)
{
	log_set_level(LOG_ERR);
	log_line(LOG_DEBUG, "e1000.0: link up (1000 Mb/s)");
	clear();
	type("info log\r");
	assert_non_null(strstr(out, "   12.345000 debug   e1000.0: link up (1000 Mb/s)\n"));
}

static void show_more(void)
{
	console_printf("more: yes\n");
}

static void test_info_of_other_parts(void **state)
{
	static const struct monitor_info more = { "more", "for this test", show_more };

	monitor_add_info(&more);
	expect("info more", "more: yes\n");
	for (int i = 0; i < 40; i++)		/* no room: said, not written past the end */
		monitor_add_info(&more);
	assert_non_null(strstr(out, "monitor: no room for info more"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_line_editing, setup),
		cmocka_unit_test_setup(test_long_line_is_not_taken, setup),
		cmocka_unit_test_setup(test_return_and_newline_are_one, setup),
		cmocka_unit_test_setup(test_history, setup),
		cmocka_unit_test_setup(test_history_is_bounded, setup),
		cmocka_unit_test_setup(test_log_line_in_mid_typing, setup),
		cmocka_unit_test_setup(test_unknown_words, setup),
		cmocka_unit_test_setup(test_help_names_everything, setup),
		cmocka_unit_test_setup(test_guest_commands, setup),
		cmocka_unit_test_setup(test_log_level, setup),
		cmocka_unit_test_setup(test_info_guests, setup),
		cmocka_unit_test_setup(test_info_exits, setup),
		cmocka_unit_test_setup(test_info_of_the_machine, setup),
		cmocka_unit_test_setup(test_info_vhost, setup),
		cmocka_unit_test_setup(test_info_log, setup),
		cmocka_unit_test_setup(test_info_of_other_parts, setup),
	};

	return cmocka_run_group_tests(tests, setup_once, NULL);
}
