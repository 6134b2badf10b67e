/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding the machine's ACPI tables in physical memory; acpi_tables.c understands them. */
#include <errno.h>
#include <string.h>

#include "arch/x86/acpi.h"
#include "arch/x86/acpi_tables.h"
#include "arch/x86/paging.h"
#include "arch/x86/smp.h"
#include "boot/boot.h"
#include "kernel/log.h"

#define TABLE_MAX	(1 * MIB)	/* larger ones are not believed; DSDTs have some 100 KiB */
#define TABLES_MAX	256		/* entries of the XSDT looked at */

/* ACPI 6.5 5.2.5.1: where the RSDP is on a BIOS machine */
#define BDA_EBDA_SEGMENT 0x40e		/* BIOS data area: segment of the extended one */
#define EBDA_SCAN	(1 * KIB)
#define BIOS_AREA	0xe0000
#define BIOS_AREA_END	0x100000

struct acpi_info acpi;

/* A table's bytes, checked. NULL after a line saying what is wrong with it. */
static const u8 *table_map(u64 phys, const char *signature, size_t *len)
{
	const u8 *table = firmware_map(phys, ACPI_HEADER_LEN);
	int err;

	*len = table ? acpi_table_length(table, TABLE_MAX) : 0;
	table = *len ? firmware_map(phys, *len) : NULL;
	if (!table) {
		pr_warn("acpi: %.4s: at %#lx: no table of sane length there", signature,
			phys);
		return NULL;
	}
	err = acpi_table_check(table, *len, signature);
	if (err) {
		pr_warn("acpi: %.4s: at %#lx: %s, ignored", signature, phys,
			err == -EBADMSG ? "checksum is wrong" : "not that table");
		return NULL;
	}
	return table;
}

static void read_dsdt(u64 phys)
{
	size_t len;
	const u8 *table = phys ? table_map(phys, "DSDT", &len) : NULL;

	if (table && acpi_parse_s5(table, len, &acpi.s5))
		pr_warn("acpi: DSDT: no \\_S5 package that is understood, no power-off by ACPI");
}

static void read_ssdt(const u8 *table, size_t len)
{
	if (!acpi.s5.valid)
		acpi_parse_s5(table, len, &acpi.s5);
}

static int read_table(const char *signature, const u8 *table, size_t len)
{
	if (!strcmp(signature, "APIC"))
		return acpi_parse_madt(table, len, &acpi.madt);
	if (!strcmp(signature, "FACP"))
		return acpi_parse_fadt(table, len, &acpi.fadt);
	if (!strcmp(signature, "MCFG"))
		return acpi_parse_mcfg(table, len, acpi.mcfg, ACPI_MCFG_MAX, &acpi.nr_mcfg);
	if (!strcmp(signature, "HPET"))
		return acpi_parse_hpet(table, len, &acpi.hpet);
	if (!strcmp(signature, "SPCR"))
		return acpi_parse_spcr(table, len, &acpi.spcr);
	if (!strcmp(signature, "SSDT"))
		read_ssdt(table, len);
	return 0;
}

static void consider_table(u64 phys)
{
	static const char *const wanted[] = { "APIC", "FACP", "MCFG", "HPET", "SPCR", "SSDT" };
	const u8 *header = phys ? firmware_map(phys, ACPI_HEADER_LEN) : NULL;
	const u8 *table;
	size_t len;

	for (unsigned int i = 0; header && i < ARRAY_SIZE(wanted); i++) {
		if (memcmp(header, wanted[i], 4))
			continue;
		table = table_map(phys, wanted[i], &len);
		if (table && read_table(wanted[i], table, len))
			pr_warn("acpi: %s: too short or malformed, used as far as it goes",
				wanted[i]);
	}
}

/* The XSDT, or the RSDT where there is none: tables in their order, the DSDT last. */
static int read_tables(const struct acpi_rsdp *rsdp)
{
	size_t len = 0;
	const u8 *sdt = rsdp->xsdt ? table_map(rsdp->xsdt, "XSDT", &len) : NULL;
	unsigned int entry_size = sizeof(u64), n;

	if (!sdt) {
		entry_size = sizeof(u32);
		sdt = rsdp->rsdt ? table_map(rsdp->rsdt, "RSDT", &len) : NULL;
	}
	if (!sdt)
		return -EINVAL;
	n = acpi_sdt_entries(sdt, len, entry_size);
	for (unsigned int i = 0; i < MIN(n, (unsigned int)TABLES_MAX); i++)
		consider_table(acpi_sdt_entry(sdt, len, entry_size, i));
	read_dsdt(acpi.fadt.dsdt);
	return 0;
}

static int scan_area(u64 phys, u64 size, struct acpi_rsdp *rsdp)
{
	const u8 *area = firmware_map(phys, size);
	long at = area ? acpi_scan_rsdp(area, size) : -ENOENT;

	return at < 0 ? -ENOENT : acpi_parse_rsdp(area + at, size - at, rsdp);
}

static int find_rsdp(const struct boot_info *bi, struct acpi_rsdp *rsdp)
{
	const u8 *p;
	u16 segment = 0;

	if (bi->rsdp_copy_len && !acpi_parse_rsdp(bi->rsdp_copy, bi->rsdp_copy_len, rsdp))
		return 0;
	p = bi->rsdp ? firmware_map(bi->rsdp, ACPI_RSDP2_LEN) : NULL;
	if (p && !acpi_parse_rsdp(p, ACPI_RSDP2_LEN, rsdp))
		return 0;
	if (bi->efi)		/* its RSDP is in no area that could be searched */
		return -ENOENT;
	p = firmware_map(BDA_EBDA_SEGMENT, sizeof(segment));
	if (p)
		memcpy(&segment, p, sizeof(segment));
	if (segment && !scan_area((u64)segment << 4, EBDA_SCAN, rsdp))
		return 0;
	return scan_area(BIOS_AREA, BIOS_AREA_END - BIOS_AREA, rsdp);
}

int acpi_init(const struct boot_info *bi)
{
	struct acpi_rsdp rsdp;
	int err = find_rsdp(bi, &rsdp);

	if (!err)
		err = read_tables(&rsdp);
	if (err) {
		pr_warn("acpi: no usable tables: a plain PC with one CPU is assumed");
		return err;
	}
	acpi.present = true;
	memcpy(acpi.oem_id, rsdp.oem_id, sizeof(acpi.oem_id));
	pr_info("acpi: revision %u, OEM %s: %u CPUs, %u I/O APICs, %u ECAM areas%s%s%s",
		rsdp.revision, acpi.oem_id, acpi.madt.nr_cpus, acpi.madt.nr_ioapics, acpi.nr_mcfg,
		acpi.hpet.addr ? ", HPET" : "", acpi.spcr.valid ? ", SPCR" : "",
		acpi.s5.valid ? ", S5" : "");
	if (acpi.madt.cpus_left_out)
		pr_warn("acpi: MADT: %u CPUs beyond CONFIG_MAX_CPUS=%d left out",
			acpi.madt.cpus_left_out, CONFIG_MAX_CPUS);
	return 0;
}

struct acpi_override acpi_isa_irq(u8 irq)
{
	for (unsigned int i = 0; i < acpi.madt.nr_overrides; i++)
		if (acpi.madt.override[i].irq == irq)
			return acpi.madt.override[i];
	return (struct acpi_override){ .irq = irq, .gsi = irq };
}
