/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net with several pairs: the queues that there are by features, the control queue and what
 * a hostile driver does with it. hostile_NN: case NN of the list of what a hostile guest tries.
 * Which pair a flow comes in by: test_net_steer.c.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "tests/unit/mq_fixture.h"

static u16 queue_size(struct mock_mq *mq, u16 index)
{
	mock_common_write(&mq->mn.mv, offsetof(struct virtio_pci_common_cfg, queue_select), 2,
			  index);
	return (u16)mock_common_read(&mq->mn.mv,
				     offsetof(struct virtio_pci_common_cfg, queue_size), 2);
}

/* ---- Queues and features ---- */

static void queues_are_as_configured(void **state)
{
	struct mock_mq *mq = *state;
	struct mock_virtio *mv = &mq->mn.mv;

	assert_int_equal(mock_mmio_read(&mq->mn.mg, mv->device + 8, 2), PAIRS);
	assert_int_equal(mock_common_read(mv, offsetof(struct virtio_pci_common_cfg, num_queues),
					  2), 2 * PAIRS + 1);
	mock_set_status(mv, 0);
	assert_true(mock_negotiate(mv, mock_net_offered(&mq->mn)));
	for (u16 i = 0; i < 2 * PAIRS; i++)
		assert_int_equal(queue_size(mq, i), 64);
	assert_int_equal(queue_size(mq, 2 * PAIRS), NET_CTRL_QUEUE_SIZE);
	assert_int_equal(queue_size(mq, 2 * PAIRS + 1), 0);
}

/* §5.1.3.1 */
static void several_pairs_need_the_control_queue(void **state)
{
	struct mock_mq *mq = *state;
	u64 offered = mock_net_offered(&mq->mn);

	mock_set_status(&mq->mn.mv, 0);
	assert_false(mock_negotiate(&mq->mn.mv, offered & ~F(NET_F_CTRL_VQ)));
	mock_set_status(&mq->mn.mv, 0);
	assert_false(mock_negotiate(&mq->mn.mv, offered & ~(F(NET_F_CTRL_VQ) | F(NET_F_MQ))));
	mock_set_status(&mq->mn.mv, 0);
	assert_true(mock_negotiate(&mq->mn.mv, offered & ~(F(NET_F_CTRL_VQ) | F(NET_F_MQ) |
							   F(NET_F_CTRL_MAC_ADDR))));
	assert_int_equal(queue_size(mq, 1), 64);
	for (u16 i = 2; i <= 2 * PAIRS; i++)
		assert_int_equal(queue_size(mq, i), 0);
}

static const u8 new_mac[] = { 2, 0, 0, 0, 0, 0x77 };
static const u8 set_new_mac[] = { VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET,
				  2, 0, 0, 0, 0, 0x77 };

/* §5.1.2: then the control queue is number 2, and there is one pair. */
static void control_queue_without_several_pairs(void **state)
{
	struct mock_mq *mq = *state;
	struct mock_virtio *mv = &mq->mn.mv;

	mock_set_status(mv, 0);
	mock_mq_up(mq, mock_net_offered(&mq->mn) & ~F(NET_F_MQ));
	assert_int_equal(mq->ctrl_index, 2);
	assert_int_equal(queue_size(mq, 2), NET_CTRL_QUEUE_SIZE);
	assert_int_equal(queue_size(mq, 3), 0);
	assert_int_equal(queue_size(mq, 2 * PAIRS), 0);
	assert_int_equal(mock_mq_command(mq, set_new_mac, sizeof(set_new_mac)), VIRTIO_NET_OK);
	assert_int_equal(mq->mn.mg.msi_data[0x40 + 3], 1);
	assert_int_equal(mock_mq_pairs(mq, 1), VIRTIO_NET_ERR);
	assert_int_equal(host_log_count("of a feature that was not accepted"), 1);
	/* A queue that is not there: neither set up nor started nor kicked. */
	mock_set_status(mv, 0);
	assert_int_equal(queue_size(mq, 3), 64);
	assert_true(mock_negotiate(mv, mock_net_offered(&mq->mn) & ~F(NET_F_MQ)));
	mock_setup_queue(mv, 4, &mq->vq[4].split, 1);
	mock_set_status(mv, 0xf);
	assert_int_equal(mock_status(mv), 0xf);
	assert_false(mq->mn.net->vhost.vq[4].enabled);
	for (u16 i = 0; i < 12; i++)
		mock_notify(mv, i);
	mock_work_run();
	assert_int_equal(mock_status(mv), 0xf);
}

/* What a driver reads before it has written: the size of the queue that has that number now. */
static void sizes_follow_the_features(void **state)
{
	struct mock_mq *mq = calloc(1, sizeof(*mq));
	struct mock_wire *wire = mock_wire_new("br0");
	struct mock_virtio *mv = &mq->mn.mv;
	struct nic_config nic;

	config(&nic);
	nic.rx_queue_size = nic.tx_queue_size = 256;
	mock_mq_init(mq, wire, &nic);
	assert_true(mock_negotiate(mv, mock_net_offered(&mq->mn) & ~F(NET_F_MQ)));
	assert_int_equal(queue_size(mq, 0), 256);
	assert_int_equal(queue_size(mq, 2), NET_CTRL_QUEUE_SIZE);
	mock_set_status(mv, 0);
	assert_true(mock_negotiate(mv, mock_net_offered(&mq->mn)));
	assert_int_equal(queue_size(mq, 2), 256);
	assert_int_equal(queue_size(mq, 2 * PAIRS), NET_CTRL_QUEUE_SIZE);
	mock_mq_free(mq);
	mock_wire_free(wire);
	free(mq);
}

static void drivers_of_both_kinds_by_turns(void **state)
{
	struct mock_mq *mq = *state;
	u64 offered = mock_net_offered(&mq->mn);
	const u64 without[] = { 0, F(NET_F_MQ), F(F_RING_PACKED) | F(F_IN_ORDER),
				F(NET_F_MQ) | F(F_EVENT_IDX),
				F(NET_F_MQ) | F(NET_F_CTRL_VQ) | F(NET_F_CTRL_MAC_ADDR) };

	for (unsigned int i = 0; i < 50; i++) {
		u64 features = offered & ~without[i % ARRAY_SIZE(without)];
		bool several = features & F(NET_F_MQ);

		mock_set_status(&mq->mn.mv, 0);
		mock_mq_up(mq, features);
		mock_mq_post(mq);
		assert_int_equal(net_pairs(&mq->mn.net->vhost), 1);
		if (features & F(NET_F_CTRL_VQ))
			assert_int_equal(mock_mq_pairs(mq, PAIRS),
					 several ? VIRTIO_NET_OK : VIRTIO_NET_ERR);
		assert_int_equal(net_pairs(&mq->mn.net->vhost), several ? PAIRS : 1);
		mock_mq_send(mq, several ? 3 : 0, 1);
		mock_mq_receive(mq, 1);
		assert_int_equal(mock_mq_received(mq, several ? 3 : 0), 1);
	}
}

static void memory_is_for_the_queues_that_there_are(void **state)
{
	struct mock_mq *mq = *state, *other = calloc(1, sizeof(*other));
	u64 four = mem_used(MEM_VHOST);
	struct nic_config nic;

	config(&nic);
	nic.mq = false;
	nic.netdev.queues = 1;
	nic.mac[5] = 2;
	mock_mq_init(other, mq->mn.wire, &nic);
	assert_int_equal(PAIRS * (mem_used(MEM_VHOST) - four), four);
	assert_true(PAIRS * vhost_net_memory(&other->mn.net->vhost) <
		    vhost_net_memory(&mq->mn.net->vhost) + 8 * KIB);
	assert_null(other->mn.net->vhost.steer);
	mock_mq_free(other);
	free(other);
}

/* ---- The control queue ---- */

static void number_of_pairs(void **state)
{
	struct mock_mq *mq = *state;
	static const u16 bad[] = { 0, PAIRS + 1, 0x100, 0x8000, 0xffff };

	assert_int_equal(net_pairs(&mq->mn.net->vhost), 1);
	for (u16 n = PAIRS; n; n--) {
		assert_int_equal(mock_mq_pairs(mq, n), VIRTIO_NET_OK);
		assert_int_equal(net_pairs(&mq->mn.net->vhost), n);
	}
	assert_int_equal(mock_mq_pairs(mq, 3), VIRTIO_NET_OK);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(mock_mq_pairs(mq, bad[i]), VIRTIO_NET_ERR);
		assert_int_equal(net_pairs(&mq->mn.net->vhost), 3);
	}
	assert_int_equal(host_log_count("control command refused: number of pairs out of range"),
			 ARRAY_SIZE(bad));
	assert_int_equal(mq->mn.net->ctrl_stats.commands, PAIRS + 1);
	assert_int_equal(mq->mn.net->ctrl_stats.refused, ARRAY_SIZE(bad));
	/* Each answer had its interrupt, by the vector of this queue. */
	assert_int_equal(mq->mn.mg.msis, mq->mn.mg.msi_data[0x40 + 2 * PAIRS + 1]);
	assert_true(mq->mn.mg.msis);
}

static u64 generation(struct mock_mq *mq)
{
	return mock_common_read(&mq->mn.mv,
				offsetof(struct virtio_pci_common_cfg, config_generation), 1);
}

static void address(void **state)
{
	struct mock_mq *mq = *state;
	static const u8 group[] = { 1, 1, 1, 2, 3, 4, 5, 6 }, zero[] = { 1, 1, 0, 0, 0, 0, 0, 0 };
	u8 *mac = mq->mn.net->cfg.mac;
	u64 before = generation(mq), changed;

	assert_int_equal(mock_mq_command(mq, set_new_mac, sizeof(set_new_mac)), VIRTIO_NET_OK);
	assert_memory_equal(mac, new_mac, 6);
	changed = generation(mq);
	assert_int_not_equal(changed, before);
	assert_int_equal(mock_mq_command(mq, group, sizeof(group)), VIRTIO_NET_ERR);
	assert_int_equal(mock_mq_command(mq, zero, sizeof(zero)), VIRTIO_NET_ERR);
	assert_memory_equal(mac, new_mac, 6);
	assert_int_equal(mock_mmio_read(&mq->mn.mg, mq->mn.mv.device + 5, 1), 0x77);
	assert_int_equal(generation(mq), changed);
	/* Until the next reset. */
	mock_set_status(&mq->mn.mv, 0);
	assert_memory_equal(mac, mq->mn.nic.mac, 6);
	assert_int_not_equal(generation(mq), changed);
}

static void address_of_a_guest_that_must_keep_it(void **state)
{
	struct mock_mq *mq = *state, *other = calloc(1, sizeof(*other));
	u8 same[sizeof(set_new_mac)] = { VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET };
	struct nic_config nic;

	config(&nic);
	nic.mac[5] = 2;
	nic.netdev.policy.spoofchk = true;
	memcpy(same + 2, nic.mac, 6);
	mock_mq_init(other, mq->mn.wire, &nic);
	mock_mq_up(other, mock_net_offered(&other->mn));
	assert_int_equal(mock_mq_command(other, set_new_mac, sizeof(set_new_mac)),
			 VIRTIO_NET_ERR);
	assert_int_equal(host_log_count("than its own, with spoofchk=on"), 1);
	assert_memory_equal(other->mn.net->cfg.mac, nic.mac, 6);
	assert_int_equal(mock_mq_command(other, same, sizeof(same)), VIRTIO_NET_OK);
	mock_mq_free(other);
	free(other);
}

static void hostile_28_bad_commands(void **state)
{
	struct mock_mq *mq = *state;
	static const struct { const char *why; u32 len; u8 cmd[16]; } bad[] = {
		{ "unknown", 4, { 7, 0, 1, 0 } },		/* class */
		{ "unknown", 4, { 255, 255, 1, 0 } },
		{ "unknown", 4, { 4, 1, 1, 0 } },		/* command: RSS_CONFIG */
		{ "unknown", 3, { 0, 0, 1 } },			/* CTRL_RX is not offered */
		{ "unknown", 10, { 1, 0, 255, 255, 255, 255, 255, 255, 255, 255 } },
		{ "unknown", 2, { 3, 0 } },
		{ "shorter than its header", 1, { 4 } },
		{ "of another length", 2, { 4, 0 } },
		{ "of another length", 3, { 4, 0, 1 } },
		{ "of another length", 5, { 4, 0, 1, 0, 0 } },
		{ "of another length", 7, { 1, 1, 2, 0, 0, 0, 0 } },
		{ "of another length", 16, { 1, 1, 2, 0, 0, 0, 0, 1 } },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		host_log_clear();
		mq->mn.net->ratelimit = (struct ratelimit){ 0 };
		assert_int_equal(mock_mq_command(mq, bad[i].cmd, bad[i].len), VIRTIO_NET_ERR);
		assert_int_equal(host_log_count(bad[i].why), 1);
		assert_int_equal(net_pairs(&mq->mn.net->vhost), 1);
	}
	assert_int_equal(mq->mn.net->ctrl_stats.refused, ARRAY_SIZE(bad));
	assert_int_equal(mock_status(&mq->mn.mv), 0xf);
	assert_int_equal(mock_mq_pairs(mq, 2), VIRTIO_NET_OK);
}

/* What is said of it is bounded, and so is what one turn does. */
static void hostile_28_storm_of_commands(void **state)
{
	struct mock_mq *mq = *state;

	for (unsigned int i = 0; i < 1000; i++)
		assert_int_equal(mock_mq_pairs(mq, 0), VIRTIO_NET_ERR);
	assert_true(host_log_count("control command refused") <= RATELIMIT_BURST);
	assert_int_equal(mq->mn.net->ctrl_stats.refused, 1000);
}

/* With more than its turn allows it comes after other work, and after guests. */
static void hostile_28_commands_have_turns(void **state)
{
	struct mock_mq *mq = *state;
	const struct mock_buf buf[] = { { mq->command, 4, false }, { mq->command + 64, 1, true } };
	unsigned int n = 0;
	u32 len;

	while (mock_queue_add(&mq->ctrl, buf, ARRAY_SIZE(buf)) >= 0)
		n++;
	mock_work_requeues = 0;
	mock_notify(&mq->mn.mv, mq->ctrl_index);
	mock_work_run();
	assert_int_equal(mock_work_requeues, n / NET_CTRL_QUEUE_SIZE);
	while (mock_queue_get(&mq->ctrl, &len) >= 0)
		n--;
	assert_int_equal(n, 0);
}

static void control_is_broken(struct mock_mq *mq, enum ring_error why)
{
	const struct vhost_virtqueue *vq = &mq->mn.net->vhost.vq[2 * PAIRS];

	assert_string_equal(ring_error_name(vq->ring.broken), ring_error_name(why));
	assert_true(mock_status(&mq->mn.mv) & VIRTIO_NEEDS_RESET);
	assert_int_equal(host_log_count("vhost: web/net0: queue 8 broken by the driver"), 1);
	assert_int_equal(mq->mn.mg.msi_data[0x40 + MOCK_VECTOR_CONFIG], 1);
	/* The others go on. */
	mock_mq_send(mq, 1, 1);
	assert_int_equal(mq->mn.wire->frames, 1);
}

static void post_command(struct mock_mq *mq, const struct mock_buf *buf, unsigned int n)
{
	const u8 cmd[] = { VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 2, 0 };

	memcpy(mock_ptr(&mq->mn.mg.ram, mq->command), cmd, sizeof(cmd));
	assert_true(mock_queue_add(&mq->ctrl, buf, n) >= 0);
	mock_notify(&mq->mn.mv, mq->ctrl_index);
	mock_work_run();
}

static void hostile_28_no_room_for_the_answer(void **state)
{
	struct mock_mq *mq = *state;
	const struct mock_buf buf[] = { { mq->command, 4, false }, { mq->command + 64, 0, true } };

	post_command(mq, buf, 2);
	control_is_broken(mq, RING_NO_STATUS);
	assert_int_equal(net_pairs(&mq->mn.net->vhost), 1);
}

static void hostile_28_writable_where_it_must_read(void **state)
{
	struct mock_mq *mq = *state;
	const struct mock_buf buf[] = { { mq->command, 2, false }, { mq->command + 64, 1, true },
					{ mq->command + 2, 2, false } };

	post_command(mq, buf, ARRAY_SIZE(buf));
	control_is_broken(mq, RING_BAD_ORDER);
}

static void hostile_28_outside_memory(void **state)
{
	struct mock_mq *mq = *state;
	const struct mock_buf buf[] = { { mq->command, 4, false }, { UINT64_MAX - 1, 1, true } };

	post_command(mq, buf, ARRAY_SIZE(buf));
	control_is_broken(mq, RING_BAD_ADDR);
}

/* A command that may be written to alone: answered in its first byte, nothing is read. */
static void hostile_28_all_of_it_writable(void **state)
{
	struct mock_mq *mq = *state;
	const struct mock_buf buf[] = { { mq->command, 4, true } };
	u32 len;

	post_command(mq, buf, 1);
	assert_true(mock_queue_get(&mq->ctrl, &len) >= 0);
	assert_int_equal(len, 1);
	assert_int_equal(*(u8 *)mock_ptr(&mq->mn.mg.ram, mq->command), VIRTIO_NET_ERR);
	assert_int_equal(host_log_count("shorter than its header"), 1);
}

/* §2.7.4.1: a driver may cut it as it likes, and leave more room than it needs. */
static void command_in_pieces(void **state)
{
	struct mock_mq *mq = *state;
	const u64 at = mq->command;
	const struct mock_buf buf[] = {
		{ at, 1, false }, { at, 0, false }, { at + 1, 1, false }, { at + 2, 1, false },
		{ at + 3, 1, false }, { at + 64, 0, true }, { at + 65, 1, true },
		{ at + 66, 100, true },
	};
	u8 *answer = mock_ptr(&mq->mn.mg.ram, at + 64);
	u32 len;

	answer[0] = answer[1] = answer[2] = 0xaa;
	post_command(mq, buf, ARRAY_SIZE(buf));
	assert_true(mock_queue_get(&mq->ctrl, &len) >= 0);
	assert_int_equal(len, 1);
	assert_int_equal(answer[0], 0xaa);
	assert_int_equal(answer[1], VIRTIO_NET_OK);
	assert_int_equal(answer[2], 0xaa);
	assert_int_equal(net_pairs(&mq->mn.net->vhost), 2);
}

/* The 64 bytes behind it too: a long command is judged by its length, not read. */
static void hostile_28_very_long_command(void **state)
{
	struct mock_mq *mq = *state;
	const struct mock_buf buf[] = { { mq->command, 4 * MIB, false },
					{ mq->command + 64, 1, true } };
	u32 len;

	post_command(mq, buf, 2);
	assert_true(mock_queue_get(&mq->ctrl, &len) >= 0);
	assert_int_equal(host_log_count("of another length"), 1);
}

/* ---- Interrupts ---- */

static void each_queue_has_its_vector(void **state)
{
	struct mock_mq *mq = *state;

	assert_int_equal(mock_mq_pairs(mq, PAIRS), VIRTIO_NET_OK);
	for (unsigned int p = 0; p < PAIRS; p++) {
		mock_guest_clear(&mq->mn.mg);
		mock_mq_send(mq, p, p);
		mock_mq_receive(mq, p);
		assert_int_equal(mq->mn.mg.msi_data[0x40 + 2 * p + 1], 1);	/* received */
		assert_int_equal(mq->mn.mg.msi_data[0x40 + 2 * p + 2], 1);	/* sent */
		assert_int_equal(mq->mn.mg.msis, 2);
	}
}

/* §4.1.5.1.2: a driver that has fewer shares them; one that does not exist is none. */
static void fewer_vectors_than_queues(void **state)
{
	struct mock_mq *mq = *state;
	struct mock_virtio *mv = &mq->mn.mv;
	const unsigned int off = offsetof(struct virtio_pci_common_cfg, queue_msix_vector);

	assert_int_equal(mock_mq_pairs(mq, PAIRS), VIRTIO_NET_OK);
	for (u16 i = 0; i <= 2 * PAIRS; i++) {
		queue_size(mq, i);	/* selects it */
		mock_common_write(mv, off, 2, i == 3 ? 2 * PAIRS + 2 : 1);
		assert_int_equal(mock_common_read(mv, off, 2),
				 i == 3 ? VIRTIO_MSI_NO_VECTOR : 1);
	}
	for (unsigned int p = 0; p < PAIRS; p++) {
		mock_guest_clear(&mq->mn.mg);
		mock_mq_send(mq, p, p);
		mock_mq_receive(mq, p);
		assert_int_equal(mq->mn.mg.msi_data[0x40 + 1], p == 1 ? 1 : 2);
		assert_int_equal(mq->mn.mg.msis, p == 1 ? 1 : 2);
	}
}

/* ---- Resets ---- */

static void reset_with_frames_of_all_pairs_in_flight(void **state)
{
	struct mock_mq *mq = *state;

	assert_int_equal(mock_mq_pairs(mq, PAIRS), VIRTIO_NET_OK);
	mq->mn.wire->hold = true;
	for (unsigned int p = PAIRS; p-- > 0;)
		mock_mq_send(mq, p, p);
	mock_set_status(&mq->mn.mv, 0);
	for (unsigned int p = 0; p < PAIRS; p++) {
		assert_int_equal(mock_status(&mq->mn.mv), 0xf);
		mock_wire_put(mq->mn.wire, 1);
		mock_work_run();
	}
	assert_int_equal(mock_status(&mq->mn.mv), 0);
	mq->mn.wire->hold = false;
	mock_mq_up(mq, mock_net_offered(&mq->mn));
	assert_int_equal(net_pairs(&mq->mn.net->vhost), 1);	/* as at first */
}

static void reset_before_the_command_is_seen(void **state)
{
	struct mock_mq *mq = *state;
	const struct mock_buf buf[] = { { mq->command, 4, false }, { mq->command + 64, 1, true } };

	assert_true(mock_queue_add(&mq->ctrl, buf, 2) >= 0);
	mock_notify(&mq->mn.mv, mq->ctrl_index);
	mock_set_status(&mq->mn.mv, 0);
	mock_work_run();
	assert_int_equal(mq->mn.net->ctrl_stats.commands + mq->mn.net->ctrl_stats.refused, 0);
	mock_mq_up(mq, mock_net_offered(&mq->mn));
	assert_int_equal(mock_mq_pairs(mq, 2), VIRTIO_NET_OK);
}

static void all_queues_are_shown(void **state)
{
	struct mock_mq *mq = *state;
	char line[64];

	assert_int_equal(mock_mq_pairs(mq, 3), VIRTIO_NET_OK);
	host_console_clear();
	virtio_net_show(mq->mn.net);
	for (unsigned int i = 0; i < 2 * PAIRS; i++) {
		snprintf(line, sizeof(line), "queue %u: name=%s state=running size=16 ", i,
			 i % 2 ? "tx" : "rx");
		assert_non_null(strstr(host_console_text(), line));
	}
	assert_non_null(strstr(host_console_text(),
			       "queue 8: name=ctrl state=running size=64 kicks=1 "));
	assert_non_null(strstr(host_console_text(), "vhost web/net0: pairs=4 pairs_used=3 "));
	assert_non_null(strstr(host_console_text(),
			       " ctrl_commands=1 ctrl_refused=0 queue_bytes="));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T_ALL(queues_are_as_configured),
		T_ALL(several_pairs_need_the_control_queue),
		T_ALL(control_queue_without_several_pairs),
		T_ALL(drivers_of_both_kinds_by_turns),
		T_ONE(memory_is_for_the_queues_that_there_are, split),
		T_ALL(number_of_pairs),
		T_ALL(address),
		T_ONE(address_of_a_guest_that_must_keep_it, split),
		cmocka_unit_test(sizes_follow_the_features),
		T_ALL(hostile_28_bad_commands),
		T_ALL(hostile_28_storm_of_commands),
		T_ALL(hostile_28_commands_have_turns),
		T_ALL(hostile_28_no_room_for_the_answer),
		T_ALL(hostile_28_writable_where_it_must_read),
		T_ALL(hostile_28_outside_memory),
		T_ALL(hostile_28_all_of_it_writable),
		T_ALL(hostile_28_very_long_command),
		T_ALL(command_in_pieces),
		T_ALL(each_queue_has_its_vector),
		T_ALL(fewer_vectors_than_queues),
		T_ALL(reset_with_frames_of_all_pairs_in_flight),
		T_ALL(reset_before_the_command_is_seen),
		T_ONE(all_queues_are_shown, split),
	};
	return cmocka_run_group_tests_name("net_mq", tests, NULL, NULL);
}
