/* SPDX-License-Identifier: BSD-2-Clause */
/* 16550 UART: National Semiconductor PC16550D datasheet, section 8. */
#include <errno.h>

#include "arch/x86/acpi.h"
#include "arch/x86/smp.h"
#include "asm/barrier.h"
#include "asm/io.h"
#include "drivers/serial/uart16550.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/time.h"
#include "kernel/work.h"

enum uart_reg { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5 };
enum uart_bits {
	IER_RX = BIT(0),		/* received data available */
	FCR_ENABLE = BIT(0), FCR_CLEAR_RX = BIT(1), FCR_CLEAR_TX = BIT(2),
	LCR_8N1 = 3, LCR_DLAB = BIT(7),
	MCR_DTR = BIT(0), MCR_RTS = BIT(1),
	MCR_OUT2 = BIT(3),		/* gates the interrupt line on PCs */
	LSR_DR = BIT(0), LSR_THRE = BIT(5), LSR_TEMT = BIT(6),
	LSR_ABSENT = 0xff,		/* nothing decodes the port */
};
#define BAUD_MAX	115200		/* 1.8432 MHz / 16 */
/* Reads of LSR until a transmitter that does not drain is given up: some 100 ms. */
#define TX_PATIENCE	100000
#define UART_REGS	8
#define POLL_NS		(20 * NSEC_PER_MSEC)

static struct uart {
	u16 port;
	volatile u8 *regs;		/* memory-mapped, then port is unused */
	unsigned int stride;		/* bytes from register to register */
	unsigned int baud;
	u8 irq;				/* ISA interrupt; 0: none known */
	u32 gsi;			/* takes precedence; 0: none */
	bool by_irq;			/* what was typed makes an interrupt */
	bool holding;			/* RTS is low */
	bool absent;
} uart;
static struct work input_work;
static struct timer input_timer;

static u8 uart_read(enum uart_reg reg)
{
	return uart.regs ? mmio_read8(uart.regs + reg * uart.stride) : inb(uart.port + reg);
}

static void uart_write(enum uart_reg reg, u8 val)
{
	if (uart.regs)
		mmio_write8(uart.regs + reg * uart.stride, val);
	else
		outb(uart.port + reg, val);
}

static void uart_setup(void)
{
	unsigned int divisor = BAUD_MAX / uart.baud;

	uart_write(IER, 0);
	uart_write(LCR, LCR_8N1 | LCR_DLAB);
	uart_write(DLL, divisor & 0xff);
	uart_write(DLM, divisor >> 8);
	uart_write(LCR, LCR_8N1);
	uart_write(FCR, FCR_ENABLE | FCR_CLEAR_RX | FCR_CLEAR_TX);
	uart_write(MCR, MCR_DTR | MCR_RTS);
	uart.absent = uart_read(LSR) == LSR_ABSENT;
}

/* ISA interrupt of COM1..COM4, by PC convention. */
static u8 port_irq(u16 port)
{
	switch (port) {
	case 0x3f8: case 0x3e8: return 4;
	case 0x2f8: case 0x2e8: return 3;
	}
	return 0;
}

void uart_init(void)
{
	uart.port = CONFIG_SERIAL_PORT;
	uart.baud = CONFIG_SERIAL_BAUD;
	uart.irq = port_irq(uart.port);
	uart_setup();
}

static void wait_for(u8 lsr)
{
	for (unsigned int i = 0; i < TX_PATIENCE && !(uart_read(LSR) & lsr); i++)
		cpu_relax();
}

static void uart_putc(char c)
{
	if (uart.absent)
		return;
	wait_for(LSR_THRE);
	uart_write(THR, c);
}

static int uart_getc(void)
{
	if (uart.absent || !(uart_read(LSR) & LSR_DR))
		return -1;
	return uart_read(RBR);
}

static void uart_flush(void)
{
	if (!uart.absent)
		wait_for(LSR_TEMT);
}

const struct console_dev uart_console = {
	.putc = uart_putc, .getc = uart_getc, .flush = uart_flush,
};

/* The UART of the SPCR table. -EINVAL: in an address space that it cannot be in here. */
static int spcr_uart(const struct acpi_spcr *spcr, struct uart *to)
{
	const struct acpi_gas *gas = &spcr->uart;

	*to = uart;
	to->regs = NULL;
	to->stride = gas->bit_width > 8 ? gas->bit_width / 8 : 1;
	if (gas->space == ACPI_SPACE_MEMORY)
		to->regs = mmio_map(gas->addr, UART_REGS * to->stride);
	else if (gas->space == ACPI_SPACE_IO && gas->addr <= UINT16_MAX - UART_REGS)
		to->port = gas->addr;
	else
		return -EINVAL;
	if (gas->space == ACPI_SPACE_MEMORY && !to->regs)
		return -EINVAL;
	to->baud = spcr->baud ? spcr->baud : uart.baud;
	to->gsi = spcr->gsi;
	to->irq = spcr->irq ? spcr->irq : to->regs ? 0 : port_irq(to->port);
	return 0;
}

void uart_use_spcr(void)
{
	const struct acpi_gas *gas = &acpi.spcr.uart;
	struct uart before = uart, other;

	if (!acpi.spcr.valid)
		return;
	if (spcr_uart(&acpi.spcr, &other)) {
		pr_warn("uart: SPCR: address space %u, %#lx cannot be used", gas->space, gas->addr);
		return;
	}
	if (other.regs || other.port != uart.port)
		pr_info("uart: SPCR: the console goes on at %s %#lx", other.regs ? "address" :
			"port", gas->addr);
	uart_flush();
	uart = other;
	uart_setup();
	if (uart.absent) {
		uart = before;
		pr_warn("uart: SPCR: nothing is at %#lx, the console stays", gas->addr);
	}
}

/* Modem control while input is on; RTS asks the other end to send (§8.7). */
static void set_rts(bool on)
{
	uart.holding = !on;
	uart_write(MCR, MCR_DTR | (on ? MCR_RTS : 0) | (uart.by_irq ? MCR_OUT2 : 0));
}

/* The line is edge-triggered: what is left unread makes no further interrupt. */
static void input(void)
{
	bool taken = console_poll();

	if (uart.holding == taken)
		set_rts(taken);
	if (!taken || !uart.by_irq)
		timer_start(&input_timer, time_ns() + POLL_NS);
	else if (uart_read(LSR) & LSR_DR)
		work_queue(&input_work);
}

static void input_run(struct work *work)
{
	input();
}

static void input_irq(void *arg)
{
	work_queue(&input_work);
}

static void input_timer_run(struct timer *timer)
{
	input();
}

static int route_irq(void)
{
	struct acpi_override pin = acpi_isa_irq(uart.irq);
	int vector;

	if (!uart.gsi && !uart.irq)
		return -ENOENT;
	if (uart.gsi)
		pin = (struct acpi_override){ .gsi = uart.gsi };
	vector = irq_vector_alloc(input_irq, NULL, "uart");
	return vector < 0 ? vector : ioapic_route(pin.gsi, vector, pin.level, pin.active_low);
}

void uart_start_input(void)
{
	if (uart.absent)
		return;
	work_init(&input_work, this_cpu(), input_run);
	timer_init(&input_timer, input_timer_run);
	uart.by_irq = !route_irq();
	if (uart.regs)
		pr_info("uart: at %p: %u bit/s, %s", (void *)uart.regs, uart.baud,
			uart.by_irq ? "interrupt" : "polled");
	else
		pr_info("uart: port %#x: %u bit/s, %s", uart.port, uart.baud,
			uart.by_irq ? "interrupt" : "polled");
	set_rts(true);
	if (uart.by_irq)
		uart_write(IER, IER_RX);
	work_queue(&input_work);	/* what was typed meanwhile */
}
