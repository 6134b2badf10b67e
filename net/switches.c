/* SPDX-License-Identifier: BSD-2-Clause */
/* The switches that there are, and the ports that come to them and go. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "asm/barrier.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "net/capture.h"
#include "net/part.h"
#include "net/switch.h"
#include "net/vlan.h"

static struct net_switch *switches;
static struct spinlock switches_lock = SPINLOCK_INIT(LOCK_SWITCHES);

static struct net_switch *switch_create(const char *name)
{
	struct net_switch *sw = calloc(1, sizeof(*sw));
	u64 ageing_ns = CONFIG_SWITCH_AGEING_S * NSEC_PER_SEC;
	u32 key = (u32)(time_ns() * 0x9e3779b97f4a7c15ull >> 32);

	if (!sw || parts_init() != 0 ||
	    fdb_init(&sw->fdb, CONFIG_SWITCH_TABLE_SIZE, ageing_ns, key) != 0) {
		free(sw);
		pr_err("switch: %s: out of memory", name);
		return NULL;
	}
	spin_init(&sw->lock, LOCK_SWITCH);
	strcpy(sw->name, name);
	sw->next = switches;
	switches = sw;
	return sw;
}

struct net_switch *switch_get(const char *name)
{
	struct net_switch *sw;

	if (strlen(name) >= sizeof(sw->name)) {
		pr_err("switch: %s: name is longer than %zu characters", name,
		       sizeof(sw->name) - 1);
		return NULL;
	}
	spin_lock(&switches_lock);
	for (sw = switches; sw && strcmp(sw->name, name) != 0; sw = sw->next)
		;
	if (!sw)
		sw = switch_create(name);
	spin_unlock(&switches_lock);
	return sw;
}

bool switch_has_uplink(const struct net_switch *sw)
{
	for (unsigned int i = 0; i < SWITCH_PORTS_MAX; i++)
		if (sw->ports[i] && sw->ports[i]->uplink)
			return true;
	return false;
}

void switch_for_each(void (*fn)(void *arg, struct net_switch *sw), void *arg)
{
	for (struct net_switch *sw = switches; sw; sw = sw->next)
		fn(arg, sw);
}

/* True: @fn has been called. */
static bool with_port_of(struct net_switch *sw, const char *name, void (*fn)(struct port *port))
{
	bool found = false;

	spin_lock(&sw->lock);
	for (u64 left = sw->attached; left && !found; left &= left - 1) {
		struct port *port = sw->ports[__builtin_ctzll(left)];

		found = !strcmp(port->name, name);
		if (found)
			fn(port);
	}
	spin_unlock(&sw->lock);
	return found;
}

int switch_with_port(const char *name, void (*fn)(struct port *port))
{
	for (struct net_switch *sw = switches; sw; sw = sw->next)
		if (with_port_of(sw, name, fn))
			return 0;
	return -ENOENT;
}

/* @port has come (@n 1) or is about to go (-1). */
static void switch_count_vlans(struct net_switch *sw, const struct port *port, int n)
{
	if (port_vlan_set(&port->policy.vlan))
		sw->vlan_ports += (unsigned int)n;
	for (u64 left = sw->attached; left; left &= left - 1) {
		struct port *p = sw->ports[__builtin_ctzll(left)];

		p->checks = sw->vlan_ports ? p->checks | PORT_VLAN : p->checks & (u8)~PORT_VLAN;
	}
}

int switch_attach(struct net_switch *sw, struct port *port)
{
	int err = -ENOSPC;

	if (port->sw)
		return -EBUSY;
	spin_lock(&sw->lock);
	for (unsigned int i = 0; i < SWITCH_PORTS_MAX; i++) {
		if (sw->ports[i])
			continue;
		port->index = i;
		port->users = 0;
		port->flow.version = 0;
		WRITE_ONCE(port->sw, sw);
		sw->ports[i] = port;
		sw->attached |= BIT_ULL(i);
		switch_count_vlans(sw, port, 1);
		err = 0;
		break;
	}
	spin_unlock(&sw->lock);
	return err;
}

void switch_detach(struct port *port)
{
	struct net_switch *sw = port->sw;

	if (!sw)
		return;
	spin_lock(&sw->lock);
	switch_count_vlans(sw, port, -1);
	sw->ports[port->index] = NULL;
	sw->attached &= ~BIT_ULL(port->index);
	fdb_forget_port(&sw->fdb, port->index);
	WRITE_ONCE(port->sw, NULL);
	if (port->checks & PORT_CAPTURE)
		capture_detach(port);
	port->checks &= PORT_POLICY;
	spin_unlock(&sw->lock);
	/* Pairs with the release in switch_unpin(). */
	while (__atomic_load_n(&port->users, __ATOMIC_ACQUIRE))
		cpu_relax();
}

void port_set_link(struct port *port, bool up)
{
	struct net_switch *sw = port->sw;

	WRITE_ONCE(port->link_up, up);
	if (up || !sw)
		return;
	spin_lock(&sw->lock);
	fdb_forget_port(&sw->fdb, port->index);
	spin_unlock(&sw->lock);
}
