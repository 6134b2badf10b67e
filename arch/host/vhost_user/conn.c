/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The socket: messages are put together from whatever pieces arrive, so that a front end which
 * stops in mid-message holds nobody up. Descriptors come beside any of the bytes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "arch/host/vhost_user/device.h"
#include "kernel/log.h"

static void fds_close(struct vu_msg *msg)
{
	for (unsigned int i = 0; i < msg->nr_fds; i++)
		if (msg->fd[i] >= 0)
			close(msg->fd[i]);
	msg->nr_fds = 0;
}

static void message_clear(struct vu_dev *dev)
{
	fds_close(&dev->msg);
	dev->got = 0;
	dev->too_many_fds = false;
}

void vu_disconnect(struct vu_dev *dev)
{
	int fd = dev->conn.fd;

	if (fd < 0)
		return;
	loop_remove(&dev->conn);
	close(fd);
	message_clear(dev);
	vu_dev_forget(dev);
	pr_info("vhost-user: %s: disconnected", dev->path);
}

/* ---- Receiving ---- */

static void fds_keep(struct vu_dev *dev, const int *fd, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		if (dev->msg.nr_fds < VHOST_USER_FDS) {
			dev->msg.fd[dev->msg.nr_fds++] = fd[i];
		} else {
			close(fd[i]);
			dev->too_many_fds = true;
		}
	}
}

/* Up to @len bytes to @buf. Bytes; 0: the other side has closed; -EAGAIN: nothing there now. */
static ssize_t receive(struct vu_dev *dev, void *buf, size_t len)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(2 * VHOST_USER_FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(dev->conn.fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		int fd[2 * VHOST_USER_FDS];

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(fd, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
		fds_keep(dev, fd, (unsigned int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int)));
	}
	if (m.msg_flags & MSG_CTRUNC)
		dev->too_many_fds = true;
	return n;
}

/* Bytes that the message at hand has in all, as far as is known now; 0: its header is no good. */
static size_t message_len(struct vu_dev *dev)
{
	const struct vhost_user_hdr *hdr = &dev->msg.hdr;

	if (dev->got < sizeof(*hdr))
		return sizeof(*hdr);
	if (hdr->size <= sizeof(dev->msg.payload) &&
	    (hdr->flags & VHOST_USER_VERSION_MASK) == VHOST_USER_VERSION &&
	    !(hdr->flags & VHOST_USER_REPLY))
		return sizeof(*hdr) + hdr->size;
	pr_warn("vhost-user: %s: header with request %u, flags 0x%x, size %u: disconnected",
		dev->path, hdr->request, hdr->flags, hdr->size);
	return 0;
}

/* Where the next byte goes: header and payload do not lie side by side. */
static void *message_end(struct vu_dev *dev)
{
	if (dev->got < sizeof(dev->msg.hdr))
		return (u8 *)&dev->msg.hdr + dev->got;
	return (u8 *)&dev->msg.payload + (dev->got - sizeof(dev->msg.hdr));
}

/* One piece of a message, and the message if that was all. False: nothing more for now. */
static bool advance(struct vu_dev *dev)
{
	size_t want = message_len(dev);

	if (want > dev->got) {
		ssize_t n = receive(dev, message_end(dev), want - dev->got);

		if (n == -EAGAIN)
			return false;
		if (n <= 0)
			goto disconnect;
		dev->got += (size_t)n;
		want = message_len(dev);
	}
	if (!want)
		goto disconnect;
	if (dev->got < want)
		return true;
	vu_request(dev);
	message_clear(dev);
	return dev->conn.fd >= 0;
disconnect:
	dev->refused += !want;
	vu_disconnect(dev);
	return false;
}

/* Messages handled at once; then the queues have their turn. */
#define MESSAGES_MAX 64

static void conn_ready(struct loop_source *source)
{
	struct vu_dev *dev = container_of(source, struct vu_dev, conn);

	for (unsigned int i = 0; i < MESSAGES_MAX && advance(dev); i++)
		;
}

/* ---- Sending ---- */

int vu_reply(struct vu_dev *dev, struct vu_msg *msg, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov[] = {
		{ .iov_base = &msg->hdr, .iov_len = sizeof(msg->hdr) },
		{ .iov_base = &msg->payload, .iov_len = msg->hdr.size },
	};
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };

	msg->hdr.flags = VHOST_USER_VERSION | VHOST_USER_REPLY;
	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	}
	/* A front end that does not read its replies is not waited for. */
	if (sendmsg(dev->conn.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	    (ssize_t)(sizeof(msg->hdr) + msg->hdr.size))
		return 0;
	return vu_fail(dev, -EPIPE, "reply could not be sent: %s", strerror(errno));
}

/* ---- Connections ---- */

int vu_connect(struct vu_dev *dev, int fd)
{
	int err = loop_add(&dev->conn, fd, false);

	if (err)
		return err;
	dev->connections++;
	dev->ratelimit = (struct ratelimit){ 0 };
	pr_info("vhost-user: %s: connected", dev->path);
	return 0;
}

static void listener_ready(struct loop_source *source)
{
	struct vu_dev *dev = container_of(source, struct vu_dev, listener);
	int fd = accept4(dev->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (dev->conn.fd >= 0)
		conn_ready(&dev->conn);		/* the one before may have gone, unnoticed yet */
	if (dev->conn.fd >= 0 || vu_connect(dev, fd)) {
		pr_warn("vhost-user: %s: a second front end is turned away", dev->path);
		close(fd);
	}
}

void vu_conn_init(struct vu_dev *dev)
{
	dev->listener = (struct loop_source){ .fd = -1, .ready = listener_ready };
	dev->conn = (struct loop_source){ .fd = -1, .ready = conn_ready };
}

int vu_listen(struct vu_dev *dev)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;

	vu_conn_init(dev);
	if (strlen(dev->path) >= sizeof(addr.sun_path)) {
		pr_err("vhost-user: %s: longer than %zu bytes", dev->path,
		       sizeof(addr.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	strcpy(addr.sun_path, dev->path);
	if (!stat(dev->path, &st) && S_ISSOCK(st.st_mode))
		unlink(dev->path);	/* left by one that was killed */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && !bind(fd, (struct sockaddr *)&addr, sizeof(addr)) && !listen(fd, 1) &&
	    !loop_add(&dev->listener, fd, false))
		return 0;
	pr_err("vhost-user: %s: %s", dev->path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -EIO;
}

void vu_close(struct vu_dev *dev)
{
	int fd = dev->listener.fd;

	vu_disconnect(dev);
	if (fd < 0)
		return;
	loop_remove(&dev->listener);
	close(fd);
	unlink(dev->path);
}
