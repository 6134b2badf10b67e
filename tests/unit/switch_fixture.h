/* SPDX-License-Identifier: BSD-2-Clause */
/* A switch with four stations that keep what they get. */
#ifndef TESTS_UNIT_SWITCH_FIXTURE_H
#define TESTS_UNIT_SWITCH_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "kernel/time.h"
#include "net/switch.h"
#include "tests/unit/unit.h"

#define PORTS	4
#define SEC	NSEC_PER_SEC

struct station {
	struct port port;
	struct frame *got[512];
	unsigned int nr, delivers, flushes;
	struct frame last;		/* with the beginning of its bytes */
	u8 bytes[128];
	struct frame *held;		/* hold: the last one, not put yet */
	bool hold;
};

static struct station st[PORTS];
static struct net_switch *sw;
static u64 hour;		/* each test's clock starts after the one before */

static void deliver(struct port *port, struct frame **frames, unsigned int nr)
{
	struct station *s = port->owner;

	assert_true(port->users > 0);
	s->delivers++;
	for (unsigned int i = 0; i < nr; i++)
		s->got[s->nr++ % ARRAY_SIZE(s->got)] = frames[i];
	s->last = *frames[nr - 1];
	frame_copy_out(&s->last, 0, s->bytes, MIN(s->last.len, (u32)sizeof(s->bytes)));
	if (s->hold) {
		frame_get(frames[nr - 1]);
		s->held = frames[nr - 1];
	}
}

static void flush(struct port *port)
{
	struct station *s = port->owner;

	assert_int_equal(++s->flushes, s->delivers);
}

static const struct port_ops ops = { .deliver = deliver, .flush = flush };

static int setup(void **state)
{
	char name[16];

	host_time_set(++hour * 3600 * SEC);
	snprintf(name, sizeof(name), "br%llu", (unsigned long long)hour);
	sw = switch_get(name);
	assert_non_null(sw);
	memset(st, 0, sizeof(st));
	for (unsigned int i = 0; i < PORTS; i++) {
		st[i].port.ops = &ops;
		st[i].port.owner = &st[i];
		st[i].port.link_up = true;
		st[i].port.uplink = st[i].port.policy.vlan.all = i == 0;
		st[i].port.max_frame = 1518;
		assert_int_equal(switch_attach(sw, &st[i].port), 0);
	}
	return 0;
}

static int teardown(void **state)
{
	for (unsigned int i = 0; i < PORTS; i++) {
		switch_detach(&st[i].port);
		assert_int_equal(st[i].port.users, 0);
	}
	assert_int_equal(sw->fdb.used, 0);
	return 0;
}

struct packet {
	struct frame frame;
	u8 bytes[64];
};

static inline void mac_of(u8 *mac, u32 n)
{
	mac[0] = 0x52;
	mac[1] = 0x54;
	memcpy(mac + 2, &n, 4);
}

static inline struct frame *packet(struct packet *p, u32 dst, u32 src)
{
	memset(p, 0, sizeof(*p));
	mac_of(p->bytes, dst);
	mac_of(p->bytes + 6, src);
	p->frame.seg[0] = (struct frame_seg){ .ptr = p->bytes, .len = sizeof(p->bytes) };
	p->frame.nr_segs = 1;
	p->frame.len = sizeof(p->bytes);
	p->frame.refs = 1;
	return &p->frame;
}

/* One frame from station @from. */
static inline void send(unsigned int from, u32 dst, u32 src)
{
	struct packet p;
	struct frame *frame = packet(&p, dst, src);

	switch_input(&st[from].port, &frame, 1);
}

static inline void send_frame(unsigned int from, struct frame *frame)
{
	switch_input(&st[from].port, &frame, 1);
}

static inline void expect(unsigned int a, unsigned int b, unsigned int c, unsigned int d)
{
	unsigned int want[PORTS] = { a, b, c, d };

	for (unsigned int i = 0; i < PORTS; i++) {
		assert_int_equal(st[i].nr, want[i]);
		st[i].nr = 0;
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
