/* SPDX-License-Identifier: BSD-2-Clause */
/* The control queue of virtio-net (virtio 1.2 §5.1.6.5): the driver's commands. */
#ifndef VIRTIO_NET_CTRL_H
#define VIRTIO_NET_CTRL_H

#include "kernel/types.h"

struct vhost_virtqueue;

#define NET_CTRL_QUEUE_SIZE	64

struct net_ctrl_stats {
	u64 commands;			/* answered with VIRTIO_NET_OK */
	u64 refused;			/* with VIRTIO_NET_ERR */
};

/* vhost_virtqueue.handle_kick of the control queue of a struct virtio_net. */
void net_ctrl_kick(struct vhost_virtqueue *vq);

#endif
