/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI host bridge: configuration mechanism #1 (PCI Local Bus 3.0 §3.2.2.3.2: ports 0xcf8
 * and 0xcfc), ECAM for bus 0 (PCI Express 3.0 §7.2.2), and the bridge's own function 00:00.0.
 */
#ifndef ARCH_X86_GUEST_PCI_HOST_H
#define ARCH_X86_GUEST_PCI_HOST_H

#include "kernel/io.h"
#include "kernel/types.h"
#include "kernel/vpci.h"

struct guest;
struct vpm;

enum vpci_host_map {
	VPCI_CONFIG_ADDRESS = 0xcf8,	/* 4 ports, then 4 of CONFIG_DATA */
	VPCI_CONFIG_PORTS = 8,
};

struct vpci_host {
	struct vpci_bus bus;
	struct vpci_dev bridge;
	struct vpm *pm;			/* 0xcf9 */
	u32 address;			/* CONFIG_ADDRESS */
};

/* dev: struct vpci_host; guest->lock held */
extern const struct io_ops vpci_host_pio_ops, vpci_host_ecam_ops;

/* 0 or what vpci_add() says. */
int vpci_host_init(struct vpci_host *host, struct guest *guest, struct vpm *pm);
void vpci_host_reset(struct vpci_host *host);	/* the ports; not the functions on the bus */

#endif
