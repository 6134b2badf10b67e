/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI as a guest sees it: one bus, functions with a 256-byte configuration space (4 KiB
 * answered through ECAM: the rest reads 0), memory and I/O BARs, capabilities, MSI-X, INTx.
 * Source: PCI Local Bus 3.0 §6; MSI-X §6.8.2. Used under guest->lock unless said otherwise.
 */
#ifndef KERNEL_VPCI_H
#define KERNEL_VPCI_H

#include "kernel/io.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/types.h"

struct guest;
struct vpci_dev;

#define VPCI_BARS	6
#define VPCI_DEVS	32	/* slots, function 0 each */
#define VPCI_MSIX_MAX	64

struct vpci_ops {
	/*
	 * A BAR became visible at @gpa (an I/O BAR: a port) or stopped being so (moved, decode off,
	 * reset). The owner adds/removes its io regions and doorbells in the guest's space.
	 * -EBUSY: it would overlap something; then the BAR stays undecoded (counted, logged).
	 */
	int (*bar_map)(struct vpci_dev *dev, unsigned int bar, u64 gpa);
	void (*bar_unmap)(struct vpci_dev *dev, unsigned int bar, u64 gpa);
	/* Accesses to capabilities; a write after the plain bytes were updated. May be NULL. */
	void (*cfg_read)(struct vpci_dev *dev, unsigned int off, unsigned int size);
	void (*cfg_write)(struct vpci_dev *dev, unsigned int off, unsigned int size);
	/* Bus mastering was switched off: no access to guest memory any more. May be NULL. */
	void (*master_off)(struct vpci_dev *dev);
};

struct vpci_bar {
	u64 size;		/* power of two >= 16 (I/O: 4..256); 0: not implemented */
	bool is_io;
	bool is_64;		/* takes this and the next slot */
	bool prefetchable;
	u64 gpa;		/* where mapped now; valid if mapped */
	bool mapped;
};

struct vpci_msix_entry {
	u64 addr;
	u32 data;
	bool masked;		/* per-vector mask; true after reset */
	bool pending;
};

struct vpci_dev {
	struct vpci_bus *bus;
	unsigned int devfn;
	char name[48];
	const struct vpci_ops *ops;
	void *owner;
	u8 cfg[256];		/* little endian, as read */
	u8 wmask[256];		/* bits software may write */
	u8 cfg_init[256];	/* as after reset */
	struct vpci_bar bar[VPCI_BARS];
	unsigned int cap_next;	/* first free byte for vpci_add_cap() */
	/* MSI-X */
	unsigned int msix_cap;	/* 0: none */
	unsigned int msix_bar;
	u32 msix_table_off, msix_pba_off;
	unsigned int msix_vectors;
	struct vpci_msix_entry msix[VPCI_MSIX_MAX];
	bool intx_level;	/* what the device asks for */
	bool intx_asserted;	/* what it drives: not with INTx disabled; bus->intx_lock */
	u64 msi_sent, msi_masked, msi_bad, intx_raised, bar_conflicts;
	struct ratelimit ratelimit;
};

#define VPCI_INTX_GSIS	4

struct vpci_bus {
	struct guest *guest;
	struct vpci_dev *dev[VPCI_DEVS];
	u64 mmio_base, mmio_size;	/* 32-bit window for BARs, firmware-assigned at reset */
	u64 mmio_next;
	u64 pio_base, pio_size;		/* the same for I/O BARs; size 0: none */
	u64 pio_next;
	struct spinlock intx_lock;	/* lines are shared by slots: the wired OR and its result */
	unsigned int intx_count[VPCI_INTX_GSIS];
};

struct vpci_id {
	u16 vendor, device, subsys_vendor, subsys;
	u8 revision;
	u32 class;		/* 24 bit: base, sub, prog-if */
};

/* Without devices; BARs in memory are placed in the window of @mmio_size bytes. */
void vpci_bus_init(struct vpci_bus *bus, struct guest *guest, u64 mmio_base, u64 mmio_size);
/* The ports that the bridge forwards. Before vpci_add_io_bar(). */
void vpci_bus_set_pio_window(struct vpci_bus *bus, u64 base, u64 size);
/* -EBUSY: slot taken; -EINVAL: not function 0 of a slot. Bits of MSI-X, BARs, ... come after. */
int vpci_add(struct vpci_bus *bus, struct vpci_dev *dev, unsigned int devfn,
	     const struct vpci_id *id, const struct vpci_ops *ops, void *owner, const char *name);
void vpci_remove(struct vpci_dev *dev);
/* Before the guest starts. Offset of the capability in cfg[], or -ENOSPC. @body without id/next. */
int vpci_add_cap(struct vpci_dev *dev, u8 cap_id, const void *body, unsigned int len);
/* Its address after reset comes from the bus's window: -ENOSPC when that is used up. */
int vpci_add_bar(struct vpci_dev *dev, unsigned int bar, u64 size, bool is_64, bool prefetchable);
/* @size ports (4..256, PCI 3.0 §6.2.5.1), at first where nothing else of the guest answers. */
int vpci_add_io_bar(struct vpci_dev *dev, unsigned int bar, u64 size);
/* Table and PBA lie in @bar, whose owner answers there with vpci_msix_read() and _write(). */
int vpci_add_msix(struct vpci_dev *dev, unsigned int vectors, unsigned int bar, u32 table_off,
		  u32 pba_off);

/* Make @len bytes of cfg[] from @off writable by software, 0 after reset (capabilities). */
void vpci_set_writable(struct vpci_dev *dev, unsigned int off, unsigned int len);

/* Power-on state; BARs get addresses from the window, decode and bus mastering off. */
void vpci_reset(struct vpci_dev *dev);
void vpci_bus_reset(struct vpci_bus *bus);

/*
 * Configuration access by the host bridge (0xCF8 or ECAM). @off + @size beyond the space,
 * or an absent function: all ones / ignored. @size 1, 2, 4, not necessarily aligned.
 */
u32 vpci_cfg_read(struct vpci_bus *bus, unsigned int bdf, unsigned int off, unsigned int size);
void vpci_cfg_write(struct vpci_bus *bus, unsigned int bdf, unsigned int off, unsigned int size,
		    u32 val);

/* MSI-X table and pending-bit array, by offset inside their BAR. */
u64 vpci_msix_read(struct vpci_dev *dev, u64 off, unsigned int size);
void vpci_msix_write(struct vpci_dev *dev, u64 off, unsigned int size, u64 val);

/* Has the guest switched MSI-X on? False, too, where the device has none. */
bool vpci_msix_enabled(const struct vpci_dev *dev);
/*
 * Any CPU, no lock: send entry @vector, or set its pending bit while masked; nothing if there is no
 * such entry. False: MSI-X is switched off.
 */
bool vpci_msix_notify(struct vpci_dev *dev, unsigned int vector);
/* INTx level; goes to the I/O APIC pin of this slot unless INTx is disabled in COMMAND. Any CPU. */
void vpci_intx(struct vpci_dev *dev, bool level);
/* I/O APIC pin of a slot's INTA#: 16 + (slot + pin) % 4, as the DSDT says. */
unsigned int vpci_intx_gsi(unsigned int devfn);

#endif
