/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsers of ACPI static tables: bytes in, structures out. They read nothing but the bytes given,
 * know nothing of physical memory, and trust no length: a table is checked by acpi_table_check()
 * first, and what does not fit inside it is left out.
 */
#ifndef ARCH_X86_ACPI_TABLES_H
#define ARCH_X86_ACPI_TABLES_H

#include "arch/x86/acpi.h"
#include "kernel/types.h"

#define ACPI_HEADER_LEN	36	/* 5.2.6: DESCRIPTION_HEADER */
#define ACPI_RSDP_LEN	20	/* 5.2.5.3, revision 0 */
#define ACPI_RSDP2_LEN	36	/* revision 2 */

struct acpi_rsdp {
	u8 revision;
	char oem_id[7];
	u64 rsdt, xsdt;		/* physical; 0: none */
};

/* @len bytes that may be an RSDP. 0, -ENOENT: no signature, -EINVAL: short or bad checksum. */
int acpi_parse_rsdp(const u8 *data, size_t len, struct acpi_rsdp *rsdp);
/* The offset of an RSDP on a 16-byte boundary in @data, or -ENOENT. */
long acpi_scan_rsdp(const u8 *data, size_t len);

/* The length in a table's header, 0 when it is below the header's own or above @max. */
u32 acpi_table_length(const u8 *header, u32 max);
/* Signature, length and checksum of a whole table. 0, -EINVAL (length) or -EBADMSG (checksum). */
int acpi_table_check(const u8 *table, size_t len, const char *signature);

/* Entries of an XSDT (@entry_size 8) or RSDT (4): how many, and the physical address of one. */
unsigned int acpi_sdt_entries(const u8 *table, size_t len, unsigned int entry_size);
u64 acpi_sdt_entry(const u8 *table, size_t len, unsigned int entry_size, unsigned int i);

/* Each takes a table that acpi_table_check() passed. 0 or -EINVAL: too short for its kind. */
int acpi_parse_madt(const u8 *table, size_t len, struct acpi_madt *madt);
int acpi_parse_fadt(const u8 *table, size_t len, struct acpi_fadt *fadt);
int acpi_parse_mcfg(const u8 *table, size_t len, struct acpi_mcfg *mcfg, unsigned int max,
		    unsigned int *nr);
int acpi_parse_hpet(const u8 *table, size_t len, struct acpi_hpet *hpet);
int acpi_parse_spcr(const u8 *table, size_t len, struct acpi_spcr *spcr);
/*
 * \_S5 in the DSDT's or an SSDT's AML: NameOp "_S5_" PackageOp, elements as integers
 * (20.2.3, 20.2.5). -ENOENT if it is not there or not that simple.
 */
int acpi_parse_s5(const u8 *table, size_t len, struct acpi_s5 *s5);

#endif
