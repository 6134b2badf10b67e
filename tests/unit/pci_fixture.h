/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtio device that does nothing, on the bus of a guest, and a driver for it. */
#ifndef TESTS_UNIT_PCI_FIXTURE_H
#define TESTS_UNIT_PCI_FIXTURE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/pci_regs.h"
#include "tests/unit/mock_virtio.h"
#include "tests/unit/mock_work.h"
#include "virtio/pci.h"
#include "virtio/pci_regs.h"

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)
#define QUEUES	3
#define VECTORS	4
#define DEVFN	(7 * 8)
#define FEATURES (BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_F_EVENT_IDX) | BIT_ULL(5))

struct device {
	struct virtio_pci vp;
	struct virtio_dev vdev;
	struct virtio_queue queue[QUEUES];
	struct vhost_dev vhost;
	struct vhost_virtqueue vq[QUEUES];
	u8 config[6];
	unsigned int kicks[QUEUES], starts, resets, in_flight, config_writes;
	int start_error, features_error;
};

struct fixture {
	struct mock_guest mg;
	struct mock_virtio mv;
	struct device dev;
	struct mock_vq vq;
};

static inline struct device *device_of(struct virtio_dev *vdev)
{
	return container_of(vdev, struct device, vdev);
}

static inline int dev_features_ok(struct virtio_dev *vdev, u64 features)
{
	return device_of(vdev)->features_error;
}

static inline int dev_start(struct virtio_dev *vdev)
{
	device_of(vdev)->starts++;
	return device_of(vdev)->start_error;
}

static inline void dev_reset(struct virtio_dev *vdev)
{
	device_of(vdev)->resets++;
}

static inline unsigned int dev_in_flight(struct virtio_dev *vdev)
{
	return device_of(vdev)->in_flight;
}

static inline void dev_config_write(struct virtio_dev *vdev, unsigned int off, unsigned int size,
				    u32 val)
{
	struct device *d = device_of(vdev);

	d->config_writes++;
	memcpy(&d->config[off], &val, size);
}

static inline void dev_kick(struct vhost_virtqueue *vq)
{
	container_of(vq->dev, struct device, vhost)->kicks[vq->index]++;
}

static const struct virtio_ops dev_ops = {
	.features_ok = dev_features_ok, .start = dev_start, .reset = dev_reset,
	.in_flight = dev_in_flight,
};

static inline void device_init(struct device *d, struct mock_guest *mg, unsigned int devfn,
			unsigned int vectors)
{
	memset(d, 0, sizeof(*d));
	memcpy(d->config, "\x01\x02\x03\x04\x05\x06", 6);
	for (unsigned int i = 0; i < QUEUES; i++) {
		d->vq[i].handle_kick = dev_kick;
		d->queue[i].size_max = 256;
	}
	vhost_dev_init(&d->vhost, "test/dev", d->vq, QUEUES, NULL);
	vhost_set_mem_table(&d->vhost, &mg->guest.mem);
	d->vdev = (struct virtio_dev){
		.ops = &dev_ops, .device_id = 1, .offered = FEATURES, .config = d->config,
		.config_len = sizeof(d->config), .queue = d->queue, .nr_queues = QUEUES,
		.vhost = &d->vhost,
	};
	virtio_dev_init(&d->vdev);
	assert_int_equal(virtio_pci_create(&d->vp, &mg->guest, &d->vdev, devfn, 0x020000, vectors,
					   true, "test/dev"), 0);
}

static inline int setup_vectors(void **state, unsigned int vectors)
{
	struct fixture *f = calloc(1, sizeof(*f));

	mock_guest_init(&f->mg, "test", 1 * MIB);
	mock_vq_init(&f->vq, &f->mg.ram, 8, false, false);
	device_init(&f->dev, &f->mg, DEVFN, vectors);
	mock_virtio_probe(&f->mv, &f->mg, DEVFN);
	host_log_clear();
	*state = f;
	return 0;
}

static inline int setup(void **state)
{
	return setup_vectors(state, VECTORS);
}

static inline int setup_intx(void **state)
{
	return setup_vectors(state, 0);
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < QUEUES; i++)
		vhost_vring_stop(&f->dev.vhost, i);
	mock_work_run();
	virtio_pci_destroy(&f->dev.vp);
	assert_int_equal(f->mg.guest.mmio.nr, 0);
	assert_int_equal(f->mg.guest.pio.nr, 0);
	assert_int_equal(f->mg.guest.doorbells.nr, 0);
	mock_guest_free(&f->mg);
	free(f);
	return 0;
}

static inline void driver_comes_up(void **state)
{
	struct fixture *f = *state;
	u64 features = mock_device_features(&f->mv);

	assert_true(features == FEATURES);
	assert_true(mock_negotiate(&f->mv, features));
	assert_true(f->dev.vdev.driver == FEATURES);
	mock_setup_queue(&f->mv, 1, &f->vq, 2);
	mock_common_write(&f->mv, COMMON(config_msix_vector), 2, 3);
	assert_int_equal(mock_common_read(&f->mv, COMMON(config_msix_vector), 2), 3);
	assert_int_equal(mock_common_read(&f->mv, COMMON(queue_msix_vector), 2), 2);
	assert_int_equal(mock_common_read(&f->mv, COMMON(queue_notify_off), 2), 1);
	assert_true(f->dev.queue[1].addr.used == f->vq.addr.used);
	assert_int_equal(f->dev.starts, 0);
	mock_set_status(&f->mv,
			VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
	assert_int_equal(f->dev.starts, 1);
	assert_int_equal(mock_status(&f->mv), 0xf);
	assert_int_equal(f->dev.vdev.bad_accesses, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define T_INTX(name) cmocka_unit_test_setup_teardown(name, setup_intx, teardown)

#endif
