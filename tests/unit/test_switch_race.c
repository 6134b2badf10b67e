/* SPDX-License-Identifier: BSD-2-Clause */
/* The switch on several CPUs: forwarding while a port comes and goes. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "net/switch.h"

#define SENDERS	2
#define ROUNDS	3000
#define BATCH	16

static struct net_switch *sw;
static struct port senders[SENDERS], visitor;
static bool stop;
static u32 away;	/* the visitor is detached: nothing may be delivered to it */
static u64 delivered, strays;

static void deliver(struct port *port, struct frame **frames, unsigned int nr)
{
	if (port != &visitor)
		return;
	__atomic_fetch_add(&delivered, nr, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < 200; i++)		/* long enough to be overtaken */
		if (__atomic_load_n(&away, __ATOMIC_ACQUIRE))
			__atomic_fetch_add(&strays, 1, __ATOMIC_RELAXED);
}

static void flush(struct port *port)
{
	if (port == &visitor && __atomic_load_n(&away, __ATOMIC_ACQUIRE))
		__atomic_fetch_add(&strays, 1, __ATOMIC_RELAXED);
}

static const struct port_ops ops = { .deliver = deliver, .flush = flush };

static void port_init(struct port *port, const char *name)
{
	memset(port, 0, sizeof(*port));
	snprintf(port->name, sizeof(port->name), "%s", name);
	port->ops = &ops;
	port->link_up = true;
	port->max_frame = 1518;
}

/* From one sender: to the visitor by address, to unknown ones, to all. */
static void *send(void *arg)
{
	struct port *from = arg;
	struct frame frame[BATCH], *frames[BATCH];
	u8 bytes[BATCH][60];
	u32 seed = (u32)(from - senders) + 1;

	memset(frame, 0, sizeof(frame));
	memset(bytes, 0, sizeof(bytes));
	for (unsigned int i = 0; i < BATCH; i++) {
		frames[i] = &frame[i];
		frame[i].seg[0] = (struct frame_seg){ .ptr = bytes[i], .len = 60 };
		frame[i].nr_segs = 1;
		frame[i].len = 60;
		frame[i].refs = 1;
		memset(bytes[i], i % 3 == 2 ? 0xff : 0x02, 6);
		bytes[i][5] = i % 3 == 1 ? 0x77 : bytes[i][5];
		bytes[i][6] = 2;
	}
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		for (unsigned int i = 0; i < BATCH; i++) {
			seed = seed * 1664525 + 1013904223;
			memcpy(bytes[i] + 8, &seed, 4);	/* sources without number */
			bytes[i][7] = (u8)(from - senders);
		}
		switch_input(from, frames, BATCH);
	}
	return NULL;
}

/* The visitor's address is 02:02:02:02:02:02, as in a third of the frames. */
static void say_hello(void)
{
	u8 bytes[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 2, 2, 2, 2, 2 };
	struct frame frame = { .seg = { { .ptr = bytes, .len = 60 } }, .nr_segs = 1, .len = 60,
			       .refs = 1 };
	struct frame *frames[1] = { &frame };

	switch_input(&visitor, frames, 1);
}

static void detach_waits_for_deliveries(void **state)
{
	pthread_t thread[SENDERS];

	sw = switch_get("br0");
	port_init(&visitor, "visitor");
	for (unsigned int i = 0; i < SENDERS; i++) {
		port_init(&senders[i], "sender");
		assert_int_equal(switch_attach(sw, &senders[i]), 0);
		assert_int_equal(pthread_create(&thread[i], NULL, send, &senders[i]), 0);
	}
	for (unsigned int i = 0; i < ROUNDS || delivered < 10000; i++) {
		__atomic_store_n(&away, 0, __ATOMIC_RELEASE);
		assert_int_equal(switch_attach(sw, &visitor), 0);
		say_hello();
		port_set_link(&visitor, i % 2);
		port_set_link(&visitor, true);
		for (unsigned int spin = 0; spin < i % 64 * 10; spin++)
			cpu_relax();
		switch_detach(&visitor);
		__atomic_store_n(&away, 1, __ATOMIC_RELEASE);
		assert_int_equal(visitor.users, 0);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < SENDERS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(strays, 0);
	assert_true(sw->fdb.used <= sw->fdb.size);
	for (unsigned int i = 0; i < SENDERS; i++)
		switch_detach(&senders[i]);
	assert_int_equal(sw->fdb.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(detach_waits_for_deliveries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
