/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver that posts chains of any shape with headers of any content, rewrites guest memory
 * and resets while frames are in flight. Every frame on the wire obeys the contract of
 * net/frame.h; all come back; the device comes up again. It has a second pair, of several that
 * it could have, and the control queue, to which any commands go.
 */
#include "arch/host/host.h"
#include "net/switch.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/mock_net.h"
#include "tests/unit/mock_work.h"
#include "tests/unit/tcp_frame.h"

#define QUEUE	16
#define PAIRS	4

static struct mock_wire *wire;
static struct mock_net mn;
static struct port checker;
static struct mock_vq more[2], ctrl;	/* the second pair */
static u64 commands;			/* guest RAM: a page */

static void check_large(const struct frame *f)
{
	check((f->flags & FRAME_NEEDS_CSUM) && f->gso_size && f->gso_hdr_len <= FRAME_HDR_MAX);
	check(f->hdr_len == f->gso_hdr_len && f->len - f->hdr_len > f->gso_size);
	check(f->csum_start > f->gso_ip_start && f->csum_start + 20u <= f->hdr_len);
	check(f->len <= FRAME_GSO_MAX);
}

static void check_frame(const struct frame *f, bool part)
{
	const u8 *ram = mn.mg.ram.low;
	u32 len = 0;

	check(f->nr_segs && f->nr_segs <= FRAME_SEGS && f->len >= FRAME_LEN_MIN);
	check(!(f->flags & FRAME_OFFLOADS & ~checker.offloads));
	check(frame_wire_len(f) <= mn.net->vhost.port.max_frame);
	check(f->seg[0].ptr == f->hdr && f->seg[0].len == f->hdr_len);
	if (f->flags & FRAME_TSO)
		check_large(f);
	else if (!part)
		check(f->hdr_len == MIN(f->len, (u32)FRAME_HDR_MAX));
	for (unsigned int s = 0; s < f->nr_segs; s++) {
		check(f->seg[s].len);
		len += f->seg[s].len;
	}
	check(len == f->len);
	check(f->nr_segs < 2 || (f->seg[1].ptr >= ram && f->seg[1].ptr < ram + MOCK_RAM) ||
	      f->nr_segs == 2);
	if (f->flags & FRAME_NEEDS_CSUM)
		check((u32)f->csum_start + f->csum_offset + 2 <= f->len);
}

static bool is_ours(const void *owner)
{
	const struct net_tx *tx = mn.net->vhost.tx;

	return owner == tx || owner == tx + 1;
}

/* A second port that sees what is flooded, and looks at it closely. */
static void check_frames(struct port *port, struct frame **frames, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		const struct frame *whole = frames[i]->owner;

		if (is_ours(frames[i]->owner))
			check_frame(frames[i], false);
		else if (whole && is_ours(whole->owner))
			check_frame(frames[i], true);
	}
}

static const struct port_ops checker_ops = { .deliver = check_frames };

static void once(void)
{
	wire = mock_wire_new("br0");
	checker.ops = &checker_ops;
	checker.max_frame = 65536;
	check(!switch_attach(switch_get("br0"), &checker));
	port_set_link(&checker, true);
}

static u64 some_gpa(struct input *in)
{
	u64 where = take(in, 3);

	return where & 1 ? mn.tx_buf + where % (QUEUE * 4096u) : where % (MOCK_RAM + 256);
}

static void post(struct input *in, struct mock_vq *vq, bool write)
{
	struct mock_buf buf[32];
	unsigned int n = 1 + (unsigned int)take(in, 1) % ARRAY_SIZE(buf);
	u8 how = (u8)take(in, 1);

	for (unsigned int i = 0; i < n; i++)
		buf[i] = (struct mock_buf){
			.gpa = some_gpa(in),
			.len = (u32)take(in, 1) << (how & 4 ? 4 : 0),
			.write = (how & 3) == 3 ? i >= n / 2 : write,
		};
	mock_add(vq, buf, n);
}

/* A frame as a good driver builds it, but for its header. */
static void post_frame(struct input *in)
{
	struct virtio_net_hdr hdr = {
		.flags = (u8)take(in, 1), .gso_type = (u8)take(in, 1) & 0x85,
		.hdr_len = (u16)take(in, 2), .csum_start = (u16)take(in, 2),
		.csum_offset = (u16)take(in, 1), .num_buffers = (u16)take(in, 1),
	};

	if (mn.tx.nr_free)
		mock_net_send(&mn, (u32)take(in, 2) % 1600, &hdr);
}

/* A large one: good, but for a few bytes. */
static void post_large(struct input *in)
{
	static struct tcp_frame tcp;
	u8 shape = (u8)take(in, 1);
	const struct tcp_spec spec = {
		.ip6 = shape & 1, .vlans = shape >> 1 & 3, .payload = (u32)take(in, 2) & 0x7fff,
		.tcp_options = shape & 8 ? 12 : 0, .extensions = shape & 0x10 ? 2 : 0,
		.ip_options = shape & 0x20 ? 40 : 0, .flags = (u8)take(in, 1),
	};
	struct virtio_net_hdr hdr = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_offset = 16,
		.gso_type = shape & 1 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = (u16)take(in, 2) & 0x7ff,
	};
	struct mock_buf buf[] = { { mn.tx_buf, (u32)sizeof(hdr), false }, { .write = false } };
	u8 *to = mock_ptr(&mn.mg.ram, mn.tx_buf);

	tcp_frame_make(&tcp, &spec);
	hdr.csum_start = (u16)tcp.tcp;
	memcpy(to, &hdr, sizeof(hdr));
	memcpy(to + sizeof(hdr), tcp.data, tcp.len);
	for (unsigned int lies = (unsigned int)take(in, 1) & 3; lies; lies--)
		to[take(in, 1)] = (u8)take(in, 1);
	buf[1] = (struct mock_buf){ mn.tx_buf + sizeof(hdr), tcp.len, false };
	mock_add(&mn.tx, buf, ARRAY_SIZE(buf));
}

static void scribble(struct input *in)
{
	u64 at = take(in, 3) % (MOCK_RAM - 256);
	unsigned int n = (unsigned int)take(in, 1);

	/* Mostly the rings. */
	if (at & 1)
		at = PAGE_SIZE + at % 4096;
	for (unsigned int i = 0; i < n; i++)
		mn.mg.ram.low[at + i] = (u8)take(in, 1);
}

static void drain(struct mock_vq *vq)
{
	u32 len;

	/* A scribbled used ring is not the driver mock's to survive. */
	while (vq->last_used != vq->used->idx) {
		u32 id = vq->used->ring[vq->last_used & (vq->num - 1)].id;

		if (id >= vq->num || !vq->chain_len[id])
			return;
		mock_get(vq, &len);
	}
}

static bool has(u64 features, unsigned int bit)
{
	return features & BIT_ULL(bit);
}

static void more_queues(struct mock_net *net, u64 features)
{
	const bool event_idx = has(features, VIRTIO_F_EVENT_IDX);
	const bool indirect = has(features, VIRTIO_F_INDIRECT_DESC);
	const bool several = has(features, VIRTIO_NET_F_MQ);

	for (u16 i = 0; i < ARRAY_SIZE(more); i++) {
		mock_vq_init(&more[i], &net->mg.ram, QUEUE, event_idx, indirect);
		if (several)
			mock_setup_queue(&net->mv, 2 + i, &more[i], 1);
	}
	mock_vq_init(&ctrl, &net->mg.ram, QUEUE, event_idx, indirect);
	if (has(features, VIRTIO_NET_F_CTRL_VQ))
		mock_setup_queue(&net->mv, several ? 2 * PAIRS : 2, &ctrl, 2);
	commands = mock_alloc(&net->mg.ram, PAGE_SIZE, PAGE_SIZE);
}

/* Of any class and length, in up to three pieces, with room for the answer or without. */
static void post_command(struct input *in)
{
	u8 *to = mock_ptr(&mn.mg.ram, commands), how = (u8)take(in, 1);
	struct mock_buf buf[4];
	unsigned int n = 0;
	u32 len = how & 15;

	to[0] = (u8)take(in, 1) & 7;
	to[1] = (u8)take(in, 1) & 3;
	for (u32 i = 2; i < len; i++)
		to[i] = (u8)take(in, 1);
	if (how & 16)
		buf[n++] = (struct mock_buf){ commands, len / 2, false };
	else
		len *= 2;
	buf[n++] = (struct mock_buf){ commands + (how & 16 ? len / 2 : 0), len - len / 2, false };
	if (how & 32)
		buf[n++] = (struct mock_buf){ commands + 64, 0, true };
	if (how & 64)
		buf[n++] = (struct mock_buf){ commands + 65, 1 + (how >> 7), true };
	mock_add(&ctrl, buf, n);
}

static u64 features;

static bool up(void)
{
	mock_wire_put(wire, wire->nr_held);
	mock_work_run();
	if (mock_status(&mn.mv))
		mock_set_status(&mn.mv, 0);
	check(mock_status(&mn.mv) == 0);
	mock_net_up(&mn, features, QUEUE);
	return true;
}

static void one_op(struct input *in)
{
	switch (take(in, 1) % 16) {
	case 0:
		post(in, &mn.tx, false);
		break;
	case 1:
		post(in, &mn.rx, true);
		break;
	case 2:
	case 3:
		post_frame(in);
		break;
	case 4:
		mock_notify(&mn.mv, VIRTIO_NET_TX);
		break;
	case 5:
		mock_work_pass();
		break;
	case 6:
		scribble(in);
		break;
	case 7:
		mock_wire_send(wire, mn.nic.mac, (u32)take(in, 2) % 1600, (u16)take(in, 1) & 3);
		break;
	case 8:
		wire->hold = take(in, 1) & 1;
		mock_wire_put(wire, MIN(wire->nr_held, (unsigned int)take(in, 1)));
		break;
	case 9:
		drain(&mn.tx);
		drain(&mn.rx);
		break;
	case 10:
		mock_set_status(&mn.mv, 0);
		mock_work_pass();
		up();
		break;
	case 11:
		post_large(in);
		break;
	case 12:
		post_command(in);
		break;
	case 13:
		mock_notify(&mn.mv, (u16)take(in, 1) % (2 * PAIRS + 2));
		break;
	case 14:
		post(in, &more[VIRTIO_NET_TX], false);
		break;
	case 15:
		post(in, &more[VIRTIO_NET_RX], true);
		drain(&ctrl);
		break;
	}
}

/* What a driver may accept of it, virtio 1.2 §5.1.3.1. */
static u64 consistent(u64 features)
{
	const u64 host = BIT_ULL(VIRTIO_NET_F_HOST_TSO4) | BIT_ULL(VIRTIO_NET_F_HOST_TSO6);
	const u64 guest = BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) | BIT_ULL(VIRTIO_NET_F_GUEST_TSO6);

	if (!(features & BIT_ULL(VIRTIO_NET_F_CSUM)))
		features &= ~host;
	if (!(features & BIT_ULL(VIRTIO_NET_F_GUEST_CSUM)))
		features &= ~guest;
	if (!(features & host))
		features &= ~BIT_ULL(VIRTIO_NET_F_HOST_ECN);
	if (!(features & guest))
		features &= ~BIT_ULL(VIRTIO_NET_F_GUEST_ECN);
	if (!has(features, VIRTIO_NET_F_CTRL_VQ))
		features &= ~(BIT_ULL(VIRTIO_NET_F_MQ) | BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR));
	return features;
}

static u16 some_offloads(struct input *in)
{
	u16 offloads = (u16)take(in, 1) & FRAME_OFFLOADS;

	return offloads & FRAME_NEEDS_CSUM ? offloads : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct nic_config nic;

	if (!wire)
		once();
	mock_net_config(&nic);
	nic.rx_queue_size = nic.tx_queue_size = 64;
	nic.mq = true;
	nic.netdev.queues = PAIRS;
	mock_net_init(&mn, "fuzz", wire, &nic);
	mn.more_queues = more_queues;
	features = take(&in, 4) | BIT_ULL(VIRTIO_F_VERSION_1);
	features = consistent(mock_net_offered(&mn) & features);
	mock_net_up(&mn, features, QUEUE);
	checker.offloads = some_offloads(&in);
	wire->port.offloads = some_offloads(&in);
	wire->hold = false;
	while (in.left) {
		one_op(&in);
		check(net_pairs(&mn.net->vhost) - 1 < PAIRS);
		check(has(features, VIRTIO_NET_F_MQ) || net_pairs(&mn.net->vhost) == 1);
		check(!(mn.net->cfg.mac[0] & 1));
		for (unsigned int p = 0; p < 2; p++) {
			check(mn.net->vhost.tx[p].in_flight <= mn.net->vhost.tx[p].nr_slots);
			check(mn.net->vhost.tx[p].bounces <= TX_BOUNCES_MAX);
		}
	}
	wire->hold = false;
	up();
	wire->frames = 0;
	mock_net_send(&mn, 60, NULL);
	mock_notify(&mn.mv, VIRTIO_NET_TX);
	mock_work_run();
	check(wire->frames == 1 && mn.tx.used->idx == 1 && mn.net->vhost.tx->in_flight == 0);
	mock_net_free(&mn);
	return 0;
}
