/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The e1000 driver on a test bench: the mock NIC on one side of the switch, a guest's port on
 * the other, and the CPU loop in between.
 */
#ifndef TESTS_UNIT_E1000_BENCH_H
#define TESTS_UNIT_E1000_BENCH_H

#include "drivers/net/e1000.h"
#include "net/netdev.h"
#include "tests/unit/mock_e1000.h"

/* The other side of the switch: what it got. */
struct station {
	struct port port;
	unsigned int nr, flushes;
	u8 last[2048];
	u32 last_len;
	u16 last_flags;
	bool keep;			/* hold what comes */
	struct frame *kept[1024];
	unsigned int nr_kept;
};

/* A frame that the station sends. Static, as a failed test leaves it with the NIC. */
struct out {
	struct frame frame;
	u8 payload[3][700];
	unsigned int done;
};

extern u64 now_ns;			/* time_ns(), which also ticks with each call */
extern struct station guest;
extern struct netdev *dev;		/* the NIC that was found; NULL: none */

int probe(void);			/* the driver's, on the mock NIC */

/* For cmocka: with the NIC found and the station attached, or with neither. */
int setup(void **state);
int setup_bare(void **state);
int teardown(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define BARE(f) cmocka_unit_test_setup_teardown(f, setup_bare, teardown)

void loop(void);			/* interrupts and work, until nothing is left to do */

/* A broadcast of @len bytes in a header copy and up to three pieces of payload. */
struct frame *out_frame(struct out *out, u32 len, unsigned int pieces);
void guest_send(struct frame *frame);
const struct mock_sent *last_sent(void);
void guest_put_all(void);		/* what was kept */

bool wire_send(u32 len, u8 fill);	/* a broadcast from the wire; false: no room */

#endif
