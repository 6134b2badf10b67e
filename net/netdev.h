/* SPDX-License-Identifier: BSD-2-Clause */
/* A physical NIC: what the drivers in drivers/net offer, and the uplink port made of it. */
#ifndef NET_NETDEV_H
#define NET_NETDEV_H

#include "kernel/log.h"
#include "kernel/poller.h"
#include "kernel/time.h"
#include "kernel/types.h"
#include "kernel/work.h"
#include "net/port.h"

struct netdev;

/* Counted where it happens: in a queue, or in the NIC what belongs to none. */
struct netdev_stats {
	u64 rx_packets, rx_bytes, rx_errors, rx_dropped, rx_missed;
	u64 tx_packets, tx_bytes, tx_errors, tx_dropped, tx_hangs;
	u64 interrupts, polls, resets, link_changes;
	u64 irq_lost;			/* found by the watchdog instead of by an interrupt */
};

/*
 * A receive queue and the transmit queue beside it, polled by one CPU: that of poll_work, where
 * its interrupt arrives too. Frames are sent by the queue that the sending CPU has, which several
 * CPUs share if there are more of them.
 */
struct netdev_queue {
	struct netdev *dev;
	unsigned int index;
	struct work poll_work;		/* NAPI: interrupt -> irq off, poll until done, irq on */
	struct poller poller;		/* in place of interrupts while there are many frames */
	bool busy;			/* being polled: netdev_stop() waits */
	u64 polls_seen;			/* watchdog: stats.polls when something was found pending */
	bool was_pending;
	struct netdev_stats stats;
};

/*
 * start, stop and watchdog are called on the CPU of queue 0 (start and stop also on the BSP, at
 * boot and at the end), start and stop while no queue is polled. After start() the driver tells the
 * link with netdev_set_link(), whenever it changes.
 */
struct netdev_ops {
	int (*start)(struct netdev *dev);	/* interrupts are still off when it returns */
	void (*stop)(struct netdev *dev);	/* ends DMA, puts frames held */
	/*
	 * Queue for transmission by reference, up to @nr; returns how many were taken (each
	 * frame_get()-ed until the NIC is done). Tail is written by tx_flush(). Both on any CPU;
	 * frames sent earlier, whoever's, may be put in tx().
	 */
	unsigned int (*tx)(struct netdev_queue *q, struct frame **frames, unsigned int nr);
	void (*tx_flush)(struct netdev_queue *q);
	/*
	 * Up to @budget frames received into netdev_receive(), completed transmissions put. True:
	 * there is more to do. CPU of the queue. That of queue 0 looks after the link as well.
	 */
	bool (*poll)(struct netdev_queue *q, unsigned int budget);
	/* Would poll() find anything? Any CPU, no register access. */
	bool (*pending)(struct netdev_queue *q);
	/* A cause that came up while interrupts were off raises one when they come on. Any CPU. */
	void (*irq_enable)(struct netdev_queue *q, bool on);
	/* Each second: link, statistics registers, TX hang. */
	void (*watchdog)(struct netdev *dev);
};

#define NETDEV_QUEUES_MAX 8

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
	bool polled;			/* no interrupt reaches us: poll_timer queues the polls */
	bool running;
	bool link_up;
	unsigned int speed;		/* Mb/s; 0: not known */
	struct ratelimit link_rl;	/* a bad cable */
	struct port port;		/* uplink */
	struct netdev_queue *queue[NETDEV_QUEUES_MAX];
	unsigned int nr_queues;
	u8 tx_queue[CONFIG_MAX_CPUS];	/* the one that a CPU sends by */
	/* On the CPU of queue 0, where timers_work arms both. */
	struct timer poll_timer, second_timer;
	struct work timers_work;
	struct netdev_stats stats;
};

#define NETDEVS_MAX 8
extern struct netdev *netdevs[NETDEVS_MAX];
extern unsigned int nr_netdevs;

/* `info net` and `info switch`. BSP, boot, after monitor_init(). */
void net_init(void);

/*
 * Of a NIC that can have @max queues, how many are of use: no more than there are CPUs for them
 * (place_queue()), and NETDEV_QUEUES_MAX. At least 1.
 */
unsigned int netdev_queues(unsigned int max);
/* @q, all zeroes, becomes the next queue of @dev, and gets its CPU. Before it is registered. */
void netdev_add_queue(struct netdev *dev, struct netdev_queue *q);

/*
 * A driver found a NIC and filled in name, ops, priv, mac, offloads, irq and polled, and added its
 * queues: makes the uplink port on switch "brN" (N = order found) and starts it. -errno has been
 * said on the console. BSP.
 */
int netdev_register(struct netdev *dev);
/*
 * The driver's poll(): frames received, in order, to the switch; as for gro_merge(). How many are
 * left in @frames, to be put by the driver: others have become part of one of these.
 */
unsigned int netdev_receive(struct netdev_queue *q, struct frame **frames, unsigned int nr);
/* Driver's interrupt handler: switch to polling. CPU that took the interrupt. */
void netdev_interrupt(struct netdev_queue *q);
/* The driver's poll() of queue 0, start() or watchdog(): the link as it is now; said if changed. */
void netdev_set_link(struct netdev *dev, bool up, unsigned int speed);
/*
 * stop() and start() again, for a driver whose hardware went wrong; @why is said and counted.
 * From watchdog(). The NIC stays off (port without link) if start() fails.
 */
void netdev_restart(struct netdev *dev, const char *why);
/* All NICs stopped, before the machine goes off. BSP. */
void netdev_stop_all(void);

/* The sums over @dev and its queues. Any CPU. */
void netdev_get_stats(const struct netdev *dev, struct netdev_stats *sum);

#endif
