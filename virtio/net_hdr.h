/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-net as it lies in guest memory: virtio 1.2 §5.1. */
#ifndef VIRTIO_NET_HDR_H
#define VIRTIO_NET_HDR_H

#include "kernel/types.h"
#include "net/frame.h"

#define VIRTIO_ID_NET	1	/* §5 */

enum virtio_net_feature {	/* bit numbers, §5.1.3 */
	VIRTIO_NET_F_CSUM = 0,
	VIRTIO_NET_F_GUEST_CSUM = 1,
	VIRTIO_NET_F_MTU = 3,
	VIRTIO_NET_F_MAC = 5,
	VIRTIO_NET_F_GUEST_TSO4 = 7,
	VIRTIO_NET_F_GUEST_TSO6 = 8,
	VIRTIO_NET_F_GUEST_ECN = 9,
	VIRTIO_NET_F_HOST_TSO4 = 11,
	VIRTIO_NET_F_HOST_TSO6 = 12,
	VIRTIO_NET_F_HOST_ECN = 13,
	VIRTIO_NET_F_MRG_RXBUF = 15,
	VIRTIO_NET_F_STATUS = 16,
	VIRTIO_NET_F_CTRL_VQ = 17,
	VIRTIO_NET_F_CTRL_RX = 18,
	VIRTIO_NET_F_MQ = 22,
	VIRTIO_NET_F_CTRL_MAC_ADDR = 23,
	VIRTIO_NET_F_RSS = 60,
};

enum virtio_net_status {	/* §5.1.4 */
	VIRTIO_NET_S_LINK_UP = 1,
	VIRTIO_NET_S_ANNOUNCE = 2,
};

struct virtio_net_config {	/* §5.1.4 */
	u8 mac[6];
	le16 status;
	le16 max_virtqueue_pairs;
	le16 mtu;
} __packed;

struct virtio_net_config_rss {	/* what follows with RSS */
	struct virtio_net_config config;
	le32 speed;
	u8 duplex;
	u8 rss_max_key_size;
	le16 rss_max_indirection_table_length;
	le32 supported_hash_types;
} __packed;

enum virtio_net_hdr_flags {	/* §5.1.6 */
	VIRTIO_NET_HDR_F_NEEDS_CSUM = 1,
	VIRTIO_NET_HDR_F_DATA_VALID = 2,
	VIRTIO_NET_HDR_F_RSC_INFO = 4,
};

enum virtio_net_hdr_gso {
	VIRTIO_NET_HDR_GSO_NONE = 0,
	VIRTIO_NET_HDR_GSO_TCPV4 = 1,
	VIRTIO_NET_HDR_GSO_TCPV6 = 4,
	VIRTIO_NET_HDR_GSO_ECN = 0x80,	/* with one of those */
};

/* With VERSION_1 num_buffers is always there (§5.1.6.1). */
struct virtio_net_hdr {
	u8 flags;
	u8 gso_type;
	le16 hdr_len;
	le16 gso_size;
	le16 csum_start;
	le16 csum_offset;
	le16 num_buffers;
} __packed;

/* What is left to do in @frame, which has FRAME_NEEDS_CSUM: §5.1.6.2. Other fields stay. */
static inline void virtio_net_hdr_offloads(struct virtio_net_hdr *hdr, const struct frame *frame)
{
	hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->csum_start = cpu_to_le16(frame->csum_start);
	hdr->csum_offset = cpu_to_le16(frame->csum_offset);
	if (!(frame->flags & FRAME_TSO))
		return;
	hdr->gso_type = frame->flags & FRAME_TSO4 ? VIRTIO_NET_HDR_GSO_TCPV4 :
						    VIRTIO_NET_HDR_GSO_TCPV6;
	if (frame->flags & FRAME_TSO_ECN)
		hdr->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	hdr->gso_size = cpu_to_le16(frame->gso_size);
	hdr->hdr_len = cpu_to_le16(frame->gso_hdr_len);
}

/* The control queue, §5.1.6.5: header, data, and one byte that the device writes. */
struct virtio_net_ctrl_hdr {
	u8 class, command;
} __packed;

enum virtio_net_ctrl_ack {
	VIRTIO_NET_OK = 0,
	VIRTIO_NET_ERR = 1,
};

enum virtio_net_ctrl_class {
	VIRTIO_NET_CTRL_RX = 0,
	VIRTIO_NET_CTRL_MAC = 1,
	VIRTIO_NET_CTRL_VLAN = 2,
	VIRTIO_NET_CTRL_ANNOUNCE = 3,
	VIRTIO_NET_CTRL_MQ = 4,
	VIRTIO_NET_CTRL_GUEST_OFFLOADS = 5,
};

enum virtio_net_ctrl_rx {	/* §5.1.6.5.1; data: one byte, on or off */
	VIRTIO_NET_CTRL_RX_PROMISC = 0,
};

enum virtio_net_ctrl_mac {	/* §5.1.6.5.2 */
	VIRTIO_NET_CTRL_MAC_TABLE_SET = 0,
	VIRTIO_NET_CTRL_MAC_ADDR_SET = 1,
};

enum virtio_net_ctrl_mq_command {	/* §5.1.6.5.6 */
	VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET = 0,
	VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN = 1,	/* not a command: the least number */
	VIRTIO_NET_CTRL_MQ_RSS_CONFIG = 1,
};

struct virtio_net_ctrl_mq {
	le16 virtqueue_pairs;
} __packed;

/*
 * §5.1.6.5.7: in front of the indirection table, le16 of queue pairs, and behind it. The key
 * follows that, and is followed by nothing.
 */
struct virtio_net_rss_config {
	le32 hash_types;		/* enum virtio_net_hash_type */
	le16 indirection_table_mask;	/* entries - 1 */
	le16 unclassified_queue;
} __packed;

struct virtio_net_rss_config_end {
	le16 max_tx_vq;			/* transmit queues in use */
	u8 hash_key_length;
} __packed;

enum virtio_net_hash_type {	/* §5.1.6.4.3.1 */
	VIRTIO_NET_HASH_TYPE_IPv4 = BIT(0),
	VIRTIO_NET_HASH_TYPE_TCPv4 = BIT(1),
	VIRTIO_NET_HASH_TYPE_UDPv4 = BIT(2),
	VIRTIO_NET_HASH_TYPE_IPv6 = BIT(3),
	VIRTIO_NET_HASH_TYPE_TCPv6 = BIT(4),
	VIRTIO_NET_HASH_TYPE_UDPv6 = BIT(5),
};

enum virtio_net_queue {		/* of a pair, §5.1.2 */
	VIRTIO_NET_RX = 0,
	VIRTIO_NET_TX = 1,
};

#endif
