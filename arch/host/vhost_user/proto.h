/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vhost-user protocol as it crosses the socket: QEMU's docs/interop/vhost-user.rst, whose
 * section names are given. All fields are in host byte order (§Message Specification).
 */
#ifndef VHOST_USER_PROTO_H
#define VHOST_USER_PROTO_H

#include "kernel/types.h"

enum vhost_user_request {	/* §Front-end message types */
	VHOST_USER_NONE = 0,
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_LOG_BASE = 6,
	VHOST_USER_SET_LOG_FD = 7,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SEND_RARP = 19,
	VHOST_USER_NET_SET_MTU = 20,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_IOTLB_MSG = 22,
	VHOST_USER_SET_VRING_ENDIAN = 23,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_CREATE_CRYPTO_SESSION = 26,
	VHOST_USER_CLOSE_CRYPTO_SESSION = 27,
	VHOST_USER_POSTCOPY_ADVISE = 28,
	VHOST_USER_POSTCOPY_LISTEN = 29,
	VHOST_USER_POSTCOPY_END = 30,
	VHOST_USER_GET_INFLIGHT_FD = 31,
	VHOST_USER_SET_INFLIGHT_FD = 32,
	VHOST_USER_GPU_SET_SOCKET = 33,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_VRING_KICK = 35,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
	VHOST_USER_REQUESTS
};

enum vhost_user_backend_request {	/* §Back-end message types */
	VHOST_USER_BACKEND_IOTLB_MSG = 1,
};

enum vhost_user_feature {	/* bit numbers among the virtio features */
	VHOST_USER_F_PROTOCOL_FEATURES = 30,
};

enum vhost_user_protocol_feature {	/* bit numbers, §Protocol features */
	VHOST_USER_PROTOCOL_F_MQ = 0,
	VHOST_USER_PROTOCOL_F_LOG_SHMFD = 1,
	VHOST_USER_PROTOCOL_F_RARP = 2,
	VHOST_USER_PROTOCOL_F_REPLY_ACK = 3,
	VHOST_USER_PROTOCOL_F_NET_MTU = 4,
	VHOST_USER_PROTOCOL_F_BACKEND_REQ = 5,
	VHOST_USER_PROTOCOL_F_CROSS_ENDIAN = 6,
	VHOST_USER_PROTOCOL_F_CRYPTO_SESSION = 7,
	VHOST_USER_PROTOCOL_F_PAGEFAULT = 8,
	VHOST_USER_PROTOCOL_F_CONFIG = 9,
	VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD = 10,
	VHOST_USER_PROTOCOL_F_HOST_NOTIFIER = 11,
	VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD = 12,
	VHOST_USER_PROTOCOL_F_RESET_DEVICE = 13,
	VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS = 14,
	VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 15,
	VHOST_USER_PROTOCOL_F_STATUS = 16,
};

enum vhost_user_flags {		/* §Header */
	VHOST_USER_VERSION_MASK = 3,
	VHOST_USER_VERSION = 1,
	VHOST_USER_REPLY = 4,
	VHOST_USER_NEED_REPLY = 8,
};

struct vhost_user_hdr {
	u32 request, flags, size;
};

struct vhost_user_vring_state {	/* §A vring state description */
	u32 index, num;
};

enum vhost_user_vring_flags {
	VHOST_VRING_F_LOG = 1,
};

struct vhost_user_vring_addr {	/* §A vring address description */
	u32 index, flags;
	u64 desc, used, avail, log;
};

enum vhost_user_vring_fd {	/* u64 of KICK, CALL, ERR: §Front-end message types */
	VHOST_USER_VRING_IDX_MASK = 0xff,
	VHOST_USER_VRING_NOFD = 0x100,
};

struct vhost_user_region {	/* §Memory region description */
	u64 gpa, size, uaddr, mmap_offset;
};

#define VHOST_USER_REGIONS 8	/* of SET_MEM_TABLE */

struct vhost_user_mem {		/* §Multiple memory regions description */
	u32 nr, padding;
	struct vhost_user_region region[VHOST_USER_REGIONS];
};

struct vhost_user_mem_reg {	/* §Single memory region description */
	u64 padding;
	struct vhost_user_region region;
};

struct vhost_user_log {		/* §Log description */
	u64 size, offset;
};

enum vhost_iotlb_type {		/* §An IOTLB message */
	VHOST_IOTLB_MISS = 1,
	VHOST_IOTLB_UPDATE = 2,
	VHOST_IOTLB_INVALIDATE = 3,
	VHOST_IOTLB_ACCESS_FAIL = 4,
};

enum vhost_iotlb_perm {
	VHOST_ACCESS_RO = 1,
	VHOST_ACCESS_WO = 2,
	VHOST_ACCESS_RW = 3,
};

struct vhost_user_iotlb {
	u64 iova, size, uaddr;
	u8 perm, type, padding[6];
};

#define VHOST_USER_CONFIG_MAX 256

struct vhost_user_config {	/* §Virtio device config space */
	u32 offset, size, flags;
	u8 data[VHOST_USER_CONFIG_MAX];
} __packed;

struct vhost_user_inflight {	/* §Inflight description */
	u64 mmap_size, mmap_offset;
	u16 num_queues, queue_size;
	u32 padding;
};

union vhost_user_payload {
	u64 u64;
	struct vhost_user_vring_state state;
	struct vhost_user_vring_addr addr;
	struct vhost_user_mem mem;
	struct vhost_user_mem_reg mem_reg;
	struct vhost_user_log log;
	struct vhost_user_iotlb iotlb;
	struct vhost_user_config config;
	struct vhost_user_inflight inflight;
};

#define VHOST_USER_FDS VHOST_USER_REGIONS

#endif
