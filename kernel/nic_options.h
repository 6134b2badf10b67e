/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of a guest's NICs, QEMU's -netdev and -device virtio-net-pci: their properties, and
 * what can be said only when all are known. Boot CPU; mistakes go to guest_option_bad().
 */
#ifndef KERNEL_NIC_OPTIONS_H
#define KERNEL_NIC_OPTIONS_H

#include "kernel/guest_options.h"

/*
 * The properties @list, which is cut into pieces, of one more -netdev (there is room for it) or
 * -device virtio-net-pci. After a mistake in one, @g has none more than before.
 */
void nic_options_netdev(struct guest_options *g, char *list);
void nic_options_device(struct guest_options *g, char *list);

/*
 * All options were given: each device has its -netdev, an id, a slot, an address that is nobody
 * else's; they become those of @g->config. Parameters as for guest_options_finish().
 */
void nic_options_finish(struct guest_options *g, unsigned int number,
			const struct guest_config *others, unsigned int nr);

#endif
