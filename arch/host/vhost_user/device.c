/* SPDX-License-Identifier: BSD-2-Clause */
/* A device: made once for each socket, and as new whenever a front end has gone. */
#include "arch/host/vhost_user/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "virtio/virtio.h"

struct vu_dev *vu_devs[SWITCH_PORTS_MAX];
unsigned int nr_vu_devs;
bool vu_polling;
u64 vu_features =
	BIT_ULL(VHOST_F_LOG_ALL) | BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_F_EVENT_IDX) |
	BIT_ULL(VIRTIO_F_INDIRECT_DESC) | BIT_ULL(VIRTIO_F_IN_ORDER) |
	BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) | BIT_ULL(VIRTIO_NET_F_CSUM) |
	BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) | BIT_ULL(VIRTIO_NET_F_HOST_TSO4) |
	BIT_ULL(VIRTIO_NET_F_HOST_TSO6) | BIT_ULL(VIRTIO_NET_F_HOST_ECN) |
	BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) | BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) |
	BIT_ULL(VIRTIO_NET_F_GUEST_ECN);

u64 vu_dev_offered(const struct vu_dev *dev)
{
	return vu_features | BIT_ULL(VHOST_USER_F_PROTOCOL_FEATURES) |
	       (dev->nr_pairs > 1 ? BIT_ULL(VIRTIO_NET_F_MQ) : 0);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int vu_dev_create(const char *path, unsigned int nr_pairs, struct vu_dev **out)
{
	struct vu_dev *dev = calloc(1, sizeof(*dev));
	int err = dev ? 0 : -ENOMEM;

	if (!err) {
		dev->path = path;
		dev->nr_pairs = nr_pairs;
		err = vhost_net_init(&dev->net, base_name(path), nr_pairs, RING_SIZE_MAX,
				     RING_SIZE_MAX, this_cpu());
	}
	if (err) {
		pr_err("vhost-user: %s: out of memory", path);
		return err;
	}
	snprintf(dev->net.port.name, sizeof(dev->net.port.name), "%s", base_name(path));
	dev->net.port.max_frame = VU_MAX_FRAME;
	vhost_set_mem_table(&dev->net.dev, &dev->mem);
	dev->backend_fd = -1;
	vu_iotlb_clear(dev);
	vu_vrings_init(dev);
	vu_devs[nr_vu_devs++] = dev;
	*out = dev;
	return 0;
}

void vu_dev_forget(struct vu_dev *dev)
{
	vu_vrings_reset(dev);
	vu_mem_clear(dev);
	vu_iotlb_clear(dev);
	if (dev->backend_fd >= 0)
		close(dev->backend_fd);
	dev->backend_fd = -1;
	vhost_set_features(&dev->net.dev, 0, 0);
	vhost_set_mem_table(&dev->net.dev, &dev->mem);
	dev->features = dev->protocol_features = 0;
	dev->status = 0;
}

static void show_ring(const struct vu_dev *dev, unsigned int i)
{
	const struct vhost_vq_stats *s = &dev->net.vq[i].stats;

	console_printf("ring %s %u: kicks=%lu calls=%lu calls_suppressed=%lu chains=%lu bytes=%lu "
		       "copies=%lu broken=%lu\n", dev->net.dev.name, i, s->kicks, s->calls,
		       s->calls_suppressed, s->chains, s->bytes, s->copies, s->broken);
}

void vu_port_show(const struct port *port)
{
	const struct port_stats *s = &port->stats;

	console_printf("port %s: rx_frames=%lu rx_bytes=%lu tx_frames=%lu tx_bytes=%lu\n",
		       port->name, s->rx_frames, s->rx_bytes, s->tx_frames, s->tx_bytes);
	console_printf("port %s:", port->name);
	for (unsigned int i = 0; i < DROP_REASONS; i++)
		console_printf(" drop_%s=%lu", port_drop_name(i), s->drops[i]);
	console_printf("\n");
}

void vu_dev_show(const struct vu_dev *dev)
{
	console_printf("device %s: connections=%lu requests=%lu refused=%lu features=0x%lx\n",
		       dev->net.dev.name, dev->connections, dev->requests, dev->refused,
		       dev->features);
	vu_port_show(&dev->net.port);
	for (unsigned int i = 0; i < 2 * dev->nr_pairs; i++)
		show_ring(dev, i);
}
