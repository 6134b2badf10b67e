/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An 82540EM or 82574L to run the driver against: registers, descriptors, interrupt causes, with
 * the failures that tests want. Register accesses reach it through mmio_read32/mmio_write32, and
 * it plays the PCI side too. Misuse by the driver fails the test at once.
 */
#ifndef TESTS_UNIT_MOCK_E1000_H
#define TESTS_UNIT_MOCK_E1000_H

#include "drivers/pci/pci.h"
#include "kernel/types.h"
#include "tests/unit/nic_bench.h"

struct mock_e1000 {
	struct pci_dev pci;
	bool is_82574;
	enum pci_irq_kind irq;		/* the best kind that the machine allows */
	u16 eeprom[64];
	/* What is wrong with it. */
	bool rst_stuck, eerd_dead, no_interrupt, tx_stopped;
	bool keeps_ral;			/* RAL/RAH are loaded from the EEPROM at reset */
	bool link;
	/* What it did. */
	struct mock_sent *sent;		/* [MOCK_SENT_MAX], a ring */
	unsigned int nr_sent, resets, contexts, tdt_writes, missed;
	bool mastering;
	u32 icr, ims, rctl, tctl;
};

extern struct mock_e1000 mock_nic;

void mock_nic_init(void);		/* before each probe: the model, as after power-on */
/* The driver's interrupt handler, if an unmasked cause is pending. True if it was called. */
bool mock_nic_interrupt(void);
bool mock_nic_queue_interrupt(unsigned int q);	/* of one queue, on its CPU */
void mock_nic_shared_interrupt(void);	/* the handler, whatever the cause */
/* A frame from the wire; false: no room. @errors and @status are those of the descriptor. */
bool mock_nic_receive(const void *bytes, u32 len, u8 status, u8 errors);
void mock_nic_set_link(bool up);
void mock_nic_tx_go(void);		/* send what is between TDH and TDT */
u32 mock_nic_reg(u32 reg);

#endif
