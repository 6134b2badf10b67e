/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware tables that a guest finds: RSDP, XSDT, FADT, MADT, MCFG, DSDT (ACPI 6.5 chapter
 * 5), between VPC_BIOS_BASE and VPC_RESET_VECTOR, where an RSDP is looked for.
 */
#ifndef ARCH_X86_GUEST_ACPI_TABLES_H
#define ARCH_X86_GUEST_ACPI_TABLES_H

#include "kernel/types.h"

struct guest;

/* Write them into @guest's memory. 0 with @rsdp the RSDP's address, or -E2BIG. */
int guest_acpi_install(struct guest *guest, u64 *rsdp);

/* dsdt.asl, compiled */
extern const u8 dsdt_aml[], dsdt_aml_end[];

#endif
