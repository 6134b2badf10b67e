/* SPDX-License-Identifier: BSD-2-Clause */
/* Receive steering: the pair by which a flow comes in. */
#include "tests/unit/unit.h"

#include "net/headers.h"
#include "tests/unit/mq_fixture.h"

static void flows_come_in_by_the_pair_they_go_out_by(void **state)
{
	struct mock_mq *mq = *state;

	assert_int_equal(mock_mq_pairs(mq, PAIRS), VIRTIO_NET_OK);
	for (unsigned int flow = 0; flow < 40; flow++) {
		unsigned int pair = flow * 7 / 3 % PAIRS;

		mock_mq_send(mq, pair, flow);
		for (unsigned int i = 0; i < 3; i++)
			mock_mq_receive(mq, flow);
		assert_int_equal(mock_mq_received(mq, pair), 3);
		mock_mq_post(mq);
		/* It may move. */
		pair = (pair + 1) % PAIRS;
		mock_mq_send(mq, pair, flow);
		mock_mq_receive(mq, flow);
		assert_int_equal(mock_mq_received(mq, pair), 1);
		mock_mq_post(mq);
	}
	assert_int_equal(net_steer_stats(&mq->mn.net->vhost).by_flow, 160);
	assert_int_equal(net_steer_stats(&mq->mn.net->vhost).by_hash, 0);
}

static void other_flows_are_spread(void **state)
{
	struct mock_mq *mq = *state;
	unsigned int by[PAIRS] = { 0 };

	assert_int_equal(mock_mq_pairs(mq, PAIRS), VIRTIO_NET_OK);
	for (unsigned int flow = 0; flow < 400; flow++) {
		for (unsigned int p = 0; p < PAIRS && flow == 40; p++)	/* neighbours too */
			assert_in_range(by[p], 4, 20);
		unsigned int went = PAIRS;

		mock_mq_receive(mq, flow);
		mock_mq_receive(mq, flow);
		for (unsigned int p = 0; p < PAIRS; p++) {
			unsigned int n = mock_mq_received(mq, p);

			assert_true(n == 0 || n == 2);	/* a flow stays together */
			if (n)
				went = p;
		}
		assert_true(went < PAIRS);
		by[went]++;
		mock_mq_post(mq);
	}
	for (unsigned int p = 0; p < PAIRS; p++)
		assert_in_range(by[p], 70, 130);
	assert_int_equal(net_steer_stats(&mq->mn.net->vhost).by_hash, 800);
}

static void flows_are_forgotten(void **state)
{
	struct mock_mq *mq = *state;
	unsigned int moved = 0;

	assert_int_equal(mock_mq_pairs(mq, PAIRS), VIRTIO_NET_OK);
	for (unsigned int flow = 0; flow < 32; flow++) {
		mock_mq_send(mq, 2, flow);
		host_time_advance(2900 * NSEC_PER_MSEC);
		mock_mq_receive(mq, flow);
		assert_int_equal(mock_mq_received(mq, 2), 1);
		host_time_advance(200 * NSEC_PER_MSEC);
		mock_mq_receive(mq, flow);
		moved += !mock_mq_received(mq, 2);
		for (unsigned int p = 0; p < PAIRS; p++)
			mock_mq_received(mq, p);
		mock_mq_post(mq);
	}
	assert_true(moved > 10);
}

/* §5.1.6.5.6: nothing more by the pairs that are given up, from the answer on. */
static void fewer_pairs_and_more_again(void **state)
{
	struct mock_mq *mq = *state;

	for (unsigned int round = 0; round < 20; round++) {
		u16 pairs = (u16)(1 + round % PAIRS);

		assert_int_equal(mock_mq_pairs(mq, pairs), VIRTIO_NET_OK);
		for (unsigned int flow = 0; flow < 8; flow++) {
			mock_mq_send(mq, flow % PAIRS, flow);	/* by pairs out of use too */
			mock_mq_receive(mq, flow);
		}
		for (unsigned int p = pairs; p < PAIRS; p++)
			assert_int_equal(mock_mq_received(mq, p), 0);
		for (unsigned int p = 0, sum = 0; p < PAIRS; p++) {
			sum += mock_mq_received(mq, p);
			assert_true(p < PAIRS - 1 || sum == 8);
		}
		mock_mq_post(mq);
	}
	assert_int_equal(mq->mn.wire->frames, 160);
}

/* Who was about to deliver to a pair that is given up meanwhile finds the first one. */
static void passive_pair_takes_nothing(void **state)
{
	struct mock_mq *mq = *state;
	struct vhost_net *vhost = &mq->mn.net->vhost;
	struct frame *frames[1];

	assert_int_equal(mock_mq_pairs(mq, 2), VIRTIO_NET_OK);
	assert_false(net_rx_deliver(&vhost->rx[2], frames, 1));
	assert_false(net_rx_deliver(&vhost->rx[3], frames, 1));
	assert_int_equal(mock_mq_pairs(mq, 1), VIRTIO_NET_OK);
	assert_false(net_rx_deliver(&vhost->rx[1], frames, 1));
}

static void pairs_that_do_not_run_get_nothing(void **state)
{
	struct mock_mq *mq = *state;

	assert_int_equal(mock_mq_pairs(mq, PAIRS), VIRTIO_NET_OK);
	vhost_vring_stop(&mq->mn.net->vhost.dev, 2 * 1 + VIRTIO_NET_RX);
	for (unsigned int flow = 0; flow < 40; flow++) {
		mock_mq_send(mq, 1, flow);
		mock_mq_receive(mq, flow);
		assert_int_equal(mock_mq_received(mq, 0) + mock_mq_received(mq, 2) +
				 mock_mq_received(mq, 3), 1);
		mock_mq_post(mq);
	}
}

/* ---- What a flow is ---- */

enum shape { TAG = 1, TAGS = 2, OPTIONS = 4, IP6 = 8, FRAGMENT = 16, NO_FRAGMENT = 32 };

struct shape_test {
	u8 protocol;
	u8 out, in;		/* enum shape: how the guest's frame looks, and the other's */
};

static u8 *put_tags(u8 *at, u8 shape)
{
	for (unsigned int i = 0; i < (shape & TAG ? 1u : shape & TAGS ? 2u : 0); i++, at += 4) {
		put_be16(at, shape & TAGS && !i ? ETH_TYPE_QINQ : ETH_TYPE_VLAN);
		put_be16(at + 2, (u16)(7 + i));
	}
	return at;
}

/* The flow between 1:1000 and @other:2000; from 1 or to it. Its length. */
static u32 make_frame(u8 *frame, u8 protocol, u8 shape, u8 other, bool out)
{
	u8 *at, *ip;

	memset(frame, 0, 128);
	frame[ETH_DST] = frame[ETH_SRC] = 2;
	frame[ETH_DST + 5] = out ? other : 1;
	frame[ETH_SRC + 5] = out ? 1 : other;
	at = put_tags(frame + ETH_TYPE, shape);
	put_be16(at, shape & IP6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4);
	ip = at + 2;
	if (shape & IP6) {
		ip[0] = 0x60;
		ip[IP6_NEXT] = protocol;
		ip[8 + 15] = out ? 1 : other;
		ip[24 + 15] = out ? other : 1;
		at = ip + IP6_HLEN;
	} else {
		ip[0] = shape & OPTIONS ? 0x47 : 0x45;
		ip[1] = shape;				/* type of service: not looked at */
		ip[8] = shape ^ 0x40;			/* time to live: neither */
		ip[IP4_FRAGMENT] = shape & FRAGMENT ? 0x20 : shape & NO_FRAGMENT ? 0x40 : 0;
		ip[IP4_PROTOCOL] = protocol;
		ip[12 + 3] = out ? 1 : other;
		ip[16 + 3] = out ? other : 1;
		at = ip + (shape & OPTIONS ? 28 : 20);
	}
	put_be16(at, out ? 1000 : 2000);
	put_be16(at + 2, out ? 2000 : 1000);
	/* What is no port differs: a request and its answer, a later fragment. */
	if ((protocol != IP_TCP && protocol != IP_UDP) || shape & FRAGMENT)
		put_be16(at, out ? 0x0800 : 0);
	return (u32)(at - frame) + 20;
}

static struct frame frame_of(u8 *bytes, u32 len)
{
	return (struct frame){ .nr_segs = 1, .len = len, .refs = 1,
			       .seg[0] = { .ptr = bytes, .len = len } };
}

/* Learnt from the guest's frame, found by the other's, by the short way and by the long one. */
static void flow_is_known_however_it_looks(void **state)
{
	static const struct shape_test tests[] = {
		{ IP_TCP, 0, 0 }, { IP_TCP, 0, TAG }, { IP_TCP, TAGS, 0 }, { IP_TCP, OPTIONS, 0 },
		{ IP_TCP, NO_FRAGMENT, 0 }, { IP_TCP, 0, OPTIONS | TAGS | NO_FRAGMENT },
		{ IP_UDP, 0, 0 }, { IP_UDP, 0, TAG }, { IP_UDP, OPTIONS, NO_FRAGMENT },
		{ IP_UDP, FRAGMENT, FRAGMENT }, { IP_TCP, FRAGMENT | TAG, FRAGMENT | OPTIONS },
		{ 1, 0, 0 }, { 1, TAG, OPTIONS },		/* ICMP */
		{ IP_TCP, IP6, IP6 }, { IP_UDP, IP6, IP6 | TAG }, { 58, IP6 | TAGS, IP6 },
	};
	struct mock_mq *mq = *state;
	struct vhost_net *vhost = &mq->mn.net->vhost;
	u64 found = 0;

	assert_int_equal(mock_mq_pairs(mq, PAIRS), VIRTIO_NET_OK);
	for (unsigned int i = 0; i < 8 * ARRAY_SIZE(tests); i++) {
		const struct shape_test *t = &tests[i % ARRAY_SIZE(tests)];
		unsigned int pair = (i + i / ARRAY_SIZE(tests)) % PAIRS;
		u8 other = (u8)(2 + i), bytes[128];
		u32 len = make_frame(bytes, t->protocol, t->out, other, true);
		struct frame f = frame_of(bytes, len);
		struct frame *frames[] = { &f };

		net_steer_learn(vhost, pair, frames, 1);
		f = frame_of(bytes, make_frame(bytes, t->protocol, t->in, other, false));
		vhost->port.ops->deliver(&vhost->port, frames, 1);
		vhost->port.ops->flush(&vhost->port);
		assert_int_equal(net_steer_stats(vhost).by_flow, ++found);
		assert_int_equal(mock_mq_received(mq, pair), 1);
		mock_mq_post(mq);
	}
}

/* Flows of a batch are told apart, and those that follow one another are not. */
static void batch_of_several_flows(void **state)
{
	struct mock_mq *mq = *state;
	struct vhost_net *vhost = &mq->mn.net->vhost;
	static const u8 flows[] = { 1, 1, 2, 2, 2, 3, 1, 0, 0, 3 };
	struct frame f[ARRAY_SIZE(flows)], *frames[ARRAY_SIZE(flows)];
	u8 bytes[ARRAY_SIZE(flows)][128];
	static const unsigned int expect[PAIRS] = { 2, 3, 3, 2 };

	assert_int_equal(mock_mq_pairs(mq, PAIRS), VIRTIO_NET_OK);
	for (u8 p = 0; p < PAIRS; p++) {
		f[0] = frame_of(bytes[0], make_frame(bytes[0], IP_TCP, p & 1 ? TAG : 0, 10 + p,
						     true));
		frames[0] = &f[0];
		net_steer_learn(vhost, p, frames, 1);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(flows); i++) {
		f[i] = frame_of(bytes[i], make_frame(bytes[i], IP_TCP, flows[i] == 2 ? OPTIONS : 0,
						     10 + flows[i], false));
		frames[i] = &f[i];
	}
	vhost->port.ops->deliver(&vhost->port, frames, ARRAY_SIZE(flows));
	vhost->port.ops->flush(&vhost->port);
	for (unsigned int p = 0; p < PAIRS; p++)
		assert_int_equal(mock_mq_received(mq, p), expect[p]);
	assert_int_equal(net_steer_stats(vhost).by_flow, ARRAY_SIZE(flows));
}

/* Short ones, and such as end within a header, are read no further than they go. */
static void frames_that_end_early(void **state)
{
	struct mock_mq *mq = *state;
	struct vhost_net *vhost = &mq->mn.net->vhost;

	assert_int_equal(mock_mq_pairs(mq, PAIRS), VIRTIO_NET_OK);
	for (u8 shape = 0; shape < 2 * IP6; shape++)
		for (u32 len = FRAME_LEN_MIN; len < 80; len++) {
			u8 bytes[128], *exact = malloc(len);
			struct frame f = frame_of(exact, len), *frames[] = { &f };

			make_frame(bytes, IP_TCP, shape, 3, true);
			memcpy(exact, bytes, len);
			net_steer_learn(vhost, 1, frames, 1);
			vhost->port.ops->deliver(&vhost->port, frames, 1);
			free(exact);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T_ALL(flows_come_in_by_the_pair_they_go_out_by),
		T_ALL(other_flows_are_spread),
		T_ONE(flows_are_forgotten, split),
		T_ALL(fewer_pairs_and_more_again),
		T_ONE(passive_pair_takes_nothing, split),
		T_ONE(pairs_that_do_not_run_get_nothing, split),
		T_ONE(flow_is_known_however_it_looks, split),
		T_ONE(batch_of_several_flows, split),
		T_ONE(frames_that_end_early, split),
	};
	return cmocka_run_group_tests_name("net_steer", tests, NULL, NULL);
}
