/* SPDX-License-Identifier: BSD-2-Clause */
/* A token bucket: so much a second, and a burst; what is above does not conform. */
#ifndef NET_POLICING_H
#define NET_POLICING_H

#include "kernel/types.h"

/*
 * Whatever `rate` counts. What conforms may leave a debt, of POLICING_COST_MAX at most, so that a
 * burst smaller than a frame does not stop everything. The owner locks it.
 */
struct token_bucket {
	u64 rate;		/* a second; 0: no limit */
	s64 depth, tokens;	/* nanoseconds * rate: no fraction is lost */
	u64 fill_ns;		/* from the greatest debt until full */
	u64 last_ns;
};

#define POLICING_RATE_MAX	(1000 * 1000 * 1000 * 1000ull)
#define POLICING_BURST_MAX	(1000 * 1000 * 1000ull)
#define POLICING_COST_MAX	(8 * 65536u)

/* Full. @burst: 1..POLICING_BURST_MAX. */
void token_bucket_init(struct token_bucket *b, u64 rate, u64 burst, u64 now_ns);
/* Does something that costs @cost, up to POLICING_COST_MAX, conform? Then it is paid for. */
bool token_bucket_take(struct token_bucket *b, u32 cost, u64 now_ns);

#endif
