/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A front end that says anything, with descriptors of any kind, moves in its shared memory and
 * kicks. ringvisor-vhost survives, keeps its descriptors to itself, and the next one is served.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arch/host/vhost_user/backend.h"
#include "arch/host/vhost_user/device.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "tests/fuzz/fuzz.h"
#include "virtio/virtio.h"

#define MEMORY	(64 * 4096)
#define QUEUE	16

static struct vu_dev *dev;
static int memfd, event_fd, sock = -1;
static u8 *memory;
static u32 file_size;
static unsigned int descriptors;

/* Of the kinds that a front end sends; libFuzzer has some of its own. */
static unsigned int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	unsigned int n = 0;

	while ((entry = readdir(dir))) {
		char what[64] = "";

		if (readlinkat(dirfd(dir), entry->d_name, what, sizeof(what) - 1) > 0)
			n += strstr(what, "memfd:guest") || strstr(what, "eventfd") ||
			     strstr(what, "socket:") || strstr(what, "memfd:in-flight");
	}
	closedir(dir);
	return n;
}

static void once(void)
{
	log_set_level(LOG_ERR);
	vu_features |= BIT_ULL(VIRTIO_F_RING_PACKED) | BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);
	vu_mem_catch_faults();
	check(!loop_init() && !backend_init("loop"));
	check(!vu_dev_create("fuzz", 2, &dev) && !backend_attach(&dev->net.port));
	vu_conn_init(dev);
	memfd = memfd_create("guest", 0);
	event_fd = eventfd(0, EFD_NONBLOCK);
	check(memfd >= 0 && event_fd >= 0 && !ftruncate(memfd, MEMORY));
	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	check(memory != MAP_FAILED);
	descriptors = count_descriptors();
}

/* What the daemon's loop does for what has come so far. */
static void turn(void)
{
	u8 reply[4096];

	for (unsigned int i = 0; i < 8; i++) {
		vu_mem_report();
		vu_iotlb_ask(dev);
		loop_turn(false);
		while (sock >= 0 && recv(sock, reply, sizeof(reply), MSG_DONTWAIT) > 0)
			;
	}
}

static void connect_again(void)
{
	int pair[2];

	check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	sock = pair[0];
	check(!vu_connect(dev, pair[1]));
}

static void hang_up(void)
{
	close(sock);
	sock = -1;
	turn();
	check(dev->conn.fd < 0 && dev->mem.nr == 0);
	check(count_descriptors() == descriptors);
}

static void send_message(const struct vu_msg *msg, size_t len, const int *fd, unsigned int nr)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(16 * sizeof(int))];
	} control = { 0 };
	struct iovec iov[] = {
		{ (void *)(uintptr_t)&msg->hdr, sizeof(msg->hdr) },
		{ (void *)(uintptr_t)&msg->payload, len },
	};
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	if (nr) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(nr * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(nr * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fd, nr * sizeof(int));
	}
	if (sendmsg(sock, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		turn();
}

static struct vu_msg message(u32 request, u32 size)
{
	return (struct vu_msg){
		.hdr = { .request = request, .flags = VHOST_USER_VERSION, .size = size },
	};
}

static void ask(struct vu_msg msg, int fd)
{
	send_message(&msg, msg.hdr.size, &fd, fd >= 0);
	turn();
}

static void ask_u64(u32 request, u64 val, int fd)
{
	struct vu_msg msg = message(request, sizeof(u64));

	msg.payload.u64 = val;
	ask(msg, fd);
}

static void ask_state(u32 request, u32 index, u32 num)
{
	ask_u64(request, (u64)num << 32 | index, -1);
}

/* A whole message of the input's making, or one that begins well. */
static void any_message(struct input *in)
{
	u8 how = (u8)take(in, 1);
	struct vu_msg msg = message((u32)take(in, 1) % (VHOST_USER_REQUESTS + 2), 0);
	unsigned int nr_fds = how & 1 ? 0 : how >> 6 ? 1 : (unsigned int)take(in, 1) % 12;
	u8 *payload = (u8 *)&msg.payload;
	int fd[12];
	u32 len;

	if (how & 2)
		msg.hdr.flags = (u32)take(in, 1);
	len = how & 4 ? (u32)take(in, 2) % sizeof(msg.payload) : 8 * ((u32)take(in, 1) % 10);
	for (u32 i = 0; i < len; i += 8) {
		u64 word = take(in, how & 8 ? 8 : 2);

		memcpy(payload + i, &word, MIN(len - i, 8u));
	}
	msg.hdr.size = (how & 48) == 48 ? (u32)take(in, 4) : len;
	for (unsigned int i = 0; i < nr_fds; i++)
		fd[i] = how & 16 ? memfd : event_fd;
	send_message(&msg, len, fd, nr_fds);
}

static void share_memory(void)
{
	struct vu_msg msg = message(VHOST_USER_SET_MEM_TABLE,
				    offsetof(struct vhost_user_mem, region[1]));

	msg.payload.mem.nr = 1;
	msg.payload.mem.region[0] = (struct vhost_user_region){ .size = MEMORY };
	ask(msg, memfd);
}

static void start_ring(u32 index, u32 at)
{
	struct vu_msg msg = message(VHOST_USER_SET_VRING_ADDR, sizeof(msg.payload.addr));

	ask_state(VHOST_USER_SET_VRING_NUM, index, QUEUE);
	ask_state(VHOST_USER_SET_VRING_BASE, index, 0);
	msg.payload.addr = (struct vhost_user_vring_addr){
		.index = index, .desc = at, .avail = at + 4096, .used = at + 2 * 4096,
	};
	ask(msg, -1);
	ask_u64(VHOST_USER_SET_VRING_CALL, index, event_fd);
	ask_u64(VHOST_USER_SET_VRING_KICK, index, event_fd);
	ask_state(VHOST_USER_SET_VRING_ENABLE, index, 1);
}

/* In the range of scribble(), behind the rings. */
static void note_inflight(void)
{
	struct vu_msg msg = message(VHOST_USER_SET_INFLIGHT_FD, sizeof(msg.payload.inflight));

	msg.payload.inflight = (struct vhost_user_inflight){
		.mmap_size = 4096, .mmap_offset = 0x17000, .num_queues = 2, .queue_size = QUEUE,
	};
	ask(msg, memfd);
}

static void good_start(u64 features, bool inflight)
{
	ask_u64(VHOST_USER_SET_PROTOCOL_FEATURES, vu_protocol_features(), -1);
	ask_u64(VHOST_USER_SET_FEATURES, features, -1);
	share_memory();
	if (inflight)
		note_inflight();
	start_ring(VIRTIO_NET_RX, 0x10000);
	start_ring(VIRTIO_NET_TX, 0x14000);
}

static void resize(u32 size)
{
	check(!ftruncate(memfd, size));
	file_size = size;
}

static void scribble(struct input *in)
{
	u32 at = 0x10000 + (u32)take(in, 2) % 0x8000;
	unsigned int n = (unsigned int)take(in, 1) % 32;

	for (unsigned int i = 0; i < n && at + i < file_size; i++)
		memory[at + i] = (u8)take(in, 1);
}

static void one_op(struct input *in)
{
	switch (take(in, 1) % 8) {
	case 0:
	case 1:
	case 2:
		any_message(in);
		break;
	case 3:
		scribble(in);
		break;
	case 4:
		eventfd_write(event_fd, 1);
		break;
	case 5:
		good_start(vu_dev_offered(dev) & ~(take(in, 1) << VIRTIO_F_VERSION_1 &
						   ~BIT_ULL(VIRTIO_F_VERSION_1)),
			   take(in, 1) & 1);
		break;
	case 6:
		resize((u32)take(in, 1) % 64 * 4096);
		break;
	case 7:
		turn();
		break;
	}
	if (dev->conn.fd < 0) {
		close(sock);
		connect_again();
	}
}

/* A good front end finds everything as new. */
static void still_works(void)
{
	struct virtq_desc *desc = (struct virtq_desc *)(memory + 0x14000);
	struct virtq_avail *avail = (struct virtq_avail *)(memory + 0x15000);
	const struct virtq_used *used = (const struct virtq_used *)(memory + 0x16000);

	memset(memory, 0, MEMORY);
	connect_again();
	good_start(BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VHOST_USER_F_PROTOCOL_FEATURES), true);
	memory[0x20000 + sizeof(struct virtio_net_hdr) + 6] = 2;
	*desc = (struct virtq_desc){ .addr = 0x20000, .len = sizeof(struct virtio_net_hdr) + 60 };
	avail->idx = 1;
	eventfd_write(event_fd, 1);
	turn();
	check(used->idx == 1 && dev->net.port.link_up);
	hang_up();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (!dev)
		once();
	resize(MEMORY);
	connect_again();
	while (in.left)
		one_op(&in);
	turn();
	hang_up();
	resize(MEMORY);
	still_works();
	return 0;
}
