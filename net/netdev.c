/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NICs between interrupt and switch. An interrupt switches the NIC's interrupts off and
 * queues the poll; the poll queues itself while there is more than its budget, and switches
 * interrupts on again when there is not.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "net/netdev.h"
#include "net/switch.h"

#define NETDEV_BUDGET		64	/* frames a turn of the poll: Linux's NAPI weight */
#define NETDEV_POLL_NS		NSEC_PER_MSEC	/* between polls of a NIC without interrupt */
#define NETDEV_IRQ_LOST_MAX	3	/* then it is polled */
#define NETDEV_MAX_FRAME	1518	/* 1500 bytes, Ethernet header, one VLAN tag */

struct netdev *netdevs[NETDEVS_MAX];
unsigned int nr_netdevs;

static struct timer second_timer;

static void uplink_deliver(struct port *port, struct frame **frames, unsigned int nr)
{
	struct netdev *dev = port->owner;
	unsigned int sent = dev->ops->tx(dev, frames, nr);

	if (sent < nr) {
		port_drop(port, DROP_RING_FULL, nr - sent);
		__atomic_fetch_add(&dev->stats.tx_dropped, nr - sent, __ATOMIC_RELAXED);
	}
}

static void uplink_flush(struct port *port)
{
	struct netdev *dev = port->owner;

	dev->ops->tx_flush(dev);
}

static const struct port_ops uplink_ops = {
	.deliver = uplink_deliver,
	.flush = uplink_flush,
};

void netdev_interrupt(struct netdev *dev)
{
	dev->stats.interrupts++;
	dev->ops->irq_enable(dev, false);
	work_queue(&dev->poll_work);
}

static void netdev_poll_work(struct work *work)
{
	struct netdev *dev = container_of(work, struct netdev, poll_work);

	if (!dev->running)
		return;
	dev->stats.polls++;
	if (dev->ops->poll(dev, NETDEV_BUDGET)) {
		work_queue(work);
		return;
	}
	if (dev->polled || !dev->running)
		return;
	dev->ops->irq_enable(dev, true);
	/* What came in just now has raised an interrupt; taking it here costs less. */
	if (dev->ops->pending(dev)) {
		dev->ops->irq_enable(dev, false);
		work_queue(work);
	}
}

static void netdev_poll_timer(struct timer *timer)
{
	struct netdev *dev = container_of(timer, struct netdev, poll_timer);

	if (!dev->running)
		return;
	work_queue(&dev->poll_work);
	timer_start(timer, time_ns() + NETDEV_POLL_NS);
}

/* Interrupts do not arrive: something pending for a second and no poll in all that time. */
static void netdev_check_irq(struct netdev *dev)
{
	bool pending = dev->ops->pending(dev);
	bool lost = pending && dev->was_pending && dev->polls_seen == dev->stats.polls;

	dev->was_pending = pending;
	dev->polls_seen = dev->stats.polls;
	if (!lost || dev->polled)
		return;
	dev->stats.irq_lost++;
	pr_warn("net: %s: no interrupt for frames pending (lost %llu times)", dev->name,
		(unsigned long long)dev->stats.irq_lost);
	work_queue(&dev->poll_work);
	if (dev->stats.irq_lost < NETDEV_IRQ_LOST_MAX)
		return;
	pr_warn("net: %s: interrupts do not arrive, polling it instead", dev->name);
	dev->polled = true;
	dev->ops->irq_enable(dev, false);
	netdev_poll_timer(&dev->poll_timer);
}

static void netdev_second(struct timer *timer)
{
	for (unsigned int i = 0; i < nr_netdevs; i++) {
		struct netdev *dev = netdevs[i];

		if (dev->running)
			dev->ops->watchdog(dev);
		if (dev->running)
			netdev_check_irq(dev);
	}
	timer_start(timer, time_ns() + NSEC_PER_SEC);
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

static int netdev_start(struct netdev *dev)
{
	int err = dev->ops->start(dev);

	if (err)
		return err;
	dev->running = true;
	if (dev->polled)
		netdev_poll_timer(&dev->poll_timer);
	else
		dev->ops->irq_enable(dev, true);
	return 0;
}

static void netdev_stop(struct netdev *dev)
{
	if (!dev->running)
		return;
	dev->running = false;
	timer_stop(&dev->poll_timer);
	work_cancel(&dev->poll_work);
	dev->ops->irq_enable(dev, false);
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

int netdev_register(struct netdev *dev)
{
	int err;

	work_init(&dev->poll_work, this_cpu(), netdev_poll_work);
	timer_init(&dev->poll_timer, netdev_poll_timer);
	err = netdev_attach(dev);
	if (err)
		return err;
	pr_info("net: %s: %s on %s, MAC %02x:%02x:%02x:%02x:%02x:%02x%s", dev->name,
		dev->port.name, dev->port.sw->name, dev->mac[0], dev->mac[1], dev->mac[2],
		dev->mac[3], dev->mac[4], dev->mac[5], dev->polled ? ", polled" : "");
	err = netdev_start(dev);
	if (err) {
		switch_detach(&dev->port);
		return err;
	}
	if (nr_netdevs == 0) {
		timer_init(&second_timer, netdev_second);
		timer_start(&second_timer, time_ns() + NSEC_PER_SEC);
	}
	netdevs[nr_netdevs++] = dev;
	return 0;
}

void netdev_stop_all(void)
{
	if (nr_netdevs)
		timer_stop(&second_timer);
	for (unsigned int i = 0; i < nr_netdevs; i++) {
		netdev_stop(netdevs[i]);
		netdev_set_link(netdevs[i], false, 0);
	}
}
