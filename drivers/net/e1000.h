/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One Intel gigabit NIC with the registers of the 8254x. e1000.c and e1000e.c: which ones, and
 * what is different; e1000_core.c: the device; e1000_rx.c, e1000_tx.c: its two rings.
 */
#ifndef DRIVERS_NET_E1000_H
#define DRIVERS_NET_E1000_H

#include "asm/io.h"
#include "drivers/net/e1000_regs.h"
#include "drivers/net/rx_pool.h"
#include "drivers/pci/pci.h"
#include "kernel/lock.h"
#include "net/frame.h"
#include "net/netdev.h"

#define E1000_RX_DESCS	256	/* ring sizes: multiples of 8 (§13.4.27), powers of two here */
#define E1000_TX_DESCS	1024	/* frames go by reference: room costs 16 bytes */
#define E1000_RX_SPARES	64	/* buffers beyond the ring, for those held by consumers */
#define E1000_RX_BUFS	(E1000_RX_DESCS + E1000_RX_SPARES)
#define E1000_BUF_SIZE	2048	/* RCTL.BSIZE; the longest frame accepted has 1522 bytes */
#define E1000_TX_PIECE_MIN 4096	/* struct e1000_chip.tx_piece is no less */
#define E1000_FRAME_MIN	60	/* IEEE 802.3 §3.2.8 without FCS; shorter ones are padded */

#define E1000_ITR_256NS	195	/* 50 us: at most 20,000 interrupts a second */
#define E1000_QUEUES_MAX 2

struct e1000;

/* What one kind has different. */
struct e1000_chip {
	const char *name;		/* "e1000": of the driver and, with a number, of the NIC */
	u32 eerd_done;
	unsigned int eerd_addr_shift;
	u32 tctl, txdctl;		/* bits of its own */
	u32 tipg;			/* 0: as it is after a reset */
	u16 offloads;			/* FRAME_OFFLOADS */
	u32 tx_piece;			/* bytes of a large frame in one descriptor, at most */
	/* Receiver and transmitter are off: returns when no DMA is under way. */
	void (*end_dma)(struct e1000 *nic);
	void (*wait_eeprom)(struct e1000 *nic);	/* until registers are loaded, after a reset */
	void (*configure)(struct e1000 *nic);	/* after what is common; may be NULL */
	/*
	 * With MSI-X: so many queues at most, an MSI-X table entry each, and one behind those for
	 * all other causes. Without it, one queue. 0: the NIC has no MSI-X.
	 */
	unsigned int msix_queues;
	void (*queue_interrupt)(void *queue);
	void (*other_interrupt)(void *nic);
};

struct e1000_rx {			/* CPU of the poll */
	struct e1000_rx_desc *desc;
	u64 desc_phys;
	unsigned int next;		/* descriptor the NIC fills next */
	unsigned int tail;		/* first descriptor without a buffer */
	unsigned int tail_written;	/* RDT */
	bool in_bad;			/* inside of a frame that is being thrown away */
	bool extended;			/* descriptors, as RSS wants them */
	struct rx_buf *slot[E1000_RX_DESCS];
	struct rx_pool pool;
};

struct e1000_tx_frame {
	struct frame *frame;
	unsigned int last;		/* descriptor that is written back */
	unsigned int nr;		/* descriptors */
};

struct e1000_tx {
	struct spinlock lock;		/* all of this; innermost: done() is called without it */
	struct e1000_tx_desc *desc;
	u64 desc_phys;
	u8 *hdr;			/* of large frames: FRAME_HDR_MAX for each slot of ring[] */
	u64 hdr_phys;
	u64 pad_phys;			/* zeroes, E1000_FRAME_MIN bytes */
	bool running;
	bool irq_wanted;		/* IMS has TXDW, or will when interrupts come on */
	unsigned int tail;		/* next descriptor to fill */
	unsigned int tail_written;	/* TDT */
	unsigned int used;		/* descriptors not yet reaped */
	u32 context;			/* csum_start, csum_offset last told to the NIC */
	bool keeps_context;		/* or other queues overwrite it: 82574 §7.2.6 */
	struct e1000_tx_frame ring[E1000_TX_DESCS];	/* frames with the NIC, oldest at `first` */
	unsigned int first, frames;
	u64 reaped;			/* frames, ever: has anything moved? */
};

struct e1000_queue {
	struct netdev_queue nq;
	struct e1000 *nic;
	u8 *regs;			/* of the NIC, with its own where queue 0 has those */
	/* enum e1000_int: those that are wanted. Other ones are looked after by queue 0. */
	u32 int_rx, int_tx, int_other;
	struct e1000_rx rx;
	struct e1000_tx tx;
	/* Watchdog: what the transmitter looked like a second ago. */
	u32 tdh_seen;
	u64 reaped_seen;
	bool was_busy;			/* frames were with the NIC */
	unsigned int stuck;		/* seconds without a change */
};

struct e1000 {
	struct netdev dev;
	struct pci_dev *pci;
	const struct e1000_chip *chip;
	u8 *regs;
	struct e1000_queue *queue[E1000_QUEUES_MAX];
	bool link_check;		/* LSC was seen */
};

static inline u32 e1000_read(const struct e1000 *nic, u32 reg)
{
	return mmio_read32(nic->regs + reg);
}

static inline void e1000_write(struct e1000 *nic, u32 reg, u32 val)
{
	mmio_write32(nic->regs + reg, val);
}

static inline struct e1000_queue *e1000_queue(struct netdev_queue *nq)
{
	return container_of(nq, struct e1000_queue, nq);
}

/* Registers that each queue has. */
static inline u32 e1000_queue_read(const struct e1000_queue *q, u32 reg)
{
	return mmio_read32(q->regs + reg);
}

static inline void e1000_queue_write(struct e1000_queue *q, u32 reg, u32 val)
{
	mmio_write32(q->regs + reg, val);
}

/* struct pci_driver's probe(); @found counts the NICs of this kind. */
int e1000_core_probe(struct pci_dev *pci, const struct e1000_chip *chip, unsigned int *found);
/* All that it has, back to what was before probe(). */
void e1000_free(struct e1000 *nic);
void e1000_delay(u64 ns);
/* Until (reg & mask) == want; false after @ns. */
bool e1000_wait(const struct e1000 *nic, u32 reg, u32 mask, u32 want, u64 ns);

/* Memory for rings and buffers, once. -ENOMEM. */
int e1000_rx_alloc(struct e1000_queue *q);
int e1000_tx_alloc(struct e1000_queue *q);
/* Give back what alloc() got; also after it failed. */
void e1000_rx_free(struct e1000_queue *q);
void e1000_tx_free(struct e1000_queue *q);

/* After a device reset: ring set up. The receiver or transmitter is switched on after that. */
void e1000_rx_start(struct e1000_queue *q);
void e1000_tx_start(struct e1000_queue *q);
/* After the device was reset to stop it: buffers come back, frames are put. */
void e1000_rx_stop(struct e1000_queue *q);
void e1000_tx_stop(struct e1000_queue *q);
/* Once they are on: the buffers are the NIC's, and so may be frames. */
void e1000_rx_refill(struct e1000_queue *q);
void e1000_tx_run(struct e1000_queue *q);

/* struct netdev_ops */
bool e1000_rx_poll(struct e1000_queue *q, unsigned int budget);	/* true: more to do */
unsigned int e1000_tx(struct netdev_queue *q, struct frame **frames, unsigned int nr);
void e1000_tx_flush(struct netdev_queue *q);

/* Put the frames the NIC has sent. Any CPU; the poll looks again whether to interrupt for more. */
void e1000_tx_reap(struct e1000_queue *q);
void e1000_tx_poll(struct e1000_queue *q);

/* Has the NIC written something back that was not looked at? Any CPU; a hint. */
bool e1000_rx_pending(const struct e1000_queue *q);
bool e1000_tx_pending(const struct e1000_queue *q);

extern const struct pci_driver e1000_driver, e1000e_driver;

#endif
