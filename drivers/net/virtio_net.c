/* SPDX-License-Identifier: BSD-2-Clause */
/* The device: finding it, agreeing on features, watching it. Sections (§) of virtio 1.2. */
#include "drivers/net/virtio_net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/log.h"
#include "virtio/pci_regs.h"
#include "virtio/virtio.h"

#define TX_HANG_S	2

#define FEATURE(name)	BIT_ULL(VIRTIO_NET_F_##name)
#define FEATURES_BASE	(BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) | \
			 BIT_ULL(VIRTIO_F_INDIRECT_DESC) | \
			 FEATURE(MAC) | FEATURE(STATUS) | FEATURE(MRG_RXBUF) | FEATURE(CTRL_VQ))
#define FEATURES_CSUM	(FEATURE(CSUM) | FEATURE(GUEST_CSUM))
#define FEATURES_TX	(FEATURE(HOST_TSO4) | FEATURE(HOST_TSO6) | FEATURE(HOST_ECN))
#define FEATURES_MQ	(FEATURE(MQ) | FEATURE(RSS))
#define FEATURES_RX	(FEATURE(GUEST_TSO4) | FEATURE(GUEST_TSO6) | FEATURE(GUEST_ECN))

enum { VECTOR_CONFIG, VECTOR_QUEUES };	/* MSI-X table entries; one for each queue pair */

/* §5.1.3.1: a feature only with those that it needs; a large frame needs several buffers. */
static u64 features_wanted(u64 agreed)
{
	u64 wanted = FEATURES_BASE | FEATURES_CSUM;

	if (agreed & FEATURE(CSUM))
		wanted |= FEATURES_TX;
	if ((agreed & FEATURE(GUEST_CSUM)) && (agreed & FEATURE(MRG_RXBUF)))
		wanted |= FEATURES_RX;
	if (agreed & FEATURE(CTRL_VQ))
		wanted |= FEATURE(CTRL_RX) | FEATURES_MQ;
	return wanted;
}

/* What can be had of the device does not change: looked at once, and asked for at each start. */
static int negotiate(struct vnic *nic)
{
	int err = vp_reset(&nic->vp);

	if (!err)
		err = vp_negotiate(&nic->vp, nic->features, &nic->features);
	return err;
}

static int find_features(struct vnic *nic)
{
	u64 base;
	int err = vp_reset(&nic->vp);

	if (!err)
		err = vp_negotiate(&nic->vp, FEATURES_BASE | FEATURES_CSUM, &base);
	if (err)
		return err;
	nic->features = features_wanted(base);
	return negotiate(nic);
}

static u16 offloads(const struct vnic *nic)
{
	static const struct { u8 feature; u16 flag; } table[] = {
		{ VIRTIO_NET_F_CSUM, FRAME_NEEDS_CSUM },
		{ VIRTIO_NET_F_HOST_TSO4, FRAME_TSO4 },
		{ VIRTIO_NET_F_HOST_TSO6, FRAME_TSO6 },
		{ VIRTIO_NET_F_HOST_ECN, FRAME_TSO_ECN },
	};
	u16 flags = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(table); i++)
		if (vnic_has(nic, table[i].feature))
			flags |= table[i].flag;
	return flags;
}

/* §5.1.4: without STATUS the link is always up. Its speed is nobody's business but the host's. */
static void update_link(struct vnic *nic)
{
	u16 status = VIRTIO_NET_S_LINK_UP;

	if (vnic_has(nic, VIRTIO_NET_F_STATUS))
		status = vp_config_read16(&nic->vp, offsetof(struct virtio_net_config, status));
	netdev_set_link(&nic->dev, status & VIRTIO_NET_S_LINK_UP, 0);
}

/* The MSI-X table entry of @entry, if there is a table. */
static u16 vector(const struct vnic *nic, unsigned int entry)
{
	return nic->vp.pci->irq.kind == PCI_IRQ_MSIX ? (u16)entry : VIRTIO_MSI_NO_VECTOR;
}

/* The device has what it needs, and is not running yet. */
static int start_queues(struct vnic *nic)
{
	int err = vp_config_vector(&nic->vp, vector(nic, VECTOR_CONFIG));

	for (unsigned int i = 0; i < nic->dev.nr_queues && !err; i++) {
		struct vnic_queue *q = nic->queue[i];

		q->stuck = 0;
		err = vnic_rx_start(q, vector(nic, VECTOR_QUEUES + i));
		if (!err)
			err = vnic_tx_start(q, vector(nic, VECTOR_QUEUES + i));
	}
	return err;
}

static int start_device(struct vnic *nic)
{
	int err = negotiate(nic);

	if (!err)
		err = start_queues(nic);
	if (!err)
		err = vnic_ctrl_start(nic);
	if (err)
		return err;
	pci_enable(nic->vp.pci);
	vp_ready(&nic->vp);
	return vnic_ctrl_configure(nic);
}

/* The device has the first pair alone, or will be told so. Others stay where they are, unused. */
static void one_queue(struct vnic *nic)
{
	nic->dev.nr_queues = 1;
	nic->features &= ~FEATURES_MQ;
}

static int vnic_start(struct netdev *dev)
{
	struct vnic *nic = dev->priv;
	int err = start_device(nic);

	if (err == -EPROTO) {
		one_queue(nic);
		err = start_device(nic);
	}
	if (err)
		return err;
	nic->link_check = false;
	for (unsigned int i = 0; i < dev->nr_queues; i++) {
		vnic_rx_refill(nic->queue[i]);
		vnic_tx_run(nic->queue[i]);
	}
	update_link(nic);
	return 0;
}

static void vnic_stop(struct netdev *dev)
{
	struct vnic *nic = dev->priv;

	if (vp_reset(&nic->vp) != 0) {
		/* Nothing else is sure to end its DMA; the frames' memory may be used anew. */
		pr_err("virtio: %s: bus mastering switched off", dev->name);
		pci_disable(nic->vp.pci);
	}
	for (unsigned int i = 0; i < dev->nr_queues; i++) {
		vnic_tx_stop(nic->queue[i]);
		vnic_rx_stop(nic->queue[i]);
	}
}

static void vnic_irq_enable(struct netdev_queue *nq, bool on)
{
	struct vnic_queue *q = vnic_queue(nq);

	vring_irq_enable(&q->rx.ring, on);
	spin_lock(&q->tx.lock);
	vring_irq_enable(&q->tx.ring, on && q->tx.irq_wanted);
	spin_unlock(&q->tx.lock);
}

static void queue_interrupt(void *arg)
{
	struct vnic_queue *q = arg;

	if (q->nic->dev.running)
		netdev_interrupt(&q->nq);
}

static void config_interrupt(void *arg)
{
	struct vnic *nic = arg;

	nic->link_check = true;
	queue_interrupt(nic->queue[0]);
}

/* It may be shared. */
static void intx_interrupt(void *arg)
{
	struct vnic *nic = arg;
	u8 isr = vp_isr(&nic->vp);

	if (!isr)
		return;
	if (isr & VIRTIO_ISR_CONFIG)
		nic->link_check = true;
	queue_interrupt(nic->queue[0]);
}

static bool vnic_poll(struct netdev_queue *nq, unsigned int budget)
{
	struct vnic_queue *q = vnic_queue(nq);
	struct vnic *nic = q->nic;

	if (nic->link_check && nq->index == 0) {
		nic->link_check = false;
		update_link(nic);
	}
	vnic_tx_poll(q);
	return vnic_rx_poll(q, budget);
}

static bool vnic_pending(struct netdev_queue *nq)
{
	const struct vnic_queue *q = vnic_queue(nq);

	return (q->nic->link_check && nq->index == 0) || vring_pending(&q->rx.ring) ||
	       vring_pending(&q->tx.ring);
}

/* Frames with the device, and none came back for TX_HANG_S seconds. */
static bool tx_stuck(struct vnic_queue *q)
{
	bool same = q->tx.frames && q->tx.reaped == q->reaped_seen;

	q->reaped_seen = q->tx.reaped;
	q->stuck = same ? q->stuck + 1 : 0;
	return q->stuck > TX_HANG_S;
}

static void vnic_watchdog(struct netdev *dev)
{
	struct vnic *nic = dev->priv;
	bool broken = false, stuck = false;

	update_link(nic);
	for (unsigned int i = 0; i < dev->nr_queues; i++) {
		struct vnic_queue *q = nic->queue[i];

		vnic_tx_reap(q);
		broken |= q->rx.ring.broken || q->tx.ring.broken;
		stuck |= tx_stuck(q);
	}
	if (broken) {
		netdev_restart(dev, "the device returned buffers that it did not have");
	} else if (stuck) {
		dev->stats.tx_hangs += dev->link_up;
		netdev_restart(dev, dev->link_up ? "transmit hang" : "frames pending without link");
	}
}

static const struct netdev_ops vnic_ops = {
	.start = vnic_start,
	.stop = vnic_stop,
	.tx = vnic_tx,
	.tx_flush = vnic_tx_flush,
	.poll = vnic_poll,
	.pending = vnic_pending,
	.irq_enable = vnic_irq_enable,
	.watchdog = vnic_watchdog,
};

/* ---- Found ---- */

/* Pairs of use: there have to be an MSI-X table entry and a CPU for each. */
static unsigned int nr_pairs(struct vnic *nic)
{
	unsigned int entries = pci_msix_entries(nic->vp.pci);

	nic->max_pairs = 1;
	if (nic->features & FEATURES_MQ)
		nic->max_pairs = vp_config_read16(&nic->vp, offsetof(struct virtio_net_config,
								     max_virtqueue_pairs));
	return netdev_queues(MIN(nic->max_pairs, MAX(entries, VECTOR_QUEUES + 1u) - VECTOR_QUEUES));
}

static int add_queues(struct vnic *nic, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct vnic_queue *q = calloc(1, sizeof(*q));

		if (!q)
			return -ENOMEM;
		q->nic = nic;
		nic->queue[i] = q;
		netdev_add_queue(&nic->dev, &q->nq);
	}
	return 0;
}

static int alloc_rings(struct vnic *nic)
{
	int err = 0;

	for (unsigned int i = 0; i < nic->dev.nr_queues && !err; i++) {
		err = vnic_rx_alloc(nic->queue[i]);
		if (!err)
			err = vnic_tx_alloc(nic->queue[i]);
	}
	return err;
}

void vnic_free(struct vnic *nic)
{
	for (unsigned int i = 0; i < NETDEV_QUEUES_MAX && nic->queue[i]; i++) {
		vnic_rx_free(nic->queue[i]);
		vnic_tx_free(nic->queue[i]);
		free(nic->queue[i]);
	}
	vnic_ctrl_free(nic);
	free(nic);
}

/* The device runs as far as it has to, to carry out commands. */
static int provoking_start(struct vnic *nic)
{
	int err = negotiate(nic);

	if (!err)
		err = vnic_ctrl_start(nic);
	if (err)
		return err;
	pci_enable(nic->vp.pci);
	vp_ready(&nic->vp);
	nic->provoking = true;
	return 0;
}

/* For pci_request_irq(): an interrupt to look for. If there is none, none is found. */
static void provoke(void *arg, bool on)
{
	struct vnic *nic = arg;

	if (!on)
		vp_isr(&nic->vp);
	else if (nic->provoking || provoking_start(nic) == 0)
		vnic_ctrl_provoke(nic);
}

/* INTx is found by a command that does nothing else, as all frames are received anyway. */
static void request_irq(struct vnic *nic)
{
	struct pci_irq_handler msix[VECTOR_QUEUES + NETDEV_QUEUES_MAX];
	struct pci_irq_request req = { .name = nic->dev.name, .msix = msix };
	enum pci_irq_kind kind;

	msix[VECTOR_CONFIG] = (struct pci_irq_handler){ config_interrupt, nic,
							nic->queue[0]->nq.poll_work.cpu };
	for (unsigned int i = 0; i < nic->dev.nr_queues; i++)
		msix[VECTOR_QUEUES + i] = (struct pci_irq_handler){
			queue_interrupt, nic->queue[i], nic->queue[i]->nq.poll_work.cpu,
		};
	req.nr_msix = VECTOR_QUEUES + nic->dev.nr_queues;
	if (nic->vp.isr && vnic_has(nic, VIRTIO_NET_F_CTRL_RX)) {
		req.any = (struct pci_irq_handler){ intx_interrupt, nic, NULL };
		req.provoke = provoke;
	}
	kind = pci_request_irq(nic->vp.pci, &req);
	if (nic->provoking)
		vp_reset(&nic->vp);
	nic->provoking = false;
	nic->dev.irq = pci_irq_name(kind);
	nic->dev.polled = kind == PCI_IRQ_NONE;
	if (kind != PCI_IRQ_MSIX)
		one_queue(nic);
}

static int setup_device(struct vnic *nic, struct pci_dev *pci)
{
	int err = vp_init(&nic->vp, pci, nic->dev.name);

	if (!err)
		err = find_features(nic);
	if (err)
		return err;
	if (!vnic_has(nic, VIRTIO_NET_F_MAC)) {
		pr_err("virtio: %s: the device has no MAC address", nic->dev.name);
		return -ENODEV;
	}
	for (unsigned int i = 0; i < sizeof(nic->dev.mac); i++)
		nic->dev.mac[i] = vp_config_read8(&nic->vp, i);
	nic->dev.offloads = offloads(nic);
	return 0;
}

static int setup_queues(struct vnic *nic)
{
	int err = add_queues(nic, nr_pairs(nic));

	if (!err) {
		if (nic->dev.nr_queues == 1)
			one_queue(nic);
		else if (!vnic_rss_usable(nic))
			nic->features &= ~FEATURE(RSS);
		err = vnic_ctrl_alloc(nic);
	}
	if (!err) {
		request_irq(nic);
		err = alloc_rings(nic);
	}
	if (err)
		pr_err("virtio: %s: %s", nic->dev.name, err == -ENOMEM ?
		       "out of memory for rings and buffers" : "its queues are too short");
	return err;
}

static int vnic_probe(struct pci_dev *pci)
{
	static unsigned int found;
	struct vnic *nic = calloc(1, sizeof(*nic));
	int err;

	if (!nic) {
		pr_err("virtio: out of memory");
		return -ENOMEM;
	}
	snprintf(nic->dev.name, sizeof(nic->dev.name), "virtio.%u", found);
	nic->dev.ops = &vnic_ops;
	nic->dev.priv = nic;
	err = setup_device(nic, pci);
	if (!err)
		err = setup_queues(nic);
	if (!err)
		err = netdev_register(&nic->dev);
	if (err) {
		pci_release_irq(pci);
		vnic_free(nic);
		return err;
	}
	found++;
	pci->drvdata = nic;
	return 0;
}

static const struct pci_id vnic_ids[] = {	/* §4.1.2 */
	{ VIRTIO_PCI_VENDOR, VIRTIO_PCI_DEVICE_BASE + VIRTIO_ID_NET },
	{ VIRTIO_PCI_VENDOR, 0x1000 },		/* transitional */
	{ 0 },
};

const struct pci_driver virtio_net_driver = {
	.name = "virtio-net",
	.ids = vnic_ids,
	.probe = vnic_probe,
};
