/* SPDX-License-Identifier: BSD-2-Clause */
/* A physical NIC: what the drivers in drivers/net offer, and the uplink port made of it. */
#ifndef NET_NETDEV_H
#define NET_NETDEV_H

#include "kernel/log.h"
#include "kernel/time.h"
#include "kernel/types.h"
#include "kernel/work.h"
#include "net/port.h"

struct netdev;

struct netdev_stats {
	u64 rx_packets, rx_bytes, rx_errors, rx_dropped, rx_missed;
	u64 tx_packets, tx_bytes, tx_errors, tx_dropped, tx_hangs;
	u64 interrupts, polls, resets, link_changes;
	u64 irq_lost;			/* found by the watchdog instead of by an interrupt */
};

/*
 * All but tx, tx_flush and pending are called on the CPU of poll_work. After start() the driver
 * tells the link with netdev_set_link(), whenever it changes.
 */
struct netdev_ops {
	int (*start)(struct netdev *dev);	/* interrupts are still off when it returns */
	void (*stop)(struct netdev *dev);	/* ends DMA, puts frames held */
	/*
	 * Queue for transmission by reference, up to @nr; returns how many were taken (each
	 * frame_get()-ed until the NIC is done). Tail is written by tx_flush(). Both on any CPU;
	 * frames sent earlier, whoever's, may be put in tx().
	 */
	unsigned int (*tx)(struct netdev *dev, struct frame **frames, unsigned int nr);
	void (*tx_flush)(struct netdev *dev);
	/*
	 * Up to @budget frames received into switch_input(), completed transmissions put. True:
	 * there is more to do.
	 */
	bool (*poll)(struct netdev *dev, unsigned int budget);
	/* Would poll() find anything? Any CPU, no register access. */
	bool (*pending)(struct netdev *dev);
	/* A cause that came up while interrupts were off raises one when they come on. */
	void (*irq_enable)(struct netdev *dev, bool on);
	/* Each second: link, statistics registers, TX hang. */
	void (*watchdog)(struct netdev *dev);
};

struct netdev {
	char name[16];			/* "e1000.0" */
	const struct netdev_ops *ops;
	void *priv;
	u8 mac[6];
	const char *irq;		/* how interrupts arrive: "msix", "intx", ... */
	/*
	 * FRAME_OFFLOADS that tx() takes. Large frames have up to FRAME_SEGS pieces of any length
	 * and FRAME_GSO_MAX bytes; see gso_nic_headers(). Received frames say FRAME_CSUM_VALID.
	 */
	u16 offloads;
	bool polled;			/* no interrupt reaches us: poll_timer queues poll_work */
	bool running;
	bool link_up;
	unsigned int speed;		/* Mb/s; 0: not known */
	struct ratelimit link_rl;	/* a bad cable */
	struct port port;		/* uplink */
	struct work poll_work;		/* NAPI: interrupt -> irq off, poll until done, irq on */
	struct timer poll_timer;
	u64 polls_seen;			/* watchdog: stats.polls when something was found pending */
	bool was_pending;
	struct netdev_stats stats;
};

#define NETDEVS_MAX 8
extern struct netdev *netdevs[NETDEVS_MAX];
extern unsigned int nr_netdevs;

/* `info net` and `info switch`. BSP, boot, after monitor_init(). */
void net_init(void);

/*
 * A driver found a NIC and filled in name, ops, priv, mac, offloads, irq and polled: makes the
 * uplink port on switch "brN" (N = order found), starts it, and polls it on the calling CPU.
 * -errno has been said on the console.
 */
int netdev_register(struct netdev *dev);
/* Driver's interrupt handler: switch to polling. CPU that took the interrupt. */
void netdev_interrupt(struct netdev *dev);
/* The driver's poll(), start() or watchdog(): the link as it is now; said if it changed. */
void netdev_set_link(struct netdev *dev, bool up, unsigned int speed);
/*
 * stop() and start() again, for a driver whose hardware went wrong; @why is said and counted.
 * From poll() or watchdog(). The NIC stays off (port without link) if start() fails.
 */
void netdev_restart(struct netdev *dev, const char *why);
/* All NICs stopped, before the machine goes off. CPU of their poll_work. */
void netdev_stop_all(void);

#endif
