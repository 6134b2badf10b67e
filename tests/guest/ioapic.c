/* SPDX-License-Identifier: BSD-2-Clause */
/* Level-triggered interrupts through the I/O APIC: remote IRR, EOI, again while the line is up. */
#include "lib.h"

const char test_name[] = "ioapic";

enum { VECTOR = 0x60, UART_PIN = 4, COM1 = 0x3f8, IER_THRE = 2, MCR_OUT2 = 8 };

static volatile u32 hits;
static u32 rte_in_handler;
static bool clear_line;

static void hit(struct frame *f)
{
	(void)f;
	hits++;
	rte_in_handler = ioapic_read(0x10 + 2 * UART_PIN);
	if (clear_line || hits >= 5)
		outb(COM1 + 1, 0);	/* the transmitter's interrupt off: line down */
	apic_eoi();
}

static void line_up(void)
{
	outb(COM1 + 4, inb(COM1 + 4) | MCR_OUT2);
	outb(COM1 + 1, IER_THRE);	/* the transmitter is empty: line up */
}

static void once(void)
{
	hits = 0;
	clear_line = true;
	line_up();
	check(wait_for(&hits, 100000), "no interrupt");
	sti();
	wait_us(500);
	cli();
	check_eq(hits, 1);
	check(rte_in_handler & RTE_REMOTE_IRR, "remote IRR was clear in the handler: %#x",
	      rte_in_handler);
	check(!(ioapic_read(0x10 + 2 * UART_PIN) & RTE_REMOTE_IRR), "remote IRR set after EOI");
}

/* As long as nobody takes the line down it interrupts again after each EOI. */
static void again(void)
{
	u64 until = rdtsc() + 100ul * tsc_khz();

	hits = 0;
	clear_line = false;
	line_up();
	sti();
	while (hits < 5 && rdtsc() < until)
		pause();
	wait_us(500);
	cli();
	check_eq(hits, 5);
}

static void masked(void)
{
	hits = 0;
	clear_line = true;
	ioapic_route(UART_PIN, RTE_LEVEL | RTE_MASKED | VECTOR);
	line_up();
	sti();
	wait_us(500);
	cli();
	check_eq(hits, 0);
	ioapic_route(UART_PIN, RTE_LEVEL | VECTOR);	/* still up: now */
	check(wait_for(&hits, 100000), "no interrupt after unmasking");
}

static void edge(void)
{
	hits = 0;
	clear_line = false;
	outb(COM1 + 1, 0);
	ioapic_route(UART_PIN, VECTOR);
	line_up();
	check(wait_for(&hits, 100000), "edge: no interrupt");
	sti();
	wait_us(500);
	cli();
	check_eq(hits, 1);
	check(!(rte_in_handler & RTE_REMOTE_IRR), "edge: remote IRR set");
	outb(COM1 + 1, 0);
}

static void all(void)
{
	ioapic_route(UART_PIN, RTE_LEVEL | VECTOR);
	once();
	again();
	masked();
	edge();
}

void test(void)
{
	pic_mask();
	irq_handle(VECTOR, hit);
	apic_on();
	all();
	apic_x2();
	all();
}
