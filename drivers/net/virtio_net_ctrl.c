/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control queue (virtio 1.2 §5.1.6.5), from the driver's side: how many queue pairs there are
 * and which frames come by which.
 */
#include <errno.h>
#include <string.h>

#include "drivers/net/virtio_net.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "net/rss.h"
#include "virtio/virtio.h"

#define CTRL_SIZE	16		/* entries of the ring; a command takes two */
#define CTRL_PAGE	1024		/* the longest command is that of RSS */
#define ANSWER_AT	(CTRL_PAGE - 1)
#define ANSWER_NONE	0xff		/* neither VIRTIO_NET_OK nor VIRTIO_NET_ERR */
#define ANSWER_NS	(100 * NSEC_PER_MSEC)
#define RSS_TABLE_MAX	128
#define RSS_HASHES	(VIRTIO_NET_HASH_TYPE_IPv4 | VIRTIO_NET_HASH_TYPE_TCPv4 |	\
			 VIRTIO_NET_HASH_TYPE_UDPv4 | VIRTIO_NET_HASH_TYPE_IPv6 |	\
			 VIRTIO_NET_HASH_TYPE_TCPv6 | VIRTIO_NET_HASH_TYPE_UDPv6)

/* §5.1.2: behind all the pairs that there could be. */
static u16 ctrl_index(const struct vnic *nic)
{
	bool mq = vnic_has(nic, VIRTIO_NET_F_MQ) || vnic_has(nic, VIRTIO_NET_F_RSS);

	return (u16)(2 * (mq ? nic->max_pairs : 1));
}

int vnic_ctrl_alloc(struct vnic *nic)
{
	struct vnic_ctrl *ctrl = &nic->ctrl;
	u16 size;
	int err;

	if (!vnic_has(nic, VIRTIO_NET_F_CTRL_VQ))
		return 0;
	size = MIN(vp_queue_max(&nic->vp, ctrl_index(nic)), (u16)CTRL_SIZE);
	if (size < 2)
		return -ENODEV;
	err = vring_alloc(&ctrl->ring, size);
	if (err)
		return err;
	ctrl->page_phys = mem_alloc(CTRL_PAGE, CTRL_PAGE, MEM_DMA);
	if (!ctrl->page_phys)
		return -ENOMEM;
	ctrl->page = phys_to_virt(ctrl->page_phys);
	return 0;
}

void vnic_ctrl_free(struct vnic *nic)
{
	if (nic->ctrl.page_phys)
		mem_free(nic->ctrl.page_phys, CTRL_PAGE, MEM_DMA);
	vring_free(&nic->ctrl.ring);
}

int vnic_ctrl_start(struct vnic *nic)
{
	if (!vnic_has(nic, VIRTIO_NET_F_CTRL_VQ))
		return 0;
	vring_init(&nic->ctrl.ring);
	return vp_queue_start(&nic->vp, &nic->ctrl.ring, ctrl_index(nic), VIRTIO_MSI_NO_VECTOR);
}

/* @len bytes of data are in their place: 0, -EPROTO, -ETIMEDOUT. */
static int command(struct vnic *nic, u8 class, u8 cmd, u32 len)
{
	struct vnic_ctrl *ctrl = &nic->ctrl;
	const struct virtio_net_ctrl_hdr hdr = { class, cmd };
	const struct vring_piece piece[2] = {
		{ ctrl->page_phys, sizeof(hdr) + len }, { ctrl->page_phys + ANSWER_AT, 1 },
	};
	u64 end = time_ns() + ANSWER_NS;
	u32 written;
	u8 answer;

	memcpy(ctrl->page, &hdr, sizeof(hdr));
	ctrl->page[ANSWER_AT] = ANSWER_NONE;
	vring_add_request(&ctrl->ring, piece, ctrl);
	vring_kick(&ctrl->ring);
	while (!vring_pop(&ctrl->ring, &written)) {
		if (time_ns() >= end) {
			pr_err("virtio: %s: no answer to command %u of class %u", nic->dev.name,
			       cmd, class);
			return -ETIMEDOUT;
		}
		cpu_relax();
	}
	answer = READ_ONCE(ctrl->page[ANSWER_AT]);
	return answer == VIRTIO_NET_OK ? 0 : -EPROTO;
}

static u8 *command_data(struct vnic *nic)
{
	return nic->ctrl.page + sizeof(struct virtio_net_ctrl_hdr);
}

/* §5.1.6.5.1: guests have addresses of their own, the switch sorts them. */
static int set_promisc(struct vnic *nic)
{
	*command_data(nic) = 1;
	return command(nic, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1);
}

/* §5.1.6.5.6 */
static int set_pairs(struct vnic *nic)
{
	const struct virtio_net_ctrl_mq mq = { cpu_to_le16((u16)nic->dev.nr_queues) };

	memcpy(command_data(nic), &mq, sizeof(mq));
	return command(nic, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, sizeof(mq));
}

int vnic_ctrl_provoke(struct vnic *nic)
{
	vring_irq_enable(&nic->ctrl.ring, true);
	return set_promisc(nic);
}

static u16 config16(const struct vnic *nic, unsigned int off)
{
	return vp_config_read16(&nic->vp, off);
}

#define RSS_FIELD(name)	offsetof(struct virtio_net_config_rss, name)

/* Entries that the device takes: a power of two, §5.1.6.5.7.1. */
static unsigned int rss_table_len(const struct vnic *nic)
{
	unsigned int max = config16(nic, RSS_FIELD(rss_max_indirection_table_length));
	unsigned int len = 1;

	max = MIN(max, (unsigned int)RSS_TABLE_MAX);
	while (2 * len <= max)
		len *= 2;
	return len;
}

bool vnic_rss_usable(const struct vnic *nic)
{
	return vp_config_read8(&nic->vp, RSS_FIELD(rss_max_key_size)) >= RSS_KEY_LEN &&
	       rss_table_len(nic) >= nic->dev.nr_queues;
}

/* §5.1.6.5.7: it says how many queues there are, too. */
static int set_rss(struct vnic *nic)
{
	unsigned int nr = nic->dev.nr_queues, len = rss_table_len(nic);
	u32 hashes = config16(nic, RSS_FIELD(supported_hash_types)) & RSS_HASHES;
	const struct virtio_net_rss_config config = {
		.hash_types = cpu_to_le32(hashes),
		.indirection_table_mask = cpu_to_le16((u16)(len - 1)),
	};
	const struct virtio_net_rss_config_end end = {
		.max_tx_vq = cpu_to_le16((u16)nr), .hash_key_length = RSS_KEY_LEN,
	};
	u8 *data = command_data(nic), *at = data;

	memcpy(at, &config, sizeof(config));
	at += sizeof(config);
	for (unsigned int i = 0; i < len; i++) {
		le16 pair = cpu_to_le16((u16)(i % nr));

		memcpy(at, &pair, sizeof(pair));
		at += sizeof(pair);
	}
	memcpy(at, &end, sizeof(end));
	at += sizeof(end);
	memcpy(at, rss_key, RSS_KEY_LEN);
	at += RSS_KEY_LEN;
	return command(nic, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_RSS_CONFIG, (u32)(at - data));
}

int vnic_ctrl_configure(struct vnic *nic)
{
	int err;

	if (vnic_has(nic, VIRTIO_NET_F_CTRL_RX) && set_promisc(nic) != 0)
		pr_warn("virtio: %s: does not receive everything", nic->dev.name);
	if (nic->dev.nr_queues == 1)
		return 0;
	err = vnic_has(nic, VIRTIO_NET_F_RSS) ? set_rss(nic) : set_pairs(nic);
	if (err)
		pr_warn("virtio: %s: does not take %u queue pairs", nic->dev.name,
			nic->dev.nr_queues);
	return err;
}
