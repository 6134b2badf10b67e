/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One serial line for all: hypervisor lines, guests' consoles (each output line prefixed
 * "[name] "), the monitor. Ctrl-A then a key is taken from the input: `c` monitor/guest
 * toggle, `n` next guest, `1`..`9` that guest, `a` a literal Ctrl-A, `h` help, `x` quit.
 * console_lock guards output; input is handled on the BSP.
 */
#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include "kernel/shared_timer.h"
#include "kernel/types.h"

struct guest;

/* The device below: polled 16550 or a native stdout. Bytes, no translation. */
struct console_dev {
	void (*putc)(char c);
	int (*getc)(void);	/* next byte or -1 */
	void (*flush)(void);	/* everything has left the wire when it returns; NULL: always so */
};

#define CONSOLE_INPUT_MAX 256	/* power of two */
#define CONSOLE_HELD_MAX 256

struct guest_console {
	struct guest *guest;
	u8 in[CONSOLE_INPUT_MAX];	/* typed, not yet read by the guest's UART */
	unsigned int in_head, in_tail;
	unsigned int full_tail;		/* in_tail when in[] was last seen full ... */
	u64 full_ns;			/* ... and since when it is there; 0: was not full yet */
	bool dropping;			/* ... for so long that the rest was given up */
	u64 out_bytes, in_bytes, in_dropped;
	void (*input_ready)(struct guest_console *gc);	/* set by the UART model */
	void *uart;
	char prefix[24];		/* "[name] " */
	char held[CONSOLE_HELD_MAX];	/* output that waits for another's line to end */
	unsigned int nr_held;
	struct shared_timer hold;		/* ... but not longer than this */
};

/* The line that all consoles share from now on; boot CPU, @dev stays. */
void console_init(const struct console_dev *dev);

/* Hypervisor or monitor output: whole text, '\n' becomes CR LF. Any CPU. */
void console_write(const char *text, size_t len);
void console_printf(const char *fmt, ...) __printf(1, 2);
/*
 * From console_collect() to console_write_collected() what this CPU prints by console_printf() is
 * kept: for lines about what a lock guards, as each character may take 87 us and others wait for
 * the lock. What is beyond CONSOLE_COLLECT_MAX bytes is left out. BSP.
 */
#define CONSOLE_COLLECT_MAX 16384
void console_collect(void);
void console_write_collected(void);	/* the lock is no longer held */

/*
 * The monitor's line being typed: @text follows what is there, which is @before (prompt and typed
 * so far) and is shown again if somebody else wrote since. An empty @text shows @before. BSP.
 */
void console_edit(const char *before, size_t before_len, const char *text, size_t len);

/*
 * Guest UART transmitted @c. Its vCPU's CPU. It appears at once, unless another writer is busy
 * with a line: then when that has ended, or a moment later in a new line.
 */
void console_guest_putc(struct guest_console *gc, char c);
/* Next input byte for the guest's UART or -1; room left is told by the caller reading. */
int console_guest_getc(struct guest_console *gc);
bool console_guest_has_input(const struct guest_console *gc);

/* On the guest's CPU, both. */
void console_guest_add(struct guest_console *gc, struct guest *guest);
/* Its input falls to the next guest, or to the monitor. */
void console_guest_remove(struct guest_console *gc);

/*
 * BSP loop: take what was typed and hand it on. False: a guest's buffer is full, and the rest stays
 * on the line; call again in a moment. A guest that reads nothing for a second gets no more of that
 * patience: what is typed for it is dropped, counted and reported, so that Ctrl-A is heard again.
 */
bool console_poll(void);
/* Before the machine goes off: everything has left the wire. */
void console_flush(void);

/* Panic path: output goes out without the lock from now on. */
void console_bust_lock(void);

#endif
