/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net transmission, from the driver to the wire. hostile_NN: case NN of the list of what a
 * hostile guest tries.
 */
#include "tests/unit/unit.h"

#include <unistd.h>

#include "tests/unit/net_fixture.h"

/* ---- Transmission ---- */

static void frame_goes_out_as_posted(void **state)
{
	struct mock_net *mn = *state;
	static const u32 lens[] = { 14, 60, 127, 128, 129, 1000, 1514, 1522 };
	u32 len;

	for (unsigned int i = 0; i < ARRAY_SIZE(lens); i++) {
		int head = mock_net_send(mn, lens[i], NULL);

		kick_tx(mn);
		assert_int_equal(mn->wire->frames, i + 1);
		assert_sent(mn, lens[i]);
		assert_int_equal(mn->wire->last_by_reference, lens[i] > FRAME_HDR_MAX);
		assert_int_equal(mock_get(&mn->tx, &len), head);
		assert_int_equal(len, 0);
	}
	assert_int_equal(mn->net->vhost.vq[VIRTIO_NET_TX].stats.copies, 0);
}

static void chain_is_used_when_the_nic_is_done(void **state)
{
	struct mock_net *mn = *state;
	u32 len;

	mn->wire->hold = true;
	mock_net_send(mn, 1000, NULL);
	mock_net_send(mn, 60, NULL);
	kick_tx(mn);
	assert_int_equal(mn->wire->nr_held, 2);
	assert_int_equal(mock_get(&mn->tx, &len), -1);
	assert_int_equal(mn->net->vhost.tx->in_flight, 2);
	mock_wire_put(mn->wire, 1);
	mock_work_run();
	assert_int_equal(mock_get(&mn->tx, &len), 0);
	assert_int_equal(mock_get(&mn->tx, &len), -1);
	mock_wire_put(mn->wire, 1);
	mock_work_run();
	assert_int_equal(mock_get(&mn->tx, &len), 1);
	assert_int_equal(mn->net->vhost.tx->in_flight, 0);
}

static void completions_come_in_one_publication(void **state)
{
	struct mock_net *mn = *state;

	mn->wire->hold = true;
	mock_irq_enable(&mn->tx);
	for (unsigned int i = 0; i < 40; i++)
		mock_net_send(mn, 100, NULL);
	kick_tx(mn);
	assert_int_equal(mn->wire->nr_held, 40);
	assert_int_equal(mn->wire->flushes, 1);
	assert_int_equal(mn->mg.msis, 0);
	mock_wire_put(mn->wire, 40);
	assert_int_equal(mock_work_queued(), 1);
	mock_work_run();
	assert_int_equal(mn->mg.msi_data[0x40 + MOCK_VECTOR_TX], 1);
	assert_int_equal(count_used(&mn->tx), 40);
	assert_int_equal(mn->net->vhost.vq[VIRTIO_NET_TX].stats.batch[5], 1);	/* 32 to 63 */
}

static void batch_is_one_interrupt_when_all_is_done_at_once(void **state)
{
	struct mock_net *mn = *state;

	mock_irq_enable(&mn->tx);
	for (unsigned int i = 0; i < 64; i++)
		mock_net_send(mn, 100, NULL);
	kick_tx(mn);
	assert_int_equal(mn->wire->frames, 64);
	assert_int_equal(mn->mg.msi_data[0x40 + MOCK_VECTOR_TX], 1);
	assert_int_equal(mn->net->vhost.vq[VIRTIO_NET_TX].stats.calls, 1);
}

static void no_interrupt_when_the_driver_wants_none(void **state)
{
	struct mock_net *mn = *state;

	mock_irq_enable(&mn->tx);
	mock_net_send(mn, 100, NULL);
	kick_tx(mn);
	assert_int_equal(mn->mg.msis, 1);
	count_used(&mn->tx);
	mock_irq_disable(&mn->tx);
	mock_net_send(mn, 100, NULL);
	kick_tx(mn);
	assert_int_equal(mn->mg.msis, 1);
	assert_int_equal(mn->net->vhost.vq[VIRTIO_NET_TX].stats.calls_suppressed, 1);
}

static void budget_sends_the_queue_to_the_back(void **state)
{
	struct mock_net *mn = *state;
	const struct vhost_vq_stats *stats = &mn->net->vhost.vq[VIRTIO_NET_TX].stats;
	u64 runs = stats->runs;

	mn->wire->hold = true;
	for (unsigned int i = 0; i < 64; i++)
		mock_net_send(mn, 60, NULL);
	mock_notify(&mn->mv, VIRTIO_NET_TX);
	/* The driver keeps adding: chains are used as soon as the frame is out. */
	mn->wire->hold = false;
	mock_work_pass();
	for (unsigned int i = 0; i < 10; i++) {
		count_used(&mn->tx);
		for (unsigned int k = 0; k < 64; k++)
			mock_net_send(mn, 60, NULL);
		kick_tx(mn);
	}
	assert_int_equal(stats->chains, 64 * 11);
	assert_true(stats->runs - runs >= 11);
}

/* A ring full of frames is more than the budget allows in one turn. */
static void budget_in_packets_and_bytes(void **state)
{
	struct mock_net *mn = *state;
	struct vhost_virtqueue *vq = &mn->net->vhost.vq[VIRTIO_NET_TX];
	unsigned int passes = 0;

	mock_set_status(&mn->mv, 0);
	mock_net_up(mn, mock_net_offered(mn), 256);
	memset(&vq->stats, 0, sizeof(vq->stats));
	for (unsigned int i = 0; i < 256; i++)
		mock_net_send(mn, 1514, NULL);
	mock_notify(&mn->mv, VIRTIO_NET_TX);
	while (mock_work_pass())
		passes++;
	assert_int_equal(vq->stats.chains, 256);
	assert_int_equal(vq->stats.requeues, 256 / CONFIG_VHOST_NET_WEIGHT_PKTS);
	assert_int_equal(passes, 1 + vq->stats.requeues);
	assert_int_equal(vq->stats.batch[6], 256 / VHOST_BATCH);
}

/* While other work waits for the CPU a turn is one batch. */
static void a_batch_when_others_wait(void **state)
{
	struct mock_net *mn = *state;
	struct vhost_virtqueue *vq = &mn->net->vhost.vq[VIRTIO_NET_TX];

	mock_set_status(&mn->mv, 0);
	mock_net_up(mn, mock_net_offered(mn), 256);
	memset(&vq->stats, 0, sizeof(vq->stats));
	for (unsigned int i = 0; i < 256; i++)
		mock_net_send(mn, 60, NULL);
	mock_work_others = true;
	mock_notify(&mn->mv, VIRTIO_NET_TX);
	mock_work_pass();
	assert_int_equal(vq->stats.chains, VHOST_BATCH);
	mock_work_pass();
	assert_int_equal(vq->stats.chains, 2 * VHOST_BATCH);
	mock_work_others = false;
	mock_work_run();
	assert_int_equal(vq->stats.chains, 256);
}

/* Buffers that the driver added before DRIVER_OK need no notification. */
static void buffers_before_driver_ok(void **state)
{
	struct mock_net *mn = *state;

	mock_set_status(&mn->mv, 0);
	mock_vq_init(&mn->tx, &mn->mg.ram, 64, true, true);
	mock_net_send(mn, 60, NULL);
	assert_true(mock_negotiate(&mn->mv, mock_net_offered(mn)));
	mock_setup_queue(&mn->mv, VIRTIO_NET_TX, &mn->tx, MOCK_VECTOR_TX);
	mock_set_status(&mn->mv, 0xf);
	mock_work_run();
	assert_int_equal(mn->wire->frames, 1);
}

static void checksum_request_goes_with_the_frame(void **state)
{
	struct mock_net *mn = *state;
	struct virtio_net_hdr hdr = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16,
	};

	mock_net_send(mn, 200, &hdr);
	kick_tx(mn);
	assert_int_equal(mn->wire->last_flags & FRAME_NEEDS_CSUM, FRAME_NEEDS_CSUM);
	count_used(&mn->tx);		/* the same head again */
	mock_net_send(mn, 200, NULL);
	kick_tx(mn);
	assert_int_equal(mn->wire->last_flags & FRAME_NEEDS_CSUM, 0);
}

static void post_pieces(struct mock_net *mn, u32 len, u32 piece)
{
	struct mock_buf buf[MOCK_TABLE_ENTRIES];
	u64 gpa = mn->tx_buf + mn->tx.free_head * 4096u;
	u8 *p = mock_ptr(&mn->mg.ram, gpa);
	unsigned int n = 0;

	memset(p, 0, HDR);
	mock_frame(p + HDR, mock_wire_mac, mn->nic.mac, len);
	for (u32 off = 0; off < HDR + len; off += piece)
		buf[n++] = (struct mock_buf){ gpa + off, MIN(piece, HDR + len - off), false };
	assert_true(mock_add(&mn->tx, buf, n) >= 0);
}

static void frame_in_many_pieces(void **state)
{
	struct mock_net *mn = *state;
	const struct vhost_vq_stats *stats = &mn->net->vhost.vq[VIRTIO_NET_TX].stats;

	/* 19 pieces behind the copied header: as many as a frame has room for. */
	post_pieces(mn, FRAME_HDR_MAX + 19 * 35, 35);
	kick_tx(mn);
	assert_sent(mn, FRAME_HDR_MAX + 19 * 35);
	assert_int_equal(stats->copies, 0);
	/* More: copied, once. */
	mn->wire->hold = true;
	post_pieces(mn, 1514, 25);
	kick_tx(mn);
	assert_sent(mn, 1514);
	assert_int_equal(mn->wire->last_nr_segs, 2);
	assert_false(mn->wire->last_by_reference);
	assert_int_equal(stats->copies, 1);
	assert_int_equal(stats->copied_bytes, 1514 - FRAME_HDR_MAX);
	assert_int_equal(mn->net->vhost.tx->bounces, 1);
	mock_wire_put(mn->wire, 1);
	mock_work_run();
	assert_int_equal(mn->net->vhost.tx->bounces, 0);
}

static void copies_are_bounded(void **state)
{
	struct mock_net *mn = *state;

	mn->wire->hold = true;
	for (unsigned int i = 0; i < TX_BOUNCES_MAX + 3; i++)
		post_pieces(mn, 1514, 25);
	kick_tx(mn);
	assert_int_equal(mn->wire->nr_held, TX_BOUNCES_MAX);
	assert_int_equal(dropped(mn, DROP_NO_MEMORY), 3);
	assert_int_equal(count_used(&mn->tx), 3);
	mock_wire_put(mn->wire, TX_BOUNCES_MAX);
	mock_work_run();
	assert_int_equal(count_used(&mn->tx), TX_BOUNCES_MAX);
	host_mem_fail(1);
	post_pieces(mn, 1514, 25);
	kick_tx(mn);
	assert_int_equal(dropped(mn, DROP_NO_MEMORY), 4);
}

/* ---- Hostile buffers ---- */

static void hostile_15_writable_buffer_for_transmission(void **state)
{
	struct mock_net *mn = *state;
	const struct mock_buf buf[] = { { mn->tx_buf, 100, false },
					{ mn->tx_buf + 100, 10, true } };

	mock_add(&mn->tx, buf, 2);
	kick_tx(mn);
	assert_int_equal(mn->wire->frames, 0);
	assert_broken(mn, VIRTIO_NET_TX, RING_BAD_DIRECTION);
}

static void hostile_17_header_in_single_bytes(void **state)
{
	struct mock_net *mn = *state;
	struct mock_buf buf[HDR + 20];
	u64 gpa = mn->tx_buf;
	u8 *p = mock_ptr(&mn->mg.ram, gpa);

	mock_frame(p + HDR, mock_wire_mac, mn->nic.mac, 60);
	for (unsigned int i = 0; i < HDR + 19; i++)
		buf[i] = (struct mock_buf){ gpa + i, 1, false };
	buf[HDR + 19] = (struct mock_buf){ gpa + HDR + 19, 41, false };
	mock_add(&mn->tx, buf, HDR + 20);
	kick_tx(mn);
	assert_sent(mn, 60);
}

static void hostile_17_header_split_at_every_byte(void **state)
{
	struct mock_net *mn = *state;
	u8 *p = mock_ptr(&mn->mg.ram, mn->tx_buf);

	memset(p, 0, HDR);
	mock_frame(p + HDR, mock_wire_mac, mn->nic.mac, 300);
	for (u32 cut = 1; cut < HDR + 200; cut++) {
		const struct mock_buf buf[] = {
			{ mn->tx_buf, cut, false }, { mn->tx_buf + cut, HDR + 300 - cut, false },
		};

		memset(mn->wire->last, 0, 300);
		mock_add(&mn->tx, buf, 2);
		kick_tx(mn);
		assert_sent(mn, 300);
		count_used(&mn->tx);
	}
}

static void hostile_17_chain_shorter_than_the_header(void **state)
{
	struct mock_net *mn = *state;

	mock_add_one(&mn->tx, mn->tx_buf, HDR - 1, false);
	kick_tx(mn);
	assert_broken(mn, VIRTIO_NET_TX, RING_BAD_BUFFER);
}

static void hostile_17_empty_chain(void **state)
{
	struct mock_net *mn = *state;

	mock_add_one(&mn->tx, mn->tx_buf, 0, false);
	kick_tx(mn);
	assert_broken(mn, VIRTIO_NET_TX, RING_BAD_BUFFER);
}

static void hostile_17_header_and_nothing_else(void **state)
{
	struct mock_net *mn = *state;

	for (u32 len = 0; len < FRAME_LEN_MIN; len++)
		mock_net_send(mn, len, NULL);
	kick_tx(mn);
	assert_int_equal(mn->wire->frames, 0);
	assert_int_equal(dropped(mn, DROP_RUNT), FRAME_LEN_MIN);
	assert_int_equal(count_used(&mn->tx), FRAME_LEN_MIN);
	assert_int_equal(mock_status(&mn->mv) & VIRTIO_NEEDS_RESET, 0);
}

static void hostile_18_too_long(void **state)
{
	struct mock_net *mn = *state;
	struct mock_buf buf[20];

	mock_net_send(mn, 1523, NULL);		/* one byte more than the port takes */
	for (unsigned int i = 0; i < 20; i++)
		buf[i] = (struct mock_buf){ 0, 1 * MIB, false };
	mock_add(&mn->tx, buf, 20);		/* 20 MiB */
	for (unsigned int i = 0; i < 20; i++)
		buf[i].len = MOCK_RAM;
	mock_add(&mn->tx, buf, 20);
	kick_tx(mn);
	assert_int_equal(mn->wire->frames, 0);
	assert_int_equal(dropped(mn, DROP_OVERSIZE), 3);
	assert_int_equal(count_used(&mn->tx), 3);
	mock_net_send(mn, 1522, NULL);
	kick_tx(mn);
	assert_int_equal(mn->wire->frames, 1);
}

/* ---- Double fetch ---- */

static void hostile_23_headers_change_after_the_check(void **state)
{
	struct mock_net *mn = *state;
	struct frame *f;
	u8 expect[200];

	mn->wire->hold = true;
	mock_net_send(mn, 200, NULL);
	kick_tx(mn);
	f = mn->wire->held[0];
	memset(mock_ptr(&mn->mg.ram, mn->tx_buf), 0xff, HDR + FRAME_HDR_MAX);
	mock_frame(expect, mock_wire_mac, mn->nic.mac, 200);
	assert_int_equal(f->hdr_len, FRAME_HDR_MAX);
	assert_int_equal(f->flags & FRAME_NEEDS_CSUM, 0);
	frame_copy_out(f, 0, mn->wire->last, 200);
	assert_memory_equal(mn->wire->last, expect, 200);
}

/* ---- Net header ---- */

static void hostile_24_checksum_outside_the_frame(void **state)
{
	struct mock_net *mn = *state;
	static const struct { u16 start, offset; bool ok; } c[] = {
		{ 0, 98, true }, { 98, 0, true }, { 50, 48, true }, { 34, 16, true },
		{ 0, 99, false }, { 99, 0, false }, { 50, 49, false }, { 100, 0, false },
		{ 0xffff, 0, false }, { 0, 0xffff, false }, { 0xffff, 0xffff, false },
		{ 0xffff, 1, false }, { 0xfffe, 2, false }, { 0xfffe, 100, false },
		/* Over what the switch has looked at. */
		{ 0, 0, false }, { 0, 6, false }, { 13, 0, false }, { 13, 1, true },
	};
	unsigned int bad = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(c); i++) {
		struct virtio_net_hdr hdr = {
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = c[i].start,
			.csum_offset = c[i].offset,
		};
		u64 frames = mn->wire->frames;

		mock_net_send(mn, 100, &hdr);
		kick_tx(mn);
		bad += !c[i].ok;
		assert_int_equal(mn->wire->frames - frames, c[i].ok);
		assert_int_equal(dropped(mn, DROP_MALFORMED), bad);
	}
	assert_int_equal(host_log_count("web/net0: frame dropped, bad header"), RATELIMIT_BURST);
	assert_int_equal(count_used(&mn->tx), ARRAY_SIZE(c));
}

static void hostile_24_checksum_not_negotiated(void **state)
{
	struct mock_net *mn = *state;
	struct virtio_net_hdr hdr = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34 };

	mock_net_send(mn, 100, &hdr);
	kick_tx(mn);
	assert_int_equal(dropped(mn, DROP_MALFORMED), 1);
}

static void hostile_25_segmentation_not_offered(void **state)
{
	struct mock_net *mn = *state;

	for (unsigned int type = 1; type < 256; type++) {
		struct virtio_net_hdr hdr = { .gso_type = (u8)type,
					      .gso_size = (u16)(type & 1),
					      .hdr_len = 54 };

		mock_net_send(mn, 100, &hdr);
		if (type % 32 == 0) {
			kick_tx(mn);
			count_used(&mn->tx);
		}
	}
	kick_tx(mn);
	assert_int_equal(mn->wire->frames, 0);
	assert_int_equal(dropped(mn, DROP_MALFORMED), 255);
	assert_true(host_log_count("bad header") <= RATELIMIT_BURST);
}

static void hostile_25_header_length_is_no_more_than_a_hint(void **state)
{
	struct mock_net *mn = *state;
	struct virtio_net_hdr hdr = { .hdr_len = 0xffff, .gso_size = 0xffff };

	mock_net_send(mn, 100, &hdr);
	kick_tx(mn);
	assert_sent(mn, 100);
}

static void hostile_26_num_buffers_on_transmission(void **state)
{
	struct mock_net *mn = *state;
	struct virtio_net_hdr hdr = { .num_buffers = 0xffff };

	mock_net_send(mn, 100, &hdr);
	kick_tx(mn);
	assert_sent(mn, 100);
}

/* One size, whatever is negotiated: the device is modern. */
static void hostile_27_header_size(void **state)
{
	struct mock_net *mn = *state;

	assert_int_equal(sizeof(struct virtio_net_hdr), 12);
	mock_net_post_rx(mn, 1, 2048);
	mock_wire_send(mn->wire, mn->nic.mac, 60, 0);
	assert_received(mn, 60, 1, 0);
	mock_add_one(&mn->tx, mn->tx_buf, 10, false);	/* a legacy header alone */
	kick_tx(mn);
	assert_broken(mn, VIRTIO_NET_TX, RING_BAD_BUFFER);
}

/*
 * An index that shows a chain whenever notifications are on, and none when they are off: what
 * another vCPU can bring about now and then, and a vhost-user front end always, as it may put the
 * same memory at two places. Here the device's own flags are the index. That is no end of looking.
 */
static void hostile_21_chain_that_is_never_there_when_it_is_looked_for(void **state)
{
	struct mock_net *mn = *state;
	const u64 alias = 8 * GIB, avail = mock_alloc(&mn->mg.ram, PAGE_SIZE, PAGE_SIZE) + 2;
	u64 features = mn->net->vdev.driver, requeues;
	u8 *low = mn->mg.ram.low;

	mock_set_status(&mn->mv, 0);
	assert_int_equal(guest_mem_add(&mn->mg.guest.mem, alias, MOCK_RAM, low, (uintptr_t)low), 0);
	assert_true(mock_negotiate(&mn->mv, features));
	mn->tx.addr.avail = avail;
	mn->tx.addr.used = alias + avail + offsetof(struct virtq_avail, idx);
	mock_setup_queue(&mn->mv, VIRTIO_NET_TX, &mn->tx, MOCK_VECTOR_TX);
	mock_desc(&mn->tx, 0, mn->tx_buf, HDR + 60, 0, 0);
	mock_frame(low + mn->tx_buf + HDR, mock_wire_mac, mn->nic.mac, 60);
	mock_set_status(&mn->mv, 0xf);
	alarm(20);
	mock_work_pass();
	requeues = mn->net->vhost.vq[VIRTIO_NET_TX].stats.requeues;
	assert_int_equal(requeues, 1);		/* and others have their turn */
	mock_work_pass();
	alarm(0);
	assert_int_equal(mn->net->vhost.vq[VIRTIO_NET_TX].stats.requeues, 2);
	assert_int_equal(mn->wire->frames, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(frame_goes_out_as_posted),
		T_FLAGS(frame_goes_out_as_posted),
		T_FLAGS(hostile_21_chain_that_is_never_there_when_it_is_looked_for),
		T(chain_is_used_when_the_nic_is_done),
		T(completions_come_in_one_publication),
		T(batch_is_one_interrupt_when_all_is_done_at_once),
		T_FLAGS(batch_is_one_interrupt_when_all_is_done_at_once),
		T(no_interrupt_when_the_driver_wants_none),
		T_FLAGS(no_interrupt_when_the_driver_wants_none),
		T(budget_sends_the_queue_to_the_back),
		T(budget_in_packets_and_bytes),
		T(a_batch_when_others_wait),
		T(buffers_before_driver_ok),
		T(checksum_request_goes_with_the_frame),
		T(frame_in_many_pieces),
		T(copies_are_bounded),
		T(hostile_15_writable_buffer_for_transmission),
		T(hostile_17_header_in_single_bytes),
		T(hostile_17_header_split_at_every_byte),
		T(hostile_17_chain_shorter_than_the_header),
		T(hostile_17_empty_chain),
		T(hostile_17_header_and_nothing_else),
		T(hostile_18_too_long),
		T(hostile_23_headers_change_after_the_check),
		T(hostile_24_checksum_outside_the_frame),
		T_NO_CSUM(hostile_24_checksum_not_negotiated),
		T(hostile_25_segmentation_not_offered),
		T(hostile_25_header_length_is_no_more_than_a_hint),
		T(hostile_26_num_buffers_on_transmission),
		T(hostile_27_header_size),
		T_NO_MRG(hostile_27_header_size),
	};
	return cmocka_run_group_tests_name("net_tx", tests, NULL, NULL);
}
