/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio-net device to run the host's driver against: its PCI capabilities, registers and the
 * device's side of the rings. Misuse by the driver fails the test at once. (Not in the library of
 * mocks, as it plays the same PCI functions as the e1000 there.)
 */
#ifndef TESTS_UNIT_VIRTIO_NIC_H
#define TESTS_UNIT_VIRTIO_NIC_H

#include "drivers/net/virtio_net.h"
#include "tests/unit/nic_bench.h"

#define VIRTIO_NIC_QUEUE	256	/* entries */

struct virtio_nic {
	struct pci_dev pci;
	u64 offered;			/* features */
	u64 driver;			/* those that the driver took */
	bool refuses, reset_stuck, no_vectors, no_interrupt, tx_stopped, link;
	bool refuses_pairs, ctrl_dead, promisc;
	u16 queue_size;
	unsigned int msix_entries;
	u8 status, isr;
	bool mastering;
	unsigned int nr_sent, kicks, resets;
	struct virtio_net_hdr last_hdr;	/* of the frame sent last */
	u8 last_bytes[FRAME_GSO_MAX];	/* as it came out of the ring */
	u32 last_len;
};

extern struct virtio_nic virtio_nic;
/* With and without indirect descriptors, with two CPUs and queue pairs, with RSS, by INTx. */
#define VIRTIO_NIC_MODELS 5
extern const struct nic_model virtio_nic_models[VIRTIO_NIC_MODELS];

/* As the model's receive(), with a header and over several buffers if it is long. */
bool virtio_nic_receive(const struct virtio_net_hdr *hdr, const void *bytes, u32 len);
/* A frame of @nr buffers, of which the device says that it wrote @used bytes to each. */
void virtio_nic_claim(const u32 *used, unsigned int nr);
/* The device "uses" a buffer that it does not have. */
void virtio_nic_misuse(void);

#endif
