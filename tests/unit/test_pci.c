/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI enumeration over a made-up machine, by ports and by ECAM. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/acpi.h"
#include "asm/io.h"
#include "drivers/pci/pci.h"
#include "drivers/pci/regs.h"
#include "kernel/mem.h"

struct acpi_info acpi;

/* ---- Functions and their configuration spaces ---- */

struct function {
	u8 bus, devfn;
	u32 bar_mask[6];	/* writable bits */
	u8 cfg[4096];
	bool probed_ones;	/* a BAR was sized */
};

static struct function functions[300];
static unsigned int nr_functions;

static struct function *find(unsigned int bus, unsigned int devfn)
{
	for (unsigned int i = 0; i < nr_functions; i++)
		if (functions[i].bus == bus && functions[i].devfn == devfn)
			return &functions[i];
	return NULL;
}

static void put(struct function *fn, unsigned int off, unsigned int size, u32 val)
{
	memcpy(fn->cfg + off, &val, size);
}

static u32 get(const struct function *fn, unsigned int off, unsigned int size)
{
	u32 val = 0;

	memcpy(&val, fn->cfg + off, size);
	return val;
}

static struct function *add(unsigned int bus, unsigned int slot, unsigned int function, u32 id,
			    u32 class, u8 header)
{
	struct function *fn = &functions[nr_functions++];

	assert_true(nr_functions <= ARRAY_SIZE(functions));
	fn->bus = (u8)bus;
	fn->devfn = (u8)(slot << 3 | function);
	put(fn, PCI_VENDOR_ID, 4, id);
	put(fn, PCI_REVISION_ID, 4, class << 8 | 3);
	put(fn, PCI_HEADER_TYPE, 1, header);
	put(fn, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	return fn;
}

static void add_bar(struct function *fn, unsigned int n, u32 val, u32 mask)
{
	put(fn, PCI_BAR0 + 4 * n, 4, val);
	fn->bar_mask[n] = mask;
}

static struct function *add_bridge(unsigned int bus, unsigned int slot, u8 secondary)
{
	struct function *fn = add(bus, slot, 0, 0x244e8086, 0x060400, PCI_HEADER_BRIDGE);

	put(fn, PCI_SECONDARY_BUS, 1, secondary);
	return fn;
}

static void write_bar(struct function *fn, unsigned int n, u32 val)
{
	u32 old = get(fn, PCI_BAR0 + 4 * n, 4), mask = fn->bar_mask[n];

	if (val == UINT32_MAX) {
		fn->probed_ones = true;
		assert_false(get(fn, PCI_COMMAND, 2) & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	}
	put(fn, PCI_BAR0 + 4 * n, 4, (val & mask) | (old & ~mask));
}

static void cfg_write(struct function *fn, unsigned int off, unsigned int size, u32 val)
{
	bool normal = (fn->cfg[PCI_HEADER_TYPE] & PCI_HEADER_TYPE_MASK) == PCI_HEADER_NORMAL;

	if (off >= PCI_BAR0 && off < PCI_BAR0 + 4 * (normal ? 6u : 2u)) {
		assert_int_equal(size, 4);
		write_bar(fn, (off - PCI_BAR0) / 4, val);
	} else {
		put(fn, off, size, val);
	}
}

/* ---- Configuration mechanism #1 ---- */

static u32 address;

void outl(u16 port, u32 val)
{
	struct function *fn;

	if (port == PCI_CONFIG_ADDRESS) {
		assert_true(val & PCI_CONFIG_ENABLE);
		assert_int_equal(val & 3, 0);
		address = val;
		return;
	}
	assert_int_equal(port, PCI_CONFIG_DATA);
	fn = find(address >> 16 & 0xff, address >> 8 & 0xff);
	if (fn)
		cfg_write(fn, address & 0xfc, 4, val);
}

void outw(u16 port, u16 val)
{
	struct function *fn = find(address >> 16 & 0xff, address >> 8 & 0xff);

	assert_int_equal(port & ~2, PCI_CONFIG_DATA);
	if (fn)
		cfg_write(fn, (address & 0xfc) + (port & 2), 2, val);
}

void outb(u16 port, u8 val)
{
	struct function *fn = find(address >> 16 & 0xff, address >> 8 & 0xff);

	assert_int_equal(port & ~3, PCI_CONFIG_DATA);
	if (fn)
		cfg_write(fn, (address & 0xfc) + (port & 3), 1, val);
}

u32 inl(u16 port)
{
	const struct function *fn = find(address >> 16 & 0xff, address >> 8 & 0xff);

	assert_int_equal(port, PCI_CONFIG_DATA);
	return fn ? get(fn, address & 0xfc, 4) : UINT32_MAX;
}

/* ---- ECAM and BARs: the "mapping" is the address itself ---- */

#define ECAM 0x0000700000000000ull	/* of bus 0; never dereferenced */

static u64 mapped, mapped_size;
static unsigned int maps;

void *mmio_map(u64 phys, u64 size)
{
	assert_int_not_equal(phys, 0);
	mapped = phys;
	mapped_size = size;
	maps++;
	return (void *)(uintptr_t)phys;
}

static struct function *ecam(const volatile void *addr, unsigned int *off)
{
	u64 at = (u64)(uintptr_t)addr - ECAM;

	*off = at & 0xfff;
	return find(at >> 20 & 0xff, at >> 12 & 0xff);
}

u32 mmio_read32(const volatile void *addr)
{
	unsigned int off;
	const struct function *fn = ecam(addr, &off);

	assert_int_equal(off & 3, 0);
	return fn ? get(fn, off, 4) : UINT32_MAX;
}

void mmio_write8(volatile void *addr, u8 val)
{
	unsigned int off;
	struct function *fn = ecam(addr, &off);

	cfg_write(fn, off, 1, val);
}

void mmio_write16(volatile void *addr, u16 val)
{
	unsigned int off;
	struct function *fn = ecam(addr, &off);

	cfg_write(fn, off, 2, val);
}

void mmio_write32(volatile void *addr, u32 val)
{
	unsigned int off;
	struct function *fn = ecam(addr, &off);

	cfg_write(fn, off, 4, val);
}

/* ---- A driver ---- */

static const struct pci_dev *probed[4];
static unsigned int nr_probed;
static int probe_result;

static int test_probe(struct pci_dev *dev)
{
	probed[nr_probed++] = dev;
	if (!probe_result)
		pci_enable(dev);
	return dev->device == 0x1111 ? -EIO : probe_result;
}

static const struct pci_id test_ids[] = { { 0x8086, 0x100e }, { 0x8086, 0x1111 }, { 0 } };
static const struct pci_driver test_driver = {
	.name = "test", .ids = test_ids, .probe = test_probe,
};
const struct pci_driver *const pci_drivers[] = { &test_driver, NULL };

/* ---- The machine ---- */

static struct function *nic, *big, *host, *unset, *refused;

static void add_capabilities(struct function *fn)
{
	put(fn, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	put(fn, PCI_CAPABILITY_LIST, 1, 0x53);	/* the low bits are reserved */
	put(fn, 0x50, 4, 0x00016005);		/* MSI, left on by firmware */
	put(fn, 0x60, 2, 0x5011);		/* and back: a loop */
}

static int machine(void **state)
{
	host = add(0, 0, 0, 0x12378086, 0x060000, 0);
	add_bar(host, 0, 0xe0000000, 0xf0000000);
	add(0, 1, 0, 0x70008086, 0x060100, PCI_HEADER_MULTI);
	add(0, 1, 3, 0x71138086, 0x068000, 0);
	nic = add(0, 3, 0, 0x100e8086, 0x020000, 0);
	add_bar(nic, 0, 0xfebc0000, 0xfffe0000);
	add_bar(nic, 1, 0xc001, 0xffc0);
	put(nic, PCI_INTERRUPT_LINE, 2, 0x010a);
	put(nic, PCI_SUBSYSTEM_VENDOR_ID, 4, 0x11001af4);
	add(0, 3, 1, 0xdeadbeef, 0x020000, 0);	/* its ghost: not a multi-function device */
	big = add(0, 4, 0, 0x00011234, 0x030000, 0);
	add_bar(big, 0, 0x0000000c, 0x00000000);	/* 8 GiB, 64 bits, prefetchable */
	add_bar(big, 1, 0x00000040, 0xfffffffe);
	add_bar(big, 2, 0xfebf0000, 0xfffff000);
	put(big, PCI_INTERRUPT_PIN, 1, 9);	/* no such pin */
	add_capabilities(big);
	put(add_bridge(0, 5, 1), PCI_COMMAND, 2, 0);
	add_bridge(0, 6, 1);			/* claims the same bus */
	add_bridge(0, 7, 0);			/* firmware did not set it up */
	unset = add(1, 0, 0, 0x00021234, 0x020000, 0);
	add_bar(unset, 0, 0, 0xffff0000);
	add_bridge(1, 1, 1);			/* its own bus behind it */
	refused = add(1, 2, 0, 0x11118086, 0x020000, 0);
	add_bridge(1, 3, 2);
	for (unsigned int i = 0; i < 256; i++)
		add(2, i / 8, i % 8, 0x00031234, 0x0c0300, PCI_HEADER_MULTI);
	return pci_init();
}

static void find_dev(void *arg, struct pci_dev *dev)
{
	struct pci_dev *want = arg;

	if (dev->bus == want->bus && dev->devfn == want->devfn) {
		assert_int_equal(want->vendor, 0);	/* found once */
		*want = *dev;
	}
}

static struct pci_dev dev_of(const struct function *fn)
{
	struct pci_dev dev = { .bus = fn->bus, .devfn = fn->devfn };

	pci_for_each(find_dev, &dev);
	return dev;
}

static void count_dev(void *arg, struct pci_dev *dev)
{
	++*(unsigned int *)arg;
}

static void all_buses_are_scanned_once(void **state)
{
	unsigned int n = 0;

	pci_for_each(count_dev, &n);
	assert_int_equal(n, PCI_DEVS_MAX);
	assert_int_equal(host_log_count("functions left out"), 1);
	assert_int_equal(dev_of(nic).vendor, 0x8086);
	assert_int_equal(dev_of(find(0, 1 << 3 | 3)).device, 0x7113);
	assert_int_equal(dev_of(find(0, 3 << 3 | 1)).vendor, 0);
	assert_int_equal(dev_of(unset).vendor, 0x1234);
}

static void header_is_read(void **state)
{
	struct pci_dev dev = dev_of(nic);

	assert_int_equal(dev.class, 0x020000);
	assert_int_equal(dev.revision, 3);
	assert_int_equal(dev.irq_pin, 1);
	assert_int_equal(dev.irq_line, 10);
	assert_int_equal(dev.subsys_vendor, 0x1af4);
	assert_int_equal(dev.subsys, 0x1100);
	assert_int_equal(dev_of(big).irq_pin, 0);
}

static void bars_are_sized_and_left_as_they_were(void **state)
{
	struct pci_dev dev = dev_of(nic);

	assert_int_equal(dev.bar[0].base, 0xfebc0000);
	assert_int_equal(dev.bar[0].size, 0x20000);
	assert_false(dev.bar[0].io || dev.bar[0].is_64);
	assert_int_equal(dev.bar[1].base, 0xc000);
	assert_int_equal(dev.bar[1].size, 64);
	assert_true(dev.bar[1].io);
	assert_int_equal(dev.bar[2].size, 0);
	assert_int_equal(get(nic, PCI_BAR0, 4), 0xfebc0000);
	assert_int_equal(get(nic, PCI_BAR0 + 4, 4), 0xc001);
	dev = dev_of(big);
	assert_int_equal(dev.bar[0].base, 0x4000000000);
	assert_int_equal(dev.bar[0].size, 8 * GIB);
	assert_true(dev.bar[0].is_64 && dev.bar[0].prefetchable);
	assert_int_equal(dev.bar[1].size, 0);
	assert_int_equal(dev.bar[2].base, 0xfebf0000);
	assert_int_equal(dev.bar[2].size, 4096);
	assert_int_equal(get(big, PCI_BAR0 + 4, 4), 0x40);
	assert_false(host->probed_ones);
}

static void firmware_leftovers_are_silenced(void **state)
{
	assert_int_equal(get(big, PCI_COMMAND, 2),
			 PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(get(big, 0x50, 4), 0x6005);
	assert_int_equal(get(host, PCI_COMMAND, 2),
			 PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(get(find(0, 5 << 3), PCI_COMMAND, 2),	/* there is a bus behind it */
			 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_true(get(nic, PCI_COMMAND, 2) & PCI_COMMAND_MASTER);	/* its driver wants it */
}

static void drivers_are_probed_by_id(void **state)
{
	assert_int_equal(nr_probed, 2);
	assert_int_equal(probed[0]->device, 0x100e);
	assert_ptr_equal(dev_of(nic).driver, &test_driver);
	assert_null(dev_of(refused).driver);
	assert_int_equal(host_log_count("not driven by test (error -5)"), 1);
	assert_false(get(refused, PCI_COMMAND, 2) & PCI_COMMAND_MASTER);
}

static void capabilities_are_found_in_a_loop_too(void **state)
{
	struct pci_dev dev = dev_of(big), plain = dev_of(nic);

	assert_int_equal(pci_find_cap(&dev, 0x05), 0x50);
	assert_int_equal(pci_find_cap(&dev, 0x11), 0x60);
	assert_int_equal(pci_find_cap(&dev, 0x10), 0);
	assert_int_equal(pci_find_cap(&plain, 0x05), 0);
}

static void bars_are_mapped_if_assigned(void **state)
{
	struct pci_dev dev = dev_of(nic), without = dev_of(unset);

	put(nic, PCI_COMMAND, 2, 0);
	assert_non_null(pci_map_bar(&dev, 0));
	assert_int_equal(mapped, 0xfebc0000);
	assert_int_equal(mapped_size, 0x20000);
	assert_int_equal(get(nic, PCI_COMMAND, 2), PCI_COMMAND_MEMORY);
	assert_null(pci_map_bar(&dev, 1));
	assert_null(pci_map_bar(&dev, 5));
	assert_null(pci_map_bar(&dev, 6));
	assert_null(pci_map_bar(&without, 0));
	pci_enable(&dev);
	assert_int_equal(get(nic, PCI_COMMAND, 2), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	pci_disable(&dev);
	assert_int_equal(get(nic, PCI_COMMAND, 2), PCI_COMMAND_MEMORY);
}

static void accesses_are_as_narrow_as_asked(void **state)
{
	struct pci_dev dev = dev_of(nic);

	put(nic, 0x40, 4, 0x11223344);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(pci_cfg_read(&dev, 0x40 + i, 1), 0x44 - 0x11 * i);
	assert_int_equal(pci_cfg_read(&dev, 0x42, 2), 0x1122);
	pci_cfg_write(&dev, 0x41, 1, 0xffaa);
	assert_int_equal(get(nic, 0x40, 4), 0x1122aa44);
	pci_cfg_write(&dev, 0x42, 2, 0xbbcc);
	assert_int_equal(get(nic, 0x40, 4), 0xbbccaa44);
	/* Misaligned, of odd size, beyond the end. */
	assert_int_equal(pci_cfg_read(&dev, 0x41, 2), UINT32_MAX);
	assert_int_equal(pci_cfg_read(&dev, 0x40, 3), UINT32_MAX);
	assert_int_equal(pci_cfg_read(&dev, 0x100, 4), UINT32_MAX);
	pci_cfg_write(&dev, 0x41, 2, 0);
	pci_cfg_write(&dev, 0x140, 4, 0);
	assert_int_equal(get(nic, 0x40, 4), 0xbbccaa44);
}

static void ecam_reaches_all_of_it(void **state)
{
	struct pci_dev dev = dev_of(nic), behind = dev_of(unset);
	unsigned int before = maps;

	acpi.nr_mcfg = 2;
	acpi.mcfg[0] = (struct acpi_mcfg){ .base = 1, .segment = 1, .last_bus = 255 };
	acpi.mcfg[1] = (struct acpi_mcfg){ .base = ECAM };	/* bus 0 alone */
	put(nic, 0x40, 4, 0x11223344);
	put(nic, 0x140, 4, 0x55667788);
	assert_int_equal(pci_cfg_read(&dev, 0x141, 1), 0x77);
	assert_int_equal(pci_cfg_read(&dev, 0x42, 2), 0x1122);
	pci_cfg_write(&dev, 0x142, 2, 0xabcd);
	pci_cfg_write(&dev, 0x140, 1, 0xef);
	assert_int_equal(get(nic, 0x140, 4), 0xabcd77ef);
	pci_cfg_write(&dev, 0x140, 4, 1);
	assert_int_equal(get(nic, 0x140, 4), 1);
	assert_int_equal(pci_cfg_read(&dev, 0x1000, 4), UINT32_MAX);
	assert_int_equal(maps, before + 1);	/* a bus is mapped once */
	assert_int_equal(mapped, ECAM);
	assert_int_equal(mapped_size, MIB);
	/* A bus that MCFG leaves out. */
	assert_int_equal(pci_cfg_read(&behind, PCI_VENDOR_ID, 2), 0x1234);
	assert_int_equal(pci_cfg_read(&behind, 0x140, 4), UINT32_MAX);
	acpi.nr_mcfg = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_buses_are_scanned_once),
		cmocka_unit_test(header_is_read),
		cmocka_unit_test(bars_are_sized_and_left_as_they_were),
		cmocka_unit_test(firmware_leftovers_are_silenced),
		cmocka_unit_test(drivers_are_probed_by_id),
		cmocka_unit_test(capabilities_are_found_in_a_loop_too),
		cmocka_unit_test(bars_are_mapped_if_assigned),
		cmocka_unit_test(accesses_are_as_narrow_as_asked),
		cmocka_unit_test(ecam_reaches_all_of_it),
	};

	return cmocka_run_group_tests(tests, machine, NULL);
}
