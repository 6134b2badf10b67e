/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts of a queue's worker to its guest, with every lock held that anybody else could want:
 * what took one of them would wait for ever. From the MSI on: test_lapic.c, test_cpu.c.
 */
#include "tests/unit/unit.h"

#include <unistd.h>

#include "tests/unit/net_fixture.h"

#define PATIENCE_S	20

/* A second guest on the same switch, standing for all others. */
static struct mock_net *neighbour(struct mock_net *mn)
{
	struct mock_net *other = calloc(1, sizeof(*other));
	struct nic_config nic;

	mock_net_config(&nic);
	nic.mac[5] ^= 1;
	mock_net_init(other, "db", mn->wire, &nic);
	mock_net_up(other, mock_net_offered(other), 64);
	return other;
}

static void hold(struct mock_net *mn, bool on)
{
	struct spinlock *locks[] = {
		&mn->mg.guest.lock, &mn->mg.bus.intx_lock,
		&mn->net->vhost.vq[VIRTIO_NET_RX].lock, &mn->net->vhost.vq[VIRTIO_NET_TX].lock,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(locks); i++)
		if (on)
			spin_lock(locks[i]);
		else
			spin_unlock(locks[i]);
}

/* The locks of all but @vq, which is the worker's own. */
static void hold_all(struct mock_net *mn, struct mock_net *other, struct vhost_virtqueue *vq, bool on)
{
	if (!on)
		spin_lock(&vq->lock);
	hold(mn, on);
	hold(other, on);
	if (on)
		spin_unlock(&vq->lock);
}

static void received(void **state)
{
	struct mock_net *mn = *state, *other = neighbour(mn);
	struct vhost_virtqueue *vq = &mn->net->vhost.vq[VIRTIO_NET_RX];
	struct port *port = &mn->net->vhost.port;
	u8 data[60] = { 0 };
	struct frame frame = {
		.refs = 1, .len = sizeof(data), .nr_segs = 1,
		.seg = { { .ptr = data, .len = sizeof(data) } },
	};
	struct frame *frames[] = { &frame };

	mock_net_post_rx(mn, 4, 2048);
	mock_irq_enable(&mn->rx);
	mock_guest_clear(&mn->mg);
	hold_all(mn, other, vq, true);
	spin_lock(&port->sw->lock);
	alarm(PATIENCE_S);
	port->ops->deliver(port, frames, 1);
	port->ops->flush(port);
	alarm(0);
	spin_unlock(&port->sw->lock);
	hold_all(mn, other, vq, false);
	assert_int_equal(mn->mg.msis, 1);
	assert_int_equal(mn->mg.msi_data[0x40 + MOCK_VECTOR_RX], 1);
	mock_net_free(other);
	free(other);
}

/* The NIC is done with frames that it was sent: neither does that ask for the switch. */
static void sent(void **state)
{
	struct mock_net *mn = *state, *other = neighbour(mn);
	struct vhost_virtqueue *vq = &mn->net->vhost.vq[VIRTIO_NET_TX];
	struct spinlock *switch_lock = &mn->net->vhost.port.sw->lock;

	mn->wire->hold = true;
	mock_irq_enable(&mn->tx);
	mock_net_send(mn, 1000, NULL);
	kick_tx(mn);
	mock_guest_clear(&mn->mg);
	hold_all(mn, other, vq, true);
	spin_lock(switch_lock);
	alarm(PATIENCE_S);
	mock_wire_put(mn->wire, 1);
	mock_work_run();
	alarm(0);
	spin_unlock(switch_lock);
	hold_all(mn, other, vq, false);
	assert_int_equal(mn->mg.msis, 1);
	assert_int_equal(mn->mg.msi_data[0x40 + MOCK_VECTOR_TX], 1);
	mock_net_free(other);
	free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(received, setup, teardown),
		cmocka_unit_test_setup_teardown(sent, setup, teardown),
	};

	return cmocka_run_group_tests_name("call", tests, NULL, NULL);
}
