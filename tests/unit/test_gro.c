/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segments merged into large frames. What the receiver gets, cut again by net/gso.c, is what came:
 * byte by byte, and each connection in its order. The bytes of a segment lie in memory of exactly
 * their length, so that ASan sees a look behind them.
 */
#include "tests/unit/switch_fixture.h"

#include <stdlib.h>

#include "net/csum.h"
#include "net/gro.h"
#include "net/gso.h"
#include "tests/unit/tcp_frame.h"

#define SEGS	160
#define IP_MAX	65535
#define TSO	(FRAME_NEEDS_CSUM | FRAME_TSO4 | FRAME_TSO6)

static const u8 receiver_mac[6] = { 0x02, 0, 0, 0, 0, 0x99 };	/* as in tcp_frame_make() */

/* A segment, and what its bytes were. */
struct seg {
	struct frame frame;
	u8 *bytes, *copy;
	u32 ip, tcp, payload;
};

static struct seg seg[SEGS];
static struct frame *frames[SEGS];
static unsigned int nr;

/* ---- Making them ---- */

static void sums(struct seg *s, bool ip6)
{
	u8 *ip = s->bytes + s->ip, *tcp = s->bytes + s->tcp;
	u32 len = s->frame.len - s->tcp, sum;

	if (!ip6) {
		tcp_put16(ip + 10, 0);
		tcp_put16(ip + 10, ~tcp_sum(0, ip, (ip[0] & 0xfu) * 4));
	}
	tcp_put16(tcp + 16, 0);
	sum = tcp_sum(len + 6, ip + (ip6 ? 8 : 12), ip6 ? 32 : 8);
	sum = tcp_sum(sum, tcp, len);
	tcp_put16(tcp + 16, sum == 0xffff ? 0xffff : ~sum);	/* as gso.c: never 0 */
	memcpy(s->copy, s->bytes, s->frame.len);
}

static struct seg *add(const struct tcp_spec *spec)
{
	static struct tcp_frame f;
	struct seg *s = &seg[nr];

	assert_true(nr < SEGS);
	tcp_frame_make(&f, spec);
	if (spec->payload)
		f.data[f.payload] ^= (u8)nr;
	*s = (struct seg){
		.bytes = malloc(f.len), .copy = malloc(f.len),
		.ip = f.ip, .tcp = f.tcp, .payload = f.payload,
	};
	memcpy(s->bytes, f.data, f.len);
	s->frame = (struct frame){
		.seg = { { .ptr = s->bytes, .phys = 0x1000 * nr, .len = f.len } },
		.nr_segs = 1, .len = f.len, .flags = FRAME_CSUM_VALID, .refs = 1,
	};
	sums(s, spec->ip6);
	frames[nr++] = &s->frame;
	return s;
}

/* @n segments that follow each other, the last one with @last bytes and with the flags of @spec. */
static void add_run(const struct tcp_spec *spec, unsigned int n, u32 last)
{
	struct tcp_spec s = *spec;

	for (unsigned int i = 0; i < n; i++) {
		s.flags = (u8)(i + 1 < n ? TCP_F_ACK : spec->flags | TCP_F_ACK);
		s.payload = i + 1 < n ? spec->payload : last;
		add(&s);
		s.seq += s.payload;
		s.id++;
	}
}

static void forget(void)
{
	for (unsigned int i = 0; i < nr; i++) {
		free(seg[i].bytes);
		free(seg[i].copy);
	}
	nr = 0;
}

static int setup_receiver(void **state)
{
	u8 bytes[64] = { 0x02, 0, 0, 0, 0, 0x01 };
	struct frame frame = {
		.seg = { { .ptr = bytes, .len = sizeof(bytes) } },
		.nr_segs = 1, .len = sizeof(bytes), .refs = 1,
	}, *p = &frame;

	setup(state);
	memcpy(bytes + 6, receiver_mac, sizeof(receiver_mac));
	switch_input(&st[1].port, &p, 1);
	st[1].port.policy.gro = true;
	st[1].port.offloads = TSO;
	return 0;
}

static int teardown_receiver(void **state)
{
	forget();
	return teardown(state);
}

/* ---- Judging ---- */

static void assert_untouched(const struct seg *s)
{
	assert_int_equal(s->frame.nr_segs, 1);
	assert_ptr_equal(s->frame.seg[0].ptr, s->bytes);
	assert_null(s->frame.frags);
	assert_memory_equal(s->bytes, s->copy, s->frame.len);
}

/* The segment that came as @part is in it: connection by ports, place by the sequence number. */
static bool is_of(const struct seg *s, const u8 *part, u32 len)
{
	return s->frame.seg[0].len == len && !memcmp(s->copy, part, len);
}

/* So many segments of @payload bytes fit into a large frame of these. */
static unsigned int run_max(const struct tcp_spec *spec)
{
	u32 hdr = (spec->ip6 ? 40 : 20) + 20 + spec->tcp_options;

	return MIN(MAX((IP_MAX - hdr) / spec->payload, 1u), (u32)GRO_SEGS_MAX);
}

/* Which segment comes next of the connection that @part belongs to, from @seg[*at] on. */
static void expect_part(const u8 *part, u32 len, unsigned int *at, bool ip6, u32 tcp)
{
	for (; *at < nr; ++*at)
		if (is_of(&seg[*at], part, len)) {
			++*at;
			return;
		}
	fail_msg("a part that never came, or too late: seq %u, %u bytes%s",
		 tcp_get32(part + tcp + 4), len, ip6 ? ", IPv6" : "");
}

/* @frame, cut: its segments, in their order. How many. */
static unsigned int expect_cut(struct frame *frame)
{
	struct frame part = { .refs = 1 };
	unsigned int n = 0, at = 0, frags = 0;
	struct gso_cut cut;
	u8 wire[34000];

	assert_int_equal(frame->flags & ~(FRAME_TSO4 | FRAME_TSO6), FRAME_NEEDS_CSUM);
	for (const struct frame *f = frame->frags; f; f = f->frags)
		frags++;
	assert_int_equal(frags + 1, frame->nr_segs);
	assert_true(gso_cut_init(&cut, frame));
	for (; gso_cut_next(&cut, &part); n++) {
		assert_int_equal(frame_checksum(&part), 0);
		assert_true(part.len <= sizeof(wire));
		frame_copy_out(&part, 0, wire, part.len);
		expect_part(wire, part.len, &at, frame->flags & FRAME_TSO6, frame->csum_start);
	}
	assert_int_equal(n, frame->nr_segs);
	return n;
}

static unsigned int merge(void)
{
	return gro_merge(&st[0].port, frames, nr);
}

/* Each frame that is left is a segment as it came, or all of its segments when it is cut. */
static void expect_all(unsigned int left)
{
	unsigned int segs = 0;

	for (unsigned int i = 0; i < left; i++) {
		if (frames[i]->flags & FRAME_TSO) {
			segs += expect_cut(frames[i]);
			continue;
		}
		assert_untouched(container_of(frames[i], struct seg, frame));
		segs++;
	}
	assert_int_equal(segs, nr);
}

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
		/* The headers are those of a frame that was never cut, pseudo header's sum and all. */
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
		{ { .payload = 65515, .ip6 = true }, 1 },	/* not one, as large frames are counted */
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

/* ---- Reasons not to ---- */

struct change {
	const char *what;
	unsigned int base;	/* of `at`: 0 frame, 1 IP, 2 TCP */
	unsigned int at;
	u8 value;		/* exclusive or */
	bool wrong;		/* the checksums are left as they were */
};

static void assert_not_merged(const struct tcp_spec *spec, const struct change *c, unsigned int n)
{
	struct seg *s;
	u32 base;

	add_run(spec, 3, spec->payload);
	s = &seg[n];
	base = c->base == 2 ? s->tcp : c->base ? s->ip : 0;
	s->bytes[base + c->at] ^= c->value;
	if (!c->wrong)
		sums(s, spec->ip6);
	memcpy(s->copy, s->bytes, s->frame.len);
	merge();
	if (s->frame.nr_segs != 1 || s->frame.flags != FRAME_CSUM_VALID || s->frame.frags)
		fail_msg("segment %u, %s%s: merged", n, c->what, spec->ip6 ? " (IPv6)" : "");
	assert_untouched(s);
	for (unsigned int i = 0; i < 3; i++)
		if (seg[i].frame.nr_segs == 3 || (n == 1 && seg[i].frame.nr_segs != 1))
			fail_msg("segment %u, %s%s: merged over it", n, c->what,
				 spec->ip6 ? " (IPv6)" : "");
	forget();
}

static void segments_that_differ(void **state)
{
	static const struct change both[] = {
		{ "destination", 0, 0, 0x04, false }, { "destination", 0, 5, 0x01, false },
		{ "source", 0, 6, 0x04, false }, { "source", 0, 11, 0x01, false },
		{ "sequence number", 2, 7, 0x01, false }, { "sequence number", 2, 4, 0x80, false },
		{ "acknowledgement", 2, 8, 0x01, false }, { "acknowledgement", 2, 11, 0x01, false },
		{ "reserved bit", 2, 12, 0x01, false }, { "CWR", 2, 13, 0x80, false },
		{ "ECE", 2, 13, 0x40, false }, { "URG", 2, 13, 0x20, false },
		{ "ACK", 2, 13, 0x10, false }, { "RST", 2, 13, 0x04, false },
		{ "SYN", 2, 13, 0x02, false }, { "window", 2, 14, 0x01, false },
		{ "window", 2, 15, 0x01, false }, { "urgent pointer", 2, 18, 0x01, false },
		{ "urgent pointer", 2, 19, 0x01, false }, { "option", 2, 20, 0x01, false },
		{ "option", 2, 31, 0x01, false }, { "header length", 2, 12, 0x10, false },
	}, ip4[] = {
		{ "version", 1, 0, 0x20, false }, { "IHL", 1, 0, 0x03, true },
		{ "TOS", 1, 1, 0x01, false }, { "length", 1, 3, 0x01, false },
		{ "id", 1, 5, 0x04, false }, { "id", 1, 4, 0x80, false },
		{ "DF", 1, 6, 0x40, false }, { "more fragments", 1, 6, 0x20, false },
		{ "offset", 1, 7, 0x01, false }, { "TTL", 1, 8, 0x01, false },
		{ "protocol", 1, 9, 0x80, false }, { "checksum", 1, 10, 0x01, true },
		{ "checksum", 1, 11, 0x01, true }, { "TCP checksum's other zero", 0, 0, 0, true },
	}, ip6[] = {
		{ "version", 1, 0, 0x20, false }, { "traffic class", 1, 1, 0x10, false },
		{ "flow label", 1, 3, 0x01, false }, { "length", 1, 5, 0x01, false },
		{ "next header", 1, 6, 0x80, false }, { "hop limit", 1, 7, 0x01, false },
	};
	struct tcp_spec spec = { .payload = 1000, .tcp_options = 12 };

	for (unsigned int n = 1; n <= 2; n++) {
		for (unsigned int i = 0; i < 2 * ARRAY_SIZE(both); i++) {
			spec.ip6 = i & 1;
			assert_not_merged(&spec, &both[i / 2], n);
		}
		spec.ip6 = false;
		for (unsigned int i = 0; i + 1 < ARRAY_SIZE(ip4); i++)
			assert_not_merged(&spec, &ip4[i], n);
		spec.ip6 = true;
		for (unsigned int i = 0; i < ARRAY_SIZE(ip6); i++)
			assert_not_merged(&spec, &ip6[i], n);
	}
}

/* Each of these as the second of three, changed by hand. */
static void expect_alone(const char *what)
{
	unsigned int left = merge();

	if (seg[1].frame.frags || seg[0].frame.nr_segs != 1)
		fail_msg("%s: merged", what);
	assert_true(left >= 2);
	forget();
}

static void segments_that_are_none(void **state)
{
	struct tcp_spec spec = { .payload = 1000 };

	add_run(&spec, 3, 1000);
	seg[1].frame.flags = 0;
	expect_alone("checksum not looked at");
	add_run(&spec, 3, 1000);
	seg[1].frame.flags = FRAME_CSUM_VALID | FRAME_NEEDS_CSUM;
	expect_alone("checksum left open");
	add_run(&spec, 2, 1001);
	assert_int_equal(merge(), 2);		/* longer than the first */
	forget();
	add_run(&spec, 2, 0);
	assert_int_equal(merge(), 2);		/* an acknowledgement */
	forget();
	add_run(&spec, 3, 1000);
	seg[1].frame.len = seg[1].frame.seg[0].len = seg[1].tcp + 10;
	expect_alone("cut short");
	add_run(&spec, 3, 1000);
	seg[1].frame.nr_segs = 2;
	seg[1].frame.seg[0].len -= 10;
	seg[1].frame.seg[1] = (struct frame_seg){ .ptr = seg[1].bytes + 1044, .len = 10 };
	expect_alone("in two pieces");
	add_run(&spec, 3, 1000);
	tcp_put16(seg[1].bytes + seg[1].tcp + 16, 0);
	expect_alone("TCP checksum's other zero");
	add_run(&spec, 3, 1000);
	tcp_put16(seg[1].bytes + seg[1].ip + 10, 0xffff);
	expect_alone("IP checksum's other zero");
	spec.ip_options = 4;
	add_run(&spec, 3, 1000);
	expect_alone("IP options");
	spec = (struct tcp_spec){ .payload = 1000, .ip6 = true, .extensions = 1 };
	add_run(&spec, 3, 1000);
	expect_alone("extension header");
	spec = (struct tcp_spec){ .payload = 1000, .vlans = 2 };
	add_run(&spec, 3, 1000);
	expect_alone("two tags");
}

/* Padding behind a short segment is none of its bytes. */
static void padded_segments(void **state)
{
	const struct tcp_spec spec = { .payload = 2 };

	add_run(&spec, 2, 2);
	for (unsigned int i = 0; i < 2; i++) {
		u8 *padded = calloc(1, 60);

		memcpy(padded, seg[i].bytes, seg[i].frame.len);
		free(seg[i].bytes);
		seg[i].bytes = padded;
		seg[i].frame.seg[0] = (struct frame_seg){ .ptr = padded, .len = 60 };
		seg[i].frame.len = 60;
	}
	assert_int_equal(merge(), 2);
	assert_int_equal(seg[0].frame.nr_segs, 1);
}

/* An IP header that was wrong from the start, and stays equally wrong. */
static void wrong_from_the_first(void **state)
{
	const struct tcp_spec spec = { .payload = 1000 };

	add_run(&spec, 3, 1000);
	for (unsigned int i = 0; i < 3; i++)
		seg[i].bytes[seg[i].ip + 10] ^= 0x10;
	assert_int_equal(merge(), 3);
	forget();
	add_run(&spec, 3, 1000);
	for (unsigned int i = 0; i < 3; i++) {
		seg[i].bytes[seg[i].ip + 6] = 0x20;	/* more fragments */
		sums(&seg[i], false);
	}
	assert_int_equal(merge(), 3);
	forget();
	add_run(&spec, 3, 1000);
	for (unsigned int i = 0; i < 3; i++) {
		tcp_put16(seg[i].bytes + seg[i].ip + 2, 1030);
		sums(&seg[i], false);
	}
	assert_int_equal(merge(), 3);
}

/* What may be of the same connection, between two segments, stays between them. */
static void nothing_is_merged_over(void **state)
{
	const struct tcp_spec run = { .payload = 1000 };
	const struct tcp_spec between[] = {
		{ .payload = 0, .seq = 1000, .id = 9, .flags = TCP_F_ACK },
		{ .payload = 10, .seq = 5000, .id = 9, .flags = TCP_F_ACK },
		{ .payload = 10, .ip_options = 4, .flags = TCP_F_ACK },
		{ .payload = 10, .ip6 = true, .extensions = 1, .flags = TCP_F_ACK },
		{ .payload = 10, .vlans = 2, .flags = TCP_F_ACK },
	};
	struct tcp_spec next = { .payload = 1000, .seq = 1000, .id = 1, .flags = TCP_F_ACK };

	for (unsigned int i = 0; i < ARRAY_SIZE(between); i++) {
		add_run(&run, 1, 1000);
		add(&between[i]);
		add(&next);
		assert_int_equal(merge(), 3);
		expect_all(3);
		forget();
	}
}


/* Headers cut short at each length: never a look behind the end. */
static void cut_short(void **state)
{
	for (unsigned int ip6 = 0; ip6 < 2; ip6++) {
		const struct tcp_spec spec = {
			.payload = 100, .ip6 = ip6, .vlans = 1, .tcp_options = 12,
		};

		for (u32 len = 0; len < 14 + 4 + 40 + 32; len++) {
			add_run(&spec, 3, 100);
			for (unsigned int i = 0; i < 3; i += 2) {
				u8 *bytes = malloc(MAX(len, 1u));

				memcpy(bytes, seg[i].bytes, len);
				free(seg[i].bytes);
				seg[i].bytes = bytes;
				seg[i].frame.seg[0] = (struct frame_seg){ bytes, 0, len };
				seg[i].frame.len = len;
			}
			assert_int_equal(merge(), 3);
			forget();
		}
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
		T(segments_that_differ),
		T(segments_that_are_none),
		T(padded_segments),
		T(wrong_from_the_first),
		T(nothing_is_merged_over),
		T(cut_short),
		T(only_for_who_wants_them),
		T(one_alone_stays_as_it_is),
		T(whatever_comes),
	};
	return cmocka_run_group_tests_name("gro", tests, NULL, NULL);
}
