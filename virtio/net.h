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
struct work;

/*
 * Create it on @guest's PCI bus and its switch; its queues are worked on their workers' CPUs
 * (vhost_worker_pick()), without any on @cpu.
 * 0, -ENOMEM, -EINVAL or -EBUSY (slot), -ENOSPC (bus window, switch ports).
 */
int virtio_net_create(struct guest *guest, const struct nic_config *config, struct cpu *cpu,
		      struct virtio_net **out);
/*
 * virtio_net_reset() - device reset as at power-on, from the guest's life-cycle work on @cpu. The
 * queues are stopped when it returns, nothing enters or leaves any more. 0: frames in flight
 * have come back too, and no worker has anything to do with it. -EINPROGRESS: a NIC is still
 * reading some from the guest's memory, which must stay as it is, or a CPU has not been asked yet;
 * @again is queued when that has changed: then call once more.
 */
int virtio_net_reset(struct virtio_net *net, struct work *again)
	__attribute__((warn_unused_result));
/* The guest's vCPUs are about to run: they may ring, whether or not a driver is there. */
void virtio_net_resume(struct virtio_net *net);
/* After a reset that returned 0. */
void virtio_net_destroy(struct virtio_net *net);

/* For `info vhost` / `info net`, BSP. */
void virtio_net_show(const struct virtio_net *net);

#endif
