/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's serial line: a 16550, polled for output, interrupt or timer for input. */
#ifndef DRIVERS_SERIAL_UART16550_H
#define DRIVERS_SERIAL_UART16550_H

#include "kernel/console.h"

/* CONFIG_SERIAL_PORT at CONFIG_SERIAL_BAUD. Needs nothing: first of all. */
void uart_init(void);

/*
 * The firmware's SPCR table names another UART or speed: use that from now on. What is there is
 * left as it is when SPCR names none. After acpi_init(), before uart_start_input().
 */
void uart_use_spcr(void);

/* Have console_poll() called when something was typed. BSP, after apic_init() and tsc_init(). */
void uart_start_input(void);

extern const struct console_dev uart_console;

#endif
