/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net on the console: a line for the device, one for each queue. */
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "virtio/net.h"
#include "virtio/net_dev.h"
#include "virtio/vhost_worker.h"

static void show_worker(const struct virtio_net *net, unsigned int i)
{
	const struct vhost_virtqueue *vq = &net->vhost.vq[i];
	const struct poller *p = &vq->poller;

	console_printf("vhost %s queue %u: worker=", net->vhost.dev.name, i);
	if (vq->worker)
		console_printf("%u", vq->worker->id);
	else
		console_printf("none");
	console_printf(" poll_us=%lu looks=%lu found=%lu rests=%lu\n",
		       (u64)(vq->poll_ns / NSEC_PER_USEC), p->looks, p->found, p->rests);
}

static const char *queue_name(const struct virtio_net *net, unsigned int i)
{
	if (i == VHOST_NET_QUEUES * net->vhost.nr_pairs)
		return "ctrl";
	return i % VHOST_NET_QUEUES == VIRTIO_NET_RX ? "rx" : "tx";
}

static void show_queue(const struct virtio_net *net, unsigned int i)
{
	const char *name = queue_name(net, i);
	const struct vhost_virtqueue *vq = &net->vhost.vq[i];
	const struct vhost_vq_stats *s = &vq->stats;

	console_printf("vhost %s queue %u: name=%s state=%s size=%u kicks=%lu kicks_coalesced=%lu "
		       "calls=%lu calls_suppressed=%lu runs=%lu requeues=%lu chains=%lu "
		       "bytes=%lu copies=%lu copied_bytes=%lu drops=%lu broken=%lu\n",
		       net->vhost.dev.name, i, name,
		       !vq->enabled ? "stopped" : vq->ring.broken ? "broken" : "running",
		       vq->num, s->kicks,
		       s->kicks_coalesced, s->calls,
		       s->calls_suppressed, s->runs,
		       s->requeues, s->chains,
		       s->bytes, s->copies,
		       s->copied_bytes, s->drops, s->broken);
	show_worker(net, i);
	console_printf("vhost %s queue %u: cpu=%u", net->vhost.dev.name, i, vq->work.cpu->id);
	for (unsigned int b = 0; b < VHOST_BATCH_BUCKETS; b++)
		console_printf(" batch_%u=%lu", 1u << b, s->batch[b]);
	console_printf("\n");
}

static unsigned int in_flight(const struct virtio_net *net)
{
	unsigned int n = 0;

	for (unsigned int p = 0; p < net->vhost.nr_pairs; p++)
		n += net->vhost.tx[p].in_flight;
	return n;
}

/* What comes of there being several pairs, and a control queue. */
static void show_pairs(const struct virtio_net *net)
{
	const struct net_steer_stats steer = net_steer_stats(&net->vhost);

	console_printf("vhost %s: pairs=%u pairs_used=%u rx_by_flow=%lu rx_by_hash=%lu "
		       "ctrl_commands=%lu ctrl_refused=%lu queue_bytes=%lu\n",
		       net->vhost.dev.name, net->vhost.nr_pairs, net_pairs(&net->vhost),
		       steer.by_flow, steer.by_hash, net->ctrl_stats.commands,
		       net->ctrl_stats.refused, vhost_net_memory(&net->vhost));
}

void virtio_net_show(const struct virtio_net *net)
{
	const struct virtio_dev *vdev = &net->vdev;
	const struct vpci_dev *pci = &net->pci.pci;

	console_printf("vhost %s: status=0x%x features=0x%lx in_flight=%u msix=%s msi_sent=%lu "
		       "msi_masked=%lu msi_bad=%lu intx=%lu bar_conflicts=%lu bad_accesses=%lu\n",
		       net->vhost.dev.name, vdev->status, vdev->driver,
		       in_flight(net), vpci_msix_enabled(pci) ? "on" : "off",
		       pci->msi_sent, pci->msi_masked,
		       pci->msi_bad, pci->intx_raised,
		       pci->bar_conflicts, vdev->bad_accesses);
	show_pairs(net);
	for (unsigned int i = 0; i < net->vhost.dev.nvqs; i++)
		show_queue(net, i);
}
