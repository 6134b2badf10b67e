/* SPDX-License-Identifier: BSD-2-Clause */
/* Enumeration: which functions there are, and which driver takes each. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "drivers/pci/msi.h"
#include "drivers/pci/regs.h"
#include "kernel/log.h"
#include "kernel/mem.h"

#define SLOTS		32
#define FUNCTIONS	8
#define CAPS_MAX	48	/* (256 - 64) / 4: more can only be a loop */

static struct pci_dev devs[PCI_DEVS_MAX];
static unsigned int nr_devs, nr_left_out;

static u64 buses_seen[256 / 64];	/* scanned or about to be */

void pci_for_each(void (*fn)(void *arg, struct pci_dev *dev), void *arg)
{
	for (unsigned int i = 0; i < nr_devs; i++)
		fn(arg, &devs[i]);
}

unsigned int pci_next_cap(const struct pci_dev *dev, unsigned int at, u8 id)
{
	unsigned int off = at ? at + 1 : PCI_CAPABILITY_LIST;	/* where the next pointer is */

	if (!(pci_cfg_read(dev, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
		return 0;
	for (unsigned int i = 0; i < CAPS_MAX; i++) {
		off = pci_cfg_read(dev, off, 1) & ~3u;	/* §6.7: the low bits are reserved */
		if (off < 0x40 || pci_cfg_read(dev, off, 1) == 0xff)
			return 0;
		if (pci_cfg_read(dev, off, 1) == id)
			return off;
		off++;				/* where the next pointer is */
	}
	return 0;
}

unsigned int pci_find_cap(const struct pci_dev *dev, u8 id)
{
	return pci_next_cap(dev, 0, id);
}

static void command_set(struct pci_dev *dev, u16 set, u16 clear)
{
	u32 command = pci_cfg_read(dev, PCI_COMMAND, 2);

	pci_cfg_write(dev, PCI_COMMAND, 2, (command | set) & ~(u32)clear);
}

void pci_enable(struct pci_dev *dev)
{
	command_set(dev, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
}

void pci_disable(struct pci_dev *dev)
{
	command_set(dev, 0, PCI_COMMAND_MASTER);
}

void *pci_map_bar(struct pci_dev *dev, unsigned int bar)
{
	if (bar >= ARRAY_SIZE(dev->bar) || dev->bar[bar].io || !dev->bar[bar].base)
		return NULL;
	command_set(dev, PCI_COMMAND_MEMORY, 0);
	return mmio_map(dev->bar[bar].base, dev->bar[bar].size);
}

/* §6.2.5.1: what stays zero after writing ones is the size. */
static u32 bar_probe(const struct pci_dev *dev, unsigned int off, u32 old)
{
	u32 mask;

	pci_cfg_write(dev, off, 4, UINT32_MAX);
	mask = pci_cfg_read(dev, off, 4);
	pci_cfg_write(dev, off, 4, old);
	return mask;
}

/* Returns how many of the registers it takes: 1 or 2. */
static unsigned int bar_read(struct pci_dev *dev, unsigned int n, unsigned int nr)
{
	unsigned int off = PCI_BAR0 + 4 * n;
	u32 low = pci_cfg_read(dev, off, 4), mask = bar_probe(dev, off, low);
	struct pci_bar *bar = &dev->bar[n];
	u64 base, size;

	if (!mask)
		return 1;
	bar->io = low & PCI_BAR_IO;
	if (bar->io) {
		bar->base = low & PCI_BAR_IO_MASK & 0xffff;
		bar->size = (~(mask & PCI_BAR_IO_MASK) + 1) & 0xffff;
		return 1;
	}
	bar->prefetchable = low & PCI_BAR_PREFETCH;
	bar->is_64 = low & PCI_BAR_64;
	base = low & PCI_BAR_MEM_MASK;
	size = mask & PCI_BAR_MEM_MASK;
	if (bar->is_64 && n + 1 < nr) {
		u32 high = pci_cfg_read(dev, off + 4, 4);

		base |= (u64)high << 32;
		size |= (u64)bar_probe(dev, off + 4, high) << 32;
	} else {
		size |= (u64)UINT32_MAX << 32;
	}
	bar->base = base;
	bar->size = ~size + 1;
	return bar->is_64 ? 2 : 1;
}

static void bars_read(struct pci_dev *dev)
{
	u32 command = pci_cfg_read(dev, PCI_COMMAND, 2);
	unsigned int nr = dev->header_type == PCI_HEADER_NORMAL ? 6 : 2;

	/* Decoding is off meanwhile: a BAR full of ones would answer somebody else's address. */
	pci_cfg_write(dev, PCI_COMMAND, 2, command & ~(u32)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	for (unsigned int n = 0; n < nr;)
		n += bar_read(dev, n, nr);
	pci_cfg_write(dev, PCI_COMMAND, 2, command);
}

/* What firmware left running, a network boot's receiver say, stays off bus and interrupts. */
static void quiet(struct pci_dev *dev)
{
	if (dev->class >> 16 == PCI_CLASS_BRIDGE)
		return;
	command_set(dev, PCI_COMMAND_INTX_DISABLE, PCI_COMMAND_MASTER);
	pci_msi_off(dev);
}

static void function_read(struct pci_dev *dev)
{
	dev->vendor = (u16)pci_cfg_read(dev, PCI_VENDOR_ID, 2);
	dev->device = (u16)pci_cfg_read(dev, PCI_DEVICE_ID, 2);
	dev->revision = (u8)pci_cfg_read(dev, PCI_REVISION_ID, 1);
	dev->class = pci_cfg_read(dev, PCI_REVISION_ID, 4) >> 8;
	dev->header_type = pci_cfg_read(dev, PCI_HEADER_TYPE, 1) & PCI_HEADER_TYPE_MASK;
	dev->irq_line = (u8)pci_cfg_read(dev, PCI_INTERRUPT_LINE, 1);
	dev->irq_pin = (u8)pci_cfg_read(dev, PCI_INTERRUPT_PIN, 1);
	if (dev->irq_pin > 4)
		dev->irq_pin = 0;
	if (dev->header_type == PCI_HEADER_NORMAL) {
		dev->subsys_vendor = (u16)pci_cfg_read(dev, PCI_SUBSYSTEM_VENDOR_ID, 2);
		dev->subsys = (u16)pci_cfg_read(dev, PCI_SUBSYSTEM_ID, 2);
	}
	if (dev->header_type <= PCI_HEADER_BRIDGE && dev->class >> 8 != PCI_CLASS_HOST_BRIDGE)
		bars_read(dev);
	quiet(dev);
}

/* A bus to be scanned, once, whatever the bridges say. */
static bool bus_claim(unsigned int bus)
{
	u64 bit = BIT_ULL(bus % 64);

	if (buses_seen[bus / 64] & bit)
		return false;
	buses_seen[bus / 64] |= bit;
	return true;
}

static void bus_scan(unsigned int bus);

static void function_scan(const struct pci_dev *at)
{
	struct pci_dev *dev = &devs[nr_devs];
	unsigned int secondary;

	if (nr_devs == PCI_DEVS_MAX) {
		nr_left_out++;
		return;
	}
	*dev = *at;
	function_read(dev);
	nr_devs++;
	if (dev->header_type != PCI_HEADER_BRIDGE)
		return;
	secondary = pci_cfg_read(dev, PCI_SECONDARY_BUS, 1);
	if (!bus_claim(secondary))	/* 0, which is seen: firmware did not set it up */
		return;
	/* What is behind it needs both ways through (bridge §3.2.4.3). */
	command_set(dev, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
	bus_scan(secondary);
}

static void bus_scan(unsigned int bus)
{
	for (unsigned int slot = 0; slot < SLOTS; slot++) {
		unsigned int functions = 1;

		for (unsigned int fn = 0; fn < functions; fn++) {
			struct pci_dev at = { .bus = (u8)bus, .devfn = (u8)(slot << 3 | fn) };

			if (pci_cfg_read(&at, PCI_VENDOR_ID, 2) == PCI_VENDOR_NONE)
				continue;
			if (fn == 0 && (pci_cfg_read(&at, PCI_HEADER_TYPE, 1) & PCI_HEADER_MULTI))
				functions = FUNCTIONS;
			function_scan(&at);
		}
	}
}

static const char *class_name(u32 class)
{
	static const struct { u16 class; const char *name; } names[] = {	/* appendix D */
		{ 0x0101, "IDE" },
		{ 0x0106, "SATA" },
		{ 0x0108, "NVMe" },
		{ 0x0200, "Ethernet" },
		{ 0x0280, "network" },
		{ 0x0300, "VGA" },
		{ PCI_CLASS_HOST_BRIDGE, "host bridge" },
		{ PCI_CLASS_ISA_BRIDGE, "ISA bridge" },
		{ PCI_CLASS_PCI_BRIDGE, "PCI bridge" },
		{ 0x0680, "bridge" },
		{ 0x0700, "serial port" },
		{ 0x0c03, "USB" },
		{ 0x0c05, "SMBus" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].class == class >> 8)
			return names[i].name;
	return "device";
}

/* What does not fit is cut. */
static void append_bar(char *line, size_t size, const char *what, u64 base, u64 bytes)
{
	size_t len = strlen(line);

	if (bytes >= MIB)
		snprintf(line + len, size - len, ", %s 0x%llx+%lluM", what,
			 (unsigned long long)base, (unsigned long long)(bytes / MIB));
	else if (bytes >= KIB)
		snprintf(line + len, size - len, ", %s 0x%llx+%lluK", what,
			 (unsigned long long)base, (unsigned long long)(bytes / KIB));
	else
		snprintf(line + len, size - len, ", %s 0x%llx+%llu", what,
			 (unsigned long long)base, (unsigned long long)bytes);
}

static void list(void *arg, struct pci_dev *dev)
{
	char line[LOG_LINE_MAX] = "";
	size_t len;

	for (unsigned int i = 0; i < ARRAY_SIZE(dev->bar); i++)
		if (dev->bar[i].size)
			append_bar(line, sizeof(line), dev->bar[i].io ? "I/O" : "mem",
			       dev->bar[i].base, dev->bar[i].size);
	len = strlen(line);
	if (dev->irq_pin)
		snprintf(line + len, sizeof(line) - len, ", INT%c line %u",
			 'A' + dev->irq_pin - 1, dev->irq_line);
	pr_info("pci: %02x:%02x.%x: %04x:%04x %s (class %06x)%s", dev->bus, dev->devfn >> 3,
		dev->devfn & 7, dev->vendor, dev->device, class_name(dev->class), dev->class, line);
}

static bool id_matches(const struct pci_driver *driver, const struct pci_dev *dev)
{
	for (const struct pci_id *id = driver->ids; id->vendor; id++)
		if (id->vendor == dev->vendor && id->device == dev->device)
			return true;
	return false;
}

static void probe(void *arg, struct pci_dev *dev)
{
	for (const struct pci_driver *const *driver = pci_drivers; *driver; driver++) {
		int err;

		if (!id_matches(*driver, dev))
			continue;
		err = (*driver)->probe(dev);
		if (err == 0) {
			dev->driver = *driver;
			return;
		}
		pr_warn("pci: %02x:%02x.%x: not driven by %s (error %d)", dev->bus, dev->devfn >> 3,
			dev->devfn & 7, (*driver)->name, err);
		pci_disable(dev);
	}
}

int pci_init(void)
{
	bus_claim(0);
	bus_scan(0);
	if (!nr_devs) {
		pr_warn("pci: no devices");
		return -ENODEV;
	}
	if (nr_left_out)
		pr_warn("pci: %u functions left out, more than %u", nr_left_out, PCI_DEVS_MAX);
	pci_for_each(list, NULL);
	pci_for_each(probe, NULL);
	return 0;
}
