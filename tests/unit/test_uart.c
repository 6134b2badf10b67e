/* SPDX-License-Identifier: BSD-2-Clause */
/* COM1 as Linux' 8250 driver and polling kernels use it. */
#include "tests/unit/unit.h"

#include <string.h>

#include "tests/unit/mock_board.h"
#include "tests/unit/mock_work.h"

#define THR	0x3f8
#define IER	0x3f9
#define IIR	0x3fa
#define FCR	0x3fa
#define LCR	0x3fb
#define MCR	0x3fc
#define LSR	0x3fd
#define MSR	0x3fe
#define SCR	0x3ff
#define VECTOR	0x34

static int setup(void **state)
{
	board_init(2);
	board_enable_apics();
	ioapic_route_pin(VPC_GSI_COM1, VECTOR, 0);
	return 0;
}

static void type(const char *text)
{
	board.typed = text;
	board.guest.console.input_ready(&board.guest.console);
	mock_work_run();
}

static bool interrupted(void)
{
	bool yes = board_take(0) == VECTOR;

	if (yes)
		board_eoi(0);
	return yes;
}

static void polled_output(void **state)
{
	for (const char *p = "hello\n"; *p; p++) {
		assert_int_equal(in8(LSR) & 0x60, 0x60);
		out8(THR, (u8)*p);
	}
	assert_string_equal(board.console, "hello\n");
	assert_false(interrupted());
}

/* 8250_port.c, autoconfig() and serial8250_do_startup(), as of Linux 6.1 */
static void linux_takes_it_for_a_16550a(void **state)
{
	out8(IER, 0);
	assert_int_equal(in8(IER) & 0x0f, 0);
	out8(IER, 0x0f);
	assert_int_equal(in8(IER) & 0x0f, 0x0f);
	out8(IER, 0);
	out8(MCR, 0x1a);
	assert_int_equal(in8(MSR) & 0xf0, 0x90);
	out8(MCR, 0);
	out8(FCR, 1);
	assert_int_equal(in8(IIR) >> 6, 3);
	out8(LCR, 0xbf);		/* no EFR: 16C950, 16654 have one */
	assert_int_equal(in8(FCR) & 0xc0, 0xc0);
	out8(LCR, 0);
	out8(FCR, 0x21);		/* no 64-byte FIFO */
	assert_int_equal(in8(IIR) & 0x20, 0);
	out8(IER, 0x40);		/* no XScale UUE */
	assert_int_equal(in8(IER) & 0x40, 0);
	/* THRE test: enabling it twice must raise it twice. */
	out8(IER, 2);
	assert_int_equal(in8(IIR) & 0x0f, 2);
	out8(IER, 0);
	out8(IER, 2);
	assert_int_equal(in8(IIR) & 0x0f, 2);
	assert_int_equal(in8(IIR) & 0x0f, 1);	/* reading told it */
	out8(IER, 0);
}

static void each_transmission_is_an_edge(void **state)
{
	out8(FCR, 1);
	out8(IER, 2);
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(interrupted());
		assert_int_equal(in8(IIR) & 0x0f, 2);
		for (unsigned int k = 0; k < 16; k++)
			out8(THR, 'x');
	}
	/* Without reading IIR, writing THR takes it back and raises it anew. */
	out8(THR, 'x');
	assert_true(interrupted());
	out8(THR, 'x');
	assert_true(interrupted());
	out8(IER, 0);
	assert_int_equal(in8(IIR) & 0x0f, 1);
}

static void receives(void **state)
{
	out8(FCR, 1);
	type("ab");		/* before the driver listens */
	assert_false(interrupted());
	assert_true(in8(LSR) & 1);
	out8(IER, 1);
	assert_true(interrupted());
	assert_int_equal(in8(IIR) & 0x0f, 4);
	assert_int_equal(in8(THR), 'a');
	assert_int_equal(in8(THR), 'b');
	assert_int_equal(in8(LSR) & 1, 0);
	assert_int_equal(in8(IIR) & 0x0f, 1);
	assert_int_equal(in8(THR), 0);
	type("c");
	assert_true(interrupted());
	assert_int_equal(in8(THR), 'c');
	assert_false(interrupted());
}

static void trigger_level_and_timeout(void **state)
{
	out8(FCR, 0x81);	/* 8 bytes */
	out8(IER, 1);
	type("1234567");
	assert_int_equal(in8(IIR) & 0x0f, 0x0c);
	in8(THR);
	type("89abcdefghijklmnopqrstuvwxyz");
	assert_int_equal(in8(IIR) & 0x0f, 4);
	for (const char *p = "23456789abcdefghijklmnopqrstuvwxyz"; *p; p++)
		assert_int_equal(in8(THR), *p);
	assert_int_equal(in8(LSR) & 1, 0);
}

static void without_fifo(void **state)
{
	type("xyz");
	assert_int_equal(in8(IIR) >> 6, 0);
	assert_int_equal(in8(THR), 'x');
	assert_int_equal(in8(THR), 'y');
	assert_int_equal(in8(THR), 'z');
	assert_int_equal(in8(LSR), 0x60);
}

static void divisor_latch(void **state)
{
	out8(LCR, 0x83);
	out8(THR, 1);
	out8(IER, 0);
	assert_int_equal(in8(THR), 1);
	assert_int_equal(in8(IER), 0);
	out8(LCR, 3);
	assert_int_equal(board.console_len, 0);
	assert_int_equal(in8(LCR), 3);
	out8(SCR, 0x5a);
	assert_int_equal(in8(SCR), 0x5a);
}

static void loopback(void **state)
{
	out8(MCR, 0x10);
	out8(THR, 'L');
	assert_int_equal(board.console_len, 0);
	board.typed = "no";		/* the line is disconnected */
	assert_int_equal(in8(LSR) & 3, 1);
	out8(THR, 'M');			/* overrun */
	assert_int_equal(in8(LSR) & 3, 3);
	assert_int_equal(in8(LSR) & 3, 1);
	assert_int_equal(in8(THR), 'L');
	out8(MCR, 0);
	assert_int_equal(in8(MSR) & 0xf0, 0xb0);
	assert_int_equal(in8(THR), 'n');
	in8(MSR);
	out8(IER, 8);
	out8(MCR, 0x10);		/* CTS, DSR, DCD fall */
	assert_int_equal(in8(IIR) & 0x0f, 0);
	assert_int_equal(in8(MSR), 0x0b);
	assert_int_equal(in8(IIR) & 0x0f, 1);
}

static void reset_and_anything(void **state)
{
	u32 x = 1;

	board.typed = "some input";
	for (unsigned int i = 0; i < 100000; i++) {
		x = x * 1664525 + 1013904223;
		out8((u16)(THR + (x >> 8) % 8), (u8)(x >> 16));
		in8((u16)(THR + (x >> 12) % 8));
		board.console_len = 0;
	}
	board_reset();
	board_enable_apics();
	assert_int_equal(in8(IER), 0);
	assert_int_equal(in8(IIR), 1);
	assert_int_equal(in8(LSR) & 0x60, 0x60);
	assert_false(interrupted());
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, board_teardown)
	const struct CMUnitTest tests[] = {
		T(polled_output), T(linux_takes_it_for_a_16550a), T(each_transmission_is_an_edge),
		T(receives), T(trigger_level_and_timeout), T(without_fifo), T(divisor_latch),
		T(loopback), T(reset_and_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
