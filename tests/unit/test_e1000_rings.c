/* SPDX-License-Identifier: BSD-2-Clause */
/* The e1000's rings: every frame out and in, in batches, over the wrap, to the last buffer. */
#include "tests/unit/unit.h"

#include <string.h>

#include "net/csum.h"
#include "net/switch.h"
#include "tests/unit/e1000_bench.h"

/* ---- Transmit ---- */

static void tail_is_written_once_a_batch(void **state)
{
	static struct out out[64];
	struct frame *frames[64];

	for (unsigned int i = 0; i < 64; i++)
		frames[i] = out_frame(&out[i], 200, 1);
	mock_nic.tdt_writes = 0;
	switch_input(&guest.port, frames, 64);
	assert_int_equal(mock_nic.tdt_writes, 1);
	assert_int_equal(mock_nic.nr_sent, 64);
	for (unsigned int i = 0; i < 64; i++)
		frame_put(frames[i]);
	loop();
	for (unsigned int i = 0; i < 64; i++)
		assert_int_equal(out[i].done, 1);
}

static void send_with_tcp_checksum(struct out *out)
{
	struct frame *frame = out_frame(out, 100, 2);

	frame->flags = FRAME_NEEDS_CSUM;
	frame->csum_start = 34;
	frame->csum_offset = 16;
	guest_send(frame);
	loop();
}

static void checksum_is_inserted(void **state)
{
	static struct out out;
	struct frame *frame;
	u8 all[2048];
	u16 want, got;

	for (u32 len = 43; len < 300; len++) {
		frame = out_frame(&out, len, 2);
		frame->flags = FRAME_NEEDS_CSUM;
		frame->csum_start = 34;
		frame->csum_offset = 6;
		frame_copy_out(frame, 0, all, len);
		want = csum_fold(csum_add(0, all + 34, len - 34, false));
		guest_send(frame);
		loop();
		memcpy(&got, last_sent()->bytes + 40, 2);
		assert_int_equal(got, want);
	}
	/* Said once, as it stayed the same; or always, as other queues have theirs. */
	assert_int_equal(mock_nic.contexts, model->queues > 1 ? 300 - E1000_FRAME_MIN : 1);
	mock_nic.contexts = 1;
	send_with_tcp_checksum(&out);
	assert_int_equal(mock_nic.contexts, 2);
	/* What a reset has forgotten is said again. */
	netdev_restart(dev, "test");
	send_with_tcp_checksum(&out);
	assert_int_equal(mock_nic.contexts, 3);
}

/* QEMU's NICs would add padding to the length in the pseudo header. */
static void checksum_of_a_padded_frame_is_finished_before(void **state)
{
	static struct out out;
	struct frame *frame = out_frame(&out, E1000_FRAME_MIN - 1, 2);
	u8 all[E1000_FRAME_MIN];
	u16 want, got;

	frame->flags = FRAME_NEEDS_CSUM;
	frame->csum_start = 34;
	frame->csum_offset = 6;
	frame_copy_out(frame, 0, all, frame->len);
	want = csum_fold(csum_add(0, all + 34, frame->len - 34, false));
	guest_send(frame);
	memcpy(&got, last_sent()->bytes + 40, 2);
	assert_int_equal(got, want);
	assert_int_equal(mock_nic.contexts, 0);
}

static void checksum_beyond_the_registers_is_dropped(void **state)
{
	static struct out out;
	struct frame *frame = out_frame(&out, 600, 2);

	frame->flags = FRAME_NEEDS_CSUM;
	frame->csum_start = 250;
	frame->csum_offset = 6;
	guest_send(frame);
	assert_int_equal(out.done, 1);
	assert_int_equal(mock_nic.nr_sent, 0);
	assert_int_equal(nic_stats().tx_errors, 1);
	assert_int_equal(dev->port.stats.drops[DROP_MALFORMED], 1);
	frame = out_frame(&out, 600, 2);
	frame->flags = FRAME_NEEDS_CSUM;
	frame->csum_start = 249;
	frame->csum_offset = 6;
	guest_send(frame);
	assert_int_equal(mock_nic.nr_sent, 1);
}

/* ---- Receive ---- */

static void burst_is_one_interrupt_and_few_batches(void **state)
{
	for (unsigned int i = 0; i < E1000_RX_DESCS - 1; i++)
		assert_true(wire_send(100, (u8)i));
	assert_false(wire_send(100, 0));
	loop();
	assert_int_equal(guest.nr, E1000_RX_DESCS - 1);
	assert_int_equal(guest.flushes, 4);
	assert_int_equal(nic_stats().interrupts, 1);
	assert_true(mock_nic.ims);
	dev->ops->watchdog(dev);
	assert_int_equal(nic_stats().rx_missed, 1);
	assert_true(wire_send(100, 0));
	loop();
	assert_int_equal(guest.nr, E1000_RX_DESCS);
}

/* Between the last look and the interrupt being unmasked. */
static void nothing_is_left_lying(void **state)
{
	assert_true(wire_send(100, 1));
	assert_true(mock_nic_interrupt());
	assert_false(mock_nic.ims & ~(INT_RXQ0 << 1));
	assert_false(mock_nic_interrupt());
	assert_true(wire_send(100, 2));
	loop();
	assert_int_equal(guest.nr, 2);
	assert_false(nic_pending());
	assert_true(wire_send(100, 3));
	assert_true(nic_pending());
	assert_true(mock_nic_interrupt());
	loop();
	assert_int_equal(guest.nr, 3);
}

static void bad_frames_are_counted_and_gone(void **state)
{
	u8 frame[2048];

	memset(frame, 0x42, sizeof(frame));
	for (unsigned int bit = 0; bit < 8; bit++) {
		bool bad = BIT(bit) & RX_FRAME_BAD;
		unsigned int before = nic_stats().rx_packets;

		assert_true(mock_nic_receive(frame, 100, RX_DD | RX_EOP, (u8)BIT(bit)));
		loop();
		assert_int_equal(nic_stats().rx_packets, before + !bad);
	}
	assert_int_equal(nic_stats().rx_errors, 5);
	/* Over two buffers: one error, and the next frame is whole. */
	assert_true(mock_nic_receive(frame, 2048, RX_DD, 0));
	assert_true(mock_nic_receive(frame, 100, RX_DD | RX_EOP, 0));
	loop();
	assert_int_equal(nic_stats().rx_errors, 6);
	/* The second half lost in a reset: what comes next is not it. */
	assert_true(mock_nic_receive(frame, 2048, RX_DD, 0));
	loop();
	netdev_restart(dev, "test");
	assert_true(wire_send(60, 0));
	loop();
	assert_int_equal(guest.nr, 1);
	assert_true(mock_nic_receive(frame, 13, RX_DD | RX_EOP, 0));
	loop();
	assert_int_equal(nic_stats().rx_errors, 7);
	assert_true(wire_send(60, 0));
	loop();
	assert_int_equal(guest.nr, 2);
}

static void checksum_verdict_is_passed_on(void **state)
{
	static const struct { u8 status, errors; bool valid; } cases[] = {
		{ RX_DD | RX_EOP, 0, false },
		{ RX_DD | RX_EOP | RX_TCPCS, 0, true },
		{ RX_DD | RX_EOP | RX_TCPCS, RX_TCPE, false },
		{ RX_DD | RX_EOP | RX_TCPCS | RX_IXSM, 0, false },
	};
	u8 frame[100];

	memset(frame, 0xff, 6);
	memset(frame + 6, 2, sizeof(frame) - 6);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(mock_nic_receive(frame, 100, cases[i].status, cases[i].errors));
		loop();
		assert_int_equal(guest.nr, i + 1);
		assert_int_equal(!!(guest.last_flags & FRAME_CSUM_VALID), cases[i].valid);
	}
}

static void kept_frames_starve_and_their_return_revives(void **state)
{
	unsigned int received = 0;

	guest.keep = true;
	while (received < 10000 && wire_send(100, (u8)received)) {
		received++;
		loop();
	}
	/* All buffers are out. */
	assert_int_equal(received, E1000_RX_BUFS);
	assert_int_equal(guest.nr_kept, E1000_RX_BUFS);
	guest.keep = false;
	frame_put(guest.kept[--guest.nr_kept]);
	loop();
	assert_true(wire_send(100, 1));
	loop();
	guest_put_all();
	loop();
	for (unsigned int i = 0; i < E1000_RX_DESCS - 1; i++)
		assert_true(wire_send(100, (u8)i));
	loop();
	assert_int_equal(guest.nr, received + E1000_RX_DESCS);
}

static void frames_kept_over_a_reset_come_back(void **state)
{
	guest.keep = true;
	for (unsigned int i = 0; i < E1000_RX_SPARES; i++) {
		assert_true(wire_send(100, 7));
		loop();
	}
	netdev_restart(dev, "test");
	assert_int_equal(guest.kept[0]->seg[0].ptr[99], 7);
	guest.keep = false;
	guest_put_all();
	for (unsigned int i = 0; i < E1000_RX_DESCS - 1; i++)
		assert_true(wire_send(100, (u8)i));
	loop();
	assert_int_equal(guest.nr, E1000_RX_SPARES + E1000_RX_DESCS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tail_is_written_once_a_batch),
		TEST(checksum_is_inserted),
		TEST(checksum_of_a_padded_frame_is_finished_before),
		TEST(checksum_beyond_the_registers_is_dropped),
		TEST(burst_is_one_interrupt_and_few_batches),
		TEST(nothing_is_left_lying),
		TEST(bad_frames_are_counted_and_gone),
		TEST(checksum_verdict_is_passed_on),
		TEST(kept_frames_starve_and_their_return_revives),
		TEST(frames_kept_over_a_reset_come_back),
	};

	return nic_bench_run(e1000_models, E1000_MODELS, tests);
}
