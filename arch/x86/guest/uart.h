/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * COM1: a 16550A at 0x3f8, IRQ 4, in front of the guest's share of the console. What is
 * transmitted has left at once, so THR is always empty; received bytes wait in the console's
 * buffer and move to the FIFO as it drains. Source: National PC16550D data sheet.
 */
#ifndef ARCH_X86_GUEST_UART_H
#define ARCH_X86_GUEST_UART_H

#include "kernel/io.h"
#include "kernel/types.h"
#include "kernel/work.h"

struct guest;
struct guest_console;

#define VUART_BASE	0x3f8
#define VUART_PORTS	8
#define VUART_FIFO	16

struct vuart {
	struct guest *guest;
	struct guest_console *console;
	struct work input;	/* something was typed: on the guest's CPU */
	u8 ier, lcr, mcr, scr, dll, dlm;
	bool fifo;		/* FCR: FIFOs enabled */
	u8 trigger;		/* receive interrupt from so many bytes on */
	bool thre_pending;	/* THR became empty and nobody was told */
	bool overrun;		/* LSR.OE */
	u8 msr_delta;		/* MSR bits 3:0 */
	u8 rx[VUART_FIFO];
	unsigned int rx_head, rx_len;
};

extern const struct io_ops vuart_ops;	/* dev: struct vuart; guest->lock held */

struct cpu;
/* @cpu: where the guest's vCPUs run. Binds itself to guest->console. */
void vuart_init(struct vuart *uart, struct guest *guest, struct cpu *cpu);
void vuart_free(struct vuart *uart);	/* on that CPU */
void vuart_reset(struct vuart *uart);

#endif
