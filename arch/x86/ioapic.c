/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's I/O APICs: 82093AA datasheet, section 3. */
#include <errno.h>

#include "arch/x86/acpi.h"
#include "arch/x86/ioapic.h"
#include "arch/x86/smp.h"
#include "asm/io.h"
#include "kernel/cpu.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/mem.h"

enum ioapic_mmio { IOREGSEL = 0x00, IOWIN = 0x10, IOAPIC_SIZE = 0x20 };
enum ioapic_reg { IOAPICVER = 0x01, IOREDTBL = 0x10 };	/* IOREDTBL: two registers a pin */
enum redirection {
	REDIR_ACTIVE_LOW = BIT(13),
	REDIR_LEVEL = BIT(15),
	REDIR_MASKED = BIT(16),
	REDIR_DEST_SHIFT = 24,		/* of the high half: physical APIC id */
};

/* IOREGSEL and IOWIN belong together. */
static struct spinlock ioapic_lock = SPINLOCK_INIT(LOCK_IOAPIC);
static struct ioapic {
	volatile char *regs;
	unsigned int gsi_base, pins;
} ioapics[ACPI_IOAPICS_MAX];
static unsigned int nr_ioapics;

static u32 reg_read(const struct ioapic *io, unsigned int reg)
{
	mmio_write32(io->regs + IOREGSEL, reg);
	return mmio_read32(io->regs + IOWIN);
}

static void reg_write(const struct ioapic *io, unsigned int reg, u32 val)
{
	mmio_write32(io->regs + IOREGSEL, reg);
	mmio_write32(io->regs + IOWIN, val);
}

static const struct ioapic *find(unsigned int gsi)
{
	for (unsigned int i = 0; i < nr_ioapics; i++)
		if (gsi - ioapics[i].gsi_base < ioapics[i].pins)
			return &ioapics[i];
	return NULL;
}

static void ioapic_add(const struct acpi_ioapic *desc)
{
	struct ioapic *io = &ioapics[nr_ioapics];

	io->regs = mmio_map(desc->addr, IOAPIC_SIZE);
	if (!io->regs) {
		pr_warn("ioapic: %#lx: cannot be mapped", desc->addr);
		return;
	}
	io->gsi_base = desc->gsi_base;
	io->pins = (reg_read(io, IOAPICVER) >> 16 & 0xff) + 1;
	for (unsigned int pin = 0; pin < io->pins; pin++)
		reg_write(io, IOREDTBL + 2 * pin, REDIR_MASKED);
	nr_ioapics++;
}

void ioapic_init(void)
{
	for (unsigned int i = 0; i < acpi.madt.nr_ioapics; i++)
		ioapic_add(&acpi.madt.ioapic[i]);
}

unsigned int ioapic_pins(void)
{
	unsigned int pins = 0;

	for (unsigned int i = 0; i < nr_ioapics; i++)
		pins += ioapics[i].pins;
	return pins;
}

int ioapic_route(unsigned int gsi, unsigned int vector, bool level, bool active_low)
{
	const struct ioapic *io = find(gsi);
	u32 low = vector | (level ? REDIR_LEVEL : 0) | (active_low ? REDIR_ACTIVE_LOW : 0);
	unsigned int reg;

	if (!io)
		return -ENOENT;
	reg = IOREDTBL + 2 * (gsi - io->gsi_base);
	spin_lock(&ioapic_lock);
	reg_write(io, reg, REDIR_MASKED);
	reg_write(io, reg + 1, cpus[0]->arch.apic_id << REDIR_DEST_SHIFT);
	reg_write(io, reg, low);
	spin_unlock(&ioapic_lock);
	return 0;
}

void ioapic_mask(unsigned int gsi, bool masked)
{
	const struct ioapic *io = find(gsi);
	unsigned int reg;
	u32 low;

	if (!io)
		return;
	reg = IOREDTBL + 2 * (gsi - io->gsi_base);
	spin_lock(&ioapic_lock);
	low = reg_read(io, reg) & ~REDIR_MASKED;
	reg_write(io, reg, low | (masked ? REDIR_MASKED : 0));
	spin_unlock(&ioapic_lock);
}
