/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual PC: the devices around the vCPUs, their addresses, and the guest's RAM map.
 * Each device has its own file here; this is the board they sit on.
 */
#ifndef ARCH_X86_GUEST_VPC_H
#define ARCH_X86_GUEST_VPC_H

#include "arch/x86/guest/ioapic.h"
#include "arch/x86/guest/pci_host.h"
#include "arch/x86/guest/pic.h"
#include "arch/x86/guest/pit.h"
#include "arch/x86/guest/pm.h"
#include "arch/x86/guest/rtc.h"
#include "arch/x86/guest/uart.h"
#include "arch/x86/guest/vpc_map.h"
#include "kernel/log.h"
#include "kernel/types.h"

struct guest;
struct vcpu;

/* I/O APIC pins of the devices on board. IRQ 0 is on pin 2, as the MADT's override says. */
enum vpc_gsi {
	VPC_GSI_PIT = 2,
	VPC_GSI_COM1 = 4,
	VPC_GSI_RTC = 8,
	VPC_GSI_PCI = 16,	/* ... 19: INTx, vpci_intx_gsi() */
};

/* The PCI lines at the 8259s: GSI 16 and 18 are IRQ 10, 17 and 19 IRQ 11. */
#define VPC_IRQ_PCI	10

struct vpc {
	struct guest *guest;
	struct vioapic ioapic;
	struct vpci_host pci;
	struct vuart uart;
	struct vpm pm;
	struct vrtc rtc;
#ifdef CONFIG_LEGACY_DEVICES
	struct vpic pic;
	struct vpit pit;
#endif
	u32 intx_lines;		/* PCI pins asserted; atomic */
	u64 msi_dropped;
	struct ratelimit msi_limit;
	u64 unclaimed;		/* accesses that no device answered */
};

/*
 * Exits that the board answers. vcpu_exit_*() of arch/x86/guest/exit.c decodes the instruction
 * and calls these with plain accesses, guest->lock held.
 */
u64 vpc_pio_read(struct guest *guest, u16 port, unsigned int size);
void vpc_pio_write(struct guest *guest, u16 port, unsigned int size, u64 val);
u64 vpc_mmio_read(struct vcpu *vcpu, u64 gpa, unsigned int size);	/* LAPIC page included */
void vpc_mmio_write(struct vcpu *vcpu, u64 gpa, unsigned int size, u64 val);

/* The 8259 pair as a local APIC's LINT0 sees it; any CPU. Without CONFIG_LEGACY_DEVICES: none. */
bool vpc_pic_asserted(const struct vpc *vpc);
int vpc_pic_vector(struct vpc *vpc);
void vpc_pic_accept(struct vpc *vpc, u8 vector);

/* A local APIC's EOI message for a level-triggered @vector. Any CPU. */
void vpc_eoi(struct vpc *vpc, u8 vector);

#endif
