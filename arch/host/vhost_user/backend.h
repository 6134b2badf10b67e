/* SPDX-License-Identifier: BSD-2-Clause */
/* What the devices' ports are attached to: --backend. */
#ifndef VHOST_USER_BACKEND_H
#define VHOST_USER_BACKEND_H

#include "net/port.h"

/* loop, switch, tap=NAME, pcap=FILE. -errno has been said. */
int backend_init(const char *name);
int backend_attach(struct port *port);
void backend_show(void);

/* tap.c, pcap.c: a port of the switch. 0 or -errno, said. */
int tap_open(const char *name, struct port *port);
int pcap_open(const char *path, struct port *port);

#endif
