/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/port.h"

#include <string.h>

#include "kernel/time.h"

static const char *const drop_names[DROP_REASONS] = {
	[DROP_RUNT] = "runt",
	[DROP_OVERSIZE] = "oversize",
	[DROP_BAD_SRC] = "bad_src",
	[DROP_RESERVED] = "reserved",
	[DROP_NO_BUFFER] = "no_buffer",
	[DROP_LINK_DOWN] = "link_down",
	[DROP_RING_FULL] = "ring_full",
	[DROP_BROKEN] = "broken",
	[DROP_MALFORMED] = "malformed",
	[DROP_HAIRPIN] = "hairpin",
	[DROP_NO_MEMORY] = "no_memory",
	[DROP_SPOOF] = "spoof",
	[DROP_RATE] = "rate",
	[DROP_VLAN] = "vlan",
};

const char *port_drop_name(enum port_drop reason)
{
	return reason < DROP_REASONS ? drop_names[reason] : "?";
}

void port_set_policy(struct port *port, const struct port_policy *policy, const u8 *mac)
{
	u64 now = time_ns();

	port->policy = *policy;
	memcpy(port->mac, mac, sizeof(port->mac));
	token_bucket_init(&port->bits, policy->rate * 1000ull, policy->burst * 1000ull, now);
	token_bucket_init(&port->packets, policy->kpkts_rate * 1000ull,
			  policy->kpkts_burst * 1000ull, now);
	port->checks = policy->spoofchk || policy->rate || policy->kpkts_rate ? PORT_POLICY : 0;
}
