/* SPDX-License-Identifier: BSD-2-Clause */
/* The PCI and PCI-X parts: 82540EM and its relatives. Sections (§) as in e1000_regs.h. */
#include "drivers/net/e1000.h"

#define QUIESCE_NS	(10 * NSEC_PER_MSEC)	/* DMA under way ends */
#define EEPROM_LOAD_NS	(5 * NSEC_PER_MSEC)	/* EEPROM to registers, after a reset */

static void e1000_end_dma(struct e1000 *nic)
{
	e1000_delay(QUIESCE_NS);
}

static void e1000_wait_eeprom(struct e1000 *nic)
{
	e1000_delay(EEPROM_LOAD_NS);
}

static const struct e1000_chip e1000_chip = {
	.name = "e1000",
	.eerd_done = EERD_DONE,
	.eerd_addr_shift = EERD_ADDR_SHIFT,
	.tipg = TIPG_IPGT | TIPG_IPGR1 | TIPG_IPGR2,
	.offloads = FRAME_NEEDS_CSUM | FRAME_TSO4,
	.tx_piece = E1000_TX_PIECE_MIN,
	.end_dma = e1000_end_dma,
	.wait_eeprom = e1000_wait_eeprom,
};

static int e1000_probe(struct pci_dev *pci)
{
	static unsigned int found;

	return e1000_core_probe(pci, &e1000_chip, &found);
}

/*
 * §5.2, table 5-1. Only what has this file's registers: the 82540 and 82545EM with copper
 * PHY. (82541 and 82547 read their EEPROM otherwise, 82544 and older do not have EERD.)
 */
static const struct pci_id e1000_ids[] = {
	{ 0x8086, 0x100e },	/* 82540EM */
	{ 0x8086, 0x1015 },	/* 82540EM, on board */
	{ 0x8086, 0x1016 },	/* 82540EP, mobile */
	{ 0x8086, 0x1017 },	/* 82540EP */
	{ 0x8086, 0x101e },	/* 82540EP, mobile */
	{ 0x8086, 0x100f },	/* 82545EM */
	{ 0 },
};

const struct pci_driver e1000_driver = {
	.name = "e1000",
	.ids = e1000_ids,
	.probe = e1000_probe,
};
