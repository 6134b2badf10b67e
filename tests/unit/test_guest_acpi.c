/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's ACPI tables, read by the hypervisor's own parsers. */
#include "tests/unit/unit.h"

#include "arch/x86/acpi_tables.h"
#include "arch/x86/guest/acpi_tables.h"
#include "tests/unit/mock_board.h"

#define RAM_MIB		64

static int setup(void **state)
{
	board_init(RAM_MIB);
	return 0;
}

static u8 *table_at(u64 gpa, const char *signature, u32 *len)
{
	u8 *table = guest_mem_ptr(&board.guest.mem, gpa, ACPI_HEADER_LEN);

	assert_non_null(table);
	*len = acpi_table_length(table, 4096);
	assert_int_equal(acpi_table_check(table, *len, signature), 0);
	return table;
}

static void acpi_tables(void **state)
{
	struct acpi_rsdp rsdp;
	static struct acpi_madt madt;
	struct acpi_fadt fadt;
	struct acpi_mcfg mcfg[2];
	unsigned int nr;
	u64 at;
	u32 len;
	u8 *xsdt, *t;

	assert_int_equal(guest_acpi_install(&board.guest, &at), 0);
	assert_int_equal(acpi_parse_rsdp(guest_mem_ptr(&board.guest.mem, at, 36), 36, &rsdp), 0);
	assert_int_equal(acpi_scan_rsdp(guest_mem_ptr(&board.guest.mem, 0xe0000, 0x20000), 0x20000),
			 at - 0xe0000);
	xsdt = table_at(rsdp.xsdt, "XSDT", &len);
	assert_int_equal(acpi_sdt_entries(xsdt, len, 8), 3);
	t = table_at(acpi_sdt_entry(xsdt, len, 8, 0), "FACP", &len);
	assert_int_equal(acpi_parse_fadt(t, len, &fadt), 0);
	assert_true(fadt.hw_reduced && fadt.reset_supported);
	assert_int_equal(fadt.reset_reg.addr, 0xcf9);
	assert_int_equal(fadt.reset_value, 6);
	assert_int_equal(fadt.pm1a_cnt.addr, 0);
	assert_memory_equal(guest_mem_ptr(&board.guest.mem, fadt.dsdt, 4), "DSDT", 4);
	xsdt = table_at(rsdp.xsdt, "XSDT", &len);
	t = table_at(acpi_sdt_entry(xsdt, len, 8, 1), "APIC", &len);
	assert_int_equal(acpi_parse_madt(t, len, &madt), 0);
	assert_int_equal(madt.nr_cpus, BOARD_VCPUS);
	assert_int_equal(madt.apic_id[3], 3);
	assert_int_equal(madt.nr_ioapics, 1);
	assert_int_equal(madt.ioapic[0].addr, VPC_IOAPIC_BASE);
	assert_int_equal(madt.nr_overrides, 1);
	assert_int_equal(madt.override[0].gsi, 2);
	xsdt = table_at(rsdp.xsdt, "XSDT", &len);
	t = table_at(acpi_sdt_entry(xsdt, len, 8, 2), "MCFG", &len);
	assert_int_equal(acpi_parse_mcfg(t, len, mcfg, 2, &nr), 0);
	assert_int_equal(nr, 1);
	assert_int_equal(mcfg[0].base, VPC_ECAM_BASE);
	assert_int_equal(mcfg[0].last_bus, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(acpi_tables, setup, board_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
