/* SPDX-License-Identifier: BSD-2-Clause */
/* vhost-net: creation, start and stop. The data path: net_tx.c, net_rx.c, net_steer.c. */
#include "virtio/vhost_net.h"

#include "net/switch.h"

int vhost_net_init(struct vhost_net *net, const char *name, unsigned int nr_pairs,
		   unsigned int rx_size, unsigned int tx_size, struct cpu *cpu)
{
	int err = 0;

	net->nr_pairs = nr_pairs;
	net->port.ops = nr_pairs > 1 ? &net_steer_ops : &net_port_ops;
	net->port.owner = net;
	for (unsigned int p = 0; p < nr_pairs; p++) {
		net->vq[VHOST_NET_QUEUES * p + VIRTIO_NET_RX].handle_kick = net_rx_kick;
		net->vq[VHOST_NET_QUEUES * p + VIRTIO_NET_TX].handle_kick = net_tx_kick;
	}
	vhost_dev_init(&net->dev, name, net->vq, VHOST_NET_QUEUES * nr_pairs, cpu);
	for (unsigned int p = 0; p < nr_pairs && !err; p++) {
		struct vhost_virtqueue *vq = &net->vq[VHOST_NET_QUEUES * p];

		spin_init(&vq[VIRTIO_NET_TX].lock, LOCK_VQ_TX);
		spin_init(&vq[VIRTIO_NET_RX].lock, LOCK_VQ_RX);
		err = net_tx_init(&net->tx[p], net, &vq[VIRTIO_NET_TX], tx_size);
		if (!err)
			err = net_rx_init(&net->rx[p], net, &vq[VIRTIO_NET_RX], rx_size);
	}
	return err;
}

void vhost_net_free(struct vhost_net *net)
{
	for (unsigned int p = 0; p < net->nr_pairs; p++) {
		net_tx_free(&net->tx[p]);
		net_rx_free(&net->rx[p]);
	}
}

void vhost_net_stop(struct vhost_net *net)
{
	port_set_link(&net->port, false);
	for (unsigned int i = 0; i < net->dev.nvqs; i++)
		vhost_vring_stop(&net->dev, i);
}
