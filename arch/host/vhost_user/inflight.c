/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory in which rings note what is in flight (§Inflight I/O tracking): a file that the front end
 * keeps when this process is gone, and gives to the next one. A ring's part follows the other's.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch/host/vhost_user/device.h"
#include "virtio/virtio.h"

static u64 part_size(const struct vu_dev *dev, u16 entries)
{
	return ring_inflight_size(vhost_has_feature(&dev->net.dev, VIRTIO_F_RING_PACKED), entries);
}

/* May there be such memory now? */
static int check(struct vu_dev *dev, const struct vhost_user_inflight *said)
{
	if (!said->num_queues || said->num_queues > 2 * dev->nr_pairs || !said->queue_size ||
	    said->queue_size > RING_SIZE_MAX)
		return vu_fail(dev, -EINVAL, "%u rings with %u entries: not up to %u and %u",
			       said->num_queues, said->queue_size, 2 * dev->nr_pairs,
			       RING_SIZE_MAX);
	for (unsigned int i = 0; i < 2 * dev->nr_pairs; i++)
		if (dev->net.vq[i].enabled)
			return vu_fail(dev, -EBUSY, "ring %u is running", i);
	return 0;
}

/* What is @said of the file @fd takes the place of the memory there was. */
static int use_file(struct vu_dev *dev, const struct vhost_user_inflight *said, int fd)
{
	const struct vhost_user_region part = {
		.size = said->mmap_size, .mmap_offset = said->mmap_offset,
	};
	struct vu_region map = { 0 };
	int err = vu_file_map(dev, &map, &part, fd);

	if (err)
		return err;
	vu_inflight_clear(dev);
	dev->inflight = map;
	dev->inflight_queues = said->num_queues;
	dev->inflight_entries = said->queue_size;
	return 0;
}

int vu_inflight_get(struct vu_dev *dev, struct vu_msg *msg)
{
	struct vhost_user_inflight *said = &msg->payload.inflight;
	int err = check(dev, said), fd;

	if (err)
		return err;
	said->mmap_size = said->num_queues * part_size(dev, said->queue_size);
	said->mmap_offset = 0;
	fd = memfd_create("in-flight", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)said->mmap_size))
		err = vu_fail(dev, -errno, "no memory: %s", strerror(errno));
	if (!err)
		err = use_file(dev, said, fd);
	msg->reply_fd = fd;
	msg->hdr.size = sizeof(*said);
	return err;
}

int vu_inflight_set(struct vu_dev *dev, struct vu_msg *msg)
{
	const struct vhost_user_inflight *said = &msg->payload.inflight;
	int err = check(dev, said);

	if (!err && !IS_ALIGNED(said->mmap_offset, sizeof(u64)))
		err = vu_fail(dev, -EINVAL, "offset 0x%lx is not a multiple of %zu",
			      said->mmap_offset, sizeof(u64));
	return err ? err : use_file(dev, said, msg->fd[0]);
}

void vu_inflight_clear(struct vu_dev *dev)
{
	for (unsigned int i = 0; i < 2 * dev->nr_pairs; i++)
		vhost_set_vring_inflight(&dev->net.dev, i, NULL);
	vu_file_unmap(&dev->inflight);
}

int vu_inflight_use(struct vu_dev *dev, unsigned int i)
{
	struct ring_inflight_area *area = &dev->vring[i].inflight;
	const u64 size = part_size(dev, dev->inflight_entries);

	area->why = NULL;
	if (!dev->inflight.map_len)
		return 0;
	if (i >= dev->inflight_queues)
		return vu_fail(dev, -EINVAL, "ring %u: in-flight memory: it is for %u rings", i,
			       dev->inflight_queues);
	if (dev->inflight.said.size / dev->inflight_queues < size)
		return vu_fail(dev, -EINVAL, "ring %u: in-flight memory: 0x%lx bytes, %u times "
			       "0x%lx are needed", i, dev->inflight.said.size,
			       dev->inflight_queues, size);
	area->mem = dev->inflight.start + i * size;
	area->entries = dev->inflight_entries;
	return vhost_set_vring_inflight(&dev->net.dev, i, area);
}
