/* SPDX-License-Identifier: BSD-2-Clause */
/* Segments that are not merged into large frames, and why. */
#include "tests/unit/gro_fixture.h"

#include "net/headers.h"

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
		{ "option", 2, 31, 0x01, false }, { "option", 2, 27, 0x01, false },
		{ "option", 2, 28, 0x01, false }, { "header length", 2, 12, 0x10, false },
		{ "source port", 2, 0, 0x01, true }, { "source port", 2, 1, 0x01, true },
		{ "destination port", 2, 2, 0x01, true }, { "destination port", 2, 3, 0x01, true },
	}, ip4[] = {
		{ "version", 1, 0, 0x20, false }, { "IHL", 1, 0, 0x03, true },
		{ "TOS", 1, 1, 0x01, false }, { "length", 1, 3, 0x01, false },
		{ "id", 1, 5, 0x04, false }, { "id", 1, 4, 0x80, false },
		{ "DF", 1, 6, 0x40, false }, { "more fragments", 1, 6, 0x20, false },
		{ "offset", 1, 7, 0x01, false }, { "TTL", 1, 8, 0x01, false },
		{ "protocol", 1, 9, 0x80, false }, { "checksum", 1, 10, 0x01, true },
		{ "checksum", 1, 11, 0x01, true },
		{ "source address", 1, 12, 0x01, true }, { "source address", 1, 15, 0x01, true },
		{ "destination address", 1, 16, 0x01, true },
		{ "destination address", 1, 19, 0x01, true }, { "TCP checksum's other zero", 0, 0, 0, true },
	}, ip6[] = {
		{ "version", 1, 0, 0x20, false }, { "traffic class", 1, 1, 0x10, false },
		{ "flow label", 1, 3, 0x01, false }, { "length", 1, 5, 0x01, false },
		{ "next header", 1, 6, 0x80, false }, { "hop limit", 1, 7, 0x01, false },
		{ "source address", 1, 8, 0x01, true }, { "source address", 1, 23, 0x01, true },
		{ "destination address", 1, 24, 0x01, true },
		{ "destination address", 1, 39, 0x01, true },
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
	add_run(&spec, 3, 1000);
	for (unsigned int i = 0; i < 3; i++) {		/* its last four bytes are payload, then */
		u8 *tcp = seg[i].bytes + seg[i].tcp;

		tcp[12] = 4 << 4;
		put_be32(tcp + TCP_SEQ, get_be32(seg[0].bytes + seg[0].tcp + TCP_SEQ) + 1004 * i);
	}
	expect_alone("TCP header shorter than it can be");
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

/* A checksum of 0 is followed by fffe, not by a borrow from the protocol number in front of it. */
static void checksum_that_wraps(void **state)
{
	struct tcp_spec spec = { .payload = 1000 };

	add(&spec);
	spec.id = (u16)(tcp_get16(seg[0].bytes + seg[0].ip + 10) - 1);
	forget();
	add_run(&spec, 5, 1000);
	assert_int_equal(tcp_get16(seg[1].bytes + seg[1].ip + 10), 0);
	assert_int_equal(merge(), 1);
	expect_all(1);
	forget();
	add_run(&spec, 3, 1000);
	seg[2].bytes[seg[2].ip + 9]--;
	tcp_put16(seg[2].bytes + seg[2].ip + 10, 0xffff);
	assert_int_equal(merge(), 2);
	assert_int_equal(seg[0].frame.nr_segs, 2);
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

#define T(name) cmocka_unit_test_setup_teardown(name, setup_receiver, teardown_receiver)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(segments_that_differ),
		T(segments_that_are_none),
		T(padded_segments),
		T(wrong_from_the_first),
		T(checksum_that_wraps),
		T(nothing_is_merged_over),
		T(cut_short),
	};
	return cmocka_run_group_tests_name("gro_alone", tests, NULL, NULL);
}
