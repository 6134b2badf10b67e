/* SPDX-License-Identifier: BSD-2-Clause */
/* A modern virtio-pci driver (virtio 1.2 §3.1, §4.1): finds the areas by the capabilities. */
#ifndef TESTS_UNIT_MOCK_VIRTIO_H
#define TESTS_UNIT_MOCK_VIRTIO_H

#include "tests/unit/mock_driver.h"
#include "tests/unit/mock_guest.h"

struct mock_virtio {
	struct mock_guest *mg;
	unsigned int devfn;
	u64 common, isr, device, notify, msix;	/* guest-physical addresses; 0: not found */
	u16 notify_port;			/* 0: none in I/O space */
	bool port_first;			/* ... or not before that in memory */
	u32 notify_multiplier;
	unsigned int cfg_cap;			/* PCI configuration access capability */
	unsigned int msix_cap;
};

u32 mock_cfg_read(struct mock_virtio *mv, unsigned int off, unsigned int size);
void mock_cfg_write(struct mock_virtio *mv, unsigned int off, unsigned int size, u32 val);

/* Enable decode and bus mastering, find everything, reset. */
void mock_virtio_probe(struct mock_virtio *mv, struct mock_guest *mg, unsigned int devfn);

u64 mock_common_read(struct mock_virtio *mv, unsigned int off, unsigned int size);
void mock_common_write(struct mock_virtio *mv, unsigned int off, unsigned int size, u64 val);
u8 mock_status(struct mock_virtio *mv);
void mock_set_status(struct mock_virtio *mv, u8 status);
u64 mock_device_features(struct mock_virtio *mv);

/* ACKNOWLEDGE, DRIVER, the features as they are, FEATURES_OK; was it accepted? */
bool mock_negotiate(struct mock_virtio *mv, u64 features);
void mock_setup_queue(struct mock_virtio *mv, u16 idx, const struct mock_vq *vq, u16 vector);
void mock_enable_msix(struct mock_virtio *mv);	/* entry N: data 0x40 + N, unmasked */
void mock_notify(struct mock_virtio *mv, u16 idx);

#endif
