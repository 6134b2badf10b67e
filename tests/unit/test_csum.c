/* SPDX-License-Identifier: BSD-2-Clause */
/* The Internet checksum: against a sum by the letter of RFC 1071, over any segmentation. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "net/csum.h"
#include "net/frame.h"

/* RFC 1071 §1: 16-bit words in network order, carries added back. */
static u16 reference(const u8 *p, size_t len)
{
	u32 sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (u32)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

static u16 network_order(u16 csum)
{
	u8 bytes[2];

	memcpy(bytes, &csum, 2);
	return (u16)(bytes[0] << 8 | bytes[1]);
}

static void fill(u8 *p, size_t len, u32 seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = (u8)(seed >> 24);
	}
}

static void rfc1071_example(void **state)
{
	static const u8 data[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	/* §3: the sum is ddf2. */
	assert_int_equal(network_order(csum_fold(csum_add(0, data, sizeof(data), false))),
			 (u16)~0xddf2);
}

static void any_split_gives_the_same(void **state)
{
	u8 data[300];

	for (unsigned int len = 35; len <= sizeof(data); len += 53) {
		fill(data, len, len);
		for (unsigned int a = 0; a <= len; a++) {
			for (unsigned int b = a; b <= len; b += 7) {
				struct frame frame = {
					.seg = { { .ptr = data, .len = a },
						 { .ptr = data + a, .len = b - a },
						 { .ptr = data + b, .len = len - b } },
					.nr_segs = 3, .len = len, .csum_start = 34,
				};

				assert_int_equal(network_order(frame_csum(&frame)),
						 reference(data + 34, len - 34));
			}
		}
	}
}

static void all_ones_do_not_overflow(void **state)
{
	static u8 data[65535];

	memset(data, 0xff, sizeof(data));
	assert_int_equal(network_order(csum_fold(csum_add(0, data, sizeof(data), false))),
			 reference(data, sizeof(data)));
}

static void never_zero(void **state)
{
	static const u8 ones[4] = { 0xff, 0xff, 0xff, 0xff };

	assert_int_equal(csum_fold(csum_add(0, ones, sizeof(ones), false)), 0xffff);
}

static void udp_frame(struct frame *frame, u8 *payload, u32 len)
{
	memset(frame, 0, sizeof(*frame));
	fill(frame->hdr, 42, 7);
	fill(payload, len, 8);
	frame->hdr_len = 42;
	frame->seg[0] = (struct frame_seg){ .ptr = frame->hdr, .len = 42 };
	frame->seg[1] = (struct frame_seg){ .ptr = payload, .len = len };
	frame->nr_segs = 2;
	frame->len = 42 + len;
	frame->flags = FRAME_NEEDS_CSUM;
	frame->csum_start = 34;
	frame->csum_offset = 6;
	frame->refs = 1;
}

static void finished_in_place(void **state)
{
	struct frame frame;
	u8 payload[101], all[34 + 8 + 101];
	u16 want;

	udp_frame(&frame, payload, sizeof(payload));
	frame_copy_out(&frame, 0, all, frame.len);
	want = reference(all + 34, frame.len - 34);
	assert_int_equal(frame_checksum(&frame), 0);
	assert_int_equal(frame.hdr[40] << 8 | frame.hdr[41], want);
	assert_false(frame.flags & FRAME_NEEDS_CSUM);
	assert_int_equal(frame_checksum(&frame), 0);	/* nothing to do */
	assert_int_equal(frame.hdr[40] << 8 | frame.hdr[41], want);
}

static void not_outside_the_private_copy(void **state)
{
	struct frame frame;
	u8 payload[101], before[101];

	udp_frame(&frame, payload, sizeof(payload));
	memcpy(before, payload, sizeof(before));
	frame.csum_offset = 7;		/* half of it in the payload */
	assert_int_equal(frame_checksum(&frame), -EINVAL);
	frame.csum_start = 0xfff0;	/* their sum must not wrap to 0x20 */
	frame.csum_offset = 0x30;
	assert_int_equal(frame_checksum(&frame), -EINVAL);
	assert_memory_equal(before, payload, sizeof(before));
	assert_true(frame.flags & FRAME_NEEDS_CSUM);
}

static void not_while_somebody_else_holds_it(void **state)
{
	struct frame frame;
	u8 payload[10], before[FRAME_HDR_MAX];

	udp_frame(&frame, payload, sizeof(payload));
	memcpy(before, frame.hdr, sizeof(before));
	frame_get(&frame);
	assert_int_equal(frame_checksum(&frame), -EBUSY);
	assert_memory_equal(before, frame.hdr, sizeof(before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc1071_example),
		cmocka_unit_test(any_split_gives_the_same),
		cmocka_unit_test(all_ones_do_not_overflow),
		cmocka_unit_test(never_zero),
		cmocka_unit_test(finished_in_place),
		cmocka_unit_test(not_outside_the_private_copy),
		cmocka_unit_test(not_while_somebody_else_holds_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
