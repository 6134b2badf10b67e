/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net on the console: a line for the device, one for each queue. */
#include "kernel/console.h"
#include "virtio/net.h"
#include "virtio/net_dev.h"

static void show_queue(const struct virtio_net *net, unsigned int i, const char *name)
{
	const struct vhost_virtqueue *vq = &net->vhost.vq[i];
	const struct vhost_vq_stats *s = &vq->stats;

	console_printf("vhost %s queue %u: name=%s state=%s size=%u kicks=%lu kicks_coalesced=%lu "
		       "calls=%lu calls_suppressed=%lu runs=%lu requeues=%lu chains=%lu "
		       "bytes=%lu copies=%lu copied_bytes=%lu broken=%lu\n",
		       net->vhost.dev.name, i, name,
		       !vq->enabled ? "stopped" : vq->ring.broken ? "broken" : "running",
		       net->queue[i].size, s->kicks,
		       s->kicks_coalesced, s->calls,
		       s->calls_suppressed, s->runs,
		       s->requeues, s->chains,
		       s->bytes, s->copies,
		       s->copied_bytes, s->broken);
	console_printf("vhost %s queue %u: batches", net->vhost.dev.name, i);
	for (unsigned int b = 0; b < VHOST_BATCH_BUCKETS; b++)
		console_printf(" %u=%lu", 1u << b, s->batch[b]);
	console_printf("\n");
}

void virtio_net_show(const struct virtio_net *net)
{
	const struct virtio_dev *vdev = &net->vdev;
	const struct vpci_dev *pci = &net->pci.pci;

	console_printf("vhost %s: status=0x%x features=0x%lx in_flight=%u msix=%s msi_sent=%lu "
		       "msi_masked=%lu msi_bad=%lu intx=%lu bar_conflicts=%lu bad_accesses=%lu\n",
		       net->vhost.dev.name, vdev->status, vdev->driver,
		       net->vhost.tx->in_flight, vpci_msix_enabled(pci) ? "on" : "off",
		       pci->msi_sent, pci->msi_masked,
		       pci->msi_bad, pci->intx_raised,
		       pci->bar_conflicts, vdev->bad_accesses);
	show_queue(net, VIRTIO_NET_RX, "rx");
	show_queue(net, VIRTIO_NET_TX, "tx");
}
