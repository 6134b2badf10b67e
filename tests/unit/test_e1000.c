/* SPDX-License-Identifier: BSD-2-Clause */
/* The e1000 driver and the NIC registry: probe, link, interrupts, a NIC that goes wrong. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/mem.h"
#include "kernel/work.h"
#include "net/switch.h"
#include "tests/unit/e1000_bench.h"

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
	assert_int_equal(mock_nic.ims, strcmp(model->irq, "msix") ?
			 INT_LSC | INT_RXDMT0 | INT_RXO | INT_RXT0 :
			 INT_LSC | INT_OTHER | INT_RXQ0 |
			 (model->queues > 1 ? INT_RXQ0 << 1 : 0));
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
		assert_int_equal(mem_used(MEM_DMA), dma_before);
	}
	host_mem_fail(0);
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
	assert_int_equal(nic_stats().link_changes, 3);
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
	assert_int_equal(nic_stats().tx_hangs, 0);
	assert_false(dev->link_up);
}

static void somebody_elses_interrupt_is_left_alone(void **state)
{
	unsigned int before = nic_stats().interrupts;

	if (strcmp(model->irq, "intx"))
		return;
	mock_nic.icr = 0;
	mock_nic_shared_interrupt();
	assert_int_equal(nic_stats().interrupts, before);
	assert_true(mock_nic.ims);
	mock_nic.ims = INT_ALL;
	mock_nic.icr = INT_TXQE;
	assert_true(mock_nic_interrupt());
	assert_int_equal(nic_stats().interrupts, before + 1);
}

static void lost_interrupts_are_noticed(void **state)
{
	for (unsigned int lost = 0; lost < 3; lost++) {
		assert_false(dev->polled);
		assert_true(wire_send(100, 1));
		for (unsigned int s = 0; s < 2; s++) {	/* nobody calls mock_nic_interrupt() */
			assert_int_equal(nic_stats().rx_packets, lost);
			now_ns += NSEC_PER_SEC;
			timer_run(this_cpu());
		}
		assert_int_equal(nic_stats().irq_lost, lost + 1);
		run_work();
		assert_int_equal(nic_stats().rx_packets, lost + 1);
	}
	assert_true(dev->polled);
	assert_int_equal(mock_nic.ims, 0);
	assert_true(wire_send(100, 1));
	now_ns += NSEC_PER_MSEC;
	timer_run(this_cpu());
	run_work();
	assert_int_equal(nic_stats().rx_packets, 4);
}

static void quiet_seconds_lose_nothing(void **state)
{
	for (unsigned int s = 0; s < 20; s++) {
		assert_true(wire_send(100, 1));	/* just before the second is over */
		now_ns += NSEC_PER_SEC;
		timer_run(this_cpu());
		loop();
	}
	assert_int_equal(nic_stats().irq_lost, 0);
	assert_int_equal(nic_stats().rx_packets, 20);
}

/* ---- Going wrong, and stopping ---- */

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
	assert_int_equal(nic_stats().tx_hangs, 0);
	dev->ops->watchdog(dev);
	assert_int_equal(nic_stats().tx_hangs, 1);
	assert_int_equal(nic_stats().resets, 1);
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
	assert_int_equal(nic_stats().tx_hangs, 0);
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
	assert_int_equal(nic_stats().tx_hangs, 0);
	assert_int_equal(nic_stats().resets, 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mac_comes_from_the_eeprom),
		BARE(mac_falls_back_to_ral),
		BARE(no_mac_is_an_error),
		BARE(reset_that_never_ends_is_an_error),
		BARE(unusable_bars_are_errors),
		BARE(out_of_memory_is_an_error),
		TEST(hang_resets_and_gives_frames_back),
		TEST(a_moving_head_is_not_hung),
		TEST(slow_is_not_hung),
		TEST(stop_gives_frames_back),
		TEST(stop_without_reset_ends_dma_all_the_same),
		TEST(link_changes_reach_the_port),
		TEST(frames_caught_by_a_lost_link_come_back),
		TEST(somebody_elses_interrupt_is_left_alone),
		TEST(lost_interrupts_are_noticed),
		TEST(quiet_seconds_lose_nothing),
	};

	return nic_bench_run(e1000_models, E1000_MODELS, tests);
}
