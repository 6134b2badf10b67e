/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device behind one vhost-user socket: what the front end has said of it, and the vhost-net
 * that does it. One thread; the virtio specification and proto.h's document are the contract.
 *
 * Each request is checked against everything first, then done. A request that fails says why in
 * one line; the front end learns it by its acknowledgement if it asked for one, otherwise by
 * losing the connection, as it could not tell that the two sides have different ideas.
 */
#ifndef VHOST_USER_DEVICE_H
#define VHOST_USER_DEVICE_H

#include "arch/host/vhost_user/loop.h"
#include "arch/host/vhost_user/proto.h"
#include "kernel/guest_mem.h"
#include "net/switch.h"
#include "virtio/iotlb.h"
#include "virtio/net_hdr.h"
#include "virtio/vhost_net.h"

#define VU_VRINGS	(VHOST_NET_PAIRS_MAX * VHOST_NET_QUEUES)
#define VU_MAX_FRAME	(9000 + 14 + 2 * 4)	/* jumbo frames, two VLAN tags */

struct vu_region {		/* a memory slot; its RAM is mem.region[] of the same index */
	struct vhost_user_region said;
	void *map;			/* what was mapped of the file */
	size_t map_len;
	u8 *start;
	bool lost;			/* the file became shorter: zeros since */
};

struct vu_vring {
	unsigned int num;
	struct vhost_user_vring_addr addr;	/* front-end addresses */
	u32 base;
	bool has_num, has_addr;
	bool started;			/* kick has been set, GET_VRING_BASE not asked since */
	bool enabled;			/* SET_VRING_ENABLE */
	struct loop_source kick;
	struct event call, err;
	int call_fd, err_fd;
	struct ring_inflight_area inflight;
};

struct vu_msg {
	struct vhost_user_hdr hdr;
	union vhost_user_payload payload;
	int fd[VHOST_USER_FDS];		/* -1: taken by the request */
	unsigned int nr_fds;
	int reply_fd;			/* goes with the reply, then closed; -1: none */
};

struct vu_dev {
	const char *path;
	struct loop_source listener, conn;
	/* The message that is arriving. */
	struct vu_msg msg;
	size_t got;
	bool too_many_fds;
	/* Said by the front end; forgotten when it goes. */
	u64 features, protocol_features;
	u8 status;
	struct guest_mem mem;
	struct vu_region region[GUEST_MEM_REGIONS];
	struct vu_region log;		/* SET_LOG_BASE; only its mapping */
	struct vu_region inflight;	/* GET_ or SET_INFLIGHT_FD; only its mapping */
	u16 inflight_queues, inflight_entries;	/* in it */
	struct vhost_iotlb iotlb;	/* in place of mem with VIRTIO_F_ACCESS_PLATFORM */
	int backend_fd;			/* for requests of our own; -1: none */
	bool asked;			/* a miss has been sent, no update since */
	struct vu_vring vring[VU_VRINGS];
	unsigned int nr_pairs;		/* offered */
	struct vhost_net net;
	char why[160];			/* of the request at hand, if it fails */
	struct ratelimit ratelimit;	/* of lines that this connection causes */
	u64 requests, refused, connections;
};

extern struct vu_dev *vu_devs[];
extern unsigned int nr_vu_devs;
extern bool vu_polling;
extern u64 vu_features;		/* virtio features offered, but for MQ */

/* device.c: a device whose port is still to be attached. -errno has been said. */
int vu_dev_create(const char *path, unsigned int nr_pairs, struct vu_dev **out);
void vu_dev_forget(struct vu_dev *dev);		/* the front end has gone: as after creation */
u64 vu_dev_offered(const struct vu_dev *dev);
void vu_dev_show(const struct vu_dev *dev);
void vu_port_show(const struct port *port);

/* conn.c */
void vu_conn_init(struct vu_dev *dev);
int vu_connect(struct vu_dev *dev, int fd);	/* a front end is at the other end of @fd */
int vu_listen(struct vu_dev *dev);
void vu_close(struct vu_dev *dev);		/* also unlinks the socket */
void vu_disconnect(struct vu_dev *dev);
/* Send @msg as a reply with hdr.size bytes of payload and maybe one descriptor (-1: none). */
int vu_reply(struct vu_dev *dev, struct vu_msg *msg, int fd);

/* request.c: one complete message. */
u64 vu_protocol_features(void);		/* offered */
void vu_request(struct vu_dev *dev);
/* Note why the request at hand fails; returns @err. */
int vu_fail(struct vu_dev *dev, int err, const char *fmt, ...) __printf(3, 4);
/* The request's descriptor @i is the caller's from now on. */
int vu_take_fd(struct vu_msg *msg, unsigned int i);

/* memory.c: the mem table. 0 or -errno by vu_fail(). */
int vu_mem_set(struct vu_dev *dev, struct vu_msg *msg);
int vu_mem_add(struct vu_dev *dev, struct vu_msg *msg);
int vu_mem_remove(struct vu_dev *dev, struct vu_msg *msg);
void vu_mem_clear(struct vu_dev *dev);
int vu_log_base(struct vu_dev *dev, struct vu_msg *msg);
/* Guest-physical address of @len bytes at the front end's @uaddr; false: not in one region. */
bool vu_mem_gpa(const struct vu_dev *dev, u64 uaddr, u64 len, u64 *gpa);
/* A file under a region was cut short: instead of SIGBUS its pages read as zeros (async-safe). */
void vu_mem_catch_faults(void);
void vu_mem_report(void);	/* between two turns: say it, disconnect */

/* A part of a file (not said: gpa, uaddr) into the free slot @r. @fd stays the caller's. */
int vu_file_map(struct vu_dev *dev, struct vu_region *r, const struct vhost_user_region *said,
		int fd);
void vu_file_unmap(struct vu_region *r);

/* inflight.c: memory for what is in flight, which is the next process's too. */
int vu_inflight_get(struct vu_dev *dev, struct vu_msg *msg);
int vu_inflight_set(struct vu_dev *dev, struct vu_msg *msg);
void vu_inflight_clear(struct vu_dev *dev);
/* The part of ring @i, which is about to start, to vhost; if there is any such memory. */
int vu_inflight_use(struct vu_dev *dev, unsigned int i);

/* iotlb.c */
bool vu_iommu(const struct vu_dev *dev);	/* addresses are I/O virtual */
int vu_backend_fd(struct vu_dev *dev, struct vu_msg *msg);
int vu_iotlb_msg(struct vu_dev *dev, struct vu_msg *msg);
void vu_iotlb_ask(struct vu_dev *dev);		/* between two turns: send the miss there is */
void vu_iotlb_clear(struct vu_dev *dev);

/* vring.c: what the SET_VRING messages do. */
int vu_vring_num(struct vu_dev *dev, struct vu_msg *msg);
int vu_vring_addr(struct vu_dev *dev, struct vu_msg *msg);
int vu_vring_set_base(struct vu_dev *dev, struct vu_msg *msg);
int vu_vring_get_base(struct vu_dev *dev, struct vu_msg *msg);
int vu_vring_kick(struct vu_dev *dev, struct vu_msg *msg);
int vu_vring_call(struct vu_dev *dev, struct vu_msg *msg);
int vu_vring_err(struct vu_dev *dev, struct vu_msg *msg);
int vu_vring_enable(struct vu_dev *dev, struct vu_msg *msg);
void vu_vrings_init(struct vu_dev *dev);
void vu_vrings_stop(struct vu_dev *dev);	/* as by GET_VRING_BASE, which may still ask */
void vu_vrings_reset(struct vu_dev *dev);	/* all stopped, nothing known of them */
/* Something that rings depend on is about to change, and has: those that can go on do. */
void vu_vrings_halt(struct vu_dev *dev);
void vu_vrings_resume(struct vu_dev *dev);
/* A translation has come: rings that wait for one go on. */
void vu_vrings_retry(struct vu_dev *dev);

#endif
