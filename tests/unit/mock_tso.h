/* SPDX-License-Identifier: BSD-2-Clause */
/* Intel's TCP segmentation engine as its manual describes it (8254x §3.5), byte by byte. */
#ifndef TESTS_UNIT_MOCK_TSO_H
#define TESTS_UNIT_MOCK_TSO_H

#include "drivers/net/e1000_regs.h"

/*
 * Cut @frame (headers as the driver left them, then the payload, @len bytes in all) as the
 * context descriptor @context says, with the packet options @popts. emit() gets each part.
 */
void mock_tso(const u8 *frame, u32 len, const struct e1000_tx_desc *context, u8 popts,
	      void (*emit)(const u8 *part, u32 len));

#endif
