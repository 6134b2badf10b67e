/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net (virtio 1.2 §5.1): the device a guest sees, made of a virtio-pci transport,
 * a vhost device with its queues, and a switch port.
 */
#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

#include "kernel/types.h"

struct guest;
struct cpu;
struct nic_config;
struct virtio_net;

/* Create it on @guest's PCI bus and its switch; on @cpu's loop. 0, -ENOMEM, -EBUSY (slot), -ENOSPC. */
int virtio_net_create(struct guest *guest, const struct nic_config *config, struct cpu *cpu,
		      struct virtio_net **out);
/* Device reset as at power-on; queues stopped, frames in flight have come back. */
void virtio_net_reset(struct virtio_net *net);
void virtio_net_destroy(struct virtio_net *net);

/* For `info vhost` / `info net`, BSP. */
void virtio_net_show(const struct virtio_net *net);

#endif
