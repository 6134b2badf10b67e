/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one place where software does what a port's offloads do not cover: checksums, and large
 * frames cut into parts (net/part.h).
 */
#ifndef NET_OFFLOAD_H
#define NET_OFFLOAD_H

#include "net/port.h"

/*
 * to->ops->deliver() of @frames, those that need what @to does not take in a form that it takes,
 * in their order. Frames are the caller's, as with deliver(). Any CPU.
 */
void offload_deliver(struct port *to, struct frame **frames, unsigned int nr);

#endif
