/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ringvisor.conf: QEMU's option words, one `guest NAME ...` per guest. A line that starts
 * with white space continues the one before; `#` starts a comment; "double quotes" keep
 * spaces together. Lines before the first guest set hypervisor options (`set NAME=VALUE`).
 * Parsed once at boot by the BSP; the result lives for ever and is read-only.
 */
#ifndef KERNEL_GUEST_CONFIG_H
#define KERNEL_GUEST_CONFIG_H

#include "kernel/types.h"
#include "net/port.h"

#define GUEST_NAME_MAX	16
#define GUEST_NICS_MAX	4
#define GUEST_MODULES_MAX 8
#define GUEST_VCPUS_MAX	64
#define NETDEV_WORKERS_MAX 8
#define NIC_PAIRS_MAX	8

/* -netdev tap|switch,id=..,br=..,queues=..,vhost=on|off,poll-us=.. */
struct netdev_config {
	char id[32];
	char br[16];			/* switch; "br0" by default */
	unsigned int queues;		/* queue pairs, 1..NIC_PAIRS_MAX; above 1 with mq=on */
	unsigned int poll_us;
	/* workers: CPUs whose workers have its pairs, in turn; nr 0: as place_queue() says */
	struct { unsigned int nr; u16 cpu[NETDEV_WORKERS_MAX]; } workers;
	struct port_policy policy;	/* gro=, tag=, trunks=, spoofchk=, ingress_policing_*= */
	unsigned int line;
};

/* -device virtio-net-pci,netdev=..,id=..,mac=..,... in QEMU's words */
struct nic_config {
	struct netdev_config netdev;	/* copied: resolved by id */
	char id[32];
	u8 mac[6];			/* unicast; given, or made from guest and NIC number */
	bool event_idx, indirect_desc, mrg_rxbuf, status, packed, in_order;
	bool ctrl_vq, ctrl_mac_addr, mq;	/* mq: with ctrl_vq alone */
	bool csum, host_tso4, host_tso6, host_ecn;	/* out of the guest */
	bool guest_csum, guest_tso4, guest_tso6, guest_ecn;	/* into it */
	u16 host_mtu;			/* 0: VIRTIO_NET_F_MTU not offered */
	unsigned int vectors;		/* MSI-X vectors; 0: no MSI-X, INTx only */
	unsigned int rx_queue_size, tx_queue_size;	/* power of two, 64..1024 */
	bool modern_pio_notify;		/* notification by ports, too */
	unsigned int devfn;		/* addr=SLOT[.FN]; automatic: next free slot from 2 */
	unsigned int line;
};

enum guest_on_crash { ON_CRASH_STOP, ON_CRASH_RESET };

struct guest_config {
	char name[GUEST_NAME_MAX];
	u64 memory;			/* bytes, multiple of 2 MiB */
	unsigned int nr_vcpus;
	/* -cpu-affinity: CPUs for the vCPUs, in turn; nr 0: anywhere */
	struct { unsigned int nr, line; u16 cpu[GUEST_VCPUS_MAX]; } affinity;
	char kernel[128];		/* names of archive members */
	char initrd[128];		/* "" if none; multiboot: "mod1 args,mod2 args" */
	const char *append;		/* command line, "" if none; owned, for ever */
	bool kvm;			/* -cpu host,kvm=on|off: is the guest told of KVM */
	bool no_reboot;			/* -no-reboot: a reset ends the guest */
	enum guest_on_crash on_crash;	/* -action panic=..: triple fault */
	struct { bool on; u16 iobase, iosize; } debug_exit;	/* -device isa-debug-exit */
	unsigned int nr_nics;
	struct nic_config nic[GUEST_NICS_MAX];
	unsigned int line;
};

/* `set NAME=VALUE`: what concerns the machine. */
struct host_config {
	/* workers: CPUs for vhost workers alone; nr 0: none */
	struct { unsigned int nr; u16 cpu[CONFIG_MAX_CPUS]; } workers;
	unsigned int workers_line;
};

struct config_error {
	char text[280];			/* "ringvisor.conf:12: guest web: -m 12Q: expected ..." */
};

/*
 * config_parse() - @text is @len bytes, not terminated. A guest with an error in its lines
 * is left out and reported through @report (one call an error); the others are kept.
 * Guests go to @guests (room for @max). Returns their number, or -ENOMEM.
 * *@host has the settings. Portable, no allocation limits beyond @max: tested natively.
 */
int config_parse(const char *file, const char *text, size_t len,
		 struct host_config *host, struct guest_config *guests, unsigned int max,
		 void (*report)(void *arg, const struct config_error *err), void *arg);

#endif
