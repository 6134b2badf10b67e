/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a function's INTA#..INTD# arrive at the I/O APICs is known to ACPI's bytecode (_PRT)
 * alone. So it is tried: the device asserts its interrupt, and the pin where it arrives, and
 * goes quiet when the device withdraws it, is the one.
 */
#include <errno.h>

#include "arch/x86/acpi.h"
#include "arch/x86/smp.h"
#include "drivers/pci/pci.h"
#include "drivers/pci/regs.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/time.h"

#define LINES_MAX	8
#define SHARED_MAX	8		/* handlers on a line */
#define GSI_PCI_FIRST	16		/* where the pins begin that are not ISA interrupts */
#define GSI_PCI_LAST	47
#define ARRIVE_NS	(2 * NSEC_PER_MSEC)	/* an interrupt is there by then; typically 1 us */
#define QUIET_NS	(200 * NSEC_PER_USEC)	/* a line still asserted shows by then */

struct intx_handler {
	void (*fn)(void *);
	void *arg;
};

struct intx_line {
	unsigned int gsi;
	int vector;
	bool active_low;
	bool trying;
	u32 arrived;		/* while trying */
	struct intx_handler handler[SHARED_MAX];
	unsigned int nr;	/* 0: the line is free; a vector it had stays its own */
};

static struct intx_line lines[LINES_MAX];

/* Runs with interrupts off on the BSP, out of idle or after a VM exit. */
static void intx_interrupt(void *arg)
{
	struct intx_line *line = arg;

	if (line->trying) {
		line->arrived++;
		ioapic_mask(line->gsi, true);	/* level: it stays until it is withdrawn */
		return;
	}
	for (unsigned int i = 0; i < line->nr; i++)
		line->handler[i].fn(line->handler[i].arg);
}

/* Did it arrive within @ns? */
static bool intx_wait(struct intx_line *line, u64 ns)
{
	u64 end = time_ns() + ns;

	while (!READ_ONCE(line->arrived) && time_ns() < end)
		arch_cpu_idle(this_cpu(), end);
	return READ_ONCE(line->arrived);
}

/* The line is routed. Leaves its pin unmasked if it is the right one. */
static bool intx_try(struct intx_line *line, void (*provoke)(void *, bool), void *arg)
{
	bool found;

	line->arrived = 0;
	line->trying = true;
	provoke(arg, true);
	found = intx_wait(line, ARRIVE_NS);
	provoke(arg, false);
	if (found) {
		/* Still asserted: somebody else's, or the wrong polarity. */
		line->arrived = 0;
		ioapic_mask(line->gsi, false);
		found = !intx_wait(line, QUIET_NS);
	}
	ioapic_mask(line->gsi, !found);
	line->trying = false;
	return found;
}

static bool intx_in_use(unsigned int gsi)
{
	for (unsigned int i = 0; i < LINES_MAX; i++)
		if (lines[i].nr && lines[i].gsi == gsi)
			return true;
	return false;
}

static bool intx_try_gsi(struct intx_line *line, unsigned int gsi, bool active_low,
			 void (*provoke)(void *, bool), void *arg)
{
	if (intx_in_use(gsi) ||
	    ioapic_route(gsi, (unsigned int)line->vector, true, active_low) != 0)
		return false;
	line->gsi = gsi;
	line->active_low = active_low;
	return intx_try(line, provoke, arg);
}

/* A line that no device has, with a vector. */
static struct intx_line *intx_free_line(void)
{
	for (unsigned int i = 0; i < LINES_MAX; i++) {
		struct intx_line *line = &lines[i];

		if (line->nr)
			continue;
		if (!line->vector)
			line->vector = irq_vector_alloc(intx_interrupt, line, "pci");
		if (line->vector > 0)
			return line;
		line->vector = 0;
		break;
	}
	return NULL;
}

/* Does it arrive on a line that others have already? */
static struct intx_line *intx_find_shared(void (*provoke)(void *, bool), void *arg)
{
	for (unsigned int i = 0; i < LINES_MAX; i++) {
		if (!lines[i].nr)
			continue;
		if (intx_try(&lines[i], provoke, arg))
			return &lines[i];
		ioapic_mask(lines[i].gsi, false);
	}
	return NULL;
}

static bool intx_find_pin(struct intx_line *line, const struct pci_dev *dev,
			  void (*provoke)(void *, bool), void *arg)
{
	unsigned int span = GSI_PCI_LAST - GSI_PCI_FIRST + 1, gsi;
	/* The i440FX's wiring, and many boards': begin there. */
	unsigned int guess = ((dev->devfn >> 3) + dev->irq_pin - 1) % 4;

	for (unsigned int i = 0; i < span; i++)
		if (intx_try_gsi(line, GSI_PCI_FIRST + (guess + i) % span, true, provoke, arg))
			return true;
	/* A chipset that routes INTx to ISA interrupts only; they are active high or low. */
	if (!dev->irq_line || dev->irq_line >= GSI_PCI_FIRST)
		return false;
	gsi = acpi_isa_irq(dev->irq_line).gsi;
	return intx_try_gsi(line, gsi, false, provoke, arg) ||
	       intx_try_gsi(line, gsi, true, provoke, arg);
}

static struct intx_line *intx_find(const struct pci_dev *dev, void (*provoke)(void *, bool),
				   void *arg)
{
	struct intx_line *line = intx_find_shared(provoke, arg);

	if (line)
		return line;
	line = intx_free_line();
	return line && intx_find_pin(line, dev, provoke, arg) ? line : NULL;
}

int pci_request_intx(struct pci_dev *dev, void (*fn)(void *), void (*provoke)(void *, bool),
		     void *arg, const char *name)
{
	struct intx_line *line = NULL;
	u32 command = pci_cfg_read(dev, PCI_COMMAND, 2);

	if (dev->irq_pin) {
		pci_cfg_write(dev, PCI_COMMAND, 2, command & ~(u32)PCI_COMMAND_INTX_DISABLE);
		line = intx_find(dev, provoke, arg);
	}
	if (!line || line->nr == SHARED_MAX) {
		pci_cfg_write(dev, PCI_COMMAND, 2, command | PCI_COMMAND_INTX_DISABLE);
		pr_warn("pci: %s: %s, it will be polled", name,
			!dev->irq_pin ? "has no interrupt pin" :
			line ? "too many devices on its interrupt" :
			"its interrupt arrives nowhere");
		return -ENOENT;
	}
	line->handler[line->nr++] = (struct intx_handler){ fn, arg };
	pr_info("pci: %s: INT%c at I/O APIC pin %u (%s), vector 0x%x", name,
		'A' + dev->irq_pin - 1, line->gsi, line->active_low ? "active low" : "active high",
		(unsigned int)line->vector);
	return 0;
}

void pci_release_intx(struct pci_dev *dev, void *arg)
{
	u32 command = pci_cfg_read(dev, PCI_COMMAND, 2);

	for (unsigned int i = 0; i < LINES_MAX; i++) {
		struct intx_line *line = &lines[i];

		for (unsigned int h = 0; h < line->nr; h++) {
			if (line->handler[h].arg != arg)
				continue;
			pci_cfg_write(dev, PCI_COMMAND, 2, command | PCI_COMMAND_INTX_DISABLE);
			line->handler[h] = line->handler[--line->nr];
			if (!line->nr)
				ioapic_mask(line->gsi, true);
			return;
		}
	}
}
