/* SPDX-License-Identifier: BSD-2-Clause */
#include "nic.h"

/* ---- Modern virtio-pci: virtio 1.2, 4.1 ---- */

enum { CAP_VENDOR = 9, CAP_MSIX = 0x11 };
enum { CFG_COMMON = 1, CFG_NOTIFY = 2, CFG_ISR = 3, CFG_DEVICE = 4 };
enum {	/* common configuration, byte offsets: 4.1.4.3 */
	DEVICE_FEATURE_SELECT = 0, DEVICE_FEATURE = 4, DRIVER_FEATURE_SELECT = 8,
	DRIVER_FEATURE = 12, MSIX_CONFIG = 16, NUM_QUEUES = 18, STATUS = 20, QUEUE_SELECT = 22,
	QUEUE_SIZE = 24, QUEUE_VECTOR = 26, QUEUE_ENABLE = 28, QUEUE_NOTIFY_OFF = 30,
	QUEUE_DESC = 32, QUEUE_DRIVER = 40, QUEUE_DEVICE = 48,
};
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
enum { VIRTIO_NET_F_MAC = 5 };

static bool cap_is_io(u32 devfn, u32 cap)
{
	return pci_read(devfn, 0x10 + 4 * (pci_read(devfn, cap + 4) & 0xff)) & 1;
}

static u64 cap_address(u32 devfn, u32 cap)
{
	return pci_bar(devfn, pci_read(devfn, cap + 4) & 0xff) + pci_read(devfn, cap + 8);
}

static void find_caps(struct nic *n)
{
	u32 cap = 0;

	while ((cap = pci_cap(n->devfn, CAP_VENDOR, cap)) != 0) {
		switch (pci_read(n->devfn, cap) >> 24) {
		case CFG_COMMON:
			n->common = cap_address(n->devfn, cap);
			break;
		case CFG_NOTIFY:
			if (cap_is_io(n->devfn, cap)) {
				check(!n->notify, "memory before I/O space");
				n->ports = cap_address(n->devfn, cap);
			} else {
				n->notify = cap_address(n->devfn, cap);
			}
			n->notify_multiplier = pci_read(n->devfn, cap + 16);
			break;
		case CFG_DEVICE:
			n->device = cap_address(n->devfn, cap);
			break;
		}
	}
	check(n->common && n->notify && n->device && n->ports, "a virtio capability is missing");
}

static void msix(struct nic *n, u8 vector)
{
	u32 cap = pci_cap(n->devfn, CAP_MSIX, 0), at = pci_read(n->devfn, cap + 4);
	u64 table = pci_bar(n->devfn, at & 7) + (at & ~7u);

	write32(table, 0xfee00000);
	write32(table + 4, 0);
	write32(table + 8, vector);
	write32(table + 12, 0);
	pci_write(n->devfn, cap, pci_read(n->devfn, cap) | 1u << 31);
}

static void setup_queue(struct nic *n, u16 index)
{
	struct queue *q = &n->queue[index];
	u16 size;

	write16(n->common + QUEUE_SELECT, index);
	size = read16(n->common + QUEUE_SIZE);
	check(size >= NIC_RING, "queue of %u", size);
	write16(n->common + QUEUE_SIZE, NIC_RING);
	write16(n->common + QUEUE_VECTOR, index == NIC_RX ? 0 : 0xffff);
	write64(n->common + QUEUE_DESC, (u64)q->desc);
	write32(n->common + QUEUE_DRIVER, (u32)(u64)&q->avail);
	write32(n->common + QUEUE_DRIVER + 4, 0);
	write64(n->common + QUEUE_DEVICE, (u64)&q->used);
	q->doorbell = n->notify + read16(n->common + QUEUE_NOTIFY_OFF) * n->notify_multiplier;
	q->port = n->ports + read16(n->common + QUEUE_NOTIFY_OFF) * n->notify_multiplier;
	write16(n->common + QUEUE_ENABLE, 1);
}

void nic_put(struct queue *q, u16 id, u32 len, u16 flags)
{
	q->desc[id] = (struct desc){ (u64)q->buffer[id], len, flags, 0 };
	q->avail.ring[q->avail.idx % NIC_RING] = id;
	__atomic_store_n(&q->avail.idx, q->avail.idx + 1, __ATOMIC_RELEASE);
}

void nic_start(struct nic *n, u32 slot, u8 vector)
{
	n->devfn = slot << 3;
	check_eq(pci_read(n->devfn, 0), 0x10411af4);
	pci_write(n->devfn, 4, 7);		/* I/O space, memory, bus master */
	find_caps(n);
	msix(n, vector);
	write8(n->common + STATUS, 0);
	write8(n->common + STATUS, ACKNOWLEDGE | DRIVER);
	write32(n->common + DEVICE_FEATURE_SELECT, 1);
	check(read32(n->common + DEVICE_FEATURE) & 1, "VERSION_1 is not offered");
	write32(n->common + DRIVER_FEATURE_SELECT, 0);
	write32(n->common + DRIVER_FEATURE, 1 << VIRTIO_NET_F_MAC);
	write32(n->common + DRIVER_FEATURE_SELECT, 1);
	write32(n->common + DRIVER_FEATURE, 1);
	write8(n->common + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	check(read8(n->common + STATUS) & FEATURES_OK, "features refused");
	write16(n->common + MSIX_CONFIG, 0xffff);
	setup_queue(n, NIC_RX);
	setup_queue(n, NIC_TX);
	write8(n->common + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

void nic_ring(const struct queue *q, u16 index)
{
	write16(q->doorbell, index);
}
