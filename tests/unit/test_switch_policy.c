/* SPDX-License-Identifier: BSD-2-Clause */
/* What ports ask of their frames: VLANs and tags, source addresses, rates. */
#include "tests/unit/switch_fixture.h"

#include <stdlib.h>

#include "net/csum.h"
#include "net/gso.h"
#include "net/headers.h"
#include "net/part.h"

#define ACCESS(vid)	((struct port_policy){ .vlan = { .tag = (vid) } })

static u64 drops(unsigned int station, enum port_drop reason)
{
	return st[station].port.stats.drops[reason];
}

/* Attached anew with @policy; its own address is mac_of(@mac). */
static void set_policy(unsigned int station, const struct port_policy *policy, u32 mac)
{
	u8 own[6];

	mac_of(own, mac);
	switch_detach(&st[station].port);
	port_set_policy(&st[station].port, policy, own);
	assert_int_equal(switch_attach(sw, &st[station].port), 0);
}

/* uplink: every VLAN; station 1 and 2: VLAN 10; 3: VLAN 20. */
static int setup_vlans(void **state)
{
	const struct port_policy ten = ACCESS(10), twenty = ACCESS(20);

	setup(state);
	set_policy(1, &ten, 0);
	set_policy(2, &ten, 0);
	set_policy(3, &twenty, 0);
	return 0;
}

/* A frame with tags in front of its type: those of @tci that are not 0, each of type @type. */
static struct frame *tagged(struct packet *p, u32 dst, u32 src, u16 type, u16 tci, u16 inner)
{
	struct frame *frame = packet(p, dst, src);
	u8 *to = p->bytes + ETH_TYPE;

	put_be16(to, type);
	put_be16(to + 2, tci);
	to += VLAN_HLEN;
	if (inner) {
		put_be16(to, ETH_TYPE_VLAN);
		put_be16(to + 2, inner);
		to += VLAN_HLEN;
	}
	put_be16(to, ETH_TYPE_IP4);
	p->bytes[63] = 0x77;
	return frame;
}

static void send_tagged(unsigned int from, u16 type, u16 tci, u16 inner)
{
	struct packet p;

	send_frame(from, tagged(&p, 900, 100 + from, type, tci, inner));
}

static u16 got16(unsigned int station, unsigned int off)
{
	return get_be16(st[station].bytes + off);
}

/* ---- VLANs ---- */

static void nothing_is_checked_by_default(void **state)
{
	struct packet p;
	struct frame *frame = tagged(&p, 200, 100, ETH_TYPE_VLAN, 10, 0);

	for (unsigned int i = 0; i < PORTS; i++)
		assert_int_equal(st[i].port.checks, 0);
	send_frame(1, frame);
	expect(1, 0, 1, 1);
	assert_ptr_equal(st[2].got[0], frame);
	/* One table for all tags: they are payload. */
	send(2, 100, 200);
	expect(0, 1, 0, 0);
}

static void access_ports_share_a_vlan(void **state)
{
	struct packet p;
	struct frame *frame = packet(&p, 200, 100);

	send_frame(1, frame);
	expect(1, 0, 1, 0);
	assert_ptr_equal(st[2].got[0], frame);
	send(3, 200, 300);
	expect(1, 0, 0, 0);
	/* Learnt in VLAN 10, unknown in VLAN 20. */
	send(3, 100, 300);
	expect(1, 0, 0, 0);
	send(2, 100, 200);
	expect(0, 1, 0, 0);
	assert_int_equal(drops(3, DROP_VLAN), 0);
}

static void tag_is_put_in_for_the_trunk(void **state)
{
	struct packet p;
	struct frame *frame = packet(&p, 200, 100);

	put_be16(p.bytes + ETH_TYPE, ETH_TYPE_IP4);
	p.bytes[63] = 0x77;
	send_frame(1, frame);
	expect(1, 0, 1, 0);
	assert_int_equal(st[0].last.len, 68);
	assert_memory_equal(st[0].bytes, p.bytes, 12);
	assert_int_equal(got16(0, 12), ETH_TYPE_VLAN);
	assert_int_equal(got16(0, 14), 10);
	assert_memory_equal(st[0].bytes + 16, p.bytes + 12, 52);
	/* The sender's own bytes are as they were, and nobody holds them any more. */
	assert_int_equal(get_be16(p.bytes + ETH_TYPE), ETH_TYPE_IP4);
	assert_int_equal(frame->refs, 1);
	assert_int_equal(frame->len, 64);
}

static void tag_is_taken_off_for_the_guest(void **state)
{
	struct packet p;
	struct frame *frame = tagged(&p, 900, 100, ETH_TYPE_VLAN, 0x600a, 0);

	send_frame(0, frame);
	expect(0, 1, 1, 0);
	assert_int_equal(st[1].last.len, 60);
	assert_memory_equal(st[1].bytes, p.bytes, 12);
	assert_memory_equal(st[1].bytes + 12, p.bytes + 16, 48);
	/* Nobody is in VLAN 30 or 0 but the uplink itself. */
	send_tagged(0, ETH_TYPE_VLAN, 30, 0);
	send(0, 900, 101);
	expect(0, 0, 0, 0);
	assert_int_equal(drops(0, DROP_VLAN), 0);
	send_tagged(0, ETH_TYPE_VLAN, 0xfff, 0);	/* reserved */
	assert_int_equal(drops(0, DROP_VLAN), 1);
}

static void access_port_takes_no_tags(void **state)
{
	send_tagged(1, ETH_TYPE_VLAN, 10, 0);
	send_tagged(1, ETH_TYPE_VLAN, 20, 0);
	send_tagged(1, ETH_TYPE_VLAN, 10, 20);		/* the way into VLAN 20 */
	send_tagged(1, ETH_TYPE_VLAN, 0x6000, 20);	/* the same behind a priority */
	send_tagged(1, ETH_TYPE_QINQ, 20, 0);
	expect(0, 0, 0, 0);
	assert_int_equal(drops(1, DROP_VLAN), 5);
	assert_int_equal(sw->fdb.used, 0);
	/* A priority is not a VLAN, and is kept. */
	send_tagged(1, ETH_TYPE_VLAN, 0x6000, 0);
	expect(1, 0, 1, 0);
	assert_int_equal(got16(0, 14), 0x600a);
	assert_int_equal(st[0].last.len, 64);
	assert_int_equal(got16(2, 14), 0x6000);
}

static void a_tag_that_ends_early_is_dropped(void **state)
{
	struct packet p;
	struct frame *frame = tagged(&p, 900, 100, ETH_TYPE_VLAN, 10, 0);

	frame->len = frame->seg[0].len = 17;
	send_frame(0, frame);
	assert_int_equal(drops(0, DROP_VLAN), 1);
	/* Long enough, but not in one piece. */
	frame->len = 64;
	frame->nr_segs = 2;
	frame->seg[1] = (struct frame_seg){ .ptr = p.bytes + 17, .len = 47 };
	send_frame(0, frame);
	assert_int_equal(drops(0, DROP_VLAN), 2);
	frame->seg[0].len = 18;
	frame->seg[1] = (struct frame_seg){ .ptr = p.bytes + 18, .len = 46 };
	send_frame(0, frame);
	expect(0, 1, 1, 0);
	assert_int_equal(st[1].last.len, 60);
	assert_int_equal(st[1].bytes[59], 0x77);
}

static struct port_policy trunk(u16 tag, unsigned int a, unsigned int b)
{
	struct port_policy policy = { .vlan = { .tag = tag, .trunk = true } };

	policy.vlan.trunks[a / 64] |= BIT_ULL(a % 64);
	policy.vlan.trunks[b / 64] |= BIT_ULL(b % 64);
	return policy;
}

/* hostile-guest: a port without a VLAN of its own is not in those of others. */
static void a_port_without_a_vlan_names_none(void **state)
{
	const struct port_policy none = { 0 };

	set_policy(1, &none, 0);
	send_tagged(1, ETH_TYPE_VLAN, 10, 0);
	send_tagged(1, ETH_TYPE_VLAN, 0, 10);
	send_tagged(1, ETH_TYPE_QINQ, 10, 0);
	send_tagged(2, ETH_TYPE_VLAN, 0x2000, 0);
	expect(1, 0, 0, 0);
	assert_int_equal(drops(1, DROP_VLAN), 3);
	send(1, 900, 101);
	expect(1, 0, 0, 0);
	assert_int_equal(st[0].last.len, 64);
	send(0, 101, 900);
	expect(0, 1, 0, 0);
}

static void trunk_port_has_its_vlans(void **state)
{
	const struct port_policy policy = trunk(0, 10, 4094);

	set_policy(1, &policy, 0);
	send_tagged(1, ETH_TYPE_VLAN, 10, 0);
	expect(1, 0, 1, 0);
	send_tagged(1, ETH_TYPE_VLAN, 4094, 0);
	expect(1, 0, 0, 0);
	send_tagged(1, ETH_TYPE_VLAN, 20, 0);
	send(1, 900, 100);		/* VLAN 0 is not in the list */
	expect(0, 0, 0, 0);
	assert_int_equal(drops(1, DROP_VLAN), 2);
	send(2, 901, 200);
	expect(1, 1, 0, 0);
	assert_int_equal(got16(1, 14), 10);
}

static void trunk_port_with_a_native_vlan(void **state)
{
	const struct port_policy policy = trunk(10, 20, 30);

	set_policy(1, &policy, 0);
	send(1, 900, 100);
	expect(1, 0, 1, 0);
	assert_int_equal(got16(0, 14), 10);
	assert_int_equal(st[2].last.len, 64);
	send(2, 901, 200);
	expect(1, 1, 0, 0);
	assert_int_equal(st[1].last.len, 64);		/* without a tag */
	send(3, 901, 300);
	expect(1, 1, 0, 0);
	assert_int_equal(st[1].last.len, 68);
	assert_int_equal(got16(1, 14), 20);
}

/* hostile-guest: a second tag comes to light where the first is taken off. */
static void double_tags_do_not_cross(void **state)
{
	const struct port_policy policy = trunk(10, 30, 31);

	set_policy(1, &policy, 0);
	send_tagged(1, ETH_TYPE_VLAN, 10, 20);
	expect(1, 0, 0, 0);		/* as it is to the uplink: still in VLAN 10 */
	assert_int_equal(st[0].last.len, 64);
	assert_int_equal(drops(2, DROP_VLAN), 1);
	send_tagged(1, ETH_TYPE_VLAN, 30, 20);
	expect(1, 0, 0, 0);
	assert_int_equal(got16(0, 14), 30);
	assert_int_equal(got16(0, 18), 20);
	send_tagged(1, ETH_TYPE_VLAN, 0, 20);
	send_tagged(1, ETH_TYPE_QINQ, 20, 0);
	expect(0, 0, 0, 0);
	assert_int_equal(drops(1, DROP_VLAN), 2);
}

static void the_last_vlan_takes_the_checks_along(void **state)
{
	const struct port_policy none = { 0 };

	assert_int_equal(sw->vlan_ports, 3);
	assert_int_equal(st[0].port.checks, PORT_VLAN);
	for (unsigned int i = 1; i < PORTS; i++)
		set_policy(i, &none, 0);
	assert_int_equal(sw->vlan_ports, 0);
	for (unsigned int i = 0; i < PORTS; i++)
		assert_int_equal(st[i].port.checks, 0);
	send_tagged(1, ETH_TYPE_VLAN, 20, 10);
	expect(1, 0, 1, 1);
}

static void a_tag_too_much_is_oversize(void **state)
{
	st[0].port.max_frame = 67;
	send(1, 200, 100);
	expect(0, 0, 1, 0);
	assert_int_equal(drops(0, DROP_OVERSIZE), 1);
}

static void parts_run_out_and_come_back(void **state)
{
	struct packet p;
	struct frame *frame = packet(&p, 200, 100);
	struct part *taken[CONFIG_OFFLOAD_FRAMES];
	unsigned int n = 0;

	while ((taken[n] = parts_take(&st[0].port)) != NULL)
		n++;
	send_frame(1, frame);
	expect(0, 0, 1, 0);
	assert_int_equal(drops(0, DROP_NO_MEMORY), 1);
	while (n--)
		parts_give(taken[n]);
	/* A NIC that is slow keeps the part, and the part the frame. */
	st[0].hold = true;
	send_frame(1, frame);
	expect(1, 0, 1, 0);
	assert_int_equal(frame->refs, 2);
	frame_put(st[0].held);
	assert_int_equal(frame->refs, 1);
	st[0].hold = false;
	for (unsigned int i = 0; i < 3 * CONFIG_OFFLOAD_FRAMES; i++)
		send_frame(1, frame);
	expect(3 * CONFIG_OFFLOAD_FRAMES, 0, 3 * CONFIG_OFFLOAD_FRAMES, 0);
	assert_int_equal(drops(0, DROP_NO_MEMORY), 1);
}

/* ---- Tags and offloads ---- */

static void checksum_moves_with_the_tag(void **state)
{
	struct packet p;
	struct frame *frame = packet(&p, 200, 100);
	u16 sum;

	frame->flags = FRAME_NEEDS_CSUM;
	frame->csum_start = 34;
	frame->csum_offset = 6;
	memset(p.bytes + 34, 0x31, 30);
	p.bytes[40] = p.bytes[41] = 0;
	st[0].port.offloads = FRAME_NEEDS_CSUM;
	send_frame(1, frame);
	assert_int_equal(st[0].last.csum_start, 38);
	assert_int_equal(st[0].last.csum_offset, 6);
	assert_true(st[0].last.flags & FRAME_NEEDS_CSUM);
	/* In software, behind the tag. */
	st[0].port.offloads = 0;
	st[2].port.offloads = FRAME_NEEDS_CSUM;
	frame->flags = FRAME_NEEDS_CSUM;
	send_frame(1, frame);
	assert_false(st[0].last.flags & FRAME_NEEDS_CSUM);
	assert_int_equal(st[0].port.stats.sw_csums, 1);
	sum = got16(0, 44);
	put_be16(p.bytes + 40, sum);
	assert_int_equal(csum_fold(csum_add(0, p.bytes + 34, 30, false)), UINT16_MAX);
}

/* hostile-guest: a checksum that would be written over the tag, or the source address. */
static void a_checksum_does_not_change_the_header(void **state)
{
	const struct port_policy policy = { .spoofchk = true };
	struct packet p;
	struct frame *frame = tagged(&p, 900, 100, ETH_TYPE_VLAN, 10, 0);

	set_policy(2, &policy, 100);
	frame->flags = FRAME_NEEDS_CSUM;
	frame->csum_start = 0;
	for (u16 field = 0; field < 18; field++) {
		frame->csum_offset = field;
		send_frame(0, frame);
		send_frame(2, frame);
	}
	frame->csum_start = 17;
	frame->csum_offset = 40;
	send_frame(0, frame);
	expect(0, 0, 0, 0);
	assert_int_equal(drops(0, DROP_MALFORMED), 19);
	assert_int_equal(drops(2, DROP_MALFORMED), 18);
	frame->csum_start = 18;
	send_frame(0, frame);
	expect(0, 1, 0, 0);
}

static void large_frames_keep_their_headers(void **state)
{
	static u8 payload[4000];
	struct packet p;
	struct frame *frame = packet(&p, 200, 100);

	put_be16(p.bytes + ETH_TYPE, ETH_TYPE_IP4);
	p.bytes[14] = 0x45;
	p.bytes[14 + IP4_PROTOCOL] = IP_TCP;
	p.bytes[34 + TCP_DATA_OFFSET] = 0x50;
	put_be16(p.bytes + 14 + IP4_LEN, 40 + sizeof(payload));
	frame->seg[0].len = 54;
	memcpy(frame->hdr, p.bytes, 54);
	frame->seg[0].ptr = frame->hdr;
	frame->hdr_len = 54;
	frame->seg[1] = (struct frame_seg){ .ptr = payload, .len = sizeof(payload) };
	frame->nr_segs = 2;
	frame->len = 54 + sizeof(payload);
	frame->flags = FRAME_NEEDS_CSUM;
	frame->csum_start = 34;
	frame->csum_offset = TCP_CHECK;
	assert_int_equal(gso_set(frame, FRAME_TSO4, 1000), 0);
	st[0].port.offloads = FRAME_OFFLOADS;
	send_frame(1, frame);
	assert_int_equal(st[0].nr, 1);
	assert_int_equal(st[0].last.gso_hdr_len, 58);
	assert_int_equal(st[0].last.gso_ip_start, 18);
	assert_int_equal(st[0].last.gso_size, 1000);
	assert_int_equal(st[0].last.len, 58 + sizeof(payload));
	/* To one that cannot cut: four parts, each with its tag. */
	st[0].port.offloads = FRAME_NEEDS_CSUM;
	st[0].nr = 0;
	send_frame(1, frame);
	assert_int_equal(st[0].nr, 4);
	assert_int_equal(st[0].last.len, 58 + 1000);
	assert_int_equal(got16(0, 14), 10);
	assert_int_equal(got16(0, 18 + IP4_LEN), 1040);
	assert_int_equal(frame->refs, 1);
}

/* hostile-guest: headers as long as the private copy, which a tag would make longer. */
static void large_frames_have_room_for_a_tag(void **state)
{
	static u8 payload[4000];
	struct packet p;
	struct frame *frame = packet(&p, 200, 100);
	u8 *hdr = frame->hdr;

	for (unsigned int tcp_len = 48; tcp_len <= 52; tcp_len += 4) {
		const u32 ip_len = 60, len = ETH_HLEN + ip_len + tcp_len;
		bool fits = len + VLAN_HLEN <= FRAME_HDR_MAX;

		memset(hdr, 0, FRAME_HDR_MAX);
		memcpy(hdr, p.bytes, ETH_TYPE);
		put_be16(hdr + ETH_TYPE, ETH_TYPE_IP4);
		hdr[ETH_HLEN] = 0x4f;
		hdr[ETH_HLEN + IP4_PROTOCOL] = IP_TCP;
		hdr[ETH_HLEN + ip_len + TCP_DATA_OFFSET] = (u8)(tcp_len / 4 << 4);
		put_be16(hdr + ETH_HLEN + IP4_LEN, (u16)(ip_len + tcp_len + sizeof(payload)));
		frame->seg[0] = (struct frame_seg){ .ptr = hdr, .len = len };
		frame->seg[1] = (struct frame_seg){ .ptr = payload, .len = sizeof(payload) };
		frame->hdr_len = len;
		frame->nr_segs = 2;
		frame->len = len + sizeof(payload);
		frame->flags = FRAME_NEEDS_CSUM;
		frame->csum_start = (u16)(ETH_HLEN + ip_len);
		frame->csum_offset = TCP_CHECK;
		assert_int_equal(gso_set(frame, FRAME_TSO4, 1000), 0);
		assert_int_equal(frame->gso_hdr_len, len);
		send_frame(1, frame);
		assert_int_equal(st[0].nr, fits ? 4 : 0);
		assert_int_equal(drops(0, DROP_MALFORMED), fits ? 0 : 1);
		st[0].nr = 0;
	}
}

/* ---- Addresses ---- */

static void other_sources_are_dropped(void **state)
{
	const struct port_policy policy = { .spoofchk = true };

	set_policy(1, &policy, 100);
	send(2, 1, 200);
	expect(1, 1, 0, 1);
	send(1, 200, 100);
	expect(0, 0, 1, 0);
	/* Neither somebody else's nor any other: nothing moves, nothing fills the table. */
	send(1, 300, 200);
	for (u32 i = 0; i < 1000000; i++)
		send(1, 200, 1000 + i);
	expect(0, 0, 0, 0);
	assert_int_equal(drops(1, DROP_SPOOF), 1000001);
	assert_int_equal(sw->fdb.used, 2);
	assert_int_equal(sw->fdb.moved, 0);
	assert_int_equal(sw->fdb.full, 0);
	send(3, 200, 300);
	expect(0, 0, 1, 0);
	/* What it gets is not looked at. */
	send(3, 100, 300);
	expect(0, 1, 0, 0);
}

/* ---- Rates ---- */

static unsigned int flood(unsigned int from, unsigned int frames)
{
	struct packet p;
	struct frame *frame = packet(&p, 0, 100);
	u64 before = drops(from, DROP_RATE);

	memset(p.bytes, 0xff, 6);
	for (unsigned int i = 0; i < frames; i++)
		send_frame(from, frame);
	return frames - (unsigned int)(drops(from, DROP_RATE) - before);
}

static void frames_above_the_rate_are_dropped(void **state)
{
	const struct port_policy policy = { .rate = 512, .burst = 51 };	/* 1000 of 64 B a second */
	unsigned int passed;

	set_policy(1, &policy, 100);
	assert_int_equal(flood(1, 500), 100);	/* the burst, and a little debt */
	assert_int_equal(st[2].port.stats.tx_frames, 100);
	passed = 0;
	for (unsigned int i = 0; i < 10000; i++) {
		host_time_advance(NSEC_PER_MSEC);
		passed += flood(1, 3);
	}
	/* A storm of 3,000 a second is 1,000 a second for everybody else. */
	assert_in_range(passed, 9999, 10001);
	/* Time off fills the bucket, and not more than that. */
	host_time_advance(3600 * SEC);
	assert_int_equal(flood(1, 500), 100);
	/* Other ports have no limit. */
	assert_int_equal(flood(2, 500), 500);
}

static void frames_are_counted_too(void **state)
{
	const struct port_policy policy = { .kpkts_rate = 2, .kpkts_burst = 1 };

	set_policy(1, &policy, 100);
	assert_int_equal(flood(1, 5000), 1000);
	host_time_advance(SEC / 4);
	assert_int_equal(flood(1, 5000), 500);
}

#define VLAN_TEST(f) cmocka_unit_test_setup_teardown(f, setup_vlans, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_checked_by_default),
		VLAN_TEST(access_ports_share_a_vlan),
		VLAN_TEST(tag_is_put_in_for_the_trunk),
		VLAN_TEST(tag_is_taken_off_for_the_guest),
		VLAN_TEST(access_port_takes_no_tags),
		VLAN_TEST(a_tag_that_ends_early_is_dropped),
		VLAN_TEST(a_port_without_a_vlan_names_none),
		VLAN_TEST(trunk_port_has_its_vlans),
		VLAN_TEST(trunk_port_with_a_native_vlan),
		VLAN_TEST(double_tags_do_not_cross),
		VLAN_TEST(the_last_vlan_takes_the_checks_along),
		VLAN_TEST(a_tag_too_much_is_oversize),
		VLAN_TEST(parts_run_out_and_come_back),
		VLAN_TEST(checksum_moves_with_the_tag),
		VLAN_TEST(a_checksum_does_not_change_the_header),
		VLAN_TEST(large_frames_keep_their_headers),
		VLAN_TEST(large_frames_have_room_for_a_tag),
		TEST(other_sources_are_dropped),
		TEST(frames_above_the_rate_are_dropped),
		TEST(frames_are_counted_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
