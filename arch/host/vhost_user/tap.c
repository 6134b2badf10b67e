/* SPDX-License-Identifier: BSD-2-Clause */
/* A tap device of the host as a port (Linux, Documentation/networking/tuntap.rst). */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "arch/host/vhost_user/backend.h"
#include "arch/host/vhost_user/device.h"
#include "kernel/log.h"
#include "net/switch.h"

#define TAP_BATCH 64

static struct port *tap;

static void tap_deliver(struct port *port, struct frame **frames, unsigned int nr)
{
	struct loop_source *source = port->owner;

	for (unsigned int i = 0; i < nr; i++) {
		struct iovec iov[FRAME_SEGS];

		for (unsigned int s = 0; s < frames[i]->nr_segs; s++)
			iov[s] = (struct iovec){ (void *)(uintptr_t)frames[i]->seg[s].ptr,
						 frames[i]->seg[s].len };
		if (writev(source->fd, iov, (int)frames[i]->nr_segs) < 0)
			port_drop(port, errno == EAGAIN ? DROP_RING_FULL : DROP_LINK_DOWN, 1);
	}
}

static const struct port_ops tap_ops = { .deliver = tap_deliver };

/* Receivers copy before switch_input() returns. */
static void nothing_done(struct frame *frame)
{
}

static void tap_ready(struct loop_source *source)
{
	static u8 buf[TAP_BATCH][VU_MAX_FRAME];
	static struct frame frame[TAP_BATCH];
	struct frame *frames[TAP_BATCH];
	unsigned int nr = 0;

	while (nr < TAP_BATCH) {
		ssize_t n = read(source->fd, buf[nr], sizeof(buf[nr]));
		struct frame *f = &frame[nr];

		if (n <= 0)
			break;
		f->seg[0] = (struct frame_seg){ .ptr = buf[nr], .len = (u32)n };
		f->nr_segs = 1;
		f->len = (u32)n;
		f->flags = 0;
		f->refs = 1;
		f->done = nothing_done;
		frames[nr++] = f;
	}
	if (nr)
		switch_input(tap, frames, nr);
}

int tap_open(const char *name, struct port *port)
{
	static struct loop_source source = { .fd = -1, .ready = tap_ready };
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd;

	if (!*name || strlen(name) >= sizeof(ifr.ifr_name)) {
		pr_err("ringvisor-vhost: tap %s: not a name of 1 to %zu bytes", name,
		       sizeof(ifr.ifr_name) - 1);
		return -EINVAL;
	}
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) || loop_add(&source, fd, false)) {
		pr_err("ringvisor-vhost: tap %s: %s", name, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -EIO;
	}
	snprintf(port->name, sizeof(port->name), "%s", ifr.ifr_name);
	tap = port;
	port->ops = &tap_ops;
	port->owner = &source;
	port->max_frame = VU_MAX_FRAME;
	port->uplink = port->link_up = true;
	return 0;
}
