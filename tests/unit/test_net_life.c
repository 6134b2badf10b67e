/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net's configuration, resets, broken queues. hostile_NN: case NN of the list of what a
 * hostile guest tries.
 */
#include "tests/unit/unit.h"

#include "kernel/cpu.h"
#include "tests/unit/net_fixture.h"

/* ---- Configuration and life ---- */

static void configuration_space(void **state)
{
	struct mock_net *mn = *state;
	u64 offered = mock_net_offered(mn);

	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(mock_mmio_read(&mn->mg, mn->mv.device + i, 1), mn->nic.mac[i]);
	assert_int_equal(mock_mmio_read(&mn->mg, mn->mv.device + 6, 2), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(mock_mmio_read(&mn->mg, mn->mv.device + 8, 2), 1);	/* pairs */
	assert_int_equal(mock_mmio_read(&mn->mg, mn->mv.device + 10, 2), 1500);
	assert_true(offered == (BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_F_EVENT_IDX) |
				BIT_ULL(VIRTIO_F_INDIRECT_DESC) | BIT_ULL(VIRTIO_NET_F_MAC) |
				BIT_ULL(VIRTIO_NET_F_STATUS) | BIT_ULL(VIRTIO_NET_F_MTU) |
				BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) | BIT_ULL(VIRTIO_NET_F_CSUM) |
				BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) | F_TSO |
				BIT_ULL(VIRTIO_NET_F_CTRL_VQ) |
				BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR)));
}

static void options_switch_features_off(void **state)
{
	struct mock_net *mn = *state, *other = calloc(1, sizeof(*other));
	struct nic_config nic;

	mock_net_config(&nic);
	/* What needs the checksums goes with them. */
	nic.event_idx = nic.indirect_desc = nic.mrg_rxbuf = nic.csum = nic.guest_csum = nic.status =
		nic.ctrl_vq = false;
	nic.host_mtu = 0;
	nic.vectors = 0;
	mock_net_init(other, "old", mn->wire, &nic);
	assert_true(mock_net_offered(other) ==
		    (BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_NET_F_MAC)));
	assert_int_equal(other->mv.msix_cap, 0);
	mock_net_up(other, mock_net_offered(other), 64);
	mock_net_send(other, 100, NULL);
	kick_tx(other);
	assert_true(other->mg.line[vpci_intx_gsi(MOCK_NET_DEVFN)]);
	mock_net_free(other);
	free(other);
}

static void creation_fails_cleanly(void **state)
{
	struct mock_net *mn = *state;
	struct virtio_net *net;
	struct nic_config nic = mn->nic;
	static struct port ports[SWITCH_PORTS_MAX];
	struct cpu *cpu = this_cpu();
	u64 used = mem_used(MEM_VHOST);

	assert_int_equal(virtio_net_create(&mn->mg.guest, &nic, cpu, &net), -EBUSY); /* the slot */
	nic.devfn = 5 * 8;
	host_mem_fail(1);
	assert_int_equal(virtio_net_create(&mn->mg.guest, &nic, cpu, &net), -ENOMEM);
	assert_int_equal(mem_used(MEM_VHOST), used);
	assert_null(mn->mg.bus.dev[5]);
	for (unsigned int i = 0; i < SWITCH_PORTS_MAX; i++)	/* two are there already */
		assert_int_equal(switch_attach(switch_get("br0"), &ports[i]),
				 i < SWITCH_PORTS_MAX - 2 ? 0 : -ENOSPC);
	assert_int_equal(virtio_net_create(&mn->mg.guest, &nic, cpu, &net), -ENOSPC);
	assert_null(mn->mg.bus.dev[5]);
	for (unsigned int i = 0; i < SWITCH_PORTS_MAX; i++)
		switch_detach(&ports[i]);
}

static void hostile_07_bad_queue_size(void **state)
{
	struct mock_net *mn = *state;
	static const u16 sizes[] = { 0, 3, 255, 257, 512, 1024, 32768, 65535 };

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		mock_set_status(&mn->mv, 0);
		mock_guest_clear(&mn->mg);
		host_log_clear();
		mn->net->ratelimit = (struct ratelimit){ 0 };
		assert_true(mock_negotiate(&mn->mv, mock_net_offered(mn)));
		mock_common_write(&mn->mv, 16, 2, MOCK_VECTOR_CONFIG);
		mn->tx.num = sizes[i];
		mn->tx.addr = (struct ring_addr){ 1 * MIB, 3 * MIB, 5 * MIB };
		mock_setup_queue(&mn->mv, VIRTIO_NET_RX, &mn->rx, 1);
		mock_setup_queue(&mn->mv, VIRTIO_NET_TX, &mn->tx, 2);
		mock_set_status(&mn->mv, 0xf);
		assert_int_equal(mock_status(&mn->mv), 0xf | VIRTIO_NEEDS_RESET);
		assert_int_equal(mn->mg.msi_data[0x40 + MOCK_VECTOR_CONFIG], 1);
		assert_int_equal(host_log_count("web/net0: queue 1 cannot start"), 1);
		assert_false(mn->net->vhost.vq[VIRTIO_NET_RX].enabled);
		mock_notify(&mn->mv, VIRTIO_NET_TX);
		mock_work_run();
	}
}

/* Whatever was tried before. */
static void assert_starts_properly(struct mock_net *mn)
{
	mock_set_status(&mn->mv, 0);
	mock_net_up(mn, mock_net_offered(mn), 64);
	mock_net_send(mn, 60, NULL);
	kick_tx(mn);
	assert_int_equal(mn->wire->frames, 1);
}

static void hostile_08_bad_ring_addresses(void **state)
{
	struct mock_net *mn = *state;
	const u64 good = mn->tx.addr.used;
	static const u64 bad[] = { MOCK_WINDOW,	  0xfee00000,	  MOCK_RAM,
				   MOCK_RAM - 64, UINT64_MAX - 3, 2 };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		mock_set_status(&mn->mv, 0);
		assert_true(mock_negotiate(&mn->mv, mock_net_offered(mn)));
		mn->tx.addr.used = bad[i];
		mock_setup_queue(&mn->mv, VIRTIO_NET_TX, &mn->tx, 2);
		mn->tx.addr.used = good;
		mock_set_status(&mn->mv, 0xf);
		assert_int_equal(mock_status(&mn->mv), 0xf | VIRTIO_NEEDS_RESET);
	}
	assert_starts_properly(mn);
}

static void hostile_30_reset_with_frames_in_flight(void **state)
{
	struct mock_net *mn = *state;

	mn->wire->hold = true;
	for (unsigned int i = 0; i < 10; i++)
		mock_net_send(mn, 500, NULL);
	kick_tx(mn);
	mock_set_status(&mn->mv, 0);
	/* The NIC still reads guest memory: the driver has to wait before it takes it back. */
	assert_int_equal(mock_status(&mn->mv), 0xf);
	mock_wire_put(mn->wire, 9);
	mock_work_run();
	assert_int_equal(mock_status(&mn->mv), 0xf);
	assert_int_equal(mn->tx.used->idx, 0);
	mock_wire_put(mn->wire, 1);
	assert_int_equal(mock_status(&mn->mv), 0);
	assert_int_equal(mn->tx.used->idx, 0);
	mock_net_up(mn, mock_net_offered(mn), 64);
	mn->wire->hold = false;
	mock_net_send(mn, 60, NULL);
	kick_tx(mn);
	assert_int_equal(count_used(&mn->tx), 1);
}

static void hostile_30_reset_again_and_again_under_traffic(void **state)
{
	struct mock_net *mn = *state;

	srand(30);
	for (unsigned int i = 0; i < 300; i++) {
		unsigned int frames = (unsigned int)rand() % mn->rx.num;

		mn->wire->hold = rand() & 1;
		mock_net_post_rx(mn, frames, 2048);
		for (unsigned int k = 0; k < frames; k++) {
			mock_net_send(mn, 60 + (u32)rand() % 1400, NULL);
			mock_wire_send(mn->wire, mn->nic.mac, 60 + (u32)rand() % 1400, 0);
			if (rand() % 8 == 0)
				mock_notify(&mn->mv, VIRTIO_NET_TX);
			if (rand() % 8 == 0)
				mock_work_pass();
		}
		mock_set_status(&mn->mv, 0);
		mock_wire_send(mn->wire, mn->nic.mac, 60, 0);
		mock_notify(&mn->mv, VIRTIO_NET_TX);
		mock_work_pass();
		mock_wire_put(mn->wire, mn->wire->nr_held);
		mock_work_pass();
		assert_int_equal(mock_status(&mn->mv), 0);
		mock_net_up(mn, mock_net_offered(mn), (u16)(16u << i % 4));
	}
}

static void hostile_30_driver_ok_without_queues(void **state)
{
	struct mock_net *mn = *state;

	mock_set_status(&mn->mv, 0);
	assert_true(mock_negotiate(&mn->mv, mock_net_offered(mn)));
	mock_set_status(&mn->mv, 0xf);
	assert_int_equal(mock_status(&mn->mv), 0xf);
	mock_notify(&mn->mv, VIRTIO_NET_TX);
	mock_notify(&mn->mv, VIRTIO_NET_RX);
	mock_work_run();
	mock_wire_send(mn->wire, mn->nic.mac, 60, 0);
	assert_int_equal(dropped(mn, DROP_BROKEN), 1);
}

static bool again_ran;

static void again_fn(struct work *work)
{
	again_ran = true;
}

static void guest_reset_waits_for_frames_in_flight(void **state)
{
	struct mock_net *mn = *state;
	struct work again;

	again_ran = false;
	work_init(&again, NULL, again_fn);
	mn->wire->hold = true;
	mock_net_send(mn, 500, NULL);
	mock_net_send(mn, 500, NULL);
	kick_tx(mn);
	assert_int_equal(virtio_net_reset(mn->net, &again), -EINPROGRESS);
	assert_int_equal(mn->mg.guest.mmio.nr, 0);
	mock_wire_put(mn->wire, 1);
	mock_work_run();
	assert_false(again_ran);
	mock_wire_put(mn->wire, 1);
	mock_work_run();
	assert_true(again_ran);
	assert_int_equal(virtio_net_reset(mn->net, &again), 0);
	/* As at power-on. */
	mock_virtio_probe(&mn->mv, &mn->mg, MOCK_NET_DEVFN);
	mn->wire->hold = false;
	mock_net_up(mn, mock_net_offered(mn), 64);
	mock_net_send(mn, 60, NULL);
	kick_tx(mn);
	assert_int_equal(count_used(&mn->tx), 1);
}

/* The driver looks at the status while somebody else waits too. */
/* As a kernel does before it starts another one; rings and buffers are not touched again. */
static void bus_mastering_is_switched_off(void **state)
{
	struct mock_net *mn = *state;
	u16 command = (u16)mock_cfg_read(&mn->mv, PCI_COMMAND, 2);

	mock_net_post_rx(mn, 4, 2048);
	mock_cfg_write(&mn->mv, PCI_COMMAND, 2, command);	/* as it was */
	assert_int_equal(mock_status(&mn->mv), 0xf);
	mock_cfg_write(&mn->mv, PCI_COMMAND, 2, command & ~(u32)PCI_COMMAND_MASTER);
	assert_int_equal(mock_status(&mn->mv), 0xf | VIRTIO_NEEDS_RESET);
	mock_wire_send(mn->wire, mn->nic.mac, 60, 0);
	mock_net_send(mn, 60, NULL);
	mock_notify(&mn->mv, VIRTIO_NET_TX);
	mock_work_run();
	assert_int_equal(mn->wire->frames, 0);
	assert_int_equal(mn->rx.used->idx, 0);
	mock_cfg_write(&mn->mv, PCI_COMMAND, 2, command);
	assert_starts_properly(mn);
}

static void both_resets_at_once(void **state)
{
	struct mock_net *mn = *state;
	struct work again;

	again_ran = false;
	work_init(&again, NULL, again_fn);
	mn->wire->hold = true;
	mock_net_send(mn, 500, NULL);
	kick_tx(mn);
	assert_int_equal(virtio_net_reset(mn->net, &again), -EINPROGRESS);
	assert_int_equal(virtio_get_status(&mn->net->vdev), 0xf);
	mock_wire_put(mn->wire, 1);
	mock_work_run();
	assert_true(again_ran);
}

static void broken_queue_leaves_others_alone(void **state)
{
	struct mock_net *mn = *state, *other = calloc(1, sizeof(*other));
	struct nic_config nic;

	mock_net_config(&nic);
	nic.mac[5] = 2;
	mock_net_init(other, "db", mn->wire, &nic);
	mock_net_up(other, mock_net_offered(other), 64);
	mock_post(&mn->tx, 64);
	mock_net_send(other, 60, NULL);
	mock_notify(&mn->mv, VIRTIO_NET_TX);
	kick_tx(other);
	assert_broken(mn, VIRTIO_NET_TX, RING_BAD_HEAD);
	assert_int_equal(mn->wire->frames, 1);
	/* Its own other queue works too. */
	mock_net_post_rx(mn, 1, 2048);
	mock_wire_send(mn->wire, mn->nic.mac, 60, 0);
	assert_received(mn, 60, 1, 0);
	mock_net_free(other);
	free(other);
}

static void frames_before_the_broken_chain_go_out(void **state)
{
	struct mock_net *mn = *state;

	mn->wire->hold = true;
	for (unsigned int i = 0; i < 5; i++)
		mock_net_send(mn, 60, NULL);
	mock_post(&mn->tx, 64);
	kick_tx(mn);
	assert_int_equal(mn->wire->frames, 5);
	assert_broken(mn, VIRTIO_NET_TX, RING_BAD_HEAD);
	mock_set_status(&mn->mv, 0);
	mock_wire_put(mn->wire, 5);
	assert_int_equal(mock_status(&mn->mv), 0);
}

static void broken_again_and_again_is_said_within_limits(void **state)
{
	struct mock_net *mn = *state;

	for (unsigned int i = 0; i < 50; i++) {
		mock_post(&mn->tx, 64);
		mock_notify(&mn->mv, VIRTIO_NET_TX);
		mock_work_run();
		mock_set_status(&mn->mv, 0);
		mock_net_up(mn, mock_net_offered(mn), 64);
	}
	assert_int_equal(mn->net->vhost.vq[VIRTIO_NET_TX].stats.broken, 50);
	assert_true(host_log_count("broken by the driver") <= RATELIMIT_BURST);
}

/* A driver that does nothing but start must not fill the log, nor hold the serial line up. */
static void ready_again_and_again_is_said_within_limits(void **state)
{
	struct mock_net *mn = *state;
	u64 features = mock_net_offered(mn);

	host_log_clear();
	mn->net->ready_rl = (struct ratelimit){ 0 };
	for (unsigned int i = 0; i < 100; i++) {
		mock_set_status(&mn->mv, 0);
		assert_true(mock_negotiate(&mn->mv, features));
		mock_set_status(&mn->mv, 0xf);
		assert_int_equal(mock_status(&mn->mv), 0xf);
	}
	assert_int_equal(host_log_count(""), RATELIMIT_BURST);
}

static void hostile_34_storm_while_stopped(void **state)
{
	struct mock_net *mn = *state;

	mock_set_status(&mn->mv, 0);
	for (unsigned int i = 0; i < 1000; i++) {
		mock_notify(&mn->mv, (u16)(i % 4));
		mock_work_run();
	}
	assert_int_equal(mn->wire->frames, 0);
}

static void hostile_36_guest_stops_receiving(void **state)
{
	struct mock_net *mn = *state;
	u64 used = mem_used(MEM_VHOST);

	mock_net_post_rx(mn, 10, 2048);
	for (unsigned int i = 0; i < 5000; i++)
		mock_wire_send(mn->wire, mn->nic.mac, 1000, 0);
	assert_int_equal(dropped(mn, DROP_NO_BUFFER), 4990);
	assert_int_equal(mem_used(MEM_VHOST), used);
	assert_int_equal(count_used(&mn->rx), 10);
	/* And goes on when it takes up again. */
	mock_net_post_rx(mn, 1, 2048);
	mock_wire_send(mn->wire, mn->nic.mac, 1000, 0);
	assert_received(mn, 1000, 1, 0);
}

static void counters_are_shown(void **state)
{
	struct mock_net *mn = *state;

	mock_net_send(mn, 60, NULL);
	kick_tx(mn);
	host_console_clear();
	virtio_net_show(mn->net);
	assert_non_null(strstr(host_console_text(), "vhost web/net0: status=0xf"));
	assert_non_null(
		strstr(host_console_text(), "queue 1: name=tx state=running size=64 kicks=1 "));
	assert_non_null(strstr(host_console_text(), " chains=1 bytes=72 copies=0 "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(configuration_space),
		T(options_switch_features_off),
		T(creation_fails_cleanly),
		T(hostile_07_bad_queue_size),
		T(hostile_08_bad_ring_addresses),
		T(hostile_30_reset_with_frames_in_flight),
		T(hostile_30_reset_again_and_again_under_traffic),
		T(hostile_30_driver_ok_without_queues),
		T(guest_reset_waits_for_frames_in_flight),
		T(bus_mastering_is_switched_off),
		T(both_resets_at_once),
		T(broken_queue_leaves_others_alone),
		T(frames_before_the_broken_chain_go_out),
		T(broken_again_and_again_is_said_within_limits),
		T(ready_again_and_again_is_said_within_limits),
		T(hostile_34_storm_while_stopped),
		T(hostile_36_guest_stops_receiving),
		T(counters_are_shown),
	};
	return cmocka_run_group_tests_name("net_life", tests, NULL, NULL);
}
