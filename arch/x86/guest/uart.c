/* SPDX-License-Identifier: BSD-2-Clause */
/* The 16550A's registers and its interrupt (PC16550D data sheet, §8). */
#include <string.h>

#include "arch/x86/guest/uart.h"
#include "arch/x86/guest/vpc.h"
#include "kernel/guest.h"

/* PC16550D table II: offsets; 0 and 1 are the divisor latch while LCR.DLAB is set */
enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

enum {
	IER_RDI = BIT(0),	/* received data */
	IER_THRI = BIT(1),	/* THR empty */
	IER_RLSI = BIT(2),	/* line status */
	IER_MSI = BIT(3),	/* modem status */
	IER_MASK = 0xf,
	IIR_NONE = 0x01,
	IIR_MSI = 0x00,
	IIR_THRI = 0x02,
	IIR_RDI = 0x04,
	IIR_RLSI = 0x06,
	IIR_TIMEOUT = 0x0c,	/* data below the trigger level waits */
	IIR_FIFO = 0xc0,
	FCR_ENABLE = BIT(0),
	FCR_CLEAR_RX = BIT(1),
	FCR_TRIGGER_SHIFT = 6,
	LCR_DLAB = BIT(7),
	MCR_DTR = BIT(0),
	MCR_RTS = BIT(1),
	MCR_OUT1 = BIT(2),
	MCR_OUT2 = BIT(3),
	MCR_LOOP = BIT(4),
	MCR_MASK = 0x1f,
	LSR_DR = BIT(0),
	LSR_OE = BIT(1),
	LSR_THRE = BIT(5),
	LSR_TEMT = BIT(6),
	MSR_CTS = BIT(4),
	MSR_DSR = BIT(5),
	MSR_RI = BIT(6),
	MSR_DCD = BIT(7),
	MSR_TERI = BIT(2),	/* trailing edge of RI */
};

static const u8 trigger_levels[] = { 1, 4, 8, 14 };

/* ---- Receiver ---- */

static unsigned int rx_room(const struct vuart *uart)
{
	return (uart->fifo ? VUART_FIFO : 1) - uart->rx_len;
}

static void rx_push(struct vuart *uart, u8 c)
{
	uart->rx[(uart->rx_head + uart->rx_len++) % VUART_FIFO] = c;
}

static u8 rx_pop(struct vuart *uart)
{
	u8 c = uart->rx[uart->rx_head];

	uart->rx_head = (uart->rx_head + 1) % VUART_FIFO;
	uart->rx_len--;
	return c;
}

/* Take over what was typed; in loopback the receiver is not connected to the line. */
static void rx_fill(struct vuart *uart)
{
	while (!(uart->mcr & MCR_LOOP) && rx_room(uart)) {
		int c = console_guest_getc(uart->console);

		if (c < 0)
			break;
		rx_push(uart, (u8)c);
	}
}

/* ---- Interrupt ---- */

/* §8.6.4: sources by priority */
static u8 iir_now(const struct vuart *uart)
{
	if ((uart->ier & IER_RLSI) && uart->overrun)
		return IIR_RLSI;
	if ((uart->ier & IER_RDI) && uart->rx_len)
		return !uart->fifo || uart->rx_len >= uart->trigger ? IIR_RDI : IIR_TIMEOUT;
	if ((uart->ier & IER_THRI) && uart->thre_pending)
		return IIR_THRI;
	if ((uart->ier & IER_MSI) && uart->msr_delta)
		return IIR_MSI;
	return IIR_NONE;
}

/* OUT2, which gates the line on a PC, is left out as in QEMU: test kernels forget it. */
static void update(struct vuart *uart)
{
	guest_irq_line(uart->guest, VPC_GSI_COM1, iir_now(uart) != IIR_NONE);
}

/* ---- Registers ---- */

/* In loopback MCR drives the modem inputs (§8.7). */
static u8 msr_lines(const struct vuart *uart)
{
	u8 mcr = uart->mcr;

	if (!(mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (u8)((mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
		    (mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static void transmit(struct vuart *uart, u8 c)
{
	/* Writing THR takes the interrupt back; the line must fall for the next edge. */
	uart->thre_pending = false;
	update(uart);
	if (!(uart->mcr & MCR_LOOP))
		console_guest_putc(uart->console, (char)c);
	else if (rx_room(uart))
		rx_push(uart, c);
	else
		uart->overrun = true;
	uart->thre_pending = true;
}

static void fcr_write(struct vuart *uart, u8 val)
{
	bool fifo = val & FCR_ENABLE;

	if (fifo != uart->fifo || (val & FCR_CLEAR_RX))
		uart->rx_len = 0;
	uart->fifo = fifo;
	uart->trigger = fifo ? trigger_levels[val >> FCR_TRIGGER_SHIFT] : 1;
}

static void mcr_write(struct vuart *uart, u8 val)
{
	u8 before = msr_lines(uart), after;

	uart->mcr = val & MCR_MASK;
	after = msr_lines(uart);
	uart->msr_delta |= (u8)((before ^ after) >> 4 & ~MSR_TERI);
	if ((before & MSR_RI) && !(after & MSR_RI))
		uart->msr_delta |= MSR_TERI;
}

static void ier_write(struct vuart *uart, u8 val)
{
	/* Enabling it while THR is empty raises it: Linux tests for that. */
	if ((val & IER_THRI) && !(uart->ier & IER_THRI))
		uart->thre_pending = true;
	uart->ier = val & IER_MASK;
}

static void reg_write(struct vuart *uart, unsigned int reg, u8 val)
{
	bool dlab = uart->lcr & LCR_DLAB;

	switch (reg) {
	case RBR_THR:
		if (dlab)
			uart->dll = val;
		else
			transmit(uart, val);
		break;
	case IER:
		if (dlab)
			uart->dlm = val;
		else
			ier_write(uart, val);
		break;
	case IIR_FCR:
		fcr_write(uart, val);
		break;
	case LCR:
		uart->lcr = val;
		break;
	case MCR:
		mcr_write(uart, val);
		break;
	case SCR:
		uart->scr = val;
		break;
	}
}

static u8 iir_read(struct vuart *uart)
{
	u8 iir = iir_now(uart);

	if (iir == IIR_THRI)	/* read as the source: told */
		uart->thre_pending = false;
	return iir | (uart->fifo ? IIR_FIFO : 0);
}

static u8 lsr_read(struct vuart *uart)
{
	u8 lsr = LSR_THRE | LSR_TEMT | (uart->rx_len ? LSR_DR : 0) | (uart->overrun ? LSR_OE : 0);

	uart->overrun = false;
	return lsr;
}

static u8 msr_read(struct vuart *uart)
{
	u8 msr = msr_lines(uart) | uart->msr_delta;

	uart->msr_delta = 0;
	return msr;
}

static u8 reg_read(struct vuart *uart, unsigned int reg)
{
	bool dlab = uart->lcr & LCR_DLAB;

	switch (reg) {
	case RBR_THR:
		if (dlab)
			return uart->dll;
		return uart->rx_len ? rx_pop(uart) : 0;
	case IER:
		return dlab ? uart->dlm : uart->ier;
	case IIR_FCR:
		return iir_read(uart);
	case LCR:
		return uart->lcr;
	case MCR:
		return uart->mcr;
	case LSR:
		return lsr_read(uart);
	case MSR:
		return msr_read(uart);
	default:
		return uart->scr;
	}
}

static u64 vuart_read(void *dev, u64 off, unsigned int size)
{
	struct vuart *uart = dev;
	u8 val;

	rx_fill(uart);
	val = reg_read(uart, (unsigned int)off);
	rx_fill(uart);
	update(uart);
	return val;
}

static void vuart_write(void *dev, u64 off, unsigned int size, u64 val)
{
	struct vuart *uart = dev;

	reg_write(uart, (unsigned int)off, (u8)val);
	rx_fill(uart);
	update(uart);
}

const struct io_ops vuart_ops = { .read = vuart_read, .write = vuart_write };

/* ---- Input, life ---- */

static void input_work(struct work *work)
{
	struct vuart *uart = container_of(work, struct vuart, input);

	spin_lock(&uart->guest->lock);
	rx_fill(uart);
	update(uart);
	spin_unlock(&uart->guest->lock);
}

/* On the CPU that reads the keyboard, maybe with the console's lock held: not more than this. */
static void input_ready(struct guest_console *console)
{
	struct vuart *uart = console->uart;

	work_queue(&uart->input);
}

void vuart_reset(struct vuart *uart)
{
	uart->ier = uart->lcr = uart->mcr = uart->scr = 0;
	uart->dll = 12;		/* 9600 baud, as firmware leaves it */
	uart->dlm = 0;
	uart->fifo = uart->thre_pending = uart->overrun = false;
	uart->trigger = 1;
	uart->msr_delta = 0;
	uart->rx_len = 0;
	update(uart);
}

void vuart_init(struct vuart *uart, struct guest *guest, struct cpu *cpu)
{
	memset(uart, 0, sizeof(*uart));
	uart->guest = guest;
	uart->console = &guest->console;
	work_init(&uart->input, cpu, input_work);
	guest->console.uart = uart;
	guest->console.input_ready = input_ready;
	vuart_reset(uart);
}

void vuart_free(struct vuart *uart)
{
	uart->console->input_ready = NULL;
	work_cancel(&uart->input);
}
