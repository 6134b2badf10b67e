/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers and descriptors of the 82540EM family. Sections (§) are those of Intel's "PCI/PCI-X
 * Family of Gigabit Ethernet Controllers Software Developer's Manual", 317453-006, revision 4.0;
 * "82574 §" those of the "82574 GbE Controller Family Datasheet", 317694, revision 3.4.
 */
#ifndef DRIVERS_NET_E1000_REGS_H
#define DRIVERS_NET_E1000_REGS_H

#include "kernel/types.h"

enum e1000_reg {			/* §13.3, table 13-2 */
	E1000_CTRL	= 0x0000,	/* device control, §13.4.1 */
	E1000_STATUS	= 0x0008,	/* device status, §13.4.2 */
	E1000_EECD	= 0x0010,	/* EEPROM control, 82574 §10.2.2 */
	E1000_EERD	= 0x0014,	/* EEPROM read, §13.4.4 */
	E1000_CTRL_EXT	= 0x0018,	/* extended device control, 82574 §10.2.2 */
	E1000_FCAL	= 0x0028,	/* flow control address low */
	E1000_FCAH	= 0x002c,	/* flow control address high */
	E1000_FCT	= 0x0030,	/* flow control type */
	E1000_ICR	= 0x00c0,	/* interrupt cause read, §13.4.17 */
	E1000_ITR	= 0x00c4,	/* interrupt throttling, §13.4.18 */
	E1000_ICS	= 0x00c8,	/* interrupt cause set, §13.4.19 */
	E1000_IMS	= 0x00d0,	/* interrupt mask set, §13.4.20 */
	E1000_IMC	= 0x00d8,	/* interrupt mask clear, §13.4.21 */
	E1000_EIAC	= 0x00dc,	/* auto clear, 82574 §10.2.4 */
	E1000_IVAR	= 0x00e4,	/* causes to MSI-X vectors, 82574 §10.2.4 */
	E1000_EITR	= 0x00e8,	/* throttling, one for each vector, 82574 §10.2.4 */
	E1000_RCTL	= 0x0100,	/* receive control, §13.4.22 */
	E1000_FCTTV	= 0x0170,	/* flow control transmit timer value */
	E1000_TCTL	= 0x0400,	/* transmit control, §13.4.33 */
	E1000_TIPG	= 0x0410,	/* transmit inter packet gap, §13.4.34 */
	E1000_RDBAL	= 0x2800,	/* receive descriptor base low, §13.4.25 */
	E1000_RDBAH	= 0x2804,	/* high, §13.4.26 */
	E1000_RDLEN	= 0x2808,	/* receive descriptor length, §13.4.27 */
	E1000_RDH	= 0x2810,	/* receive descriptor head, §13.4.28 */
	E1000_RDT	= 0x2818,	/* receive descriptor tail, §13.4.29 */
	E1000_RDTR	= 0x2820,	/* receive delay timer, §13.4.30 */
	E1000_RADV	= 0x282c,	/* receive absolute delay timer, §13.4.31 */
	E1000_TDBAL	= 0x3800,	/* transmit descriptor base low, §13.4.36 */
	E1000_TDBAH	= 0x3804,	/* high, §13.4.37 */
	E1000_TDLEN	= 0x3808,	/* transmit descriptor length, §13.4.38 */
	E1000_TDH	= 0x3810,	/* transmit descriptor head, §13.4.39 */
	E1000_TDT	= 0x3818,	/* transmit descriptor tail, §13.4.40 */
	E1000_TIDV	= 0x3820,	/* transmit interrupt delay, §13.4.41 */
	E1000_TXDCTL	= 0x3828,	/* transmit descriptor control, §13.4.42 */
	E1000_TARC	= 0x3840,	/* transmit arbitration, 82574 §10.2.6 */
	E1000_RXCSUM	= 0x5000,	/* receive checksum control, §13.4.32 */
	E1000_RFCTL	= 0x5008,	/* receive filter control, 82574 §10.2.5 */
	E1000_MRQC	= 0x5818,	/* multiple receive queues, 82574 §10.2.5 */
	E1000_RETA	= 0x5c00,	/* queue of each hash, E1000_RETA_WORDS; 82574 §10.2.5 */
	E1000_RSSRK	= 0x5c80,	/* RSS_KEY_LEN bytes of key, 82574 §10.2.5 */
	E1000_MTA	= 0x5200,	/* multicast table array, §13.5.1: E1000_MTA_WORDS words */
	E1000_RAL	= 0x5400,	/* receive address low, §13.5.2 */
	E1000_RAH	= 0x5404,	/* receive address high, §13.5.3 */
	/* Statistics, §13.7: 32 bits, cleared by reading. */
	E1000_CRCERRS	= 0x4000,	/* CRC errors */
	E1000_ALGNERRC	= 0x4004,	/* alignment errors */
	E1000_RXERRC	= 0x400c,	/* receive errors */
	E1000_MPC	= 0x4010,	/* missed packets: no room in the packet buffer */
	E1000_ECOL	= 0x4018,	/* excessive collisions */
	E1000_LATECOL	= 0x4020,	/* late collisions */
	E1000_CEXTERR	= 0x403c,	/* carrier extension errors */
	E1000_RUC	= 0x40a4,	/* received undersize */
	E1000_ROC	= 0x40ac,	/* received oversize */
};

#define E1000_QUEUE_REGS	0x100	/* from RDBAL and TDBAL on, those of the next queue */
#define E1000_MTA_WORDS		128
#define E1000_RETA_WORDS	32	/* 4 hashes each */
#define E1000_RX_ADDRESSES	16	/* RAL/RAH pairs, 8 bytes apart */

enum e1000_ctrl {			/* §13.4.1, table 13-3 */
	CTRL_FD		= BIT(0),	/* full duplex */
	CTRL_MASTER_DISABLE = BIT(2),	/* 82574 §10.2.2: no more requests on the bus */
	CTRL_LRST	= BIT(3),	/* link reset (fibre) */
	CTRL_ASDE	= BIT(5),	/* auto-speed detection */
	CTRL_SLU	= BIT(6),	/* set link up */
	CTRL_ILOS	= BIT(7),	/* invert loss of signal */
	CTRL_FRCSPD	= BIT(11),	/* force speed */
	CTRL_FRCDPLX	= BIT(12),	/* force duplex */
	CTRL_RST	= BIT(26),	/* device reset, clears itself */
	CTRL_RFCE	= BIT(27),	/* receive flow control */
	CTRL_TFCE	= BIT(28),	/* transmit flow control */
	CTRL_VME	= BIT(30),	/* VLAN mode */
	CTRL_PHY_RST	= BIT(31),
};

enum e1000_status {			/* §13.4.2, table 13-5 */
	STATUS_FD	= BIT(0),
	STATUS_LU	= BIT(1),	/* link up */
	STATUS_SPEED_SHIFT = 6,		/* 2 bits: 10, 100, 1000, 1000 Mb/s */
	STATUS_SPEED_MASK = 3,
	STATUS_MASTER_ENABLE = BIT(19),	/* 82574 §10.2.2: or requests are pending */
};

enum e1000_ctrl_ext {			/* 82574 §10.2.2 */
	CTRL_EXT_IAME	= BIT(27),	/* reading ICR masks all that IAM names */
	CTRL_EXT_DRV_LOAD = BIT(28),	/* a driver is loaded */
	CTRL_EXT_PBA_CLR = BIT(31),	/* MSI-X pending bits are supported */
};

enum e1000_eecd {			/* 82574 §10.2.2 */
	EECD_AUTO_RD	= BIT(9),	/* registers have been loaded */
};

enum e1000_eerd {			/* §13.4.4, table 13-7 */
	EERD_START	= BIT(0),
	EERD_DONE	= BIT(4),
	EERD_ADDR_SHIFT	= 8,		/* word address */
	EERD_DATA_SHIFT	= 16,
	/* 82574 §10.2.2 */
	EERD_DONE_82574	= BIT(1),
	EERD_ADDR_SHIFT_82574 = 2,
};

enum e1000_eeprom {			/* §5.6, table 5-2 */
	EEPROM_MAC	= 0x00,		/* three words, low byte first */
	EEPROM_WORDS	= 0x40,		/* covered by the checksum, §5.6.35 */
	EEPROM_SUM	= 0xbaba,
};

enum e1000_int {			/* §13.4.17, table 13-63; also ICS, IMS, IMC */
	INT_TXDW	= BIT(0),	/* transmit descriptor written back */
	INT_TXQE	= BIT(1),	/* transmit queue empty */
	INT_LSC		= BIT(2),	/* link status change */
	INT_RXDMT0	= BIT(4),	/* receive descriptors low */
	INT_RXO		= BIT(6),	/* receiver overrun */
	INT_RXT0	= BIT(7),	/* receiver timer: frames received */
	/* With MSI-X, 82574 §10.2.4. */
	INT_RXQ0	= BIT(20),	/* receive queue 0 */
	INT_TXQ0	= BIT(22),	/* transmit queue 0 */
	INT_OTHER	= BIT(24),	/* all other causes that are unmasked */
	INT_ALL		= 0xffffffff,
};

enum e1000_ivar {			/* 82574 §10.2.4 */
	IVAR_VALID	= BIT(3),	/* and the vector in the bits below */
	IVAR_BITS	= 4,		/* of an entry; queue 1's is behind queue 0's */
	IVAR_RXQ0_SHIFT	= 0,
	IVAR_TXQ0_SHIFT	= 8,
	IVAR_OTHER_SHIFT = 16,
};

enum e1000_rctl {			/* §13.4.22, table 13-67 */
	RCTL_EN		= BIT(1),
	RCTL_UPE	= BIT(3),	/* unicast promiscuous */
	RCTL_MPE	= BIT(4),	/* multicast promiscuous */
	RCTL_BAM	= BIT(15),	/* accept broadcast */
	RCTL_BSIZE_2048	= 0 << 16,	/* with BSEX clear */
	RCTL_SECRC	= BIT(26),	/* strip the FCS */
};

enum e1000_tctl {			/* §13.4.33, table 13-76 */
	TCTL_EN		= BIT(1),
	TCTL_PSP	= BIT(3),	/* pad short packets */
	TCTL_CT_SHIFT	= 4,		/* collision threshold */
	TCTL_CT		= 0x0f,		/* recommended: IEEE 802.3's 16 attempts */
	TCTL_COLD_SHIFT	= 12,		/* collision distance */
	TCTL_COLD_FD	= 0x40,		/* full duplex: 64-byte time */
	TCTL_MULR	= BIT(28),	/* 82574 §10.2.6: several read requests at a time */
};

enum e1000_tipg {			/* §13.4.34, table 13-77: copper, IEEE 802.3 minimum */
	TIPG_IPGT	= 10,
	TIPG_IPGR1	= 8 << 10,
	TIPG_IPGR2	= 6 << 20,
};

enum e1000_txdctl {			/* §13.4.42 */
	TXDCTL_WTHRESH_1 = 1 << 16,	/* write back each descriptor that asks for it */
	TXDCTL_COUNT_DESC = BIT(22),	/* 82574 §10.2.6: has to be 1 */
	TXDCTL_GRAN	= BIT(24),	/* thresholds count descriptors */
};

enum e1000_rxcsum {			/* §13.4.32 */
	RXCSUM_IPOFL	= BIT(8),	/* check IP */
	RXCSUM_TUOFL	= BIT(9),	/* check TCP and UDP */
	RXCSUM_PCSD	= BIT(13),	/* 82574 §10.2.5: RSS hash in the place of a checksum */
};

enum e1000_mrqc {			/* 82574 §10.2.5 */
	MRQC_RSS	= 1 << 0,	/* of two queues, by hash over: */
	MRQC_TCP_IP4	= BIT(16),	/* addresses and ports */
	MRQC_IP4	= BIT(17),	/* addresses, of all others */
	MRQC_TCP_IP6	= BIT(18),
	MRQC_IP6	= BIT(20),
};

enum e1000_reta {			/* 82574 §10.2.5: a byte for each value of 7 bits */
	RETA_QUEUE_SHIFT = 7,
};

enum e1000_tarc {			/* 82574 §10.2.6 */
	TARC_ENABLE	= BIT(10),	/* the queue takes part; so it is after a reset */
};

enum e1000_rfctl {			/* 82574 §10.2.5 */
	RFCTL_ACK_DIS	= BIT(12),	/* no interrupts for TCP acknowledgements */
	RFCTL_EXSTEN	= BIT(15),	/* receive descriptors are extended ones */
};

enum e1000_rah {			/* §13.5.3 */
	RAH_AV		= BIT(31),	/* address valid */
};

struct e1000_rx_desc {			/* §3.2.3, table 3-1 */
	le64 addr;
	union {
		struct {
			le16 length;
			le16 checksum;
			u8 status;
			u8 errors;
			le16 special;
		} __packed;
		le64 written;		/* all that the NIC writes, at once */
	};
} __packed;
_Static_assert(sizeof(struct e1000_rx_desc) == 16, "§3.2.3");

enum e1000_rx_written {			/* where these lie in it */
	RX_STATUS_SHIFT	= 32,
	RX_ERRORS_SHIFT	= 40,
};

enum e1000_rx_extended {		/* the same in an extended descriptor, 82574 §7.1.5 */
	RX_EXT_STATUS_SHIFT = 0,	/* its low byte means what enum e1000_rx_status says */
	RX_EXT_ERRORS_SHIFT = 24,
	RX_EXT_LENGTH_SHIFT = 32,
};

enum e1000_rx_status {			/* §3.2.3.1, table 3-2 */
	RX_DD		= BIT(0),	/* descriptor done */
	RX_EOP		= BIT(1),	/* end of packet */
	RX_IXSM		= BIT(2),	/* ignore checksum indication */
	RX_TCPCS	= BIT(5),	/* TCP/UDP checksum was calculated */
};

enum e1000_rx_errors {			/* §3.2.3.2, table 3-3 */
	RX_CE		= BIT(0),	/* CRC or alignment */
	RX_SE		= BIT(1),	/* symbol */
	RX_SEQ		= BIT(2),	/* sequence */
	RX_CXE		= BIT(4),	/* carrier extension */
	RX_TCPE		= BIT(5),	/* TCP/UDP checksum wrong */
	RX_IPE		= BIT(6),	/* IP checksum wrong */
	RX_RXE		= BIT(7),	/* receive data */
	RX_FRAME_BAD	= RX_CE | RX_SE | RX_SEQ | RX_CXE | RX_RXE,
};

/* Data descriptors (§3.3.7) and context descriptors (§3.3.6). */
struct e1000_tx_desc {
	union {
		le64 addr;		/* data */
		struct {		/* context */
			u8 ipcss, ipcso;
			le16 ipcse;
			u8 tucss;	/* where the TCP/UDP checksum starts */
			u8 tucso;	/* where it is stored */
			le16 tucse;	/* last byte it covers; 0: end of packet */
		} __packed;
	};
	le32 cmd;			/* enum e1000_tx_cmd, length; context: the payload's */
	u8 status;
	union {
		u8 popts;		/* data: enum e1000_tx_popts */
		u8 hdr_len;		/* context: headers in front of each part */
	};
	union {
		le16 special;		/* data */
		le16 mss;		/* context: payload of a part */
	};
} __packed;
_Static_assert(sizeof(struct e1000_tx_desc) == 16, "§3.3");

enum e1000_tx_cmd {
	TX_LENGTH_MASK	= 0xfffff,
	TX_DTYP_CONTEXT	= 0 << 20,
	TX_DTYP_DATA	= 1 << 20,
	TX_EOP		= BIT(24),	/* end of packet */
	TX_IFCS		= BIT(25),	/* insert FCS */
	TX_CONTEXT_TCP	= BIT(24),	/* in a context: it is TCP, */
	TX_CONTEXT_IP4	= BIT(25),	/* over IPv4 */
	TX_TSE		= BIT(26),	/* TCP segmentation */
	TX_RS		= BIT(27),	/* report status: write back */
	TX_DEXT		= BIT(29),	/* not a legacy descriptor */
};

enum e1000_tx_popts {
	TX_POPTS_IXSM	= BIT(0),	/* insert the IP checksum */
	TX_POPTS_TXSM	= BIT(1),	/* insert the TCP/UDP checksum */
};

enum e1000_tx_status {
	TX_DD		= BIT(0),
};

#endif
