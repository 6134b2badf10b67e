/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a large TCP frame has become, judged from the wire's side: each part by its bytes, then all
 * of them together.
 */
#ifndef TESTS_UNIT_TCP_JUDGE_H
#define TESTS_UNIT_TCP_JUDGE_H

#include "tests/unit/tcp_frame.h"

/* Parts, one after the other. */
struct tcp_judge {
	const struct tcp_frame *whole;
	const struct tcp_spec *spec;
	u32 size, seen, parts;
};

static inline void tcp_judge_init(struct tcp_judge *j, const struct tcp_frame *whole,
				  const struct tcp_spec *spec, u32 size)
{
	*j = (struct tcp_judge){ .whole = whole, .spec = spec, .size = size };
}

static inline void tcp_judge_ip(const struct tcp_judge *j, const u8 *ip, u32 len)
{
	if (j->spec->ip6) {
		assert_int_equal(tcp_get16(ip + 4), len - 40);
		return;
	}
	assert_int_equal(tcp_get16(ip + 2), len);
	assert_int_equal(tcp_get16(ip + 4), (u16)(j->spec->id + j->parts));
	assert_int_equal(tcp_sum(0, ip, 20 + j->spec->ip_options), 0xffff);
}

/* @frame as on the wire: complete, with its checksum. */
static inline void tcp_judge_part(struct tcp_judge *j, const u8 *frame, u32 len)
{
	const struct tcp_frame *w = j->whole;
	u32 n = len - w->payload, tcp = w->tcp;
	bool last = j->seen + n == w->len - w->payload;
	u8 flags = j->spec->flags, hdr[256];
	u16 pseudo = tcp_pseudo_sum(w, j->spec, len - tcp);

	assert_true(len > w->payload && len <= w->len);
	if (!last) {
		assert_int_equal(n, j->size);
		flags &= (u8)~(TCP_F_FIN | TCP_F_PSH);
	}
	if (j->parts)
		flags &= (u8)~TCP_F_CWR;
	tcp_judge_ip(j, frame + w->ip, len - w->ip);
	assert_int_equal(tcp_get32(frame + tcp + 4), j->spec->seq + j->seen);
	assert_int_equal(frame[tcp + 13], flags);
	pseudo = (u16)(pseudo << 8 | pseudo >> 8);
	assert_int_equal(tcp_sum(pseudo, frame + tcp, len - tcp), 0xffff);
	/* Nothing else in the headers has changed. */
	memcpy(hdr, frame, w->payload);
	memcpy(hdr + tcp + 4, w->data + tcp + 4, 4);
	hdr[tcp + 13] = w->data[tcp + 13];
	memcpy(hdr + tcp + 16, w->data + tcp + 16, 2);
	memcpy(hdr + w->ip + 2, w->data + w->ip + 2, 4);
	if (!j->spec->ip6)
		memcpy(hdr + w->ip + 10, w->data + w->ip + 10, 2);
	assert_memory_equal(hdr, w->data, w->payload);
	assert_memory_equal(frame + w->payload, w->data + w->payload + j->seen, n);
	j->seen += n;
	j->parts++;
}

static inline void tcp_judge_end(const struct tcp_judge *j)
{
	u32 payload = j->whole->len - j->whole->payload;

	assert_int_equal(j->seen, payload);
	assert_int_equal(j->parts, (payload + j->size - 1) / j->size);
}

#endif
