/* SPDX-License-Identifier: BSD-2-Clause */
/* What every NIC driver has to do, whatever the NIC: run on each model of its mock. */
#include "tests/unit/unit.h"

#include <string.h>

#include "kernel/cpu.h"
#include "kernel/work.h"
#include "net/switch.h"
#include "tests/unit/nic_bench.h"

static const u8 mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

/* ---- Found ---- */

static void mac_and_link_are_known(void **state)
{
	assert_memory_equal(dev->mac, mac, 6);
	assert_true(dev->link_up && dev->port.link_up);
	assert_false(dev->polled);
	assert_string_equal(dev->irq, model->irq);
	assert_int_equal(dev->nr_queues, model->queues);
	assert_string_equal(dev->port.name, "uplink0");
	assert_string_equal(dev->port.sw->name, "br0");
}

static void link_flaps_are_followed(void **state)
{
	static struct out out;

	for (unsigned int i = 1; i <= 5; i++) {
		model->set_link(false);
		loop();
		assert_false(dev->port.link_up);
		guest_send(out_frame(&out, 100, 1));
		assert_int_equal(out.done, 1);
		assert_int_equal(dev->port.stats.drops[DROP_LINK_DOWN], i);
		model->set_link(true);
		loop();
		assert_true(dev->port.link_up);
		guest_send(out_frame(&out, 100, 1));
		loop();
		assert_int_equal(out.done, 1);
		assert_int_equal(model->nr_sent(), i);
		assert_true(wire_send(60, 1));
		loop();
		assert_int_equal(guest.nr, i);
	}
	assert_int_equal(nic_stats().link_changes, 11);
}

/* ---- Every frame ---- */

static void every_length_leaves_whole(void **state)
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
			assert_int_equal(last_sent()->len, MAX(len, model->pad));
			assert_memory_equal(last_sent()->bytes, want, MAX(len, model->pad));
		}
	}
	assert_int_equal(nic_stats().tx_packets, model->nr_sent());
}

static void every_length_arrives_whole(void **state)
{
	for (u32 len = 60; len <= 1518; len++) {
		assert_true(wire_send(len, (u8)len));
		loop();
		assert_int_equal(guest.last_len, len);
		for (u32 i = 12; i < len; i++)
			assert_int_equal(guest.last[i], (u8)len);
	}
	assert_int_equal(guest.nr, 1459);
	assert_int_equal(nic_stats().rx_packets, 1459);
	assert_int_equal(nic_stats().rx_bytes, 1459 * (60 + 1518) / 2);
	assert_int_equal(dev->port.stats.rx_frames, 1459);
	assert_int_equal(nic_stats().rx_errors, 0);
}

static void rings_wrap(void **state)
{
	static struct out out;

	for (unsigned int i = 0; i < 70000; i++) {	/* 16-bit indices too */
		guest_send_on(i % nr_cpus, out_frame(&out, 60 + i % 1400, 1 + i % 3));
		if (i % 3 == 0)
			assert_true(wire_send_flow(i % NIC_FLOWS, 60 + i % 1400));
		loop();
		assert_int_equal(out.done, 1);
		assert_int_equal(last_sent()->len, out.frame.len);
	}
	assert_int_equal(nic_stats().tx_packets, 70000);
	assert_int_equal(nic_stats().tx_dropped, 0);
	assert_int_equal(guest.nr, 23334);
	for (unsigned int q = 0; q < dev->nr_queues; q++) {
		assert_in_range(dev->queue[q]->stats.rx_packets, 10000 / dev->nr_queues, 23334);
		assert_int_equal(dev->queue[q]->stats.tx_packets, 70000 / dev->nr_queues);
	}
}

/* ---- Several queues, or all as with several ---- */

static void flows_are_spread_and_keep_their_order(void **state)
{
	unsigned int sent = 0, r = 1;

	for (unsigned int i = 0; i < 20000; i++) {
		r = r * 1103515245 + 12345;
		sent += wire_send_flow((r >> 16) % NIC_FLOWS, 60 + r % 1000);
		if ((r >> 8) % 50 == 0)
			loop();
	}
	loop();
	assert_int_equal(guest.nr, sent);
	assert_int_equal(nic_stats().rx_packets, sent);
	assert_true(sent > 19000);
	for (unsigned int q = 0; q < dev->nr_queues; q++) {
		assert_true(dev->queue[q]->stats.rx_packets > 5000);
		assert_true(dev->queue[q]->stats.interrupts > 0);
		assert_true(dev->queue[q]->stats.polls > 0);
	}
}

/* A flow for each queue. */
static void find_flows(unsigned int *flow)
{
	for (unsigned int q = 0; q < dev->nr_queues; q++) {
		u64 before = dev->queue[q]->stats.rx_packets;

		flow[q] = 0;
		do {
			assert_in_range(flow[q], 0, NIC_FLOWS - 1);
			assert_true(wire_send_flow(flow[q]++, 60));
			loop();
		} while (dev->queue[q]->stats.rx_packets == before);
		flow[q]--;
	}
}

/* With CPUs that are workers' alone, all that a NIC makes to do is theirs. */
static void workers_cpus_have_the_queues(void **state)
{
	struct cpu *worker = cpus[nr_cpus - 1];
	struct arch_cpu *self = host_this_cpu;

	worker->workers_only = true;
	assert_int_equal(probe(), 0);
	assert_int_equal(dev->nr_queues, 1);
	assert_ptr_equal(dev->queue[0]->poll_work.cpu, worker);
	for (unsigned int round = 1; round <= 3; round++) {
		for (unsigned int i = 0; i < 20; i++)
			assert_true(wire_send_flow(i, 100));
		loop();
		assert_int_equal(nic_stats().rx_packets, 20 * round);
		assert_int_equal(nic_stats().interrupts, round);
		host_this_cpu = &worker->arch;
		netdev_restart(dev, "test");
		host_this_cpu = self;
	}
	worker->workers_only = false;
}

static void queues_interrupt_for_themselves(void **state)
{
	unsigned int flow[NETDEV_QUEUES_MAX];
	u64 before[NETDEV_QUEUES_MAX];

	find_flows(flow);
	for (unsigned int q = 0; q < dev->nr_queues; q++) {
		for (unsigned int i = 0; i < dev->nr_queues; i++)
			before[i] = dev->queue[i]->stats.interrupts;
		for (unsigned int i = 0; i < 20; i++)
			assert_true(wire_send_flow(flow[q], 100));
		assert_true(model->interrupt());
		assert_false(model->interrupt());
		loop();
		for (unsigned int i = 0; i < dev->nr_queues; i++)
			assert_int_equal(dev->queue[i]->stats.interrupts, before[i] + (i == q));
	}
}

/* A full ring of one leaves the other alone. */
static void queues_have_room_for_themselves(void **state)
{
	unsigned int flow[NETDEV_QUEUES_MAX], received[NETDEV_QUEUES_MAX] = { 0 }, before;

	find_flows(flow);
	before = guest.nr;
	for (unsigned int q = 0; q < dev->nr_queues; q++) {
		while (wire_send_flow(flow[q], 100))
			received[q]++;
		assert_true(received[q] >= model->rx_ring);
		before += received[q];
	}
	loop();
	assert_int_equal(guest.nr, before);
}

static void each_cpu_sends_by_its_queue(void **state)
{
	static struct out out[2][10];

	for (unsigned int round = 1; round <= 3; round++) {
		model->tx_stop(true);
		for (unsigned int i = 0; i < 10; i++)
			for (unsigned int c = 0; c < nr_cpus; c++)
				guest_send_on(c, out_frame(&out[c][i], 100 + i, 2));
		loop();
		assert_int_equal(out[0][0].done, 0);
		model->tx_stop(false);
		for (unsigned int q = 0; q < dev->nr_queues; q++)
			assert_true(model->interrupt());
		assert_false(model->interrupt());
		loop();
		for (unsigned int i = 0; i < 10 * nr_cpus; i++)
			assert_int_equal(out[i / 10][i % 10].done, 1);
		for (unsigned int q = 0; q < dev->nr_queues; q++)
			assert_int_equal(dev->queue[q]->stats.tx_packets,
					 10 * round * nr_cpus / dev->nr_queues);
	}
}

static void restart_with_all_queues_in_flight(void **state)
{
	static struct out out[2][50];
	unsigned int flow[NETDEV_QUEUES_MAX];

	find_flows(flow);
	for (unsigned int round = 0; round < 5; round++) {
		unsigned int sent = model->nr_sent();

		model->tx_stop(true);
		for (unsigned int i = 0; i < 50; i++)
			for (unsigned int c = 0; c < nr_cpus; c++)
				guest_send_on(c, out_frame(&out[c][i], 100 + i, 2));
		for (unsigned int q = 0; q < dev->nr_queues; q++)
			assert_true(wire_send(100, 1));
		assert_true(model->interrupt());
		netdev_restart(dev, "test");
		for (unsigned int i = 0; i < 50 * nr_cpus; i++)
			assert_int_equal(out[i / 50][i % 50].done, 1);
		model->tx_stop(false);
		assert_int_equal(model->nr_sent(), sent);
		guest.nr = 0;
		for (unsigned int i = 0; i < 300; i++)
			for (unsigned int q = 0; q < dev->nr_queues; q++) {
				assert_true(wire_send_flow(flow[q], 100));
				loop();
			}
		assert_int_equal(guest.nr, 300 * dev->nr_queues);
		for (unsigned int c = 0; c < nr_cpus; c++) {
			guest_send_on(c, out_frame(&out[c][0], 100, 2));
			loop();
			assert_int_equal(out[c][0].done, 1);
		}
		assert_int_equal(model->nr_sent(), sent + nr_cpus);
	}
}

/* ---- Too many ---- */

/* A sender that never comes back to the loop gets on, as transmission makes room itself. */
static void flood_out_makes_room_itself(void **state)
{
	static struct out out[3000];

	for (unsigned int i = 0; i < ARRAY_SIZE(out); i++)
		guest_send(out_frame(&out[i], 100, 0));
	assert_int_equal(model->nr_sent(), ARRAY_SIZE(out));
	assert_int_equal(nic_stats().tx_dropped, 0);
	loop();
	for (unsigned int i = 0; i < ARRAY_SIZE(out); i++)
		assert_int_equal(out[i].done, 1);
}

static void full_ring_drops_and_recovers(void **state)
{
	static struct out out[1100];
	unsigned int held = 0;

	model->tx_stop(true);
	for (unsigned int i = 0; i < ARRAY_SIZE(out); i++)
		guest_send(out_frame(&out[i], 100, 0));
	for (unsigned int i = 0; i < ARRAY_SIZE(out); i++)
		held += !out[i].done;
	assert_in_range(held, model->tx_ring, ARRAY_SIZE(out) - 1);
	assert_int_equal(nic_stats().tx_dropped, ARRAY_SIZE(out) - held);
	assert_int_equal(dev->port.stats.drops[DROP_RING_FULL], ARRAY_SIZE(out) - held);
	model->tx_stop(false);
	loop();
	assert_int_equal(model->nr_sent(), held);
	for (unsigned int i = 0; i < ARRAY_SIZE(out); i++)
		assert_int_equal(out[i].done, 1);
	guest_send(out_frame(&out[0], 100, 0));
	loop();
	assert_int_equal(out[0].done, 1);
}

static void flood_in_fills_the_ring_and_no_more(void **state)
{
	unsigned int received = 0;

	for (unsigned int round = 1; round <= 3; round++) {
		unsigned int before = nic_stats().interrupts;

		while (wire_send(100, (u8)received))
			received++;
		assert_true(received >= round * model->rx_ring);
		loop();
		assert_int_equal(guest.nr, received);
		assert_int_equal(nic_stats().interrupts, before + 1);
	}
	assert_true(guest.flushes < received / 32);
}

static void kept_frames_come_back(void **state)
{
	unsigned int received = 0, before;

	guest.keep = true;
	while (received < ARRAY_SIZE(guest.kept) && wire_send(100, (u8)received)) {
		received++;
		loop();
	}
	assert_int_equal(guest.nr_kept, received);
	for (unsigned int i = 0; i < received; i++)
		assert_int_equal(guest.kept[i]->seg[0].ptr[99], (u8)i);
	guest.keep = false;
	guest_put_all();
	loop();
	before = guest.nr;
	for (unsigned int i = 0; i < 100; i++)
		assert_true(wire_send(100, (u8)i));
	loop();
	assert_int_equal(guest.nr, before + 100);
}

/* ---- Interrupts ---- */

static void burst_is_one_interrupt(void **state)
{
	for (unsigned int i = 0; i < 50; i++)
		assert_true(wire_send(100, (u8)i));
	loop();
	assert_int_equal(guest.nr, 50);
	assert_int_equal(nic_stats().interrupts, 1);
	loop();
	assert_int_equal(nic_stats().interrupts, 1);
	assert_true(wire_send(100, 0));
	loop();
	assert_int_equal(nic_stats().interrupts, 2);
}

/* What comes while the poll is due is polled, and raises nothing afterwards. */
static void polled_frames_do_not_interrupt(void **state)
{
	assert_true(wire_send(100, 1));
	assert_true(model->interrupt());
	assert_true(wire_send(100, 2));
	assert_false(model->interrupt());
	loop();
	assert_int_equal(guest.nr, 2);
	assert_int_equal(nic_stats().interrupts, 1);
	assert_false(nic_pending());
}

static void sent_at_once_needs_no_interrupt(void **state)
{
	static struct out out;

	guest_send(out_frame(&out, 100, 1));
	assert_int_equal(out.done, 1);
	loop();
	assert_int_equal(nic_stats().interrupts, 0);
}

static void sent_later_interrupts(void **state)
{
	static struct out out[3];

	for (unsigned int round = 1; round <= 3; round++) {
		model->tx_stop(true);
		for (unsigned int i = 0; i < 3; i++)
			guest_send(out_frame(&out[i], 100, 1));
		loop();
		assert_int_equal(out[0].done, 0);
		model->tx_stop(false);
		assert_true(model->interrupt());
		assert_false(model->interrupt());
		loop();
		for (unsigned int i = 0; i < 3; i++)
			assert_int_equal(out[i].done, 1);
		assert_int_equal(nic_stats().interrupts, round);
	}
}

/* Received frames are polled for while one is being sent: its interrupt is not forgotten. */
static void sent_later_interrupts_after_a_poll(void **state)
{
	static struct out out;

	model->tx_stop(true);
	guest_send(out_frame(&out, 100, 1));
	assert_true(wire_send(100, 1));
	loop();
	assert_int_equal(out.done, 0);
	model->tx_stop(false);
	assert_true(model->interrupt());
	loop();
	assert_int_equal(out.done, 1);
}

static void without_interrupt_it_is_polled(void **state)
{
	model->no_interrupt();
	assert_int_equal(probe(), 0);
	assert_true(dev->polled);
	assert_int_equal(dev->nr_queues, 1);
	assert_string_equal(dev->irq, "none");
	run_work();
	for (unsigned int i = 0; i < 5; i++) {
		assert_true(wire_send(100, 1));
		assert_false(model->interrupt());
		now_ns += NSEC_PER_MSEC;
		timer_run(this_cpu());
		run_work();
		assert_int_equal(nic_stats().rx_packets, i + 1);
	}
}

/* ---- Stop, start ---- */

static void restart_gives_all_back_and_goes_on(void **state)
{
	static struct out out[100];

	for (unsigned int round = 1; round <= 5; round++) {
		unsigned int sent = model->nr_sent();

		model->tx_stop(true);
		for (unsigned int i = 0; i < ARRAY_SIZE(out); i++)
			guest_send(out_frame(&out[i], 100 + i, 2));
		for (unsigned int i = 0; i < 10; i++)
			assert_true(wire_send(100, 1));
		netdev_restart(dev, "test");
		for (unsigned int i = 0; i < ARRAY_SIZE(out); i++)
			assert_int_equal(out[i].done, 1);
		assert_int_equal(model->nr_sent(), sent);
		model->tx_stop(false);
		assert_int_equal(model->nr_sent(), sent);
		guest.nr = 0;
		for (unsigned int i = 0; i < ARRAY_SIZE(out); i++)
			guest_send(out_frame(&out[i], 100 + i, 2));
		assert_true(wire_send(60, 2));
		loop();
		assert_int_equal(model->nr_sent(), sent + ARRAY_SIZE(out));
		assert_int_equal(guest.nr, 1);
		assert_int_equal(guest.last[59], 2);
		assert_int_equal(nic_stats().resets, round);
		assert_true(dev->link_up);
	}
}

static void kept_frames_outlive_a_restart(void **state)
{
	guest.keep = true;
	for (unsigned int i = 0; i < 20; i++) {
		assert_true(wire_send(100, 7));
		loop();
	}
	netdev_restart(dev, "test");
	guest.keep = false;
	for (unsigned int i = 0; i < 20; i++)
		assert_true(wire_send(100, 8));
	loop();
	for (unsigned int i = 0; i < 20; i++)
		assert_int_equal(guest.kept[i]->seg[0].ptr[99], 7);
	guest_put_all();
	loop();
	assert_int_equal(guest.nr, 40);
}

static void stop_ends_everything(void **state)
{
	static struct out out;

	model->tx_stop(true);
	guest_send(out_frame(&out, 100, 2));
	netdev_stop_all();
	assert_int_equal(out.done, 1);
	assert_false(model->interrupt());
	assert_false(wire_send(100, 1));
	model->tx_stop(false);
	assert_int_equal(model->nr_sent(), 0);
}

int nic_suite(const struct nic_model *models, unsigned int nr)
{
	const struct CMUnitTest tests[] = {
		TEST(mac_and_link_are_known),
		TEST(link_flaps_are_followed),
		TEST(every_length_leaves_whole),
		TEST(every_length_arrives_whole),
		TEST(rings_wrap),
		TEST(flows_are_spread_and_keep_their_order),
		BARE(workers_cpus_have_the_queues),
		TEST(queues_interrupt_for_themselves),
		TEST(queues_have_room_for_themselves),
		TEST(each_cpu_sends_by_its_queue),
		TEST(restart_with_all_queues_in_flight),
		TEST(flood_out_makes_room_itself),
		TEST(full_ring_drops_and_recovers),
		TEST(flood_in_fills_the_ring_and_no_more),
		TEST(kept_frames_come_back),
		TEST(burst_is_one_interrupt),
		TEST(polled_frames_do_not_interrupt),
		TEST(sent_at_once_needs_no_interrupt),
		TEST(sent_later_interrupts),
		TEST(sent_later_interrupts_after_a_poll),
		BARE(without_interrupt_it_is_polled),
		TEST(restart_gives_all_back_and_goes_on),
		TEST(kept_frames_outlive_a_restart),
		TEST(stop_ends_everything),
	};

	return nic_bench_run(models, nr, tests);
}
