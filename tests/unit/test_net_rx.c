/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net reception, from the wire to the driver. hostile_NN: case NN of the list of what a
 * hostile guest tries.
 */
#include "tests/unit/unit.h"

#include "tests/unit/net_fixture.h"

/* ---- Reception ---- */

static void frame_arrives(void **state)
{
	struct mock_net *mn = *state;

	mock_irq_enable(&mn->rx);
	mock_net_post_rx(mn, 4, 2048);
	mock_wire_send(mn->wire, mn->nic.mac, 60, 0);
	assert_received(mn, 60, 1, 0);
	assert_int_equal(mn->mg.msi_data[0x40 + MOCK_VECTOR_RX], 1);
	mock_wire_send(mn->wire, mn->nic.mac, 1514, 0);
	assert_received(mn, 1514, 1, 0);
	assert_int_equal(mn->net->vhost.vq[VIRTIO_NET_RX].stats.copied_bytes, 1574);
	assert_int_equal(mn->net->vhost.port.stats.copies, 2);
}

static void frame_is_merged_over_buffers(void **state)
{
	struct mock_net *mn = *state;

	for (u32 room = HDR; room < 600; room += 97) {
		u32 need = (HDR + 1000 + room - 1) / room;

		if (need > RX_MERGE_MAX || need > 64)
			continue;
		mock_net_post_rx(mn, need + 1, room);
		mock_wire_send(mn->wire, mn->nic.mac, 1000, 0);
		assert_received(mn, 1000, (u16)need, 0);
		assert_int_equal(count_used(&mn->rx), 0);
		/* Drain the one left over: a short frame fits or needs it. */
		mock_wire_send(mn->wire, mn->nic.mac, room > HDR + 14 ? 14 : 0, 0);
		if (room > HDR + 14)
			assert_received(mn, 14, 1, 0);
		else
			break;
	}
}

static void checksum_flags_reach_the_guest(void **state)
{
	struct mock_net *mn = *state;

	mock_net_post_rx(mn, 4, 2048);
	mock_wire_send(mn->wire, mn->nic.mac, 200, FRAME_CSUM_VALID);
	assert_received(mn, 200, 1, VIRTIO_NET_HDR_F_DATA_VALID);
	mock_wire_send(mn->wire, mn->nic.mac, 200, FRAME_NEEDS_CSUM);
	assert_received(mn, 200, 1, VIRTIO_NET_HDR_F_NEEDS_CSUM);
}

static void checksum_is_completed_for_guests_without_it(void **state)
{
	struct mock_net *mn = *state;
	struct virtio_net_hdr hdr;
	u8 expect[200], *got;
	struct frame f = { .nr_segs = 1, .len = 200, .csum_start = 34, .csum_offset = 6 };
	u16 csum;
	u32 len;
	int head;

	/* The field is split between two buffers. */
	mock_net_post_rx(mn, 1, HDR + 41);
	mock_net_post_rx(mn, 1, 2048);
	mock_wire_send(mn->wire, mn->nic.mac, 200, FRAME_NEEDS_CSUM);
	mock_frame(expect, mn->nic.mac, mock_wire_mac, 200);
	f.seg[0] = (struct frame_seg){ .ptr = expect, .len = 200 };
	csum = frame_csum(&f);
	memcpy(expect + 40, &csum, 2);
	head = mock_get(&mn->rx, &len);
	got = mock_ptr(&mn->mg.ram, mn->rx_buf + (u32)head * 4096u);
	memcpy(&hdr, got, HDR);
	assert_int_equal(hdr.flags, 0);
	assert_int_equal(hdr.num_buffers, 2);
	assert_memory_equal(got + HDR, expect, 41);
	head = mock_get(&mn->rx, &len);
	assert_memory_equal(mock_ptr(&mn->mg.ram, mn->rx_buf + (u32)head * 4096u), expect + 41,
			    159);
	mock_wire_send(mn->wire, mn->nic.mac, 200, FRAME_CSUM_VALID);
}

static void guest_to_guest(void **state)
{
	struct mock_net *a = *state, *b = calloc(1, sizeof(*b));
	struct nic_config nic;
	u8 *p;

	mock_net_config(&nic);
	nic.mac[5] = 2;
	mock_net_init(b, "db", a->wire, &nic);
	mock_net_up(b, mock_net_offered(b), 64);
	mock_net_post_rx(b, 8, 2048);
	mock_irq_enable(&b->rx);
	for (unsigned int i = 0; i < 8; i++) {
		mock_net_send(a, 1000, NULL);
		p = mock_ptr(&a->mg.ram, a->tx_buf + i * 4096u + HDR);
		memcpy(p, nic.mac, 6);
	}
	kick_tx(a);
	/* Flooded once, as b has never spoken; one copy, one interrupt for all of them. */
	assert_int_equal(b->net->vhost.vq[VIRTIO_NET_RX].stats.copies, 8);
	assert_int_equal(b->mg.msi_data[0x40 + MOCK_VECTOR_RX], 1);
	assert_int_equal(count_used(&b->rx), 8);
	assert_int_equal(count_used(&a->tx), 8);
	mock_net_free(b);
	free(b);
}

/*
 * A delivery of frames of all lengths into chains of all sizes: frames in one, in several, and one
 * for which there is no room, while there is for the one behind it.
 */
static void frames_of_all_lengths_in_one_delivery(void **state)
{
	static const u32 lens[] = { 60, 5000, 1514, 61, 9000, 40000, 64, 1000, 2000, 60 };
	static const u32 rooms[] = { 2048, 300, 12, 4096, 77, 1526 };
	static u8 expect[40000], got[40000 + HDR];
	struct frame f[ARRAY_SIZE(lens)], *frames[ARRAY_SIZE(lens)];
	struct mock_net *mn = *state;
	unsigned int n = 0, chains = 0;

	for (unsigned int i = 0; i < 36; i++, chains++)
		mock_net_post_rx(mn, 1, rooms[i % ARRAY_SIZE(rooms)]);
	mn->net->vhost.port.max_frame = sizeof(expect);
	mock_frame(expect, mn->nic.mac, mock_wire_mac, sizeof(expect));
	for (unsigned int i = 0; i < ARRAY_SIZE(lens); i++) {
		f[i] = (struct frame){ .len = lens[i], .refs = 1 };
		for (u32 at = 0; at < lens[i]; at += f[i].seg[f[i].nr_segs++].len)
			f[i].seg[f[i].nr_segs] = (struct frame_seg){
				.ptr = expect + at, .len = MIN(lens[i] - at, 1600 + at / 3),
			};
		frames[i] = &f[i];
	}
	switch_input(&mn->wire->port, frames, ARRAY_SIZE(lens));
	for (unsigned int i = 0; i < ARRAY_SIZE(lens); i++) {
		struct virtio_net_hdr hdr = { .num_buffers = 1 };
		u32 len = 0, part;

		if (lens[i] == 40000)
			continue;
		for (u16 k = 0; k < hdr.num_buffers; k++, chains--) {
			int head = mock_get(&mn->rx, &part);

			assert_true(head >= 0);
			memcpy(got + len, mock_ptr(&mn->mg.ram, mn->rx_buf + (u32)head * 4096u),
			       part);
			len += part;
			if (k == 0)
				memcpy(&hdr, got, HDR);
		}
		assert_int_equal(len, lens[i] + HDR);
		assert_memory_equal(got + HDR, expect, lens[i]);
		n++;
	}
	assert_int_equal(dropped(mn, DROP_NO_BUFFER), 1);
	assert_int_equal(n, ARRAY_SIZE(lens) - 1);
	assert_int_equal(mn->net->vhost.vq[VIRTIO_NET_RX].stats.drops, 1);
	assert_int_equal(mn->net->vhost.vq[VIRTIO_NET_RX].ring.in_flight, 0);
	/* What was not needed can be taken again. */
	while (chains >= 6) {
		u64 before = mn->net->vhost.port.stats.copies;

		mock_wire_send(mn->wire, mn->nic.mac, 1300, 0);
		if (mn->net->vhost.port.stats.copies == before)
			break;
		chains -= count_used(&mn->rx);
	}
	assert_in_range(chains, 0, 5);
}

static void wrap_past_65536_both_ways(void **state)
{
	struct mock_net *mn = *state;
	u32 len;

	mock_net_post_rx(mn, 3, 2048);
	for (unsigned int i = 0; i < 66000; i++) {
		mock_net_send(mn, 60, NULL);
		kick_tx(mn);
		assert_true(mock_get(&mn->tx, &len) >= 0);
		mock_wire_send(mn->wire, mn->nic.mac, 60, 0);
		assert_true(mock_get(&mn->rx, &len) >= 0);
		mock_net_post_rx(mn, 1, 2048);
	}
	assert_int_equal(mn->wire->frames, 66000);
	assert_int_equal(mn->net->vhost.port.stats.tx_frames, 66000);
	assert_int_equal(dropped(mn, DROP_NO_BUFFER), 0);
}

/* ---- Hostile buffers ---- */

static void hostile_15_readable_buffer_for_reception(void **state)
{
	struct mock_net *mn = *state;

	mock_add_one(&mn->rx, mn->rx_buf, 2048, false);
	mock_wire_send(mn->wire, mn->nic.mac, 60, 0);
	assert_int_equal(dropped(mn, DROP_BROKEN), 1);
	assert_broken(mn, VIRTIO_NET_RX, RING_BAD_DIRECTION);
	mock_wire_send(mn->wire, mn->nic.mac, 60, 0);
	assert_int_equal(dropped(mn, DROP_BROKEN), 2);
}

static void hostile_17_receive_buffer_shorter_than_the_header(void **state)
{
	struct mock_net *mn = *state;

	mock_net_post_rx(mn, 1, HDR - 1);
	mock_wire_send(mn->wire, mn->nic.mac, 60, 0);
	assert_broken(mn, VIRTIO_NET_RX, RING_BAD_BUFFER);
}

static void hostile_19_chain_too_small_without_merging(void **state)
{
	struct mock_net *mn = *state;

	mock_net_post_rx(mn, 2, HDR + 100);
	mock_wire_send(mn->wire, mn->nic.mac, 101, 0);
	assert_int_equal(dropped(mn, DROP_OVERSIZE), 1);
	assert_int_equal(count_used(&mn->rx), 0);
	/* The buffer was given back: what fits still arrives. */
	mock_wire_send(mn->wire, mn->nic.mac, 100, 0);
	assert_received(mn, 100, 1, 0);
	mock_wire_send(mn->wire, mn->nic.mac, 100, 0);
	assert_received(mn, 100, 1, 0);
	mock_wire_send(mn->wire, mn->nic.mac, 100, 0);
	assert_int_equal(dropped(mn, DROP_NO_BUFFER), 1);
}

static void hostile_19_chains_too_small_with_merging(void **state)
{
	struct mock_net *mn = *state;

	/* More is needed than there is: all are given back. */
	mock_net_post_rx(mn, 9, 100);
	mock_wire_send(mn->wire, mn->nic.mac, 1000, 0);
	assert_int_equal(dropped(mn, DROP_NO_BUFFER), 1);
	assert_int_equal(count_used(&mn->rx), 0);
	mock_net_post_rx(mn, 2, 100);
	mock_wire_send(mn->wire, mn->nic.mac, 1000, 0);
	assert_received(mn, 1000, 11, 0);
}

static void hostile_19_more_buffers_than_a_frame_may_have(void **state)
{
	struct mock_net *mn = *state;

	mock_set_status(&mn->mv, 0);
	mock_net_up(mn, mock_net_offered(mn), 256);
	mock_net_post_rx(mn, 200, HDR);
	mock_wire_send(mn->wire, mn->nic.mac, HDR * RX_MERGE_MAX - HDR + 1, 0);
	assert_int_equal(dropped(mn, DROP_OVERSIZE), 1);
	mock_wire_send(mn->wire, mn->nic.mac, HDR * RX_MERGE_MAX - HDR, 0);
	assert_received(mn, HDR * RX_MERGE_MAX - HDR, RX_MERGE_MAX, 0);
}

static void hostile_19_merged_chains_of_many_descriptors(void **state)
{
	struct mock_net *mn = *state;
	struct mock_buf buf[60];

	/* As many descriptors as a chain may have in each; two chains fill the device's array. */
	for (unsigned int i = 0; i < 60; i++)
		buf[i] = (struct mock_buf){ mn->rx_buf + i * 4096u, 2, true };
	for (unsigned int i = 0; i < 60; i++)
		assert_true(mock_add(&mn->rx, buf, 60) >= 0);
	mock_wire_send(mn->wire, mn->nic.mac, 1514, 0);
	assert_int_equal(count_used(&mn->rx) + dropped(mn, DROP_OVERSIZE) > 0, 1);
	assert_int_equal(mock_status(&mn->mv) & VIRTIO_NEEDS_RESET, 0);
}

/* Frames that come in one batch, as from a NIC's poll. */
static void wire_send_batch(struct mock_net *mn, unsigned int nr, u32 len)
{
	struct frame *frames[64];
	u8 *bytes = malloc(len);

	assert_true(nr <= ARRAY_SIZE(frames));
	mock_frame(bytes, mn->nic.mac, mock_wire_mac, len);
	for (unsigned int i = 0; i < nr; i++) {
		frames[i] = calloc(1, sizeof(*frames[i]));
		frames[i]->seg[0] = (struct frame_seg){ .ptr = bytes, .len = len };
		frames[i]->nr_segs = frames[i]->refs = 1;
		frames[i]->len = len;
	}
	switch_input(&mn->wire->port, frames, nr);
	for (unsigned int i = 0; i < nr; i++) {
		assert_int_equal(frames[i]->refs, 1);
		free(frames[i]);
	}
	free(bytes);
}

/* More buffers than are at hand at once, and than are given back at once. */
static void hostile_19_batch_of_many_more_buffers(void **state)
{
	struct mock_net *mn = *state;

	mock_set_status(&mn->mv, 0);
	mock_net_up(mn, mock_net_offered(mn), 256);
	mock_net_post_rx(mn, 256, 100);
	wire_send_batch(mn, 64, 300 - HDR);
	for (unsigned int i = 0; i < 64; i++)
		assert_received(mn, 300 - HDR, 3, 0);
	/* What is left is less than a batch needs. */
	wire_send_batch(mn, 64, 300 - HDR);
	for (unsigned int i = 0; i < 64 / 3; i++)
		assert_received(mn, 300 - HDR, 3, 0);
	assert_int_equal(count_used(&mn->rx), 0);
	assert_int_equal(dropped(mn, DROP_NO_BUFFER), 64 - 64 / 3);
}

/* Others' buffers are at hand, and not for a frame that is too long for its own. */
static void hostile_19_batch_too_long_without_merging(void **state)
{
	struct mock_net *mn = *state;

	mock_net_post_rx(mn, 20, HDR + 100);
	wire_send_batch(mn, 10, 101);
	assert_int_equal(dropped(mn, DROP_OVERSIZE), 10);
	assert_int_equal(count_used(&mn->rx), 0);
	wire_send_batch(mn, 10, 100);
	assert_int_equal(count_used(&mn->rx), 10);
}

static void hostile_20_buffer_is_the_ring(void **state)
{
	struct mock_net *mn = *state;
	const struct ring_addr *a = &mn->rx.addr;
	const u64 targets[] = { a->desc, a->avail, a->used, mn->tx.addr.desc, mn->tx.addr.avail,
				mn->tx.addr.used };

	/* Whatever the frame overwrites is the guest's: nothing may happen to anybody else. */
	for (unsigned int i = 0; i < ARRAY_SIZE(targets); i++) {
		mock_set_status(&mn->mv, 0);
		mock_net_up(mn, mock_net_offered(mn), 64);
		for (unsigned int k = 0; k < 8; k++)
			mock_add_one(&mn->rx, targets[i], 2048, true);
		for (unsigned int k = 0; k < 8; k++)
			mock_wire_send(mn->wire, mn->nic.mac, 1514, 0);
		for (unsigned int k = 0; k < 8; k++)
			mock_net_send(mn, 500, NULL);
		mock_notify(&mn->mv, VIRTIO_NET_TX);
		mock_work_run();
	}
	/* The transmit ring sent as a frame. */
	mock_set_status(&mn->mv, 0);
	mock_net_up(mn, mock_net_offered(mn), 64);
	mock_add_one(&mn->tx, mn->tx.addr.used, 300, false);
	mock_add_one(&mn->tx, mn->tx.addr.desc, 300, false);
	kick_tx(mn);
	mock_set_status(&mn->mv, 0);
	assert_int_equal(mock_status(&mn->mv), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(frame_arrives),
		T_NO_MRG(frame_arrives),
		T_FLAGS(frame_arrives),
		T(frame_is_merged_over_buffers),
		T(checksum_flags_reach_the_guest),
		T_NO_CSUM(checksum_is_completed_for_guests_without_it),
		T(guest_to_guest),
		T(frames_of_all_lengths_in_one_delivery),
		T(wrap_past_65536_both_ways),
		T_FLAGS(wrap_past_65536_both_ways),
		T(hostile_15_readable_buffer_for_reception),
		T(hostile_17_receive_buffer_shorter_than_the_header),
		T_NO_MRG(hostile_19_chain_too_small_without_merging),
		T(hostile_19_chains_too_small_with_merging),
		T(hostile_19_more_buffers_than_a_frame_may_have),
		T(hostile_19_merged_chains_of_many_descriptors),
		T(hostile_19_batch_of_many_more_buffers),
		T_NO_MRG(hostile_19_batch_too_long_without_merging),
		T(hostile_20_buffer_is_the_ring),
	};
	return cmocka_run_group_tests_name("net_rx", tests, NULL, NULL);
}
