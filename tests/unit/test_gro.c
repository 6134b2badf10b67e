/* SPDX-License-Identifier: BSD-2-Clause */
/* Segments merged into large frames: which, how many, for whom. */
#include "tests/unit/gro_fixture.h"

/* ---- Merging ---- */

static void merged_and_cut_again(void **state)
{
	static const struct tcp_spec specs[] = {
		{ .payload = 1460, .flags = TCP_F_PSH },
		{ .payload = 1448, .tcp_options = 12, .id = 0xfffe, .seq = 0xfffffff0 },
		{ .payload = 1448, .tcp_options = 12, .vlans = 1, .flags = TCP_F_FIN | TCP_F_PSH },
		{ .payload = 1, .tcp_options = 40, .flags = TCP_F_PSH },
		{ .payload = 1440, .ip6 = true },
		{ .payload = 999, .ip6 = true, .tcp_options = 12, .vlans = 1, .flags = TCP_F_FIN },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(specs); i++)
		for (unsigned int n = 2; n <= run_max(&specs[i]); n++)
			for (u32 last = specs[i].payload; last; last /= 3) {
				const struct frame *frame;

				add_run(&specs[i], n, last);
				assert_int_equal(merge(), 1);
				frame = frames[0];
				assert_ptr_equal(frame, &seg[0].frame);
				assert_int_equal(frame->gso_size, specs[i].payload);
				assert_int_equal(frame_wire_len(frame), seg[0].frame.seg[0].len);
				assert_int_equal(frame->len, seg[0].payload + last +
						 (n - 1) * specs[i].payload);
				expect_all(1);
				forget();
			}
}

/* What a receiver is told is what gso_set() makes of those headers. */
static void as_a_large_frame_from_a_guest(void **state)
{
	for (unsigned int ip6 = 0; ip6 < 2; ip6++) {
		const struct tcp_spec spec = {
			.payload = 1448, .tcp_options = 12, .ip6 = ip6, .flags = TCP_F_PSH,
		};
		struct tcp_frame *whole = malloc(sizeof(*whole));
		struct tcp_spec all = spec;
		struct frame told;
		u16 check;

		add_run(&spec, 10, 100);
		assert_int_equal(merge(), 1);
		told = *frames[0];
		told.flags = FRAME_NEEDS_CSUM;
		told.gso_size = told.gso_hdr_len = told.gso_ip_start = 0;
		assert_int_equal(gso_set(&told, ip6 ? FRAME_TSO6 : FRAME_TSO4, 1448), 0);
		assert_memory_equal(&told, frames[0], sizeof(told));
		/* The headers are those of a frame that was never cut, pseudo header and all. */
		all.payload = 9 * 1448 + 100;
		all.flags = TCP_F_ACK | TCP_F_PSH;
		tcp_frame_make(whole, &all);
		memcpy(&check, frames[0]->seg[0].ptr + whole->tcp + 16, 2);
		assert_int_equal(check % 0xffff,
				 tcp_pseudo_sum(whole, &all, whole->len - whole->tcp) % 0xffff);
		memcpy(whole->data + whole->tcp + 16, &check, 2);
		assert_memory_equal(frames[0]->seg[0].ptr, whole->data, whole->payload);
		free(whole);
		forget();
	}
}

static void a_run_is_as_long_as_pieces_fit(void **state)
{
	const struct tcp_spec spec = { .payload = 1000 };

	add_run(&spec, 3 * GRO_SEGS_MAX + 1, 1000);
	assert_int_equal(merge(), 4);
	assert_int_equal(frames[0]->nr_segs, GRO_SEGS_MAX);
	assert_int_equal(frames[3]->nr_segs, 1);
	expect_all(4);
	assert_int_equal(st[0].port.stats.gro_frames, 3);
	assert_int_equal(st[0].port.stats.gro_segs, 3 * GRO_SEGS_MAX);
}

/* IP's length field bounds it where segments are long: what it would not hold is the next one's. */
static void a_run_is_as_long_as_ip_allows(void **state)
{
	static const struct {
		struct tcp_spec spec;
		unsigned int segs;
	} cases[] = {
		{ { .payload = 1460 }, 44 },
		{ { .payload = 1456 }, 44 },			/* 45: 25 bytes too many */
		{ { .payload = 1455 }, 45 },			/* 45: 20 left */
		{ { .payload = 1456, .tcp_options = 12, .vlans = 1 }, 44 },
		{ { .payload = 1455, .ip6 = true }, 45 },	/* none left, IP's header counted */
		{ { .payload = 1456, .ip6 = true }, 44 },
		{ { .payload = 2000, .ip6 = true }, 32 },
		{ { .payload = 32747 }, 2 },			/* as long as can be */
		{ { .payload = 32748 }, 1 },
		{ { .payload = 65515, .ip6 = true }, 1 },	/* not a large one by count */
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned int segs = cases[i].segs, left;

		assert_int_equal(run_max(&cases[i].spec), segs);
		add_run(&cases[i].spec, 2 * segs, cases[i].spec.payload);
		left = merge();
		assert_int_equal(left, 2);
		for (unsigned int n = 0; n < left; n++) {
			assert_int_equal(frames[n]->nr_segs, segs);
			assert_true(segs == 1 || frames[n]->len - seg[0].ip <= IP_MAX);
		}
		if (segs > 1)
			assert_int_equal(tcp_get16(frames[0]->seg[0].ptr + seg[0].ip +
						   (cases[i].spec.ip6 ? 4 : 2)),
					 frames[0]->len - seg[0].ip -
					 (cases[i].spec.ip6 ? 40 : 0));
		expect_all(left);
		forget();
	}
}

/* A push ends a run, and a shorter segment does; what follows is a run of its own. */
static void a_push_ends_a_run(void **state)
{
	struct tcp_spec spec = { .payload = 1000, .flags = TCP_F_PSH };

	add_run(&spec, 3, 1000);
	spec.seq += 3000;
	spec.id += 3;
	add_run(&spec, 3, 500);
	spec.seq += 2500;
	spec.id += 3;
	spec.flags = 0;
	add_run(&spec, 4, 1000);
	assert_int_equal(merge(), 3);
	assert_ptr_equal(frames[0], &seg[0].frame);
	assert_ptr_equal(frames[1], &seg[3].frame);
	assert_ptr_equal(frames[2], &seg[6].frame);
	expect_all(3);
}

/* Segments of more connections than are looked at, in turn. */
static void connections_do_not_mix(void **state)
{
	for (unsigned int flows = 2; flows <= 12; flows++) {
		unsigned int left;

		for (unsigned int i = 0; i < 5; i++)
			for (unsigned int f = 0; f < flows; f++) {
				const struct tcp_spec spec = {
					.payload = 500, .seq = 500 * i, .id = (u16)i, .ip6 = f & 1,
					.flags = TCP_F_ACK,
				};
				struct seg *s = add(&spec);

				tcp_put16(s->bytes + s->tcp, 1000 + f);
				sums(s, f & 1);
			}
		left = merge();
		if (flows <= 8)
			assert_int_equal(left, flows);
		expect_all(left);
		forget();
	}
}

/* ---- Whom for ---- */

static void only_for_who_wants_them(void **state)
{
	const struct tcp_spec ip4 = { .payload = 1000 }, ip6 = { .payload = 1000, .ip6 = true };
	const struct tcp_spec tagged = { .payload = 1000, .vlans = 1 };
	const struct port_policy vlan = { .gro = true, .vlan = { .tag = 10 } };
	struct port *port = &st[1].port;

	for (unsigned int i = 0; i < 5; i++) {
		port->offloads = (u16)(i == 0 ? FRAME_NEEDS_CSUM | FRAME_TSO6 : i == 1 ? 0 : TSO);
		port->policy.gro = i != 2;
		add_run(&ip4, 5, 1000);
		if (i == 3)
			for (unsigned int n = 0; n < 5; n++)
				seg[n].bytes[5] ^= 1;		/* to nobody known */
		if (i == 4)
			for (unsigned int n = 0; n < 5; n++)
				memset(seg[n].bytes, 0xff, 6);	/* to all */
		for (unsigned int n = 0; n < 5; n++)
			memcpy(seg[n].copy, seg[n].bytes, 6);
		assert_int_equal(merge(), 5);
		expect_all(5);
		forget();
	}
	port->offloads = FRAME_NEEDS_CSUM | FRAME_TSO6;
	add_run(&ip6, 5, 1000);
	assert_int_equal(merge(), 1);
	forget();
	/* In its VLAN only. */
	port->offloads = TSO;
	switch_detach(port);
	port_set_policy(port, &vlan, receiver_mac);
	assert_int_equal(switch_attach(sw, port), 0);
	port->link_up = true;
	add_run(&ip4, 1, 1000);
	memcpy(seg[0].bytes + 6, receiver_mac, 6);
	switch_input(port, frames, 1);
	forget();
	add_run(&ip4, 5, 1000);
	assert_int_equal(merge(), 5);
	forget();
	add_run(&tagged, 5, 1000);
	for (unsigned int n = 0; n < 5; n++) {
		tcp_put16(seg[n].bytes + 14, 0x2000 + 10);
		memcpy(seg[n].copy, seg[n].bytes, 18);
	}
	assert_int_equal(merge(), 1);
	expect_all(1);
}

static void one_alone_stays_as_it_is(void **state)
{
	const struct tcp_spec spec = { .payload = 1000 };

	add_run(&spec, 1, 1000);
	assert_int_equal(merge(), 1);
	expect_all(1);
	assert_int_equal(gro_merge(&st[0].port, frames, 0), 0);
}

/* ---- Anything ---- */

static u32 random_state = 12345;

static u32 rnd(u32 n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % n;
}

/* Three connections, with now and then a bit changed, a segment lost, a push, another size. */
static void whatever_comes(void **state)
{
	u64 before = st[0].port.stats.gro_segs;

	for (unsigned int round = 0; round < 20000; round++) {
		struct tcp_spec flow[3] = {
			{ .seq = rnd(2) ? 0xfffff000 : 7, .id = (u16)rnd(65536), .payload = 300 },
			{ .tcp_options = 12, .payload = 700, .id = 0xffff },
			{ .ip6 = true, .tcp_options = 12, .payload = 100 + rnd(300) },
		};
		unsigned int count = 2 + rnd(30);

		while (nr < count) {
			unsigned int f = rnd(8) ? 0 : rnd(3);
			struct tcp_spec spec = flow[f];
			struct seg *s;

			spec.flags = (u8)(TCP_F_ACK | (rnd(12) ? 0 : TCP_F_PSH));
			if (!rnd(12))
				spec.payload = rnd(spec.payload + 2);
			flow[f].seq += spec.payload;
			flow[f].id++;
			s = add(&spec);
			if (!rnd(10)) {
				u32 at = rnd(s->payload);

				s->bytes[at] ^= (u8)(1u << rnd(8));
				if (rnd(2) && (spec.ip6 || s->bytes[s->ip] == 0x45))
					sums(s, spec.ip6);
				else if (at >= s->ip + 8)	/* what the NIC looks at */
					s->frame.flags = 0;
				memcpy(s->copy, s->bytes, s->frame.len);
			}
			if (!rnd(20))
				flow[f].seq += 1;
		}
		expect_all(merge());
		forget();
	}
	assert_true(st[0].port.stats.gro_segs - before > 20000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup_receiver, teardown_receiver)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(merged_and_cut_again),
		T(as_a_large_frame_from_a_guest),
		T(a_run_is_as_long_as_pieces_fit),
		T(a_run_is_as_long_as_ip_allows),
		T(a_push_ends_a_run),
		T(connections_do_not_mix),
		T(only_for_who_wants_them),
		T(one_alone_stays_as_it_is),
		T(whatever_comes),
	};
	return cmocka_run_group_tests_name("gro", tests, NULL, NULL);
}
