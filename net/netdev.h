/* SPDX-License-Identifier: BSD-2-Clause */
/* A physical NIC: what the drivers in drivers/net offer, and the uplink port made of it. */
#ifndef NET_NETDEV_H
#define NET_NETDEV_H

#include "kernel/types.h"
#include "kernel/work.h"
#include "net/port.h"

struct netdev;

struct netdev_stats {
	u64 rx_packets, rx_bytes, rx_errors, rx_dropped, rx_missed;
	u64 tx_packets, tx_bytes, tx_errors, tx_dropped, tx_hangs;
	u64 interrupts, polls, resets, link_changes;
};

struct netdev_ops {
	int (*start)(struct netdev *dev);
	void (*stop)(struct netdev *dev);	/* DMA has ended when it returns; puts frames held */
	/*
	 * Queue for transmission by reference, up to @nr; returns how many were taken (each
	 * frame_get()-ed until the NIC is done). Tail is written by tx_flush().
	 */
	unsigned int (*tx)(struct netdev *dev, struct frame **frames, unsigned int nr);
	void (*tx_flush)(struct netdev *dev);
	/* Up to @budget frames received into switch_input(), completed transmissions put. True: more to do. */
	bool (*poll)(struct netdev *dev, unsigned int budget);
	void (*irq_enable)(struct netdev *dev, bool on);
	/* Each second: link, statistics registers, TX hang. */
	void (*watchdog)(struct netdev *dev);
};

struct netdev {
	char name[16];			/* "e1000.0" */
	const struct netdev_ops *ops;
	void *priv;
	u8 mac[6];
	bool link_up;
	unsigned int speed;		/* Mb/s */
	struct port port;		/* uplink */
	struct work poll_work;		/* NAPI: interrupt -> irq off, poll until done, irq on */
	struct netdev_stats stats;
};

#define NETDEVS_MAX 8
extern struct netdev *netdevs[NETDEVS_MAX];
extern unsigned int nr_netdevs;

/* A driver found a NIC: makes the uplink port on switch "brN" (N = order found), starts it. */
int netdev_register(struct netdev *dev);
/* Driver's interrupt handler: switch to polling. CPU that took the interrupt. */
void netdev_interrupt(struct netdev *dev);
/* All NICs stopped, before the machine goes off. */
void netdev_stop_all(void);

#endif
