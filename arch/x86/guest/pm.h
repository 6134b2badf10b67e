/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power and reset: the sleep registers of a hardware-reduced ACPI platform (ACPI 6.5 §4.8.3.7),
 * the reset control register 0xcf9 (ICH9, 316972, §13.7.5), the keyboard controller's reset
 * pulse (port 0x64) and port 0x92 (§13.7.2). All of them only ask the life cycle.
 */
#ifndef ARCH_X86_GUEST_PM_H
#define ARCH_X86_GUEST_PM_H

#include "arch/x86/guest/vpc_map.h"
#include "kernel/io.h"
#include "kernel/types.h"

struct guest;

enum vpm_ports {
	VPM_SLEEP_CONTROL = VPC_SLEEP_PORT,
	VPM_SLEEP_STATUS = VPC_SLEEP_PORT + 1,
	VPM_RESET = 0xcf9,
	VPM_KBC_COMMAND = 0x64,
	VPM_PORT92 = 0x92,
};
#define VPM_SLP_TYP_S5	5	/* as \_S5 in dsdt.asl says */
#define VPM_RESET_VALUE	0x06	/* FADT RESET_VALUE: hard reset by 0xcf9 */

struct vpm {
	struct guest *guest;
	u8 reset_control;	/* 0xcf9 */
	u8 sleep_control;
	u8 port92;
};

/* dev: struct vpm; guest->lock held */
extern const struct io_ops vpm_sleep_ops, vpm_kbc_ops, vpm_port92_ops;

/* Once, when @guest is made; and at each of its resets: power-on. */
void vpm_init(struct vpm *pm, struct guest *guest);
void vpm_reset(struct vpm *pm);
/* 0xcf9 lies inside the PCI address port, which hands byte accesses on. */
u8 vpm_reset_read(const struct vpm *pm);
void vpm_reset_write(struct vpm *pm, u8 val);

#endif
