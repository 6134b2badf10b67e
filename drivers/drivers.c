/* SPDX-License-Identifier: BSD-2-Clause */
/* The drivers built in. */
#include "drivers/net/e1000.h"
#include "drivers/net/virtio_net.h"
#include "drivers/pci/pci.h"

const struct pci_driver *const pci_drivers[] = {
#ifdef CONFIG_NET_E1000
	&e1000_driver,
#endif
#ifdef CONFIG_NET_E1000E
	&e1000e_driver,
#endif
#ifdef CONFIG_NET_VIRTIO
	&virtio_net_driver,
#endif
	NULL
};
