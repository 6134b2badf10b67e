/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The multiplexer of the serial line. Output: whoever writes gets a line of its own; another
 * writer waits a moment for it to end and then starts a new one. Input: one reader at a time,
 * chosen by Ctrl-A and a key.
 */
#include "kernel/console.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/guest.h"
#include "kernel/lock.h"
#include "kernel/monitor.h"

#define CTRL(c)		((c) & 0x1f)

/*
 * A line whose writer was silent for this long is one that waits, a shell's prompt: others go
 * ahead. Until then they wait for its end, so that two guests' lines stay whole. Longer than a
 * vCPU's turn; too short to be noticed by somebody who types.
 */
#define HOLD_NS		(50 * NSEC_PER_MSEC)

/* Of a guest with a full input buffer: console_poll(). */
#define PATIENCE_NS	NSEC_PER_SEC

static const struct console_dev *dev;

/* ---- Output ---- */

/* Guards what follows, and the device. */
static struct spinlock console_lock = SPINLOCK_INIT(LOCK_CONSOLE);
static bool lock_busted;
static const void *line_owner;		/* who wrote the line that the cursor is in */
static bool line_begun;			/* the cursor is not in the first column of a fresh line */
static bool cr_seen;			/* a carriage return was swallowed: see put() */
static u64 line_ns;			/* when line_owner wrote last */
static struct guest_console *consoles[CONFIG_MAX_GUESTS];	/* in the order they came */
static unsigned int nr_consoles;	/* changed with input_lock held too */

/*
 * Lines' owners besides guests' consoles. An owner's prefix stands before its text, again after
 * somebody else's line came in between: guests' names, the monitor's prompt, nothing before the
 * hypervisor's lines.
 */
static const char hypervisor, monitor;

static void acquire(void)
{
	if (!READ_ONCE(lock_busted))
		spin_lock(&console_lock);
}

static void release(void)
{
	if (!READ_ONCE(lock_busted))
		spin_unlock(&console_lock);
}

static void emit(const char *text, size_t len)
{
	for (size_t i = 0; dev && i < len; i++)
		dev->putc(text[i]);
}

static void begin_line(const void *owner, const char *prefix, size_t prefix_len)
{
	emit(prefix, prefix_len);
	line_owner = owner;
	line_begun = true;
}

static void end_line(void)
{
	emit("\r\n", 2);
	line_begun = false;
	cr_seen = false;
}

/*
 * One character. A carriage return waits for what follows it: with '\n' it ends the line, with
 * anything else the line is written over, and then needs its prefix again.
 */
static void put(const void *owner, const char *prefix, size_t prefix_len, char c)
{
	if (line_begun && line_owner != owner)
		end_line();
	if (c == '\r') {
		cr_seen = line_begun;
		return;
	}
	if (cr_seen && c != '\n') {
		emit("\r", 1);
		line_begun = false;
	}
	cr_seen = false;
	if (!line_begun)
		begin_line(owner, prefix, prefix_len);
	line_ns = time_ns();
	if (c == '\n')
		end_line();
	else
		emit(&c, 1);
}

/* ---- Guests' lines ---- */

static void put_guest(struct guest_console *gc, char c)
{
	put(gc, gc->prefix, strlen(gc->prefix), c);
}

static void put_held(struct guest_console *gc)
{
	for (unsigned int i = 0; i < gc->nr_held; i++)
		put_guest(gc, gc->held[i]);
	gc->nr_held = 0;
}

/* A line has ended: whoever waited for that goes on, up to the first that begins a new one. */
static void put_waiting(void)
{
	for (unsigned int i = 0; i < nr_consoles && !line_begun; i++)
		put_held(consoles[i]);
}

static void hold_over(struct shared_timer *timer)
{
	acquire();
	shared_timer_take(timer);
	put_held(container_of(timer, struct guest_console, hold));
	release();
}

static bool must_wait(const struct guest_console *gc)
{
	return line_begun && line_owner != gc && time_ns() - line_ns < HOLD_NS &&
	       gc->nr_held < CONSOLE_HELD_MAX;
}

void console_guest_putc(struct guest_console *gc, char c)
{
	acquire();
	gc->out_bytes++;
	if (must_wait(gc)) {
		gc->held[gc->nr_held++] = c;
		if (!shared_timer_started(&gc->hold))
			shared_timer_start(&gc->hold, time_ns() + HOLD_NS);
	} else {
		put_held(gc);
		put_guest(gc, c);
		put_waiting();
	}
	release();
}

/* ---- The hypervisor's lines ---- */

void console_write(const char *text, size_t len)
{
	acquire();
	for (size_t i = 0; i < len; i++)
		put(&hypervisor, NULL, 0, text[i]);
	put_waiting();
	release();
}

/* What the CPU that collects has printed since. */
static struct {
	struct cpu *cpu;		/* NULL: nobody does */
	size_t len;
	char text[CONSOLE_COLLECT_MAX];
} collected;

void console_collect(void)
{
	collected.len = 0;
	WRITE_ONCE(collected.cpu, this_cpu());
}

/* Line by line: other writers wait for no more. */
void console_write_collected(void)
{
	const char *at = collected.text, *end = at + collected.len;

	WRITE_ONCE(collected.cpu, NULL);
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((newline ? newline + 1 : end) - at);

		console_write(at, len);
		at += len;
	}
}

static void collect(const char *text, size_t len)
{
	len = MIN(len, sizeof(collected.text) - collected.len);
	memcpy(collected.text + collected.len, text, len);
	collected.len += len;
}

void console_printf(const char *fmt, ...)
{
	const struct cpu *collects = READ_ONCE(collected.cpu);
	char text[1024];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len <= 0)
		return;
	len = MIN(len, (int)sizeof(text) - 1);
	if (unlikely(collects && collects == this_cpu()))
		collect(text, (size_t)len);
	else
		console_write(text, (size_t)len);
}

void console_edit(const char *before, size_t before_len, const char *text, size_t len)
{
	acquire();
	if (!len && !(line_begun && line_owner == &monitor)) {
		if (line_begun)
			end_line();
		begin_line(&monitor, before, before_len);
	}
	for (size_t i = 0; i < len; i++)
		put(&monitor, before, before_len, text[i]);
	put_waiting();
	release();
}

void console_flush(void)
{
	acquire();
	for (unsigned int i = 0; i < nr_consoles; i++)
		put_held(consoles[i]);
	if (line_begun)
		end_line();
	if (dev && dev->flush)
		dev->flush();
	release();
}

void console_bust_lock(void)
{
	WRITE_ONCE(lock_busted, true);
}

/* ---- Input ---- */

/*
 * Who is there and who reads. Held while a guest's UART is told of input, so that its console is
 * not removed meanwhile; lock order: before guest->lock, which comes before console_lock.
 */
static struct spinlock input_lock = SPINLOCK_INIT(LOCK_CONSOLE_INPUT);
static struct guest_console *reader;	/* NULL: the monitor */
static struct guest_console *last_guest;	/* who read before the monitor did */
static bool escape;			/* Ctrl-A was typed */
static int kept = -1;			/* taken from the line, for a reader without room */

void console_init(const struct console_dev *device)
{
	dev = device;
	line_begun = false;
	cr_seen = false;
	escape = false;
	kept = -1;
}

static unsigned int console_index(const struct guest_console *gc)
{
	unsigned int i = 0;

	while (i < nr_consoles && consoles[i] != gc)
		i++;
	return i;
}

/* input_lock held. */
static void set_reader(struct guest_console *gc)
{
	reader = gc;
	if (gc)
		last_guest = gc;
	console_printf("console: input goes to %s%s (Ctrl-A h for help)\n",
		       gc ? "guest " : MONITOR_PRESENT ? "the monitor" : "nobody",
		       gc ? guest_name(gc->guest) : "");
}

void console_guest_add(struct guest_console *gc, struct guest *guest)
{
	spin_lock(&input_lock);
	gc->guest = guest;
	snprintf(gc->prefix, sizeof(gc->prefix), "[%s] ", guest_name(guest));
	shared_timer_init(&gc->hold, guest->cpu, hold_over);
	gc->hold.work.payer = &guest->payers[guest->cpu->id];
	gc->nr_held = 0;
	gc->in_head = gc->in_tail = 0;
	gc->full_ns = 0;
	if (console_index(gc) == nr_consoles && nr_consoles < CONFIG_MAX_GUESTS) {
		acquire();
		consoles[nr_consoles++] = gc;
		release();
		if (nr_consoles == 1)
			set_reader(gc);
	}
	spin_unlock(&input_lock);
}

static void forget(unsigned int i)
{
	acquire();
	put_held(consoles[i]);
	nr_consoles--;
	memmove(&consoles[i], &consoles[i + 1], (nr_consoles - i) * sizeof(consoles[0]));
	release();
}

void console_guest_remove(struct guest_console *gc)
{
	unsigned int i;

	spin_lock(&input_lock);
	i = console_index(gc);
	if (i < nr_consoles) {
		shared_timer_cancel(&gc->hold);
		forget(i);
		if (last_guest == gc)
			last_guest = nr_consoles ? consoles[i % nr_consoles] : NULL;
		if (reader == gc)
			set_reader(last_guest);
	}
	spin_unlock(&input_lock);
}

/* in[] is full; is it worth waiting? Each byte that the guest reads makes it so again. */
static bool patient(struct guest_console *gc, unsigned int tail)
{
	if (!gc->full_ns || gc->full_tail != tail) {
		gc->full_tail = tail;
		gc->full_ns = time_ns();
	}
	return time_ns() - gc->full_ns < PATIENCE_NS;
}

static void drop(struct guest_console *gc)
{
	if (!gc->dropping)
		console_printf("console: guest %s does not read what is typed; "
			       "dropped until it does\n", guest_name(gc->guest));
	gc->dropping = true;
	gc->in_dropped++;
}

/* One producer (console_poll()) and one consumer (the guest's UART). False: offer it again. */
static bool give(struct guest_console *gc, u8 byte)
{
	unsigned int head = gc->in_head, tail = __atomic_load_n(&gc->in_tail, __ATOMIC_ACQUIRE);

	if (head - tail == CONSOLE_INPUT_MAX) {
		if (patient(gc, tail))
			return false;
		drop(gc);
		return true;
	}
	gc->dropping = false;
	gc->in[head % CONSOLE_INPUT_MAX] = byte;
	gc->in_bytes++;
	__atomic_store_n(&gc->in_head, head + 1, __ATOMIC_RELEASE);
	if (gc->input_ready)
		gc->input_ready(gc);
	return true;
}

bool console_guest_has_input(const struct guest_console *gc)
{
	return __atomic_load_n(&gc->in_head, __ATOMIC_ACQUIRE) != gc->in_tail;
}

int console_guest_getc(struct guest_console *gc)
{
	unsigned int tail = gc->in_tail;
	u8 byte;

	if (!console_guest_has_input(gc))
		return -1;
	byte = gc->in[tail % CONSOLE_INPUT_MAX];
	__atomic_store_n(&gc->in_tail, tail + 1, __ATOMIC_RELEASE);
	return byte;
}

/* To the reader of the moment. False: offer it again. */
static bool deliver(u8 byte)
{
	bool to_guest, done = true;

	spin_lock(&input_lock);
	to_guest = reader != NULL;
	if (to_guest)
		done = give(reader, byte);
	spin_unlock(&input_lock);
	if (!to_guest)
		monitor_input((char)byte);
	return done;
}

/* ---- Ctrl-A and a key ---- */

static void switch_to(struct guest_console *gc)
{
	set_reader(gc);
	if (!gc)
		monitor_prompt();
}

static void key_toggle(char key)
{
	if (reader && MONITOR_PRESENT)
		switch_to(NULL);
	else if (last_guest)
		switch_to(last_guest);
	else
		console_printf("console: nothing to switch to\n");
}

static void key_next(char key)
{
	if (nr_consoles)
		switch_to(consoles[reader ? (console_index(reader) + 1) % nr_consoles : 0]);
	else
		console_printf("console: nothing to switch to\n");
}

static void key_number(char key)
{
	unsigned int i = (unsigned int)(key - '1');

	if (i < nr_consoles)
		switch_to(consoles[i]);
	else
		console_printf("console: no guest %c, expected 1..%u\n", key, nr_consoles);
}

static void key_help(char key);

static const struct console_key {
	char key, last;		/* a range */
	void (*fn)(char key);
	const char *help;
} keys[] = {
	{ 'c', 'c', key_toggle, "between the monitor and a guest" },
	{ 'n', 'n', key_next, "the next guest" },
	{ '1', '9', key_number, "that guest" },
	{ 'a', 'a', NULL, "a Ctrl-A for the guest" },
	{ 'h', 'h', key_help, "this list" },
	{ 'x', 'x', NULL, "quit: end all guests and then the machine" },
};

static void key_help(char key)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++)
		console_printf("Ctrl-A %c%s%c  %s\n", keys[i].key,
			       keys[i].last != keys[i].key ? ".." : "  ",
			       keys[i].last != keys[i].key ? keys[i].last : ' ', keys[i].help);
	for (unsigned int i = 0; i < nr_consoles; i++)
		console_printf("guest %u: %s%s\n", i + 1, guest_name(consoles[i]->guest),
			       consoles[i] == reader ? " (has the input)" : "");
}

/* The key after Ctrl-A. False: offer it again. */
static bool handle_key(char key)
{
	if (key == CTRL('a') || key == 'a')
		return deliver(CTRL('a'));
	if (key == 'x') {
		guests_quit();
		return true;
	}
	spin_lock(&input_lock);
	for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++)
		if (key >= keys[i].key && key <= keys[i].last)
			keys[i].fn(key);
	spin_unlock(&input_lock);
	return true;
}

/* False: offer it again. */
static bool take(int c)
{
	if (escape) {
		escape = !handle_key((char)c);
		return !escape;
	}
	if (c == CTRL('a')) {
		escape = true;
		return true;
	}
	return deliver((u8)c);
}

bool console_poll(void)
{
	int c;

	while (dev && (c = kept >= 0 ? kept : dev->getc()) >= 0) {
		kept = take(c) ? -1 : c;
		if (kept >= 0)
			return false;
	}
	return true;
}
