/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notification by ports (virtio 1.2 §4.1.4.4 in an I/O BAR): where it is offered, sizing and moving
 * the BAR, decoding, accesses of all kinds. hostile_NN: case NN of the list of what a hostile guest
 * tries.
 */
#include "tests/unit/unit.h"

#include "tests/unit/pci_fixture.h"

#define PIO_BAR		(PCI_BAR0 + 4 * VIRTIO_PCI_PIO_BAR)
#define PORTS		16u	/* QUEUES of 4, rounded up */

static u16 queue_port(const struct fixture *f, unsigned int queue)
{
	return (u16)(f->mv.notify_port + queue * f->mv.notify_multiplier);
}

static void ports_come_first(void **state)
{
	struct fixture *f = *state;

	assert_true(f->mv.notify_port && f->mv.notify && f->mv.port_first);
	assert_int_equal(f->mv.notify_multiplier, 4);
	assert_int_equal(f->mg.guest.doorbells.nr, 2 * QUEUES);
}

static void any_width_rings(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < QUEUES; i++) {
		mock_pio_write(&f->mg, queue_port(f, i), 2, i);
		mock_work_run();
		assert_int_equal(f->dev.kicks[i], 1);
	}
	mock_pio_write(&f->mg, queue_port(f, 1), 1, 0xff);
	mock_work_run();
	mock_pio_write(&f->mg, queue_port(f, 1), 4, UINT32_MAX);
	mock_work_run();
	mock_pio_write(&f->mg, queue_port(f, 1) + 3, 2, 0);
	mock_work_run();
	assert_int_equal(f->dev.kicks[1], 4);
	assert_int_equal(f->dev.kicks[2], 1);
	assert_int_equal(mock_pio_read(&f->mg, queue_port(f, 1), 2), 0);
	assert_int_equal(f->dev.vdev.bad_accesses, 0);
}

static void hostile_34_port_of_no_queue(void **state)
{
	struct fixture *f = *state;

	mock_pio_write(&f->mg, queue_port(f, QUEUES), 2, 0);
	mock_pio_write(&f->mg, f->mv.notify_port + PORTS - 1, 1, 0);
	assert_int_equal(f->dev.vdev.bad_accesses, 2);
	/* Across the end and behind it nobody answers. */
	mock_pio_write(&f->mg, f->mv.notify_port + PORTS - 1, 2, 0);
	mock_pio_write(&f->mg, f->mv.notify_port + PORTS, 2, 0);
	assert_int_equal(mock_pio_read(&f->mg, f->mv.notify_port + PORTS, 2), 0xffff);
	assert_int_equal(f->dev.vdev.bad_accesses, 2);
	assert_int_equal(mock_work_queued(), 0);
}

static void bar_tells_its_size(void **state)
{
	struct fixture *f = *state;
	u32 at = mock_cfg_read(&f->mv, PIO_BAR, 4);

	assert_int_equal(at & 3, PCI_BAR_IO);
	assert_true((at & ~3u) >= MOCK_PORTS && at < MOCK_PORTS + MOCK_PORTS_SIZE);
	mock_cfg_write(&f->mv, PCI_COMMAND, 2, 0);
	mock_cfg_write(&f->mv, PIO_BAR, 4, UINT32_MAX);
	assert_int_equal(mock_cfg_read(&f->mv, PIO_BAR, 4), -PORTS | PCI_BAR_IO);
	mock_cfg_write(&f->mv, PIO_BAR, 4, 0);
	assert_int_equal(mock_cfg_read(&f->mv, PIO_BAR, 4), PCI_BAR_IO);
	vpci_reset(&f->dev.vp.pci);
	assert_int_equal(mock_cfg_read(&f->mv, PIO_BAR, 4), at);
	assert_int_equal(mock_cfg_read(&f->mv, PCI_COMMAND, 2), 0);
	assert_int_equal(f->mg.guest.pio.nr, 0);
}

/* With decoding on: as Linux sizes BARs of devices that it must not switch off. */
static void bar_can_be_moved(void **state)
{
	struct fixture *f = *state;
	u16 old = queue_port(f, 1);

	mock_cfg_write(&f->mv, PIO_BAR, 4, UINT32_MAX);
	mock_pio_write(&f->mg, old, 2, 1);
	assert_int_equal(mock_work_queued(), 0);
	mock_cfg_write(&f->mv, PIO_BAR, 4, MOCK_PORTS + 0x800);
	mock_pio_write(&f->mg, old, 2, 1);
	assert_int_equal(mock_work_queued(), 0);
	mock_pio_write(&f->mg, MOCK_PORTS + 0x800 + 4, 2, 1);
	mock_work_run();
	assert_int_equal(f->dev.kicks[1], 1);
	assert_int_equal(f->mg.guest.doorbells.nr, 2 * QUEUES);
}

/* Each of the two kinds has its own bit in COMMAND. */
static void hostile_32_decode_off_while_running(void **state)
{
	struct fixture *f = *state;

	driver_comes_up(state);
	mock_cfg_write(&f->mv, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	mock_pio_write(&f->mg, queue_port(f, 1), 2, 1);
	assert_int_equal(mock_work_queued(), 0);
	mock_notify(&f->mv, 1);
	mock_work_run();
	assert_int_equal(f->dev.kicks[1], 1);
	mock_cfg_write(&f->mv, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	mock_notify(&f->mv, 1);
	assert_int_equal(mock_work_queued(), 0);
	mock_pio_write(&f->mg, queue_port(f, 1), 2, 1);
	mock_work_run();
	assert_int_equal(f->dev.kicks[1], 2);
	assert_int_equal(f->dev.vdev.status, 0xf);
}

static void assert_unmapped(struct fixture *f, u32 at)
{
	f->dev.vp.pci.bar_conflicts = 0;
	mock_cfg_write(&f->mv, PIO_BAR, 4, at);
	assert_false(f->dev.vp.pci.bar[VIRTIO_PCI_PIO_BAR].mapped);
	assert_int_equal(f->dev.vp.pci.bar_conflicts, 1);
	assert_int_equal(f->mg.guest.doorbells.nr, QUEUES);
}

static void hostile_32_bar_over_something_else(void **state)
{
	static const struct io_ops nothing;
	struct fixture *f = *state;
	u32 good = mock_cfg_read(&f->mv, PIO_BAR, 4);

	assert_int_equal(io_add(&f->mg.guest.pio, MOCK_PORTS + 0x102, 1, &nothing, f, "x"), 0);
	assert_unmapped(f, MOCK_PORTS + 0x100);
	assert_int_equal(host_log_count("test/dev: BAR 2 not decoded"), 1);
	assert_unmapped(f, 0);
	assert_unmapped(f, 0x3f8);			/* the serial line */
	assert_unmapped(f, 0xcf8);
	assert_unmapped(f, MOCK_PORTS - PORTS);
	assert_unmapped(f, MOCK_PORTS + MOCK_PORTS_SIZE);
	assert_unmapped(f, 0x10000 + MOCK_PORTS);	/* there are 64 Ki */
	assert_unmapped(f, UINT32_MAX);
	f->mg.bus.pio_size = 0x200 + PORTS / 2;		/* half of it behind the end */
	assert_unmapped(f, MOCK_PORTS + 0x200);
	f->mg.bus.pio_size = MOCK_PORTS_SIZE;
	mock_cfg_write(&f->mv, PIO_BAR, 4, good);
	assert_int_equal(f->mg.guest.doorbells.nr, 2 * QUEUES);
	io_remove(&f->mg.guest.pio, MOCK_PORTS + 0x102, f);
}

static void each_device_has_its_ports(void **state)
{
	struct fixture *f = *state;
	struct mock_virtio other;
	struct device d;

	device_init(&d, &f->mg, 3 * 8, VECTORS);
	mock_virtio_probe(&other, &f->mg, 3 * 8);
	assert_true(other.notify_port >= f->mv.notify_port + PORTS);
	mock_pio_write(&f->mg, other.notify_port, 2, 0);
	mock_work_run();
	assert_int_equal(d.kicks[0], 1);
	assert_int_equal(f->dev.kicks[0], 0);
	/* At the place of the first one, it is not decoded. */
	mock_cfg_write(&other, PIO_BAR, 4, f->mv.notify_port);
	assert_false(d.vp.pci.bar[VIRTIO_PCI_PIO_BAR].mapped);
	mock_pio_write(&f->mg, f->mv.notify_port, 2, 0);
	mock_work_run();
	assert_int_equal(d.kicks[0], 1);
	assert_int_equal(f->dev.kicks[0], 1);
	virtio_pci_destroy(&d.vp);
}

static void another(struct fixture *f, struct device *d, bool pio_notify)
{
	struct mock_virtio mv;

	device_init(d, &f->mg, 3 * 8, VECTORS);
	virtio_pci_destroy(&d->vp);
	assert_int_equal(virtio_pci_create(&d->vp, &f->mg.guest, &d->vdev, 3 * 8, 0x020000,
					   VECTORS, pio_notify, "test/dev"), 0);
	mock_virtio_probe(&mv, &f->mg, 3 * 8);
	assert_true(mv.common && mv.notify && mv.device && mv.isr && mv.cfg_cap);
	assert_int_equal(mv.notify_port, 0);
	assert_int_equal(mock_cfg_read(&mv, PIO_BAR, 4), 0);
	mock_cfg_write(&mv, PIO_BAR, 4, UINT32_MAX);
	assert_int_equal(mock_cfg_read(&mv, PIO_BAR, 4), 0);
	assert_int_equal(mock_cfg_read(&mv, PCI_COMMAND, 2) & PCI_COMMAND_IO, 0);
	virtio_pci_destroy(&d->vp);
}

static void switched_off(void **state)
{
	struct device d;

	another(*state, &d, false);
}

/* All of the window is taken, by the board or by others: memory is left. */
static void no_ports_left(void **state)
{
	static const struct io_ops nothing;
	struct fixture *f = *state;
	struct device d;

	for (u16 port = MOCK_PORTS; port < MOCK_PORTS + MOCK_PORTS_SIZE; port += 0x100)
		assert_int_equal(io_add(&f->mg.guest.pio, port + 0x40, 0xc0, &nothing, &d, "x"), 0);
	f->mg.bus.pio_next = MOCK_PORTS + 0x140;
	device_init(&d, &f->mg, 3 * 8, VECTORS);
	assert_int_equal(mock_cfg_read(&f->mv, PIO_BAR, 4) & ~3u, MOCK_PORTS);
	assert_int_equal(vpci_cfg_read(&f->mg.bus, 3 * 8, PIO_BAR, 4) & ~3u, MOCK_PORTS + 0x200);
	virtio_pci_destroy(&d.vp);
	f->mg.bus.pio_next = MOCK_PORTS + MOCK_PORTS_SIZE - 0xc0;
	another(f, &d, true);
	for (u16 port = MOCK_PORTS; port < MOCK_PORTS + MOCK_PORTS_SIZE; port += 0x100)
		io_remove(&f->mg.guest.pio, port + 0x40, &d);
}

static void io_bar_sizes(void **state)
{
	const struct vpci_id id = { 0 };
	struct fixture *f = *state;
	struct vpci_dev dev;

	assert_int_equal(vpci_add(&f->mg.bus, &dev, 8, &id, NULL, NULL, "x"), 0);
	assert_int_equal(vpci_add_io_bar(&dev, 0, 2), -EINVAL);
	assert_int_equal(vpci_add_io_bar(&dev, 0, 12), -EINVAL);
	assert_int_equal(vpci_add_io_bar(&dev, 0, 512), -EINVAL);
	assert_int_equal(vpci_add_io_bar(&dev, VPCI_BARS, 4), -EINVAL);
	assert_int_equal(vpci_add_io_bar(&dev, 0, 256), 0);
	vpci_remove(&dev);
}

static void set_cfg_window(struct fixture *f, u32 off, u32 len)
{
	mock_cfg_write(&f->mv, f->mv.cfg_cap + offsetof(struct virtio_pci_cap, bar), 1,
		       VIRTIO_PCI_PIO_BAR);
	mock_cfg_write(&f->mv, f->mv.cfg_cap + offsetof(struct virtio_pci_cap, offset), 4, off);
	mock_cfg_write(&f->mv, f->mv.cfg_cap + offsetof(struct virtio_pci_cap, length), 4, len);
}

static void configuration_access_capability(void **state)
{
	struct fixture *f = *state;
	const unsigned int data = f->mv.cfg_cap + sizeof(struct virtio_pci_cap);

	mock_cfg_write(&f->mv, PCI_COMMAND, 2, 0);	/* works without decode */
	set_cfg_window(f, 4, 2);
	mock_cfg_write(&f->mv, data, 2, 1);
	mock_work_run();
	assert_int_equal(f->dev.kicks[1], 1);
	assert_int_equal(mock_cfg_read(&f->mv, data, 2), 0);
	assert_int_equal(f->dev.vdev.bad_accesses, 0);
	set_cfg_window(f, 4 * QUEUES, 2);
	mock_cfg_write(&f->mv, data, 2, 1);
	assert_int_equal(f->dev.vdev.bad_accesses, 1);
	set_cfg_window(f, PORTS, 2);
	mock_cfg_write(&f->mv, data, 2, 1);
	assert_int_equal(f->dev.vdev.bad_accesses, 2);
	assert_int_equal(mock_work_queued(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ports_come_first),
		T(any_width_rings),
		T(hostile_34_port_of_no_queue),
		T(bar_tells_its_size),
		T(bar_can_be_moved),
		T(hostile_32_decode_off_while_running),
		T(hostile_32_bar_over_something_else),
		T(each_device_has_its_ports),
		T(switched_off),
		T(no_ports_left),
		T(io_bar_sizes),
		T(configuration_access_capability),
	};
	return cmocka_run_group_tests_name("virtio_pio", tests, NULL, NULL);
}
