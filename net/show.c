/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `info net` and `info switch`. Each line: what and its name, a colon, then key=value words;
 * further lines of the same name add keys.
 */
#include <string.h>

#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/monitor.h"
#include "net/capture_monitor.h"
#include "net/netdev.h"
#include "net/switch.h"

#define U(x) ((unsigned long long)(x))
#define MAC_FMT "%02x:%02x:%02x:%02x:%02x:%02x"
#define MAC_ARGS(m) (m)[0], (m)[1], (m)[2], (m)[3], (m)[4], (m)[5]

static void show_queue(const struct netdev_queue *q)
{
	const struct netdev_stats *s = &q->stats;

	console_printf("nic %s queue %u: cpu=%u rx_packets=%llu tx_packets=%llu interrupts=%llu "
		       "irq_lost=%llu polls=%llu looks=%llu found=%llu rests=%llu\n",
		       q->dev->name, q->index, q->poll_work.cpu->id, U(s->rx_packets),
		       U(s->tx_packets), U(s->interrupts), U(s->irq_lost), U(s->polls),
		       U(q->poller.looks), U(q->poller.found), U(q->poller.rests));
}

static void show_netdev(const struct netdev *dev)
{
	struct netdev_stats sum;
	const struct netdev_stats *s = &sum;

	netdev_get_stats(dev, &sum);
	console_printf("nic %s: port=%s mac=" MAC_FMT " link=%s speed=%u mode=%s irq=%s "
		       "queues=%u\n", dev->name, dev->port.name, MAC_ARGS(dev->mac),
		       dev->link_up ? "up" : "down", dev->speed,
		       dev->polled ? "polled" : "interrupt", dev->irq, dev->nr_queues);
	console_printf("nic %s: rx_packets=%llu rx_bytes=%llu rx_errors=%llu rx_dropped=%llu "
		       "rx_missed=%llu\n", dev->name, U(s->rx_packets), U(s->rx_bytes),
		       U(s->rx_errors), U(s->rx_dropped), U(s->rx_missed));
	console_printf("nic %s: tx_packets=%llu tx_bytes=%llu tx_errors=%llu tx_dropped=%llu "
		       "tx_hangs=%llu\n", dev->name, U(s->tx_packets), U(s->tx_bytes),
		       U(s->tx_errors), U(s->tx_dropped), U(s->tx_hangs));
	console_printf("nic %s: interrupts=%llu irq_lost=%llu polls=%llu resets=%llu "
		       "link_changes=%llu\n", dev->name, U(s->interrupts), U(s->irq_lost),
		       U(s->polls), U(s->resets), U(s->link_changes));
	for (unsigned int i = 0; i < dev->nr_queues; i++)
		show_queue(dev->queue[i]);
}

static void show_drops(const struct port *port)
{
	console_printf("port %s:", port->name);
	for (unsigned int i = 0; i < DROP_REASONS; i++)
		console_printf(" drop_%s=%llu", port_drop_name(i), U(port->stats.drops[i]));
	console_printf("\n");
}

/* The VLANs of @list as "10;20-30", as in the option. */
static void show_trunks(const u64 *list)
{
	const char *between = " trunks=";

	for (unsigned int first = 0, last; first < VLAN_IDS; first = last + 1) {
		last = first;
		if (!(list[first / 64] >> first % 64 & 1))
			continue;
		while (last + 1 < VLAN_IDS && list[(last + 1) / 64] >> (last + 1) % 64 & 1)
			last++;
		console_printf("%s%u", between, first);
		if (last > first)
			console_printf("-%u", last);
		between = ";";
	}
}

static void show_policy(const struct port *port)
{
	const struct port_policy *p = &port->policy;

	console_printf("port %s: switch=%s link=%s vlan_mode=%s tag=%u", port->name,
		       port->sw->name, port->link_up ? "up" : "down",
		       port_vlan_access(&p->vlan) ? "access" : "trunk", p->vlan.tag);
	if (p->vlan.trunk)
		show_trunks(p->vlan.trunks);
	console_printf(" spoofchk=%s ingress_policing_rate=%u ingress_policing_burst=%u "
		       "ingress_policing_kpkts_rate=%u ingress_policing_kpkts_burst=%u\n",
		       p->spoofchk ? "on" : "off", p->rate, p->burst, p->kpkts_rate,
		       p->kpkts_burst);
}

static void show_port(const struct port *port)
{
	const struct port_stats *s = &port->stats;

	console_printf("port %s: switch=%s link=%s max_frame=%u rx_frames=%llu rx_bytes=%llu "
		       "tx_frames=%llu tx_bytes=%llu\n", port->name,
		       port->sw ? port->sw->name : "-", port->link_up ? "up" : "down",
		       port->max_frame, U(s->rx_frames), U(s->rx_bytes), U(s->tx_frames),
		       U(s->tx_bytes));
	console_printf("port %s: rx_dropped=%llu rx_broadcast=%llu tx_flooded=%llu copies=%llu "
		       "copied_bytes=%llu sw_csums=%llu sw_gso_frames=%llu sw_gso_parts=%llu "
		       "gro_frames=%llu gro_segs=%llu\n",
		       port->name, U(s->rx_dropped), U(s->rx_broadcast), U(s->tx_flooded),
		       U(s->copies), U(s->copied_bytes), U(s->sw_csums), U(s->sw_gso_frames),
		       U(s->sw_gso_parts), U(s->gro_frames), U(s->gro_segs));
	show_drops(port);
}

/*
 * Port @i as it is now; false: there is none. It goes when its guest ends, on that guest's CPU, and
 * no traffic waits until lines are out.
 */
static bool port_now(struct net_switch *sw, unsigned int i, struct port *now)
{
	const struct port *port;

	spin_lock(&sw->lock);
	port = sw->ports[i];
	if (port)
		*now = *port;
	spin_unlock(&sw->lock);
	return port;
}

static void show_ports(void *arg, struct net_switch *sw)
{
	struct port port;

	for (unsigned int i = 0; i < SWITCH_PORTS_MAX; i++)
		if (port_now(sw, i, &port))
			show_port(&port);
}

static void show_net(void)
{
	for (unsigned int i = 0; i < nr_netdevs; i++)
		show_netdev(netdevs[i]);
	switch_for_each(show_ports, NULL);
}

static void show_entry(struct net_switch *sw, u32 n, u64 now_ns)
{
	char name[sizeof(sw->ports[0]->name)] = "";
	struct fdb_entry entry;

	spin_lock(&sw->lock);
	entry = sw->fdb.entry[n];
	if (entry.used && sw->ports[entry.port])
		strcpy(name, sw->ports[entry.port]->name);
	spin_unlock(&sw->lock);
	if (!name[0] || fdb_expired(&sw->fdb, &entry, now_ns))
		return;
	console_printf("mac " MAC_FMT ": switch=%s vlan=%u port=%s age_s=%llu\n",
		       MAC_ARGS((const u8 *)&entry.mac), sw->name, fdb_vlan_of(entry.mac), name,
		       U(now_ns > entry.seen_ns ? (now_ns - entry.seen_ns) / NSEC_PER_SEC : 0));
}

static void show_one_switch(void *arg, struct net_switch *sw)
{
	u64 now_ns = time_ns();
	struct port port;

	console_printf("switch %s: table_size=%u addresses=%u learnt=%llu moved=%llu aged=%llu "
		       "table_full=%llu flooded=%llu refused=%llu\n", sw->name, sw->fdb.size,
		       sw->fdb.used, U(sw->fdb.learnt), U(sw->fdb.moved), U(sw->fdb.aged),
		       U(sw->fdb.full), U(sw->flooded), U(sw->refused));
	for (unsigned int i = 0; i < SWITCH_PORTS_MAX; i++) {
		if (!port_now(sw, i, &port))
			continue;
		show_policy(&port);
		show_drops(&port);
	}
	for (u32 i = 0; i < sw->fdb.size; i++)
		show_entry(sw, i, now_ns);
}

static void show_switch(void)
{
	switch_for_each(show_one_switch, NULL);
}

void net_init(void)
{
	static const struct monitor_info net = {
		.name = "net", .help = "NICs and switch ports", .show = show_net,
	};
	static const struct monitor_info sw = {
		.name = "switch", .help = "switches and the addresses learnt", .show = show_switch,
	};

	monitor_add_info(&net);
	monitor_add_info(&sw);
	capture_monitor_init();
}
