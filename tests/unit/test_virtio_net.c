/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net and vhost between a driver and a wire. hostile_NN: case NN of the list of what a
 * hostile guest tries.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/mem.h"
#include "net/csum.h"
#include "net/switch.h"
#include "tests/unit/mock_net.h"
#include "tests/unit/mock_work.h"
#include "virtio/pci_regs.h"

#define HDR	((u32)sizeof(struct virtio_net_hdr))
#define F_ALL	UINT64_MAX		/* all that is offered */
#define F_NO_MRG (~BIT_ULL(VIRTIO_NET_F_MRG_RXBUF))

static struct mock_net *new_net(u64 features)
{
	struct mock_net *mn = calloc(1, sizeof(*mn));
	struct nic_config nic;

	mock_net_config(&nic);
	mock_net_init(mn, "web", mock_wire_new("br0"), &nic);
	mock_net_up(mn, mock_net_offered(mn) & features, 64);
	host_log_clear();
	return mn;
}

static int setup(void **state)
{
	*state = new_net(F_ALL);
	return 0;
}

static int setup_no_mrg(void **state)
{
	*state = new_net(F_NO_MRG);
	return 0;
}

static int setup_flags(void **state)
{
	*state = new_net(~(BIT_ULL(VIRTIO_F_EVENT_IDX) | BIT_ULL(VIRTIO_F_INDIRECT_DESC)));
	return 0;
}

static int setup_no_csum(void **state)
{
	*state = new_net(~(BIT_ULL(VIRTIO_NET_F_CSUM) | BIT_ULL(VIRTIO_NET_F_GUEST_CSUM)));
	return 0;
}

static int teardown(void **state)
{
	struct mock_net *mn = *state;
	struct mock_wire *wire = mn->wire;

	mock_net_free(mn);
	mock_wire_free(wire);
	free(mn);
	assert_int_equal(mock_work_queued(), 0);
	assert_int_equal(mem_used(MEM_VHOST), 0);
	return 0;
}

static void kick_tx(struct mock_net *mn)
{
	if (mock_kick(&mn->tx))
		mock_notify(&mn->mv, VIRTIO_NET_TX);
	mock_work_run();
}

static u64 dropped(struct mock_net *mn, enum port_drop why)
{
	return mn->net->port.stats.drops[why];
}

static void assert_sent(struct mock_net *mn, u32 len)
{
	u8 expect[65536];

	mock_frame(expect, mock_wire_mac, mn->nic.mac, len);
	assert_int_equal(mn->wire->last_len, len);
	assert_memory_equal(mn->wire->last, expect, len);
}

static unsigned int count_used(struct mock_vq *vq)
{
	unsigned int n = 0;
	u32 len;

	while (mock_get(vq, &len) >= 0)
		n++;
	return n;
}

/* The queue broke by this rule; everybody has been told, once. */
static void assert_broken(struct mock_net *mn, unsigned int queue, enum ring_error error)
{
	const struct ring *ring = &mn->net->vq[queue].ring;

	assert_string_equal(ring_error_name(ring->broken), ring_error_name(error));
	assert_true(mock_status(&mn->mv) & VIRTIO_NEEDS_RESET);
	assert_int_equal(mn->mg.msi_data[0x40 + MOCK_VECTOR_CONFIG], 1);
	assert_int_equal(host_log_count("vhost: web/net0: queue"), 1);
	assert_int_equal(host_log_count(ring_error_name(error)), 1);
	assert_int_equal(mn->net->vq[queue].stats.broken, 1);
	/* More kicks change nothing. */
	mock_notify(&mn->mv, (u16)queue);
	mock_work_run();
	assert_int_equal(mn->mg.msi_data[0x40 + MOCK_VECTOR_CONFIG], 1);
	assert_int_equal(host_log_count("vhost: web/net0: queue"), 1);
}

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
	assert_int_equal(mn->net->vq[VIRTIO_NET_TX].stats.copies, 0);
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
	assert_int_equal(mn->net->tx.in_flight, 2);
	mock_wire_put(mn->wire, 1);
	mock_work_run();
	assert_int_equal(mock_get(&mn->tx, &len), 0);
	assert_int_equal(mock_get(&mn->tx, &len), -1);
	mock_wire_put(mn->wire, 1);
	mock_work_run();
	assert_int_equal(mock_get(&mn->tx, &len), 1);
	assert_int_equal(mn->net->tx.in_flight, 0);
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
	assert_int_equal(mn->net->vq[VIRTIO_NET_TX].stats.batch[5], 1);	/* 32 to 63 */
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
	assert_int_equal(mn->net->vq[VIRTIO_NET_TX].stats.calls, 1);
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
	assert_int_equal(mn->net->vq[VIRTIO_NET_TX].stats.calls_suppressed, 1);
}

static void budget_sends_the_queue_to_the_back(void **state)
{
	struct mock_net *mn = *state;
	const struct vhost_vq_stats *stats = &mn->net->vq[VIRTIO_NET_TX].stats;
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
	struct vhost_virtqueue *vq = &mn->net->vq[VIRTIO_NET_TX];
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
	const struct vhost_vq_stats *stats = &mn->net->vq[VIRTIO_NET_TX].stats;

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
	assert_int_equal(mn->net->tx.bounces, 1);
	mock_wire_put(mn->wire, 1);
	mock_work_run();
	assert_int_equal(mn->net->tx.bounces, 0);
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

/* ---- Reception ---- */

static void assert_received(struct mock_net *mn, u32 len, u16 num_buffers, u8 flags)
{
	u8 expect[65536], got[65536 + HDR];
	u32 n = 0, part;
	struct virtio_net_hdr hdr;

	for (unsigned int i = 0; i < num_buffers; i++) {
		int head = mock_get(&mn->rx, &part);

		assert_true(head >= 0);
		memcpy(got + n, mock_ptr(&mn->mg.ram, mn->rx_buf + (u32)head * 4096u), part);
		n += part;
	}
	assert_int_equal(n, HDR + len);
	memcpy(&hdr, got, HDR);
	assert_int_equal(hdr.num_buffers, num_buffers);
	assert_int_equal(hdr.flags, flags);
	assert_int_equal(hdr.gso_type, 0);
	mock_frame(expect, mn->nic.mac, mock_wire_mac, len);
	assert_memory_equal(got + HDR, expect, len);
}

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
	assert_int_equal(mn->net->vq[VIRTIO_NET_RX].stats.copied_bytes, 1574);
	assert_int_equal(mn->net->port.stats.copies, 2);
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
	assert_memory_equal(mock_ptr(&mn->mg.ram, mn->rx_buf + (u32)head * 4096u), expect + 41, 159);
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
	assert_int_equal(b->net->vq[VIRTIO_NET_RX].stats.copies, 8);
	assert_int_equal(b->mg.msi_data[0x40 + MOCK_VECTOR_RX], 1);
	assert_int_equal(count_used(&b->rx), 8);
	assert_int_equal(count_used(&a->tx), 8);
	mock_net_free(b);
	free(b);
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
	assert_int_equal(mn->net->port.stats.tx_frames, 66000);
	assert_int_equal(dropped(mn, DROP_NO_BUFFER), 0);
}

/* ---- Buffers ---- */

static void hostile_15_writable_buffer_for_transmission(void **state)
{
	struct mock_net *mn = *state;
	const struct mock_buf buf[] = { { mn->tx_buf, 100, false }, { mn->tx_buf + 100, 10, true } };

	mock_add(&mn->tx, buf, 2);
	kick_tx(mn);
	assert_int_equal(mn->wire->frames, 0);
	assert_broken(mn, VIRTIO_NET_TX, RING_BAD_DIRECTION);
}

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

static void hostile_17_receive_buffer_shorter_than_the_header(void **state)
{
	struct mock_net *mn = *state;

	mock_net_post_rx(mn, 1, HDR - 1);
	mock_wire_send(mn->wire, mn->nic.mac, 60, 0);
	assert_broken(mn, VIRTIO_NET_RX, RING_BAD_BUFFER);
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
	assert_int_equal(host_log_count("web/net0: frame dropped, bad header"), bad);
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
		struct virtio_net_hdr hdr = { .gso_type = (u8)type, .gso_size = (u16)(type & 1), .hdr_len = 54 };

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

/* ---- Configuration and life ---- */

static void configuration_space(void **state)
{
	struct mock_net *mn = *state;
	u64 offered = mock_net_offered(mn);

	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(mock_mmio_read(&mn->mg, mn->mv.device + i, 1), mn->nic.mac[i]);
	assert_int_equal(mock_mmio_read(&mn->mg, mn->mv.device + 6, 2), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(mock_mmio_read(&mn->mg, mn->mv.device + 10, 2), 1500);
	assert_true(offered == (BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_F_EVENT_IDX) |
				BIT_ULL(VIRTIO_F_INDIRECT_DESC) | BIT_ULL(VIRTIO_NET_F_MAC) |
				BIT_ULL(VIRTIO_NET_F_STATUS) | BIT_ULL(VIRTIO_NET_F_MTU) |
				BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) | BIT_ULL(VIRTIO_NET_F_CSUM) |
				BIT_ULL(VIRTIO_NET_F_GUEST_CSUM)));
}

static void options_switch_features_off(void **state)
{
	struct mock_net *mn = *state, *other = calloc(1, sizeof(*other));
	struct nic_config nic;

	mock_net_config(&nic);
	nic.event_idx = nic.indirect_desc = nic.mrg_rxbuf = nic.csum = nic.guest_csum = nic.status = false;
	nic.host_mtu = 0;
	nic.vectors = 0;
	mock_net_init(other, "old", mn->wire, &nic);
	assert_true(mock_net_offered(other) == (BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_NET_F_MAC)));
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
	u64 used = mem_used(MEM_VHOST);

	assert_int_equal(virtio_net_create(&mn->mg.guest, &nic, NULL, &net), -EBUSY);	/* the slot */
	nic.devfn = 5 * 8;
	host_mem_fail(1);
	assert_int_equal(virtio_net_create(&mn->mg.guest, &nic, NULL, &net), -ENOMEM);
	assert_int_equal(mem_used(MEM_VHOST), used);
	assert_null(mn->mg.bus.dev[5]);
	for (unsigned int i = 0; i < SWITCH_PORTS_MAX; i++)	/* two are there already */
		assert_int_equal(switch_attach(switch_get("br0"), &ports[i]), i < SWITCH_PORTS_MAX - 2 ? 0 : -ENOSPC);
	assert_int_equal(virtio_net_create(&mn->mg.guest, &nic, NULL, &net), -ENOSPC);
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
		assert_false(mn->net->vq[VIRTIO_NET_RX].enabled);
		mock_notify(&mn->mv, VIRTIO_NET_TX);
		mock_work_run();
	}
}

static void hostile_08_bad_ring_addresses(void **state)
{
	struct mock_net *mn = *state;
	const u64 good = mn->tx.addr.used;
	static const u64 bad[] = { MOCK_WINDOW, 0xfee00000, MOCK_RAM, MOCK_RAM - 64, UINT64_MAX - 3, 2 };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		mock_set_status(&mn->mv, 0);
		assert_true(mock_negotiate(&mn->mv, mock_net_offered(mn)));
		mn->tx.addr.used = bad[i];
		mock_setup_queue(&mn->mv, VIRTIO_NET_TX, &mn->tx, 2);
		mn->tx.addr.used = good;
		mock_set_status(&mn->mv, 0xf);
		assert_int_equal(mock_status(&mn->mv), 0xf | VIRTIO_NEEDS_RESET);
	}
	/* And it can be started properly afterwards. */
	mock_set_status(&mn->mv, 0);
	mock_net_up(mn, mock_net_offered(mn), 64);
	mock_net_send(mn, 60, NULL);
	kick_tx(mn);
	assert_int_equal(mn->wire->frames, 1);
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
	assert_int_equal(mn->net->vq[VIRTIO_NET_TX].stats.broken, 50);
	assert_true(host_log_count("broken by the driver") <= RATELIMIT_BURST);
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
	assert_non_null(strstr(host_console_text(), "queue 1: name=tx state=running size=64 kicks=1 "));
	assert_non_null(strstr(host_console_text(), " chains=1 bytes=72 copies=0 "));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define T_NO_MRG(name) cmocka_unit_test_setup_teardown(name, setup_no_mrg, teardown)
#define T_FLAGS(name) cmocka_unit_test_setup_teardown(name, setup_flags, teardown)
#define T_NO_CSUM(name) cmocka_unit_test_setup_teardown(name, setup_no_csum, teardown)
	const struct CMUnitTest tests[] = {
		T(frame_goes_out_as_posted),
		T_FLAGS(frame_goes_out_as_posted),
		T(chain_is_used_when_the_nic_is_done),
		T(completions_come_in_one_publication),
		T(batch_is_one_interrupt_when_all_is_done_at_once),
		T_FLAGS(batch_is_one_interrupt_when_all_is_done_at_once),
		T(no_interrupt_when_the_driver_wants_none),
		T_FLAGS(no_interrupt_when_the_driver_wants_none),
		T(budget_sends_the_queue_to_the_back),
		T(budget_in_packets_and_bytes),
		T(buffers_before_driver_ok),
		T(checksum_request_goes_with_the_frame),
		T(frame_in_many_pieces),
		T(copies_are_bounded),
		T(frame_arrives),
		T_NO_MRG(frame_arrives),
		T_FLAGS(frame_arrives),
		T(frame_is_merged_over_buffers),
		T(checksum_flags_reach_the_guest),
		T_NO_CSUM(checksum_is_completed_for_guests_without_it),
		T(guest_to_guest),
		T(wrap_past_65536_both_ways),
		T_FLAGS(wrap_past_65536_both_ways),
		T(hostile_15_writable_buffer_for_transmission),
		T(hostile_15_readable_buffer_for_reception),
		T(hostile_17_header_in_single_bytes),
		T(hostile_17_header_split_at_every_byte),
		T(hostile_17_chain_shorter_than_the_header),
		T(hostile_17_empty_chain),
		T(hostile_17_header_and_nothing_else),
		T(hostile_17_receive_buffer_shorter_than_the_header),
		T(hostile_18_too_long),
		T_NO_MRG(hostile_19_chain_too_small_without_merging),
		T(hostile_19_chains_too_small_with_merging),
		T(hostile_19_more_buffers_than_a_frame_may_have),
		T(hostile_19_merged_chains_of_many_descriptors),
		T(hostile_20_buffer_is_the_ring),
		T(hostile_23_headers_change_after_the_check),
		T(hostile_24_checksum_outside_the_frame),
		T_NO_CSUM(hostile_24_checksum_not_negotiated),
		T(hostile_25_segmentation_not_offered),
		T(hostile_25_header_length_is_no_more_than_a_hint),
		T(hostile_26_num_buffers_on_transmission),
		T(hostile_27_header_size),
		T_NO_MRG(hostile_27_header_size),
		T(configuration_space),
		T(options_switch_features_off),
		T(creation_fails_cleanly),
		T(hostile_07_bad_queue_size),
		T(hostile_08_bad_ring_addresses),
		T(hostile_30_reset_with_frames_in_flight),
		T(hostile_30_reset_again_and_again_under_traffic),
		T(hostile_30_driver_ok_without_queues),
		T(guest_reset_waits_for_frames_in_flight),
		T(both_resets_at_once),
		T(broken_queue_leaves_others_alone),
		T(frames_before_the_broken_chain_go_out),
		T(broken_again_and_again_is_said_within_limits),
		T(hostile_34_storm_while_stopped),
		T(hostile_36_guest_stops_receiving),
		T(counters_are_shown),
	};
	return cmocka_run_group_tests_name("virtio_net", tests, NULL, NULL);
}
