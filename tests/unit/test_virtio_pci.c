/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-pci on the guest's bus: configuration space, capabilities, registers, the status state
 * machine. hostile_NN: case NN of the list of what a hostile guest tries.
 */
#include "tests/unit/unit.h"

#include "tests/unit/pci_fixture.h"

/* ---- Configuration space ---- */

static void identity(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mock_cfg_read(&f->mv, PCI_VENDOR_ID, 4), 0x10411af4);
	assert_int_equal(mock_cfg_read(&f->mv, PCI_REVISION_ID, 4), 0x02000001);
	assert_int_equal(mock_cfg_read(&f->mv, PCI_SUBSYSTEM_VENDOR_ID, 4), 0x11001af4);
	assert_int_equal(mock_cfg_read(&f->mv, PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(mock_cfg_read(&f->mv, PCI_INTERRUPT_PIN, 1), 1);
	assert_true(mock_cfg_read(&f->mv, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
}

static void identity_is_read_only(void **state)
{
	struct fixture *f = *state;

	for (unsigned int off = 0; off < PCI_CFG_SIZE; off += 4)
		if (off != PCI_COMMAND)
			mock_cfg_write(&f->mv, off, 4, 0xffffffff);
	identity(state);
	mock_cfg_write(&f->mv, PCI_COMMAND, 2, 0xffff);
	assert_int_equal(mock_cfg_read(&f->mv, PCI_COMMAND, 2),
			 PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
			 PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
	mock_cfg_write(&f->mv, PCI_INTERRUPT_LINE, 1, 0xab);
	assert_int_equal(mock_cfg_read(&f->mv, PCI_INTERRUPT_LINE, 1), 0xab);
}

static void absent_functions_read_ones(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(vpci_cfg_read(&f->mg.bus, DEVFN + 1, 0, 4), 0xffffffff);
	assert_int_equal(vpci_cfg_read(&f->mg.bus, 6 * 8, 0, 2), 0xffff);
	assert_int_equal(vpci_cfg_read(&f->mg.bus, 0x100 + DEVFN, 0, 4), 0xffffffff);
	assert_int_equal(vpci_cfg_read(&f->mg.bus, UINT32_MAX, 0, 4), 0xffffffff);
	vpci_cfg_write(&f->mg.bus, 6 * 8, PCI_COMMAND, 2, 0xffff);
	vpci_cfg_write(&f->mg.bus, UINT32_MAX, PCI_COMMAND, 2, 0xffff);
}

static void capabilities_are_complete(void **state)
{
	struct fixture *f = *state;

	assert_true(f->mv.common && f->mv.isr && f->mv.device && f->mv.notify && f->mv.msix);
	assert_int_equal(f->mv.notify_multiplier, 4);
	assert_true(f->mv.cfg_cap && f->mv.msix_cap);
	assert_int_equal(mock_cfg_read(&f->mv, f->mv.msix_cap + 2, 2), VECTORS - 1);
}

static void bars_tell_their_size(void **state)
{
	struct fixture *f = *state;

	mock_cfg_write(&f->mv, PCI_COMMAND, 2, 0);
	for (unsigned int off = PCI_BAR0; off < PCI_BAR_END; off += 4)
		mock_cfg_write(&f->mv, off, 4, 0xffffffff);
	assert_int_equal(mock_cfg_read(&f->mv, PCI_BAR0, 4), 0);
	assert_int_equal(mock_cfg_read(&f->mv, PCI_BAR0 + 4, 4), (u32)-VIRTIO_PCI_MSIX_BAR_SIZE);
	assert_int_equal(mock_cfg_read(&f->mv, PCI_BAR0 + 16, 4),
			 (u32)-VIRTIO_PCI_BAR_SIZE | PCI_BAR_64);
	assert_int_equal(mock_cfg_read(&f->mv, PCI_BAR0 + 20, 4), 0xffffffff);
}

static void bar_can_be_moved(void **state)
{
	struct fixture *f = *state;
	u64 old = f->mv.common;

	mock_cfg_write(&f->mv, PCI_BAR0 + 16, 4, MOCK_WINDOW + 0x100000);
	assert_int_equal(mock_mmio_read(&f->mg, old, 4), 0xffffffff);
	f->mv.common = MOCK_WINDOW + 0x100000 + VIRTIO_PCI_COMMON;
	f->mv.notify = MOCK_WINDOW + 0x100000 + VIRTIO_PCI_NOTIFY;
	assert_int_equal(mock_common_read(&f->mv, COMMON(num_queues), 2), QUEUES);
	mock_notify(&f->mv, 1);
	mock_work_run();
	assert_int_equal(f->dev.kicks[1], 1);
}

static void reset_restores_configuration(void **state)
{
	struct fixture *f = *state;
	u32 bar = mock_cfg_read(&f->mv, PCI_BAR0 + 16, 4);

	mock_enable_msix(&f->mv);
	mock_cfg_write(&f->mv, PCI_BAR0 + 16, 4, MOCK_WINDOW + 0x100000);
	vpci_bus_reset(&f->mg.bus);
	assert_int_equal(mock_cfg_read(&f->mv, PCI_BAR0 + 16, 4), bar);
	assert_int_equal(mock_cfg_read(&f->mv, PCI_COMMAND, 2), 0);
	assert_int_equal(f->mg.guest.mmio.nr, 0);
	assert_int_equal(f->mg.guest.doorbells.nr, 0);
	assert_false(vpci_msix_enabled(&f->dev.vp.pci));
	assert_true(f->dev.vp.pci.msix[0].masked);
}

static void slots_are_taken_once(void **state)
{
	struct fixture *f = *state;
	struct vpci_dev dev;
	const struct vpci_id id = { 0 };

	assert_int_equal(vpci_add(&f->mg.bus, &dev, DEVFN, &id, NULL, NULL, "x"), -EBUSY);
	assert_int_equal(vpci_add(&f->mg.bus, &dev, DEVFN + 8 + 1, &id, NULL, NULL, "x"), -EINVAL);
	assert_int_equal(vpci_add(&f->mg.bus, &dev, 32 * 8, &id, NULL, NULL, "x"), -EINVAL);
}

static void window_and_capability_space_end(void **state)
{
	struct fixture *f = *state;
	struct vpci_dev dev;
	const struct vpci_id id = { 0 };
	u8 body[60] = { 0 };

	assert_int_equal(vpci_add(&f->mg.bus, &dev, 8, &id, NULL, NULL, "x"), 0);
	assert_int_equal(vpci_add_bar(&dev, 0, 24, false, false), -EINVAL);
	assert_int_equal(vpci_add_bar(&dev, 0, 8, false, false), -EINVAL);
	assert_int_equal(vpci_add_bar(&dev, 5, 4096, true, false), -EINVAL);
	assert_int_equal(vpci_add_bar(&dev, 0, 256 * MIB, false, false), -ENOSPC);
	assert_int_equal(vpci_add_bar(&dev, 0, 4 * GIB, true, false), -ENOSPC);
	assert_true(vpci_add_cap(&dev, PCI_CAP_ID_VENDOR, body, 60) > 0);
	assert_true(vpci_add_cap(&dev, PCI_CAP_ID_VENDOR, body, 60) > 0);
	assert_true(vpci_add_cap(&dev, PCI_CAP_ID_VENDOR, body, 60) > 0);
	assert_int_equal(vpci_add_cap(&dev, PCI_CAP_ID_VENDOR, body, 60), -ENOSPC);
	assert_int_equal(vpci_add_msix(&dev, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(vpci_add_msix(&dev, VPCI_MSIX_MAX + 1, 0, 0, 0), -EINVAL);
	vpci_remove(&dev);
}

/* ---- Common configuration and status ---- */

static void addresses_have_64_bits(void **state)
{
	struct fixture *f = *state;

	mock_common_write(&f->mv, COMMON(queue_select), 2, 2);
	mock_common_write(&f->mv, COMMON(queue_desc_lo), 4, 0x89abcdef);
	mock_common_write(&f->mv, COMMON(queue_desc_hi), 4, 0x01234567);
	mock_common_write(&f->mv, COMMON(queue_driver_lo), 8, 0xfedcba9876543210);
	assert_true(f->dev.queue[2].addr.desc == 0x0123456789abcdef);
	assert_true(f->dev.queue[2].addr.avail == 0xfedcba9876543210);
	assert_true(mock_common_read(&f->mv, COMMON(queue_driver_lo), 8) == 0xfedcba9876543210);
	assert_int_equal(mock_common_read(&f->mv, COMMON(queue_desc_hi), 4), 0x01234567);
}

static void reset_waits_for_buffers_in_flight(void **state)
{
	struct fixture *f = *state;

	driver_comes_up(state);
	f->dev.in_flight = 1;
	mock_set_status(&f->mv, 0);
	assert_int_equal(f->dev.resets, 2);	/* the first: when probed */
	assert_int_equal(mock_status(&f->mv), 0xf);
	/* It takes no other write meanwhile, nor is it reset once more. */
	mock_common_write(&f->mv, COMMON(queue_select), 2, 2);
	assert_int_equal(mock_common_read(&f->mv, COMMON(queue_select), 2), 1);
	assert_int_equal(f->dev.vdev.bad_accesses, 1);
	mock_set_status(&f->mv, 0);
	assert_int_equal(f->dev.resets, 2);
	f->dev.in_flight = 0;
	assert_int_equal(mock_status(&f->mv), 0);
	assert_int_equal(mock_common_read(&f->mv, COMMON(queue_select), 2), 0);
	assert_int_equal(mock_common_read(&f->mv, COMMON(queue_enable), 2), 0);
	assert_true(mock_negotiate(&f->mv, FEATURES));
}

static void device_configuration_is_read_in_any_size(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mock_mmio_read(&f->mg, f->mv.device, 1), 0x01);
	assert_int_equal(mock_mmio_read(&f->mg, f->mv.device + 1, 2), 0x0302);
	assert_int_equal(mock_mmio_read(&f->mg, f->mv.device + 2, 4), 0x06050403);
}

static void start_error_needs_reset(void **state)
{
	struct fixture *f = *state;

	f->dev.start_error = -EINVAL;
	mock_enable_msix(&f->mv);
	assert_true(mock_negotiate(&f->mv, FEATURES));
	mock_common_write(&f->mv, COMMON(config_msix_vector), 2, 0);
	virtio_needs_reset(&f->dev.vdev);
	assert_int_equal(f->mg.msis, 0);	/* not before DRIVER_OK, virtio 1.2 §2.1.2 */
	mock_set_status(&f->mv, 0);
	assert_true(mock_negotiate(&f->mv, FEATURES));
	mock_common_write(&f->mv, COMMON(config_msix_vector), 2, 0);
	mock_set_status(&f->mv, 0xf);
	assert_int_equal(mock_status(&f->mv), 0xf | VIRTIO_NEEDS_RESET);
	assert_int_equal(f->mg.msi_data[0x40], 1);
	virtio_needs_reset(&f->dev.vdev);
	assert_int_equal(f->mg.msis, 1);	/* told once */
	mock_set_status(&f->mv, 0);
	assert_int_equal(mock_status(&f->mv), 0);
}

static void hostile_29_features(void **state)
{
	struct fixture *f = *state;

	/* Not offered. */
	assert_false(mock_negotiate(&f->mv, FEATURES | BIT_ULL(40)));
	mock_set_status(&f->mv, 0);
	/* VERSION_1 refused. */
	assert_false(mock_negotiate(&f->mv, BIT_ULL(5)));
	mock_set_status(&f->mv, 0);
	/* The class refuses. */
	f->dev.features_error = -EINVAL;
	assert_false(mock_negotiate(&f->mv, FEATURES));
	f->dev.features_error = 0;
	mock_set_status(&f->mv, 0);
	/* Written after FEATURES_OK. */
	assert_true(mock_negotiate(&f->mv, BIT_ULL(VIRTIO_F_VERSION_1)));
	mock_common_write(&f->mv, COMMON(driver_feature_select), 4, 0);
	mock_common_write(&f->mv, COMMON(driver_feature), 4, BIT(5));
	assert_true(f->dev.vdev.driver == BIT_ULL(VIRTIO_F_VERSION_1));
	assert_int_equal(f->dev.vdev.bad_accesses, 1);
	mock_set_status(&f->mv, 0);
	/* A third half. */
	mock_common_write(&f->mv, COMMON(driver_feature_select), 4, 2);
	mock_common_write(&f->mv, COMMON(driver_feature), 4, 1);
	assert_true(f->dev.vdev.driver == 0);
	mock_common_write(&f->mv, COMMON(device_feature_select), 4, 2);
	assert_int_equal(mock_common_read(&f->mv, COMMON(device_feature), 4), 0);
	/* DRIVER_OK without FEATURES_OK. */
	mock_set_status(&f->mv, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK);
	assert_int_equal(mock_status(&f->mv), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	assert_int_equal(f->dev.starts, 0);
	/* DRIVER_OK together with a FEATURES_OK that is refused. */
	mock_set_status(&f->mv, 0xf);
	assert_int_equal(f->dev.starts, 0);
}

static void hostile_29_status_bits(void **state)
{
	struct fixture *f = *state;

	driver_comes_up(state);
	/* Clearing bits is not for the driver, nor is setting the device's. */
	mock_set_status(&f->mv, VIRTIO_ACKNOWLEDGE);
	assert_int_equal(mock_status(&f->mv), 0xf);
	mock_set_status(&f->mv, 0xff);
	assert_int_equal(mock_status(&f->mv), 0xf | VIRTIO_FAILED);
	assert_int_equal(f->dev.starts, 1);
	assert_int_equal(f->dev.vdev.bad_accesses, 1);
}

static void hostile_07_queue_changed_after_enable(void **state)
{
	struct fixture *f = *state;
	const struct ring_addr addr = f->vq.addr;

	assert_true(mock_negotiate(&f->mv, FEATURES));
	mock_setup_queue(&f->mv, 0, &f->vq, 0);
	mock_common_write(&f->mv, COMMON(queue_size), 2, 64);
	mock_common_write(&f->mv, COMMON(queue_desc_lo), 4, 0x1000);
	mock_common_write(&f->mv, COMMON(queue_device_hi), 4, 1);
	mock_common_write(&f->mv, COMMON(queue_enable), 2, 0);
	assert_int_equal(f->dev.queue[0].size, f->vq.num);
	assert_memory_equal(&f->dev.queue[0].addr, &addr, sizeof(addr));
	assert_true(f->dev.queue[0].enable);
	assert_int_equal(f->dev.vdev.bad_accesses, 4);
	mock_set_status(&f->mv, 0xf);
	mock_common_write(&f->mv, COMMON(queue_select), 2, 1);
	mock_common_write(&f->mv, COMMON(queue_enable), 2, 1);
	assert_false(f->dev.queue[1].enable);
}

static void hostile_31_common_accesses(void **state)
{
	struct fixture *f = *state;
	const u64 at = f->mv.common;

	/* Odd size, part of a field, across two, read-only, past the end. */
	mock_mmio_write(&f->mg, at + COMMON(queue_select), 4, 1);
	mock_mmio_write(&f->mg, at + COMMON(queue_select), 1, 1);
	mock_mmio_write(&f->mg, at + COMMON(queue_select) + 1, 1, 1);
	mock_mmio_write(&f->mg, at + COMMON(queue_select) + 1, 2, 1);
	mock_mmio_write(&f->mg, at + COMMON(device_feature_select), 8, 1);
	mock_mmio_write(&f->mg, at + COMMON(device_status), 2, 1);
	mock_mmio_write(&f->mg, at + COMMON(num_queues), 2, 1);
	mock_mmio_write(&f->mg, at + sizeof(struct virtio_pci_common_cfg), 4, 1);
	mock_mmio_write(&f->mg, at + VIRTIO_PCI_AREA_SIZE - 1, 1, 1);
	assert_int_equal(f->dev.vdev.bad_accesses, 9);
	assert_int_equal(mock_status(&f->mv), 0);
	assert_int_equal(f->dev.vdev.queue_select, 0);
	assert_int_equal(mock_mmio_read(&f->mg, at + sizeof(struct virtio_pci_common_cfg) - 2, 4),
			 0xffff0000);
	assert_int_equal(mock_mmio_read(&f->mg, at + 0xffc, 4), 0xffffffff);
	assert_int_equal(mock_mmio_read(&f->mg, at + COMMON(num_queues) + 1, 1), 0);
	/* A queue that is not there. */
	mock_common_write(&f->mv, COMMON(queue_select), 2, QUEUES);
	assert_int_equal(mock_common_read(&f->mv, COMMON(queue_size), 2), 0);
	mock_common_write(&f->mv, COMMON(queue_enable), 2, 1);
	mock_common_write(&f->mv, COMMON(queue_msix_vector), 2, 1);
	assert_int_equal(f->dev.vdev.bad_accesses, 11);
}

static const struct virtio_ops writable_ops = {
	.features_ok = dev_features_ok, .start = dev_start, .reset = dev_reset,
	.in_flight = dev_in_flight, .config_write = dev_config_write,
};

static void hostile_31_writable_device_configuration(void **state)
{
	struct fixture *f = *state;

	f->dev.vdev.ops = &writable_ops;
	mock_mmio_write(&f->mg, f->mv.device + 2, 4, 0xaabbccdd);
	mock_mmio_write(&f->mg, f->mv.device + 1, 1, 0xee);
	assert_memory_equal(f->dev.config, "\x01\xee\xdd\xcc\xbb\xaa", 6);
	mock_mmio_write(&f->mg, f->mv.device + 3, 4, 0);	/* across the end */
	mock_mmio_write(&f->mg, f->mv.device + 6, 1, 0);
	mock_mmio_write(&f->mg, f->mv.device + 0xff8, 8, 0);
	mock_mmio_write(&f->mg, f->mv.device, 8, 0);
	assert_int_equal(f->dev.config_writes, 2);
	assert_int_equal(f->dev.vdev.bad_accesses, 4);
}

static void hostile_31_device_accesses(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mock_mmio_read(&f->mg, f->mv.device + 4, 4), 0xffff0605);
	assert_int_equal(mock_mmio_read(&f->mg, f->mv.device + 6, 2), 0xffff);
	assert_int_equal(mock_mmio_read(&f->mg, f->mv.device + 0xfff, 1), 0xff);
	mock_mmio_write(&f->mg, f->mv.device, 4, 0);		/* nothing there is writable */
	mock_mmio_write(&f->mg, f->mv.device + 0xffc, 4, 0);
	mock_mmio_write(&f->mg, f->mv.isr, 1, 0);
	assert_int_equal(f->dev.vdev.bad_accesses, 3);
	assert_int_equal(f->dev.config[0], 1);
	/* From one area into the next, and out of the BAR. */
	mock_mmio_read(&f->mg, f->mv.device + 0xffe, 4);
	mock_mmio_write(&f->mg, f->mv.device + 0xffe, 4, 0);
	assert_int_equal(mock_mmio_read(&f->mg, f->mv.notify + 0xffe, 4), 0xffffffff);
}

static void set_cfg_window(struct fixture *f, u8 bar, u32 off, u32 len)
{
	mock_cfg_write(&f->mv, f->mv.cfg_cap + offsetof(struct virtio_pci_cap, bar), 1, bar);
	mock_cfg_write(&f->mv, f->mv.cfg_cap + offsetof(struct virtio_pci_cap, offset), 4, off);
	mock_cfg_write(&f->mv, f->mv.cfg_cap + offsetof(struct virtio_pci_cap, length), 4, len);
}

static u32 cfg_data(struct fixture *f)
{
	return mock_cfg_read(&f->mv, f->mv.cfg_cap + sizeof(struct virtio_pci_cap), 4);
}

static void configuration_access_capability(void **state)
{
	struct fixture *f = *state;
	const unsigned int data = f->mv.cfg_cap + sizeof(struct virtio_pci_cap);

	mock_cfg_write(&f->mv, PCI_COMMAND, 2, 0);	/* works without decode */
	set_cfg_window(f, 4, COMMON(num_queues), 2);
	assert_int_equal(cfg_data(f) & 0xffff, QUEUES);
	set_cfg_window(f, 4, COMMON(device_status), 1);
	mock_cfg_write(&f->mv, data, 1, VIRTIO_ACKNOWLEDGE);
	assert_int_equal(f->dev.vdev.status, VIRTIO_ACKNOWLEDGE);
	set_cfg_window(f, 4, VIRTIO_PCI_DEVICE, 4);
	assert_int_equal(cfg_data(f), 0x04030201);
	set_cfg_window(f, 4, VIRTIO_PCI_NOTIFY + 4, 2);
	mock_cfg_write(&f->mv, data, 2, 1);
	mock_work_run();
	assert_int_equal(f->dev.kicks[1], 1);
	set_cfg_window(f, 1, 16 + PCI_MSIX_DATA, 4);
	mock_cfg_write(&f->mv, data, 4, 0xbeef);
	assert_int_equal(f->dev.vp.pci.msix[1].data, 0xbeef);
}

static void hostile_31_configuration_access_capability(void **state)
{
	struct fixture *f = *state;
	static const struct { u8 bar; u32 off, len; } bad[] = {
		{ 0, 0, 4 }, { 3, 0, 4 }, { 5, 0, 4 }, { 6, 0, 4 }, { 255, 0, 4 },
		{ 4, 0, 0 }, { 4, 0, 3 }, { 4, 0, 8 }, { 4, 0, UINT32_MAX },
		{ 4, 1, 4 }, { 4, 2, 4 }, { 4, 1, 2 },
		{ 4, VIRTIO_PCI_BAR_SIZE, 4 }, { 4, UINT32_MAX - 3, 4 }, { 4, UINT32_MAX, 1 },
		{ 1, VIRTIO_PCI_MSIX_BAR_SIZE, 4 }, { 2, 16, 2 }, { 2, 1, 2 }, { 2, 0, 8 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		set_cfg_window(f, bad[i].bar, bad[i].off, bad[i].len);
		f->dev.vdev.bad_accesses = 0;
		cfg_data(f);
		mock_cfg_write(&f->mv, f->mv.cfg_cap + sizeof(struct virtio_pci_cap), 4,
			       0xffffffff);
		assert_int_equal(f->dev.vdev.bad_accesses, 2);
	}
	/* Unaligned configuration accesses, across the data and what follows, and off the end. */
	set_cfg_window(f, 4, 0, 4);
	for (unsigned int off = 0; off < PCI_CFG_EXP_SIZE + 8; off++)
		for (unsigned int size = 1; size <= 4; size *= 2) {
			mock_cfg_read(&f->mv, off, size);
			mock_cfg_write(&f->mv, off, size, 0xffffffff);
		}
	assert_int_equal(mock_cfg_read(&f->mv, 0x100, 4), 0);
	assert_int_equal(mock_cfg_read(&f->mv, PCI_CFG_EXP_SIZE - 2, 4), 0xffffffff);
	assert_int_equal(mock_cfg_read(&f->mv, UINT32_MAX, 4), 0xffffffff);
	assert_int_equal(mock_cfg_read(&f->mv, PCI_VENDOR_ID, 4), 0x10411af4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(identity),
		T(identity_is_read_only),
		T(absent_functions_read_ones),
		T(capabilities_are_complete),
		T(bars_tell_their_size),
		T(bar_can_be_moved),
		T(reset_restores_configuration),
		T(slots_are_taken_once),
		T(window_and_capability_space_end),
		T(driver_comes_up),
		T(addresses_have_64_bits),
		T(reset_waits_for_buffers_in_flight),
		T(device_configuration_is_read_in_any_size),
		T(start_error_needs_reset),
		T(hostile_29_features),
		T(hostile_29_status_bits),
		T(hostile_07_queue_changed_after_enable),
		T(hostile_31_common_accesses),
		T(hostile_31_device_accesses),
		T(hostile_31_writable_device_configuration),
		T(configuration_access_capability),
		T(hostile_31_configuration_access_capability),
	};
	return cmocka_run_group_tests_name("virtio_pci", tests, NULL, NULL);
}
