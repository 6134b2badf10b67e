/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest without vCPUs: RAM, I/O spaces, doorbells, a PCI bus, and a record of the
 * interrupts that devices raise. Takes the place of the arch half.
 */
#ifndef TESTS_UNIT_MOCK_GUEST_H
#define TESTS_UNIT_MOCK_GUEST_H

#include "kernel/guest.h"
#include "kernel/vpci.h"
#include "tests/unit/mock_driver.h"

#define MOCK_WINDOW	0xd0000000	/* PCI memory window */
#define MOCK_WINDOW_SIZE 0x0fe00000
#define MOCK_PORTS	0xc000		/* and its I/O window */
#define MOCK_PORTS_SIZE	0x1000
#define MOCK_MSI_ADDR	0xfee00000

struct mock_guest {
	struct guest guest;
	struct guest_config config;
	struct vpci_bus bus;
	struct mock_ram ram;
	unsigned int msis;		/* messages since the last clear */
	unsigned int msi_data[256];	/* by low byte of the data */
	u64 msi_addr;
	bool line[24];
	unsigned int line_changes;
};

void mock_guest_init(struct mock_guest *mg, const char *name, u64 ram);
void mock_guest_free(struct mock_guest *mg);
void mock_guest_clear(struct mock_guest *mg);

/* What a vCPU does: doorbells first, then the space. */
u64 mock_mmio_read(struct mock_guest *mg, u64 gpa, unsigned int size);
void mock_mmio_write(struct mock_guest *mg, u64 gpa, unsigned int size, u64 val);
u64 mock_pio_read(struct mock_guest *mg, u16 port, unsigned int size);
void mock_pio_write(struct mock_guest *mg, u16 port, unsigned int size, u64 val);

#endif
