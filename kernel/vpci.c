/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's PCI bus: configuration space, BARs and INTx lines. MSI-X: vpci_msix.c. */
#include "kernel/vpci.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/guest.h"
#include "kernel/log.h"
#include "kernel/pci_regs.h"
#include "kernel/vpci_msix.h"

/* ---- Little-endian fields of cfg[] ---- */

static u32 cfg_get(const u8 *cfg, unsigned int off, unsigned int size)
{
	u32 val = 0;

	memcpy(&val, cfg + off, size);
	return val;
}

/* A value that holds from reset on; before the guest starts. */
static void cfg_init(struct vpci_dev *dev, unsigned int off, u32 val, unsigned int size)
{
	memcpy(dev->cfg + off, &val, size);
	memcpy(dev->cfg_init + off, &val, size);
}

static void wmask_set(struct vpci_dev *dev, unsigned int off, u32 mask, unsigned int size)
{
	memcpy(dev->wmask + off, &mask, size);
}

static u16 command(const struct vpci_dev *dev)
{
	return (u16)cfg_get(dev->cfg, PCI_COMMAND, 2);
}

static bool bus_master(const struct vpci_dev *dev)
{
	return command(dev) & PCI_COMMAND_MASTER;
}

/* ---- Building a function ---- */

void vpci_bus_init(struct vpci_bus *bus, struct guest *guest, u64 mmio_base, u64 mmio_size)
{
	*bus = (struct vpci_bus){
		.guest = guest,
		.mmio_base = mmio_base,
		.mmio_size = mmio_size,
		.mmio_next = mmio_base,
	};
	spin_init(&bus->intx_lock, LOCK_VPCI_INTX);
}

void vpci_bus_set_pio_window(struct vpci_bus *bus, u64 base, u64 size)
{
	bus->pio_base = base;
	bus->pio_size = size;
	bus->pio_next = base;
}

static void cfg_header(struct vpci_dev *dev, const struct vpci_id *id)
{
	cfg_init(dev, PCI_VENDOR_ID, id->vendor, 2);
	cfg_init(dev, PCI_DEVICE_ID, id->device, 2);
	cfg_init(dev, PCI_REVISION_ID, id->revision, 1);
	cfg_init(dev, PCI_CLASS_PROG, id->class, 3);
	cfg_init(dev, PCI_SUBSYSTEM_VENDOR_ID, id->subsys_vendor, 2);
	cfg_init(dev, PCI_SUBSYSTEM_ID, id->subsys, 2);
	cfg_init(dev, PCI_INTERRUPT_PIN, 1, 1);
	wmask_set(dev, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
		  PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE, 2);
	wmask_set(dev, PCI_CACHE_LINE_SIZE, 0xff, 1);
	wmask_set(dev, PCI_INTERRUPT_LINE, 0xff, 1);
}

int vpci_add(struct vpci_bus *bus, struct vpci_dev *dev, unsigned int devfn,
	     const struct vpci_id *id, const struct vpci_ops *ops, void *owner, const char *name)
{
	if (devfn % 8 || devfn / 8 >= VPCI_DEVS)
		return -EINVAL;
	if (bus->dev[devfn / 8])
		return -EBUSY;
	*dev = (struct vpci_dev){
		.bus = bus, .devfn = devfn, .ops = ops, .owner = owner, .cap_next = PCI_HEADER_END,
	};
	snprintf(dev->name, sizeof(dev->name), "%s", name);
	cfg_header(dev, id);
	bus->dev[devfn / 8] = dev;
	return 0;
}

int vpci_add_cap(struct vpci_dev *dev, u8 cap_id, const void *body, unsigned int len)
{
	unsigned int off = dev->cap_next, end = off + ALIGN_UP(len + 2, 4u);

	if (end > PCI_CFG_SIZE)
		return -ENOSPC;
	/* The newest is first in the list. */
	cfg_init(dev, off, cap_id, 1);
	cfg_init(dev, off + 1, dev->cfg[PCI_CAPABILITY_LIST], 1);
	memcpy(dev->cfg + off + 2, body, len);
	memcpy(dev->cfg_init + off + 2, body, len);
	cfg_init(dev, PCI_CAPABILITY_LIST, off, 1);
	cfg_init(dev, PCI_STATUS, PCI_STATUS_CAP_LIST, 2);
	dev->cap_next = end;
	return (int)off;
}

/* The host bridge forwards its windows and nothing else: RAM, LAPIC, ... are out of reach. */
static bool in_mmio_window(const struct vpci_bus *bus, u64 gpa, u64 size)
{
	u64 off = gpa - bus->mmio_base;

	return off < bus->mmio_size && size <= bus->mmio_size - off;
}

static bool in_pio_window(const struct vpci_bus *bus, u64 port, u64 size)
{
	u64 off = port - bus->pio_base;

	return off < bus->pio_size && size <= bus->pio_size - off;
}

int vpci_add_bar(struct vpci_dev *dev, unsigned int bar, u64 size, bool is_64, bool prefetchable)
{
	struct vpci_bus *bus = dev->bus;
	u64 gpa = ALIGN_UP(bus->mmio_next, size);
	unsigned int off = PCI_BAR0 + 4 * bar;
	u32 flags = (is_64 ? PCI_BAR_64 : 0) | (prefetchable ? PCI_BAR_PREFETCH : 0);

	if (bar + is_64 >= VPCI_BARS || size <= PCI_BAR_FLAGS || (size & (size - 1)))
		return -EINVAL;
	if (gpa < bus->mmio_next || gpa - bus->mmio_base > bus->mmio_size ||
	    size > bus->mmio_size - (gpa - bus->mmio_base))
		return -ENOSPC;
	bus->mmio_next = gpa + size;
	dev->bar[bar] =
		(struct vpci_bar){ .size = size, .is_64 = is_64, .prefetchable = prefetchable };
	cfg_init(dev, off, (u32)gpa | flags, 4);
	wmask_set(dev, off, (u32)~(size - 1), 4);
	if (is_64) {
		cfg_init(dev, off + 4, (u32)(gpa >> 32), 4);
		wmask_set(dev, off + 4, (u32)(~(size - 1) >> 32), 4);
	}
	return 0;
}

/* The first port from bus->pio_next on where @size of them are nobody's: the board has some. */
static u64 free_ports(const struct vpci_bus *bus, u64 size)
{
	u64 port = ALIGN_UP(bus->pio_next, size), i = 0;

	while (i < size && in_pio_window(bus, port, size)) {
		if (io_find(&bus->guest->pio, port + i++)) {
			port += size;
			i = 0;
		}
	}
	return port;
}

int vpci_add_io_bar(struct vpci_dev *dev, unsigned int bar, u64 size)
{
	struct vpci_bus *bus = dev->bus;
	unsigned int off = PCI_BAR0 + 4 * bar;
	u64 port;

	if (bar >= VPCI_BARS || size <= PCI_BAR_IO_FLAGS || size > PCI_BAR_IO_MAX ||
	    (size & (size - 1)))
		return -EINVAL;
	port = free_ports(bus, size);
	if (!in_pio_window(bus, port, size))
		return -ENOSPC;
	bus->pio_next = port + size;
	dev->bar[bar] = (struct vpci_bar){ .size = size, .is_io = true };
	cfg_init(dev, off, (u32)port | PCI_BAR_IO, 4);
	wmask_set(dev, off, (u32)~(size - 1), 4);
	dev->wmask[PCI_COMMAND] |= PCI_COMMAND_IO;
	return 0;
}

void vpci_set_writable(struct vpci_dev *dev, unsigned int off, unsigned int len)
{
	memset(dev->wmask + off, 0xff, len);
}

/* ---- BARs ---- */

static u64 bar_value(const struct vpci_dev *dev, unsigned int bar)
{
	unsigned int off = PCI_BAR0 + 4 * bar;
	u32 low = cfg_get(dev->cfg, off, 4);
	u64 gpa = low & ~(u32)PCI_BAR_FLAGS;

	if (dev->bar[bar].is_io)
		return low & ~(u32)PCI_BAR_IO_FLAGS;
	return dev->bar[bar].is_64 ? gpa | (u64)cfg_get(dev->cfg, off + 4, 4) << 32 : gpa;
}

static bool in_window(const struct vpci_bus *bus, const struct vpci_bar *bar, u64 at)
{
	return bar->is_io ? in_pio_window(bus, at, bar->size) : in_mmio_window(bus, at, bar->size);
}

static void bar_unmap(struct vpci_dev *dev, unsigned int i)
{
	if (!dev->bar[i].mapped)
		return;
	dev->bar[i].mapped = false;
	dev->ops->bar_unmap(dev, i, dev->bar[i].gpa);
}

static void bar_map(struct vpci_dev *dev, unsigned int i, u64 gpa)
{
	int err;

	if (!in_window(dev->bus, &dev->bar[i], gpa)) {
		dev->bar_conflicts++;	/* no line: sizing a BAR with decode on looks the same */
		return;
	}
	err = dev->ops->bar_map(dev, i, gpa);
	if (err) {
		dev->bar_conflicts++;
		log_ratelimited(&dev->ratelimit, LOG_WARN,
				"pci: %s: BAR %u not decoded, its place is taken (0x%lx)",
				dev->name, i, gpa);
		return;
	}
	dev->bar[i].gpa = gpa;
	dev->bar[i].mapped = true;
}

static bool is_decoded(const struct vpci_dev *dev, unsigned int bar)
{
	u16 bit = dev->bar[bar].is_io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;

	return dev->bar[bar].size && command(dev) & bit;
}

/* Follow what software has written to the BARs and to COMMAND. */
static void bars_update(struct vpci_dev *dev)
{
	for (unsigned int i = 0; i < VPCI_BARS; i++)
		if (!is_decoded(dev, i) || dev->bar[i].gpa != bar_value(dev, i))
			bar_unmap(dev, i);
	for (unsigned int i = 0; i < VPCI_BARS; i++)
		if (is_decoded(dev, i) && !dev->bar[i].mapped)
			bar_map(dev, i, bar_value(dev, i));
}

/* ---- INTx ---- */

unsigned int vpci_intx_gsi(unsigned int devfn)
{
	return 16 + devfn / 8 % VPCI_INTX_GSIS;	/* pin A: 0 is added */
}

static void intx_update(struct vpci_dev *dev)
{
	struct vpci_bus *bus = dev->bus;
	unsigned int gsi = vpci_intx_gsi(dev->devfn);
	unsigned int *count = &bus->intx_count[gsi % VPCI_INTX_GSIS];
	bool assert_it;

	spin_lock(&bus->intx_lock);
	assert_it = READ_ONCE(dev->intx_level) && !(command(dev) & PCI_COMMAND_INTX_DISABLE);
	if (assert_it != dev->intx_asserted) {
		dev->intx_asserted = assert_it;
		*count += assert_it ? 1 : -1u;
		dev->intx_raised += assert_it;
		guest_irq_line(bus->guest, gsi, *count);
	}
	spin_unlock(&bus->intx_lock);
}

void vpci_intx(struct vpci_dev *dev, bool level)
{
	WRITE_ONCE(dev->intx_level, level);
	intx_update(dev);
}

/* ---- Reset and removal ---- */

void vpci_reset(struct vpci_dev *dev)
{
	for (unsigned int i = 0; i < VPCI_BARS; i++)
		bar_unmap(dev, i);
	vpci_intx(dev, false);
	memcpy(dev->cfg, dev->cfg_init, sizeof(dev->cfg));
	vpci_msix_reset(dev);
}

void vpci_bus_reset(struct vpci_bus *bus)
{
	for (unsigned int i = 0; i < VPCI_DEVS; i++)
		if (bus->dev[i])
			vpci_reset(bus->dev[i]);
}

void vpci_remove(struct vpci_dev *dev)
{
	vpci_reset(dev);
	dev->bus->dev[dev->devfn / 8] = NULL;
}

/* ---- Configuration access ---- */

static u32 all_ones(unsigned int size)
{
	return size < 4 ? BIT(8 * size) - 1 : UINT32_MAX;
}

/* The function at @bdf, if the access lies inside its configuration space. */
static struct vpci_dev *cfg_target(struct vpci_bus *bus, unsigned int bdf, unsigned int off,
				   unsigned int size)
{
	struct vpci_dev *dev = bdf / 8 < VPCI_DEVS ? bus->dev[bdf / 8] : NULL;

	if (!dev || dev->devfn != bdf || !size || size > 4 || off > PCI_CFG_EXP_SIZE - size)
		return NULL;
	return dev;
}

u32 vpci_cfg_read(struct vpci_bus *bus, unsigned int bdf, unsigned int off, unsigned int size)
{
	struct vpci_dev *dev = cfg_target(bus, bdf, off, size);

	if (!dev)
		return all_ones(size);
	if (off >= PCI_CFG_SIZE)
		return 0;
	size = MIN(size, PCI_CFG_SIZE - off);
	dev->cfg[PCI_STATUS] &= (u8)~PCI_STATUS_INTERRUPT;
	dev->cfg[PCI_STATUS] |= READ_ONCE(dev->intx_level) ? PCI_STATUS_INTERRUPT : 0;
	if (dev->ops->cfg_read && off + size > PCI_HEADER_END)
		dev->ops->cfg_read(dev, off, size);
	return cfg_get(dev->cfg, off, size);
}

static void command_written(struct vpci_dev *dev, bool was_master)
{
	intx_update(dev);
	bars_update(dev);
	if (was_master && !bus_master(dev) && dev->ops->master_off)
		dev->ops->master_off(dev);
}

static bool touches(unsigned int off, unsigned int size, unsigned int from, unsigned int end)
{
	return off < end && from < off + size;
}

void vpci_cfg_write(struct vpci_bus *bus, unsigned int bdf, unsigned int off, unsigned int size,
		    u32 val)
{
	struct vpci_dev *dev = cfg_target(bus, bdf, off, size);
	bool was_master;

	if (!dev || off >= PCI_CFG_SIZE)
		return;
	was_master = bus_master(dev);
	size = MIN(size, PCI_CFG_SIZE - off);
	for (unsigned int i = 0; i < size; i++) {
		u8 mask = dev->wmask[off + i];

		dev->cfg[off + i] = (u8)((dev->cfg[off + i] & ~mask) | (val >> (8 * i) & mask));
	}
	if (touches(off, size, PCI_COMMAND, PCI_COMMAND + 2))
		command_written(dev, was_master);
	if (touches(off, size, PCI_BAR0, PCI_BAR_END))
		bars_update(dev);
	if (dev->msix_cap && touches(off, size, dev->msix_cap, dev->msix_cap + 4))
		vpci_msix_flush(dev);
	if (dev->ops->cfg_write && off + size > PCI_HEADER_END)
		dev->ops->cfg_write(dev, off, size);
}
