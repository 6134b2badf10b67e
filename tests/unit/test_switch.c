/* SPDX-License-Identifier: BSD-2-Clause */
/* The switch: learning, moves, ageing, bounds, flooding, drops with their reasons, batches. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "tests/unit/switch_fixture.h"

static void unknown_is_flooded_but_never_back(void **state)
{
	send(1, 200, 100);
	expect(1, 0, 1, 1);
	assert_int_equal(sw->flooded, 1);
	assert_int_equal(st[2].port.stats.tx_flooded, 1);
	assert_int_equal(st[1].port.stats.tx_frames, 0);
}

static void learnt_goes_to_one_port(void **state)
{
	send(1, 200, 100);
	expect(1, 0, 1, 1);
	send(2, 100, 200);
	expect(0, 1, 0, 0);
	send(1, 200, 100);
	expect(0, 0, 1, 0);
	assert_int_equal(sw->fdb.learnt, 2);
	assert_int_equal(st[1].port.stats.rx_frames, 2);
	assert_int_equal(st[1].port.stats.rx_bytes, 128);
	assert_int_equal(st[2].port.stats.tx_bytes, 128);
}

static void address_moves(void **state)
{
	send(1, 200, 100);
	send(2, 1, 100);
	expect(2, 1, 1, 2);
	send(3, 100, 300);
	expect(0, 0, 1, 0);
	assert_int_equal(sw->fdb.moved, 1);
	assert_int_equal(sw->fdb.used, 2);
	assert_int_equal(sw->fdb.port_used[st[1].port.index], 0);
}

static void hairpin_is_dropped(void **state)
{
	send(1, 1, 100);
	send(1, 1, 101);
	expect(2, 0, 2, 2);
	send(1, 100, 101);
	expect(0, 0, 0, 0);
	assert_int_equal(st[1].port.stats.drops[DROP_HAIRPIN], 1);
}

static void hairpin_goes_back(void **state)
{
	st[1].port.hairpin = true;
	send(1, 200, 100);
	expect(1, 1, 1, 1);
	send(1, 100, 101);
	expect(0, 1, 0, 0);
	assert_int_equal(st[1].port.stats.drops[DROP_HAIRPIN], 0);
	st[1].port.hairpin = false;
}

/* Frames of a batch are looked up together only as long as both addresses are the same. */
static void a_batch_of_several_flows(void **state)
{
	static const struct { u32 dst, src; } flows[] = {
		{ 100, 101 }, { 100, 101 }, { 100, 102 }, { 200, 101 }, { 200, 101 }, { 100, 101 },
	};
	struct packet p[ARRAY_SIZE(flows)];
	struct frame *frames[ARRAY_SIZE(flows)];

	send(0, 300, 100);
	send(2, 300, 200);
	expect(1, 2, 1, 2);
	for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++)
		frames[i] = packet(&p[i], flows[i].dst, flows[i].src);
	switch_input(&st[1].port, frames, ARRAY_SIZE(flows));
	expect(4, 0, 2, 0);
	send(3, 102, 400);
	expect(0, 1, 0, 0);
	assert_int_equal(st[1].port.stats.rx_frames, 6);
}

static void group_is_flooded_and_flagged(void **state)
{
	struct packet p;
	struct frame *frame = packet(&p, 0, 100);

	memset(p.bytes, 0xff, 6);
	send_frame(1, frame);
	expect(1, 0, 1, 1);
	assert_true(frame->flags & FRAME_BROADCAST);
	p.bytes[0] = 0x33;
	send_frame(1, frame);
	expect(1, 0, 1, 1);
	assert_int_equal(st[1].port.stats.rx_broadcast, 2);
}

static void bad_sources_are_dropped_and_not_learnt(void **state)
{
	struct packet p;
	struct frame *frame = packet(&p, 200, 100);

	p.bytes[6] |= 1;
	send_frame(1, frame);
	memset(p.bytes + 6, 0, 6);
	send_frame(1, frame);
	expect(0, 0, 0, 0);
	assert_int_equal(st[1].port.stats.drops[DROP_BAD_SRC], 2);
	assert_int_equal(sw->fdb.used, 0);
}

static void bridge_addresses_are_not_relayed(void **state)
{
	static const u8 pause[6] = { 0x01, 0x80, 0xc2, 0, 0, 0x01 };
	struct packet p;
	struct frame *frame = packet(&p, 200, 100);

	memcpy(p.bytes, pause, 6);
	send_frame(1, frame);
	p.bytes[5] = 0x0f;
	send_frame(1, frame);
	expect(0, 0, 0, 0);
	assert_int_equal(st[1].port.stats.drops[DROP_RESERVED], 2);
	p.bytes[5] = 0x10;
	send_frame(1, frame);
	expect(1, 0, 1, 1);
}

static void runts_are_dropped(void **state)
{
	struct packet p;
	struct frame *frame = packet(&p, 200, 100);

	frame->len = frame->seg[0].len = 13;
	send_frame(1, frame);
	/* Long enough, but nobody has the header in one piece. */
	frame->len = 26;
	frame->nr_segs = 2;
	frame->seg[1] = frame->seg[0];
	send_frame(1, frame);
	expect(0, 0, 0, 0);
	assert_int_equal(st[1].port.stats.drops[DROP_RUNT], 2);
	frame->nr_segs = 1;
	frame->len = frame->seg[0].len = 14;
	send_frame(1, frame);
	expect(1, 0, 1, 1);
}

static void header_copy_counts_not_guest_memory(void **state)
{
	struct packet p;
	struct frame *frame = packet(&p, 300, 100);

	memcpy(frame->hdr, p.bytes, 14);
	frame->hdr_len = 14;
	mac_of(p.bytes + 6, 666);	/* the guest changes its mind */
	send_frame(1, frame);
	expect(1, 0, 1, 1);
	send(2, 100, 200);
	expect(0, 1, 0, 0);
	/* Too short a copy to hold the header: the guest's own memory will not do instead. */
	frame->hdr_len = 13;
	send_frame(1, frame);
	expect(0, 0, 0, 0);
	assert_int_equal(st[1].port.stats.drops[DROP_RUNT], 1);
}

static void oversize_counts_at_the_receiver(void **state)
{
	st[3].port.max_frame = 63;
	send(1, 200, 100);
	expect(1, 0, 1, 0);
	assert_int_equal(st[3].port.stats.drops[DROP_OVERSIZE], 1);
	send(3, 1, 300);
	expect(1, 1, 1, 0);
	send(1, 300, 100);
	expect(0, 0, 0, 0);
	assert_int_equal(st[3].port.stats.drops[DROP_OVERSIZE], 2);
}

static void link_down_forgets_and_drops(void **state)
{
	send(2, 1, 200);
	expect(1, 1, 0, 1);
	port_set_link(&st[2].port, false);
	assert_int_equal(sw->fdb.used, 0);
	send(1, 200, 100);
	expect(1, 0, 0, 1);
	assert_int_equal(st[2].port.stats.drops[DROP_LINK_DOWN], 1);
	send(2, 100, 200);
	expect(0, 0, 0, 0);
	assert_int_equal(st[2].port.stats.drops[DROP_LINK_DOWN], 2);
	port_set_link(&st[2].port, true);
	send(2, 100, 200);
	expect(0, 1, 0, 0);
}

static void detached_gets_and_sends_nothing(void **state)
{
	send(2, 1, 200);
	expect(1, 1, 0, 1);
	switch_detach(&st[2].port);
	assert_null(st[2].port.sw);
	send(1, 200, 100);
	expect(1, 0, 0, 1);
	send(2, 100, 200);
	expect(0, 0, 0, 0);
	assert_int_equal(switch_attach(sw, &st[2].port), 0);
	assert_int_equal(switch_attach(sw, &st[2].port), -EBUSY);
}

static void ageing_counts_from_the_last_frame(void **state)
{
	send(1, 1, 100);
	expect(1, 0, 1, 1);
	host_time_advance(CONFIG_SWITCH_AGEING_S * SEC);
	send(2, 100, 200);
	expect(0, 1, 0, 0);
	send(1, 200, 100);		/* seen again */
	expect(0, 0, 1, 0);
	host_time_advance(CONFIG_SWITCH_AGEING_S * SEC);
	send(2, 100, 200);
	expect(0, 1, 0, 0);
	host_time_advance(SEC);
	send(2, 100, 200);
	expect(1, 1, 0, 1);
	assert_int_equal(sw->fdb.aged, 1);
}

/* A CPU that read its clock before another noted a later time. */
static void a_clock_behind_does_not_age(void **state)
{
	u64 now = time_ns();

	send(1, 1, 100);
	expect(1, 0, 1, 1);
	host_time_set(now - 1);
	send(2, 100, 200);
	expect(0, 1, 0, 0);
	send(1, 200, 100);		/* must not set the time back either */
	expect(0, 0, 1, 0);
	host_time_set(now + CONFIG_SWITCH_AGEING_S * SEC);
	send(2, 100, 200);
	expect(0, 1, 0, 0);
	assert_int_equal(sw->fdb.aged, 0);
}

static void table_is_bounded_and_shared(void **state)
{
	u32 share = CONFIG_SWITCH_TABLE_SIZE / 8;

	/* A guest with a million addresses fills its share and no more. */
	for (u32 i = 0; i < 1000000; i++)
		send(1, 1, 1000 + i);
	assert_int_equal(sw->fdb.used, share);
	assert_int_equal(sw->fdb.full, 1000000 - share);
	st[1].nr = st[2].nr = st[3].nr = st[0].nr = 0;
	/* Others are learnt and reached all the same. */
	send(2, 1, 200);
	expect(1, 1, 0, 1);
	send(3, 200, 300);
	expect(0, 0, 1, 0);
	/* The uplink may use all that is left. */
	for (u32 i = 0; i < 2 * CONFIG_SWITCH_TABLE_SIZE; i++)
		send(0, 1, 2000000 + i);
	assert_int_equal(sw->fdb.used, CONFIG_SWITCH_TABLE_SIZE);
	st[1].nr = st[2].nr = st[3].nr = st[0].nr = 0;
	/* Full: new ones are flooded, those known still work. */
	send(1, 9999999, 1000);
	expect(1, 0, 1, 1);
	send(3, 200, 300);
	expect(0, 0, 1, 0);
	/* What has expired makes room. */
	host_time_advance((CONFIG_SWITCH_AGEING_S + 1) * SEC);
	send(2, 1, 201);
	assert_int_equal(sw->fdb.used, 1);
	expect(1, 1, 0, 1);
	send(1, 201, 7);
	expect(0, 0, 1, 0);
}

static void a_full_port_cannot_take_addresses_over(void **state)
{
	send(2, 1, 200);
	for (u32 i = 0; i < CONFIG_SWITCH_TABLE_SIZE / 8; i++)
		send(1, 1, 1000 + i);
	st[1].nr = st[2].nr = st[3].nr = st[0].nr = 0;
	send(1, 1, 200);
	expect(1, 0, 1, 1);
	send(3, 200, 300);
	expect(0, 0, 1, 0);
}

/* Where the latest frame went is where the next one goes, unless something has changed. */
static void what_was_looked_up_is_looked_up_again(void **state)
{
	struct packet p;
	struct frame *frame = packet(&p, 200, 100);

	send(2, 1, 200);
	expect(1, 1, 0, 1);
	send(1, 200, 100);
	send(1, 200, 100);
	expect(0, 0, 2, 0);
	send(1, 200, 101);			/* another source: learnt */
	expect(0, 0, 1, 0);
	send(3, 101, 300);
	expect(0, 1, 0, 0);
	send(3, 1, 200);			/* the destination moves */
	expect(1, 1, 1, 0);
	send(1, 200, 101);
	expect(0, 0, 0, 1);
	send(2, 1, 101);			/* the source moves, and moves back */
	expect(1, 1, 0, 1);
	send(1, 200, 101);
	expect(0, 0, 0, 1);
	send(0, 101, 1);
	expect(0, 1, 0, 0);
	frame->len = frame->seg[0].len = 60;	/* too long for the receiver, all of a sudden */
	st[3].port.max_frame = 59;
	mac_of(p.bytes + 6, 101);
	send_frame(1, frame);
	expect(0, 0, 0, 0);
	assert_int_equal(st[3].port.stats.drops[DROP_OVERSIZE], 1);
	st[3].port.max_frame = 1518;
	send_frame(1, frame);
	expect(0, 0, 0, 1);
	port_set_link(&st[3].port, false);
	send_frame(1, frame);
	expect(1, 0, 1, 0);
	port_set_link(&st[3].port, true);
	send(3, 1, 200);
	expect(1, 0, 0, 0);
	send_frame(1, frame);
	expect(0, 0, 0, 1);
	switch_detach(&st[3].port);
	send_frame(1, frame);
	expect(1, 0, 1, 0);
	assert_int_equal(switch_attach(sw, &st[3].port), 0);
}

/* A port that comes to another switch knows nothing of the one before. */
static void a_flow_stays_on_its_switch(void **state)
{
	struct net_switch *other = switch_get("other");
	u32 version;

	send(2, 1, 200);
	send(1, 200, 100);
	expect(1, 1, 1, 1);
	switch_detach(&st[1].port);
	version = sw->fdb.version;
	while (other->fdb.version != st[1].port.flow.version)
		other->fdb.version++;
	assert_int_equal(switch_attach(other, &st[1].port), 0);
	send(1, 200, 100);
	expect(0, 0, 0, 0);
	assert_int_equal(sw->fdb.version, version);
	switch_detach(&st[1].port);
	assert_int_equal(switch_attach(sw, &st[1].port), 0);
}

/* Traffic that goes on and on keeps both its addresses. */
static void a_flow_does_not_age(void **state)
{
	send(2, 1, 200);
	expect(1, 1, 0, 1);
	for (unsigned int i = 0; i < 40 * CONFIG_SWITCH_AGEING_S; i++) {
		host_time_advance(SEC / 20);
		send(1, 200, 100);
		if (i % 1000 == 0)
			send(2, 100, 200);
	}
	st[1].nr = st[2].nr = 0;
	send(3, 100, 300);
	expect(0, 1, 0, 0);
	assert_int_equal(sw->fdb.aged, 0);
	/* A destination that is silent is forgotten. */
	for (unsigned int i = 0; i <= 20 * CONFIG_SWITCH_AGEING_S; i++) {
		host_time_advance(SEC / 20);
		send(1, 200, 100);
	}
	assert_int_equal(st[1].port.sw->fdb.aged > 0, true);
}

static void batches_are_grouped_in_order(void **state)
{
	static struct packet p[150];
	struct frame *frames[150];

	send(2, 1, 200);
	send(3, 1, 300);
	expect(2, 2, 1, 1);
	for (unsigned int i = 0; i < PORTS; i++)
		st[i].delivers = st[i].flushes = 0;
	for (unsigned int i = 0; i < 150; i++)
		frames[i] = packet(&p[i], i % 3 == 0 ? 300 : 200, 100);
	switch_input(&st[1].port, frames, 150);
	assert_int_equal(st[2].delivers, 3);	/* 64 + 64 + 22 */
	assert_int_equal(st[2].flushes, 3);
	for (unsigned int i = 0, a = 0, b = 0; i < 150; i++) {
		if (i % 3 == 0)
			assert_ptr_equal(st[3].got[a++], frames[i]);
		else
			assert_ptr_equal(st[2].got[b++], frames[i]);
		assert_int_equal(frames[i]->refs, 1);
	}
	expect(0, 0, 100, 50);
}

static void ports_run_out(void **state)
{
	static struct station many[SWITCH_PORTS_MAX];

	for (unsigned int i = PORTS; i < SWITCH_PORTS_MAX; i++) {
		many[i].port = (struct port){ .ops = &ops, .owner = &many[i], .link_up = true,
					      .max_frame = 1518 };
		assert_int_equal(switch_attach(sw, &many[i].port), 0);
	}
	assert_int_equal(switch_attach(sw, &many[0].port), -ENOSPC);
	send(1, 200, 100);
	expect(1, 0, 1, 1);
	for (unsigned int i = PORTS; i < SWITCH_PORTS_MAX; i++) {
		assert_int_equal(many[i].nr, 1);
		switch_detach(&many[i].port);
	}
}

static void switches_are_found_by_name(void **state)
{
	struct net_switch *a = switch_get("lan");

	assert_non_null(a);
	assert_ptr_equal(switch_get("lan"), a);
	assert_ptr_not_equal(switch_get("lan2"), a);
	assert_non_null(switch_get("123456789012345"));
	assert_null(switch_get("1234567890123456"));
}

static void every_drop_reason_has_its_name(void **state)
{
	for (unsigned int i = 0; i < DROP_REASONS; i++) {
		assert_non_null(port_drop_name(i));
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(port_drop_name(i), port_drop_name(j));
	}
}

static void copy_out_crosses_segments(void **state)
{
	struct frame frame = {
		.seg = { { .ptr = (const u8 *)"abc", .len = 3 }, { .len = 0 },
			 { .ptr = (const u8 *)"defgh", .len = 5 } },
		.nr_segs = 3, .len = 8,
	};
	char out[9] = "........";

	frame_copy_out(&frame, 1, out, 4);
	assert_string_equal(out, "bcde....");
	frame_copy_out(&frame, 3, out, 5);
	assert_string_equal(out, "defgh...");
	frame_copy_out(&frame, 8, out, 0);
	frame_copy_out(&frame, 0, out, 8);
	assert_string_equal(out, "abcdefgh");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unknown_is_flooded_but_never_back),
		TEST(learnt_goes_to_one_port),
		TEST(address_moves),
		TEST(hairpin_is_dropped),
		TEST(hairpin_goes_back),
		TEST(a_batch_of_several_flows),
		TEST(group_is_flooded_and_flagged),
		TEST(bad_sources_are_dropped_and_not_learnt),
		TEST(bridge_addresses_are_not_relayed),
		TEST(runts_are_dropped),
		TEST(header_copy_counts_not_guest_memory),
		TEST(oversize_counts_at_the_receiver),
		TEST(link_down_forgets_and_drops),
		TEST(detached_gets_and_sends_nothing),
		TEST(ageing_counts_from_the_last_frame),
		TEST(a_clock_behind_does_not_age),
		TEST(table_is_bounded_and_shared),
		TEST(a_full_port_cannot_take_addresses_over),
		TEST(a_flow_does_not_age),
		TEST(a_flow_stays_on_its_switch),
		TEST(what_was_looked_up_is_looked_up_again),
		TEST(batches_are_grouped_in_order),
		TEST(ports_run_out),
		cmocka_unit_test(switches_are_found_by_name),
		cmocka_unit_test(every_drop_reason_has_its_name),
		cmocka_unit_test(copy_out_crosses_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
