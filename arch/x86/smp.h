/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Platform bring-up in the order kernel_main() calls it. Each says its own line in the boot
 * log; an error has been said on the console.
 */
#ifndef ARCH_X86_SMP_H
#define ARCH_X86_SMP_H

#include "kernel/types.h"

struct boot_info;
struct cpu;

void traps_init(struct cpu *cpu);	/* GDT, TSS, IDT, IST stacks; also loads GS */
int paging_init(const struct boot_info *bi);	/* W^X image map, direct map; after mem_init() */
int acpi_init(const struct boot_info *bi);	/* -ENOENT: no RSDP (a plain PC is assumed) */
int apic_init(void);			/* BSP's LAPIC (x2APIC if there), I/O APICs, PICs masked */
int tsc_init(void);			/* calibrates; time_ns() is right from here on */
void smp_start(void (*entry)(struct cpu *cpu));	/* all APs; each runs entry() on its stack */

/*
 * Host interrupts are taken with this: vectors are allocated at boot; the handler runs with
 * interrupts off, on the CPU that took it, and should only queue work.
 */
typedef void (*irq_fn)(void *arg);
int irq_vector_alloc(irq_fn fn, void *arg, const char *name);	/* vector, or -ENOSPC */
void irq_vector_free(int vector);
/* What a device has to write where to raise @vector on @cpu. -ERANGE: needs remapping. */
struct msi_message {
	u64 addr;
	u32 data;
};
int irq_msi_message(int vector, const struct cpu *cpu, struct msi_message *msg);
/* A PCI INTx or legacy line: I/O APIC pin @gsi to @vector on the BSP. -ENOENT: no such pin. */
int ioapic_route(unsigned int gsi, unsigned int vector, bool level, bool active_low);
void ioapic_mask(unsigned int gsi, bool masked);
/* The trap stub's, and a backend's for an acknowledged external interrupt. EOI included. */
void irq_dispatch(unsigned int vector);

/* FADT reset register, else port CF9H, else 8042, else a triple fault. */
void machine_reboot(void) __attribute__((noreturn));
/* ACPI S5, else emulators' ports, else halt. */
void machine_poweroff(void) __attribute__((noreturn));
/* This CPU, for ever. */
void machine_halt(void) __attribute__((noreturn));

u64 tsc_khz(void);		/* of the host TSC; after tsc_init() */
u64 tsc_from_ns(u64 ns);	/* time_ns() value -> host TSC, rounded up */
u64 tsc_to_ns(u64 tsc);		/* host TSC -> time_ns() value */

#endif
