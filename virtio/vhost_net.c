/* SPDX-License-Identifier: BSD-2-Clause */
/* vhost-net: creation, start and stop. The data path: net_tx.c, net_rx.c. */
#include "virtio/vhost_net.h"

#include "net/switch.h"

int vhost_net_init(struct vhost_net *net, const char *name, unsigned int rx_size,
		   unsigned int tx_size, struct cpu *cpu)
{
	int err;

	net->vq[VIRTIO_NET_RX].handle_kick = net_rx_kick;
	net->vq[VIRTIO_NET_TX].handle_kick = net_tx_kick;
	net->port.ops = &net_port_ops;
	net->port.owner = net;
	vhost_dev_init(&net->dev, name, net->vq, VHOST_NET_QUEUES, cpu);
	err = net_tx_init(&net->tx, net, &net->vq[VIRTIO_NET_TX], tx_size);
	return err ? err : net_rx_init(&net->rx, net, &net->vq[VIRTIO_NET_RX], rx_size);
}

void vhost_net_free(struct vhost_net *net)
{
	net_tx_free(&net->tx);
	net_rx_free(&net->rx);
}

void vhost_net_stop(struct vhost_net *net)
{
	port_set_link(&net->port, false);
	for (unsigned int i = 0; i < VHOST_NET_QUEUES; i++)
		vhost_vring_stop(&net->dev, i);
}
