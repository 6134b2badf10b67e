/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large frames and checksums from a guest to receivers of all kinds: guests that have agreed to
 * some of the features, and NICs that can do some of the work. Whatever the receiver gets is what
 * it agreed to, and ends as the same bytes.
 */
#include "tests/unit/unit.h"

#include "tests/unit/net_fixture.h"
#include "tests/unit/tcp_judge.h"
#include "tests/unit/tcp_sender.h"

#define RX_BUFFERS	60

#define F(n)		BIT_ULL(VIRTIO_NET_F_##n)
#define F_GUEST_TSO	(F(GUEST_TSO4) | F(GUEST_TSO6) | F(GUEST_ECN))

static const u8 db_mac[6] = { 0x02, 0, 0, 0, 0, 0x02 };

/* ---- A guest that receives ---- */

struct receiver {
	struct mock_net mn;
	u64 features;
	u8 bytes[70000];
	u32 len;
	struct virtio_net_hdr hdr;
};

static void post(struct receiver *r)
{
	struct mock_buf buf[17];

	if (r->features & F(MRG_RXBUF)) {
		mock_net_post_rx(&r->mn, RX_BUFFERS, 2048);
		return;
	}
	/* As drivers do that do not merge: room for the longest in each. */
	for (unsigned int n = 0; n < 3; n++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(buf); i++)
			buf[i] = (struct mock_buf){
				r->mn.rx_buf + (n * 17 + i) * 4096u, 4096, true,
			};
		assert_true(mock_add(&r->mn.rx, buf, ARRAY_SIZE(buf)) >= 0);
	}
}

static struct receiver *receiver_new(struct mock_wire *wire, u64 features)
{
	struct receiver *r = calloc(1, sizeof(*r));
	struct nic_config nic;

	mock_net_config(&nic);
	memcpy(nic.mac, db_mac, 6);
	mock_net_init(&r->mn, "db", wire, &nic);
	r->features = mock_net_offered(&r->mn) & features;
	mock_net_up(&r->mn, r->features, 64);
	post(r);
	/* So that the switch knows its address. */
	mock_net_send(&r->mn, 60, NULL);
	kick_tx(&r->mn);
	return r;
}

static void receiver_free(struct receiver *r)
{
	mock_net_free(&r->mn);
	free(r);
}

/* The next frame, from as many buffers as its header says. */
static bool receive(struct receiver *r)
{
	u32 part;
	int head = mock_get(&r->mn.rx, &part);
	unsigned int more;

	if (head < 0)
		return false;
	memcpy(&r->hdr, mock_ptr(&r->mn.mg.ram, r->mn.rx_buf + (u32)head * 4096u), HDR);
	memcpy(r->bytes, mock_ptr(&r->mn.mg.ram, r->mn.rx_buf + (u32)head * 4096u + HDR),
	       part - HDR);
	r->len = part - HDR;
	for (more = r->hdr.num_buffers; more > 1; more--) {
		head = mock_get(&r->mn.rx, &part);
		assert_true(head >= 0);
		memcpy(r->bytes + r->len,
		       mock_ptr(&r->mn.mg.ram, r->mn.rx_buf + (u32)head * 4096u), part);
		r->len += part;
	}
	return true;
}

/* What a driver does with NEEDS_CSUM, before the judge looks. */
static void complete(struct receiver *r)
{
	u32 start = r->hdr.csum_start;

	if (!(r->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return;
	assert_true(r->features & F(GUEST_CSUM));
	tcp_put16(r->bytes + start + r->hdr.csum_offset,
		  ~tcp_sum(0, r->bytes + start, r->len - start));
}

static void assert_arrived_whole(struct receiver *r, const struct sender *s)
{
	struct virtio_net_hdr hdr = large_hdr(s);

	hdr.num_buffers = r->hdr.num_buffers;
	assert_true(receive(r));
	hdr.num_buffers = r->hdr.num_buffers;
	assert_memory_equal(&r->hdr, &hdr, HDR);
	assert_int_equal(r->len, s->frame.len);
	assert_memory_equal(r->bytes, s->frame.data, r->len);
	assert_false(receive(r));
}

static void assert_arrived_in_parts(struct receiver *r, const struct sender *s)
{
	struct tcp_judge judge;

	tcp_judge_init(&judge, &s->frame, &s->spec, MSS);
	while (receive(r)) {
		assert_int_equal(r->hdr.gso_type, VIRTIO_NET_HDR_GSO_NONE);
		complete(r);
		tcp_judge_part(&judge, r->bytes, r->len);
	}
	tcp_judge_end(&judge);
}

/* ---- Guest to guest ---- */

static const struct tcp_spec specs[] = {
	{ .payload = 14500, .tcp_options = 12, .flags = TCP_F_ACK | TCP_F_PSH },
	{ .payload = 14500, .ip6 = true, .flags = TCP_F_ACK | TCP_F_FIN },
	{ .payload = 14500, .flags = TCP_F_ACK | TCP_F_CWR },
	{ .payload = 14500, .ip6 = true, .flags = TCP_F_ACK | TCP_F_CWR | TCP_F_PSH },
};

static bool takes(u64 features, const struct tcp_spec *spec)
{
	if (!(features & (spec->ip6 ? F(GUEST_TSO6) : F(GUEST_TSO4))))
		return false;
	return !(spec->flags & TCP_F_CWR) || (features & F(GUEST_ECN));
}

static void each_sender_to_each_guest(void **state)
{
	struct mock_net *mn = *state;
	static const u64 without[] = {
		0, F(GUEST_ECN), F(GUEST_TSO4), F(GUEST_TSO6), F_GUEST_TSO,
		F_GUEST_TSO | F(GUEST_CSUM),
	};
	static struct sender s;

	sender_init(&s, mn);
	for (unsigned int w = 0; w < 2 * ARRAY_SIZE(without); w++) {
		u64 lacks = without[w / 2] | (w & 1 ? F(MRG_RXBUF) : 0);

		if ((lacks & F_GUEST_TSO) && (w & 1))
			continue;	/* three buffers: large frames only */
		for (unsigned int i = 0; i < ARRAY_SIZE(specs); i++) {
			struct receiver *r = receiver_new(mn->wire, ~lacks);

			send_tcp(&s, db_mac, &specs[i], true);
			if (takes(r->features, &specs[i]))
				assert_arrived_whole(r, &s);
			else
				assert_arrived_in_parts(r, &s);
			assert_int_equal(count_used(&mn->tx), 1);
			receiver_free(r);
		}
	}
}

static void longest_frame_to_a_guest(void **state)
{
	struct mock_net *mn = *state;
	const struct tcp_spec spec = { .payload = 65535 - 40, .flags = TCP_F_ACK };
	static const u64 lacks[] = { 0, F(MRG_RXBUF) };
	static struct sender s;

	sender_init(&s, mn);
	for (unsigned int i = 0; i < ARRAY_SIZE(lacks); i++) {
		struct receiver *r = receiver_new(mn->wire, ~lacks[i]);

		send_tcp(&s, db_mac, &spec, true);
		assert_arrived_whole(r, &s);
		receiver_free(r);
	}
	count_used(&mn->tx);
}

/* A frame to all: each receiver gets its own form of it; nobody's disturbs another's. */
static void broadcast_to_receivers_of_all_kinds(void **state)
{
	struct mock_net *mn = *state;
	static const u8 all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	static const u64 lacks[] = { 0, F_GUEST_TSO | F(GUEST_CSUM), F_GUEST_TSO };
	struct receiver *r[ARRAY_SIZE(lacks)];
	static struct sender s;

	sender_init(&s, mn);
	for (unsigned int hold = 0; hold < 2; hold++) {
		for (unsigned int large = 0; large < 2; large++) {
			struct tcp_spec spec = { .payload = large ? 14500 : 900 };
			struct virtio_net_hdr hdr;
			struct frame *f;

			mn->wire->hold = hold;
			for (unsigned int i = 0; i < ARRAY_SIZE(lacks); i++)
				r[i] = receiver_new(mn->wire, ~lacks[i]);
			mock_wire_put(mn->wire, mn->wire->nr_held);
			mock_work_run();
			send_tcp(&s, all, &spec, large);
			for (unsigned int i = 0; i < ARRAY_SIZE(lacks); i++) {
				if (large && i == 0)
					assert_arrived_whole(r[i], &s);
				else
					assert_arrived_in_parts(r[i], &s);
			}
			if (hold) {	/* the NIC adds the checksum to what it was given */
				assert_int_equal(mn->wire->nr_held, 1);
				f = mn->wire->held[0];
				hdr = large_hdr(&s);
				assert_true(f->flags & FRAME_NEEDS_CSUM);
				assert_memory_equal(f->hdr + hdr.csum_start + 16,
						    s.frame.data + hdr.csum_start + 16, 2);
			}
			mock_wire_put(mn->wire, mn->wire->nr_held);
			mock_work_run();
			for (unsigned int i = 0; i < ARRAY_SIZE(lacks); i++)
				receiver_free(r[i]);
			assert_int_equal(count_used(&mn->tx), 1);
		}
	}
	mn->wire->hold = false;
}

/* ---- Guest to NIC ---- */

/* What a NIC with these offloads does with what it holds, and then the judge. */
static void judge_held(struct mock_wire *wire, const struct sender *s, u16 offloads)
{
	static u8 bytes[70000];
	struct tcp_judge judge;

	tcp_judge_init(&judge, &s->frame, &s->spec, MSS);
	for (unsigned int i = 0; i < wire->nr_held; i++) {
		const struct frame *f = wire->held[i];

		assert_int_equal(f->flags & FRAME_OFFLOADS & ~offloads, 0);
		frame_copy_out(f, 0, bytes, f->len);
		if (f->flags & FRAME_NEEDS_CSUM)
			tcp_put16(bytes + f->csum_start + f->csum_offset,
				  ~tcp_sum(0, bytes + f->csum_start, f->len - f->csum_start));
		tcp_judge_part(&judge, bytes, f->len);
	}
	tcp_judge_end(&judge);
}

static void each_frame_to_each_nic(void **state)
{
	struct mock_net *mn = *state;
	struct mock_wire *wire = mn->wire;
	static const u16 offloads[] = {
		0, FRAME_NEEDS_CSUM, FRAME_NEEDS_CSUM | FRAME_TSO4, FRAME_NEEDS_CSUM | FRAME_TSO6,
		FRAME_NEEDS_CSUM | FRAME_TSO, FRAME_OFFLOADS,
	};
	static struct sender s;

	sender_init(&s, mn);
	wire->hold = true;
	for (unsigned int n = 0; n < ARRAY_SIZE(offloads); n++) {
		wire->port.offloads = offloads[n];
		for (unsigned int i = 0; i < ARRAY_SIZE(specs); i++) {
			u16 needs = specs[i].ip6 ? FRAME_TSO6 : FRAME_TSO4;

			needs |= specs[i].flags & TCP_F_CWR ? FRAME_TSO_ECN : 0;
			send_tcp(&s, mock_wire_mac, &specs[i], true);
			if (needs & ~offloads[n]) {
				assert_int_equal(wire->nr_held, 15);
				judge_held(wire, &s, offloads[n]);
			} else {
				assert_int_equal(wire->nr_held, 1);
				assert_int_equal(wire->last_flags & FRAME_OFFLOADS,
						 needs | FRAME_NEEDS_CSUM);
				assert_memory_equal(wire->last, s.frame.data, s.frame.len);
			}
			/* The guest's buffers are its own again when the last part is sent. */
			if (wire->nr_held > 1)
				mock_wire_put(wire, wire->nr_held - 1);
			mock_work_run();
			assert_int_equal(count_used(&mn->tx), 0);
			mock_wire_put(wire, 1);
			mock_work_run();
			assert_int_equal(count_used(&mn->tx), 1);
		}
	}
	assert_true(wire->port.stats.sw_gso_frames == wire->port.stats.sw_gso_parts / 15);
	assert_int_equal(wire->port.stats.copied_bytes, 0);
}

/* More parts than are delivered at once, and than there are frames for at a time. */
static void more_parts_than_a_batch(void **state)
{
	struct mock_net *mn = *state;
	struct mock_wire *wire = mn->wire;
	const u32 size = 100, parts = 600;
	static struct sender s;
	struct virtio_net_hdr hdr;

	sender_init(&s, mn);
	wire->port.offloads = 0;
	s.spec = (struct tcp_spec){ .payload = parts * size };
	tcp_frame_make(&s.frame, &s.spec);
	memcpy(s.frame.data, mock_wire_mac, 6);
	memcpy(s.frame.data + 6, mn->nic.mac, 6);
	hdr = large_hdr(&s);
	hdr.gso_size = (u16)size;
	send_bytes(&s, &hdr, 4000);
	assert_int_equal(wire->frames, parts);
	assert_int_equal(wire->last_len, s.frame.payload + size);
	assert_memory_equal(wire->last + s.frame.payload, s.frame.data + s.frame.len - size, size);
	assert_int_equal(wire->port.stats.drops[DROP_NO_MEMORY], 0);
	assert_int_equal(count_used(&mn->tx), 1);
}

/* More parts on their way than there are frames for: what is left is dropped, and comes back. */
static void parts_run_out(void **state)
{
	struct mock_net *mn = *state;
	struct mock_wire *wire = mn->wire;
	const struct tcp_spec spec = { .payload = 60 * MSS };
	static struct sender s;
	unsigned int sent = 0;

	sender_init(&s, mn);
	wire->hold = true;
	wire->port.offloads = FRAME_NEEDS_CSUM;
	while (!wire->port.stats.drops[DROP_NO_MEMORY]) {
		send_tcp(&s, mock_wire_mac, &spec, true);
		sent++;
	}
	assert_int_equal(wire->nr_held, CONFIG_OFFLOAD_FRAMES);
	assert_int_equal(sent, CONFIG_OFFLOAD_FRAMES / 60 + 1);
	assert_true(wire->flushes > 0);
	mock_wire_put(wire, wire->nr_held);
	mock_work_run();
	assert_int_equal(count_used(&mn->tx), sent);
	send_tcp(&s, mock_wire_mac, &spec, true);
	judge_held(wire, &s, FRAME_NEEDS_CSUM);
	mock_wire_put(wire, wire->nr_held);
	mock_work_run();
	assert_int_equal(count_used(&mn->tx), 1);
}

/* ... and a NIC that is slow has none of those that others need among themselves. */
static void slow_nic_leaves_guests_their_parts(void **state)
{
	struct mock_net *mn = *state;
	struct mock_wire *wire = mn->wire;
	const struct tcp_spec flood = { .payload = 60 * MSS };
	static struct sender s;
	struct receiver *r;

	r = receiver_new(wire, ~(F_GUEST_TSO | F(GUEST_CSUM)));
	sender_init(&s, mn);
	wire->hold = true;
	wire->port.offloads = 0;
	while (!wire->port.stats.drops[DROP_NO_MEMORY])
		send_tcp(&s, mock_wire_mac, &flood, true);
	for (unsigned int i = 0; i < ARRAY_SIZE(specs); i++) {
		send_tcp(&s, db_mac, &specs[i], true);
		assert_arrived_in_parts(r, &s);
		mock_net_post_rx(&r->mn, 15, 2048);
	}
	mock_wire_put(wire, wire->nr_held);
	mock_work_run();
	receiver_free(r);
}

/* In more pieces than a frame has: one copy, and the parts refer to that. */
static void large_frame_in_many_pieces(void **state)
{
	struct mock_net *mn = *state;
	struct mock_wire *wire = mn->wire;
	const struct tcp_spec spec = { .payload = 60000, .ip6 = true };
	struct virtio_net_hdr hdr;
	static struct sender s;

	sender_init(&s, mn);
	wire->hold = true;
	wire->port.offloads = FRAME_NEEDS_CSUM;
	s.spec = spec;
	tcp_frame_make(&s.frame, &spec);
	memcpy(s.frame.data, mock_wire_mac, 6);
	memcpy(s.frame.data + 6, mn->nic.mac, 6);
	hdr = large_hdr(&s);
	send_bytes(&s, &hdr, 1001);
	judge_held(wire, &s, FRAME_NEEDS_CSUM);
	assert_int_equal(mn->net->vhost.vq[VIRTIO_NET_TX].stats.copies, 1);
	mock_wire_put(wire, wire->nr_held);
	mock_work_run();
	assert_int_equal(count_used(&mn->tx), 1);
	assert_int_equal(mn->net->vhost.tx->bounces, 0);
}

/* A worker's turn ends when as much has been sent as becomes a budget on the wire. */
static void large_frames_use_up_the_budget(void **state)
{
	struct mock_net *mn = *state;
	const struct tcp_spec spec = { .payload = 64 * CONFIG_VHOST_NET_WEIGHT_PKTS };
	struct vhost_virtqueue *vq = &mn->net->vhost.vq[VIRTIO_NET_TX];
	struct virtio_net_hdr hdr;
	static struct sender s;

	sender_init(&s, mn);
	s.spec = spec;
	tcp_frame_make(&s.frame, &spec);
	memcpy(s.frame.data, mock_wire_mac, 6);
	memcpy(s.frame.data + 6, mn->nic.mac, 6);
	hdr = large_hdr(&s);
	hdr.gso_size = 64;
	memcpy(mock_ptr(&mn->mg.ram, s.area), &hdr, HDR);
	memcpy(mock_ptr(&mn->mg.ram, s.area + HDR), s.frame.data, s.frame.len);
	for (unsigned int i = 0; i < 3; i++)
		assert_true(mock_add_one(&mn->tx, s.area, HDR + s.frame.len, false) >= 0);
	kick_tx(mn);
	assert_int_equal(vq->stats.requeues, 3);
	assert_int_equal(mn->wire->frames, 3);
	assert_int_equal(count_used(&mn->tx), 3);
}

/* ---- What a driver may not do ---- */

static void expect_malformed(struct sender *s, const struct virtio_net_hdr *hdr)
{
	u64 drops = dropped(s->mn, DROP_MALFORMED), frames = s->mn->wire->frames;

	send_bytes(s, hdr, 4000);
	assert_int_equal(dropped(s->mn, DROP_MALFORMED), drops + 1);
	assert_int_equal(s->mn->wire->frames, frames);
	assert_int_equal(count_used(&s->mn->tx), 1);
}

static void hostile_25_segmentation(void **state)
{
	struct mock_net *mn = *state;
	const struct tcp_spec spec = { .payload = 5000 };
	struct virtio_net_hdr good, hdr;
	static struct sender s;

	sender_init(&s, mn);
	send_tcp(&s, mock_wire_mac, &spec, true);
	good = large_hdr(&s);
	send_bytes(&s, &good, 4000);
	assert_int_equal(count_used(&mn->tx), 2);
	assert_int_equal(mn->wire->frames, 2);
	for (unsigned int type = 0; type < 256; type++) {
		hdr = good;
		hdr.gso_type = (u8)type;
		if (type == VIRTIO_NET_HDR_GSO_NONE || type == good.gso_type ||
		    type == (good.gso_type | VIRTIO_NET_HDR_GSO_ECN))
			continue;
		expect_malformed(&s, &hdr);
	}
	hdr = good;
	hdr.gso_size = 0;
	expect_malformed(&s, &hdr);
	hdr = good;
	hdr.gso_size = 4;			/* 1250 parts */
	expect_malformed(&s, &hdr);
	hdr = good;
	hdr.flags = 0;
	expect_malformed(&s, &hdr);
	hdr = good;
	hdr.hdr_len = (u16)(s.frame.len + 1);
	expect_malformed(&s, &hdr);
	hdr = good;
	hdr.csum_start++;
	expect_malformed(&s, &hdr);
	hdr = good;
	hdr.csum_offset = 6;
	expect_malformed(&s, &hdr);
	hdr = good;
	hdr.csum_start = 0xffff;
	expect_malformed(&s, &hdr);
	assert_int_equal(host_log_count("web/net0: frame dropped, bad header"), RATELIMIT_BURST);
	/* hdr_len is only a hint: any that fits. */
	hdr = good;
	hdr.hdr_len = 1;
	send_bytes(&s, &hdr, 4000);
	assert_int_equal(count_used(&mn->tx), 1);
	assert_int_equal(mn->wire->frames, 3);
	assert_int_equal(mock_status(&mn->mv) & VIRTIO_NEEDS_RESET, 0);
}

/* Neither the whole nor a part may be longer than what they are sent as. */
static void hostile_18_length(void **state)
{
	struct mock_net *mn = *state;
	const struct tcp_spec spec = { .payload = 5000 };
	struct virtio_net_hdr hdr;
	static struct sender s;

	sender_init(&s, mn);
	s.spec = spec;
	tcp_frame_make(&s.frame, &spec);
	hdr = large_hdr(&s);
	hdr.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	send_bytes(&s, &hdr, 4000);
	assert_int_equal(dropped(mn, DROP_OVERSIZE), 1);
	hdr = large_hdr(&s);
	hdr.gso_size = 1600;			/* the MTU is 1500 */
	send_bytes(&s, &hdr, 4000);
	assert_int_equal(dropped(mn, DROP_OVERSIZE), 2);
	hdr.gso_size = 5000;			/* one part, too long */
	send_bytes(&s, &hdr, 4000);
	assert_int_equal(dropped(mn, DROP_OVERSIZE), 3);
	hdr = large_hdr(&s);
	s.frame.len = FRAME_GSO_MAX + 1;
	send_bytes(&s, &hdr, 4000);
	assert_int_equal(dropped(mn, DROP_OVERSIZE), 4);
	s.frame.len = FRAME_GSO_MAX;		/* but no IP packet has that length */
	send_bytes(&s, &hdr, 4000);
	assert_int_equal(dropped(mn, DROP_MALFORMED), 1);
	assert_int_equal(count_used(&mn->tx), 5);
	assert_int_equal(mn->wire->frames, 0);
}

static int setup_no_tso(void **state)
{
	*state = new_net(~F_TSO);
	return 0;
}

static int setup_no_ecn(void **state)
{
	*state = new_net(~(F(HOST_ECN) | F(HOST_TSO6)));
	return 0;
}

static void hostile_25_not_negotiated(void **state)
{
	struct mock_net *mn = *state;
	bool some = mn->net->vdev.driver & F(HOST_TSO4);
	static struct sender s;
	struct virtio_net_hdr hdr;

	sender_init(&s, mn);
	for (unsigned int i = 0; i < ARRAY_SIZE(specs); i++) {
		s.spec = specs[i];
		tcp_frame_make(&s.frame, &specs[i]);
		hdr = large_hdr(&s);
		if (i || !some)
			expect_malformed(&s, &hdr);
	}
}

/* §5.1.3.1: the device does not accept one without what it needs. */
static void hostile_29_features_without_what_they_need(void **state)
{
	struct mock_net *mn = *state;
	u64 all = mock_net_offered(mn);
	static const u64 without[] = {
		F(CSUM), F(GUEST_CSUM), F(HOST_TSO4) | F(HOST_TSO6), F(GUEST_TSO4) | F(GUEST_TSO6),
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(without); i++) {
		mock_set_status(&mn->mv, 0);
		assert_false(mock_negotiate(&mn->mv, all & ~without[i]));
		assert_int_equal(mock_status(&mn->mv) & VIRTIO_FEATURES_OK, 0);
	}
	mock_set_status(&mn->mv, 0);
	assert_true(mock_negotiate(&mn->mv, all & ~F(GUEST_TSO4) & ~F(HOST_TSO6)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_sender_to_each_guest),
		T(longest_frame_to_a_guest),
		T(broadcast_to_receivers_of_all_kinds),
		T(each_frame_to_each_nic),
		T(parts_run_out),
		T(more_parts_than_a_batch),
		T(slow_nic_leaves_guests_their_parts),
		T(large_frame_in_many_pieces),
		T(large_frames_use_up_the_budget),
		T(hostile_25_segmentation),
		T(hostile_18_length),
		cmocka_unit_test_setup_teardown(hostile_25_not_negotiated, setup_no_tso, teardown),
		cmocka_unit_test_setup_teardown(hostile_25_not_negotiated, setup_no_ecn, teardown),
		T(hostile_29_features_without_what_they_need),
	};
	return cmocka_run_group_tests_name("offload", tests, NULL, NULL);
}
