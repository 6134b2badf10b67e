/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net with packed rings, used in order or not: the options, and frames both ways. */
#include "tests/unit/unit.h"

#include "arch/host/host.h"
#include "tests/unit/mock_packed.h"
#include "tests/unit/net_fixture.h"

#define SIZE	48u		/* a packed ring's size need not be a power of two */

struct packed_net {
	struct mock_net mn;
	struct mock_packed rx, tx;
};

static void bring_up(struct packed_net *p, u64 features)
{
	const u8 ok = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK;
	struct mock_net *mn = &p->mn;
	struct mock_packed *const vq[] = { &p->rx, &p->tx };

	mn->mg.ram.next = PAGE_SIZE;
	mock_enable_msix(&mn->mv);
	assert_true(mock_negotiate(&mn->mv, features));
	for (u16 i = 0; i < 2; i++) {
		struct mock_vq regs = { .num = SIZE };

		mock_packed_init(vq[i], &mn->mg.ram, SIZE,
				 features & BIT_ULL(VIRTIO_F_EVENT_IDX), false);
		vq[i]->in_order = features & BIT_ULL(VIRTIO_F_IN_ORDER);
		regs.addr = vq[i]->addr;
		mock_setup_queue(&mn->mv, i, &regs, i ? MOCK_VECTOR_TX : MOCK_VECTOR_RX);
	}
	mn->tx_buf = mock_alloc(&mn->mg.ram, SIZE * 4096u, 4096);
	mn->rx_buf = mock_alloc(&mn->mg.ram, SIZE * 4096u, 4096);
	mock_set_status(&mn->mv, ok);
	assert_int_equal(mock_status(&mn->mv), ok);
	mock_work_run();
}

static int setup_with(void **state, u64 without)
{
	struct packed_net *p = calloc(1, sizeof(*p));
	struct nic_config nic;

	mock_net_config(&nic);
	nic.packed = nic.in_order = true;
	mock_net_init(&p->mn, "web", mock_wire_new("br0"), &nic);
	bring_up(p, mock_net_offered(&p->mn) & ~without);
	host_log_clear();
	*state = p;
	return 0;
}

static int setup_packed(void **state)
{
	return setup_with(state, BIT_ULL(VIRTIO_F_IN_ORDER));
}

static int setup_packed_in_order(void **state)
{
	return setup_with(state, BIT_ULL(VIRTIO_F_EVENT_IDX));
}

static int teardown_packed(void **state)
{
	struct packed_net *p = *state;

	mock_net_free(&p->mn);
	mock_wire_free(p->mn.wire);
	free(p);
	return 0;
}

static void send_one(struct packed_net *p, unsigned int i, u32 len)
{
	u64 gpa = p->mn.tx_buf + i % SIZE * 4096u;
	u8 *bytes = mock_ptr(&p->mn.mg.ram, gpa);

	memset(bytes, 0, HDR);
	mock_frame(bytes + HDR, mock_wire_mac, p->mn.nic.mac, len);
	assert_true(mock_packed_add_one(&p->tx, gpa, HDR + len, false) >= 0);
}

static void offered_when_asked_for(void **state)
{
	struct packed_net *p = *state;
	const u64 both = BIT_ULL(VIRTIO_F_RING_PACKED) | BIT_ULL(VIRTIO_F_IN_ORDER);

	assert_true((mock_net_offered(&p->mn) & both) == both);
}

static void frames_out(void **state)
{
	struct packed_net *p = *state;
	unsigned int sent = 0, back = 0;
	u32 len;

	for (unsigned int round = 0; round < 200; round++) {
		for (unsigned int i = 0; i < 1 + round % 20; i++)
			send_one(p, sent++, 60 + round);
		if (mock_packed_kick(&p->tx))
			mock_notify(&p->mn.mv, VIRTIO_NET_TX);
		mock_work_run();
		assert_int_equal(p->mn.wire->last_len, 60 + round);
		while (mock_packed_get(&p->tx, &len) >= 0)
			back++;
		assert_int_equal(back, sent);
	}
	assert_true(p->mn.wire->frames == sent);
}

/* The NIC is done with them in its own order and time. */
static void frames_out_by_reference(void **state)
{
	struct packed_net *p = *state;
	unsigned int back = 0;
	u32 len;

	p->mn.wire->hold = true;
	for (unsigned int i = 0; i < SIZE; i++)
		send_one(p, i, 1000);
	mock_notify(&p->mn.mv, VIRTIO_NET_TX);
	mock_work_run();
	assert_int_equal(p->mn.wire->nr_held, SIZE);
	assert_int_equal(mock_packed_get(&p->tx, &len), -1);
	while (p->mn.wire->nr_held) {
		mock_wire_put(p->mn.wire, MIN(7u, p->mn.wire->nr_held));
		mock_work_run();
		while (mock_packed_get(&p->tx, &len) >= 0)
			back++;
	}
	assert_int_equal(back, SIZE);
}

static void frames_in(void **state)
{
	struct packed_net *p = *state;
	u32 len;

	for (unsigned int i = 0; i < 500; i++) {
		u32 size = 60 + i % 1000;
		int id = mock_packed_add_one(&p->rx, p->mn.rx_buf + i % SIZE * 4096u, 2048, true);
		const u8 *got = mock_ptr(&p->mn.mg.ram, p->mn.rx_buf + i % SIZE * 4096u);

		mock_wire_send(p->mn.wire, p->mn.nic.mac, size, 0);
		mock_work_run();
		assert_int_equal(mock_packed_get(&p->rx, &len), id);
		assert_int_equal(len, HDR + size);
		assert_int_equal(got[10] | got[11] << 8, 1);
		for (u32 k = 14; k < size; k++)
			assert_int_equal(got[HDR + k], mock_pattern(k));
	}
}

/* A frame over several buffers, then one with none left: what was taken is given back. */
static void merged_buffers_and_none(void **state)
{
	struct packed_net *p = *state;
	u32 len, sum = 0;

	for (unsigned int i = 0; i < 5; i++)
		mock_packed_add_one(&p->rx, p->mn.rx_buf + i * 4096u, 300, true);
	for (unsigned int i = 0; i < 2; i++) {
		mock_wire_send(p->mn.wire, p->mn.nic.mac, 1000, 0);
		mock_work_run();
		while (mock_packed_get(&p->rx, &len) >= 0)
			sum += len;
		assert_int_equal(sum, HDR + 1000);
	}
	for (unsigned int i = 0; i < 4; i++)
		mock_packed_add_one(&p->rx, p->mn.rx_buf + i * 4096u, 300, true);
	mock_wire_send(p->mn.wire, p->mn.nic.mac, 1000, 0);
	mock_work_run();
	while (mock_packed_get(&p->rx, &len) >= 0)
		sum += len;
	assert_int_equal(sum, 2 * (HDR + 1000));
}

static void hostile_02_breaks_the_queue_and_says_so(void **state)
{
	struct packed_net *p = *state;

	mock_packed_desc(&p->tx, 0, true, p->mn.tx_buf, 100, SIZE, 0);
	mock_notify(&p->mn.mv, VIRTIO_NET_TX);
	mock_work_run();
	assert_true(mock_status(&p->mn.mv) & VIRTIO_NEEDS_RESET);
	assert_int_equal(host_log_count("head outside the descriptor table"), 1);
}

#define T_BOTH(name) \
	cmocka_unit_test_setup_teardown(name, setup_packed, teardown_packed), \
	{ #name " (in order)", name, setup_packed_in_order, teardown_packed, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		T_BOTH(offered_when_asked_for),
		T_BOTH(frames_out),
		T_BOTH(frames_out_by_reference),
		T_BOTH(frames_in),
		T_BOTH(merged_buffers_and_none),
		T_BOTH(hostile_02_breaks_the_queue_and_says_so),
	};
	return cmocka_run_group_tests_name("net_packed", tests, NULL, NULL);
}
