/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's PCI: enumeration of all buses behind host bridge 0 (configuration mechanism
 * #1, PCI 3.0 §3.2.2.3.2; ECAM from MCFG when present), BARs, capabilities, interrupts.
 * BSP at boot; pci_cfg_* any CPU (pci_lock).
 */
#ifndef DRIVERS_PCI_PCI_H
#define DRIVERS_PCI_PCI_H

#include "kernel/types.h"

struct cpu;

#define PCI_DEVS_MAX	64
#define PCI_IRQ_VECTORS_MAX	16	/* of one function's MSI-X table */

/* How a function's interrupts arrive, worst first. */
enum pci_irq_kind { PCI_IRQ_NONE, PCI_IRQ_INTX, PCI_IRQ_MSI, PCI_IRQ_MSIX };

struct pci_irq {
	enum pci_irq_kind kind;
	unsigned int nr_vectors;	/* MSI: 1 */
	int vector[PCI_IRQ_VECTORS_MAX];
	void *intx_arg;
};

struct pci_bar {
	u64 base;		/* bus address = physical address; 0 if unassigned */
	u64 size;
	bool io, is_64, prefetchable;
};

struct pci_dev {
	u8 bus, devfn;
	u16 vendor, device, subsys_vendor, subsys;
	u32 class;		/* 24 bits */
	u8 revision, header_type;
	u8 irq_pin;		/* 1..4, 0 none */
	u8 irq_line;		/* what firmware wrote */
	struct pci_bar bar[6];
	struct pci_irq irq;
	const struct pci_driver *driver;
	void *drvdata;
};

struct pci_id { u16 vendor, device; };

struct pci_driver {
	const char *name;
	const struct pci_id *ids;	/* ends with vendor 0 */
	int (*probe)(struct pci_dev *dev);	/* 0: bound; -errno has been said on the console */
};

/* Drivers built in, from a linker-independent table in drivers/drivers.c. Ends with NULL. */
extern const struct pci_driver *const pci_drivers[];

/*
 * Scan, list in the log, probe drivers. Until its driver asks for it, no function behind a
 * bridge can interrupt or master the bus: what firmware left running ends here.
 */
int pci_init(void);

/* @size: 1, 2 or 4, @off a multiple of it; otherwise all ones, and no write. Any CPU. */
u32 pci_cfg_read(const struct pci_dev *dev, unsigned int off, unsigned int size);
void pci_cfg_write(const struct pci_dev *dev, unsigned int off, unsigned int size, u32 val);
unsigned int pci_find_cap(const struct pci_dev *dev, u8 id);	/* offset or 0 */
/* The one after that at offset @at; 0: the first. For capabilities there are several of. */
unsigned int pci_next_cap(const struct pci_dev *dev, unsigned int at, u8 id);
void pci_enable(struct pci_dev *dev);		/* memory decode + bus master */
void pci_disable(struct pci_dev *dev);		/* bus master off: no more DMA */
/* Switches memory decode on. NULL: unassigned, I/O or no room. */
void *pci_map_bar(struct pci_dev *dev, unsigned int bar);

/*
 * "An interrupt, please": MSI-X, MSI or INTx, the best that the function has, the driver knows
 * and pci_irq_limit() leaves. Handlers run on the CPU that they name (INTx: the BSP), out of idle
 * or after a VM exit, with interrupts off. Messages are edges: an interrupt that the function
 * withdraws again arrives all the same, and none has to be withdrawn.
 */
struct pci_irq_handler {
	void (*fn)(void *arg);
	void *arg;
	struct cpu *cpu;	/* MSI-X, MSI: where it runs; NULL: on the calling CPU */
};

struct pci_irq_request {
	const char *name;			/* of the device, for the log; kept */
	struct pci_irq_handler any;		/* MSI and INTx: all causes; INTx may be shared */
	void (*provoke)(void *arg, bool on);	/* INTx, with any.arg: see pci_request_intx() */
	/* MSI-X: who gets table entries 0 to nr_msix - 1. 0: the driver has no use for MSI-X. */
	const struct pci_irq_handler *msix;
	unsigned int nr_msix;
};

/* What it became. PCI_IRQ_NONE: nothing arrives (said), use polling. The first may come at once. */
enum pci_irq_kind pci_request_irq(struct pci_dev *dev, const struct pci_irq_request *req);
/* How many entries its MSI-X table has; 0: none, or pci_irq_limit() forbids it. */
unsigned int pci_msix_entries(const struct pci_dev *dev);
void pci_release_irq(struct pci_dev *dev);	/* harmless if there is none */
const char *pci_irq_name(enum pci_irq_kind kind);	/* "msix", "msi", "intx", "none" */
/* From now on nothing better than @kind, one of those names; -EINVAL: it is none of them. */
int pci_irq_limit(const char *kind);

/*
 * Route INTA# etc. to @fn on the BSP. The I/O APIC pin is found by trying: @provoke(arg, true)
 * makes the device assert its interrupt, @provoke(arg, false) withdraws it; @fn is not called
 * meanwhile. 0, or -ENOENT: arrives nowhere (said), use polling.
 */
int pci_request_intx(struct pci_dev *dev, void (*fn)(void *), void (*provoke)(void *, bool),
		     void *arg, const char *name);
void pci_release_intx(struct pci_dev *dev, void *arg);	/* harmless if there is none */

/* @fn for each function that pci_init() found, in the order of their addresses. */
void pci_for_each(void (*fn)(void *arg, struct pci_dev *dev), void *arg);

#endif
