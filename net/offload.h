/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one place where software does what a port's offloads do not cover: checksums, and large
 * frames cut into parts. Parts come from a pool of CONFIG_OFFLOAD_FRAMES, shared by all ports.
 */
#ifndef NET_OFFLOAD_H
#define NET_OFFLOAD_H

#include "net/port.h"

/* Before the first frame; further calls do nothing. -ENOMEM. */
int offload_init(void);

/*
 * to->ops->deliver() of @frames, those that need what @to does not take in a form that it takes,
 * in their order. Frames are the caller's, as with deliver(). Any CPU.
 */
void offload_deliver(struct port *to, struct frame **frames, unsigned int nr);

#endif
