/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net on the console: a line for the device, one for each queue. */
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "virtio/net.h"
#include "virtio/net_dev.h"

static void show_queue(const struct virtio_net *net, unsigned int i)
{
	const char *name = i % VHOST_NET_QUEUES == VIRTIO_NET_RX ? "rx" : "tx";
	const struct vhost_virtqueue *vq = &net->vhost.vq[i];
	const struct vhost_vq_stats *s = &vq->stats;

	console_printf("vhost %s queue %u: name=%s state=%s size=%u kicks=%lu kicks_coalesced=%lu "
		       "calls=%lu calls_suppressed=%lu runs=%lu requeues=%lu chains=%lu "
		       "bytes=%lu copies=%lu copied_bytes=%lu drops=%lu broken=%lu\n",
		       net->vhost.dev.name, i, name,
		       !vq->enabled ? "stopped" : vq->ring.broken ? "broken" : "running",
		       net->queue[i].size, s->kicks,
		       s->kicks_coalesced, s->calls,
		       s->calls_suppressed, s->runs,
		       s->requeues, s->chains,
		       s->bytes, s->copies,
		       s->copied_bytes, s->drops, s->broken);
	console_printf("vhost %s queue %u: cpu=%u", net->vhost.dev.name, i, vq->work.cpu->id);
	for (unsigned int b = 0; b < VHOST_BATCH_BUCKETS; b++)
		console_printf(" batch_%u=%lu", 1u << b, s->batch[b]);
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
	for (unsigned int i = 0; i < net->vhost.nr_pairs * VHOST_NET_QUEUES; i++)
		show_queue(net, i);
}
