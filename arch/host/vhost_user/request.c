/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests by table: what each looks like, which feature it belongs to, who does it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arch/host/vhost_user/device.h"
#include "kernel/log.h"
#include "virtio/virtio.h"

#define PROTOCOL_FEATURES (u64)(BIT(VHOST_USER_PROTOCOL_F_MQ) | \
			   BIT(VHOST_USER_PROTOCOL_F_LOG_SHMFD) | \
			   BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) | \
			   BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) | \
			   BIT(VHOST_USER_PROTOCOL_F_CONFIG) | \
			   BIT(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD) | \
			   BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) | \
			   BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) | \
			   BIT(VHOST_USER_PROTOCOL_F_STATUS))

int vu_fail(struct vu_dev *dev, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(dev->why, sizeof(dev->why), fmt, ap);
	va_end(ap);
	return err;
}

int vu_take_fd(struct vu_msg *msg, unsigned int i)
{
	int fd = msg->fd[i];

	msg->fd[i] = -1;
	return fd;
}

/* ---- Features ---- */

u64 vu_protocol_features(void)
{
	return PROTOCOL_FEATURES;
}

static int get_features(struct vu_dev *dev, struct vu_msg *msg)
{
	msg->payload.u64 = vu_dev_offered(dev);
	return 0;
}

static int set_features(struct vu_dev *dev, struct vu_msg *msg)
{
	u64 said = msg->payload.u64;
	int err;

	if (said & ~vu_dev_offered(dev))
		return vu_fail(dev, -EOPNOTSUPP, "0x%lx was not offered",
			       said & ~vu_dev_offered(dev));
	vu_vrings_halt(dev);	/* the log's bit changes while rings run */
	vu_iotlb_clear(dev);	/* a start: nobody has told us what went while we were stopped */
	dev->features = said;
	err = vhost_set_features(&dev->net.dev, said, vu_dev_offered(dev));
	vhost_set_mem_table(&dev->net.dev, vu_iommu(dev) ? &dev->iotlb.mem : &dev->mem);
	vu_vrings_resume(dev);
	return err;
}

static int get_protocol_features(struct vu_dev *dev, struct vu_msg *msg)
{
	msg->payload.u64 = PROTOCOL_FEATURES;
	return 0;
}

static int set_protocol_features(struct vu_dev *dev, struct vu_msg *msg)
{
	if (msg->payload.u64 & ~PROTOCOL_FEATURES)
		return vu_fail(dev, -EOPNOTSUPP, "0x%lx was not offered",
			       msg->payload.u64 & ~PROTOCOL_FEATURES);
	dev->protocol_features = msg->payload.u64;
	return 0;
}

/* ---- The device ---- */

static int set_owner(struct vu_dev *dev, struct vu_msg *msg)
{
	return 0;	/* the connection is the session */
}

/* Written to when the log is full, which a bitmap never is. */
static int set_log_fd(struct vu_dev *dev, struct vu_msg *msg)
{
	return 0;
}

static int reset_owner(struct vu_dev *dev, struct vu_msg *msg)
{
	vu_vrings_reset(dev);
	return 0;
}

static int reset_device(struct vu_dev *dev, struct vu_msg *msg)
{
	vu_vrings_reset(dev);
	dev->status = 0;
	return 0;
}

static int set_status(struct vu_dev *dev, struct vu_msg *msg)
{
	if (msg->payload.u64 > UINT8_MAX)
		return vu_fail(dev, -EINVAL, "status 0x%lx", msg->payload.u64);
	dev->status = (u8)msg->payload.u64;
	/* QEMU writes 0 whenever it stops the device, and only then asks where the rings were. */
	if (!dev->status)
		vu_vrings_stop(dev);
	return 0;
}

static int get_status(struct vu_dev *dev, struct vu_msg *msg)
{
	msg->payload.u64 = dev->status;
	return 0;
}

static int get_queue_num(struct vu_dev *dev, struct vu_msg *msg)
{
	msg->payload.u64 = dev->nr_pairs;
	return 0;
}

static int get_max_mem_slots(struct vu_dev *dev, struct vu_msg *msg)
{
	msg->payload.u64 = GUEST_MEM_REGIONS;
	return 0;
}

static int config_range(struct vu_dev *dev, const struct vu_msg *msg)
{
	const struct vhost_user_config *said = &msg->payload.config;

	if (msg->hdr.size != offsetof(struct vhost_user_config, data[said->size]) ||
	    said->offset > sizeof(struct virtio_net_config) ||
	    said->size > sizeof(struct virtio_net_config) - said->offset)
		return vu_fail(dev, -EINVAL, "bytes %u to %lu of %zu (%u bytes of payload)",
			       said->offset, (u64)said->offset + said->size,
			       sizeof(struct virtio_net_config), msg->hdr.size);
	return 0;
}

static int get_config(struct vu_dev *dev, struct vu_msg *msg)
{
	struct vhost_user_config *said = &msg->payload.config;
	struct virtio_net_config config = {
		.status = cpu_to_le16(VIRTIO_NET_S_LINK_UP),
		.max_virtqueue_pairs = cpu_to_le16((u16)dev->nr_pairs),
	};

	if (said->size <= VHOST_USER_CONFIG_MAX && !config_range(dev, msg)) {
		memcpy(said->data, (const u8 *)&config + said->offset, said->size);
		return 0;
	}
	msg->hdr.size = 0;	/* says that it went wrong (§GET_CONFIG) */
	return 0;
}

/* The MAC address is the driver's business; nothing else in it is writable (virtio 1.2 §5.1.4). */
static int set_config(struct vu_dev *dev, struct vu_msg *msg)
{
	if (msg->payload.config.size > VHOST_USER_CONFIG_MAX || config_range(dev, msg))
		return -EINVAL;
	return vu_fail(dev, -EPERM, "the configuration is read-only");
}

/* ---- The table ---- */

#define U64 sizeof(u64)
#define STATE sizeof(struct vhost_user_vring_state)
#define CONFIG_HEAD offsetof(struct vhost_user_config, data)
#define INFLIGHT_MIN offsetof(struct vhost_user_inflight, padding)	/* some send it so */

struct request {
	const char *name;
	int (*fn)(struct vu_dev *dev, struct vu_msg *msg);
	u32 size_min, size_max;		/* payload */
	u8 fds_min, fds_max;
	bool reply;			/* answered with the message as fn() leaves it */
	u32 features;			/* the protocol feature that it needs, 0: none */
};

#define REQUEST(req, f, min, max, ...) \
	[VHOST_USER_ ## req] = { .name = #req, .fn = f, .size_min = min, .size_max = max, \
				 __VA_ARGS__ }
#define WITH(f) .features = BIT(VHOST_USER_PROTOCOL_F_ ## f)
#define FDS(min, max) .fds_min = min, .fds_max = max
#define REPLY .reply = true

static const struct request requests[VHOST_USER_REQUESTS] = {
	REQUEST(GET_FEATURES, get_features, 0, U64, REPLY),
	REQUEST(SET_FEATURES, set_features, U64, U64),
	REQUEST(SET_OWNER, set_owner, 0, U64),
	REQUEST(RESET_OWNER, reset_owner, 0, U64),
	REQUEST(SET_MEM_TABLE, vu_mem_set, U64, sizeof(struct vhost_user_mem),
		FDS(0, VHOST_USER_REGIONS)),
	REQUEST(SET_LOG_BASE, vu_log_base, sizeof(struct vhost_user_log),
		sizeof(struct vhost_user_log), FDS(1, 1), REPLY, WITH(LOG_SHMFD)),
	REQUEST(SET_LOG_FD, set_log_fd, 0, U64, FDS(1, 1)),
	REQUEST(SET_VRING_NUM, vu_vring_num, STATE, STATE),
	REQUEST(SET_VRING_ADDR, vu_vring_addr, sizeof(struct vhost_user_vring_addr),
		sizeof(struct vhost_user_vring_addr)),
	REQUEST(SET_VRING_BASE, vu_vring_set_base, STATE, STATE),
	REQUEST(GET_VRING_BASE, vu_vring_get_base, STATE, STATE, REPLY),
	REQUEST(SET_VRING_KICK, vu_vring_kick, U64, U64, FDS(0, 1)),
	REQUEST(SET_VRING_CALL, vu_vring_call, U64, U64, FDS(0, 1)),
	REQUEST(SET_VRING_ERR, vu_vring_err, U64, U64, FDS(0, 1)),
	REQUEST(GET_PROTOCOL_FEATURES, get_protocol_features, 0, U64, REPLY),
	REQUEST(SET_PROTOCOL_FEATURES, set_protocol_features, U64, U64),
	REQUEST(GET_QUEUE_NUM, get_queue_num, 0, U64, REPLY, WITH(MQ)),
	REQUEST(SET_VRING_ENABLE, vu_vring_enable, STATE, STATE),
	REQUEST(SET_BACKEND_REQ_FD, vu_backend_fd, 0, U64, FDS(1, 1), WITH(BACKEND_REQ)),
	REQUEST(IOTLB_MSG, vu_iotlb_msg, sizeof(struct vhost_user_iotlb),
		sizeof(struct vhost_user_iotlb)),
	REQUEST(GET_CONFIG, get_config, CONFIG_HEAD, sizeof(struct vhost_user_config), REPLY,
		WITH(CONFIG)),
	REQUEST(SET_CONFIG, set_config, CONFIG_HEAD, sizeof(struct vhost_user_config),
		WITH(CONFIG)),
	REQUEST(GET_INFLIGHT_FD, vu_inflight_get, INFLIGHT_MIN, sizeof(struct vhost_user_inflight),
		REPLY, WITH(INFLIGHT_SHMFD)),
	REQUEST(SET_INFLIGHT_FD, vu_inflight_set, INFLIGHT_MIN, sizeof(struct vhost_user_inflight),
		FDS(1, 1), WITH(INFLIGHT_SHMFD)),
	REQUEST(RESET_DEVICE, reset_device, 0, U64, WITH(RESET_DEVICE)),
	REQUEST(GET_MAX_MEM_SLOTS, get_max_mem_slots, 0, U64, REPLY, WITH(CONFIGURE_MEM_SLOTS)),
	REQUEST(ADD_MEM_REG, vu_mem_add, sizeof(struct vhost_user_mem_reg),
		sizeof(struct vhost_user_mem_reg), FDS(1, 1), WITH(CONFIGURE_MEM_SLOTS)),
	/* Some front ends send the region's descriptor along. */
	REQUEST(REM_MEM_REG, vu_mem_remove, sizeof(struct vhost_user_mem_reg),
		sizeof(struct vhost_user_mem_reg), FDS(0, 1), WITH(CONFIGURE_MEM_SLOTS)),
	REQUEST(SET_STATUS, set_status, U64, U64, WITH(STATUS)),
	REQUEST(GET_STATUS, get_status, 0, U64, REPLY, WITH(STATUS)),
};

/* Is the message what its request looks like? */
static int check(struct vu_dev *dev, const struct request *r, const struct vu_msg *msg)
{
	if (!r)
		return vu_fail(dev, -EOPNOTSUPP, "unknown request");
	if (r->features & ~dev->protocol_features)
		return vu_fail(dev, -EOPNOTSUPP, "protocol feature 0x%x was not negotiated",
			       r->features);
	if (msg->hdr.size < r->size_min || msg->hdr.size > r->size_max)
		return vu_fail(dev, -EINVAL, "%u bytes of payload, not %u to %u", msg->hdr.size,
			       r->size_min, r->size_max);
	if (dev->too_many_fds || msg->nr_fds < r->fds_min || msg->nr_fds > r->fds_max)
		return vu_fail(dev, -EINVAL, "%u%s descriptors, not %u to %u", msg->nr_fds,
			       dev->too_many_fds ? " and more" : "", r->fds_min, r->fds_max);
	return 0;
}

static void refused(struct vu_dev *dev, const struct request *r, u32 request)
{
	dev->refused++;
	log_ratelimited(&dev->ratelimit, LOG_WARN, "vhost-user: %s: %s (%u): %s", dev->path,
			r ? r->name : "?", request, dev->why);
}

void vu_request(struct vu_dev *dev)
{
	struct vu_msg *msg = &dev->msg;
	const u32 request = msg->hdr.request;
	const struct request *r = request < VHOST_USER_REQUESTS && requests[request].fn ?
		&requests[request] : NULL;
	bool ack = (msg->hdr.flags & VHOST_USER_NEED_REPLY) && !(r && r->reply) &&
		   (dev->protocol_features & BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK));
	int err;

	dev->requests++;
	pr_debug("vhost-user: %s: %s (%u): 0x%lx, %u bytes, %u descriptors", dev->path,
		 r ? r->name : "?", request, msg->hdr.size < U64 ? 0 : msg->payload.u64,
		 msg->hdr.size, msg->nr_fds);
	/* What a shorter message leaves out reads as zeros; what a shorter reply has is whole. */
	memset((u8 *)&msg->payload + msg->hdr.size, 0, sizeof(msg->payload) - msg->hdr.size);
	msg->reply_fd = -1;
	err = check(dev, r, msg);
	if (!err && r->reply && msg->hdr.size < U64)
		msg->hdr.size = U64;
	if (!err)
		err = r->fn(dev, msg);
	if (err)
		refused(dev, r, request);
	if (ack) {
		msg->payload.u64 = err ? 1 : 0;
		msg->hdr.size = U64;
	}
	if (ack || (!err && r->reply)) {
		err = vu_reply(dev, msg, msg->reply_fd);
		if (err)
			refused(dev, r, request);
	}
	if (msg->reply_fd >= 0)
		close(msg->reply_fd);
	if (err)
		vu_disconnect(dev);
}
