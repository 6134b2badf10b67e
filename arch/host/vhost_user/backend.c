/* SPDX-License-Identifier: BSD-2-Clause */
/* Backends: one switch for all devices, with or without a port to the outside, or one for each. */
#include "arch/host/vhost_user/backend.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arch/host/vhost_user/device.h"
#include "kernel/log.h"
#include "net/switch.h"

static bool loop;
static unsigned int nr_loops;
static struct port outside;

static int outside_open(const char *name)
{
	if (strncmp(name, "tap=", 4) == 0)
		return tap_open(name + 4, &outside);
	if (strncmp(name, "pcap=", 5) == 0)
		return pcap_open(name + 5, &outside);
	pr_err("ringvisor-vhost: --backend %s: neither loop, switch, tap=NAME nor pcap=FILE", name);
	return -EINVAL;
}

int backend_init(const char *name)
{
	int err;

	loop = strcmp(name, "loop") == 0;
	if (loop || strcmp(name, "switch") == 0)
		return 0;
	err = outside_open(name);
	return err ? err : backend_attach(&outside);
}

int backend_attach(struct port *port)
{
	char name[sizeof(((struct net_switch *)0)->name)] = "br0";
	struct net_switch *sw;
	int err;

	if (loop) {
		/* A switch of its own, whose one port takes back what it sent. */
		snprintf(name, sizeof(name), "loop%u", nr_loops++);
		port->hairpin = true;
	}
	sw = switch_get(name);
	err = sw ? switch_attach(sw, port) : -ENOMEM;
	if (err)
		pr_err("ringvisor-vhost: %s: no port on the switch: %s", port->name,
		       strerror(-err));
	return err;
}

void backend_show(void)
{
	if (outside.ops)
		vu_port_show(&outside);
}
