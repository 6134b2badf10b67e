/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/virtio/vp.h"

#include <errno.h>

#include "asm/io.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/pci_regs.h"
#include "virtio/pci_regs.h"
#include "virtio/virtio.h"

#define RESET_NS	(100 * NSEC_PER_MSEC)
#define CAPS_MAX	16	/* vendor capabilities looked at */

#define COMMON(vp, field) ((vp)->common + offsetof(struct virtio_pci_common_cfg, field))

/* ---- Finding it ---- */

static u32 cap_read(const struct vp_dev *vp, unsigned int cap, unsigned int off)
{
	return pci_cfg_read(vp->pci, cap + off, 4);
}

/* The structure that capability @cap describes, mapped; NULL: not in memory. */
static u8 *cap_map(const struct vp_dev *vp, unsigned int cap, u32 *len)
{
	unsigned int n = pci_cfg_read(vp->pci, cap + offsetof(struct virtio_pci_cap, bar), 1);
	u32 off = cap_read(vp, cap, offsetof(struct virtio_pci_cap, offset));
	const struct pci_bar *bar = n < ARRAY_SIZE(vp->pci->bar) ? &vp->pci->bar[n] : NULL;

	*len = cap_read(vp, cap, offsetof(struct virtio_pci_cap, length));
	if (!bar || bar->io || !bar->base || !*len || (u64)off + *len > bar->size)
		return NULL;
	return mmio_map(bar->base + off, *len);
}

/* §4.1.4: of several of a type the first that can be used. */
static void cap_use(struct vp_dev *vp, unsigned int cap)
{
	u32 len = 0;

	switch (pci_cfg_read(vp->pci, cap + offsetof(struct virtio_pci_cap, cfg_type), 1)) {
	case VIRTIO_PCI_CAP_COMMON_CFG:
		if (!vp->common)
			vp->common = cap_map(vp, cap, &len);
		if (vp->common && len && len < sizeof(struct virtio_pci_common_cfg))
			vp->common = NULL;
		break;
	case VIRTIO_PCI_CAP_NOTIFY_CFG:
		if (vp->notify)
			break;
		vp->notify = cap_map(vp, cap, &vp->notify_len);
		vp->notify_multiplier = cap_read(vp, cap, offsetof(struct virtio_pci_notify_cap,
								   notify_off_multiplier));
		break;
	case VIRTIO_PCI_CAP_ISR_CFG:
		if (!vp->isr)
			vp->isr = cap_map(vp, cap, &len);
		break;
	case VIRTIO_PCI_CAP_DEVICE_CFG:
		if (!vp->config)
			vp->config = cap_map(vp, cap, &vp->config_len);
		break;
	default:
		break;
	}
}

int vp_init(struct vp_dev *vp, struct pci_dev *pci, const char *name)
{
	unsigned int cap = 0;

	*vp = (struct vp_dev){ .pci = pci, .name = name };
	pci_cfg_write(pci, PCI_COMMAND, 2, pci_cfg_read(pci, PCI_COMMAND, 2) | PCI_COMMAND_MEMORY);
	for (unsigned int i = 0; i < CAPS_MAX; i++) {
		cap = pci_next_cap(pci, cap, PCI_CAP_ID_VENDOR);
		if (!cap)
			break;
		cap_use(vp, cap);
	}
	if (vp->common && vp->notify && vp->config)
		return 0;
	pr_err("virtio: %s: has not the structures of a virtio 1 device", name);
	return -ENODEV;
}

/* ---- Initialization, §3.1.1 ---- */

static u8 status_get(const struct vp_dev *vp)
{
	return mmio_read8(COMMON(vp, device_status));
}

static void status_add(struct vp_dev *vp, u8 bits)
{
	mmio_write8(COMMON(vp, device_status), status_get(vp) | bits);
}

int vp_reset(struct vp_dev *vp)
{
	u64 end = time_ns() + RESET_NS;

	mmio_write8(COMMON(vp, device_status), 0);
	while (status_get(vp)) {	/* §4.1.4.3.2 */
		if (time_ns() >= end) {
			pr_err("virtio: %s: status stayed 0x%x after a reset", vp->name,
			       (unsigned int)status_get(vp));
			return -ETIMEDOUT;
		}
		arch_cpu_idle(this_cpu(), MIN(end, time_ns() + NSEC_PER_MSEC));
	}
	return 0;
}

static u64 features_offered(struct vp_dev *vp)
{
	u64 features;

	mmio_write32(COMMON(vp, device_feature_select), 0);
	features = mmio_read32(COMMON(vp, device_feature));
	mmio_write32(COMMON(vp, device_feature_select), 1);
	return features | (u64)mmio_read32(COMMON(vp, device_feature)) << 32;
}

int vp_negotiate(struct vp_dev *vp, u64 wanted, u64 *features)
{
	status_add(vp, VIRTIO_ACKNOWLEDGE);
	status_add(vp, VIRTIO_DRIVER);
	*features = features_offered(vp) & wanted;
	mmio_write32(COMMON(vp, driver_feature_select), 0);
	mmio_write32(COMMON(vp, driver_feature), (u32)*features);
	mmio_write32(COMMON(vp, driver_feature_select), 1);
	mmio_write32(COMMON(vp, driver_feature), (u32)(*features >> 32));
	if (*features & BIT_ULL(VIRTIO_F_VERSION_1)) {
		status_add(vp, VIRTIO_FEATURES_OK);
		if (status_get(vp) & VIRTIO_FEATURES_OK)
			return 0;
	}
	status_add(vp, VIRTIO_FAILED);
	pr_err("virtio: %s: does not take features 0x%llx", vp->name,
	       (unsigned long long)*features);
	return -ENODEV;
}

u16 vp_queue_max(struct vp_dev *vp, u16 index)
{
	if (index >= mmio_read16(COMMON(vp, num_queues)))
		return 0;
	mmio_write16(COMMON(vp, queue_select), index);
	return mmio_read16(COMMON(vp, queue_size));
}

static void write_addr(u8 *lo, u64 phys)
{
	mmio_write32(lo, (u32)phys);
	mmio_write32(lo + 4, (u32)(phys >> 32));
}

/* §4.1.5.1.3 */
int vp_queue_start(struct vp_dev *vp, struct vring *ring, u16 index, u16 vector)
{
	u64 notify;

	mmio_write16(COMMON(vp, queue_select), index);
	notify = (u64)mmio_read16(COMMON(vp, queue_notify_off)) * vp->notify_multiplier;
	if (notify + sizeof(u16) > vp->notify_len)
		return -EIO;
	ring->index = index;
	ring->notify = vp->notify + notify;
	mmio_write16(COMMON(vp, queue_size), ring->size);
	mmio_write16(COMMON(vp, queue_msix_vector), vector);
	if (mmio_read16(COMMON(vp, queue_msix_vector)) != vector)
		return -EIO;
	write_addr(COMMON(vp, queue_desc_lo), vring_desc_phys(ring));
	write_addr(COMMON(vp, queue_driver_lo), vring_avail_phys(ring));
	write_addr(COMMON(vp, queue_device_lo), vring_used_phys(ring));
	mmio_write16(COMMON(vp, queue_enable), 1);
	return 0;
}

int vp_config_vector(struct vp_dev *vp, u16 vector)
{
	mmio_write16(COMMON(vp, config_msix_vector), vector);
	return mmio_read16(COMMON(vp, config_msix_vector)) == vector ? 0 : -EIO;
}

void vp_ready(struct vp_dev *vp)
{
	status_add(vp, VIRTIO_DRIVER_OK);
}

u8 vp_isr(const struct vp_dev *vp)
{
	return mmio_read8(vp->isr);
}

u8 vp_config_read8(const struct vp_dev *vp, unsigned int off)
{
	return off < vp->config_len ? mmio_read8(vp->config + off) : 0;
}

u16 vp_config_read16(const struct vp_dev *vp, unsigned int off)
{
	return off + sizeof(u16) <= vp->config_len ? mmio_read16(vp->config + off) : 0;
}
