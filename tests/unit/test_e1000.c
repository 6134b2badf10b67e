/* SPDX-License-Identifier: BSD-2-Clause */
/* The e1000 driver and the NIC registry against a model of the NIC (mock_e1000.h). */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/net/e1000.h"
#include "kernel/cpu.h"
#include "kernel/mem.h"
#include "kernel/work.h"
#include "net/csum.h"
#include "net/netdev.h"
#include "net/switch.h"
#include "tests/unit/mock_e1000.h"

static u64 now_ns = NSEC_PER_SEC;

u64 time_ns(void)
{
	return now_ns += 1000;	/* waits end */
}

void cpu_kick(struct cpu *cpu)
{
}

/* ---- A station on the other side of the switch ---- */

static struct {
	struct port port;
	unsigned int nr, flushes;
	u8 last[2048];
	u32 last_len;
	u16 last_flags;
	bool keep;
	struct frame *kept[1024];
	unsigned int nr_kept;
} guest;

static void guest_deliver(struct port *port, struct frame **frames, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		guest.nr++;
		guest.last_len = frames[i]->len;
		guest.last_flags = frames[i]->flags;
		frame_copy_out(frames[i], 0, guest.last, frames[i]->len);
		if (guest.keep) {
			frame_get(frames[i]);
			guest.kept[guest.nr_kept++] = frames[i];
		}
	}
}

static void guest_flush(struct port *port)
{
	guest.flushes++;
}

static const struct port_ops guest_ops = { .deliver = guest_deliver, .flush = guest_flush };

static void guest_put_all(void)
{
	while (guest.nr_kept)
		frame_put(guest.kept[--guest.nr_kept]);
}

/* ---- Frames the guest sends ---- */

struct out {
	struct frame frame;
	u8 payload[3][700];
	unsigned int done;
};

static void out_done(struct frame *frame)
{
	struct out *out = frame->owner;

	assert_int_equal(frame->refs, 0);
	out->done++;
}

static u64 to_phys(const void *p)
{
	return virt_to_phys(p);
}

/* A frame of @len bytes in a header copy and up to three pieces of payload. */
static struct frame *out_frame(struct out *out, u32 len, unsigned int pieces)
{
	struct frame *frame = &out->frame;
	u32 left;

	memset(out, 0, sizeof(*out));
	memset(frame->hdr, 0xff, 6);
	memcpy(frame->hdr + 6, "\x52\x54\x00\x00\x00\x99", 6);
	for (unsigned int i = 12; i < sizeof(frame->hdr); i++)
		frame->hdr[i] = (u8)i;
	memset(out->payload, 0x5a, sizeof(out->payload));
	frame->hdr_len = pieces ? MIN(len, 54u) : len;
	frame->hdr_phys = to_phys(frame->hdr);
	frame->seg[0] = (struct frame_seg){ frame->hdr, frame->hdr_phys, frame->hdr_len };
	frame->nr_segs = 1;
	left = len - frame->hdr_len;
	for (unsigned int i = 0; i < pieces; i++) {
		u32 n = i + 1 < pieces ? left / 2 : left;

		frame->seg[frame->nr_segs++] = (struct frame_seg){ out->payload[i],
			to_phys(out->payload[i]), n };
		left -= n;
	}
	frame->len = len;
	frame->refs = 1;
	frame->done = out_done;
	frame->owner = out;
	return frame;
}

/* Frames are static, as a failed test leaves them with the NIC. */
static void guest_send(struct frame *frame)
{
	switch_input(&guest.port, &frame, 1);
	frame_put(frame);
}

static const struct mock_sent *last_sent(void)
{
	return &mock_nic.sent[(mock_nic.nr_sent - 1) % MOCK_SENT_MAX];
}

/* ---- Setting up ---- */

static struct netdev *dev;

static int probe(void)
{
	int err = e1000_driver.probe(&mock_nic.pci);

	dev = err ? NULL : netdevs[nr_netdevs - 1];
	return err;
}

static int setup_bare(void **state)
{
	timer_queue_init(&this_cpu()->timers);
	work_run(this_cpu());
	nr_netdevs = 0;
	mock_nic_init();
	memset(&guest, 0, sizeof(guest));
	host_log_clear();
	return 0;
}

static int setup(void **state)
{
	setup_bare(state);
	assert_int_equal(probe(), 0);
	guest.port = (struct port){ .name = "guest", .ops = &guest_ops, .link_up = true,
				    .max_frame = 1518 };
	assert_int_equal(switch_attach(dev->port.sw, &guest.port), 0);
	return 0;
}

static int teardown(void **state)
{
	guest_put_all();
	if (!dev)
		return 0;
	netdev_stop_all();
	switch_detach(&dev->port);
	if (guest.port.sw)
		switch_detach(&guest.port);
	e1000_rx_free(dev->priv);
	e1000_tx_free(dev->priv);
	free(dev->priv);
	dev = NULL;
	assert_int_equal(mem_used(MEM_DMA), 0);
	return 0;
}

/* The CPU loop, interrupts included, until nothing is left to do. */
static void loop(void)
{
	for (unsigned int i = 0; i < 1000; i++) {
		bool irq = mock_nic_interrupt();

		if (!work_run(this_cpu()) && !irq)
			return;
	}
	fail_msg("the loop does not come to rest");
}

static bool wire_send(u32 len, u8 fill)
{
	u8 frame[2048];

	memset(frame, fill, sizeof(frame));
	memset(frame, 0xff, 6);
	memcpy(frame + 6, "\x02\x00\x00\x00\x00\x01", 6);
	return mock_nic_receive(frame, len, RX_DD | RX_EOP, 0);
}

/* ---- Probe ---- */

static void mac_comes_from_the_eeprom(void **state)
{
	static const u8 mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
	u32 ral = mock_nic_reg(E1000_RAL);

	assert_memory_equal(dev->mac, mac, 6);
	assert_memory_equal(&ral, mac, 4);
	assert_int_equal(mock_nic_reg(E1000_RAH), RAH_AV | 0x5634);
	assert_string_equal(dev->port.name, "uplink0");
	assert_string_equal(dev->port.sw->name, "br0");
	assert_true(dev->link_up);
	assert_int_equal(dev->speed, 1000);
	assert_false(dev->polled);
	assert_int_equal(mock_nic.ims, INT_LSC | INT_RXDMT0 | INT_RXO | INT_RXT0);
}

static void mac_falls_back_to_ral(void **state)
{
	static const u8 mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

	mock_nic.eerd_dead = true;
	mock_nic.keeps_ral = true;
	assert_int_equal(probe(), 0);
	assert_memory_equal(dev->mac, mac, 6);
	assert_int_equal(host_log_count("EERD.DONE did not come"), 1);
}

static void no_mac_is_an_error(void **state)
{
	mock_nic.eerd_dead = true;
	assert_int_equal(probe(), -EIO);
	assert_int_equal(host_log_count("no MAC address"), 1);
	mock_nic_init();
	mock_nic.eeprom[0] |= 1;	/* a group address */
	assert_int_equal(probe(), -EIO);
	assert_int_equal(host_log_count("EEPROM checksum"), 1);
	assert_int_equal(nr_netdevs, 0);
}

static void reset_that_never_ends_is_an_error(void **state)
{
	mock_nic.rst_stuck = true;
	assert_int_equal(probe(), -ETIMEDOUT);
	assert_int_equal(host_log_count("CTRL.RST stayed set"), 1);
}

static void unusable_bars_are_errors(void **state)
{
	mock_nic.pci.bar[0].size = 4096;
	assert_int_equal(probe(), -ENODEV);
	mock_nic_init();
	mock_nic.pci.bar[0].base = 0;
	assert_int_equal(probe(), -ENOMEM);
}

static void out_of_memory_is_an_error(void **state)
{
	for (unsigned int n = 1; n <= 3; n++) {
		mock_nic_init();
		host_mem_fail(n);
		assert_int_equal(probe(), -ENOMEM);
		assert_int_equal(mem_used(MEM_DMA), 0);
	}
	host_mem_fail(0);
}

/* ---- Transmit ---- */

static void every_length_arrives_whole(void **state)
{
	static struct out out;
	u8 want[2048];

	for (u32 len = 14; len <= 1518; len++) {
		for (unsigned int pieces = len <= FRAME_HDR_MAX ? 0 : 1; pieces <= 3; pieces++) {
			struct frame *frame = out_frame(&out, len, pieces);

			memset(want, 0, sizeof(want));
			frame_copy_out(frame, 0, want, len);
			guest_send(frame);
			loop();
			assert_int_equal(out.done, 1);
			assert_int_equal(last_sent()->len, MAX(len, 60u));
			assert_memory_equal(last_sent()->bytes, want, MAX(len, 60u));
		}
	}
	assert_int_equal(dev->stats.tx_packets, mock_nic.nr_sent);
	assert_int_equal(mock_nic.contexts, 0);
}

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

static void sent_at_once_needs_no_interrupt(void **state)
{
	static struct out out;

	guest_send(out_frame(&out, 100, 1));
	assert_int_equal(out.done, 1);
	assert_false(mock_nic_interrupt());
	loop();
	assert_int_equal(dev->stats.interrupts, 0);
}

static void sent_later_interrupts(void **state)
{
	static struct out out[3];

	for (unsigned int round = 0; round < 3; round++) {
		mock_nic.tx_stopped = true;
		for (unsigned int i = 0; i < 3; i++)
			guest_send(out_frame(&out[i], 100, 1));
		loop();
		assert_int_equal(out[0].done, 0);
		mock_nic.tx_stopped = false;
		mock_nic_tx_go();
		assert_true(mock_nic_interrupt());
		assert_int_equal(mock_nic.ims, 0);
		loop();
		for (unsigned int i = 0; i < 3; i++)
			assert_int_equal(out[i].done, 1);
		assert_false(mock_nic.ims & INT_TXDW);
		assert_int_equal(dev->stats.interrupts, round + 1);
	}
}

/* Received frames are polled for while one is being sent: its interrupt is not forgotten. */
static void sent_later_interrupts_after_a_poll(void **state)
{
	static struct out out;

	mock_nic.tx_stopped = true;
	guest_send(out_frame(&out, 100, 1));
	assert_true(wire_send(100, 1));
	loop();
	assert_int_equal(out.done, 0);
	mock_nic_tx_go();
	assert_true(mock_nic_interrupt());
	loop();
	assert_int_equal(out.done, 1);
}

static void ring_wraps(void **state)
{
	static struct out out;

	for (unsigned int i = 0; i < 70000; i++) {
		guest_send(out_frame(&out, 60 + i % 1400, 1 + i % 3));
		loop();
		assert_int_equal(out.done, 1);
		assert_int_equal(last_sent()->len, out.frame.len);
	}
	assert_int_equal(dev->stats.tx_packets, 70000);
	assert_int_equal(dev->stats.tx_dropped, 0);
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
	assert_int_equal(mock_nic.contexts, 1);	/* said once, as it stayed the same */
	frame = out_frame(&out, 100, 2);
	frame->flags = FRAME_NEEDS_CSUM;
	frame->csum_start = 34;
	frame->csum_offset = 16;
	guest_send(frame);
	loop();
	assert_int_equal(mock_nic.contexts, 2);
	/* What a reset has forgotten is said again. */
	netdev_restart(dev, "test");
	frame = out_frame(&out, 100, 2);
	frame->flags = FRAME_NEEDS_CSUM;
	frame->csum_start = 34;
	frame->csum_offset = 16;
	guest_send(frame);
	loop();
	assert_int_equal(mock_nic.contexts, 3);
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
	assert_int_equal(dev->stats.tx_errors, 1);
	assert_int_equal(dev->port.stats.drops[DROP_MALFORMED], 1);
	frame = out_frame(&out, 600, 2);
	frame->flags = FRAME_NEEDS_CSUM;
	frame->csum_start = 249;
	frame->csum_offset = 6;
	guest_send(frame);
	assert_int_equal(mock_nic.nr_sent, 1);
}

static void full_ring_drops_and_recovers(void **state)
{
	static struct out out[1100];
	unsigned int held = 0;

	mock_nic.tx_stopped = true;
	for (unsigned int i = 0; i < ARRAY_SIZE(out); i++)
		guest_send(out_frame(&out[i], 100, 0));
	for (unsigned int i = 0; i < ARRAY_SIZE(out); i++)
		held += !out[i].done;
	assert_in_range(held, 1000, E1000_TX_DESCS - 1);
	assert_int_equal(dev->stats.tx_dropped, ARRAY_SIZE(out) - held);
	assert_int_equal(dev->port.stats.drops[DROP_RING_FULL], ARRAY_SIZE(out) - held);
	mock_nic.tx_stopped = false;
	mock_nic_tx_go();
	loop();
	assert_int_equal(mock_nic.nr_sent, held);
	for (unsigned int i = 0; i < ARRAY_SIZE(out); i++)
		assert_int_equal(out[i].done, 1);
}

/* A sender that never comes back to the loop gets on, as transmission makes room itself. */
static void sent_frames_make_room_without_the_poll(void **state)
{
	static struct out out[3000];

	for (unsigned int i = 0; i < ARRAY_SIZE(out); i++)
		guest_send(out_frame(&out[i], 100, 0));
	assert_int_equal(mock_nic.nr_sent, ARRAY_SIZE(out));
	assert_int_equal(dev->stats.tx_dropped, 0);
}

static void hang_resets_and_gives_frames_back(void **state)
{
	static struct out out[2];
	unsigned int resets = mock_nic.resets;

	mock_nic.tx_stopped = true;
	guest_send(out_frame(&out[0], 100, 2));
	guest_send(out_frame(&out[1], 100, 2));
	loop();
	dev->ops->watchdog(dev);
	dev->ops->watchdog(dev);
	assert_int_equal(out[0].done, 0);
	assert_int_equal(dev->stats.tx_hangs, 0);
	dev->ops->watchdog(dev);
	assert_int_equal(dev->stats.tx_hangs, 1);
	assert_int_equal(dev->stats.resets, 1);
	assert_true(mock_nic.resets > resets);
	assert_int_equal(out[0].done, 1);
	assert_int_equal(out[1].done, 1);
	assert_int_equal(host_log_count("transmit hang"), 1);
	mock_nic.tx_stopped = false;
	guest_send(out_frame(&out[0], 100, 2));
	loop();
	assert_int_equal(mock_nic.nr_sent, 1);
	assert_int_equal(out[0].done, 1);
	assert_true(wire_send(60, 1));
	loop();
	assert_int_equal(guest.nr, 1);
}

static void a_moving_head_is_not_hung(void **state)
{
	struct e1000 *nic = dev->priv;
	static struct out out;

	mock_nic.tx_stopped = true;
	guest_send(out_frame(&out, 100, 2));
	for (u32 head = 0; head < 10; head++) {
		e1000_write(nic, E1000_TDH, head);
		dev->ops->watchdog(dev);
	}
	assert_int_equal(dev->stats.tx_hangs, 0);
}

static void slow_is_not_hung(void **state)
{
	static struct out out;

	for (unsigned int i = 0; i < 10; i++) {
		mock_nic.tx_stopped = true;
		guest_send(out_frame(&out, 100, 2));
		dev->ops->watchdog(dev);
		dev->ops->watchdog(dev);
		mock_nic_tx_go();
		loop();
	}
	assert_int_equal(dev->stats.tx_hangs, 0);
	assert_int_equal(dev->stats.resets, 0);
}

static void stop_gives_frames_back(void **state)
{
	static struct out out;

	mock_nic.tx_stopped = true;
	guest_send(out_frame(&out, 100, 2));
	assert_int_equal(out.done, 0);
	netdev_stop_all();
	assert_int_equal(out.done, 1);
	guest_send(out_frame(&out, 100, 2));
	assert_int_equal(out.done, 1);
	assert_int_equal(dev->port.stats.drops[DROP_LINK_DOWN], 1);
	assert_int_equal(mock_nic.rctl | mock_nic.tctl | mock_nic.ims, 0);
}

static void stop_without_reset_ends_dma_all_the_same(void **state)
{
	static struct out out;

	mock_nic.tx_stopped = true;
	guest_send(out_frame(&out, 100, 2));
	mock_nic.rst_stuck = true;
	netdev_stop_all();
	assert_false(mock_nic.mastering);
	assert_int_equal(out.done, 1);
	mock_nic.rst_stuck = false;
}

/* ---- Receive ---- */

static void received_frames_reach_the_switch(void **state)
{
	for (u32 len = 60; len <= 1518; len++) {
		assert_true(wire_send(len, (u8)len));
		loop();
		assert_int_equal(guest.last_len, len);
		assert_int_equal(guest.last[len - 1], (u8)len);
	}
	assert_int_equal(guest.nr, 1459);
	assert_int_equal(dev->stats.rx_packets, 1459);
	assert_int_equal(dev->port.stats.rx_frames, 1459);
	assert_int_equal(mock_nic.missed, 0);
}

static void burst_is_one_interrupt_and_few_batches(void **state)
{
	for (unsigned int i = 0; i < E1000_RX_DESCS - 1; i++)
		assert_true(wire_send(100, (u8)i));
	assert_false(wire_send(100, 0));
	loop();
	assert_int_equal(guest.nr, E1000_RX_DESCS - 1);
	assert_int_equal(guest.flushes, 4);
	assert_int_equal(dev->stats.interrupts, 1);
	assert_true(mock_nic.ims);
	dev->ops->watchdog(dev);
	assert_int_equal(dev->stats.rx_missed, 1);
	assert_true(wire_send(100, 0));
	loop();
	assert_int_equal(guest.nr, E1000_RX_DESCS);
}

/* Between the last look and the interrupt being unmasked. */
static void nothing_is_left_lying(void **state)
{
	assert_true(wire_send(100, 1));
	assert_true(mock_nic_interrupt());
	assert_int_equal(mock_nic.ims, 0);
	assert_false(mock_nic_interrupt());
	assert_true(wire_send(100, 2));
	loop();
	assert_int_equal(guest.nr, 2);
	assert_false(dev->ops->pending(dev));
	assert_true(wire_send(100, 3));
	assert_true(dev->ops->pending(dev));
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
		unsigned int before = dev->stats.rx_packets;

		assert_true(mock_nic_receive(frame, 100, RX_DD | RX_EOP, (u8)BIT(bit)));
		loop();
		assert_int_equal(dev->stats.rx_packets, before + !bad);
	}
	assert_int_equal(dev->stats.rx_errors, 5);
	/* Over two buffers: one error, and the next frame is whole. */
	assert_true(mock_nic_receive(frame, 2048, RX_DD, 0));
	assert_true(mock_nic_receive(frame, 100, RX_DD | RX_EOP, 0));
	loop();
	assert_int_equal(dev->stats.rx_errors, 6);
	/* The second half lost in a reset: what comes next is not it. */
	assert_true(mock_nic_receive(frame, 2048, RX_DD, 0));
	loop();
	netdev_restart(dev, "test");
	assert_true(wire_send(60, 0));
	loop();
	assert_int_equal(guest.nr, 1);
	assert_true(mock_nic_receive(frame, 13, RX_DD | RX_EOP, 0));
	loop();
	assert_int_equal(dev->stats.rx_errors, 7);
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

/* ---- Link, interrupts ---- */

static void link_changes_reach_the_port(void **state)
{
	static struct out out;

	mock_nic_set_link(false);
	loop();
	assert_false(dev->link_up);
	assert_false(dev->port.link_up);
	assert_int_equal(host_log_count("link down"), 1);
	guest_send(out_frame(&out, 100, 0));
	assert_int_equal(out.done, 1);
	assert_int_equal(dev->port.stats.drops[DROP_LINK_DOWN], 1);
	mock_nic_set_link(true);
	loop();
	assert_true(dev->port.link_up);
	assert_int_equal(dev->stats.link_changes, 3);
	guest_send(out_frame(&out, 100, 0));
	assert_int_equal(mock_nic.nr_sent, 1);
}

static void frames_caught_by_a_lost_link_come_back(void **state)
{
	static struct out out;

	mock_nic.tx_stopped = true;
	guest_send(out_frame(&out, 100, 0));
	mock_nic_set_link(false);
	loop();
	assert_int_equal(out.done, 0);
	for (unsigned int i = 0; i < 3; i++)
		dev->ops->watchdog(dev);
	assert_int_equal(out.done, 1);
	assert_int_equal(dev->stats.tx_hangs, 0);
	assert_false(dev->link_up);
}

static void somebody_elses_interrupt_is_left_alone(void **state)
{
	unsigned int before = dev->stats.interrupts;

	mock_nic.icr = 0;
	mock_nic_shared_interrupt();
	assert_int_equal(dev->stats.interrupts, before);
	assert_true(mock_nic.ims);
	mock_nic.ims = INT_ALL;
	mock_nic.icr = INT_TXQE;
	assert_true(mock_nic_interrupt());
	assert_int_equal(dev->stats.interrupts, before + 1);
}

static void without_interrupt_it_is_polled(void **state)
{
	mock_nic.no_interrupt = true;
	assert_int_equal(probe(), 0);
	assert_true(dev->polled);
	assert_int_equal(mock_nic.ims, 0);
	for (unsigned int i = 0; i < 5; i++) {
		assert_true(wire_send(100, 1));
		now_ns += NSEC_PER_MSEC;
		timer_run(this_cpu());
		work_run(this_cpu());
		assert_int_equal(dev->stats.rx_packets, i + 1);
	}
	assert_int_equal(mock_nic.ims, 0);
}

static void lost_interrupts_are_noticed(void **state)
{
	for (unsigned int lost = 0; lost < 3; lost++) {
		assert_false(dev->polled);
		assert_true(wire_send(100, 1));
		for (unsigned int s = 0; s < 2; s++) {	/* nobody calls mock_nic_interrupt() */
			assert_int_equal(dev->stats.rx_packets, lost);
			now_ns += NSEC_PER_SEC;
			timer_run(this_cpu());
		}
		assert_int_equal(dev->stats.irq_lost, lost + 1);
		work_run(this_cpu());
		assert_int_equal(dev->stats.rx_packets, lost + 1);
	}
	assert_true(dev->polled);
	assert_int_equal(mock_nic.ims, 0);
	assert_true(wire_send(100, 1));
	now_ns += NSEC_PER_MSEC;
	timer_run(this_cpu());
	work_run(this_cpu());
	assert_int_equal(dev->stats.rx_packets, 4);
}

static void quiet_seconds_lose_nothing(void **state)
{
	for (unsigned int s = 0; s < 20; s++) {
		assert_true(wire_send(100, 1));	/* just before the second is over */
		now_ns += NSEC_PER_SEC;
		timer_run(this_cpu());
		loop();
	}
	assert_int_equal(dev->stats.irq_lost, 0);
	assert_int_equal(dev->stats.rx_packets, 20);
}

#define BARE(f) cmocka_unit_test_setup_teardown(f, setup_bare, teardown)
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mac_comes_from_the_eeprom),
		BARE(mac_falls_back_to_ral),
		BARE(no_mac_is_an_error),
		BARE(reset_that_never_ends_is_an_error),
		BARE(unusable_bars_are_errors),
		BARE(out_of_memory_is_an_error),
		TEST(every_length_arrives_whole),
		TEST(tail_is_written_once_a_batch),
		TEST(sent_at_once_needs_no_interrupt),
		TEST(sent_later_interrupts),
		TEST(sent_later_interrupts_after_a_poll),
		TEST(ring_wraps),
		TEST(checksum_is_inserted),
		TEST(checksum_beyond_the_registers_is_dropped),
		TEST(full_ring_drops_and_recovers),
		TEST(sent_frames_make_room_without_the_poll),
		TEST(hang_resets_and_gives_frames_back),
		TEST(a_moving_head_is_not_hung),
		TEST(slow_is_not_hung),
		TEST(stop_gives_frames_back),
		TEST(stop_without_reset_ends_dma_all_the_same),
		TEST(received_frames_reach_the_switch),
		TEST(burst_is_one_interrupt_and_few_batches),
		TEST(nothing_is_left_lying),
		TEST(bad_frames_are_counted_and_gone),
		TEST(checksum_verdict_is_passed_on),
		TEST(kept_frames_starve_and_their_return_revives),
		TEST(frames_kept_over_a_reset_come_back),
		TEST(link_changes_reach_the_port),
		TEST(frames_caught_by_a_lost_link_come_back),
		TEST(somebody_elses_interrupt_is_left_alone),
		BARE(without_interrupt_it_is_polled),
		TEST(lost_interrupts_are_noticed),
		TEST(quiet_seconds_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
