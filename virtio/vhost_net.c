/* SPDX-License-Identifier: BSD-2-Clause */
/* vhost-net: creation, start and stop. The data path: net_tx.c, net_rx.c, net_steer.c. */
#include "virtio/vhost_net.h"

#include <errno.h>
#include <stdlib.h>

#include "net/switch.h"

static int pair_init(struct vhost_net *net, unsigned int p, unsigned int rx_size,
		     unsigned int tx_size)
{
	struct vhost_virtqueue *vq = &net->vq[VHOST_NET_QUEUES * p];
	int err;

	spin_init(&vq[VIRTIO_NET_TX].lock, LOCK_VQ_TX);
	spin_init(&vq[VIRTIO_NET_RX].lock, LOCK_VQ_RX);
	err = net_tx_init(&net->tx[p], net, &vq[VIRTIO_NET_TX], tx_size);
	return err ? err : net_rx_init(&net->rx[p], net, &vq[VIRTIO_NET_RX], rx_size);
}

static void ctrl_init(struct vhost_net *net)
{
	struct vhost_virtqueue *vq = &net->vq[VHOST_NET_QUEUES * net->nr_pairs];

	vq->handle_kick = net->handle_ctrl;
	spin_init(&vq->lock, LOCK_VQ_TX);
}

int vhost_net_init(struct vhost_net *net, const char *name, unsigned int nr_pairs,
		   unsigned int rx_size, unsigned int tx_size, struct cpu *cpu)
{
	unsigned int nvqs = VHOST_NET_QUEUES * nr_pairs + (net->handle_ctrl ? 1 : 0);
	int err = 0;

	net->port.ops = nr_pairs > 1 ? &net_steer_ops : &net_port_ops;
	net->port.owner = net;
	net->vq = calloc(nvqs, sizeof(*net->vq));
	net->tx = calloc(nr_pairs, sizeof(*net->tx));
	net->rx = calloc(nr_pairs, sizeof(*net->rx));
	if (!net->vq || !net->tx || !net->rx)
		return -ENOMEM;
	net->nr_pairs = nr_pairs;
	for (unsigned int p = 0; p < nr_pairs; p++) {
		net->vq[VHOST_NET_QUEUES * p + VIRTIO_NET_RX].handle_kick = net_rx_kick;
		net->vq[VHOST_NET_QUEUES * p + VIRTIO_NET_TX].handle_kick = net_tx_kick;
	}
	if (net->handle_ctrl)
		ctrl_init(net);
	vhost_dev_init(&net->dev, name, net->vq, nvqs, cpu);
	if (nr_pairs > 1)
		err = net_steer_init(net);
	for (unsigned int p = 0; p < nr_pairs && !err; p++)
		err = pair_init(net, p, rx_size, tx_size);
	return err;
}

void vhost_net_free(struct vhost_net *net)
{
	for (unsigned int p = 0; p < net->nr_pairs; p++) {
		net_tx_free(&net->tx[p]);
		net_rx_free(&net->rx[p]);
	}
	net_steer_free(net);
	free(net->vq);
	free(net->tx);
	free(net->rx);
	net->nr_pairs = 0;
}

void vhost_net_stop(struct vhost_net *net)
{
	port_set_link(&net->port, false);
	for (unsigned int i = 0; i < net->dev.nvqs; i++)
		vhost_vring_stop(&net->dev, i);
}

unsigned int vhost_net_in_flight(struct vhost_net *net, struct work *again)
{
	unsigned int n = 0;

	for (unsigned int p = 0; p < net->nr_pairs; p++)
		n += net_tx_in_flight(&net->tx[p], again);
	return n;
}

u64 vhost_net_memory(const struct vhost_net *net)
{
	u64 bytes = net->dev.nvqs * sizeof(*net->vq) + net_steer_memory(net);

	for (unsigned int p = 0; p < net->nr_pairs; p++)
		bytes += sizeof(*net->tx) + net_tx_memory(&net->tx[p]) +
			 sizeof(*net->rx) + net_rx_memory(&net->rx[p]);
	return bytes;
}
