/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/port.h"

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
};

const char *port_drop_name(enum port_drop reason)
{
	return reason < DROP_REASONS ? drop_names[reason] : "?";
}
