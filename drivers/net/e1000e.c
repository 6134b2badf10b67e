/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI Express part 82574: the 8254x's registers and descriptors, and what came new: MSI-X,
 * master disable, another EERD. Sections (82574 §) as in e1000_regs.h.
 *
 * With MSI-X, two receive and two transmit queues. The first of both share vector 0, the second
 * vector 1; everything else has the one behind those. Flows are spread by RSS.
 */
#include <string.h>

#include "drivers/net/e1000.h"
#include "kernel/log.h"
#include "net/rss.h"

#define MASTER_OFF_NS	(10 * NSEC_PER_MSEC)	/* pending completions; typically microseconds */
#define AUTO_READ_NS	(20 * NSEC_PER_MSEC)	/* NVM to registers, after a reset */
#define TX_PIECE	(16 * KIB)		/* the transmit FIFO has 20 KiB, 82574 §10.2.7 */

/* 82574 §3.1.3 (master disable): no new requests, and the last completion is in. */
static void e1000e_end_dma(struct e1000 *nic)
{
	e1000_write(nic, E1000_CTRL, e1000_read(nic, E1000_CTRL) | CTRL_MASTER_DISABLE);
	if (!e1000_wait(nic, E1000_STATUS, STATUS_MASTER_ENABLE, 0, MASTER_OFF_NS))
		pr_warn("e1000: %s: requests still pending at reset", nic->dev.name);
}

static void e1000e_wait_eeprom(struct e1000 *nic)
{
	if (!e1000_wait(nic, E1000_EECD, EECD_AUTO_RD, EECD_AUTO_RD, AUTO_READ_NS))
		pr_warn("e1000: %s: EECD.AUTO_RD did not come", nic->dev.name);
}

/* 82574 §7.4.3: causes to vectors; those of the queues clear themselves in ICR and IMS. */
static void e1000e_configure_msix(struct e1000 *nic)
{
	u32 ctrl_ext = e1000_read(nic, E1000_CTRL_EXT) & ~(u32)CTRL_EXT_IAME;
	unsigned int other = nic->dev.nr_queues;
	u32 ivar = (IVAR_VALID | other) << IVAR_OTHER_SHIFT, auto_clear = 0;

	for (unsigned int i = 0; i < nic->dev.nr_queues; i++) {
		ivar |= (IVAR_VALID | i) << (IVAR_RXQ0_SHIFT + i * IVAR_BITS) |
			(IVAR_VALID | i) << (IVAR_TXQ0_SHIFT + i * IVAR_BITS);
		auto_clear |= nic->queue[i]->int_rx | nic->queue[i]->int_tx;
		e1000_write(nic, E1000_EITR + 4 * i, E1000_ITR_256NS);
	}
	e1000_write(nic, E1000_CTRL_EXT, ctrl_ext | CTRL_EXT_PBA_CLR);
	e1000_write(nic, E1000_IVAR, ivar);
	e1000_write(nic, E1000_EIAC, auto_clear);
	e1000_write(nic, E1000_EITR + 4 * other, E1000_ITR_256NS);
}

/*
 * 82574 §7.1.2 (RSS), §7.1.5 (its descriptors). What is neither TCP nor IP is queue 0's, and so is
 * one hash of two.
 */
static void e1000e_configure_rss(struct e1000 *nic)
{
	unsigned int nr = nic->dev.nr_queues;

	for (unsigned int i = 0; i < RSS_KEY_LEN / sizeof(u32); i++) {
		u32 key;

		memcpy(&key, rss_key + i * sizeof(key), sizeof(key));
		e1000_write(nic, E1000_RSSRK + 4 * i, key);
	}
	for (unsigned int i = 0; i < E1000_RETA_WORDS; i++) {
		u32 queues = 0;

		for (unsigned int b = 0; b < 4; b++)
			queues |= (4 * i + b) % nr << (RETA_QUEUE_SHIFT + 8 * b);
		e1000_write(nic, E1000_RETA + 4 * i, queues);
	}
	e1000_write(nic, E1000_RXCSUM, e1000_read(nic, E1000_RXCSUM) | RXCSUM_PCSD);
	e1000_write(nic, E1000_RFCTL, e1000_read(nic, E1000_RFCTL) | RFCTL_EXSTEN);
	e1000_write(nic, E1000_MRQC, MRQC_RSS | MRQC_TCP_IP4 | MRQC_IP4 | MRQC_TCP_IP6 | MRQC_IP6);
	for (unsigned int i = 0; i < nr; i++)
		e1000_queue_write(nic->queue[i], E1000_TARC,
				  e1000_queue_read(nic->queue[i], E1000_TARC) | TARC_ENABLE);
}

static void e1000e_configure(struct e1000 *nic)
{
	/* Management firmware, if there is any, leaves the NIC to us. */
	e1000_write(nic, E1000_CTRL_EXT, e1000_read(nic, E1000_CTRL_EXT) | CTRL_EXT_DRV_LOAD);
	/* TCP acknowledgements would raise a cause of their own, which counts as another one. */
	e1000_write(nic, E1000_RFCTL, RFCTL_ACK_DIS);
	if (nic->pci->irq.kind == PCI_IRQ_MSIX)
		e1000e_configure_msix(nic);
	if (nic->dev.nr_queues > 1)
		e1000e_configure_rss(nic);
}

static void e1000e_queue_interrupt(void *arg)
{
	struct e1000_queue *q = arg;

	if (q->nic->dev.running)
		netdev_interrupt(&q->nq);
}

/* Causes that are not the queues' stay until they are written back. */
static void e1000e_other_interrupt(void *arg)
{
	struct e1000 *nic = arg;
	u32 queues = 0;

	for (unsigned int i = 0; i < nic->dev.nr_queues; i++)
		queues |= nic->queue[i]->int_rx | nic->queue[i]->int_tx;
	e1000_write(nic, E1000_ICR, ~queues);
	if (!nic->dev.running)
		return;
	nic->link_check = true;
	netdev_interrupt(&nic->queue[0]->nq);
}

static const struct e1000_chip e1000e_chip = {
	.name = "e1000e",
	.eerd_done = EERD_DONE_82574,
	.eerd_addr_shift = EERD_ADDR_SHIFT_82574,
	.tctl = TCTL_MULR,
	.txdctl = TXDCTL_COUNT_DESC,
	.offloads = FRAME_NEEDS_CSUM | FRAME_TSO4 | FRAME_TSO6,
	.tx_piece = TX_PIECE,
	.end_dma = e1000e_end_dma,
	.wait_eeprom = e1000e_wait_eeprom,
	.configure = e1000e_configure,
	.msix_queues = E1000_QUEUES_MAX,
	.queue_interrupt = e1000e_queue_interrupt,
	.other_interrupt = e1000e_other_interrupt,
};

static int e1000e_probe(struct pci_dev *pci)
{
	static unsigned int found;

	return e1000_core_probe(pci, &e1000e_chip, &found);
}

static const struct pci_id e1000e_ids[] = {
	{ 0x8086, 0x10d3 },	/* 82574L */
	{ 0x8086, 0x10f6 },	/* 82574IT */
	{ 0 },
};

const struct pci_driver e1000e_driver = {
	.name = "e1000e",
	.ids = e1000e_ids,
	.probe = e1000e_probe,
};
