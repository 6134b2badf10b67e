# SPDX-License-Identifier: BSD-2-Clause
# What ringvisor-vhost is made of; also for its fuzz target.
vhost-sources := $(wildcard arch/host/vhost_user/*.c) arch/host/cpu.c arch/host/mem.c \
	arch/host/panic.c arch/host/time.c kernel/guest_mem.c kernel/log.c kernel/poller.c \
	kernel/work.c virtio/ring.c virtio/ring_split.c virtio/ring_packed.c virtio/ring_inflight.c virtio/vhost.c \
	virtio/iotlb.c virtio/vhost_net.c virtio/net_tx.c virtio/net_rx.c virtio/net_steer.c \
	net/switch.c net/switches.c net/fdb.c net/port.c net/frame.c net/csum.c net/gso.c net/offload.c \
	net/part.c net/policing.c net/vlan.c net/capture.c
