/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rings: the front end's state of each, and the vhost calls that follow from it. A ring is
 * started by its kick descriptor and stopped by GET_VRING_BASE (§Starting and stopping rings);
 * it runs while it is started and enabled.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "arch/host/vhost_user/device.h"
#include "kernel/log.h"
#include "virtio/virtio.h"

/* ---- Events ---- */

/* Any descriptor may have come: one that is full or gone must not hold us. */
static void fd_signal(int fd)
{
	const u64 one = 1;

	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		pr_debug("vhost-user: write to descriptor %d: %s", fd, strerror(errno));
}

static void call_signalled(struct event *call)
{
	fd_signal(container_of(call, struct vu_vring, call)->call_fd);
}

static void err_signalled(struct event *err)
{
	fd_signal(container_of(err, struct vu_vring, err)->err_fd);
}

static void fd_replace(int *fd, int new)
{
	if (*fd >= 0)
		close(*fd);
	*fd = new;
	if (new >= 0)
		fcntl(new, F_SETFL, fcntl(new, F_GETFL) | O_NONBLOCK);
}

static struct vu_dev *dev_of(const struct vu_vring *vr)
{
	for (unsigned int d = 0; d < nr_vu_devs; d++)
		if (vr >= vu_devs[d]->vring && vr < vu_devs[d]->vring + VU_VRINGS)
			return vu_devs[d];
	return NULL;
}

static unsigned int index_of(const struct vu_dev *dev, const struct vu_vring *vr)
{
	return (unsigned int)(vr - dev->vring);
}

static void kicked(struct loop_source *source)
{
	struct vu_vring *vr = container_of(source, struct vu_vring, kick);
	struct vu_dev *dev = dev_of(vr);

	event_signal(vhost_get_vring_kick(&dev->net.dev, index_of(dev, vr)));
}

static void kick_close(struct vu_vring *vr)
{
	int fd = vr->kick.fd;

	loop_remove(&vr->kick);
	if (fd >= 0)
		close(fd);
}

/* ---- Running ---- */

static bool is_packed(const struct vu_dev *dev)
{
	return vhost_has_feature(&dev->net.dev, VIRTIO_F_RING_PACKED);
}

/*
 * SET_VRING_BASE's number (§A vring state description): of a packed ring where to take in the low
 * half, where to use in the high half, each with its wrap counter. What was taken and not used
 * is taken again. DPDK leaves the high half out.
 */
static u16 base_start(const struct vu_dev *dev, u32 base)
{
	return is_packed(dev) && base >> 16 ? (u16)(base >> 16) : (u16)base;
}

static u32 base_of(const struct vu_dev *dev, u16 start)
{
	return is_packed(dev) ? (u32)start << 16 | start : start;
}

static bool vring_wanted(const struct vu_vring *vr)
{
	return vr->started && vr->enabled;
}

/* Frames are taken from the driver and brought to it while the link is up: while a pair runs. */
static void link_update(struct vu_dev *dev)
{
	const struct vhost_virtqueue *vq = dev->net.vq;
	bool up = false;

	for (unsigned int i = 0; i < 2 * dev->nr_pairs; i += VHOST_NET_QUEUES)
		up |= vq[i + VIRTIO_NET_RX].enabled && vq[i + VIRTIO_NET_TX].enabled;
	if (up == dev->net.port.link_up)
		return;
	port_set_link(&dev->net.port, up);
	pr_info("vhost-user: %s: link %s (features 0x%lx)", dev->path, up ? "up" : "down",
		dev->net.dev.features);
}

static const char *const area_names[] = { "descriptor area", "driver area", "device area" };

/* Front-end addresses of the ring to guest-physical ones. */
static int vring_translate(struct vu_dev *dev, const struct vu_vring *vr, struct ring_addr *addr)
{
	const u64 said[] = { vr->addr.desc, vr->addr.avail, vr->addr.used };
	const bool packed = is_packed(dev);
	const u64 event = sizeof(struct virtq_event);
	const u64 size[] = { virtq_desc_size((u16)vr->num),
			     packed ? event : virtq_avail_size((u16)vr->num),
			     packed ? event : virtq_used_size((u16)vr->num) };
	u64 *const gpa[] = { &addr->desc, &addr->avail, &addr->used };

	if (vu_iommu(dev)) {
		*addr = (struct ring_addr){ said[0], said[1], said[2] };
		return 0;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(said); i++)
		if (!vu_mem_gpa(dev, said[i], size[i], gpa[i]))
			return vu_fail(dev, -EFAULT, "ring %u: %s of 0x%lx bytes at 0x%lx is "
				       "outside the regions", index_of(dev, vr), area_names[i],
				       size[i], said[i]);
	return 0;
}

static int vring_start(struct vu_dev *dev, unsigned int i)
{
	struct vu_vring *vr = &dev->vring[i];
	struct vhost_dev *vhost = &dev->net.dev;
	struct ring_addr addr;
	int err;

	if (!vhost_has_feature(vhost, VIRTIO_F_VERSION_1))
		return vu_fail(dev, -EOPNOTSUPP, "ring %u: a driver without VIRTIO_F_VERSION_1", i);
	err = vring_translate(dev, vr, &addr);
	if (err)
		return err;
	err = vhost_set_vring_num(vhost, i, vr->num);
	if (!err)
		err = vhost_set_vring_addr(vhost, i, &addr);
	if (!err)
		err = vhost_set_vring_base(vhost, i, base_start(dev, vr->base));
	if (!err && vu_inflight_use(dev, i))
		return -EINVAL;
	if (!err)
		err = vhost_vring_start(vhost, i);
	if (err == -EFAULT && vhost->mem->missed)
		return 0;	/* vu_vrings_retry() */
	if (err && vr->inflight.why)
		return vu_fail(dev, err, "ring %u: in-flight memory: %s", i, vr->inflight.why);
	if (err)
		return vu_fail(dev, err, "ring %u (size %u, base %u): %s", i, vr->num, vr->base,
			       strerror(-err));
	return 0;
}

static void vring_stop(struct vu_dev *dev, unsigned int i)
{
	if (!dev->net.vq[i].enabled)
		return;
	vhost_signal(&dev->net.vq[i]);
	dev->vring[i].base = base_of(dev, vhost_vring_stop(&dev->net.dev, i));
}

/* The ring does what its state says. */
static int vring_update(struct vu_dev *dev, unsigned int i)
{
	bool wanted = vring_wanted(&dev->vring[i]);
	int err = 0;

	if (wanted && !dev->net.vq[i].enabled)
		err = vring_start(dev, i);
	else if (!wanted)
		vring_stop(dev, i);
	link_update(dev);
	return err;
}

void vu_vrings_halt(struct vu_dev *dev)
{
	for (unsigned int i = 0; i < 2 * dev->nr_pairs; i++)
		vring_stop(dev, i);
}

void vu_vrings_resume(struct vu_dev *dev)
{
	for (unsigned int p = 0; p < dev->nr_pairs; p++)
		net_rx_start(&dev->net.rx[p]);
	for (unsigned int i = 0; i < 2 * dev->nr_pairs; i++) {
		struct vu_vring *vr = &dev->vring[i];

		if (!vring_wanted(vr) || dev->net.vq[i].enabled || !vring_start(dev, i))
			continue;
		pr_warn("vhost-user: %s: stopped: %s", dev->path, dev->why);
		vr->started = false;
		event_signal(&vr->err);
	}
	link_update(dev);
}

void vu_vrings_retry(struct vu_dev *dev)
{
	for (unsigned int i = 0; i < 2 * dev->nr_pairs; i++)
		vhost_poll_queue(&dev->net.vq[i]);
}

void vu_vrings_stop(struct vu_dev *dev)
{
	vu_vrings_halt(dev);
	for (unsigned int i = 0; i < 2 * dev->nr_pairs; i++) {
		dev->vring[i].started = false;
		kick_close(&dev->vring[i]);
	}
	link_update(dev);
}

static void vring_forget(struct vu_vring *vr)
{
	fd_replace(&vr->call_fd, -1);
	fd_replace(&vr->err_fd, -1);
	vr->addr = (struct vhost_user_vring_addr){ 0 };
	vr->num = vr->base = 0;
	vr->has_num = vr->has_addr = vr->enabled = false;
}

void vu_vrings_reset(struct vu_dev *dev)
{
	vu_vrings_stop(dev);
	for (unsigned int i = 0; i < 2 * dev->nr_pairs; i++)
		vring_forget(&dev->vring[i]);
	vu_inflight_clear(dev);
}

void vu_vrings_init(struct vu_dev *dev)
{
	for (unsigned int i = 0; i < 2 * dev->nr_pairs; i++) {
		struct vu_vring *vr = &dev->vring[i];

		vr->kick = (struct loop_source){ .fd = -1, .ready = kicked };
		vr->call_fd = vr->err_fd = -1;
		event_init(&vr->call, call_signalled);
		event_init(&vr->err, err_signalled);
		vhost_set_vring_call(&dev->net.dev, i, &vr->call);
		vhost_set_vring_err(&dev->net.dev, i, &vr->err);
	}
}

/* ---- Requests ---- */

/* The ring of @index, NULL if there is none (vu_fail()). */
static struct vu_vring *vring_of(struct vu_dev *dev, u64 index)
{
	if (index < 2 * dev->nr_pairs)
		return &dev->vring[index];
	vu_fail(dev, -EINVAL, "ring %lu of %u", index, 2 * dev->nr_pairs);
	return NULL;
}

/* The same, for what a running ring does not allow. */
static struct vu_vring *vring_stopped(struct vu_dev *dev, u32 index)
{
	struct vu_vring *vr = vring_of(dev, index);

	if (!vr || !dev->net.vq[index].enabled)
		return vr;
	vu_fail(dev, -EBUSY, "ring %u is running", index);
	return NULL;
}

int vu_vring_num(struct vu_dev *dev, struct vu_msg *msg)
{
	u32 num = msg->payload.state.num;
	struct vu_vring *vr = vring_stopped(dev, msg->payload.state.index);

	if (!vr)
		return -EINVAL;
	if (!num || num > RING_SIZE_MAX || (!is_packed(dev) && (num & (num - 1))))
		return vu_fail(dev, -EINVAL, "ring size %u: not %s up to %u", num,
			       is_packed(dev) ? "one" : "a power of two", RING_SIZE_MAX);
	vr->num = num;
	vr->has_num = true;
	return 0;
}

int vu_vring_addr(struct vu_dev *dev, struct vu_msg *msg)
{
	const struct vhost_user_vring_addr *said = &msg->payload.addr;
	struct vu_vring *vr = vring_of(dev, said->index);
	struct vhost_user_vring_addr old;
	int err;

	if (!vr)
		return -EINVAL;
	if (said->flags & ~(u32)VHOST_VRING_F_LOG)
		return vu_fail(dev, -EINVAL, "flags 0x%x", said->flags);
	old = vr->addr;
	old.index = said->index;
	vring_stop(dev, said->index);	/* it may run: the log is switched on and off so */
	vr->addr = *said;
	vr->has_addr = true;
	err = vring_update(dev, said->index);
	if (err) {
		vr->addr = old;
		vring_update(dev, old.index);
	}
	return err;
}

int vu_vring_set_base(struct vu_dev *dev, struct vu_msg *msg)
{
	struct vu_vring *vr = vring_stopped(dev, msg->payload.state.index);

	if (!vr)
		return -EINVAL;
	if (!is_packed(dev) && msg->payload.state.num > UINT16_MAX)
		return vu_fail(dev, -EINVAL, "base 0x%x of a split ring", msg->payload.state.num);
	vr->base = msg->payload.state.num;
	return 0;
}

int vu_vring_get_base(struct vu_dev *dev, struct vu_msg *msg)
{
	struct vu_vring *vr = vring_of(dev, msg->payload.state.index);

	if (!vr)
		return -EINVAL;
	vr->started = false;
	vring_update(dev, msg->payload.state.index);
	kick_close(vr);
	msg->payload.state.num = vr->base;
	return 0;
}

/* The ring that a message with a descriptor is about; *fd: the descriptor or -1. */
static struct vu_vring *vring_fd(struct vu_dev *dev, struct vu_msg *msg, int *fd)
{
	u64 said = msg->payload.u64;
	unsigned int want = said & VHOST_USER_VRING_NOFD ? 0 : 1;
	struct vu_vring *vr = vring_of(dev, said & VHOST_USER_VRING_IDX_MASK);

	if (!vr)
		return NULL;
	if (msg->nr_fds != want ||
	    said & ~(u64)(VHOST_USER_VRING_IDX_MASK | VHOST_USER_VRING_NOFD)) {
		vu_fail(dev, -EINVAL, "%u descriptors with 0x%lx", msg->nr_fds, said);
		return NULL;
	}
	*fd = want ? vu_take_fd(msg, 0) : -1;
	return vr;
}

int vu_vring_kick(struct vu_dev *dev, struct vu_msg *msg)
{
	int fd, err = 0;
	struct vu_vring *vr = vring_fd(dev, msg, &fd);

	if (!vr)
		return -EINVAL;
	if (fd < 0 && !vu_polling)
		return vu_fail(dev, -EINVAL, "no descriptor, and this is not --poll");
	kick_close(vr);
	if (fd >= 0)
		err = loop_add(&vr->kick, fd, true);
	if (err) {
		close(fd);
		return vu_fail(dev, err, "descriptor cannot be waited for: %s", strerror(-err));
	}
	/* Without the feature bit there is no SET_VRING_ENABLE (§Ring states). */
	if (!(dev->features & BIT_ULL(VHOST_USER_F_PROTOCOL_FEATURES)))
		vr->enabled = true;
	vr->started = vr->has_num && vr->has_addr;
	if (vr->started)
		err = vring_update(dev, index_of(dev, vr));
	else
		err = vu_fail(dev, -EINVAL, "ring %u: kick before its %s is known",
			      index_of(dev, vr), vr->has_num ? "address" : "size");
	if (err) {
		vr->started = false;
		kick_close(vr);
	}
	return err;
}

int vu_vring_call(struct vu_dev *dev, struct vu_msg *msg)
{
	int fd;
	struct vu_vring *vr = vring_fd(dev, msg, &fd);

	if (!vr)
		return -EINVAL;
	fd_replace(&vr->call_fd, fd);
	/* What was signalled before has been lost: the driver looks once more. */
	if (dev->net.vq[index_of(dev, vr)].enabled)
		fd_signal(fd);
	return 0;
}

int vu_vring_err(struct vu_dev *dev, struct vu_msg *msg)
{
	int fd;
	struct vu_vring *vr = vring_fd(dev, msg, &fd);

	if (!vr)
		return -EINVAL;
	fd_replace(&vr->err_fd, fd);
	return 0;
}

int vu_vring_enable(struct vu_dev *dev, struct vu_msg *msg)
{
	struct vu_vring *vr = vring_of(dev, msg->payload.state.index);

	if (!vr)
		return -EINVAL;
	if (msg->payload.state.num > 1)
		return vu_fail(dev, -EINVAL, "enable %u", msg->payload.state.num);
	/* QEMU sends it before SET_FEATURES, when the bit is not there yet. */
	vr->enabled = msg->payload.state.num;
	return vring_update(dev, msg->payload.state.index);
}
