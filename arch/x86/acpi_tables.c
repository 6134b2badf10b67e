/* SPDX-License-Identifier: BSD-2-Clause */
/* Parsers of ACPI static tables. Offsets are those of the tables named at each function. */
#include <errno.h>
#include <string.h>

#include "arch/x86/acpi_tables.h"

/* DESCRIPTION_HEADER, ACPI 6.5 table 5.4 */
enum header { HDR_LENGTH = 4 };

/* RSDP, table 5.3 */
enum rsdp { RSDP_OEM_ID = 9, RSDP_REVISION = 15, RSDP_RSDT = 16, RSDP_LENGTH = 20, RSDP_XSDT = 24 };
#define RSDP_SIGNATURE	"RSD PTR "
#define RSDP_STEP	16
#define OEM_ID_LEN	6	/* struct acpi_rsdp has one more for the end */

/* FADT, table 5.9 */
enum fadt {
	FADT_DSDT = 40, FADT_SCI_INT = 46, FADT_SMI_CMD = 48, FADT_ACPI_ENABLE = 52,
	FADT_PM1A_CNT_BLK = 64, FADT_PM1B_CNT_BLK = 68, FADT_PM_TMR_BLK = 76, FADT_PM1_CNT_LEN = 89,
	FADT_PM_TMR_LEN = 91, FADT_FLAGS = 112, FADT_REV1_LEN = 116, FADT_RESET_REG = 116,
	FADT_RESET_VALUE = 128, FADT_REV2_LEN = 132, FADT_X_DSDT = 140, FADT_X_PM1A_CNT_BLK = 172,
	FADT_X_PM1B_CNT_BLK = 184, FADT_X_PM_TMR_BLK = 208, FADT_REV3_LEN = 244,
};
enum fadt_flags {	/* table 5.10 */
	FADT_TMR_VAL_EXT = BIT(8),
	FADT_RESET_REG_SUP = BIT(10),
	FADT_HW_REDUCED_ACPI = BIT(20),
};

/* MADT, tables 5.19 to 5.30 */
enum madt { MADT_LAPIC_ADDR = 36, MADT_FLAGS = 40, MADT_ENTRIES = 44 };
enum madt_type {
	MADT_LOCAL_APIC = 0,
	MADT_IO_APIC = 1,
	MADT_INTERRUPT_SOURCE_OVERRIDE = 2,
	MADT_LOCAL_APIC_ADDRESS_OVERRIDE = 5,
	MADT_LOCAL_X2APIC = 9,
};
enum { MADT_PCAT_COMPAT = BIT(0), MADT_CPU_ENABLED = BIT(0) };
/* MPS INTI flags, table 5.26 */
enum inti { INTI_POLARITY = 0x3, INTI_ACTIVE_LOW = 0x3, INTI_TRIGGER = 0xc, INTI_LEVEL = 0xc };

/* MCFG: PCI Firmware 3.2, table 4-2, 4-3 */
enum mcfg { MCFG_ENTRIES = 44, MCFG_ENTRY_LEN = 16 };
/* HPET: IA-PC HPET 1.0a, table 3 */
enum hpet { HPET_ADDRESS = 40, HPET_MIN_TICK = 53, HPET_LEN = 56 };
/* SPCR revision 1 to 4 */
enum spcr {
	SPCR_INTERFACE = 36, SPCR_BASE = 40, SPCR_INTERRUPT_TYPE = 52, SPCR_IRQ = 53, SPCR_GSI = 54,
	SPCR_BAUD = 58, SPCR_MIN_LEN = 80,
};
enum spcr_interface { SPCR_16550 = 0, SPCR_16450 = 1, SPCR_16550_GAS = 0x12 };
enum spcr_interrupt { SPCR_INT_8259 = BIT(0), SPCR_INT_APIC = BIT(1) };

/* Little-endian fields, which need not be aligned. The caller has checked that they are inside. */
static u16 get16(const u8 *p) { return p[0] | p[1] << 8; }
static u32 get32(const u8 *p) { return get16(p) | (u32)get16(p + 2) << 16; }
static u64 get64(const u8 *p) { return get32(p) | (u64)get32(p + 4) << 32; }

static struct acpi_gas get_gas(const u8 *p)
{
	return (struct acpi_gas){
		.space = p[0], .bit_width = p[1], .bit_offset = p[2], .access_size = p[3],
		.addr = get64(p + 4),
	};
}

static struct acpi_gas io_gas(u32 port, u8 bytes)
{
	return (struct acpi_gas){
		.space = ACPI_SPACE_IO, .bit_width = bytes * 8, .addr = port,
	};
}

/* OEMID is padded with blanks. */
static void get_oem_id(char id[OEM_ID_LEN + 1], const u8 *p)
{
	size_t len = OEM_ID_LEN;

	memcpy(id, p, len);
	while (len > 0 && (id[len - 1] == ' ' || !id[len - 1]))
		len--;
	id[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (id[i] < ' ' || id[i] > '~')
			id[i] = '?';
}

static bool sum_is_zero(const u8 *data, size_t len)
{
	u8 sum = 0;

	while (len--)
		sum += *data++;
	return sum == 0;
}

int acpi_parse_rsdp(const u8 *data, size_t len, struct acpi_rsdp *rsdp)
{
	if (len < ACPI_RSDP_LEN)
		return -EINVAL;
	if (memcmp(data, RSDP_SIGNATURE, strlen(RSDP_SIGNATURE)))
		return -ENOENT;
	if (!sum_is_zero(data, ACPI_RSDP_LEN))
		return -EINVAL;
	*rsdp = (struct acpi_rsdp){
		.revision = data[RSDP_REVISION], .rsdt = get32(data + RSDP_RSDT),
	};
	get_oem_id(rsdp->oem_id, data + RSDP_OEM_ID);
	if (rsdp->revision < 2)
		return 0;
	/* The extended part has its own checksum; without it the RSDT remains. */
	if (len >= ACPI_RSDP2_LEN && get32(data + RSDP_LENGTH) >= ACPI_RSDP2_LEN &&
	    get32(data + RSDP_LENGTH) <= len && sum_is_zero(data, get32(data + RSDP_LENGTH)))
		rsdp->xsdt = get64(data + RSDP_XSDT);
	return 0;
}

long acpi_scan_rsdp(const u8 *data, size_t len)
{
	struct acpi_rsdp rsdp;

	for (size_t at = 0; at + ACPI_RSDP_LEN <= len; at += RSDP_STEP)
		if (!acpi_parse_rsdp(data + at, len - at, &rsdp))
			return at;
	return -ENOENT;
}

u32 acpi_table_length(const u8 *header, u32 max)
{
	u32 len = get32(header + HDR_LENGTH);

	return len >= ACPI_HEADER_LEN && len <= max ? len : 0;
}

int acpi_table_check(const u8 *table, size_t len, const char *signature)
{
	if (len < ACPI_HEADER_LEN || get32(table + HDR_LENGTH) != len ||
	    memcmp(table, signature, 4))
		return -EINVAL;
	return sum_is_zero(table, len) ? 0 : -EBADMSG;
}

unsigned int acpi_sdt_entries(const u8 *table, size_t len, unsigned int entry_size)
{
	return (len - ACPI_HEADER_LEN) / entry_size;
}

u64 acpi_sdt_entry(const u8 *table, size_t len, unsigned int entry_size, unsigned int i)
{
	const u8 *entry = table + ACPI_HEADER_LEN + i * entry_size;

	if (i >= acpi_sdt_entries(table, len, entry_size))
		return 0;
	return entry_size == sizeof(u64) ? get64(entry) : get32(entry);
}

static void madt_add_cpu(struct acpi_madt *madt, u32 apic_id, u32 flags)
{
	if (!(flags & MADT_CPU_ENABLED))
		return;
	if (madt->nr_cpus < ARRAY_SIZE(madt->apic_id))
		madt->apic_id[madt->nr_cpus++] = apic_id;
	else
		madt->cpus_left_out++;
}

static void madt_add_ioapic(struct acpi_madt *madt, const u8 *e)
{
	if (madt->nr_ioapics < ARRAY_SIZE(madt->ioapic))
		madt->ioapic[madt->nr_ioapics++] = (struct acpi_ioapic){
			.id = e[2], .addr = get32(e + 4), .gsi_base = get32(e + 8),
		};
}

static void madt_add_override(struct acpi_madt *madt, const u8 *e)
{
	u16 flags = get16(e + 8);

	/* Bus 0 is ISA; "conforms to the bus" (0) means edge and active high there. */
	if (e[2] == 0 && madt->nr_overrides < ARRAY_SIZE(madt->override))
		madt->override[madt->nr_overrides++] = (struct acpi_override){
			.irq = e[3], .gsi = get32(e + 4),
			.active_low = (flags & INTI_POLARITY) == INTI_ACTIVE_LOW,
			.level = (flags & INTI_TRIGGER) == INTI_LEVEL,
		};
}

/* @len bytes of one interrupt controller structure; those too short for their type are ignored. */
static void madt_entry(struct acpi_madt *madt, const u8 *e, u8 len)
{
	switch (e[0]) {
	case MADT_LOCAL_APIC:
		if (len >= 8)
			madt_add_cpu(madt, e[3], get32(e + 4));
		break;
	case MADT_LOCAL_X2APIC:
		if (len >= 16)
			madt_add_cpu(madt, get32(e + 4), get32(e + 8));
		break;
	case MADT_IO_APIC:
		if (len >= 12)
			madt_add_ioapic(madt, e);
		break;
	case MADT_INTERRUPT_SOURCE_OVERRIDE:
		if (len >= 10)
			madt_add_override(madt, e);
		break;
	case MADT_LOCAL_APIC_ADDRESS_OVERRIDE:
		if (len >= 12)
			madt->lapic_addr = get64(e + 4);
		break;
	}
}

int acpi_parse_madt(const u8 *table, size_t len, struct acpi_madt *madt)
{
	size_t at = MADT_ENTRIES;

	memset(madt, 0, sizeof(*madt));
	if (len < MADT_ENTRIES)
		return -EINVAL;
	madt->lapic_addr = get32(table + MADT_LAPIC_ADDR);
	madt->pcat_compat = get32(table + MADT_FLAGS) & MADT_PCAT_COMPAT;
	while (len - at >= 2) {
		u8 entry_len = table[at + 1];

		if (entry_len < 2 || entry_len > len - at)
			return -EINVAL;
		madt_entry(madt, table + at, entry_len);
		at += entry_len;
	}
	return 0;
}

/* The 64-bit form of a register block, where the table has it and it is not zero. */
static void fadt_extended(const u8 *table, size_t len, size_t at, struct acpi_gas *gas)
{
	if (len >= FADT_REV3_LEN && get64(table + at + 4))
		*gas = get_gas(table + at);
}

int acpi_parse_fadt(const u8 *table, size_t len, struct acpi_fadt *fadt)
{
	u32 flags;

	memset(fadt, 0, sizeof(*fadt));
	if (len < FADT_REV1_LEN)
		return -EINVAL;
	flags = get32(table + FADT_FLAGS);
	fadt->dsdt = get32(table + FADT_DSDT);
	fadt->sci_int = get16(table + FADT_SCI_INT);
	fadt->smi_cmd = get32(table + FADT_SMI_CMD);
	fadt->acpi_enable = table[FADT_ACPI_ENABLE];
	fadt->pm1a_cnt = io_gas(get32(table + FADT_PM1A_CNT_BLK), table[FADT_PM1_CNT_LEN]);
	fadt->pm1b_cnt = io_gas(get32(table + FADT_PM1B_CNT_BLK), table[FADT_PM1_CNT_LEN]);
	if (table[FADT_PM_TMR_LEN] == sizeof(u32))
		fadt->pm_tmr = io_gas(get32(table + FADT_PM_TMR_BLK), sizeof(u32));
	fadt->pm_tmr_32bit = flags & FADT_TMR_VAL_EXT;
	fadt->hw_reduced = flags & FADT_HW_REDUCED_ACPI;
	if (len >= FADT_REV2_LEN && flags & FADT_RESET_REG_SUP) {
		fadt->reset_supported = true;
		fadt->reset_reg = get_gas(table + FADT_RESET_REG);
		fadt->reset_value = table[FADT_RESET_VALUE];
	}
	fadt_extended(table, len, FADT_X_PM1A_CNT_BLK, &fadt->pm1a_cnt);
	fadt_extended(table, len, FADT_X_PM1B_CNT_BLK, &fadt->pm1b_cnt);
	fadt_extended(table, len, FADT_X_PM_TMR_BLK, &fadt->pm_tmr);
	if (len >= FADT_REV3_LEN && get64(table + FADT_X_DSDT))
		fadt->dsdt = get64(table + FADT_X_DSDT);
	return 0;
}

int acpi_parse_mcfg(const u8 *table, size_t len, struct acpi_mcfg *mcfg, unsigned int max,
		    unsigned int *nr)
{
	*nr = 0;
	if (len < MCFG_ENTRIES)
		return -EINVAL;
	for (size_t at = MCFG_ENTRIES; len - at >= MCFG_ENTRY_LEN && *nr < max;
	     at += MCFG_ENTRY_LEN) {
		struct acpi_mcfg entry = {
			.base = get64(table + at), .segment = get16(table + at + 8),
			.first_bus = table[at + 10], .last_bus = table[at + 11],
		};

		if (entry.base && entry.first_bus <= entry.last_bus)
			mcfg[(*nr)++] = entry;
	}
	return 0;
}

int acpi_parse_hpet(const u8 *table, size_t len, struct acpi_hpet *hpet)
{
	struct acpi_gas gas;

	memset(hpet, 0, sizeof(*hpet));
	if (len < HPET_LEN)
		return -EINVAL;
	gas = get_gas(table + HPET_ADDRESS);
	if (gas.space == ACPI_SPACE_MEMORY)
		hpet->addr = gas.addr;
	hpet->min_tick = get16(table + HPET_MIN_TICK);
	return 0;
}

int acpi_parse_spcr(const u8 *table, size_t len, struct acpi_spcr *spcr)
{
	/* Configured Baud Rate, by its code; 0: leave it as it is. */
	static const unsigned int speeds[] = { [3] = 9600, [4] = 19200, [6] = 57600, [7] = 115200 };
	u8 interface, interrupts, speed;

	memset(spcr, 0, sizeof(*spcr));
	if (len < SPCR_MIN_LEN)
		return -EINVAL;
	interface = table[SPCR_INTERFACE];
	interrupts = table[SPCR_INTERRUPT_TYPE];
	speed = table[SPCR_BAUD];
	spcr->uart = get_gas(table + SPCR_BASE);
	spcr->valid = spcr->uart.addr && (interface == SPCR_16550 || interface == SPCR_16450 ||
					  interface == SPCR_16550_GAS);
	if (interrupts & SPCR_INT_APIC)
		spcr->gsi = get32(table + SPCR_GSI);
	if (interrupts & SPCR_INT_8259)
		spcr->irq = table[SPCR_IRQ];
	spcr->baud = speed < ARRAY_SIZE(speeds) ? speeds[speed] : 0;
	return 0;
}

/* AML, ACPI 6.5 20.2: the few opcodes that a \_S5 package is made of. */
enum aml {
	AML_ZERO = 0x00, AML_ONE = 0x01, AML_NAME_OP = 0x08, AML_BYTE_PREFIX = 0x0a,
	AML_WORD_PREFIX = 0x0b, AML_DWORD_PREFIX = 0x0c, AML_PACKAGE_OP = 0x12, AML_ROOT = '\\',
	AML_ONES = 0xff,
};

/* One integer of a package, its low byte. The bytes it takes, or 0: none of the simple forms. */
static size_t aml_integer(const u8 *p, size_t len, u8 *val)
{
	static const struct { u8 prefix, len; } forms[] = {
		{ AML_BYTE_PREFIX, 2 }, { AML_WORD_PREFIX, 3 }, { AML_DWORD_PREFIX, 5 },
	};

	if (!len)
		return 0;
	if (p[0] == AML_ZERO || p[0] == AML_ONE || p[0] == AML_ONES) {
		*val = p[0];
		return 1;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(forms); i++) {
		if (p[0] == forms[i].prefix && len >= forms[i].len) {
			*val = p[1];
			return forms[i].len;
		}
	}
	return 0;
}

/* @p: behind "_S5_". PackageOp PkgLength NumElements, then SLP_TYPa and SLP_TYPb. */
static bool s5_package(const u8 *p, size_t len, struct acpi_s5 *s5)
{
	size_t at = 1, used;

	if (len < 3 || p[0] != AML_PACKAGE_OP)
		return false;
	at += 1 + (p[1] >> 6);			/* 20.2.4: bytes that follow PkgLength's first */
	if (at >= len || p[at] < 2)		/* NumElements */
		return false;
	at++;
	used = aml_integer(p + at, len - at, &s5->slp_typa);
	if (!used)
		return false;
	at += used;
	s5->valid = aml_integer(p + at, len - at, &s5->slp_typb) != 0;
	return s5->valid;
}

int acpi_parse_s5(const u8 *table, size_t len, struct acpi_s5 *s5)
{
	static const char name[] = { '_', 'S', '5', '_' };

	memset(s5, 0, sizeof(*s5));
	for (size_t at = ACPI_HEADER_LEN + 1; len > sizeof(name) && at < len - sizeof(name); at++) {
		const u8 *p = table + at;

		if (memcmp(p, name, sizeof(name)))
			continue;
		if (p[-1] != AML_NAME_OP && (p[-1] != AML_ROOT || p[-2] != AML_NAME_OP))
			continue;
		if (s5_package(p + sizeof(name), len - at - sizeof(name), s5))
			return 0;
	}
	return -ENOENT;
}
