/* SPDX-License-Identifier: BSD-2-Clause */
/* Large frames: what the NIC's engine makes of them is what software would, byte by byte. */
#include "tests/unit/unit.h"

#include <string.h>

#include "kernel/mem.h"
#include "net/csum.h"
#include "net/gso.h"
#include "net/headers.h"
#include "tests/unit/e1000_bench.h"

#define PAYLOAD_MAX	65483		/* with headers: the longest that IP can say */

static u8 payload[PAYLOAD_MAX];
static struct out out;

struct shape {
	u16 tso;
	bool vlan;
	u32 options;			/* bytes of TCP options */
	u32 payload, size;
	u32 in_first;			/* of the payload, behind the headers */
	u32 piece;			/* the rest in pieces of so many bytes */
	u8 tcp_flags;
};

static u16 pseudo_sum(const u8 *ip, u16 tso, u32 len)
{
	u64 sum = csum_add(0, ip + (tso == FRAME_TSO4 ? 12 : 8), tso == FRAME_TSO4 ? 8 : 32, false);

	return csum_reduce(sum + __builtin_bswap16(IP_TCP) + __builtin_bswap16((u16)len) +
			   (len >> 16));
}

/* Headers of a segment of @len bytes behind the Ethernet header. Returns where TCP begins. */
static u32 put_headers(u8 *hdr, const struct shape *s)
{
	u32 ip = ETH_HLEN + (s->vlan ? VLAN_HLEN : 0), tcp;
	u32 tcp_len = TCP_HLEN + s->options + s->payload;
	u16 sum;

	memset(hdr, 0xff, 6);
	memcpy(hdr + ETH_SRC, "\x52\x54\x00\x00\x00\x99", 6);
	if (s->vlan)
		memcpy(hdr + ETH_TYPE, "\x81\x00\x00\x07", 4);
	put_be16(hdr + ip - 2, s->tso == FRAME_TSO4 ? ETH_TYPE_IP4 : ETH_TYPE_IP6);
	for (unsigned int i = ip; i < FRAME_HDR_MAX; i++)
		hdr[i] = (u8)(i * 7);
	if (s->tso == FRAME_TSO4) {
		tcp = ip + IP4_HLEN;
		hdr[ip] = 0x45;
		put_be16(hdr + ip + IP4_LEN, (u16)(IP4_HLEN + tcp_len));
		put_be16(hdr + ip + IP4_ID, 0xfffe);
		put_be16(hdr + ip + IP4_FRAGMENT, 0x4000);
		hdr[ip + IP4_PROTOCOL] = IP_TCP;
		put_be16(hdr + ip + IP4_CHECK, 0);
		sum = csum_fold(csum_add(0, hdr + ip, IP4_HLEN, false));
		memcpy(hdr + ip + IP4_CHECK, &sum, 2);
	} else {
		tcp = ip + IP6_HLEN;
		hdr[ip] = 0x60;
		put_be16(hdr + ip + IP6_LEN, (u16)tcp_len);
		hdr[ip + IP6_NEXT] = IP_TCP;
	}
	put_be32(hdr + tcp + TCP_SEQ, 0xffffff00);
	hdr[tcp + TCP_DATA_OFFSET] = (u8)((TCP_HLEN + s->options) / 4 << 4);
	hdr[tcp + TCP_FLAGS] = s->tcp_flags;
	sum = pseudo_sum(hdr + ip, s->tso, tcp_len);
	memcpy(hdr + tcp + TCP_CHECK, &sum, 2);
	return tcp;
}

static struct frame *large_frame(const struct shape *s)
{
	struct frame *frame = out_frame(&out, 60, 0);
	static u8 first[FRAME_HDR_MAX + PAYLOAD_MAX];
	u32 tcp = put_headers(first, s), hdr_len = tcp + TCP_HLEN + s->options;
	u32 at = MIN(s->in_first, s->payload);

	memcpy(first + hdr_len, payload, at);
	frame->seg[0] = (struct frame_seg){ first, virt_to_phys(first), hdr_len + at };
	frame->nr_segs = 1;
	frame->hdr_len = 0;		/* as a NIC's frame: nobody writes that memory */
	while (at < s->payload) {
		u32 n = frame->nr_segs == FRAME_SEGS - 1 ? s->payload - at :
			MIN(s->piece, s->payload - at);

		frame->seg[frame->nr_segs++] = (struct frame_seg){
			payload + at, virt_to_phys(payload + at), n,
		};
		at += n;
	}
	frame->len = hdr_len + s->payload;
	frame->flags = FRAME_NEEDS_CSUM;
	frame->csum_start = (u16)tcp;
	frame->csum_offset = TCP_CHECK;
	assert_int_equal(gso_set(frame, s->tso, (u16)s->size), 0);
	return frame;
}

/* Send it through the NIC, and compare what comes out with what gso_cut_next() makes. */
static void check(const struct shape *s)
{
	struct frame *frame = large_frame(s), part = { .hdr_phys = 1 };
	unsigned int before = mock_nic.nr_sent, parts = 0;
	struct gso_cut cut;
	u8 want[2048];

	assert_true(frame->flags & s->tso);
	assert_true(gso_cut_init(&cut, frame));
	guest_send(frame);
	loop();
	assert_int_equal(out.done, 1);
	while (gso_cut_next(&cut, &part)) {
		const struct mock_sent *sent = model->sent(before + parts);

		part.refs = 1;
		assert_int_equal(frame_checksum(&part), 0);
		assert_int_equal(sent->len, part.len);
		frame_copy_out(&part, 0, want, part.len);
		assert_memory_equal(sent->bytes, want, part.len);
		parts++;
	}
	assert_int_equal(mock_nic.nr_sent, before + parts);
	assert_int_equal(dev->port.stats.sw_gso_frames, 0);
}

static bool takes(u16 tso)
{
	return dev->offloads & tso;
}

static void each_length_and_size(void **state)
{
	static const u32 sizes[] = { 100, 536, 1448, 1452 };
	struct shape s = { .tso = FRAME_TSO4, .options = 12, .piece = 4096, .tcp_flags = 0x19 };

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		s.size = sizes[i];
		for (s.payload = s.size + 1; s.payload < 4 * s.size; s.payload += 7)
			check(&s);
	}
	s.size = 1448;
	for (s.payload = 1449; s.payload < PAYLOAD_MAX; s.payload += 1999)
		check(&s);
}

static void each_kind_of_header(void **state)
{
	struct shape s = { .payload = 10000, .size = 1400, .piece = 3000, .tcp_flags = 0x18 };

	for (unsigned int i = 0; i < 2 * 2 * 11 * 3; i++) {
		s.tso = i & 1 ? FRAME_TSO4 : FRAME_TSO6;
		s.vlan = i & 2;
		s.options = i / 4 % 11 * 4;
		s.in_first = i / 44 * 33;
		if (takes(s.tso))
			check(&s);
	}
}

static void pieces_of_any_length(void **state)
{
	struct shape s = { .tso = FRAME_TSO4, .payload = PAYLOAD_MAX, .size = 1448 };

	for (s.piece = 1; s.piece < 70000; s.piece = s.piece * 2 + 1)
		check(&s);
	s.in_first = PAYLOAD_MAX;	/* and all behind the headers */
	check(&s);
}

static void the_ring_wraps(void **state)
{
	struct shape s = { .tso = FRAME_TSO4, .payload = 30000, .size = 1448, .piece = 4096 };

	for (unsigned int i = 0; i < 1000; i++) {
		s.payload = 30000 + i;
		check(&s);
		guest_send(out_frame(&out, 100, 1));	/* plain ones in between */
		assert_int_equal(last_sent()->len, 100);
		mock_nic.nr_sent = 0;
	}
}

static void partial_checksums_in_between(void **state)
{
	struct shape s = { .tso = FRAME_TSO4, .payload = 3000, .size = 1448, .piece = 4096 };

	for (unsigned int i = 0; i < 5; i++) {
		struct frame *frame;
		u16 want, got;
		u8 all[100];

		check(&s);
		frame = out_frame(&out, 100, 1);
		frame->flags = FRAME_NEEDS_CSUM;
		frame->csum_start = 34;
		frame->csum_offset = 6;
		frame_copy_out(frame, 0, all, 100);
		want = csum_fold(csum_add(0, all + 34, 66, false));
		guest_send(frame);
		memcpy(&got, last_sent()->bytes + 40, 2);
		assert_int_equal(got, want);	/* the large frame's context is not in its way */
	}
}

/* A full ring takes as many as fit whole, and none in part. */
static void no_room_is_a_drop(void **state)
{
	struct shape s = { .tso = FRAME_TSO4, .payload = PAYLOAD_MAX, .size = 1448, .piece = 4096 };
	unsigned int sent = 0;

	model->tx_stop(true);
	while (nic_stats().tx_dropped == 0) {
		static struct frame frames[E1000_TX_DESCS];
		struct frame *frame = &frames[sent];

		assert_in_range(sent, 0, 100);
		*frame = *large_frame(&s);
		guest_send(frame);
		sent++;
	}
	assert_in_range(sent, 40, 60);
	model->tx_stop(false);
	loop();
	assert_int_equal(out.done, sent);
	assert_int_equal(mock_nic.nr_sent, (sent - 1) * DIV_ROUND_UP(PAYLOAD_MAX, 1448));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_length_and_size),
		TEST(each_kind_of_header),
		TEST(pieces_of_any_length),
		TEST(the_ring_wraps),
		TEST(partial_checksums_in_between),
		TEST(no_room_is_a_drop),
	};

	for (unsigned int i = 0; i < sizeof(payload); i++)
		payload[i] = (u8)(i ^ i >> 8);
	return nic_bench_run(e1000_models, 2, tests);	/* rings are the same in the others */
}
