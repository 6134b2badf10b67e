/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of a guest's NICs: properties of -netdev and virtio-net-pci, and how they agree. */
#include "kernel/nic_options.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/vpci.h"

#define FIRST_FREE_SLOT		2		/* 0 is the host bridge, 1 the chipset's */
#define MTU_MIN			68		/* virtio 1.2 §5.1.4.1 */
#define MTU_MAX			65535
#define BURST_DEFAULT		8000		/* kbit, Open vSwitch's */
#define KPKTS_BURST_DEFAULT	16
#define POLL_US_DEFAULT		50
#define VECTORS_DEFAULT		UINT_MAX	/* as many as there are queues, and one */

/* ---- -netdev ---- */

/* One VLAN or a range of them, "20-30". */
static bool vlan_range(char *text, u64 *first, u64 *last)
{
	char *dash = strchr(text, '-');

	if (dash)
		*dash++ = '\0';
	if (option_number(text, first) || option_number(dash ? dash : text, last))
		return false;
	return *first <= *last && *last <= VLAN_ID_MAX;
}

/* "10;20-30": into the bits of policy.vlan.trunks. */
static void set_trunks(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct port_vlan *vlan = &((struct netdev_config *)object)->policy.vlan;
	char *list = strdup(value), *rest = list, *text;
	u64 first, last;

	if (!list) {
		option_bad(o, opt, value, "out of memory");
		return;
	}
	while ((text = option_cut(&rest, ";")) != NULL) {
		if (!vlan_range(text, &first, &last)) {
			option_bad(o, opt, value, "not a list of VLANs");
			break;
		}
		for (; first <= last; first++)
			vlan->trunks[first / 64] |= BIT_ULL(first % 64);
	}
	vlan->trunk = true;
	free(list);
}

/* "2" or "2;3" (a comma is between properties). */
static void set_netdev_workers(struct options *o, const struct option *opt, const char *value,
			       void *object)
{
	struct netdev_config *nd = object;
	char *list = strdup(value);

	if (!list)
		option_bad(o, opt, value, "out of memory");
	else if (!option_cpu_list(list, ";", nd->workers.cpu, &nd->workers.nr, NETDEV_WORKERS_MAX,
				  CONFIG_MAX_CPUS - 1))
		option_bad(o, opt, value, "not a list of CPUs");
	free(list);
}

#define POLICY(field)	OPTION_FIELD(struct netdev_config, policy.field)

static const struct option netdev_rows[] = {
	{ "id", option_set_id, OPTION_FIELD(struct netdev_config, id),
	  .flags = OPTION_REQUIRED, .expected = "an identifier of up to 31 characters" },
	{ "br", option_set_id, OPTION_FIELD(struct netdev_config, br),
	  .expected = "the name of a switch, up to 15 characters" },
	{ "queues", option_set_uint, OPTION_FIELD(struct netdev_config, queues),
	  .min = 1, .max = NIC_PAIRS_MAX },
	{ "poll-us", option_set_uint, OPTION_FIELD(struct netdev_config, poll_us),
	  .min = 0, .max = 1000000 },
	{ "workers", set_netdev_workers, .expected = "up to 8 CPUs, as in 2, 2-3 or 1;3" },
	{ "vhost", option_set_fixed, .expected = "on" },
	/* What command lines for QEMU's tap have; there is no script to run. */
	{ "script", option_set_fixed, .flags = OPTION_HIDDEN, .expected = "no" },
	{ "downscript", option_set_fixed, .flags = OPTION_HIDDEN, .expected = "no" },
	{ "gro", option_set_bool, POLICY(gro), .expected = "on or off" },
	{ "tag", option_set_uint, POLICY(vlan.tag), .min = 1, .max = VLAN_ID_MAX },
	{ "trunks", set_trunks, .expected = "VLANs 0..4094, as in 10;20-30" },
	{ "spoofchk", option_set_bool, POLICY(spoofchk), .expected = "on or off" },
	{ "ingress_policing_rate", option_set_uint, POLICY(rate),
	  .min = 0, .max = POLICING_RATE_MAX / 1000, .expected = "kbit/s, 0..1000000000" },
	{ "ingress_policing_burst", option_set_uint, POLICY(burst),
	  .min = 1, .max = POLICING_BURST_MAX / 1000, .expected = "kbit, 1..1000000" },
	{ "ingress_policing_kpkts_rate", option_set_uint, POLICY(kpkts_rate),
	  .min = 0, .max = POLICING_BURST_MAX / 1000, .expected = "1000 frames/s, 0..1000000" },
	{ "ingress_policing_kpkts_burst", option_set_uint, POLICY(kpkts_burst),
	  .min = 1, .max = POLICING_BURST_MAX / 1000, .expected = "1000 frames, 1..1000000" },
};
static const struct option_table netdev_table = { netdev_rows, ARRAY_SIZE(netdev_rows) };

void nic_options_netdev(struct guest_options *g, char *list)
{
	struct netdev_config nd = {
		.br = "br0", .queues = 1, .poll_us = POLL_US_DEFAULT, .line = g->line,
		.policy = {
			.gro = true, .burst = BURST_DEFAULT, .kpkts_burst = KPKTS_BURST_DEFAULT,
		},
	};

	if (guest_options_parse(g, &netdev_table, "-netdev ", list, &nd))
		g->netdev[g->nr_netdevs++] = nd;
}

/* ---- -device virtio-net-pci ---- */

/* QEMU's qdev "pci-devfn": SLOT[.FUNCTION], hexadecimal with or without 0x. */
static void set_addr(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct nic_options *n = object;
	unsigned long slot;
	char *end;

	slot = strtoul(value, &end, 16);
	if (end == value || value[0] == '-' || value[0] == '+' || value[0] == ' ' ||
	    (strcmp(end, "") && strcmp(end, ".0")))
		option_bad(o, opt, value, "not a slot");
	else if (slot < FIRST_FREE_SLOT || slot >= VPCI_DEVS)
		option_bad(o, opt, value, "out of range");
	else
		n->nic.devfn = (unsigned int)slot << 3;
}

static void set_mtu(struct options *o, const struct option *opt, const char *value, void *object)
{
	if (strcmp(value, "0"))		/* not offered: the default */
		option_set_uint(o, opt, value, object);
}

/* VIRTIO_NET_F_GSO is the legacy interface's (virtio 1.2 §5.1.3.2): nothing to switch. */
static void set_gso(struct options *o, const struct option *opt, const char *value, void *object)
{
	if (strcmp(value, "on") && strcmp(value, "off"))
		option_bad(o, opt, value, "neither on nor off");
}

#define NIC(field)	OPTION_FIELD(struct nic_options, nic.field)
#define NIC_SWITCH(n)	{ #n, option_set_bool, NIC(n), .expected = "on or off" }
/* Properties of QEMU's that are not there yet: harmless as long as they are off. */
#define NIC_OFF(n)	{ n, option_set_fixed, .flags = OPTION_HIDDEN, .expected = "off" }

static const struct option nic_rows[] = {
	{ "netdev", option_set_id, OPTION_FIELD(struct nic_options, netdev),
	  .flags = OPTION_REQUIRED, .expected = "the id of a -netdev" },
	{ "id", option_set_id, NIC(id), .expected = "an identifier of up to 31 characters" },
	{ "mac", option_set_mac, NIC(mac), .expected = "a unicast address, 52:54:00:12:34:56" },
	NIC_SWITCH(event_idx),
	NIC_SWITCH(indirect_desc),
	NIC_SWITCH(mrg_rxbuf),
	NIC_SWITCH(status),
	NIC_SWITCH(csum),
	NIC_SWITCH(host_tso4),
	NIC_SWITCH(host_tso6),
	NIC_SWITCH(host_ecn),
	NIC_SWITCH(guest_csum),
	NIC_SWITCH(guest_tso4),
	NIC_SWITCH(guest_tso6),
	NIC_SWITCH(guest_ecn),
	{ "gso", set_gso, .flags = OPTION_HIDDEN, .expected = "on or off" },
	NIC_SWITCH(ctrl_vq),
	NIC_SWITCH(ctrl_mac_addr),
	NIC_SWITCH(mq),
	NIC_SWITCH(packed),
	NIC_SWITCH(in_order),
	{ "host_mtu", set_mtu, NIC(host_mtu), .min = MTU_MIN, .max = MTU_MAX,
	  .expected = "0 or 68..65535" },
	{ "vectors", option_set_uint, NIC(vectors), .min = 0, .max = VPCI_MSIX_MAX },
	{ "rx_queue_size", option_set_uint, NIC(rx_queue_size), .min = 64, .max = 1024,
	  .flags = OPTION_POWER_OF_2 },
	{ "tx_queue_size", option_set_uint, NIC(tx_queue_size), .min = 64, .max = 1024,
	  .flags = OPTION_POWER_OF_2 },
	{ "modern-pio-notify", option_set_bool, NIC(modern_pio_notify), .expected = "on or off" },
	{ "bus", option_set_fixed, .expected = "pci.0" },
	{ "addr", set_addr, .expected = "a slot, 0x2..0x1f" },
	NIC_OFF("ctrl_rx"), NIC_OFF("ctrl_vlan"), NIC_OFF("ctrl_guest_offloads"),
	NIC_OFF("host_ufo"), NIC_OFF("guest_ufo"), NIC_OFF("guest_announce"), NIC_OFF("rss"),
	NIC_OFF("hash"), NIC_OFF("guest_rsc_ext"), NIC_OFF("iommu_platform"), NIC_OFF("ats"),
	NIC_OFF("failover"), NIC_OFF("disable-modern"),
	{ "disable-legacy", option_set_fixed, .flags = OPTION_HIDDEN, .expected = "on" },
};
static const struct option_table nic_table = { nic_rows, ARRAY_SIZE(nic_rows) };

_Static_assert(ARRAY_SIZE(nic_rows) <= OPTIONS_MAX, "nic_rows");

void nic_options_device(struct guest_options *g, char *list)
{
	struct nic_options n = { .nic = {
		.event_idx = true, .indirect_desc = true, .mrg_rxbuf = true, .status = true,
		.csum = true, .host_tso4 = true, .host_tso6 = true, .host_ecn = true,
		.guest_csum = true, .guest_tso4 = true, .guest_tso6 = true, .guest_ecn = true,
		.ctrl_vq = true, .ctrl_mac_addr = true,
		.vectors = VECTORS_DEFAULT, .rx_queue_size = 256, .tx_queue_size = 256,
		.modern_pio_notify = true,
		.line = g->line,
	} };

	if (g->config.nr_nics == GUEST_NICS_MAX)
		guest_option_bad(g, g->line, "-device virtio-net-pci: too many, "
				 "expected up to %d", GUEST_NICS_MAX);
	else if (guest_options_parse(g, &nic_table, "-device virtio-net-pci,", list, &n))
		g->nic[g->config.nr_nics++] = n;
}

/* ---- What needs all of them ---- */

static void name_nics(struct guest_options *g)
{
	for (unsigned int i = 0; i < g->config.nr_nics; i++) {
		struct nic_config *nic = &g->nic[i].nic;

		if (!nic->id[0])
			snprintf(nic->id, sizeof(nic->id), "net%u", i);
		for (unsigned int j = 0; j < i; j++)
			if (!strcmp(g->nic[j].nic.id, nic->id))
				guest_option_bad(g, nic->line, "-device virtio-net-pci,id=%s: "
						 "given twice, expected another id", nic->id);
	}
}

static void check_netdev_ids(struct guest_options *g)
{
	for (unsigned int i = 0; i < g->nr_netdevs; i++)
		for (unsigned int j = 0; j < i; j++)
			if (!strcmp(g->netdev[i].id, g->netdev[j].id))
				guest_option_bad(g, g->netdev[i].line, "-netdev id=%s: given "
						 "twice, expected another id", g->netdev[i].id);
}

/* Each -device has its -netdev, and each -netdev one -device. */
static void connect_nics(struct guest_options *g)
{
	bool used[GUEST_NICS_MAX] = { false };

	for (unsigned int i = 0; i < g->config.nr_nics; i++) {
		struct nic_options *n = &g->nic[i];
		unsigned int j = 0;

		while (j < g->nr_netdevs && strcmp(g->netdev[j].id, n->netdev))
			j++;
		if (j == g->nr_netdevs) {
			guest_option_bad(g, n->nic.line, "-device virtio-net-pci,netdev=%s: "
					 "no such -netdev", n->netdev);
			continue;
		}
		if (used[j])
			guest_option_bad(g, n->nic.line, "-device virtio-net-pci,netdev=%s: "
					 "in use by another -device", n->netdev);
		used[j] = true;
		n->nic.netdev = g->netdev[j];
	}
	for (unsigned int j = 0; j < g->nr_netdevs; j++)
		if (!used[j])
			guest_option_bad(g, g->netdev[j].line, "-netdev id=%s: not used, expected "
					 "a -device virtio-net-pci,netdev=%s", g->netdev[j].id,
					 g->netdev[j].id);
}

/* Queue pairs are the -netdev's, and whether the guest is told of them the -device's. */
static void check_queues(struct guest_options *g)
{
	for (unsigned int i = 0; i < g->config.nr_nics; i++) {
		struct nic_config *nic = &g->nic[i].nic;

		if (nic->mq && !nic->ctrl_vq)
			guest_option_bad(g, nic->line, "-device virtio-net-pci,mq=on: without a "
					 "control queue, expected ctrl_vq=on");
		if (!nic->mq && nic->netdev.queues > 1)
			guest_option_bad(g, nic->line, "-device virtio-net-pci,mq=off: queues=%u "
					 "of -netdev id=%s, expected mq=on", nic->netdev.queues,
					 nic->netdev.id);
		if (nic->vectors == VECTORS_DEFAULT)	/* QEMU's: 2 * pairs + 2 */
			nic->vectors = 2 * nic->netdev.queues + 2;
	}
}

static void place_nics(struct guest_options *g)
{
	u32 taken = 0;		/* by slot */

	for (unsigned int i = 0; i < g->config.nr_nics; i++) {
		struct nic_config *nic = &g->nic[i].nic;

		if (nic->devfn && taken & BIT(nic->devfn >> 3))
			guest_option_bad(g, nic->line, "-device virtio-net-pci,addr=0x%x: in use "
					 "by another -device, expected a free slot",
					 nic->devfn >> 3);
		if (nic->devfn)
			taken |= BIT(nic->devfn >> 3);
	}
	for (unsigned int i = 0, slot = FIRST_FREE_SLOT; i < g->config.nr_nics; i++) {
		if (g->nic[i].nic.devfn)
			continue;
		while (taken & BIT(slot))
			slot++;
		g->nic[i].nic.devfn = slot++ << 3;
	}
}

static const struct guest_config *mac_owner(const struct guest_options *g, const u8 mac[6],
					    unsigned int before, const struct guest_config *others,
					    unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		for (unsigned int j = 0; j < others[i].nr_nics; j++)
			if (!memcmp(others[i].nic[j].mac, mac, 6))
				return &others[i];
	for (unsigned int j = 0; j < before; j++)
		if (!memcmp(g->nic[j].nic.mac, mac, 6))
			return &g->config;
	return NULL;
}

static void address_nics(struct guest_options *g, unsigned int number,
			 const struct guest_config *others, unsigned int nr)
{
	static const u8 none[6];

	for (unsigned int i = 0; i < g->config.nr_nics; i++) {
		u8 *mac = g->nic[i].nic.mac;
		const struct guest_config *owner;

		if (!memcmp(mac, none, 6)) {
			/* QEMU's prefix, then guest and NIC */
			const u8 own[6] = { 0x52, 0x54, 0, (u8)((number + 1) >> 8),
					    (u8)(number + 1), (u8)i };

			memcpy(mac, own, 6);
		}
		owner = mac_owner(g, mac, i, others, nr);
		if (owner)
			guest_option_bad(g, g->nic[i].nic.line, "-device virtio-net-pci,"
					 "mac=%02x:%02x:%02x:%02x:%02x:%02x: in use by guest %s, "
					 "expected another address", mac[0], mac[1], mac[2], mac[3],
					 mac[4], mac[5], owner->name);
	}
}

void nic_options_finish(struct guest_options *g, unsigned int number,
			const struct guest_config *others, unsigned int nr)
{
	check_netdev_ids(g);
	name_nics(g);
	connect_nics(g);
	check_queues(g);
	place_nics(g);
	address_nics(g, number, others, nr);
	for (unsigned int i = 0; i < g->config.nr_nics; i++)
		g->config.nic[i] = g->nic[i].nic;
}
