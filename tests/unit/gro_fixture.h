/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segments, and what was merged of them. What the receiver gets, cut again by net/gso.c, is what
 * came: byte by byte, and each connection in its order. The bytes of a segment lie in memory of
 * exactly their length, so that ASan sees a look behind them.
 */
#ifndef TESTS_UNIT_GRO_FIXTURE_H
#define TESTS_UNIT_GRO_FIXTURE_H

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

static inline void sums(struct seg *s, bool ip6)
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

static inline struct seg *add(const struct tcp_spec *spec)
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
static inline void add_run(const struct tcp_spec *spec, unsigned int n, u32 last)
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

static inline void forget(void)
{
	for (unsigned int i = 0; i < nr; i++) {
		free(seg[i].bytes);
		free(seg[i].copy);
	}
	nr = 0;
}

static inline int setup_receiver(void **state)
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

static inline int teardown_receiver(void **state)
{
	forget();
	return teardown(state);
}

/* ---- Judging ---- */

static inline void assert_untouched(const struct seg *s)
{
	assert_int_equal(s->frame.nr_segs, 1);
	assert_ptr_equal(s->frame.seg[0].ptr, s->bytes);
	assert_null(s->frame.frags);
	assert_memory_equal(s->bytes, s->copy, s->frame.len);
}

/* The segment that came as @part is in it: connection by ports, place by the sequence number. */
static inline bool is_of(const struct seg *s, const u8 *part, u32 len)
{
	return s->frame.seg[0].len == len && !memcmp(s->copy, part, len);
}

/* So many segments of @payload bytes fit into a large frame of these. */
static inline unsigned int run_max(const struct tcp_spec *spec)
{
	u32 hdr = (spec->ip6 ? 40 : 20) + 20 + spec->tcp_options;

	return MIN(MAX((IP_MAX - hdr) / spec->payload, 1u), (u32)GRO_SEGS_MAX);
}

/* Which segment comes next of the connection that @part belongs to, from @seg[*at] on. */
static inline void expect_part(const u8 *part, u32 len, unsigned int *at, bool ip6, u32 tcp)
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
static inline unsigned int expect_cut(struct frame *frame)
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

static inline unsigned int merge(void)
{
	return gro_merge(&st[0].port, frames, nr);
}

/* Each frame that is left is a segment as it came, or all of its segments when it is cut. */
static inline void expect_all(unsigned int left)
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

#endif
