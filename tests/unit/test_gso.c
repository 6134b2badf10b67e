/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large TCP frames cut into parts. The judge of a part knows nothing of how it was made: it reads
 * the headers from the wire's side, sums pseudo headers by the letter of RFC 1071, and puts the
 * payload together again.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/csum.h"
#include "net/gso.h"
#include "tests/unit/gso_linux.h"
#include "tests/unit/tcp_judge.h"

#define PIECES_MAX	19

/* A large frame in pieces, as a guest hands it over: headers in private memory, the rest not. */
struct large {
	struct tcp_frame bytes;
	struct frame frame;
};

static void nothing_done(struct frame *frame)
{
}

/* The payload in pieces of @piece bytes, the last one with the rest. */
static void large_make(struct large *l, const struct tcp_spec *spec, u32 piece)
{
	struct frame *f = &l->frame;
	u32 at;

	tcp_frame_make(&l->bytes, spec);
	memset(f, 0xa5, sizeof(*f));
	f->len = l->bytes.len;
	f->flags = FRAME_NEEDS_CSUM;
	f->csum_start = (u16)l->bytes.tcp;
	f->csum_offset = 16;
	f->hdr_len = l->bytes.payload;
	memcpy(f->hdr, l->bytes.data, MIN(f->hdr_len, (u32)FRAME_HDR_MAX));
	f->seg[0] = (struct frame_seg){ .ptr = f->hdr, .phys = 0x1000, .len = f->hdr_len };
	f->nr_segs = 1;
	for (at = f->hdr_len; at < f->len; at += f->seg[f->nr_segs++].len)
		f->seg[f->nr_segs] = (struct frame_seg){
			.ptr = l->bytes.data + at, .phys = 0x100000 + at,
			.len = f->nr_segs == PIECES_MAX ? f->len - at : MIN(piece, f->len - at),
		};
	f->refs = 1;
	f->done = nothing_done;
}

static u16 tso_of(const struct tcp_spec *spec)
{
	return spec->ip6 ? FRAME_TSO6 : FRAME_TSO4;
}

/* Cut it; each part is judged alone, then all together. */
static void cut_and_judge(struct large *l, const struct tcp_spec *spec, u16 size)
{
	static u8 wire[FRAME_GSO_MAX];
	struct tcp_judge judge;
	struct gso_cut cut;
	struct frame part;

	assert_int_equal(gso_set(&l->frame, tso_of(spec), size), 0);
	assert_int_equal(l->frame.flags & FRAME_TSO, tso_of(spec));
	assert_int_equal(l->frame.gso_hdr_len, l->bytes.payload);
	assert_int_equal(l->frame.gso_ip_start, l->bytes.ip);
	assert_int_equal(frame_wire_len(&l->frame), l->bytes.payload + size);
	assert_true(gso_cut_init(&cut, &l->frame));
	tcp_judge_init(&judge, &l->bytes, spec, size);
	memset(&part, 0x5a, sizeof(part));
	part.hdr_phys = 0x2000;
	part.refs = 1;
	while (gso_cut_next(&cut, &part)) {
		assert_int_equal(part.flags & FRAME_OFFLOADS, FRAME_NEEDS_CSUM);
		assert_int_equal(part.seg[0].phys, 0x2000);
		for (unsigned int i = 1; i < part.nr_segs; i++) {
			/* By reference, not copied. */
			assert_true(part.seg[i].len && part.seg[i].ptr > l->bytes.data);
			assert_int_equal(part.seg[i].phys,
					 0x100000 + (u64)(part.seg[i].ptr - l->bytes.data));
		}
		assert_int_equal(frame_checksum(&part), 0);
		frame_copy_out(&part, 0, wire, part.len);
		tcp_judge_part(&judge, wire, part.len);
	}
	tcp_judge_end(&judge);
}

static void parts_of_every_shape(void **state)
{
	static const struct tcp_spec specs[] = {
		{ .payload = 3000 },
		{ .payload = 65000, .tcp_options = 12, .flags = TCP_F_ACK | TCP_F_PSH },
		{ .payload = 20000, .ip_options = 8, .vlans = 1, .flags = 0xff, .id = 0xfffe },
		{ .payload = 20000, .tcp_options = 40, .vlans = 2, .flags = TCP_F_FIN,
		  .seq = 0xfffffff0 },
		{ .payload = 3000, .ip6 = true },
		{ .payload = 65000, .ip6 = true, .tcp_options = 12, .flags = TCP_F_CWR },
		{ .payload = 9000, .ip6 = true, .extensions = 2, .vlans = 1, .flags = 0xff },
		{ .payload = 65535 - 40 },
	};
	static const u16 sizes[] = { 1460, 1448, 536, 999, 64, 1 };
	static const u32 pieces[] = { 65536, 4096, 1448, 1000, 7 };
	static struct large l;

	for (unsigned int i = 0; i < ARRAY_SIZE(specs); i++)
		for (unsigned int s = 0; s < ARRAY_SIZE(sizes); s++)
			for (unsigned int p = 0; p < ARRAY_SIZE(pieces); p++) {
				if (specs[i].payload / sizes[s] >= GSO_PARTS_MAX)
					continue;
				large_make(&l, &specs[i], pieces[p]);
				cut_and_judge(&l, &specs[i], sizes[s]);
			}
}

/* Each payload length around whole parts. */
static void last_parts_of_every_length(void **state)
{
	static struct large l;

	for (u32 len = 201; len <= 404; len++) {
		const struct tcp_spec spec = {
			.payload = len, .ip6 = len & 1, .flags = TCP_F_ACK | TCP_F_FIN | TCP_F_CWR,
			.seq = 0xffffff80, .id = 0xffff,
		};

		large_make(&l, &spec, 33);
		cut_and_judge(&l, &spec, 100);
	}
}

/* One part is no large frame; its one checksum is the only thing left to do. */
static void one_part_is_an_ordinary_frame(void **state)
{
	static struct large l;
	const struct tcp_spec spec = { .payload = 1000 };

	large_make(&l, &spec, 4096);
	assert_int_equal(gso_set(&l.frame, FRAME_TSO4 | FRAME_TSO_ECN, 1000), 0);
	assert_int_equal(l.frame.flags, FRAME_NEEDS_CSUM);
	assert_int_equal(gso_set(&l.frame, FRAME_TSO4 | FRAME_TSO_ECN, 999), 0);
	assert_int_equal(l.frame.flags, FRAME_NEEDS_CSUM | FRAME_TSO4 | FRAME_TSO_ECN);
}

/* Payload behind the headers in the first piece, as from a NIC. */
static void payload_in_the_first_piece(void **state)
{
	static struct large l;
	const struct tcp_spec spec = { .payload = 5000 };
	struct frame *f = &l.frame;
	struct gso_cut cut;

	large_make(&l, &spec, 4096);
	f->hdr_len = 0;
	f->nr_segs = 1;
	f->seg[0] = (struct frame_seg){ .ptr = l.bytes.data, .phys = 0x100000, .len = f->len };
	cut_and_judge(&l, &spec, 1460);
	f->nr_segs = FRAME_SEGS;
	assert_false(gso_cut_init(&cut, f));
}

/* ---- The same as Linux's ---- */

static void as_linux_does_it(void **state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(linux_gso); i++) {
		const struct linux_gso *l = &linux_gso[i];
		const u8 *expect = l->bytes + l->len[0];
		const u32 first = l->start + 40u;	/* of two pieces */
		struct frame part = { .refs = 1 }, f = {
			.seg = { { .ptr = l->bytes, .len = first },
				 { .ptr = l->bytes + first, .len = l->len[0] - first } },
			.nr_segs = 2, .len = l->len[0],
			.flags = FRAME_NEEDS_CSUM | FRAME_BROADCAST, .csum_start = l->start,
			.csum_offset = 16,
		};
		struct gso_cut cut;
		u8 wire[200];
		unsigned int n;

		assert_int_equal(gso_set(&f, l->ip6 ? FRAME_TSO6 : FRAME_TSO4, l->size), 0);
		assert_true(gso_cut_init(&cut, &f));
		for (n = 0; gso_cut_next(&cut, &part); n++) {
			assert_true(n < l->nr && part.len == l->len[n + 1]);
			assert_int_equal(part.flags, FRAME_NEEDS_CSUM | FRAME_BROADCAST);
			assert_int_equal(frame_checksum(&part), 0);
			frame_copy_out(&part, 0, wire, part.len);
			if (memcmp(wire, expect, part.len) != 0)
				fail_msg("%s: part %u differs", l->name, n);
			expect += part.len;
		}
		assert_int_equal(n, l->nr);
	}
}

/* ---- What NICs want ---- */

static void headers_for_nics(void **state)
{
	static const struct tcp_spec specs[] = {
		{ .payload = 30000, .tcp_options = 12, .ip_options = 4 },
		{ .payload = 30000, .ip6 = true, .vlans = 2 },
	};
	static struct large l;
	u8 hdr[FRAME_HDR_MAX], *ip;
	u16 sum;

	for (unsigned int i = 0; i < ARRAY_SIZE(specs); i++) {
		large_make(&l, &specs[i], 4096);
		assert_int_equal(gso_set(&l.frame, tso_of(&specs[i]), 1448), 0);
		memset(hdr, 0xcc, sizeof(hdr));
		gso_nic_headers(&l.frame, hdr);
		ip = hdr + l.bytes.ip;
		memcpy(&sum, hdr + l.bytes.tcp + 16, 2);
		/* ones' complement: 0 and 0xffff are one number */
		assert_int_equal(sum % 0xffff, tcp_pseudo_sum(&l.bytes, &specs[i], 0) % 0xffff);
		assert_int_equal(ip[specs[i].ip6 ? 4 : 2] | ip[specs[i].ip6 ? 5 : 3], 0);
		if (!specs[i].ip6)
			assert_int_equal(ip[10] | ip[11], 0);
		assert_int_equal(hdr[l.frame.gso_hdr_len], 0xcc);
		/* The rest as it was, and the frame too. */
		memcpy(hdr + l.bytes.tcp + 16, l.bytes.data + l.bytes.tcp + 16, 2);
		memcpy(ip + 2, l.bytes.data + l.bytes.ip + 2, 4);
		memcpy(ip + 10, l.bytes.data + l.bytes.ip + 10, 2);
		assert_memory_equal(hdr, l.bytes.data, l.frame.gso_hdr_len);
		assert_memory_equal(l.frame.hdr, l.bytes.data, l.frame.gso_hdr_len);
	}
}

/* ---- Headers that are not what they should be ---- */

struct lie {
	const char *what;
	bool ip6;
	unsigned int base;	/* of `at`: 0 frame, 1 IP, 2 TCP */
	int at;
	u8 value;
};

static void hostile_25_headers_that_lie(void **state)
{
	static const struct lie lies[] = {
		{ "type: ARP", false, 0, 13, 0x06 },
		{ "type: IPv6 said, IPv4 there", false, 0, 12, 0x86 },
		{ "version", false, 1, 0, 0x65 },
		{ "IHL below 5", false, 1, 0, 0x44 },
		{ "IHL beyond the TCP header", false, 1, 0, 0x4f },
		{ "UDP", false, 1, 9, 17 },
		{ "more fragments", false, 1, 6, 0x20 },
		{ "fragment offset", false, 1, 7, 1 },
		{ "TCP header below 20", false, 2, 12, 0x40 },
		{ "version", true, 1, 0, 0x45 },
		{ "UDP", true, 1, 6, 17 },
		{ "fragment header", true, 1, 6, 44 },
		{ "no next header", true, 1, 6, 59 },
		{ "extension header longer than the copy", true, 1, 6, 60 },
		{ "TCP header below 20", true, 2, 12, 0x00 },
	};
	static struct large l;

	for (unsigned int i = 0; i < ARRAY_SIZE(lies); i++) {
		const struct lie *lie = &lies[i];
		const struct tcp_spec spec = { .payload = 4000, .ip6 = lie->ip6 };
		u32 base[] = { 0, 0, 0 };
		struct frame before;

		large_make(&l, &spec, 4096);
		base[1] = l.bytes.ip;
		base[2] = l.bytes.tcp;
		l.frame.hdr[(int)base[lie->base] + lie->at] = lie->value;
		before = l.frame;
		if (gso_set(&l.frame, tso_of(&spec), 1000) != -EINVAL)
			fail_msg("%s: believed", lie->what);
		assert_memory_equal(&before, &l.frame, sizeof(before));
	}
}

static int set_with(const struct tcp_spec *spec, u16 tso, u16 size, u16 start, u16 offset)
{
	static struct large l;

	large_make(&l, spec, 4096);
	l.frame.csum_start = (u16)(l.frame.csum_start + start);
	l.frame.csum_offset = offset;
	return gso_set(&l.frame, tso, size);
}

static void hostile_25_words_that_do_not_agree(void **state)
{
	const struct tcp_spec ip4 = { .payload = 4000 }, ip6 = { .payload = 4000, .ip6 = true };
	const struct tcp_spec vlans = { .payload = 4000, .vlans = 3 };
	static struct large l;

	assert_int_equal(set_with(&ip4, FRAME_TSO4, 1000, 0, 16), 0);
	assert_int_equal(set_with(&ip4, FRAME_TSO4, 0, 0, 16), -EINVAL);
	assert_int_equal(set_with(&ip4, FRAME_TSO4, 1000, 1, 16), -EINVAL);
	assert_int_equal(set_with(&ip4, FRAME_TSO4, 1000, 0xffff, 16), -EINVAL);
	assert_int_equal(set_with(&ip4, FRAME_TSO4, 1000, 0, 6), -EINVAL);
	assert_int_equal(set_with(&ip4, FRAME_TSO6, 1000, 0, 16), -EINVAL);
	assert_int_equal(set_with(&ip6, FRAME_TSO4, 1000, 0, 16), -EINVAL);
	assert_int_equal(set_with(&ip4, 0, 1000, 0, 16), -EINVAL);
	assert_int_equal(set_with(&ip4, FRAME_TSO_ECN, 1000, 0, 16), -EINVAL);
	assert_int_equal(set_with(&vlans, FRAME_TSO4, 1000, 0, 16), -EINVAL);
	large_make(&l, &ip4, 4096);
	l.frame.flags = 0;		/* a large frame has a checksum to be filled in */
	assert_int_equal(gso_set(&l.frame, FRAME_TSO4, 1000), -EINVAL);
}

static void hostile_25_too_much_work(void **state)
{
	const struct tcp_spec spec = { .payload = 64 * GSO_PARTS_MAX - 64 };
	const struct tcp_spec more = { .payload = 65535 - 40 };

	assert_int_equal(set_with(&spec, FRAME_TSO4, 64, 0, 16), 0);
	assert_int_equal(set_with(&spec, FRAME_TSO4, 63, 0, 16), -EINVAL);
	assert_int_equal(set_with(&more, FRAME_TSO4, 1, 0, 16), -EINVAL);
	assert_int_equal(set_with(&more, FRAME_TSO4, 65535, 0, 16), 0);
}

static void hostile_25_longer_than_ip_can_say(void **state)
{
	static struct large l;
	const struct tcp_spec spec = { .payload = 65535 - 40 };

	large_make(&l, &spec, 4096);
	l.frame.len++;
	l.frame.seg[l.frame.nr_segs - 1].len++;
	assert_int_equal(gso_set(&l.frame, FRAME_TSO4, 1460), -EINVAL);
}

/* Every shorter private header: never a look behind its end (ASan looks on), never believed. */
static void hostile_25_headers_cut_short(void **state)
{
	static struct large l;

	for (unsigned int ip6 = 0; ip6 < 2; ip6++) {
		const struct tcp_spec spec = {
			.payload = 4000, .ip6 = ip6, .extensions = ip6, .vlans = 1,
			.tcp_options = 12,
		};

		large_make(&l, &spec, 4096);
		for (u32 len = 0; len < l.bytes.payload; len++) {
			u8 *copy = malloc(MAX(len, 1u));

			memcpy(copy, l.bytes.data, len);
			l.frame.seg[0].ptr = copy;
			l.frame.seg[0].len = len;
			assert_int_equal(gso_set(&l.frame, tso_of(&spec), 1000), -EINVAL);
			free(copy);
		}
	}
}

/* A TCP header that is said to begin within the IP header, and looks like one from there. */
static void hostile_25_headers_that_overlap(void **state)
{
	const struct tcp_spec spec = { .payload = 4000 };
	static struct large l;

	for (unsigned int ihl = 0; ihl < 5; ihl++) {
		large_make(&l, &spec, 4096);
		l.frame.csum_start = (u16)(l.bytes.ip + 4 * ihl);
		l.frame.hdr[l.bytes.ip] = (u8)(0x40 | ihl);
		l.frame.hdr[l.frame.csum_start + 12] = 0x50;
		assert_int_equal(gso_set(&l.frame, FRAME_TSO4, 1000), -EINVAL);
	}
}

/* IP and TCP options of full length do not fit the private copy. */
static void hostile_25_headers_longer_than_the_copy(void **state)
{
	static struct large l;
	const struct tcp_spec spec = { .payload = 4000, .ip_options = 40, .tcp_options = 40 };

	large_make(&l, &spec, 4096);
	assert_true(l.bytes.payload > FRAME_HDR_MAX - 14);
	l.frame.seg[0].ptr = l.bytes.data;
	assert_int_equal(gso_set(&l.frame, FRAME_TSO4, 1000),
			 l.bytes.payload > FRAME_HDR_MAX ? -EINVAL : 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_of_every_shape),
		cmocka_unit_test(last_parts_of_every_length),
		cmocka_unit_test(one_part_is_an_ordinary_frame),
		cmocka_unit_test(payload_in_the_first_piece),
		cmocka_unit_test(as_linux_does_it),
		cmocka_unit_test(headers_for_nics),
		cmocka_unit_test(hostile_25_headers_that_lie),
		cmocka_unit_test(hostile_25_words_that_do_not_agree),
		cmocka_unit_test(hostile_25_too_much_work),
		cmocka_unit_test(hostile_25_longer_than_ip_can_say),
		cmocka_unit_test(hostile_25_headers_cut_short),
		cmocka_unit_test(hostile_25_headers_that_overlap),
		cmocka_unit_test(hostile_25_headers_longer_than_the_copy),
	};
	return cmocka_run_group_tests_name("gso", tests, NULL, NULL);
}
