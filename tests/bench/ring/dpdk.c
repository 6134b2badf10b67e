/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DPDK's librte_vhost as a backend, as packaged. open() is a vhost-user front end towards the
 * library's own listener; the data path is called straight from the benchmark's thread.
 */
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>

#undef container_of	/* ours instead of DPDK's */

#include "tests/bench/ring/bench.h"

static struct rte_mempool *pool;
static sem_t up, down;
static volatile int new_vid;

struct dpdk {
	int vid, sock;
	int kick[BENCH_QUEUES], call[BENCH_QUEUES];
	char path[64];
};

static int device_up(int vid)
{
	new_vid = vid;
	sem_post(&up);
	return 0;
}

static void device_down(int vid)
{
	sem_post(&down);
}

static const struct rte_vhost_device_ops device_ops = {
	.new_device = device_up, .destroy_device = device_down,
};

static int dpdk_init(int cpu, bool huge)
{
	char lcores[32];
	char *argv[] = {
		"bench_ring", "--lcores", lcores, "--no-pci", "--no-telemetry", "--log-level=3",
		"-m", "128", huge ? "--in-memory" : "--no-huge", NULL,
	};

	snprintf(lcores, sizeof(lcores), "0@%d", cpu);
	if (rte_eal_init(ARRAY_SIZE(argv) - 1, argv) < 0) {
		fprintf(stderr, "bench_ring: DPDK: %s\n", rte_strerror(rte_errno));
		return -1;
	}
	pool = rte_pktmbuf_pool_create("bench", 8191, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       (int)rte_socket_id());
	sem_init(&up, 0, 0);
	sem_init(&down, 0, 0);
	return pool ? 0 : -1;
}

/* ---- The front end: just enough of the vhost-user protocol ---- */

enum request {
	GET_FEATURES = 1, SET_FEATURES = 2, SET_OWNER = 3, SET_MEM_TABLE = 5, SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9, SET_VRING_BASE = 10, SET_VRING_KICK = 12, SET_VRING_CALL = 13,
	GET_PROTOCOL_FEATURES = 15, SET_PROTOCOL_FEATURES = 16, SET_VRING_ENABLE = 18,
};

#define PROTOCOL_VERSION	1
#define VHOST_USER_F_PROTOCOL_FEATURES 30
#define PACKED_WRAP		0x8000u		/* a packed ring begins with wrap counter 1 */

struct message {
	u32 request, flags, size;
	union {
		u64 value;
		struct { u32 index, num; } state;
		struct { u32 index, flags; u64 desc, used, avail, log; } addr;
		struct { u32 nr, pad; u64 gpa, size, uva, offset; } mem;
	} p;
} __packed;

#define MESSAGE_HEAD	offsetof(struct message, p)

static bool request(int sock, struct message *m, enum request request, u32 size, int fd)
{
	struct iovec io = { m, MESSAGE_HEAD + size };
	union { char buf[CMSG_SPACE(sizeof(int))]; struct cmsghdr head; } control = { 0 };
	struct msghdr h = { .msg_iov = &io, .msg_iovlen = 1 };

	m->request = request;
	m->flags = PROTOCOL_VERSION;
	m->size = size;
	if (fd >= 0) {
		h.msg_control = control.buf;
		h.msg_controllen = sizeof(control.buf);
		control.head = (struct cmsghdr){ CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	return sendmsg(sock, &h, 0) == (ssize_t)(MESSAGE_HEAD + size);
}

static bool ask(int sock, struct message *m, enum request what, u64 *value)
{
	if (!request(sock, m, what, 0, -1) ||
	    recv(sock, m, MESSAGE_HEAD + sizeof(u64), MSG_WAITALL) !=
	    (ssize_t)(MESSAGE_HEAD + sizeof(u64)))
		return false;
	*value = m->p.value;
	return true;
}

static bool tell(int sock, enum request what, u64 value, int fd)
{
	struct message m = { .p.value = value };

	return request(sock, &m, what, sizeof(u64), fd);
}

static bool tell_state(int sock, enum request what, u32 index, u32 num)
{
	struct message m = { .p.state = { index, num } };

	return request(sock, &m, what, sizeof(m.p.state), -1);
}

static u64 uva(const struct bench_mem *mem, u64 gpa)
{
	return (u64)(uintptr_t)mem->va + (gpa - mem->gpa);
}

static bool setup_queue(struct dpdk *d, u32 i, const struct bench_mem *mem,
			const struct bench_ring *ring, bool packed)
{
	struct message m = { .p.addr = {
		.index = i, .desc = uva(mem, ring->desc), .avail = uva(mem, ring->driver),
		.used = uva(mem, ring->device),
	} };

	d->kick[i] = eventfd(0, EFD_NONBLOCK);
	d->call[i] = eventfd(0, EFD_NONBLOCK);
	return tell_state(d->sock, SET_VRING_NUM, i, ring->num) &&
	       tell_state(d->sock, SET_VRING_BASE, i, packed ? PACKED_WRAP : 0) &&
	       request(d->sock, &m, SET_VRING_ADDR, sizeof(m.p.addr), -1) &&
	       tell(d->sock, SET_VRING_CALL, i, d->call[i]) &&
	       tell(d->sock, SET_VRING_KICK, i, d->kick[i]) &&
	       tell_state(d->sock, SET_VRING_ENABLE, i, 1);
}

static bool setup(struct dpdk *d, const struct bench_mem *mem,
		  const struct bench_ring ring[BENCH_QUEUES], u64 features)
{
	struct message m = { .p.mem = { 1, 0, mem->gpa, mem->len, (uintptr_t)mem->va, 0 } }, got;
	u64 offered, protocol;

	if (!request(d->sock, &got, SET_OWNER, 0, -1) ||
	    !ask(d->sock, &got, GET_FEATURES, &offered) || (features & ~offered) ||
	    !ask(d->sock, &got, GET_PROTOCOL_FEATURES, &protocol) ||
	    !tell(d->sock, SET_PROTOCOL_FEATURES, 0, -1) ||
	    !tell(d->sock, SET_FEATURES, features | BIT_ULL(VHOST_USER_F_PROTOCOL_FEATURES), -1) ||
	    !request(d->sock, &m, SET_MEM_TABLE, sizeof(m.p.mem), mem->fd))
		return false;
	for (u32 i = 0; i < BENCH_QUEUES; i++)
		if (!setup_queue(d, i, mem, &ring[i], features & BIT_ULL(BENCH_F_PACKED)))
			return false;
	return ask(d->sock, &got, GET_FEATURES, &offered);	/* all before it was handled */
}

static bool wait_for(sem_t *sem)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += 20;
	return !sem_timedwait(sem, &ts);
}

static void *dpdk_open(const struct bench_mem *mem, const struct bench_ring ring[BENCH_QUEUES],
		       u64 features)
{
	static unsigned int serial;
	struct dpdk *d = calloc(1, sizeof(*d));
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	snprintf(d->path, sizeof(d->path), "/tmp/bench_ring-%d-%u.sock", getpid(), serial++);
	strcpy(sa.sun_path, d->path);
	if (rte_vhost_driver_register(d->path, RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS) ||
	    rte_vhost_driver_callback_register(d->path, &device_ops) ||
	    rte_vhost_driver_start(d->path))
		return NULL;
	d->sock = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(d->sock, (struct sockaddr *)&sa, sizeof(sa)) ||
	    !setup(d, mem, ring, features) || !wait_for(&up))
		return NULL;
	d->vid = new_vid;
	for (u16 i = 0; i < BENCH_QUEUES; i++)
		rte_vhost_enable_guest_notification(d->vid, i, 0);
	return d;
}

static void dpdk_close(void *be)
{
	struct dpdk *d = be;

	close(d->sock);
	wait_for(&down);
	rte_vhost_driver_unregister(d->path);
	for (unsigned int i = 0; i < BENCH_QUEUES; i++) {
		close(d->kick[i]);
		close(d->call[i]);
	}
	free(d);
}

/* ---- The data path ---- */

static unsigned int dpdk_tx(void *be, void **pkts, unsigned int max)
{
	struct dpdk *d = be;

	return rte_vhost_dequeue_burst(d->vid, BENCH_TX, pool, (struct rte_mbuf **)pkts,
				       (u16)max);
}

static void dpdk_tx_free(void *be, void **pkts, unsigned int n)
{
	rte_pktmbuf_free_bulk((struct rte_mbuf **)pkts, n);
}

static unsigned int dpdk_rx(void *be, void **pkts, unsigned int n)
{
	struct dpdk *d = be;

	return rte_vhost_enqueue_burst(d->vid, BENCH_RX, (struct rte_mbuf **)pkts, (u16)n);
}

static void *dpdk_pkt_new(void *be, const void *data, u32 len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	if (m)
		memcpy(rte_pktmbuf_append(m, (u16)len), data, len);
	return m;
}

static const void *dpdk_pkt_data(void *be, void *pkt, u8 *buf, u32 *len)
{
	*len = rte_pktmbuf_pkt_len((struct rte_mbuf *)pkt);
	return rte_pktmbuf_mtod((struct rte_mbuf *)pkt, void *);
}

const struct bench_backend backend_dpdk = {
	.name = "dpdk", .init = dpdk_init, .open = dpdk_open, .tx = dpdk_tx,
	.tx_free = dpdk_tx_free, .rx = dpdk_rx, .pkt_new = dpdk_pkt_new,
	.pkt_data = dpdk_pkt_data, .close = dpdk_close,
};
