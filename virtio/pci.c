/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-pci: the function, its BARs, interrupts. The common configuration: pci_common.c. */
#include "virtio/pci.h"

#include <errno.h>
#include <string.h>

#include "kernel/guest.h"
#include "kernel/pci_regs.h"
#include "virtio/pci_common.h"
#include "virtio/pci_regs.h"

/* ---- Interrupts: MSI-X entry, or ISR bit and INTx. Any CPU. ---- */

static void interrupt(struct virtio_pci *vp, u16 vector, enum virtio_isr bit)
{
	if (vpci_msix_notify(&vp->pci, vector))	/* there is no entry NO_VECTOR */
		return;
	__atomic_fetch_or(&vp->vdev->isr, bit, __ATOMIC_SEQ_CST);
	vpci_intx(&vp->pci, true);
}

static void queue_called(struct event *call)
{
	struct virtio_queue *q = container_of(call, struct virtio_queue, call);

	interrupt(q->vdev->transport, READ_ONCE(q->vector), VIRTIO_ISR_QUEUE);
}

static void config_irq(struct virtio_dev *vdev)
{
	interrupt(vdev->transport, READ_ONCE(vdev->config_vector), VIRTIO_ISR_CONFIG);
}

/* Reading clears it and lowers the line (§4.1.4.5.1), unless a worker has set it again. */
static u8 isr_read(struct virtio_pci *vp)
{
	u8 isr = __atomic_exchange_n(&vp->vdev->isr, 0, __ATOMIC_SEQ_CST);

	vpci_intx(&vp->pci, false);
	if (__atomic_load_n(&vp->vdev->isr, __ATOMIC_SEQ_CST))
		vpci_intx(&vp->pci, true);
	return isr;
}

/* ---- BAR 4 ---- */

/* Up to 8 bytes of @area at @off; what lies behind its end reads as ones. */
static u64 area_read(const void *area, u64 len, u64 off, unsigned int size)
{
	u64 val = UINT64_MAX;

	if (off < len)
		memcpy(&val, (const u8 *)area + off, MIN((u64)size, len - off));
	return val;
}

static u64 bar4_read(void *dev, u64 off, unsigned int size)
{
	struct virtio_pci *vp = dev;
	struct virtio_pci_common_cfg common;
	u64 area_off = off % VIRTIO_PCI_AREA_SIZE;

	switch (off - area_off) {
	case VIRTIO_PCI_COMMON:
		virtio_pci_common_get(vp, &common);
		return area_read(&common, sizeof(common), area_off, size);
	case VIRTIO_PCI_ISR:
		return area_off ? 0 : isr_read(vp);
	case VIRTIO_PCI_DEVICE:
		return area_read(vp->vdev->config, vp->vdev->config_len, area_off, size);
	default:
		return 0;	/* notification addresses are for writing */
	}
}

/* Doorbells are looked up before this; it serves what they do not take. */
static void notify_write(struct virtio_pci *vp, u64 off)
{
	struct virtio_dev *vdev = vp->vdev;
	u64 queue = off / VIRTIO_PCI_NOTIFY_MULTIPLIER;

	if (queue < vdev->nr_queues)
		event_signal(vhost_get_vring_kick(vdev->vhost, (unsigned int)queue));
	else
		virtio_bad_access(vdev);
}

static void bar4_write(void *dev, u64 off, unsigned int size, u64 val)
{
	struct virtio_pci *vp = dev;
	struct virtio_dev *vdev = vp->vdev;
	u64 area_off = off % VIRTIO_PCI_AREA_SIZE;

	switch (off - area_off) {
	case VIRTIO_PCI_COMMON:
		virtio_pci_common_write(vp, (unsigned int)area_off, size, val);
		break;
	case VIRTIO_PCI_DEVICE:
		if (area_off + size <= vdev->config_len && size <= 4 && vdev->ops->config_write)
			vdev->ops->config_write(vdev, (unsigned int)area_off, size, (u32)val);
		else
			virtio_bad_access(vdev);
		break;
	case VIRTIO_PCI_NOTIFY:
		notify_write(vp, area_off);
		break;
	default:
		virtio_bad_access(vdev);
	}
}

/* ---- BAR 2: nothing to read; written here is what rings no doorbell ---- */

static u64 pio_read(void *dev, u64 off, unsigned int size)
{
	return 0;
}

static void pio_write(void *dev, u64 off, unsigned int size, u64 val)
{
	notify_write(dev, off);
}

/* ---- BAR 1 ---- */

static u64 msix_read(void *dev, u64 off, unsigned int size)
{
	return vpci_msix_read(&((struct virtio_pci *)dev)->pci, off, size);
}

static void msix_write(void *dev, u64 off, unsigned int size, u64 val)
{
	vpci_msix_write(&((struct virtio_pci *)dev)->pci, off, size, val);
}

static const struct io_ops bar4_ops = { .read = bar4_read, .write = bar4_write };
static const struct io_ops pio_ops = { .read = pio_read, .write = pio_write };
static const struct io_ops msix_ops = { .read = msix_read, .write = msix_write };

/* ---- Mapping ---- */

/* What BARs hold, those that the function has. */
static const struct bar {
	const struct io_ops *ops;
	bool pio;
	bool bells;		/* from @notify on */
	u64 notify;
} bars[VPCI_BARS] = {
	[VIRTIO_PCI_MSIX_BAR] = { .ops = &msix_ops },
	[VIRTIO_PCI_PIO_BAR] = { .ops = &pio_ops, .pio = true, .bells = true },
	[VIRTIO_PCI_BAR] = { .ops = &bar4_ops, .bells = true, .notify = VIRTIO_PCI_NOTIFY },
};

static struct io_space *bar_space(struct virtio_pci *vp, const struct bar *b)
{
	return b->pio ? &vp->guest->pio : &vp->guest->mmio;
}

static u64 doorbell_addr(const struct bar *b, u64 at, unsigned int queue)
{
	return at + b->notify + queue * VIRTIO_PCI_NOTIFY_MULTIPLIER;
}

static void doorbells_remove(struct virtio_pci *vp, const struct bar *b, u64 at, unsigned int n)
{
	while (n--)
		doorbell_remove(&vp->guest->doorbells, b->pio, doorbell_addr(b, at, n));
}

static int doorbells_add(struct virtio_pci *vp, const struct bar *b, u64 at)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < vp->vdev->nr_queues; i++) {
		err = doorbell_add(&vp->guest->doorbells, b->pio, doorbell_addr(b, at, i),
				   VIRTIO_PCI_NOTIFY_MULTIPLIER,
				   vhost_get_vring_kick(vp->vdev->vhost, i));
		if (err)
			doorbells_remove(vp, b, at, i);
	}
	return err;
}

static int bar_map(struct vpci_dev *pci, unsigned int bar, u64 at)
{
	struct virtio_pci *vp = pci->owner;
	const struct bar *b = &bars[bar];
	int err = io_add(bar_space(vp, b), at, pci->bar[bar].size, b->ops, vp, pci->name);

	if (err || !b->bells)
		return err;
	err = doorbells_add(vp, b, at);
	if (err)
		io_remove(bar_space(vp, b), at, vp);
	return err;
}

static void bar_unmap(struct vpci_dev *pci, unsigned int bar, u64 at)
{
	struct virtio_pci *vp = pci->owner;
	const struct bar *b = &bars[bar];

	if (b->bells)
		doorbells_remove(vp, b, at, vp->vdev->nr_queues);
	io_remove(bar_space(vp, b), at, vp);
}

/* ---- Configuration access capability, §4.1.4.9 ---- */

/* The access that the capability describes, if it is one: aligned, and inside a BAR. */
static bool cfg_window(const struct virtio_pci *vp, const struct io_ops **ops, u32 *off, u32 *len)
{
	struct virtio_pci_cap cap;
	u64 bar_size;

	memcpy(&cap, &vp->pci.cfg[vp->cfg_cap], sizeof(cap));
	*off = le32_to_cpu(cap.offset);
	*len = le32_to_cpu(cap.length);
	bar_size = cap.bar < VPCI_BARS ? vp->pci.bar[cap.bar].size : 0;
	if (!bar_size)
		return false;
	*ops = bars[cap.bar].ops;
	return (*len == 1 || *len == 2 || *len == 4) && *off % *len == 0 && *off < bar_size;
}

static u8 *cfg_data(struct virtio_pci *vp)
{
	return &vp->pci.cfg[vp->cfg_cap + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data)];
}

static bool touches_cfg_data(const struct virtio_pci *vp, unsigned int off, unsigned int size)
{
	unsigned int data = vp->cfg_cap + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);

	return off < data + 4 && data < off + size;
}

static void cfg_read(struct vpci_dev *pci, unsigned int off, unsigned int size)
{
	struct virtio_pci *vp = pci->owner;
	const struct io_ops *ops;
	u32 bar_off, len, val;

	if (!touches_cfg_data(vp, off, size))
		return;
	if (!cfg_window(vp, &ops, &bar_off, &len)) {
		virtio_bad_access(vp->vdev);
		return;
	}
	val = (u32)ops->read(vp, bar_off, len);
	memcpy(cfg_data(vp), &val, len);
}

static void cfg_write(struct vpci_dev *pci, unsigned int off, unsigned int size)
{
	struct virtio_pci *vp = pci->owner;
	const struct io_ops *ops;
	u32 bar_off, len, val = 0;

	if (!touches_cfg_data(vp, off, size))
		return;
	if (!cfg_window(vp, &ops, &bar_off, &len)) {
		virtio_bad_access(vp->vdev);
		return;
	}
	memcpy(&val, cfg_data(vp), len);
	ops->write(vp, bar_off, len, val);
}

/* As kernels do before they start another one (kexec): the rings' memory is not ours then. */
static void master_off(struct vpci_dev *pci)
{
	virtio_detach(((struct virtio_pci *)pci->owner)->vdev);
}

static const struct vpci_ops pci_ops = {
	.bar_map = bar_map, .bar_unmap = bar_unmap, .cfg_read = cfg_read, .cfg_write = cfg_write,
	.master_off = master_off,
};

/* ---- Creation ---- */

/* A virtio capability; the part behind the common header comes from @cap too. */
static int add_cap_at(struct virtio_pci *vp, void *body, u8 len, u8 type, u8 bar, u32 offset,
		      u32 length)
{
	struct virtio_pci_cap *cap = body;

	*cap = (struct virtio_pci_cap){
		.cap_len = len, .cfg_type = type, .bar = bar,
		.offset = cpu_to_le32(offset), .length = cpu_to_le32(length),
	};
	return vpci_add_cap(&vp->pci, PCI_CAP_ID_VENDOR, (u8 *)body + 2, len - 2u);
}

static int add_cap(struct virtio_pci *vp, void *body, u8 len, u8 type, u32 offset, u32 length)
{
	return add_cap_at(vp, body, len, type, VIRTIO_PCI_BAR, offset, length);
}

static int add_cfg_cap(struct virtio_pci *vp)
{
	struct virtio_pci_cfg_cap cap = { 0 };
	int off = add_cap_at(vp, &cap, sizeof(cap), VIRTIO_PCI_CAP_PCI_CFG, 0, 0, 0);
	unsigned int at = (unsigned int)off;

	if (off < 0)
		return off;
	vp->cfg_cap = at;
	vpci_set_writable(&vp->pci, at + offsetof(struct virtio_pci_cap, bar), 1);
	vpci_set_writable(&vp->pci, at + offsetof(struct virtio_pci_cap, offset), 8);
	vpci_set_writable(&vp->pci, at + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data), 4);
	return 0;
}

/*
 * Drivers take the first capability of a kind that they can use (§4.1.4), and who cannot do I/O
 * space the one after it. What is added last is first in the list.
 */
static int add_notify_caps(struct virtio_pci *vp)
{
	struct virtio_pci_notify_cap notify = {
		.notify_off_multiplier = cpu_to_le32(VIRTIO_PCI_NOTIFY_MULTIPLIER),
	};
	u32 ports = (u32)vp->pci.bar[VIRTIO_PCI_PIO_BAR].size;
	int err = add_cap(vp, &notify, sizeof(notify), VIRTIO_PCI_CAP_NOTIFY_CFG,
			  VIRTIO_PCI_NOTIFY, VIRTIO_PCI_AREA_SIZE);

	if (err < 0 || !ports)
		return err;
	return add_cap_at(vp, &notify, sizeof(notify), VIRTIO_PCI_CAP_NOTIFY_CFG,
			  VIRTIO_PCI_PIO_BAR, 0, ports);
}

static int add_caps(struct virtio_pci *vp)
{
	struct virtio_pci_cap cap;
	int err = add_cfg_cap(vp);

	if (err >= 0)
		err = add_notify_caps(vp);
	if (err >= 0)
		err = add_cap(vp, &cap, sizeof(cap), VIRTIO_PCI_CAP_DEVICE_CFG, VIRTIO_PCI_DEVICE,
			      VIRTIO_PCI_AREA_SIZE);
	if (err >= 0)
		err = add_cap(vp, &cap, sizeof(cap), VIRTIO_PCI_CAP_ISR_CFG, VIRTIO_PCI_ISR,
			      VIRTIO_PCI_AREA_SIZE);
	if (err >= 0)
		err = add_cap(vp, &cap, sizeof(cap), VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_PCI_COMMON,
			      VIRTIO_PCI_AREA_SIZE);
	return MIN(err, 0);
}

/* Without room for it the device does without: no error. */
static void add_pio_bar(struct virtio_pci *vp)
{
	u64 size = VIRTIO_PCI_NOTIFY_MULTIPLIER;

	while (size < vp->vdev->nr_queues * VIRTIO_PCI_NOTIFY_MULTIPLIER)
		size *= 2;
	(void)vpci_add_io_bar(&vp->pci, VIRTIO_PCI_PIO_BAR, size);
}

static int add_bars(struct virtio_pci *vp, unsigned int vectors)
{
	int err = vpci_add_bar(&vp->pci, VIRTIO_PCI_BAR, VIRTIO_PCI_BAR_SIZE, true, false);

	if (err || !vectors)
		return err;
	err = vpci_add_bar(&vp->pci, VIRTIO_PCI_MSIX_BAR, VIRTIO_PCI_MSIX_BAR_SIZE, false, false);
	if (err)
		return err;
	return vpci_add_msix(&vp->pci, vectors, VIRTIO_PCI_MSIX_BAR, VIRTIO_PCI_MSIX_TABLE,
			     VIRTIO_PCI_MSIX_PBA);
}

int virtio_pci_create(struct virtio_pci *vp, struct guest *guest, struct virtio_dev *vdev,
		      unsigned int devfn, u32 class, unsigned int vectors, bool pio_notify,
		      const char *name)
{
	const struct vpci_id id = {
		.vendor = VIRTIO_PCI_VENDOR, .device = VIRTIO_PCI_DEVICE_BASE + vdev->device_id,
		.subsys_vendor = VIRTIO_PCI_VENDOR, .subsys = VIRTIO_PCI_SUBSYSTEM,
		.revision = VIRTIO_PCI_REVISION, .class = class,
	};
	int err;

	*vp = (struct virtio_pci){ .vdev = vdev, .guest = guest };
	vdev->transport = vp;
	vdev->config_irq = config_irq;
	for (unsigned int i = 0; i < vdev->nr_queues; i++)
		event_init(&vdev->queue[i].call, queue_called);
	err = vpci_add(guest->pci, &vp->pci, devfn, &id, &pci_ops, vp, name);
	if (err)
		return err;
	if (pio_notify)
		add_pio_bar(vp);
	err = add_caps(vp);
	if (!err)
		err = add_bars(vp, vectors);
	if (err)
		vpci_remove(&vp->pci);
	return err;
}

void virtio_pci_destroy(struct virtio_pci *vp)
{
	vpci_remove(&vp->pci);
}
