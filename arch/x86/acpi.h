/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hypervisor uses of the machine's ACPI static tables. acpi_init() (arch/x86/smp.h)
 * finds and maps them; acpi_tables.c turns bytes into these structures and builds natively.
 * Source: ACPI 6.5 chapter 5; HPET: IA-PC HPET 1.0a 3.2.4; MCFG: PCI Firmware 3.2 4.1.2;
 * SPCR: Microsoft "Serial Port Console Redirection Table" revision 4.
 */
#ifndef ARCH_X86_ACPI_H
#define ARCH_X86_ACPI_H

#include "kernel/types.h"

#define ACPI_OVERRIDES_MAX	16
#define ACPI_IOAPICS_MAX	16
#define ACPI_MCFG_MAX		8

enum acpi_space {		/* 5.2.3.2, table 5.1: Generic Address Structure */
	ACPI_SPACE_MEMORY = 0,
	ACPI_SPACE_IO = 1,
	ACPI_SPACE_PCI_CONFIG = 2,
};

struct acpi_gas {
	u8 space;		/* enum acpi_space */
	u8 bit_width, bit_offset, access_size;
	u64 addr;		/* 0: register not there */
};

struct acpi_ioapic {
	u8 id;
	u32 gsi_base;
	u64 addr;
};

struct acpi_override {		/* 5.2.12.5 */
	u8 irq;			/* ISA */
	u32 gsi;
	bool level, active_low;
};

struct acpi_madt {
	u64 lapic_addr;
	bool pcat_compat;	/* 8259s are there */
	u32 apic_id[CONFIG_MAX_CPUS];	/* of the enabled CPUs */
	unsigned int nr_cpus;
	unsigned int cpus_left_out;	/* did not fit */
	struct acpi_ioapic ioapic[ACPI_IOAPICS_MAX];
	unsigned int nr_ioapics;
	struct acpi_override override[ACPI_OVERRIDES_MAX];
	unsigned int nr_overrides;
};

struct acpi_fadt {
	u64 dsdt;		/* physical */
	u16 sci_int;
	u32 smi_cmd;		/* port; 0: none */
	u8 acpi_enable;		/* value for it */
	struct acpi_gas pm1a_cnt, pm1b_cnt;
	struct acpi_gas pm_tmr;	/* ACPI PM timer */
	bool pm_tmr_32bit;
	bool reset_supported;
	struct acpi_gas reset_reg;
	u8 reset_value;
	bool hw_reduced;
};

struct acpi_s5 {		/* 7.4.2: \_S5, the sleep types that power off */
	bool valid;
	u8 slp_typa, slp_typb;
};

struct acpi_mcfg {
	u64 base;		/* ECAM of bus 0 of the segment (not of first_bus) */
	u16 segment;
	u8 first_bus, last_bus;
};

struct acpi_hpet {
	u64 addr;		/* memory; 0: none */
	u16 min_tick;
};

struct acpi_spcr {
	bool valid;
	struct acpi_gas uart;
	u32 gsi;		/* 0: no interrupt told */
	u8 irq;			/* ISA interrupt; 0: none */
	unsigned int baud;	/* 0: as firmware left it */
};

struct acpi_info {
	bool present;
	char oem_id[7];
	struct acpi_madt madt;
	struct acpi_fadt fadt;
	struct acpi_s5 s5;
	struct acpi_mcfg mcfg[ACPI_MCFG_MAX];
	unsigned int nr_mcfg;
	struct acpi_hpet hpet;
	struct acpi_spcr spcr;
};

/* Filled by acpi_init(), read-only afterwards. What a table did not tell is zero. */
extern struct acpi_info acpi;

/* The pin and mode of ISA interrupt @irq: the MADT's override, or as is, edge, active high. */
struct acpi_override acpi_isa_irq(u8 irq);

#endif
