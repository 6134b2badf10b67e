/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a NIC has received, of any bytes, merged: cut again, the large frames are what came, but
 * for TCP checksums, which the NIC vouches for; all others are as they were.
 */
#include "tests/fuzz/fuzz.h"

#include "net/gro.h"
#include "net/gso.h"
#include "net/headers.h"
#include "net/switch.h"

#define FRAMES_MAX	64
#define LEN_MAX		300

struct received {
	struct frame frame;
	u8 *bytes, copy[LEN_MAX];	/* bytes: of exactly their length, for ASan */
	u32 len;
	bool seen;
};

static struct received received[FRAMES_MAX];
static struct frame *frames[FRAMES_MAX];

u16 switch_receiver_gro(const struct port *from, const struct frame *frame)
{
	return frame->seg[0].ptr[0] & 2 ? FRAME_NEEDS_CSUM | FRAME_TSO4 :
					  FRAME_NEEDS_CSUM | FRAME_TSO4 | FRAME_TSO6;
}

/* Of IPv4 in Ethernet, with 20 bytes of header. */
static void fix_ip_check(u8 *ip)
{
	u32 sum = 0;

	put_be16(ip + IP4_CHECK, 0);
	for (unsigned int i = 0; i < IP4_HLEN; i += 2)
		sum += get_be16(ip + i);
	while (sum >> 16)
		sum = (sum & UINT16_MAX) + (sum >> 16);
	put_be16(ip + IP4_CHECK, (u16)~sum);
}

/* The frame that comes after @last in its connection, with a length of its own. */
static void follow(struct received *r, const struct received *last, u32 hdr, u32 payload)
{
	u8 *ip = r->copy + ETH_HLEN, *tcp;

	memcpy(r->copy, last->copy, last->len);
	if (last->len < hdr || hdr + payload > LEN_MAX) {
		r->len = last->len;
		return;
	}
	r->len = hdr + payload;
	memset(r->copy + hdr, (int)last->len, payload);
	if (get_be16(r->copy + ETH_TYPE) == ETH_TYPE_IP6) {
		put_be16(ip + IP6_LEN, (u16)(r->len - ETH_HLEN - IP6_HLEN));
		tcp = ip + IP6_HLEN;
	} else {
		put_be16(ip + IP4_LEN, (u16)(r->len - ETH_HLEN));
		put_be16(ip + IP4_ID, (u16)(get_be16(ip + IP4_ID) + 1));
		fix_ip_check(ip);
		tcp = ip + IP4_HLEN;
	}
	put_be32(tcp + TCP_SEQ, get_be32(tcp + TCP_SEQ) + last->len - hdr);
}

/* A frame as the input says: its own bytes, or what follows another one; then changed. */
static void receive(struct input *in, unsigned int n)
{
	struct received *r = &received[n];
	u8 how = (u8)take(in, 1);

	memset(r, 0, sizeof(*r));
	if (n && (how & 1)) {
		u32 hdr = 54 + (u32)take(in, 1) % 64;

		follow(r, &received[n - 1 - (how >> 6) % n], hdr, (u32)take(in, 1));
	} else {
		r->len = (u32)take(in, 2) % (LEN_MAX + 1);
		for (u32 i = 0; i < r->len; i++)
			r->copy[i] = (u8)take(in, 1);
		if (r->len >= ETH_HLEN + IP4_HLEN && (how & 8))
			fix_ip_check(r->copy + ETH_HLEN);
	}
	if (r->len && (how & 2))
		r->copy[take(in, 2) % r->len] ^= (u8)take(in, 1);
	r->bytes = malloc(MAX(r->len, 1u));
	memcpy(r->bytes, r->copy, r->len);
	r->frame = (struct frame){
		.seg = { { .ptr = r->bytes, .len = r->len } }, .nr_segs = 1, .len = r->len,
		.flags = how & 4 ? 0 : FRAME_CSUM_VALID, .refs = 1,
	};
	frames[n] = &r->frame;
}

static struct received *received_of(struct frame *frame)
{
	return container_of(frame, struct received, frame);
}

/* A part of the large frame @whole against the frame that it was. */
static void judge_part(const struct frame *whole, const struct frame *part, struct received *was)
{
	u32 sum = whole->csum_start + TCP_CHECK;
	u8 bytes[LEN_MAX];

	check(!was->seen && part->len == was->len);
	was->seen = true;
	frame_copy_out(part, 0, bytes, part->len);
	memcpy(bytes + sum, was->copy + sum, sizeof(u16));
	check(!memcmp(bytes, was->copy, was->len));
}

static void judge_large(struct frame *whole)
{
	struct frame *order[FRAME_SEGS], part = { .refs = 1 };
	unsigned int n = whole->nr_segs;
	struct gso_cut cut;

	check(n >= 2 && n <= GRO_SEGS_MAX);
	for (struct frame *f = whole->frags; f; f = f->frags)
		order[--n] = f;
	check(n == 1);
	order[0] = whole;
	check(whole->flags == (FRAME_NEEDS_CSUM | (whole->flags & (FRAME_TSO4 | FRAME_TSO6))));
	check(gso_cut_init(&cut, whole));
	for (n = 0; gso_cut_next(&cut, &part); n++) {
		check(n < whole->nr_segs);
		judge_part(whole, &part, received_of(order[n]));
	}
	check(n == whole->nr_segs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct port from = { .uplink = true };
	unsigned int nr = 0, left;

	while (in.left && nr < FRAMES_MAX)
		receive(&in, nr++);
	left = gro_merge(&from, frames, nr);
	for (unsigned int i = 0; i < left; i++) {
		struct received *r = received_of(frames[i]);

		if (frames[i]->flags & FRAME_TSO) {
			judge_large(frames[i]);
			continue;
		}
		check(!r->seen && frames[i]->nr_segs == 1 && !frames[i]->frags);
		check(frames[i]->seg[0].len == r->len && !memcmp(r->bytes, r->copy, r->len));
		r->seen = true;
	}
	for (unsigned int i = 0; i < nr; i++) {
		check(received[i].seen);
		free(received[i].bytes);
	}
	return 0;
}
