/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the e1000 and the e1000e have in common: resetting, configuring and watching the NIC.
 * Sections (§) as in e1000_regs.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asm/barrier.h"
#include "drivers/net/e1000.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/time.h"

#define REGS_SIZE	(128 * KIB)		/* §4.1, table 4-2: BAR 0 */

#define RESET_NS	(20 * NSEC_PER_MSEC)	/* CTRL.RST clears itself (§14.6.1: 1 us) */
#define EERD_NS		(5 * NSEC_PER_MSEC)	/* one word; typically under 0.1 ms */

#define TX_HANG_S	2

/* Interrupts that come meanwhile queue their work, as in idle. */
void e1000_delay(u64 ns)
{
	u64 end = time_ns() + ns;

	while (time_ns() < end)
		arch_cpu_idle(this_cpu(), end);
}

bool e1000_wait(const struct e1000 *nic, u32 reg, u32 mask, u32 want, u64 ns)
{
	u64 end = time_ns() + ns;

	while ((e1000_read(nic, reg) & mask) != want) {
		if (time_ns() >= end)
			return (e1000_read(nic, reg) & mask) == want;
		cpu_relax();
	}
	return true;
}

/* §14.3: no interrupts, no DMA, all registers at their initial values. */
static int e1000_reset(struct e1000 *nic)
{
	bool active = (e1000_read(nic, E1000_RCTL) & RCTL_EN) ||
		      (e1000_read(nic, E1000_TCTL) & TCTL_EN);

	e1000_write(nic, E1000_IMC, INT_ALL);
	e1000_write(nic, E1000_RCTL, 0);
	e1000_write(nic, E1000_TCTL, 0);
	e1000_read(nic, E1000_STATUS);	/* the writes have arrived */
	if (active)
		nic->chip->end_dma(nic);
	e1000_write(nic, E1000_CTRL, e1000_read(nic, E1000_CTRL) | CTRL_RST);
	e1000_delay(NSEC_PER_MSEC);
	if (!e1000_wait(nic, E1000_CTRL, CTRL_RST, 0, RESET_NS)) {
		pr_err("e1000: %s: CTRL.RST stayed set for %llu ms", nic->dev.name,
		       RESET_NS / NSEC_PER_MSEC);
		return -ETIMEDOUT;
	}
	nic->chip->wait_eeprom(nic);
	e1000_write(nic, E1000_IMC, INT_ALL);
	e1000_read(nic, E1000_ICR);
	return 0;
}

/* §13.4.4 */
static int e1000_eeprom_read(struct e1000 *nic, unsigned int word, u16 *val)
{
	u32 done = nic->chip->eerd_done;

	e1000_write(nic, E1000_EERD, EERD_START | word << nic->chip->eerd_addr_shift);
	if (!e1000_wait(nic, E1000_EERD, done, done, EERD_NS)) {
		pr_warn("e1000: %s: EERD.DONE did not come for word 0x%02x", nic->dev.name, word);
		return -ETIMEDOUT;
	}
	*val = (u16)(e1000_read(nic, E1000_EERD) >> EERD_DATA_SHIFT);
	return 0;
}

static bool mac_valid(const u8 *mac)
{
	static const u8 zero[6];

	return !(mac[0] & 1) && memcmp(mac, zero, sizeof(zero)) != 0;
}

/* §5.6.1, §5.6.35 */
static int e1000_mac_from_eeprom(struct e1000 *nic)
{
	u16 sum = 0, word;

	for (unsigned int i = 0; i < EEPROM_WORDS; i++) {
		int err = e1000_eeprom_read(nic, i, &word);

		if (err)
			return err;
		sum = (u16)(sum + word);
		if (i < EEPROM_MAC + 3) {
			nic->dev.mac[2 * i] = (u8)word;
			nic->dev.mac[2 * i + 1] = (u8)(word >> 8);
		}
	}
	if (sum != EEPROM_SUM)
		pr_warn("e1000: %s: EEPROM checksum 0x%04x instead of 0x%04x", nic->dev.name, sum,
			EEPROM_SUM);
	return mac_valid(nic->dev.mac) ? 0 : -EINVAL;
}

/* The EEPROM first: an emulated NIC may clear RAL and RAH in a reset. */
static int e1000_read_mac(struct e1000 *nic)
{
	u32 ral, rah;

	if (e1000_mac_from_eeprom(nic) == 0)
		return 0;
	ral = e1000_read(nic, E1000_RAL);
	rah = e1000_read(nic, E1000_RAH);
	memcpy(nic->dev.mac, &ral, 4);
	memcpy(nic->dev.mac + 4, &rah, 2);
	if (mac_valid(nic->dev.mac))
		return 0;
	pr_err("e1000: %s: no MAC address in EEPROM or RAL/RAH", nic->dev.name);
	return -EIO;
}

static void e1000_update_link(struct e1000 *nic)
{
	static const unsigned int mbps[] = { 10, 100, 1000, 1000 };
	u32 status = e1000_read(nic, E1000_STATUS);

	netdev_set_link(&nic->dev, status & STATUS_LU,
			mbps[status >> STATUS_SPEED_SHIFT & STATUS_SPEED_MASK]);
}

/* §14.3 general configuration, §14.4 receive address and multicast table */
static void e1000_configure(struct e1000 *nic)
{
	u32 ctrl = e1000_read(nic, E1000_CTRL);
	u32 ral, rah = 0;

	ctrl |= CTRL_ASDE | CTRL_SLU;
	ctrl &= ~(u32)(CTRL_LRST | CTRL_PHY_RST | CTRL_ILOS | CTRL_VME | CTRL_FRCSPD |
		       CTRL_FRCDPLX | CTRL_RFCE | CTRL_TFCE);
	e1000_write(nic, E1000_CTRL, ctrl);
	/* No flow control: a guest must not be able to stop the wire, nor the wire all guests. */
	e1000_write(nic, E1000_FCAL, 0);
	e1000_write(nic, E1000_FCAH, 0);
	e1000_write(nic, E1000_FCT, 0);
	e1000_write(nic, E1000_FCTTV, 0);

	memcpy(&ral, nic->dev.mac, 4);
	memcpy(&rah, nic->dev.mac + 4, 2);
	e1000_write(nic, E1000_RAL, ral);
	e1000_write(nic, E1000_RAH, rah | RAH_AV);
	for (unsigned int i = 1; i < E1000_RX_ADDRESSES; i++)
		e1000_write(nic, E1000_RAH + 8 * i, 0);
	for (unsigned int i = 0; i < E1000_MTA_WORDS; i++)
		e1000_write(nic, E1000_MTA + 4 * i, 0);
	/* §13.4.30, §13.4.31, §13.4.41: moderation by ITR alone, no delay timers. */
	e1000_write(nic, E1000_TIDV, 0);
	e1000_write(nic, E1000_RDTR, 0);
	e1000_write(nic, E1000_RADV, 0);
	e1000_write(nic, E1000_ITR, E1000_ITR_256NS);
	e1000_write(nic, E1000_RXCSUM, RXCSUM_IPOFL | RXCSUM_TUOFL);
	if (nic->chip->configure)
		nic->chip->configure(nic);
}

/* §14.4, §14.5: the rings are there; from here on the NIC uses them. */
static void e1000_enable(struct e1000 *nic)
{
	if (nic->chip->tipg)
		e1000_write(nic, E1000_TIPG, nic->chip->tipg);
	e1000_write(nic, E1000_TCTL, TCTL_EN | TCTL_PSP | TCTL_CT << TCTL_CT_SHIFT |
		    TCTL_COLD_FD << TCTL_COLD_SHIFT | nic->chip->tctl);
	/* Guests have addresses of their own: all frames are taken, the switch sorts them. */
	e1000_write(nic, E1000_RCTL, RCTL_EN | RCTL_UPE | RCTL_MPE | RCTL_BAM | RCTL_BSIZE_2048 |
		    RCTL_SECRC);
	for (unsigned int i = 0; i < nic->dev.nr_queues; i++) {
		e1000_tx_run(nic->queue[i]);
		e1000_rx_refill(nic->queue[i]);
	}
}

static int e1000_start(struct netdev *dev)
{
	struct e1000 *nic = dev->priv;
	int err = e1000_reset(nic);

	if (err)
		return err;
	pci_enable(nic->pci);
	e1000_configure(nic);
	for (unsigned int i = 0; i < dev->nr_queues; i++) {
		nic->queue[i]->stuck = 0;
		nic->queue[i]->was_busy = false;
		e1000_tx_start(nic->queue[i]);
		e1000_rx_start(nic->queue[i]);
	}
	e1000_enable(nic);
	nic->link_check = false;
	e1000_update_link(nic);
	return 0;
}

static void e1000_stop(struct netdev *dev)
{
	struct e1000 *nic = dev->priv;

	if (e1000_reset(nic) != 0) {
		/* Nothing else is sure to end its DMA; the frames' memory may be used anew. */
		pr_err("e1000: %s: bus mastering switched off", dev->name);
		pci_disable(nic->pci);
	}
	for (unsigned int i = 0; i < dev->nr_queues; i++) {
		e1000_tx_stop(nic->queue[i]);
		e1000_rx_stop(nic->queue[i]);
	}
}

/*
 * Causes of what was polled meanwhile would interrupt for nothing: they are forgotten. What
 * came after the poll's last look is found by pending(), which is asked next.
 */
static void e1000_irq_enable(struct netdev_queue *nq, bool on)
{
	struct e1000_queue *q = e1000_queue(nq);
	struct e1000 *nic = q->nic;

	if (!on) {
		e1000_write(nic, E1000_IMC, q->int_rx | q->int_tx | q->int_other);
		return;
	}
	if (nic->pci->irq.kind == PCI_IRQ_MSIX)
		e1000_write(nic, E1000_ICR, q->int_rx | q->int_tx);
	else if (e1000_read(nic, E1000_ICR) & INT_LSC)
		nic->link_check = true;
	e1000_write(nic, E1000_IMS, q->int_rx | q->int_other |
		    (q->tx.irq_wanted ? q->int_tx : 0));
}

/* INTx may be shared: no cause, not ours. Reading takes the interrupt back (§13.4.17). */
static void e1000_interrupt(void *arg)
{
	struct e1000 *nic = arg;
	u32 cause = e1000_read(nic, E1000_ICR);

	if (!cause || !nic->dev.running)
		return;
	if (cause & INT_LSC)
		nic->link_check = true;
	netdev_interrupt(&nic->queue[0]->nq);
}

/* For pci_request_irq(): an interrupt to look for. */
static void e1000_provoke(void *arg, bool on)
{
	struct e1000 *nic = arg;

	if (on) {
		e1000_write(nic, E1000_IMS, INT_LSC);
		e1000_write(nic, E1000_ICS, INT_LSC);
	} else {
		e1000_write(nic, E1000_IMC, INT_ALL);
		e1000_read(nic, E1000_ICR);
	}
}

static bool e1000_poll(struct netdev_queue *nq, unsigned int budget)
{
	struct e1000_queue *q = e1000_queue(nq);
	struct e1000 *nic = q->nic;

	if (nic->link_check && nq->index == 0) {
		nic->link_check = false;
		e1000_update_link(nic);
	}
	e1000_tx_poll(q);
	return e1000_rx_poll(q, budget);
}

static bool e1000_pending(struct netdev_queue *nq)
{
	const struct e1000_queue *q = e1000_queue(nq);

	return (q->nic->link_check && nq->index == 0) || e1000_rx_pending(q) ||
	       e1000_tx_pending(q);
}

static void e1000_read_stats(struct e1000 *nic)
{
	struct netdev_stats *s = &nic->dev.stats;

	s->rx_missed += e1000_read(nic, E1000_MPC);
	s->rx_errors += e1000_read(nic, E1000_CRCERRS);
	s->rx_errors += e1000_read(nic, E1000_ALGNERRC);
	s->rx_errors += e1000_read(nic, E1000_RXERRC);
	s->rx_errors += e1000_read(nic, E1000_CEXTERR);
	s->rx_errors += e1000_read(nic, E1000_RUC);
	s->rx_errors += e1000_read(nic, E1000_ROC);
	s->tx_errors += e1000_read(nic, E1000_ECOL);
	s->tx_errors += e1000_read(nic, E1000_LATECOL);
}

/* Frames with the NIC, and it has not moved for TX_HANG_S seconds. */
static bool e1000_tx_stuck(struct e1000_queue *q)
{
	u32 tdh = e1000_queue_read(q, E1000_TDH);
	bool busy = q->tx.frames;
	bool same = busy && q->was_busy && tdh == q->tdh_seen && q->tx.reaped == q->reaped_seen;

	q->was_busy = busy;
	q->tdh_seen = tdh;
	q->reaped_seen = q->tx.reaped;
	q->stuck = same ? q->stuck + 1 : 0;
	return q->stuck >= TX_HANG_S;
}

static void e1000_watchdog(struct netdev *dev)
{
	struct e1000 *nic = dev->priv;
	struct e1000_queue *stuck = NULL;

	e1000_update_link(nic);
	e1000_read_stats(nic);
	for (unsigned int i = 0; i < dev->nr_queues; i++) {
		e1000_tx_reap(nic->queue[i]);
		if (e1000_tx_stuck(nic->queue[i]))
			stuck = nic->queue[i];
	}
	if (!stuck)
		return;
	pr_warn("e1000: %s: transmitter %u stopped (%u frames, TDH %u, TDT %u, link %s)",
		dev->name, stuck->nq.index, stuck->tx.frames, stuck->tdh_seen,
		stuck->tx.tail_written, dev->link_up ? "up" : "down");
	/* Without a link that is as it should be, but the senders want their buffers back. */
	dev->stats.tx_hangs += dev->link_up;
	netdev_restart(dev, dev->link_up ? "transmit hang" : "frames pending without link");
}

static const struct netdev_ops e1000_ops = {
	.start = e1000_start,
	.stop = e1000_stop,
	.tx = e1000_tx,
	.tx_flush = e1000_tx_flush,
	.poll = e1000_poll,
	.pending = e1000_pending,
	.irq_enable = e1000_irq_enable,
	.watchdog = e1000_watchdog,
};

static int e1000_setup(struct e1000 *nic)
{
	struct pci_dev *pci = nic->pci;
	int err;

	if (pci->bar[0].size < REGS_SIZE || pci->bar[0].io) {
		pr_err("e1000: %s: BAR 0 is not 128 KiB of memory", nic->dev.name);
		return -ENODEV;
	}
	nic->regs = pci_map_bar(pci, 0);
	if (!nic->regs) {
		pr_err("e1000: %s: BAR 0 cannot be mapped", nic->dev.name);
		return -ENOMEM;
	}
	err = e1000_reset(nic);
	return err ? err : e1000_read_mac(nic);
}

static int e1000_add_queues(struct e1000 *nic, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct e1000_queue *q = calloc(1, sizeof(*q));

		if (!q)
			return -ENOMEM;
		q->nic = nic;
		q->regs = nic->regs + i * E1000_QUEUE_REGS;
		nic->queue[i] = q;
		netdev_add_queue(&nic->dev, &q->nq);
	}
	return 0;
}

/* The interrupt was not MSI-X: there is one, and what it says is of queue 0. */
static void e1000_one_queue(struct e1000 *nic)
{
	struct e1000_queue *q = nic->queue[0];

	q->int_rx = INT_RXDMT0 | INT_RXO | INT_RXT0;
	q->int_tx = INT_TXDW;
	q->int_other = INT_LSC;
	while (nic->dev.nr_queues > 1) {
		free(nic->queue[--nic->dev.nr_queues]);
		nic->queue[nic->dev.nr_queues] = NULL;
	}
}

static void e1000_request_irq(struct e1000 *nic)
{
	const struct e1000_chip *chip = nic->chip;
	unsigned int nr = nic->dev.nr_queues;
	struct pci_irq_handler msix[E1000_QUEUES_MAX + 1];
	struct pci_irq_request req = {
		.name = nic->dev.name,
		.any = { e1000_interrupt, nic, nic->queue[0]->nq.poll_work.cpu },
		.provoke = e1000_provoke,
		.msix = msix,
		.nr_msix = chip->msix_queues ? nr + 1 : 0,
	};
	enum pci_irq_kind kind;

	for (unsigned int i = 0; i < nr; i++) {
		struct e1000_queue *q = nic->queue[i];

		q->int_rx = INT_RXQ0 << i;
		q->int_tx = INT_TXQ0 << i;
		msix[i] = (struct pci_irq_handler){ chip->queue_interrupt, q,
						    q->nq.poll_work.cpu };
	}
	nic->queue[0]->int_other = INT_OTHER | INT_LSC;
	msix[nr] = (struct pci_irq_handler){ chip->other_interrupt, nic,
					     nic->queue[0]->nq.poll_work.cpu };
	kind = pci_request_irq(nic->pci, &req);
	nic->dev.irq = pci_irq_name(kind);
	nic->dev.polled = kind == PCI_IRQ_NONE;
	if (kind != PCI_IRQ_MSIX)
		e1000_one_queue(nic);
}

static int e1000_alloc_rings(struct e1000 *nic)
{
	for (unsigned int i = 0; i < nic->dev.nr_queues; i++)
		if (e1000_rx_alloc(nic->queue[i]) != 0 || e1000_tx_alloc(nic->queue[i]) != 0)
			return -ENOMEM;
	return 0;
}

void e1000_free(struct e1000 *nic)
{
	for (unsigned int i = 0; i < nic->dev.nr_queues; i++) {
		e1000_rx_free(nic->queue[i]);
		e1000_tx_free(nic->queue[i]);
		free(nic->queue[i]);
	}
	free(nic);
}

/* Its registers can be used. */
static int e1000_setup_queues(struct e1000 *nic)
{
	int err = e1000_add_queues(nic, netdev_queues(nic->chip->msix_queues));

	if (!err) {
		e1000_request_irq(nic);
		err = e1000_alloc_rings(nic);
	}
	if (err)
		pr_err("e1000: %s: out of memory for rings and buffers", nic->dev.name);
	return err;
}

int e1000_core_probe(struct pci_dev *pci, const struct e1000_chip *chip, unsigned int *found)
{
	struct e1000 *nic = calloc(1, sizeof(*nic));
	int err;

	if (!nic) {
		pr_err("e1000: out of memory");
		return -ENOMEM;
	}
	snprintf(nic->dev.name, sizeof(nic->dev.name), "%s.%u", chip->name, *found);
	nic->dev.ops = &e1000_ops;
	nic->dev.offloads = chip->offloads;
	nic->dev.priv = nic;
	nic->pci = pci;
	nic->chip = chip;
	err = e1000_setup(nic);
	if (!err)
		err = e1000_setup_queues(nic);
	if (!err)
		err = netdev_register(&nic->dev);
	if (err) {
		pci_release_irq(pci);
		e1000_free(nic);
		return err;
	}
	++*found;
	pci->drvdata = nic;
	return 0;
}
