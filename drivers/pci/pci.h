/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's PCI: enumeration of all buses behind host bridge 0 (configuration mechanism
 * #1, PCI 3.0 §3.2.2.3.2; ECAM from MCFG when present), BARs, capabilities, INTx routing.
 * BSP at boot; pci_cfg_* any CPU (pci_lock).
 */
#ifndef DRIVERS_PCI_PCI_H
#define DRIVERS_PCI_PCI_H

#include "kernel/types.h"

#define PCI_DEVS_MAX	64

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

u32 pci_cfg_read(const struct pci_dev *dev, unsigned int off, unsigned int size);
void pci_cfg_write(const struct pci_dev *dev, unsigned int off, unsigned int size, u32 val);
unsigned int pci_find_cap(const struct pci_dev *dev, u8 id);	/* offset or 0 */
void pci_enable(struct pci_dev *dev);		/* memory decode + bus master */
void pci_disable(struct pci_dev *dev);		/* bus master off: no more DMA */
/* Switches memory decode on. NULL: unassigned, I/O or no room. */
void *pci_map_bar(struct pci_dev *dev, unsigned int bar);

/*
 * Route INTA# etc. to @fn on the BSP. The I/O APIC pin is found by trying: @provoke(arg, true)
 * makes the device assert its interrupt, @provoke(arg, false) withdraws it; @fn is not called
 * meanwhile. 0, or -ENOENT: arrives nowhere (said), use polling.
 */
int pci_request_intx(struct pci_dev *dev, void (*fn)(void *), void (*provoke)(void *, bool),
		     void *arg, const char *name);
void pci_release_intx(struct pci_dev *dev, void *arg);	/* harmless if there is none */

void pci_for_each(void (*fn)(void *arg, struct pci_dev *dev), void *arg);

#endif
