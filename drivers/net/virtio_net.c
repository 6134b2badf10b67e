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
			 FEATURE(MAC) | FEATURE(STATUS) | FEATURE(MRG_RXBUF))
#define FEATURES_CSUM	(FEATURE(CSUM) | FEATURE(GUEST_CSUM))
#define FEATURES_TX	(FEATURE(HOST_TSO4) | FEATURE(HOST_TSO6) | FEATURE(HOST_ECN))
#define FEATURES_RX	(FEATURE(GUEST_TSO4) | FEATURE(GUEST_TSO6) | FEATURE(GUEST_ECN))

enum { VECTOR_CONFIG, VECTOR_QUEUES, VECTORS };	/* MSI-X table entries */

/* §5.1.3.1: a feature only with those that it needs; a large frame needs several buffers. */
static u64 features_wanted(u64 agreed)
{
	u64 wanted = FEATURES_BASE | FEATURES_CSUM;

	if (agreed & FEATURE(CSUM))
		wanted |= FEATURES_TX;
	if ((agreed & FEATURE(GUEST_CSUM)) && (agreed & FEATURE(MRG_RXBUF)))
		wanted |= FEATURES_RX;
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

static int vnic_start(struct netdev *dev)
{
	struct vnic *nic = dev->priv;
	u16 config = dev->polled ? VIRTIO_MSI_NO_VECTOR : VECTOR_CONFIG;
	u16 queues = dev->polled ? VIRTIO_MSI_NO_VECTOR : VECTOR_QUEUES;
	int err = negotiate(nic);

	if (!err)
		err = vp_config_vector(&nic->vp, config);
	if (!err)
		err = vnic_rx_start(nic, queues);
	if (!err)
		err = vnic_tx_start(nic, queues);
	if (err)
		return err;
	nic->stuck = 0;
	nic->link_check = false;
	pci_enable(nic->vp.pci);
	vp_ready(&nic->vp);
	vnic_rx_fill(nic);
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
	vnic_tx_stop(nic);
	vnic_rx_stop(nic);
}

static void vnic_irq_enable(struct netdev *dev, bool on)
{
	struct vnic *nic = dev->priv;

	vring_irq_enable(&nic->rx.ring, on);
	spin_lock(&nic->tx.lock);
	vring_irq_enable(&nic->tx.ring, on && nic->tx.irq_wanted);
	spin_unlock(&nic->tx.lock);
}

static void queues_interrupt(void *arg)
{
	struct vnic *nic = arg;

	if (nic->dev.running)
		netdev_interrupt(&nic->dev);
}

static void config_interrupt(void *arg)
{
	struct vnic *nic = arg;

	nic->link_check = true;
	queues_interrupt(nic);
}

static bool vnic_poll(struct netdev *dev, unsigned int budget)
{
	struct vnic *nic = dev->priv;

	if (nic->link_check) {
		nic->link_check = false;
		update_link(nic);
	}
	vnic_tx_poll(nic);
	return vnic_rx_poll(nic, budget);
}

static bool vnic_pending(struct netdev *dev)
{
	const struct vnic *nic = dev->priv;

	return nic->link_check || vring_pending(&nic->rx.ring) || vring_pending(&nic->tx.ring);
}

/* Frames with the device, and none came back for TX_HANG_S seconds. */
static bool tx_stuck(struct vnic *nic)
{
	bool same = nic->tx.frames && nic->tx.reaped == nic->reaped_seen;

	nic->reaped_seen = nic->tx.reaped;
	nic->stuck = same ? nic->stuck + 1 : 0;
	return nic->stuck > TX_HANG_S;
}

static void vnic_watchdog(struct netdev *dev)
{
	struct vnic *nic = dev->priv;

	update_link(nic);
	vnic_tx_reap(nic);
	if (nic->rx.ring.broken || nic->tx.ring.broken) {
		netdev_restart(dev, "the device returned buffers that it did not have");
	} else if (tx_stuck(nic)) {
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

/* INTx is not used: there is no way to have the device assert it, to see where it arrives. */
static void request_irq(struct vnic *nic)
{
	const struct pci_irq_handler msix[VECTORS] = {
		[VECTOR_CONFIG] = { config_interrupt, nic },
		[VECTOR_QUEUES] = { queues_interrupt, nic },
	};
	const struct pci_irq_request req = {
		.name = nic->dev.name, .msix = msix, .nr_msix = VECTORS,
	};
	enum pci_irq_kind kind = pci_request_irq(nic->vp.pci, &req);

	nic->dev.irq = pci_irq_name(kind);
	nic->dev.polled = kind == PCI_IRQ_NONE;
}

static int vnic_setup(struct vnic *nic, struct pci_dev *pci)
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
	err = vnic_rx_alloc(nic);
	if (!err)
		err = vnic_tx_alloc(nic);
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
	err = vnic_setup(nic, pci);
	if (!err) {
		request_irq(nic);
		err = netdev_register(&nic->dev);
		if (err)
			pci_release_irq(pci);
	}
	if (err) {
		vnic_rx_free(nic);
		vnic_tx_free(nic);
		free(nic);
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
