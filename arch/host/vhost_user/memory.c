/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mem table: files of the front end mapped as regions of struct guest_mem. The front end may
 * cut a file short at any time; the access that meets the hole must not end the process.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/host/vhost_user/device.h"
#include "kernel/log.h"

/* ---- Files that became shorter ---- */

static volatile sig_atomic_t any_lost;

#define ZEROS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED)

static bool contains(const struct vu_region *r, const u8 *addr)
{
	return r->map_len && addr >= (u8 *)r->map && addr < (u8 *)r->map + r->map_len;
}

/* The mapping of @dev in which @addr lies, or NULL. */
static struct vu_region *mapping_of(struct vu_dev *dev, const u8 *addr)
{
	for (unsigned int i = 0; i < GUEST_MEM_REGIONS; i++)
		if (contains(&dev->region[i], addr))
			return &dev->region[i];
	if (contains(&dev->inflight, addr))
		return &dev->inflight;
	return contains(&dev->log, addr) ? &dev->log : NULL;
}

/*
 * SIGBUS: zeros take the place of the whole mapping, and the access that failed is made again.
 * What reads them treats them as any other content of guest memory. mmap() is a system call
 * without state in the C library, thus safe here.
 */
static void bus_error(int sig, siginfo_t *info, void *context)
{
	for (unsigned int d = 0; d < nr_vu_devs; d++) {
		struct vu_region *r = mapping_of(vu_devs[d], info->si_addr);

		if (!r)
			continue;
		if (mmap(r->map, r->map_len, PROT_READ | PROT_WRITE, ZEROS, -1, 0) == MAP_FAILED)
			break;
		r->lost = true;
		any_lost = 1;
		return;
	}
	signal(SIGBUS, SIG_DFL);	/* a fault of our own: the access fails again and ends us */
}

void vu_mem_catch_faults(void)
{
	struct sigaction action = { .sa_sigaction = bus_error, .sa_flags = SA_SIGINFO };

	sigaction(SIGBUS, &action, NULL);
}

static void report(struct vu_dev *dev)
{
	bool lost = dev->log.lost || dev->inflight.lost;

	if (lost)
		pr_warn("vhost-user: %s: the %s file has become shorter", dev->path,
			dev->log.lost ? "log's" : "in-flight memory's");
	for (unsigned int i = 0; i < GUEST_MEM_REGIONS; i++) {
		const struct vu_region *r = &dev->region[i];

		if (!r->lost)
			continue;
		lost = true;
		pr_warn("vhost-user: %s: the file under the region at 0x%lx (0x%lx bytes) has "
			"become shorter", dev->path, r->said.gpa, r->said.size);
	}
	if (lost)
		vu_disconnect(dev);
}

void vu_mem_report(void)
{
	if (likely(!any_lost))
		return;
	any_lost = 0;
	for (unsigned int d = 0; d < nr_vu_devs; d++)
		report(vu_devs[d]);
}

/* ---- Mapping ---- */

static int file_check(struct vu_dev *dev, const struct vhost_user_region *said, int fd,
		      struct stat *st)
{
	u64 end;

	if (!said->size || __builtin_add_overflow(said->mmap_offset, said->size, &end))
		return vu_fail(dev, -EINVAL, "file's part at 0x%lx with 0x%lx bytes wraps or is "
			       "empty", said->mmap_offset, said->size);
	if (fstat(fd, st))
		return vu_fail(dev, -errno, "fstat: %s", strerror(errno));
	if (!S_ISREG(st->st_mode))
		return vu_fail(dev, -EINVAL, "region at 0x%lx: its descriptor is not a file's",
			       said->gpa);
	if (end > (u64)st->st_size)
		return vu_fail(dev, -EINVAL, "region at 0x%lx: bytes 0x%lx to 0x%lx of a file of "
			       "0x%lx", said->gpa, said->mmap_offset, end, (u64)st->st_size);
	return 0;
}

int vu_file_map(struct vu_dev *dev, struct vu_region *r, const struct vhost_user_region *said,
		int fd)
{
	struct stat st;
	u64 from, page;
	int err = file_check(dev, said, fd, &st);

	if (err)
		return err;
	page = MAX((u64)st.st_blksize, PAGE_SIZE);	/* of a huge page on hugetlbfs */
	from = ALIGN_DOWN(said->mmap_offset, page);
	r->map_len = ALIGN_UP(said->mmap_offset + said->size - from, page);
	r->map = mmap(NULL, r->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)from);
	if (r->map == MAP_FAILED) {
		*r = (struct vu_region){ 0 };
		return vu_fail(dev, -errno, "region at 0x%lx: mmap: %s", said->gpa,
			       strerror(errno));
	}
	r->said = *said;
	r->start = (u8 *)r->map + (said->mmap_offset - from);
	r->lost = false;
	return 0;
}

/* Into the free slot @r. The descriptor stays the caller's. */
static int region_map(struct vu_dev *dev, struct vu_region *r,
		      const struct vhost_user_region *said, int fd)
{
	if (!said->size || !IS_ALIGNED(said->gpa | said->size | said->uaddr, PAGE_SIZE))
		return vu_fail(dev, -EINVAL, "region at 0x%lx with 0x%lx bytes at 0x%lx is empty "
			       "or not of whole pages", said->gpa, said->size, said->uaddr);
	if (said->gpa + said->size < said->gpa || said->uaddr + said->size < said->uaddr)
		return vu_fail(dev, -EINVAL, "region at 0x%lx with 0x%lx bytes wraps", said->gpa,
			       said->size);
	return vu_file_map(dev, r, said, fd);
}

void vu_file_unmap(struct vu_region *r)
{
	if (r->map_len)
		munmap(r->map, r->map_len);
	*r = (struct vu_region){ 0 };
}

/* ---- The table ---- */

/* regions[0..nr) into the table that vhost uses: same order, physical address: the guest's own. */
static int table_fill(struct vu_dev *dev, const struct vu_region *region, unsigned int nr,
		      struct guest_mem *mem)
{
	*mem = (struct guest_mem){ 0 };
	for (unsigned int i = 0; i < nr; i++) {
		const struct vhost_user_region *said = &region[i].said;
		int err = guest_mem_add(mem, said->gpa, said->size, region[i].start,
					said->gpa);

		if (err)
			return vu_fail(dev, err, "region at 0x%lx with 0x%lx bytes overlaps "
				       "another", said->gpa, said->size);
	}
	return 0;
}

/* The checked table @mem over @region takes the place of the one in use. */
static void table_replace(struct vu_dev *dev, const struct vu_region *region,
			  const struct guest_mem *mem)
{
	vu_vrings_halt(dev);
	memcpy(dev->region, region, sizeof(dev->region));
	dev->mem = *mem;
	vu_iotlb_clear(dev);	/* what it says is where the old regions were */
	vu_vrings_resume(dev);
}

int vu_mem_set(struct vu_dev *dev, struct vu_msg *msg)
{
	const struct vhost_user_mem *said = &msg->payload.mem;
	struct vu_region region[GUEST_MEM_REGIONS] = { 0 }, old[GUEST_MEM_REGIONS];
	struct guest_mem mem;
	unsigned int nr = 0;
	int err = 0;

	if (said->nr > VHOST_USER_REGIONS || said->nr != msg->nr_fds ||
	    msg->hdr.size != offsetof(struct vhost_user_mem, region[said->nr]))
		return vu_fail(dev, -EINVAL, "%u regions, %u descriptors, %u bytes", said->nr,
			       msg->nr_fds, msg->hdr.size);
	memcpy(old, dev->region, sizeof(old));
	for (; nr < said->nr && !err; nr++)
		err = region_map(dev, &region[nr], &said->region[nr], msg->fd[nr]);
	if (!err)
		err = table_fill(dev, region, nr, &mem);
	if (!err)
		table_replace(dev, region, &mem);
	for (unsigned int i = 0; i < GUEST_MEM_REGIONS; i++)
		vu_file_unmap(err ? &region[i] : &old[i]);
	return err;
}

int vu_mem_add(struct vu_dev *dev, struct vu_msg *msg)
{
	struct vu_region region[GUEST_MEM_REGIONS];
	unsigned int nr = dev->mem.nr;
	struct guest_mem mem;
	int err;

	if (nr == GUEST_MEM_REGIONS)
		return vu_fail(dev, -ENOSPC, "all %u memory slots are taken", nr);
	memcpy(region, dev->region, sizeof(region));
	err = region_map(dev, &region[nr], &msg->payload.mem_reg.region, msg->fd[0]);
	if (err)
		return err;
	err = table_fill(dev, region, nr + 1, &mem);
	if (err)
		vu_file_unmap(&region[nr]);
	else
		table_replace(dev, region, &mem);
	return err;
}

int vu_mem_remove(struct vu_dev *dev, struct vu_msg *msg)
{
	const struct vhost_user_region *said = &msg->payload.mem_reg.region;
	struct vu_region region[GUEST_MEM_REGIONS], gone;
	struct guest_mem mem;
	unsigned int i;

	memcpy(region, dev->region, sizeof(region));
	for (i = 0; i < dev->mem.nr; i++)
		if (region[i].said.gpa == said->gpa && region[i].said.size == said->size &&
		    region[i].said.uaddr == said->uaddr)
			break;
	if (i == dev->mem.nr)
		return vu_fail(dev, -ENOENT, "there is no region at 0x%lx with 0x%lx bytes at "
			       "0x%lx", said->gpa, said->size, said->uaddr);
	gone = region[i];
	memmove(&region[i], &region[i + 1], (dev->mem.nr - i - 1) * sizeof(region[0]));
	region[dev->mem.nr - 1] = (struct vu_region){ 0 };
	table_fill(dev, region, dev->mem.nr - 1, &mem);
	table_replace(dev, region, &mem);
	vu_file_unmap(&gone);
	return 0;
}

/* The log: a file of the front end with a bit for each page (§Migration). */
int vu_log_base(struct vu_dev *dev, struct vu_msg *msg)
{
	const struct vhost_user_region said = {
		.size = msg->payload.log.size, .mmap_offset = msg->payload.log.offset,
	};
	struct vu_region log = { 0 }, old = dev->log;
	int err = vu_file_map(dev, &log, &said, msg->fd[0]);

	if (err)
		return err;
	dev->log = log;
	vhost_set_log_base(&dev->net.dev, &(struct vhost_log){ log.start, said.size });
	vu_file_unmap(&old);
	msg->hdr.size = 0;
	return 0;
}

void vu_mem_clear(struct vu_dev *dev)
{
	vhost_set_log_base(&dev->net.dev, NULL);
	vu_file_unmap(&dev->log);
	for (unsigned int i = 0; i < GUEST_MEM_REGIONS; i++)
		vu_file_unmap(&dev->region[i]);
	dev->mem = (struct guest_mem){ 0 };
}

bool vu_mem_gpa(const struct vu_dev *dev, u64 uaddr, u64 len, u64 *gpa)
{
	for (unsigned int i = 0; i < dev->mem.nr; i++) {
		const struct vhost_user_region *r = &dev->region[i].said;
		u64 off = uaddr - r->uaddr;

		if (off >= r->size || len > r->size - off)
			continue;
		*gpa = r->gpa + off;
		return true;
	}
	return false;
}
