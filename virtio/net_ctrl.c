/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control queue. A command is copied, in however many pieces it comes, and judged by a table;
 * what is wrong with it is answered with VIRTIO_NET_ERR and said on the console. Only a chain that
 * has no room for the answer breaks the queue.
 */
#include "virtio/net_ctrl.h"

#include <string.h>

#include "kernel/guest_config.h"
#include "net/headers.h"
#include "net/switch.h"
#include "virtio/net_dev.h"

#define CTRL_BUDGET	64	/* commands of a turn */
#define CTRL_DATA_MAX	8	/* of the commands that there are */

/* A command is carried out: NULL, or why it is refused. */
typedef const char *(*ctrl_fn)(struct virtio_net *net, const u8 *data);

/* ---- Commands ---- */

/* §5.1.6.5.6 */
static const char *set_pairs(struct virtio_net *net, const u8 *data)
{
	struct virtio_net_ctrl_mq mq;
	unsigned int pairs;

	memcpy(&mq, data, sizeof(mq));
	pairs = le16_to_cpu(mq.virtqueue_pairs);
	if (pairs < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN || pairs > net->vhost.nr_pairs)
		return "number of pairs out of range";
	net_set_pairs(&net->vhost, pairs);
	return NULL;
}

/* §5.1.6.5.2: what is received is the switch's to decide, by what the guest sends from. */
static const char *set_mac(struct virtio_net *net, const u8 *data)
{
	static const u8 none[ETH_ALEN];

	if ((data[0] & ETH_GROUP) || !memcmp(data, none, sizeof(none)))
		return "not a unicast address";
	if (net->config->netdev.policy.spoofchk && memcmp(data, net->config->mac, ETH_ALEN))
		return "another address than its own, with spoofchk=on";
	net_set_mac(net, data);
	return NULL;
}

static const struct ctrl_command {
	u8 class, command;
	u8 feature;		/* that the driver has to have accepted */
	u8 len;			/* of its data */
	ctrl_fn fn;
} commands[] = {
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, VIRTIO_NET_F_CTRL_MAC_ADDR,
	  ETH_ALEN, set_mac },
	{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, VIRTIO_NET_F_MQ,
	  sizeof(struct virtio_net_ctrl_mq), set_pairs },
};

/* ---- Chains ---- */

/* Up to @max bytes of the readable part; how many there were. */
static u32 copy_command(const struct ring_chain *c, void *to, u32 max)
{
	u32 n = 0;

	for (unsigned int i = 0; i < c->nr_read && n < max; i++) {
		u32 part = MIN(c->seg[i].len, max - n);

		memcpy((u8 *)to + n, c->seg[i].ptr, part);
		n += part;
	}
	return n;
}

static const char *command_run(struct virtio_net *net, const struct ring_chain *c,
			       struct virtio_net_ctrl_hdr *hdr)
{
	struct __packed {
		struct virtio_net_ctrl_hdr hdr;
		u8 data[CTRL_DATA_MAX];
	} cmd = { 0 };

	if (copy_command(c, &cmd, sizeof(cmd)) < sizeof(cmd.hdr))
		return "shorter than its header";
	*hdr = cmd.hdr;
	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct ctrl_command *known = &commands[i];

		if (known->class != cmd.hdr.class || known->command != cmd.hdr.command)
			continue;
		if (!virtio_has(&net->vdev, known->feature))
			return "of a feature that was not accepted";
		if (c->read_len != sizeof(cmd.hdr) + known->len)
			return "of another length";
		return known->fn(net, cmd.data);
	}
	return "unknown";
}

/* One command. False: there is none, or it broke the queue. */
static bool ctrl_one(struct virtio_net *net, struct vhost_virtqueue *vq)
{
	struct ring_seg segs[NET_CTRL_QUEUE_SIZE];
	struct ring_chain c = { .seg = segs, .max_segs = ARRAY_SIZE(segs) };
	struct virtio_net_ctrl_hdr hdr = { 0 };
	const char *refused;

	if (ring_pop(&vq->ring, &c) <= 0)
		return false;
	if (!c.nr_write) {
		ring_break(&vq->ring, RING_NO_STATUS, (u32)MIN(c.read_len, (u64)UINT32_MAX));
		return false;
	}
	refused = command_run(net, &c, &hdr);
	if (refused) {
		net->ctrl_stats.refused++;
		log_ratelimited(&net->ratelimit, LOG_WARN,
				"virtio-net: %s: control command refused: %s (class %u, command "
				"%u, %lu bytes)", net->vhost.dev.name, refused, hdr.class,
				hdr.command, c.read_len);
	} else {
		net->ctrl_stats.commands++;
	}
	*c.seg[c.nr_read].ptr = refused ? VIRTIO_NET_ERR : VIRTIO_NET_OK;
	ring_push(&vq->ring, c.head, sizeof(u8));
	return true;
}

void net_ctrl_kick(struct vhost_virtqueue *vq)
{
	struct virtio_net *net = container_of(vq->dev, struct virtio_net, vhost.dev);
	unsigned int n = 0, looks = 0;

	if (!vq->enabled)
		return;
	ring_notify_disable(&vq->ring);
	do {
		while (n < CTRL_BUDGET && ctrl_one(net, vq))
			n++;
		looks++;		/* that there seems to be more may go on for ever */
		vhost_signal(vq);
		if (unlikely(vq->ring.broken)) {
			vhost_vq_error(vq);
			break;
		}
		if (n == CTRL_BUDGET || looks == CTRL_BUDGET) {
			vq->stats.requeues++;
			work_requeue(&vq->work);
			break;
		}
	} while (ring_notify_enable(&vq->ring));
	vhost_count_batch(vq, n);
}
