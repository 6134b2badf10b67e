/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/policing.h"


void token_bucket_init(struct token_bucket *b, u64 rate, u64 burst, u64 now_ns)
{
	const u64 depth = burst * NSEC_PER_SEC, debt = POLICING_COST_MAX * NSEC_PER_SEC;

	*b = (struct token_bucket){
		.rate = rate, .depth = (s64)depth, .tokens = (s64)depth,
		.fill_ns = rate ? (depth + debt) / rate + 1 : 0, .last_ns = now_ns,
	};
}

bool token_bucket_take(struct token_bucket *b, u32 cost, u64 now_ns)
{
	if (!b->rate)
		return true;
	/* Another CPU, whose clock was read later, may have been here before us. */
	if (now_ns > b->last_ns) {
		u64 passed = now_ns - b->last_ns;

		b->last_ns = now_ns;
		if (passed >= b->fill_ns)
			b->tokens = b->depth;
		else
			b->tokens = MIN(b->depth, b->tokens + (s64)(passed * b->rate));
	}
	if (b->tokens <= 0)
		return false;
	b->tokens -= (s64)(cost * NSEC_PER_SEC);
	return true;
}
