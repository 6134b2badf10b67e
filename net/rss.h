/* SPDX-License-Identifier: BSD-2-Clause */
/* Receive side scaling: a NIC spreads flows over queues by a Toeplitz hash of their addresses. */
#ifndef NET_RSS_H
#define NET_RSS_H

#include "kernel/types.h"

#define RSS_KEY_LEN	40

/* The key that Microsoft's specification of RSS verifies hashes with. */
extern const u8 rss_key[RSS_KEY_LEN];

#endif
