/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI table parsers: what firmware writes, and what broken firmware does. Each table is handed
 * over in a heap block of exactly its length, so that the sanitizer sees a byte too far.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/acpi_tables.h"

/* A table under construction. */
struct table {
	u8 data[1024];
	size_t len;
};

static void put(struct table *t, u64 val, unsigned int bytes)
{
	for (; bytes; bytes--, val >>= 8)
		t->data[t->len++] = val;
}

static void put_at(struct table *t, size_t at, u64 val, unsigned int bytes)
{
	for (; bytes; bytes--, val >>= 8)
		t->data[at++] = val;
	t->len = MAX(t->len, at);
}

static void put_gas(struct table *t, size_t at, u8 space, u8 width, u64 addr)
{
	put_at(t, at, space, 1);
	put_at(t, at + 1, width, 1);
	put_at(t, at + 4, addr, 8);
}

static void begin(struct table *t, const char *signature)
{
	memset(t, 0, sizeof(*t));
	memcpy(t->data, signature, 4);
	t->len = ACPI_HEADER_LEN;
}

static void fix_checksum(u8 *data, size_t len, size_t at)
{
	u8 sum = 0;

	data[at] = 0;
	for (size_t i = 0; i < len; i++)
		sum += data[i];
	data[at] = -sum;
}

/* Length and checksum filled in; a block of exactly that size. */
static u8 *finish(struct table *t)
{
	u8 *copy = malloc(t->len);

	put_at(t, 4, t->len, 4);
	fix_checksum(t->data, t->len, 9);
	memcpy(copy, t->data, t->len);
	return copy;
}

/* ---- RSDP ---- */

static void make_rsdp(u8 *p, unsigned int revision, u32 rsdt, u64 xsdt)
{
	memset(p, 0, ACPI_RSDP2_LEN);
	memcpy(p, "RSD PTR ", 8);
	memcpy(p + 9, "BOCHS ", 6);
	p[15] = revision;
	memcpy(p + 16, &rsdt, 4);
	p[20] = ACPI_RSDP2_LEN;
	memcpy(p + 24, &xsdt, 8);
	fix_checksum(p, ACPI_RSDP_LEN, 8);
	fix_checksum(p, ACPI_RSDP2_LEN, 32);
}

static void rsdp_of_both_revisions(void **state)
{
	u8 p[ACPI_RSDP2_LEN];
	struct acpi_rsdp rsdp;

	make_rsdp(p, 0, 0x1234, 0x123456789);
	assert_int_equal(acpi_parse_rsdp(p, ACPI_RSDP_LEN, &rsdp), 0);
	assert_int_equal(rsdp.rsdt, 0x1234);
	assert_int_equal(rsdp.xsdt, 0);
	assert_string_equal(rsdp.oem_id, "BOCHS");
	make_rsdp(p, 2, 0x1234, 0x123456789);
	assert_int_equal(acpi_parse_rsdp(p, sizeof(p), &rsdp), 0);
	assert_int_equal(rsdp.xsdt, 0x123456789);
}

static void rsdp_with_errors(void **state)
{
	u8 p[ACPI_RSDP2_LEN];
	struct acpi_rsdp rsdp;

	make_rsdp(p, 2, 0x1234, 0x5678);
	assert_int_equal(acpi_parse_rsdp(p, ACPI_RSDP_LEN - 1, &rsdp), -EINVAL);
	/* Only the first part is there, or the second part's checksum is wrong: RSDT it is. */
	assert_int_equal(acpi_parse_rsdp(p, ACPI_RSDP_LEN, &rsdp), 0);
	assert_int_equal(rsdp.xsdt, 0);
	p[24]++;
	assert_int_equal(acpi_parse_rsdp(p, sizeof(p), &rsdp), 0);
	assert_int_equal(rsdp.xsdt, 0);
	assert_int_equal(rsdp.rsdt, 0x1234);
	/* Longer than what is there. */
	p[20] = 200;
	assert_int_equal(acpi_parse_rsdp(p, sizeof(p), &rsdp), 0);
	assert_int_equal(rsdp.xsdt, 0);
	p[16]++;
	assert_int_equal(acpi_parse_rsdp(p, sizeof(p), &rsdp), -EINVAL);
	p[0] = 'X';
	assert_int_equal(acpi_parse_rsdp(p, sizeof(p), &rsdp), -ENOENT);
}

static void rsdp_is_found_on_its_boundary_only(void **state)
{
	u8 area[256] = { 0 };

	assert_int_equal(acpi_scan_rsdp(area, sizeof(area)), -ENOENT);
	make_rsdp(area + 40, 0, 1, 0);
	assert_int_equal(acpi_scan_rsdp(area, sizeof(area)), -ENOENT);
	make_rsdp(area + 112, 0, 1, 0);
	memcpy(area + 16, "RSD PTR ", 8);	/* a signature with nothing behind it */
	area[16 + 8] = 0x55;
	assert_int_equal(acpi_scan_rsdp(area, sizeof(area)), 112);
	assert_int_equal(acpi_scan_rsdp(area, 112 + ACPI_RSDP_LEN - 1), -ENOENT);
	assert_int_equal(acpi_scan_rsdp(area, 5), -ENOENT);
}

/* ---- Headers, RSDT, XSDT ---- */

static void table_is_checked_whole(void **state)
{
	struct table t;
	u8 *p;

	begin(&t, "APIC");
	put(&t, 0x1122334455667788, 8);
	p = finish(&t);
	assert_int_equal(acpi_table_length(p, 1024), t.len);
	assert_int_equal(acpi_table_length(p, t.len - 1), 0);
	assert_int_equal(acpi_table_check(p, t.len, "APIC"), 0);
	assert_int_equal(acpi_table_check(p, t.len, "FACP"), -EINVAL);
	assert_int_equal(acpi_table_check(p, t.len - 1, "APIC"), -EINVAL);
	p[t.len - 1]++;
	assert_int_equal(acpi_table_check(p, t.len, "APIC"), -EBADMSG);
	p[4] = ACPI_HEADER_LEN - 1;
	assert_int_equal(acpi_table_length(p, 1024), 0);
	free(p);
}

static void sdt_entries_of_both_sizes(void **state)
{
	struct table t;
	u8 *p;

	begin(&t, "XSDT");
	put(&t, 0x100001000, 8);
	put(&t, 0x2000, 8);
	put(&t, 0x77, 3);		/* not a whole entry */
	p = finish(&t);
	assert_int_equal(acpi_sdt_entries(p, t.len, 8), 2);
	assert_int_equal(acpi_sdt_entry(p, t.len, 8, 0), 0x100001000);
	assert_int_equal(acpi_sdt_entry(p, t.len, 8, 1), 0x2000);
	assert_int_equal(acpi_sdt_entry(p, t.len, 8, 2), 0);
	assert_int_equal(acpi_sdt_entries(p, t.len, 4), 4);
	assert_int_equal(acpi_sdt_entry(p, t.len, 4, 1), 1);
	assert_int_equal(acpi_sdt_entries(p, ACPI_HEADER_LEN, 8), 0);
	free(p);
}

/* ---- MADT ---- */

static void madt_cpu(struct table *t, u8 apic_id, u32 flags)
{
	put(t, 0, 1);
	put(t, 8, 1);
	put(t, apic_id, 1);
	put(t, apic_id, 1);
	put(t, flags, 4);
}

static void madt_x2apic(struct table *t, u32 apic_id, u32 flags)
{
	put(t, 9, 1);
	put(t, 16, 1);
	put(t, 0, 2);
	put(t, apic_id, 4);
	put(t, flags, 4);
	put(t, apic_id, 4);
}

static void madt_override(struct table *t, u8 bus, u8 irq, u32 gsi, u16 flags)
{
	put(t, 2, 1);
	put(t, 10, 1);
	put(t, bus, 1);
	put(t, irq, 1);
	put(t, gsi, 4);
	put(t, flags, 2);
}

static void madt_begin(struct table *t)
{
	begin(t, "APIC");
	put(t, 0xfee00000, 4);
	put(t, 1, 4);
}

static void madt_of_a_pc(void **state)
{
	struct acpi_madt madt;
	struct table t;
	u8 *p;

	madt_begin(&t);
	madt_cpu(&t, 0, 1);
	madt_cpu(&t, 2, 1);
	madt_cpu(&t, 4, 0);		/* not there */
	madt_cpu(&t, 6, 2);		/* may be plugged in */
	madt_x2apic(&t, 0x12345, 1);
	put(&t, 0x0c01, 2);		/* I/O APIC, 12 bytes */
	put(&t, 0x0003, 2);
	put(&t, 0xfec00000, 4);
	put(&t, 24, 4);
	madt_override(&t, 0, 0, 2, 0);
	madt_override(&t, 0, 9, 9, 0x000d);
	madt_override(&t, 0, 5, 5, 0x000f);
	madt_override(&t, 1, 7, 7, 0x000f);	/* not ISA */
	put(&t, 0x0604, 2);		/* NMI: not of interest */
	put(&t, 0x0100, 4);
	put(&t, 0x0c05, 2);		/* local APIC address override */
	put(&t, 0, 2);
	put(&t, 0x1fee00000, 8);
	p = finish(&t);
	assert_int_equal(acpi_parse_madt(p, t.len, &madt), 0);
	assert_int_equal(madt.lapic_addr, 0x1fee00000);
	assert_true(madt.pcat_compat);
	assert_int_equal(madt.nr_cpus, 3);
	assert_int_equal(madt.apic_id[0], 0);
	assert_int_equal(madt.apic_id[1], 2);
	assert_int_equal(madt.apic_id[2], 0x12345);
	assert_int_equal(madt.nr_ioapics, 1);
	assert_int_equal(madt.ioapic[0].addr, 0xfec00000);
	assert_int_equal(madt.ioapic[0].gsi_base, 24);
	assert_int_equal(madt.nr_overrides, 3);
	assert_int_equal(madt.override[0].gsi, 2);
	assert_false(madt.override[0].level || madt.override[0].active_low);
	assert_true(madt.override[1].level && !madt.override[1].active_low);
	assert_true(madt.override[2].level && madt.override[2].active_low);
	free(p);
}

static void madt_with_more_than_fits(void **state)
{
	static u8 data[ACPI_HEADER_LEN + 8 + (CONFIG_MAX_CPUS + 3) * 16];
	struct acpi_madt madt;
	size_t at = ACPI_HEADER_LEN + 8;

	for (unsigned int i = 0; i < CONFIG_MAX_CPUS + 3; i++, at += 16) {
		data[at] = 9;
		data[at + 1] = 16;
		data[at + 4] = i;
		data[at + 8] = 1;
	}
	assert_int_equal(acpi_parse_madt(data, sizeof(data), &madt), 0);
	assert_int_equal(madt.nr_cpus, CONFIG_MAX_CPUS);
	assert_int_equal(madt.cpus_left_out, 3);
}

static void madt_with_bad_entries(void **state)
{
	struct acpi_madt madt;
	struct table t;
	u8 *p;

	madt_begin(&t);
	madt_cpu(&t, 1, 1);
	put(&t, 0x0400, 4);		/* a local APIC of 4 bytes: ignored */
	put(&t, 0x0000, 2);		/* length 0: would never end */
	madt_cpu(&t, 2, 1);
	p = finish(&t);
	assert_int_equal(acpi_parse_madt(p, t.len, &madt), -EINVAL);
	assert_int_equal(madt.nr_cpus, 1);
	free(p);
	madt_begin(&t);
	madt_cpu(&t, 1, 1);
	put(&t, 0x0900, 2);		/* beyond the end of the table */
	put(&t, 0, 6);
	p = finish(&t);
	assert_int_equal(acpi_parse_madt(p, t.len, &madt), -EINVAL);
	assert_int_equal(madt.nr_cpus, 1);
	free(p);
	assert_int_equal(acpi_parse_madt(t.data, ACPI_HEADER_LEN + 7, &madt), -EINVAL);
}

/* ---- FADT and \_S5 ---- */

static void fadt_begin(struct table *t, size_t len)
{
	begin(t, "FACP");
	put_at(t, 40, 0x7ffe0000, 4);
	put_at(t, 46, 9, 2);
	put_at(t, 48, 0xb2, 4);
	put_at(t, 52, 0xf1, 1);
	put_at(t, 64, 0xb004, 4);
	put_at(t, 76, 0xb008, 4);
	put_at(t, 89, 2, 1);
	put_at(t, 91, 4, 1);
	put_at(t, 112, BIT(8) | BIT(10), 4);
	t->len = len;
}

static void fadt_of_revision_1(void **state)
{
	struct acpi_fadt fadt;
	struct table t;
	u8 *p;

	fadt_begin(&t, 116);
	p = finish(&t);
	assert_int_equal(acpi_parse_fadt(p, t.len, &fadt), 0);
	assert_int_equal(fadt.dsdt, 0x7ffe0000);
	assert_int_equal(fadt.sci_int, 9);
	assert_int_equal(fadt.smi_cmd, 0xb2);
	assert_int_equal(fadt.acpi_enable, 0xf1);
	assert_int_equal(fadt.pm1a_cnt.space, ACPI_SPACE_IO);
	assert_int_equal(fadt.pm1a_cnt.addr, 0xb004);
	assert_int_equal(fadt.pm1a_cnt.bit_width, 16);
	assert_int_equal(fadt.pm1b_cnt.addr, 0);
	assert_int_equal(fadt.pm_tmr.addr, 0xb008);
	assert_true(fadt.pm_tmr_32bit);
	assert_false(fadt.reset_supported);	/* flagged, but the table ends before it */
	free(p);
	assert_int_equal(acpi_parse_fadt(t.data, 115, &fadt), -EINVAL);
}

static void fadt_with_extended_registers(void **state)
{
	struct acpi_fadt fadt;
	struct table t;
	u8 *p;

	fadt_begin(&t, 244);
	put_gas(&t, 116, ACPI_SPACE_IO, 8, 0xcf9);
	put_at(&t, 128, 6, 1);
	put_at(&t, 140, 0x123456000, 8);
	put_gas(&t, 172, ACPI_SPACE_MEMORY, 16, 0xfed80804);
	p = finish(&t);
	assert_int_equal(acpi_parse_fadt(p, t.len, &fadt), 0);
	assert_true(fadt.reset_supported);
	assert_int_equal(fadt.reset_reg.addr, 0xcf9);
	assert_int_equal(fadt.reset_value, 6);
	assert_int_equal(fadt.dsdt, 0x123456000);
	assert_int_equal(fadt.pm1a_cnt.space, ACPI_SPACE_MEMORY);
	assert_int_equal(fadt.pm1a_cnt.addr, 0xfed80804);
	assert_int_equal(fadt.pm_tmr.addr, 0xb008);	/* no extended one: the old stays */
	free(p);
}

static int parse_s5(const void *aml, size_t len, struct acpi_s5 *s5)
{
	struct table t;
	int err;
	u8 *p;

	begin(&t, "DSDT");
	memcpy(t.data + t.len, aml, len);
	t.len += len;
	p = finish(&t);
	err = acpi_parse_s5(p, t.len, s5);
	free(p);
	return err;
}
#define PARSE_S5(aml, s5) parse_s5(aml, sizeof(aml) - 1, s5)

static void s5_as_firmware_writes_it(void **state)
{
	struct acpi_s5 s5;

	/* Bochs: Name(\_S5, Package() { 0, 0, 0, 0 }); QEMU: bytes; others: words */
	assert_int_equal(PARSE_S5("\x10\x20\x08_S5_\x12\x06\x04\x00\x00\x00\x00", &s5), 0);
	assert_true(s5.valid && s5.slp_typa == 0 && s5.slp_typb == 0);
	assert_int_equal(PARSE_S5("\x08\\_S5_\x12\x08\x04\x0a\x05\x0a\x06\x00\x00", &s5), 0);
	assert_true(s5.valid && s5.slp_typa == 5 && s5.slp_typb == 6);
	assert_int_equal(PARSE_S5("\x08_S5_\x12\x49\x00\x04\x0b\x07\x00\x01", &s5), 0);
	assert_true(s5.valid && s5.slp_typa == 7 && s5.slp_typb == 1);
	/* Something of that name that is not it comes first. */
	assert_int_equal(PARSE_S5("\x14_S5_\x12\x06\x02\x00\x00"
				  "\x08_S5_\x12\x06\x02\x01\x01", &s5), 0);
	assert_true(s5.valid && s5.slp_typa == 1);
}

static void s5_that_is_not_there(void **state)
{
	struct acpi_s5 s5;

	assert_int_equal(PARSE_S5("", &s5), -ENOENT);
	assert_int_equal(PARSE_S5("_S5_", &s5), -ENOENT);
	assert_int_equal(PARSE_S5("\x08_S5_", &s5), -ENOENT);
	assert_int_equal(PARSE_S5("\x08_S5_\x12", &s5), -ENOENT);
	assert_int_equal(PARSE_S5("\x08_S5_\x12\x06\x04", &s5), -ENOENT);
	assert_int_equal(PARSE_S5("\x08_S5_\x12\xc6\x04\x00", &s5), -ENOENT);
	assert_int_equal(PARSE_S5("\x08_S5_\x12\x06\x01\x00\x00", &s5), -ENOENT);
	assert_int_equal(PARSE_S5("\x08_S5_\x12\x06\x04\x0a", &s5), -ENOENT);
	assert_int_equal(PARSE_S5("\x08_S5_\x12\x06\x04\x0a\x05\x0a", &s5), -ENOENT);
	assert_int_equal(PARSE_S5("\x08_S5_\x12\x06\x04\x70\x68", &s5), -ENOENT);	/* Local0 */
	assert_false(s5.valid);
}

/* ---- MCFG, HPET, SPCR ---- */

static void mcfg_entries(void **state)
{
	struct acpi_mcfg mcfg[2];
	unsigned int nr;
	struct table t;
	u8 *p;

	begin(&t, "MCFG");
	put(&t, 0, 8);
	for (unsigned int i = 0; i < 4; i++) {
		put(&t, i ? 0xb0000000 + i * 0x10000000ull : 0, 8);	/* the first has no base */
		put(&t, i, 2);
		put(&t, i == 1 ? 0x40 : 0, 1);
		put(&t, 0x3f, 1);		/* the second's last bus is below its first */
		put(&t, 0, 4);
	}
	put(&t, 0xffff, 7);
	p = finish(&t);
	assert_int_equal(acpi_parse_mcfg(p, t.len, mcfg, 2, &nr), 0);
	assert_int_equal(nr, 2);
	assert_int_equal(mcfg[0].base, 0xd0000000);
	assert_int_equal(mcfg[0].last_bus, 0x3f);
	assert_int_equal(mcfg[1].segment, 3);
	assert_int_equal(acpi_parse_mcfg(p, t.len, mcfg, 1, &nr), 0);
	assert_int_equal(nr, 1);
	free(p);
	assert_int_equal(acpi_parse_mcfg(t.data, ACPI_HEADER_LEN + 7, mcfg, 2, &nr), -EINVAL);
	assert_int_equal(nr, 0);
}

static void hpet_in_memory_only(void **state)
{
	struct acpi_hpet hpet;
	struct table t;

	begin(&t, "HPET");
	t.len = 56;
	put_gas(&t, 40, ACPI_SPACE_MEMORY, 64, 0xfed00000);
	put_at(&t, 53, 100, 2);
	assert_int_equal(acpi_parse_hpet(t.data, t.len, &hpet), 0);
	assert_int_equal(hpet.addr, 0xfed00000);
	assert_int_equal(hpet.min_tick, 100);
	put_gas(&t, 40, ACPI_SPACE_IO, 64, 0xfed00000);
	assert_int_equal(acpi_parse_hpet(t.data, t.len, &hpet), 0);
	assert_int_equal(hpet.addr, 0);
	assert_int_equal(acpi_parse_hpet(t.data, 55, &hpet), -EINVAL);
}

static void spcr_of_a_16550(void **state)
{
	struct acpi_spcr spcr;
	struct table t;

	begin(&t, "SPCR");
	t.len = 80;
	put_gas(&t, 40, ACPI_SPACE_IO, 8, 0x2f8);
	put_at(&t, 52, 3, 1);
	put_at(&t, 53, 3, 1);
	put_at(&t, 54, 19, 4);
	put_at(&t, 58, 6, 1);
	assert_int_equal(acpi_parse_spcr(t.data, t.len, &spcr), 0);
	assert_true(spcr.valid);
	assert_int_equal(spcr.uart.addr, 0x2f8);
	assert_int_equal(spcr.irq, 3);
	assert_int_equal(spcr.gsi, 19);
	assert_int_equal(spcr.baud, 57600);
	put_at(&t, 58, 200, 1);
	put_at(&t, 52, 0, 1);
	assert_int_equal(acpi_parse_spcr(t.data, t.len, &spcr), 0);
	assert_true(spcr.valid && spcr.baud == 0 && spcr.irq == 0 && spcr.gsi == 0);
	put_at(&t, 36, 3, 1);			/* an ARM PL011 */
	assert_int_equal(acpi_parse_spcr(t.data, t.len, &spcr), 0);
	assert_false(spcr.valid);
	put_at(&t, 36, 0, 1);
	put_gas(&t, 40, ACPI_SPACE_IO, 8, 0);	/* console redirection disabled */
	assert_int_equal(acpi_parse_spcr(t.data, t.len, &spcr), 0);
	assert_false(spcr.valid);
	assert_int_equal(acpi_parse_spcr(t.data, 79, &spcr), -EINVAL);
}

/* ---- Anything at all ---- */

/* Every length and random content: no parser reads outside or hangs. The sanitizer is the judge. */
static void random_bytes_are_survived(void **state)
{
	static const char letters[] = "\x08\\_S5_\x12\x0a\x0b\x0c";
	unsigned int seed = 7, nr;
	struct acpi_madt madt;
	struct acpi_fadt fadt;
	struct acpi_mcfg mcfg[ACPI_MCFG_MAX];
	struct acpi_hpet hpet;
	struct acpi_spcr spcr;
	struct acpi_s5 s5;

	for (unsigned int round = 0; round < 20000; round++) {
		size_t len = ACPI_HEADER_LEN + rand_r(&seed) % 300;
		u8 *p = malloc(len);

		for (size_t i = 0; i < len; i++)
			p[i] = round & 1 ? rand_r(&seed) % 24 : letters[rand_r(&seed) % 10];
		acpi_parse_madt(p, len, &madt);
		assert_true(madt.nr_cpus <= CONFIG_MAX_CPUS);
		assert_true(madt.nr_ioapics <= ACPI_IOAPICS_MAX);
		assert_true(madt.nr_overrides <= ACPI_OVERRIDES_MAX);
		acpi_parse_fadt(p, len, &fadt);
		acpi_parse_mcfg(p, len, mcfg, ACPI_MCFG_MAX, &nr);
		assert_true(nr <= ACPI_MCFG_MAX);
		acpi_parse_hpet(p, len, &hpet);
		acpi_parse_spcr(p, len, &spcr);
		acpi_parse_s5(p, len, &s5);
		acpi_scan_rsdp(p, len);
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rsdp_of_both_revisions),
		cmocka_unit_test(rsdp_with_errors),
		cmocka_unit_test(rsdp_is_found_on_its_boundary_only),
		cmocka_unit_test(table_is_checked_whole),
		cmocka_unit_test(sdt_entries_of_both_sizes),
		cmocka_unit_test(madt_of_a_pc),
		cmocka_unit_test(madt_with_more_than_fits),
		cmocka_unit_test(madt_with_bad_entries),
		cmocka_unit_test(fadt_of_revision_1),
		cmocka_unit_test(fadt_with_extended_registers),
		cmocka_unit_test(s5_as_firmware_writes_it),
		cmocka_unit_test(s5_that_is_not_there),
		cmocka_unit_test(mcfg_entries),
		cmocka_unit_test(hpet_in_memory_only),
		cmocka_unit_test(spcr_of_a_16550),
		cmocka_unit_test(random_bytes_are_survived),
	};
	return cmocka_run_group_tests_name("acpi_tables", tests, NULL, NULL);
}
