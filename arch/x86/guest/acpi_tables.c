/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's ACPI tables.
 *
 * The platform is hardware-reduced: no PM1 registers, PM timer, SCI or GPEs have to be there,
 * and Linux then leaves the 8259s and the 8254 alone too (arch/x86/kernel/acpi/boot.c), which
 * it can because CPUID.15H gives it the TSC's and the APIC timer's frequency. They are on the
 * board for guests that never read these tables (CONFIG_LEGACY_DEVICES), masked and silent
 * until programmed. The CMOS clock is always there: Linux looks for it whatever the FADT says,
 * and complains if it does not find it.
 */
#include "arch/x86/guest/acpi_tables.h"

#include <errno.h>
#include <string.h>

#include "arch/x86/guest/lapic.h"
#include "arch/x86/guest/vpc.h"
#include "kernel/guest.h"

#define ACPI_OEM_ID		"RNGVSR"
#define ACPI_OEM_TABLE_ID	"VPC     "
#define ACPI_CREATOR_ID		"RNGV"
#define ACPI_ALIGN		16	/* an RSDP is looked for on 16-byte boundaries */

/* 5.2.6 */
struct acpi_header {
	char signature[4];
	le32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	le32 oem_revision;
	char creator_id[4];
	le32 creator_revision;
} __packed;

/* 5.2.5.3 */
struct acpi_rsdp_table {
	char signature[8];
	u8 checksum;		/* of the first 20 bytes */
	char oem_id[6];
	u8 revision;
	le32 rsdt;
	le32 length;
	le64 xsdt;
	u8 extended_checksum;
	u8 reserved[3];
} __packed;
#define RSDP_V1_LEN	20

enum { XSDT_FADT, XSDT_MADT, XSDT_MCFG, XSDT_ENTRIES };

/* 5.2.8 */
struct acpi_xsdt {
	struct acpi_header header;
	le64 entry[XSDT_ENTRIES];
} __packed;

/* 5.2.3.2: Generic Address Structure */
struct acpi_gas_table {
	u8 space, bit_width, bit_offset, access_size;
	le64 addr;
} __packed;
enum { GAS_SYSTEM_IO = 1, GAS_BYTE_ACCESS = 1 };

/* 5.2.9, tables 5.9 and 5.10; what is not named is zero on a hardware-reduced platform */
struct acpi_fadt_table {
	struct acpi_header header;
	le32 firmware_ctrl, dsdt;
	u8 reserved0, preferred_pm_profile;
	u8 pm_fixed_hardware[62];	/* SCI_INT .. MON_ALRM: offsets 46..107 */
	u8 century;
	le16 iapc_boot_arch;
	u8 reserved1;
	le32 flags;
	struct acpi_gas_table reset_reg;
	u8 reset_value;
	le16 arm_boot_arch;
	u8 minor;
	le64 x_firmware_ctrl, x_dsdt;
	struct acpi_gas_table x_pm_fixed_hardware[8];	/* X_PM1a_EVT_BLK .. X_GPE1_BLK */
	struct acpi_gas_table sleep_control, sleep_status;
	le64 hypervisor_vendor;
} __packed;
_Static_assert(sizeof(struct acpi_fadt_table) == 276, "ACPI 6.5 table 5.9");
_Static_assert(offsetof(struct acpi_fadt_table, iapc_boot_arch) == 109, "ACPI 6.5 table 5.9");
_Static_assert(offsetof(struct acpi_fadt_table, sleep_control) == 244, "ACPI 6.5 table 5.9");

enum {
	FADT_REVISION = 6,
	FADT_MINOR = 5,
	FADT_PROFILE_ENTERPRISE = 4,
	FADT_WBINVD = BIT(0),
	FADT_PROC_C1 = BIT(2),
	FADT_PWR_BUTTON = BIT(4),	/* not a fixed feature */
	FADT_SLP_BUTTON = BIT(5),
	FADT_RESET_REG_SUP = BIT(10),
	FADT_HW_REDUCED = BIT(20),
	BOOT_LEGACY_DEVICES = BIT(0),	/* COM1 */
	BOOT_NO_VGA = BIT(2),
};

/* 5.2.12 */
struct acpi_madt_table {
	struct acpi_header header;
	le32 lapic_addr;
	le32 flags;
} __packed;
#define MADT_PCAT_COMPAT	BIT(0)

struct madt_lapic {	/* 5.2.12.2 */
	u8 type, length, uid, apic_id;
	le32 flags;
} __packed;
struct madt_ioapic {	/* 5.2.12.3 */
	u8 type, length, id, reserved;
	le32 addr, gsi_base;
} __packed;
struct madt_override {	/* 5.2.12.5 */
	u8 type, length, bus, source;
	le32 gsi;
	le16 flags;
} __packed;
struct madt_lapic_nmi {	/* 5.2.12.7 */
	u8 type, length, uid;
	le16 flags;
	u8 lint;
} __packed;
enum {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LAPIC_NMI = 4,
	MADT_LAPIC_ENABLED = BIT(0),
	MADT_UID_ALL = 0xff,
};

/* PCI Firmware 3.2 4.1.2 */
struct acpi_mcfg_table {
	struct acpi_header header;
	u8 reserved[8];
	le64 base;
	le16 segment;
	u8 bus_first, bus_last;
	le32 reserved2;
} __packed;

/* ---- Where the next table goes ---- */

struct builder {
	struct guest *guest;
	u64 next;		/* guest-physical */
	bool full;
};

/* @len zeroed bytes of guest memory. No vCPU runs, so that they can be filled in place. */
static void *room(struct builder *b, size_t len, u64 *gpa)
{
	u64 at = ALIGN_UP(b->next, ACPI_ALIGN);
	void *p = at + len <= VPC_RESET_VECTOR ? guest_mem_ptr(&b->guest->mem, at, len) : NULL;

	if (!p) {
		b->full = true;
		return NULL;
	}
	memset(p, 0, len);
	b->next = at + len;
	*gpa = at;
	return p;
}

static u8 checksum(const void *data, size_t len)
{
	const u8 *p = data;
	u8 sum = 0;

	while (len--)
		sum += *p++;
	return (u8)-sum;
}

static void header_set(struct acpi_header *h, const char *signature, size_t len, u8 revision)
{
	memcpy(h->signature, signature, sizeof(h->signature));
	h->length = cpu_to_le32((u32)len);
	h->revision = revision;
	memcpy(h->oem_id, ACPI_OEM_ID, sizeof(h->oem_id));
	memcpy(h->oem_table_id, ACPI_OEM_TABLE_ID, sizeof(h->oem_table_id));
	h->oem_revision = cpu_to_le32(1);
	memcpy(h->creator_id, ACPI_CREATOR_ID, sizeof(h->creator_id));
	h->creator_revision = cpu_to_le32(1);
	h->checksum = 0;
	h->checksum = checksum(h, len);
}

/* ---- Tables ---- */

static u64 build_dsdt(struct builder *b)
{
	size_t len = (size_t)(dsdt_aml_end - dsdt_aml);
	u64 gpa = 0;
	void *p = room(b, len, &gpa);

	if (p)
		memcpy(p, dsdt_aml, len);	/* iasl has made its header */
	return gpa;
}

static struct acpi_gas_table io_register(u16 port)
{
	return (struct acpi_gas_table){
		.space = GAS_SYSTEM_IO,
		.bit_width = 8,
		.access_size = GAS_BYTE_ACCESS,
		.addr = cpu_to_le64(port),
	};
}

static u64 build_fadt(struct builder *b, u64 dsdt)
{
	u64 gpa = 0;
	struct acpi_fadt_table *fadt = room(b, sizeof(*fadt), &gpa);

	if (!fadt)
		return 0;
	fadt->century = VRTC_CENTURY;
	fadt->preferred_pm_profile = FADT_PROFILE_ENTERPRISE;
	fadt->iapc_boot_arch = cpu_to_le16(BOOT_LEGACY_DEVICES | BOOT_NO_VGA);
	fadt->flags = cpu_to_le32(FADT_WBINVD | FADT_PROC_C1 | FADT_PWR_BUTTON | FADT_SLP_BUTTON |
				  FADT_RESET_REG_SUP | FADT_HW_REDUCED);
	fadt->reset_reg = io_register(VPM_RESET);
	fadt->reset_value = VPM_RESET_VALUE;
	fadt->minor = FADT_MINOR;
	fadt->dsdt = cpu_to_le32((u32)dsdt);
	fadt->x_dsdt = cpu_to_le64(dsdt);
	fadt->sleep_control = io_register(VPM_SLEEP_CONTROL);
	fadt->sleep_status = io_register(VPM_SLEEP_STATUS);
	header_set(&fadt->header, "FACP", sizeof(*fadt), FADT_REVISION);
	return gpa;
}

static void madt_fill(struct acpi_madt_table *madt, unsigned int nr_vcpus)
{
	struct madt_lapic *lapic = (void *)(madt + 1);
	struct madt_ioapic *ioapic = (void *)(lapic + nr_vcpus);
	struct madt_override *irq0 = (void *)(ioapic + 1);
	struct madt_lapic_nmi *nmi = (void *)(irq0 + 1);

	madt->lapic_addr = cpu_to_le32((u32)APIC_DEFAULT_BASE);
#ifdef CONFIG_LEGACY_DEVICES
	madt->flags = cpu_to_le32(MADT_PCAT_COMPAT);
#endif
	for (unsigned int i = 0; i < nr_vcpus; i++)
		lapic[i] = (struct madt_lapic){
			.type = MADT_LAPIC, .length = sizeof(*lapic),
			.uid = (u8)i, .apic_id = (u8)i,
			.flags = cpu_to_le32(MADT_LAPIC_ENABLED),
		};
	*ioapic = (struct madt_ioapic){
		.type = MADT_IOAPIC, .length = sizeof(*ioapic),
		.addr = cpu_to_le32(VPC_IOAPIC_BASE),
	};
	*irq0 = (struct madt_override){
		.type = MADT_OVERRIDE, .length = sizeof(*irq0),
		.gsi = cpu_to_le32(VPC_GSI_PIT),
	};
	*nmi = (struct madt_lapic_nmi){
		.type = MADT_LAPIC_NMI, .length = sizeof(*nmi),
		.uid = MADT_UID_ALL, .lint = 1,
	};
}

static u64 build_madt(struct builder *b)
{
	unsigned int nr_vcpus = b->guest->config->nr_vcpus;
	size_t len = sizeof(struct acpi_madt_table) + nr_vcpus * sizeof(struct madt_lapic) +
		     sizeof(struct madt_ioapic) + sizeof(struct madt_override) +
		     sizeof(struct madt_lapic_nmi);
	u64 gpa = 0;
	struct acpi_madt_table *madt = room(b, len, &gpa);

	if (!madt)
		return 0;
	madt_fill(madt, nr_vcpus);
	header_set(&madt->header, "APIC", len, 5);
	return gpa;
}

static u64 build_mcfg(struct builder *b)
{
	u64 gpa = 0;
	struct acpi_mcfg_table *mcfg = room(b, sizeof(*mcfg), &gpa);

	if (!mcfg)
		return 0;
	mcfg->base = cpu_to_le64(VPC_ECAM_BASE);	/* bus 0 alone */
	header_set(&mcfg->header, "MCFG", sizeof(*mcfg), 1);
	return gpa;
}

static u64 build_xsdt(struct builder *b, const u64 entry[XSDT_ENTRIES])
{
	u64 gpa = 0;
	struct acpi_xsdt *xsdt = room(b, sizeof(*xsdt), &gpa);

	if (!xsdt)
		return 0;
	for (unsigned int i = 0; i < XSDT_ENTRIES; i++)
		xsdt->entry[i] = cpu_to_le64(entry[i]);
	header_set(&xsdt->header, "XSDT", sizeof(*xsdt), 1);
	return gpa;
}

static void rsdp_fill(struct acpi_rsdp_table *rsdp, u64 xsdt)
{
	memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
	memcpy(rsdp->oem_id, ACPI_OEM_ID, sizeof(rsdp->oem_id));
	rsdp->revision = 2;
	rsdp->length = cpu_to_le32(sizeof(*rsdp));
	rsdp->xsdt = cpu_to_le64(xsdt);
	rsdp->checksum = checksum(rsdp, RSDP_V1_LEN);
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
}

int guest_acpi_install(struct guest *guest, u64 *rsdp)
{
	struct builder b = { .guest = guest, .next = VPC_BIOS_BASE };
	struct acpi_rsdp_table *root = room(&b, sizeof(*root), rsdp);
	u64 entry[XSDT_ENTRIES], xsdt;

	entry[XSDT_FADT] = build_fadt(&b, build_dsdt(&b));
	entry[XSDT_MADT] = build_madt(&b);
	entry[XSDT_MCFG] = build_mcfg(&b);
	xsdt = build_xsdt(&b, entry);
	if (b.full)
		return -E2BIG;
	rsdp_fill(root, xsdt);
	return 0;
}
