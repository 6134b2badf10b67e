/* SPDX-License-Identifier: BSD-2-Clause */
/* Which kind of interrupt a function gets, and that its messages reach the handlers. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "asm/io.h"
#include "drivers/pci/msi.h"
#include "drivers/pci/regs.h"
#include "kernel/cpu.h"
#include "kernel/mem.h"
#include "tests/unit/mock_irq.h"

/* ---- A function with MSI at 0x50 and MSI-X of four entries at 0x70 ---- */

#define MSI	0x50
#define MSIX	0x70
#define ENTRIES	4
#define TABLE_BAR 3
#define TABLE_OFF 0x2000

static u8 cfg[256];
static bool has_msi, has_msix;
static u8 table[ENTRIES * PCI_MSIX_ENTRY_SIZE];
static struct pci_dev dev;

static u32 get(const u8 *bytes, unsigned int size)
{
	u32 val = 0;

	memcpy(&val, bytes, size);
	return val;
}

unsigned int pci_find_cap(const struct pci_dev *at, u8 id)
{
	if (id == PCI_CAP_ID_MSI && has_msi)
		return MSI;
	return id == PCI_CAP_ID_MSIX && has_msix ? MSIX : 0;
}

u32 pci_cfg_read(const struct pci_dev *at, unsigned int off, unsigned int size)
{
	assert_ptr_equal(at, &dev);
	return get(cfg + off, size);
}

void pci_cfg_write(const struct pci_dev *at, unsigned int off, unsigned int size, u32 val)
{
	assert_ptr_equal(at, &dev);
	memcpy(cfg + off, &val, size);
}

static void set(unsigned int off, unsigned int size, u32 val)
{
	pci_cfg_write(&dev, off, size, val);
}

void *mmio_map(u64 phys, u64 size)
{
	assert_int_equal(phys, dev.bar[TABLE_BAR].base + TABLE_OFF);
	assert_in_range(size, PCI_MSIX_ENTRY_SIZE, sizeof(table));
	assert_true(get(cfg + PCI_COMMAND, 2) & PCI_COMMAND_MEMORY);
	return table;
}

void mmio_write32(volatile void *addr, u32 val)
{
	unsigned int off = (unsigned int)((volatile u8 *)addr - table);
	const u8 *entry = table + off / PCI_MSIX_ENTRY_SIZE * PCI_MSIX_ENTRY_SIZE;

	/* Address and data change only while the entry cannot fire. */
	if (off % PCI_MSIX_ENTRY_SIZE != PCI_MSIX_VECTOR_CONTROL)
		assert_true((get(entry + PCI_MSIX_VECTOR_CONTROL, 4) & PCI_MSIX_ENTRY_MASKED) ||
			    (get(cfg + MSIX + PCI_MSIX_CONTROL, 2) & PCI_MSIX_FUNCTION_MASK));
	memcpy(table + off, &val, 4);
}

/* The function wants to interrupt with message @n; true if a handler ran. */
static bool fire_msix(unsigned int n)
{
	u32 control = get(cfg + MSIX + PCI_MSIX_CONTROL, 2);
	const u8 *entry = table + n * PCI_MSIX_ENTRY_SIZE;
	u64 addr;

	if (!(control & PCI_MSIX_ENABLE) || (control & PCI_MSIX_FUNCTION_MASK) ||
	    (get(entry + PCI_MSIX_VECTOR_CONTROL, 4) & PCI_MSIX_ENTRY_MASKED))
		return false;
	memcpy(&addr, entry + PCI_MSIX_ADDR_LO, 8);
	return mock_irq_message(addr, get(entry + PCI_MSIX_DATA, 4));
}

static bool fire_msi(void)
{
	u32 control = get(cfg + MSI + PCI_MSI_CONTROL, 2);
	u64 addr = get(cfg + MSI + PCI_MSI_ADDR_LO, 4);
	unsigned int data = MSI + PCI_MSI_DATA_32;

	if (!(control & PCI_MSI_ENABLE))
		return false;
	assert_int_equal(control & PCI_MSI_MULTIPLE_MASK, 0);
	if (control & PCI_MSI_64) {
		addr |= (u64)get(cfg + MSI + PCI_MSI_ADDR_HI, 4) << 32;
		data = MSI + PCI_MSI_DATA_64;
	}
	if ((control & PCI_MSI_MASKABLE) && (get(cfg + data + 4, 4) & 1))
		return false;
	return mock_irq_message(addr, get(cfg + data, 2));
}

/* ---- INTx ---- */

static unsigned int intx_released;
static int intx_result;

int pci_request_intx(struct pci_dev *at, void (*fn)(void *), void (*provoke)(void *, bool),
		     void *arg, const char *name)
{
	return intx_result;
}

void pci_release_intx(struct pci_dev *at, void *arg)
{
	intx_released++;
}

/* ---- A driver ---- */

static unsigned int calls[ENTRIES + 1];
static struct cpu other_cpu = { .id = 1 };

static void handle(void *arg)
{
	++*(unsigned int *)arg;
}

static void provoke(void *arg, bool on)
{
}

static const struct pci_irq_handler handlers[ENTRIES + 1] = {
	{ handle, &calls[0], NULL }, { handle, &calls[1], &other_cpu }, { handle, &calls[2], NULL },
	{ handle, &calls[3], NULL }, { handle, &calls[4], NULL },
};

static enum pci_irq_kind request(unsigned int nr_msix)
{
	struct pci_irq_request req = {
		.name = "test", .any = { handle, &calls[4], NULL }, .provoke = provoke,
		.msix = handlers, .nr_msix = nr_msix,
	};

	return pci_request_irq(&dev, &req);
}

static int setup(void **state)
{
	mock_irq_init();
	memset(cfg, 0, sizeof(cfg));
	memset(table, 0xff, sizeof(table));	/* anything, masked */
	memset(calls, 0, sizeof(calls));
	dev = (struct pci_dev){ .bar[TABLE_BAR] = { .base = 0xfeb80000, .size = 0x4000 } };
	has_msi = has_msix = true;
	set(MSI + PCI_MSI_CONTROL, 2, PCI_MSI_64 | PCI_MSI_MULTIPLE_MASK);
	set(MSIX + PCI_MSIX_CONTROL, 2, ENTRIES - 1);
	set(MSIX + PCI_MSIX_TABLE, 4, TABLE_OFF | TABLE_BAR);
	intx_released = 0;
	intx_result = 0;
	pci_irq_limit("msix");
	host_log_clear();
	return 0;
}

static void msix_is_preferred(void **state)
{
	assert_int_equal(request(2), PCI_IRQ_MSIX);
	assert_true(fire_msix(0) && fire_msix(1) && fire_msix(1));
	assert_int_equal(calls[0], 1);
	assert_int_equal(calls[1], 2);
	assert_false(fire_msix(2));	/* not asked for */
	assert_false(fire_msi());
	assert_true(get(cfg + PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(mock_irq.used, 2);
	assert_int_equal(host_log_count("test: MSI-X, vectors 0x30 to 0x31"), 1);
	pci_release_irq(&dev);
	assert_int_equal(mock_irq.used, 0);
	assert_false(fire_msix(0));
}

static void msix_entries_go_to_their_cpus(void **state)
{
	assert_int_equal(request(1), PCI_IRQ_MSIX);
	assert_ptr_equal(mock_irq.cpu, this_cpu());
	pci_release_irq(&dev);
	assert_int_equal(request(2), PCI_IRQ_MSIX);
	assert_ptr_equal(mock_irq.cpu, &other_cpu);
	pci_release_irq(&dev);
	assert_int_equal(request(3), PCI_IRQ_MSIX);
	assert_ptr_equal(mock_irq.cpu, this_cpu());
}

static void msi_comes_next(void **state)
{
	static const u16 kinds[] = {
		0, PCI_MSI_64, PCI_MSI_MASKABLE, PCI_MSI_64 | PCI_MSI_MASKABLE,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		setup(NULL);
		memset(cfg + MSI, 0xff, 0x18);	/* mask bits set */
		set(MSI + PCI_MSI_CONTROL, 2, kinds[i] | PCI_MSI_MULTIPLE_MASK);
		has_msix = i % 2;
		assert_int_equal(request(has_msix ? 0 : 2), PCI_IRQ_MSI);
		assert_true(fire_msi());
		assert_int_equal(calls[4], 1);
		assert_int_equal(mock_irq.used, 1);
		assert_int_equal(host_log_count("test: MSI, vector 0x30"), 1);
		pci_release_irq(&dev);
		assert_int_equal(mock_irq.used, 0);
		assert_false(fire_msi());
	}
}

static void intx_is_last(void **state)
{
	has_msi = has_msix = false;
	assert_int_equal(request(2), PCI_IRQ_INTX);
	pci_release_irq(&dev);
	pci_release_irq(&dev);
	assert_int_equal(intx_released, 1);
	intx_result = -ENOENT;
	assert_int_equal(request(2), PCI_IRQ_NONE);
	assert_int_equal(dev.irq.kind, PCI_IRQ_NONE);
}

static void the_command_line_may_ask_for_less(void **state)
{
	static const struct { const char *word; enum pci_irq_kind kind; } limits[] = {
		{ "msix", PCI_IRQ_MSIX }, { "msi", PCI_IRQ_MSI }, { "intx", PCI_IRQ_INTX },
		{ "none", PCI_IRQ_NONE },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(limits); i++) {
		assert_int_equal(pci_irq_limit(limits[i].word), 0);
		assert_int_equal(request(2), limits[i].kind);
		assert_string_equal(pci_irq_name(dev.irq.kind), limits[i].word);
		pci_release_irq(&dev);
		assert_int_equal(mock_irq.used, 0);
	}
	assert_int_equal(pci_irq_limit("best"), -EINVAL);
	assert_int_equal(pci_irq_limit(""), -EINVAL);
}

static void too_few_entries_or_vectors_fall_back(void **state)
{
	assert_int_equal(request(ENTRIES + 1), PCI_IRQ_MSI);
	pci_release_irq(&dev);
	mock_irq.left = 1;
	assert_int_equal(request(2), PCI_IRQ_INTX);	/* the attempt took the one left */
	assert_int_equal(mock_irq.used, 0);
	assert_false(fire_msix(0) || fire_msi());
	mock_irq.left = -1;
	mock_irq.no_message = true;
	assert_int_equal(request(2), PCI_IRQ_INTX);
	assert_int_equal(mock_irq.used, 0);
	assert_false(fire_msix(0) || fire_msi());
}

static void a_table_out_of_reach_falls_back(void **state)
{
	static const u32 tables[] = {
		TABLE_OFF | 7, TABLE_OFF | 6,		/* no such BAR */
		TABLE_OFF | 0,				/* one that is not there */
		(0x4000 - PCI_MSIX_ENTRY_SIZE) | TABLE_BAR,/* over its end */
		0xfffffff8 | TABLE_BAR,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(tables); i++) {
		set(MSIX + PCI_MSIX_TABLE, 4, tables[i]);
		assert_int_equal(request(2), PCI_IRQ_MSI);
		pci_release_irq(&dev);
	}
	set(MSIX + PCI_MSIX_TABLE, 4, TABLE_OFF | TABLE_BAR);
	dev.bar[TABLE_BAR].io = true;
	assert_int_equal(request(2), PCI_IRQ_MSI);
}

static void what_firmware_left_on_is_switched_off(void **state)
{
	set(MSI + PCI_MSI_CONTROL, 2, PCI_MSI_64 | PCI_MSI_ENABLE);
	set(MSIX + PCI_MSIX_CONTROL, 2, (ENTRIES - 1) | PCI_MSIX_ENABLE);
	pci_msi_off(&dev);
	assert_int_equal(get(cfg + MSI + PCI_MSI_CONTROL, 2), PCI_MSI_64);
	assert_int_equal(get(cfg + MSIX + PCI_MSIX_CONTROL, 2), ENTRIES - 1);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(msix_is_preferred),
		T(msix_entries_go_to_their_cpus),
		T(msi_comes_next),
		T(intx_is_last),
		T(the_command_line_may_ask_for_less),
		T(too_few_entries_or_vectors_fall_back),
		T(a_table_out_of_reach_falls_back),
		T(what_firmware_left_on_is_switched_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
