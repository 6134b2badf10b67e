/* SPDX-License-Identifier: BSD-2-Clause */
/* The PCI function of tests/unit/virtio_nic.c: configuration space, its BAR, interrupts. */
#ifndef TESTS_UNIT_VIRTIO_NIC_PCI_H
#define TESTS_UNIT_VIRTIO_NIC_PCI_H

#include "kernel/types.h"

struct cpu;

#define BAR_BASE	0xfe000000ull
#define COMMON		0x0000u		/* structures in the BAR */
#define ISR		0x1000u
#define DEVICE		0x2000u
#define NOTIFY		0x3000u
#define REGS		0x4000u
#define MULTIPLIER	4u
#define PAIRS		4u		/* of which the driver uses as many as there are CPUs */
#define QUEUES		(2 * PAIRS + 1)	/* the last is the control queue */

/* Capabilities as after reset; no handler. */
void virtio_nic_pci_init(void);
/* Has the driver asked for INTx? */
bool virtio_nic_intx(void);
/* Is its line still being looked for? */
bool virtio_nic_seeks_intx(void);
/*
 * Have its handler called: by INTx if the ISR has a bit, or by message @vector if @pending, which
 * has to reach @cpu (NULL: any). True: it was.
 */
bool virtio_nic_assert_intx(void);
bool virtio_nic_message(bool *pending, u16 vector, const struct cpu *cpu);

#endif
