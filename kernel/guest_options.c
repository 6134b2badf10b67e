/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's options: what QEMU's words mean here, and which values they take. */
#include "kernel/guest_options.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/vpci.h"

#define GUEST_MEMORY_STEP	(2 * MIB)	/* the page that maps it */
#define GUEST_MEMORY_DEFAULT	(128 * MIB)	/* QEMU's */
#define APPEND_MAX		2048		/* Linux's COMMAND_LINE_SIZE on x86 */
#define FIRST_FREE_SLOT		2		/* 0 is the host bridge, 1 the chipset's */
#define MTU_MIN			68		/* virtio 1.2 §5.1.4.1 */
#define MTU_MAX			65535
#define BURST_DEFAULT		8000		/* kbit, Open vSwitch's */
#define KPKTS_BURST_DEFAULT	16
#define POLL_US_DEFAULT		50
#define VECTORS_DEFAULT		UINT_MAX	/* as many as there are queues, and one */

static void bad(struct guest_options *g, unsigned int line, const char *fmt, ...) __printf(3, 4);
static void bad(struct guest_options *g, unsigned int line, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	g->line = line;
	g->options.errors++;
	g->options.error(g->options.arg, text);
}

/* Parse @list by @table as part of option @where; its errors count as the guest's. */
static bool parse_list(struct guest_options *g, const struct option_table *table, const char *where,
		       char *list, void *object)
{
	struct options o = {
		.table = table, .where = where, .joint = '=',
		.error = g->options.error, .arg = g->options.arg,
	};

	g->options.errors += options_parse(&o, list, object);
	return !o.errors;
}

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
	while ((text = strsep(&rest, ";")) != NULL) {
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

/* Cut the first element of @list off: the type or driver. */
static char *cut_first(char *list)
{
	char *comma = strchr(list, ',');

	if (comma)
		*comma++ = '\0';
	return comma;
}

/* A copy of @value to be cut into pieces, or NULL. */
static char *copy_list(struct guest_options *g, const char *value)
{
	char *list = strdup(value);

	g->no_memory |= !list;
	return list;
}

static void set_netdev(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct guest_options *g = object;
	struct netdev_config nd = {
		.br = "br0", .queues = 1, .poll_us = POLL_US_DEFAULT, .line = g->line,
		.policy = {
			.gro = true, .burst = BURST_DEFAULT, .kpkts_burst = KPKTS_BURST_DEFAULT,
		},
	};
	char *type = copy_list(g, value), *list;

	if (!type)
		return;
	list = cut_first(type);
	if (strcmp(type, "tap") && strcmp(type, "switch"))
		option_bad(o, opt, type, "unknown type");
	else if (g->nr_netdevs == GUEST_NICS_MAX)
		option_bad(o, opt, value, "too many");
	else if (parse_list(g, &netdev_table, "-netdev ", list, &nd))
		g->netdev[g->nr_netdevs++] = nd;
	free(type);
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

static void set_nic(struct guest_options *g, char *list)
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
		bad(g, g->line, "-device virtio-net-pci: too many, expected up to %d",
		    GUEST_NICS_MAX);
	else if (parse_list(g, &nic_table, "-device virtio-net-pci,", list, &n))
		g->nic[g->config.nr_nics++] = n;
}

/* ---- -device isa-debug-exit ---- */

static const struct option debug_exit_rows[] = {
	{ "iobase", option_set_uint, OPTION_FIELD(struct guest_config, debug_exit.iobase),
	  .min = 1, .max = 0xfff8, .expected = "a port, 0x1..0xfff8" },
	{ "iosize", option_set_uint, OPTION_FIELD(struct guest_config, debug_exit.iosize),
	  .min = 1, .max = 8 },
};
static const struct option_table debug_exit_table = {
	debug_exit_rows, ARRAY_SIZE(debug_exit_rows)
};

static void set_debug_exit(struct guest_options *g, char *list)
{
	struct guest_config *c = &g->config;

	if (c->debug_exit.on)
		bad(g, g->line, "-device isa-debug-exit: given twice");
	c->debug_exit.on = true;
	c->debug_exit.iobase = 0x501;	/* QEMU's defaults */
	c->debug_exit.iosize = 2;
	parse_list(g, &debug_exit_table, "-device isa-debug-exit,", list, c);
}

static const struct {
	const char *driver;
	void (*set)(struct guest_options *g, char *list);
} devices[] = {
	{ "virtio-net-pci", set_nic },
	{ "isa-debug-exit", set_debug_exit },
};

static void set_device(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct guest_options *g = object;
	char *driver = copy_list(g, value), *list;
	bool known = false;

	if (!driver)
		return;
	list = cut_first(driver);
	for (unsigned int i = 0; i < ARRAY_SIZE(devices); i++) {
		if (strcmp(devices[i].driver, driver))
			continue;
		devices[i].set(g, list);
		known = true;
	}
	if (!known)
		option_bad(o, opt, driver, "unknown device");
	free(driver);
}

/* ---- The words ---- */

static void set_memory(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct guest_options *g = object;

	option_set_size(o, opt, value, object);
	if (!IS_ALIGNED(g->config.memory, GUEST_MEMORY_STEP))
		option_bad(o, opt, value, "not a multiple of 2M");
}

/* "1", "0-3" or "2,0,4-7": the vCPUs' CPUs in order. */
static void set_affinity(struct options *o, const struct option *opt, const char *value,
			 void *object)
{
	struct guest_options *g = object;
	struct guest_config *c = &g->config;
	char *list = copy_list(g, value);

	if (list && !option_cpu_list(list, ",", c->affinity.cpu, &c->affinity.nr, GUEST_VCPUS_MAX,
				     CONFIG_MAX_CPUS - 1))
		option_bad(o, opt, value, "not a list of CPUs");
	free(list);
}

static void set_append(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct guest_options *g = object;

	if (strlen(value) >= APPEND_MAX) {
		option_bad(o, opt, value, "too long");
		return;
	}
	g->config.append = copy_list(g, value);
}

/* What a triple fault does; QEMU's word for it is panic. */
static void set_panic(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct guest_config *c = object;

	if (!strcmp(value, "reset"))
		c->on_crash = ON_CRASH_RESET;
	else if (!strcmp(value, "shutdown"))
		c->on_crash = ON_CRASH_STOP;
	else
		option_bad(o, opt, value, "unknown");
}

static const struct option action_rows[] = {
	{ "panic", set_panic, .flags = OPTION_REQUIRED, .expected = "reset or shutdown" },
};
static const struct option_table action_table = { action_rows, ARRAY_SIZE(action_rows) };

static void set_action(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct guest_options *g = object;
	char *list = copy_list(g, value);

	if (list)
		parse_list(g, &action_table, "-action ", list, &g->config);
	free(list);
}

static const struct option cpu_rows[] = {
	{ "kvm", option_set_bool, OPTION_FIELD(struct guest_config, kvm), .expected = "on or off" },
};
static const struct option_table cpu_table = { cpu_rows, ARRAY_SIZE(cpu_rows) };

/* There is one model: what the machine's processor has and can be passed on. */
static void set_cpu(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct guest_options *g = object;
	char *model = copy_list(g, value), *list;

	if (!model)
		return;
	list = cut_first(model);
	if (strcmp(model, "host"))
		option_bad(o, opt, model, "unknown model");
	else
		parse_list(g, &cpu_table, "-cpu host,", list, &g->config);
	free(model);
}

/* `guest NAME` names it; a -name left over from a QEMU command line must say the same. */
static void set_name(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct guest_options *g = object;

	if (strcmp(value, g->config.name))
		option_bad(o, opt, value, "another name than the guest's");
}

#define GUEST(field)	OPTION_FIELD(struct guest_options, config.field)

static const struct option guest_rows[] = {
	{ "-m", set_memory, GUEST(memory), .min = GUEST_MEMORY_STEP, .max = 1024 * GIB,
	  .expected = "2M..1T in steps of 2M, as in 256M" },
	{ "-smp", option_set_uint, GUEST(nr_vcpus), .min = 1, .max = GUEST_VCPUS_MAX },
	{ "-cpu", set_cpu, .expected = "host or host,kvm=off" },
	{ "-cpu-affinity", set_affinity, .expected = "CPUs for the vCPUs, as in 1, 0-3 or 2,0,4-7" },
	{ "-kernel", option_set_string, GUEST(kernel), .flags = OPTION_REQUIRED,
	  .expected = "a file of the boot archive" },
	{ "-initrd", option_set_string, GUEST(initrd), .expected = "a file of the boot archive" },
	{ "-append", set_append, .expected = "a command line of up to 2047 bytes" },
	{ "-netdev", set_netdev, .flags = OPTION_MANY,
	  .expected = "tap,id=ID,... or switch,id=ID,..., up to 4 of them" },
	{ "-device", set_device, .flags = OPTION_MANY,
	  .expected = "virtio-net-pci or isa-debug-exit" },
	{ "-no-reboot", option_set_flag, GUEST(no_reboot), .flags = OPTION_FLAG },
	{ "-action", set_action, .expected = "panic=reset or panic=shutdown" },
	{ "-name", set_name, .expected = "that of `guest NAME`, or nothing" },
};
static const struct option_table guest_table = { guest_rows, ARRAY_SIZE(guest_rows) };

_Static_assert(ARRAY_SIZE(nic_rows) <= OPTIONS_MAX, "nic_rows");

static char no_append[] = "";

void guest_options_init(struct guest_options *g, const char *name,
			void (*error)(void *arg, const char *text), void *arg)
{
	memset(g, 0, sizeof(*g));
	snprintf(g->config.name, sizeof(g->config.name), "%s", name);
	g->config.memory = GUEST_MEMORY_DEFAULT;
	g->config.nr_vcpus = 1;
	g->config.kvm = true;
	g->config.append = no_append;
	g->options.table = &guest_table;
	g->options.where = "";
	g->options.joint = ' ';
	g->options.error = error;
	g->options.arg = arg;
}

void guest_options_discard(struct guest_options *g)
{
	if (g->config.append != no_append)
		free((char *)g->config.append);
	g->config.append = no_append;
}

const struct option *guest_option_find(struct guest_options *g, const char *word)
{
	return option_find(&g->options, word);
}

void guest_option_apply(struct guest_options *g, const struct option *opt, const char *value)
{
	option_apply(&g->options, opt, value, g);
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
				bad(g, nic->line, "-device virtio-net-pci,id=%s: given twice, "
				    "expected another id", nic->id);
	}
}

static void check_netdev_ids(struct guest_options *g)
{
	for (unsigned int i = 0; i < g->nr_netdevs; i++)
		for (unsigned int j = 0; j < i; j++)
			if (!strcmp(g->netdev[i].id, g->netdev[j].id))
				bad(g, g->netdev[i].line, "-netdev id=%s: given twice, "
				    "expected another id", g->netdev[i].id);
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
			bad(g, n->nic.line, "-device virtio-net-pci,netdev=%s: no such -netdev",
			    n->netdev);
			continue;
		}
		if (used[j])
			bad(g, n->nic.line, "-device virtio-net-pci,netdev=%s: in use by another "
			    "-device", n->netdev);
		used[j] = true;
		n->nic.netdev = g->netdev[j];
	}
	for (unsigned int j = 0; j < g->nr_netdevs; j++)
		if (!used[j])
			bad(g, g->netdev[j].line, "-netdev id=%s: not used, expected a -device "
			    "virtio-net-pci,netdev=%s", g->netdev[j].id, g->netdev[j].id);
}

/* Queue pairs are the -netdev's, and whether the guest is told of them the -device's. */
static void check_queues(struct guest_options *g)
{
	for (unsigned int i = 0; i < g->config.nr_nics; i++) {
		struct nic_config *nic = &g->nic[i].nic;

		if (nic->mq && !nic->ctrl_vq)
			bad(g, nic->line, "-device virtio-net-pci,mq=on: without a control queue, "
			    "expected ctrl_vq=on");
		if (!nic->mq && nic->netdev.queues > 1)
			bad(g, nic->line, "-device virtio-net-pci,mq=off: queues=%u of -netdev "
			    "id=%s, expected mq=on", nic->netdev.queues, nic->netdev.id);
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
			bad(g, nic->line, "-device virtio-net-pci,addr=0x%x: in use by another "
			    "-device, expected a free slot", nic->devfn >> 3);
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
			bad(g, g->nic[i].nic.line, "-device virtio-net-pci,"
			    "mac=%02x:%02x:%02x:%02x:%02x:%02x: in use by guest %s, expected "
			    "another address", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
			    owner->name);
	}
}

void guest_options_finish(struct guest_options *g, unsigned int number,
			  const struct guest_config *others, unsigned int nr)
{
	g->line = g->config.line;
	options_check_required(&g->options);
	if (g->options.errors)		/* what was left out would only cause more of them */
		return;
	check_netdev_ids(g);
	name_nics(g);
	connect_nics(g);
	check_queues(g);
	place_nics(g);
	address_nics(g, number, others, nr);
	for (unsigned int i = 0; i < g->config.nr_nics; i++)
		g->config.nic[i] = g->nic[i].nic;
}
