/* SPDX-License-Identifier: BSD-2-Clause */
/* struct virtio_net: the device model in front of vhost-net. Private to net*.c. */
#ifndef VIRTIO_NET_DEV_H
#define VIRTIO_NET_DEV_H

#include <string.h>

#include "kernel/types.h"
#include "virtio/net_ctrl.h"
#include "virtio/net_hdr.h"
#include "virtio/pci.h"
#include "virtio/vhost_net.h"
#include "virtio/virtio.h"

struct guest;
struct nic_config;

struct virtio_net {
	struct guest *guest;
	const struct nic_config *config;
	struct virtio_pci pci;
	struct virtio_dev vdev;
	struct virtio_queue *queue;	/* as many as vhost has */
	struct vhost_net vhost;
	unsigned int ctrl;		/* the control queue's number for this driver */
	struct net_ctrl_stats ctrl_stats;
	struct event err;		/* a queue is broken */
	struct virtio_net_config cfg;
	struct ratelimit ratelimit;
	struct ratelimit ready_rl;	/* lines that drivers cause that are started again */
};

/* The driver asked for it, or the device is reset: nobody has to be told by an interrupt. */
static inline void net_set_mac(struct virtio_net *net, const u8 *mac)
{
	memcpy(net->cfg.mac, mac, sizeof(net->cfg.mac));
	net->vdev.config_generation++;
}

#endif
