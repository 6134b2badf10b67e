/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NICs between interrupt and switch. An interrupt switches its queue's interrupts off and
 * queues the poll; the poll queues itself while there is more than its budget. When there is not,
 * it switches interrupts on again, unless a poller looks after the queue for a while.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "asm/barrier.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/place.h"
#include "kernel/time.h"
#include "net/gro.h"
#include "net/netdev.h"
#include "net/switch.h"

#define NETDEV_BUDGET		64	/* frames a turn of the poll: Linux's NAPI weight */
#define NETDEV_POLL_NS		NSEC_PER_MSEC	/* between polls of a NIC without interrupt */
#define NETDEV_IRQ_LOST_MAX	3	/* then it is polled */
#define NETDEV_MAX_FRAME	1518	/* 1500 bytes, Ethernet header, one VLAN tag */

struct netdev *netdevs[NETDEVS_MAX];
unsigned int nr_netdevs;

/* The one that this CPU sends by. */
static struct netdev_queue *tx_queue(const struct netdev *dev)
{
	return dev->queue[dev->tx_queue[this_cpu()->id]];
}

static void uplink_deliver(struct port *port, struct frame **frames, unsigned int nr)
{
	struct netdev *dev = port->owner;
	struct netdev_queue *q = tx_queue(dev);
	unsigned int sent = dev->ops->tx(q, frames, nr);

	if (sent < nr) {
		port_drop(port, DROP_RING_FULL, nr - sent);
		__atomic_fetch_add(&q->stats.tx_dropped, nr - sent, __ATOMIC_RELAXED);
	}
}

static void uplink_flush(struct port *port)
{
	struct netdev *dev = port->owner;

	dev->ops->tx_flush(tx_queue(dev));
}

static const struct port_ops uplink_ops = {
	.deliver = uplink_deliver,
	.flush = uplink_flush,
};

unsigned int netdev_receive(struct netdev_queue *q, struct frame **frames, unsigned int nr)
{
	if (nr > 1)
		nr = gro_merge(&q->dev->port, frames, nr);
	switch_input(&q->dev->port, frames, nr);
	return nr;
}

void netdev_interrupt(struct netdev_queue *q)
{
	q->stats.interrupts++;
	q->dev->ops->irq_enable(q, false);
	work_queue(&q->poll_work);
}

/*
 * From here to queue_leave() netdev_stop() waits, unless it is called on the queue's CPU. False:
 * it has begun already.
 */
static bool queue_enter(struct netdev_queue *q)
{
	WRITE_ONCE(q->busy, true);
	mb();	/* busy before the look; pairs with the one in netdev_stop() */
	return READ_ONCE(q->dev->running);
}

static void queue_leave(struct netdev_queue *q)
{
	__atomic_store_n(&q->busy, false, __ATOMIC_RELEASE);
}

/* Interrupts on. True: what came in just now has raised one; taking it here costs less. */
static bool queue_irq_on(struct netdev_queue *q)
{
	struct netdev *dev = q->dev;

	if (dev->polled)
		return false;
	dev->ops->irq_enable(q, true);
	if (!dev->ops->pending(q))
		return false;
	dev->ops->irq_enable(q, false);
	return true;
}

static void queue_poll(struct netdev_queue *q)
{
	struct netdev *dev = q->dev;

	q->stats.polls++;
	if (dev->ops->poll(q, NETDEV_BUDGET)) {
		work_requeue(&q->poll_work);
		return;
	}
	if (!poller_keep(&q->poller, pollers_linger()) && queue_irq_on(q))
		work_queue(&q->poll_work);
}

static void netdev_poll_work(struct work *work)
{
	struct netdev_queue *q = container_of(work, struct netdev_queue, poll_work);

	if (queue_enter(q))
		queue_poll(q);
	queue_leave(q);
}

/* struct poller */
static bool queue_look(struct poller *poller)
{
	struct netdev_queue *q = container_of(poller, struct netdev_queue, poller);
	bool found = queue_enter(q) && q->dev->ops->pending(q);

	if (found)
		queue_poll(q);
	queue_leave(q);
	return found;
}

static bool queue_rest(struct poller *poller)
{
	struct netdev_queue *q = container_of(poller, struct netdev_queue, poller);
	bool more = queue_enter(q) && queue_irq_on(q);

	queue_leave(q);
	return more;
}

static void netdev_poll_timer(struct timer *timer)
{
	struct netdev *dev = container_of(timer, struct netdev, poll_timer);

	if (!READ_ONCE(dev->running))
		return;
	for (unsigned int i = 0; i < dev->nr_queues; i++)
		work_queue(&dev->queue[i]->poll_work);
	timer_start(timer, time_ns() + NETDEV_POLL_NS);
}

static void netdev_poll_instead(struct netdev *dev)
{
	pr_warn("net: %s: interrupts do not arrive, polling it instead", dev->name);
	dev->polled = true;
	for (unsigned int i = 0; i < dev->nr_queues; i++)
		dev->ops->irq_enable(dev->queue[i], false);
	netdev_poll_timer(&dev->poll_timer);
}

/* Interrupts do not arrive: something pending for a second and no poll in all that time. */
static void netdev_check_irq(struct netdev_queue *q)
{
	struct netdev *dev = q->dev;
	bool pending = dev->ops->pending(q);
	bool lost = pending && q->was_pending && q->polls_seen == q->stats.polls;

	q->was_pending = pending;
	q->polls_seen = q->stats.polls;
	if (!lost || dev->polled)
		return;
	q->stats.irq_lost++;
	pr_warn("net: %s: no interrupt for frames pending (queue %u, lost %llu times)", dev->name,
		q->index, (unsigned long long)q->stats.irq_lost);
	work_queue(&q->poll_work);
	if (q->stats.irq_lost >= NETDEV_IRQ_LOST_MAX)
		netdev_poll_instead(dev);
}

static void netdev_second(struct timer *timer)
{
	struct netdev *dev = container_of(timer, struct netdev, second_timer);

	if (queue_enter(dev->queue[0])) {
		dev->ops->watchdog(dev);
		for (unsigned int i = 0; i < dev->nr_queues && dev->running; i++)
			netdev_check_irq(dev->queue[i]);
	}
	queue_leave(dev->queue[0]);
	if (READ_ONCE(dev->running))
		timer_start(timer, time_ns() + NSEC_PER_SEC);
}

/* A timer runs on the CPU that armed it. */
static void netdev_timers_work(struct work *work)
{
	struct netdev *dev = container_of(work, struct netdev, timers_work);

	if (!READ_ONCE(dev->running))
		return;
	if (!timer_armed(&dev->second_timer))
		timer_start(&dev->second_timer, time_ns() + NSEC_PER_SEC);
	if (dev->polled && !timer_armed(&dev->poll_timer))
		netdev_poll_timer(&dev->poll_timer);
}

void netdev_set_link(struct netdev *dev, bool up, unsigned int speed)
{
	if (up == dev->link_up && (!up || speed == dev->speed))
		return;
	dev->link_up = up;
	dev->speed = speed;
	dev->stats.link_changes++;
	port_set_link(&dev->port, up);
	if (up && !speed)
		log_ratelimited(&dev->link_rl, LOG_INFO, "net: %s: link up", dev->name);
	else if (up)
		log_ratelimited(&dev->link_rl, LOG_INFO, "net: %s: link up (%u Mb/s)", dev->name,
				speed);
	else
		log_ratelimited(&dev->link_rl, LOG_INFO, "net: %s: link down", dev->name);
}

/* Each CPU sends by the queue that it polls, those without one share them. */
static void netdev_share_queues(struct netdev *dev)
{
	for (unsigned int i = 0; i < nr_cpus; i++)
		dev->tx_queue[i] = (u8)(i % dev->nr_queues);
	for (unsigned int i = 0; i < dev->nr_queues; i++)
		dev->tx_queue[dev->queue[i]->poll_work.cpu->id] = (u8)i;
}

static int netdev_start(struct netdev *dev)
{
	int err = dev->ops->start(dev);

	if (err)
		return err;
	netdev_share_queues(dev);	/* start() may have found that there are fewer */
	WRITE_ONCE(dev->running, true);
	for (unsigned int i = 0; i < dev->nr_queues && !dev->polled; i++)
		dev->ops->irq_enable(dev->queue[i], true);
	work_queue(&dev->timers_work);
	return 0;
}

/* Nobody is in poll() or watchdog() when this returns, but for the caller. */
static void netdev_wait(struct netdev *dev)
{
	if (dev->timers_work.cpu == this_cpu()) {
		timer_stop(&dev->second_timer);
		timer_stop(&dev->poll_timer);
		work_cancel(&dev->timers_work);
	}
	for (unsigned int i = 0; i < dev->nr_queues; i++) {
		struct netdev_queue *q = dev->queue[i];

		if (q->poll_work.cpu == this_cpu()) {
			work_cancel(&q->poll_work);
			poller_stop(&q->poller);
			continue;
		}
		while (__atomic_load_n(&q->busy, __ATOMIC_ACQUIRE))
			cpu_relax();
	}
}

static void netdev_stop(struct netdev *dev)
{
	if (!dev->running)
		return;
	WRITE_ONCE(dev->running, false);
	mb();	/* before the looks; pairs with the one in queue_enter() */
	netdev_wait(dev);
	for (unsigned int i = 0; i < dev->nr_queues; i++)
		dev->ops->irq_enable(dev->queue[i], false);
	dev->ops->stop(dev);
}

void netdev_restart(struct netdev *dev, const char *why)
{
	int err;

	pr_warn("net: %s: %s: reset", dev->name, why);
	dev->stats.resets++;
	netdev_stop(dev);
	err = netdev_start(dev);
	if (err) {
		netdev_set_link(dev, false, 0);
		pr_err("net: %s: not started again (error %d)", dev->name, err);
	}
}

static int netdev_attach(struct netdev *dev)
{
	struct net_switch *sw;
	char br[16];

	if (nr_netdevs == NETDEVS_MAX) {
		pr_err("net: %s: more than %u NICs", dev->name, NETDEVS_MAX);
		return -ENOSPC;
	}
	snprintf(br, sizeof(br), "br%u", nr_netdevs);
	snprintf(dev->port.name, sizeof(dev->port.name), "uplink%u", nr_netdevs);
	dev->port.ops = &uplink_ops;
	dev->port.owner = dev;
	dev->port.uplink = true;
	dev->port.policy.vlan.all = true;
	dev->port.max_frame = NETDEV_MAX_FRAME;
	dev->port.offloads = dev->offloads;
	sw = switch_get(br);
	return sw ? switch_attach(sw, &dev->port) : -ENOMEM;
}

/* Of the workers' if they have CPUs of their own. NICs begin with different ones of those. */
static struct cpu *queue_cpu(unsigned int n)
{
	return place_queue(cpus, nr_cpus, nr_netdevs, n);
}

unsigned int netdev_queues(unsigned int max)
{
	unsigned int nr = 1;

	max = MIN(max, (unsigned int)NETDEV_QUEUES_MAX);
	while (nr < max && queue_cpu(nr) != queue_cpu(0))
		nr++;
	return nr;
}

void netdev_add_queue(struct netdev *dev, struct netdev_queue *q)
{
	struct cpu *cpu = queue_cpu(dev->nr_queues);

	if (!dev->nr_queues)
		work_init(&dev->timers_work, cpu, netdev_timers_work);
	work_init(&q->poll_work, cpu, netdev_poll_work);
	poller_init(&q->poller, queue_look, queue_rest);
	q->dev = dev;
	q->index = dev->nr_queues;
	dev->queue[dev->nr_queues++] = q;
}

int netdev_register(struct netdev *dev)
{
	int err;

	timer_init(&dev->poll_timer, netdev_poll_timer);
	timer_init(&dev->second_timer, netdev_second);
	err = netdev_attach(dev);
	if (err)
		return err;
	pr_info("net: %s: %s on %s, MAC %02x:%02x:%02x:%02x:%02x:%02x%s", dev->name,
		dev->port.name, dev->port.sw->name, dev->mac[0], dev->mac[1], dev->mac[2],
		dev->mac[3], dev->mac[4], dev->mac[5], dev->polled ? ", polled" : "");
	if (dev->nr_queues > 1)
		pr_info("net: %s: %u queues", dev->name, dev->nr_queues);
	err = netdev_start(dev);
	if (err) {
		switch_detach(&dev->port);
		return err;
	}
	netdevs[nr_netdevs++] = dev;
	return 0;
}

void netdev_stop_all(void)
{
	for (unsigned int i = 0; i < nr_netdevs; i++) {
		netdev_stop(netdevs[i]);
		netdev_set_link(netdevs[i], false, 0);
	}
}

static void stats_add(struct netdev_stats *sum, const struct netdev_stats *stats)
{
	const u64 *from = (const u64 *)stats;
	u64 *to = (u64 *)sum;

	for (unsigned int i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += READ_ONCE(from[i]);
}

void netdev_get_stats(const struct netdev *dev, struct netdev_stats *sum)
{
	*sum = (struct netdev_stats){ 0 };
	stats_add(sum, &dev->stats);
	for (unsigned int i = 0; i < dev->nr_queues; i++)
		stats_add(sum, &dev->queue[i]->stats);
}
