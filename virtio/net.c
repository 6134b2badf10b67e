/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net: creation, features, start and stop. The data path: net_tx.c, net_rx.c. */
#include "virtio/net.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/guest.h"
#include "kernel/guest_config.h"
#include "kernel/log.h"
#include "net/switch.h"
#include "virtio/net_dev.h"
#include "virtio/vhost_worker.h"

_Static_assert(NIC_PAIRS_MAX <= VHOST_NET_PAIRS_MAX, "pairs of a NIC");

#define PCI_CLASS_ETHERNET	0x020000

enum frame_sizes {		/* IEEE 802.3 §3.1.1, 802.1Q §9.6 */
	ETH_MTU_DEFAULT = 1500,
	ETH_HEADER = 14,
	ETH_VLAN_TAGS = 2 * 4,
};

#define NO_QUEUE	UINT_MAX

static struct virtio_net *net_of(struct virtio_dev *vdev)
{
	return container_of(vdev, struct virtio_net, vdev);
}

/* ---- virtio_ops ---- */

/* §5.1.3.1: each of @of needs one of @needs. */
static const struct {
	u64 of, needs;
} depends[] = {
	{ BIT_ULL(VIRTIO_NET_F_HOST_TSO4) | BIT_ULL(VIRTIO_NET_F_HOST_TSO6),
	  BIT_ULL(VIRTIO_NET_F_CSUM) },
	{ BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) | BIT_ULL(VIRTIO_NET_F_GUEST_TSO6),
	  BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) },
	{ BIT_ULL(VIRTIO_NET_F_HOST_ECN),
	  BIT_ULL(VIRTIO_NET_F_HOST_TSO4) | BIT_ULL(VIRTIO_NET_F_HOST_TSO6) },
	{ BIT_ULL(VIRTIO_NET_F_GUEST_ECN),
	  BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) | BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) },
	{ BIT_ULL(VIRTIO_NET_F_MQ) | BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR),
	  BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
};

/* @features without those that lack what they need. */
static u64 features_with_needs(u64 features)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(depends); i++)
		if (!(features & depends[i].needs))
			features &= ~depends[i].of;
	return features;
}

/*
 * §5.1.2: the queues that there are with @features, and which one is the control queue: behind
 * all pairs with MQ, otherwise behind the first.
 */
static void set_queues(struct virtio_net *net, u64 features)
{
	const struct nic_config *c = net->config;
	unsigned int pairs = features & BIT_ULL(VIRTIO_NET_F_MQ) ? net->vhost.nr_pairs : 1;

	net->ctrl = features & BIT_ULL(VIRTIO_NET_F_CTRL_VQ) ? VHOST_NET_QUEUES * pairs : NO_QUEUE;
	for (unsigned int i = 0; i < net->vhost.dev.nvqs; i++) {
		u16 *size = &net->queue[i].size_max;

		if (i == net->ctrl)
			*size = NET_CTRL_QUEUE_SIZE;
		else if (i >= VHOST_NET_QUEUES * pairs)
			*size = 0;
		else
			*size = (u16)(i % VHOST_NET_QUEUES == VIRTIO_NET_RX ? c->rx_queue_size :
									      c->tx_queue_size);
		net->queue[i].size = *size;
	}
}

static int net_features_ok(struct virtio_dev *vdev, u64 features)
{
	if (features_with_needs(features) != features)
		return -EINVAL;
	set_queues(net_of(vdev), features);
	return 0;
}

static const char *start_error(int err)
{
	switch (err) {
	case -EFAULT:
		return "not in guest RAM";
	case -ENOMEM:
		return "out of memory";
	default:
		return "bad size, alignment or overlap";
	}
}

/* vhost's number of the driver's queue @i: its control queue is always the last. */
static unsigned int vhost_index(const struct virtio_net *net, unsigned int i)
{
	return i == net->ctrl ? net->vhost.dev.nvqs - 1 : i;
}

/*
 * A kick of the receive queue that has the number of the control queue. Both are one worker's:
 * when that lets go of them (vhost_dev_flush()), neither can come back by the other.
 */
static void ctrl_kick_elsewhere(struct vhost_virtqueue *vq)
{
	vhost_poll_queue(&vq->dev->vqs[vq->dev->nvqs - 1]);
}

/* Calls of the control queue go where the driver has it, and kicks come from there. */
static void ctrl_connect(struct virtio_net *net)
{
	struct vhost_dev *vhost = &net->vhost.dev;

	if (net->ctrl == NO_QUEUE)
		return;
	vhost->vqs[vhost->nvqs - 1].index = net->ctrl;
	vhost_set_vring_call(vhost, vhost->nvqs - 1, &net->queue[net->ctrl].call);
	for (unsigned int i = VIRTIO_NET_RX; i < vhost->nvqs - 1; i += VHOST_NET_QUEUES) {
		struct vhost_virtqueue *vq = &vhost->vqs[i];

		spin_lock(&vq->lock);
		vq->handle_kick = i == net->ctrl ? ctrl_kick_elsewhere : net_rx_kick;
		spin_unlock(&vq->lock);
	}
}

static int queue_start(struct virtio_net *net, unsigned int i)
{
	const struct virtio_queue *q = &net->queue[i];
	struct vhost_dev *vhost = &net->vhost.dev;
	unsigned int idx = vhost_index(net, i);
	int err = vhost_set_vring_num(vhost, idx, q->size);

	if (!err)
		err = q->size > q->size_max ? -EINVAL : 0;
	if (!err)
		err = vhost_set_vring_addr(vhost, idx, &q->addr);
	if (!err)
		err = vhost_set_vring_base(vhost, idx,
					   virtio_has(&net->vdev, VIRTIO_F_RING_PACKED) ?
					   RING_PACKED_START : 0);
	if (!err)
		err = vhost_vring_start(vhost, idx);
	if (err)
		log_ratelimited(&net->ratelimit, LOG_WARN,
				"virtio-net: %s: queue %u cannot start: %s "
				"(size %u, desc 0x%lx, avail 0x%lx, used 0x%lx)",
				net->vhost.dev.name, i, start_error(err), q->size, q->addr.desc,
				q->addr.avail, q->addr.used);
	return err;
}

static int net_start(struct virtio_dev *vdev)
{
	struct virtio_net *net = net_of(vdev);

	for (unsigned int p = 0; p < net->vhost.nr_pairs; p++)
		net_rx_start(&net->vhost.rx[p]);
	net_set_pairs(&net->vhost, 1);		/* §5.1.6.5.6: until the driver wants more */
	ctrl_connect(net);
	for (unsigned int i = 0; i < vdev->nr_queues; i++) {
		int err = net->queue[i].enable ? queue_start(net, i) : 0;

		if (err) {
			vhost_net_stop(&net->vhost);
			return err;
		}
	}
	port_set_link(&net->vhost.port, true);
	log_ratelimited(&net->ready_rl, LOG_INFO, "virtio-net: %s: driver ready (features 0x%lx)",
			net->vhost.dev.name, vdev->driver);
	return 0;
}

static void net_reset(struct virtio_dev *vdev)
{
	struct virtio_net *net = net_of(vdev);

	vhost_net_stop(&net->vhost);
	set_queues(net, vdev->offered);
	net_set_mac(net, net->config->mac);
}

static unsigned int net_in_flight(struct virtio_dev *vdev)
{
	return vhost_net_in_flight(&net_of(vdev)->vhost, NULL);
}

static const struct virtio_ops net_ops = {
	.features_ok = net_features_ok,
	.start = net_start,
	.reset = net_reset,
	.in_flight = net_in_flight,
};

/* vhost's err event: a queue is broken. On the worker's CPU. */
static void queue_broken(struct event *err)
{
	virtio_needs_reset(&container_of(err, struct virtio_net, err)->vdev);
}

/* ---- Creation ---- */

static u64 features_of(const struct nic_config *c)
{
	const struct {
		unsigned int bit;
		bool on;
	} f[] = {
		{ VIRTIO_F_VERSION_1, true },
		{ VIRTIO_F_EVENT_IDX, c->event_idx },
		{ VIRTIO_F_INDIRECT_DESC, c->indirect_desc },
		{ VIRTIO_F_RING_PACKED, c->packed },
		{ VIRTIO_F_IN_ORDER, c->in_order },
		{ VIRTIO_NET_F_MAC, true },
		{ VIRTIO_NET_F_MRG_RXBUF, c->mrg_rxbuf },
		{ VIRTIO_NET_F_STATUS, c->status },
		{ VIRTIO_NET_F_MTU, c->host_mtu },
		{ VIRTIO_NET_F_CSUM, c->csum },
		{ VIRTIO_NET_F_HOST_TSO4, c->host_tso4 },
		{ VIRTIO_NET_F_HOST_TSO6, c->host_tso6 },
		{ VIRTIO_NET_F_HOST_ECN, c->host_ecn },
		{ VIRTIO_NET_F_GUEST_CSUM, c->guest_csum },
		{ VIRTIO_NET_F_GUEST_TSO4, c->guest_tso4 },
		{ VIRTIO_NET_F_GUEST_TSO6, c->guest_tso6 },
		{ VIRTIO_NET_F_GUEST_ECN, c->guest_ecn },
		{ VIRTIO_NET_F_CTRL_VQ, c->ctrl_vq },
		{ VIRTIO_NET_F_CTRL_MAC_ADDR, c->ctrl_mac_addr },
		{ VIRTIO_NET_F_MQ, c->mq },
	};
	u64 features = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(f); i++)
		features |= f[i].on ? BIT_ULL(f[i].bit) : 0;
	return features_with_needs(features);
}

static int init_queues(struct virtio_net *net, struct cpu *cpu)
{
	const struct nic_config *c = net->config;
	char name[sizeof(net->vhost.dev.name)];
	int err;

	snprintf(name, sizeof(name), "%s/%s", guest_name(net->guest), c->id);
	net->vhost.handle_ctrl = c->ctrl_vq ? net_ctrl_kick : NULL;
	err = vhost_net_init(&net->vhost, name, c->mq ? c->netdev.queues : 1, c->rx_queue_size,
			     c->tx_queue_size, cpu);
	if (err)
		return err;
	net->queue = calloc(net->vhost.dev.nvqs, sizeof(*net->queue));
	if (!net->queue)
		return -ENOMEM;
	vhost_set_mem_table(&net->vhost.dev, &net->guest->mem);
	event_init(&net->err, queue_broken);
	for (unsigned int i = 0; i < net->vhost.dev.nvqs; i++) {
		vhost_set_vring_call(&net->vhost.dev, i, &net->queue[i].call);
		vhost_set_vring_err(&net->vhost.dev, i, &net->err);
	}
	return 0;
}

static void init_device(struct virtio_net *net)
{
	const struct nic_config *c = net->config;

	net_set_mac(net, c->mac);
	net->cfg.status = cpu_to_le16(VIRTIO_NET_S_LINK_UP);
	net->cfg.max_virtqueue_pairs = cpu_to_le16((u16)net->vhost.nr_pairs);
	net->cfg.mtu = cpu_to_le16(c->host_mtu);
	net->vdev = (struct virtio_dev){
		.ops = &net_ops, .device_id = VIRTIO_ID_NET, .offered = features_of(c),
		.config = (u8 *)&net->cfg, .config_len = sizeof(net->cfg),
		.queue = net->queue, .nr_queues = net->vhost.dev.nvqs, .vhost = &net->vhost.dev,
	};
	set_queues(net, net->vdev.offered);
	virtio_dev_init(&net->vdev);
}

static int init_port(struct virtio_net *net)
{
	const struct nic_config *c = net->config;
	struct net_switch *sw = switch_get(c->netdev.br);
	struct port *port = &net->vhost.port;

	snprintf(port->name, sizeof(port->name), "%s.%s", guest_name(net->guest), c->id);
	port->max_frame = c->host_mtu ? c->host_mtu : ETH_MTU_DEFAULT;
	port->max_frame += ETH_HEADER + ETH_VLAN_TAGS;
	port_set_policy(port, &c->netdev.policy, c->mac);
	if (sw && !switch_has_uplink(sw))
		pr_info("virtio-net: %s: %s has no uplink", net->vhost.dev.name, sw->name);
	return sw ? switch_attach(sw, port) : -ENOMEM;
}

/* The pair whose worker has queue @i: the control queue's kicks may come by the second pair. */
static unsigned int pair_of(const struct virtio_net *net, unsigned int i)
{
	if (i == VHOST_NET_QUEUES * net->vhost.nr_pairs)
		return MIN(1u, net->vhost.nr_pairs - 1);
	return i / VHOST_NET_QUEUES;
}

/*
 * Those of the configuration, in turn. Otherwise NICs of one guest, and those of guests one after
 * the other, begin with different workers.
 */
static struct vhost_worker *worker_of_pair(const struct virtio_net *net, unsigned int pair)
{
	const struct netdev_config *nd = &net->config->netdev;
	const struct guest *guest = net->guest;

	if (nd->workers.nr)
		return vhost_worker_of(cpus[nd->workers.cpu[pair % nd->workers.nr]]);
	return vhost_worker_pick(guest->placement, guest->nr_vcpus, guest->id + guest->nr_nics,
				 pair);
}

static void attach_workers(struct virtio_net *net)
{
	unsigned int us = net->config->netdev.poll_us;

	for (unsigned int i = 0; i < net->vhost.dev.nvqs; i++) {
		vhost_attach_vring_worker(&net->vhost.vq[i], worker_of_pair(net, pair_of(net, i)));
		vhost_set_vring_busyloop_timeout(&net->vhost.dev, i, us);
	}
	pollers_set_linger(us * NSEC_PER_USEC);
}

/* What the queues' work takes from others on its CPU is the guest's to pay. */
static void set_payers(struct virtio_net *net)
{
	for (unsigned int i = 0; i < net->vhost.dev.nvqs; i++) {
		struct work *work = &net->vhost.vq[i].work;

		work->payer = &net->guest->payers[work->cpu->id];
	}
}

static void free_parts(struct virtio_net *net)
{
	for (unsigned int i = 0; i < net->vhost.dev.nvqs; i++)
		vhost_attach_vring_worker(&net->vhost.vq[i], NULL);
	vhost_net_free(&net->vhost);
	free(net->queue);
	free(net);
}

static int attach(struct virtio_net *net)
{
	const struct nic_config *c = net->config;
	int err = virtio_pci_create(&net->pci, net->guest, &net->vdev, c->devfn, PCI_CLASS_ETHERNET,
				    MIN(c->vectors, (unsigned int)VPCI_MSIX_MAX),
				    c->modern_pio_notify, net->vhost.dev.name);

	if (err)
		return err;
	err = init_port(net);
	if (err)
		virtio_pci_destroy(&net->pci);
	return err;
}

int virtio_net_create(struct guest *guest, const struct nic_config *config, struct cpu *cpu,
		      struct virtio_net **out)
{
	struct virtio_net *net = calloc(1, sizeof(*net));
	int err;

	if (!net)
		return -ENOMEM;
	net->guest = guest;
	net->config = config;
	err = init_queues(net, cpu);
	if (!err) {
		attach_workers(net);
		set_payers(net);
		init_device(net);
		err = attach(net);
	}
	if (err) {
		free_parts(net);
		return err;
	}
	*out = net;
	return 0;
}

void virtio_net_resume(struct virtio_net *net)
{
	vhost_dev_unflush(&net->vhost.dev);
}

int virtio_net_reset(struct virtio_net *net, struct work *again)
{
	virtio_set_status(&net->vdev, 0);
	vpci_reset(&net->pci.pci);
	if (vhost_net_in_flight(&net->vhost, again))
		return -EINPROGRESS;
	if (virtio_resetting(&net->vdev))
		return -EINPROGRESS;
	return vhost_dev_flush(&net->vhost.dev, again);
}

void virtio_net_destroy(struct virtio_net *net)
{
	switch_detach(&net->vhost.port);
	virtio_pci_destroy(&net->pci);
	free_parts(net);
}
