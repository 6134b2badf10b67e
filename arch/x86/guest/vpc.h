/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual PC: the devices around the vCPUs, their addresses, and the guest's RAM map.
 * Each device has its own file here; this is the board they sit on.
 */
#ifndef ARCH_X86_GUEST_VPC_H
#define ARCH_X86_GUEST_VPC_H

#include "kernel/types.h"
#include "kernel/vpci.h"

struct guest;
struct vcpu;
struct hvm_exit;

/* Guest-physical map. RAM is [0, min(size, VPC_LOW_RAM_MAX)) and the rest from 4 GiB up. */
enum vpc_map {
	VPC_LOW_RAM_MAX = 0xc0000000,
	VPC_ECAM_BASE = 0xe0000000,	/* 1 MiB: bus 0 */
	VPC_PCI_MMIO_BASE = 0xd0000000,
	VPC_PCI_MMIO_SIZE = 0x0fe00000,
	VPC_IOAPIC_BASE = 0xfec00000,
};

/*
 * Exits that the board answers. vcpu_exit_*() of arch/x86/guest/exit.c decodes the instruction
 * and calls these with plain accesses, guest->lock held.
 */
u64 vpc_pio_read(struct guest *guest, u16 port, unsigned int size);
void vpc_pio_write(struct guest *guest, u16 port, unsigned int size, u64 val);
u64 vpc_mmio_read(struct vcpu *vcpu, u64 gpa, unsigned int size);	/* LAPIC page included */
void vpc_mmio_write(struct vcpu *vcpu, u64 gpa, unsigned int size, u64 val);

#endif
