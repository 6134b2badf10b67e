/* SPDX-License-Identifier: BSD-2-Clause */
/* Host interrupt vectors: who has which, and messages that raise them. */
#ifndef TESTS_UNIT_MOCK_IRQ_H
#define TESTS_UNIT_MOCK_IRQ_H

#include "kernel/types.h"

#define MOCK_VECTOR_FIRST	0x30
#define MOCK_VECTORS		20
#define MOCK_MSI_ADDR		0xfee05000ull	/* of every message: APIC id 5 */

struct cpu;

struct mock_irq {
	unsigned int used;	/* vectors given out now */
	int left;		/* so many more can be had; -1: no bound but MOCK_VECTORS */
	bool no_message;	/* CPUs cannot be reached by messages */
	const struct cpu *cpu;	/* that the last message is for */
};

extern struct mock_irq mock_irq;

void mock_irq_init(void);
/* A device writes @data to @addr. False: no vector of anybody's. */
bool mock_irq_message(u64 addr, u32 data);

#endif
