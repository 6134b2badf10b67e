/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-pci on the guest's bus: where BARs may lie, MSI-X, INTx, doorbells. hostile_NN: case NN
 * of the list of what a hostile guest tries.
 */
#include "tests/unit/unit.h"

#include "tests/unit/pci_fixture.h"

/* ---- BARs where they must not be ---- */

static void assert_bar4_unmapped(struct fixture *f, u64 gpa)
{
	mock_cfg_write(&f->mv, PCI_COMMAND, 2, 0);
	mock_cfg_write(&f->mv, PCI_BAR0 + 16, 4, (u32)gpa);
	mock_cfg_write(&f->mv, PCI_BAR0 + 20, 4, (u32)(gpa >> 32));
	f->dev.vp.pci.bar_conflicts = 0;
	mock_cfg_write(&f->mv, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_false(f->dev.vp.pci.bar[4].mapped);
	assert_int_equal(f->dev.vp.pci.bar_conflicts, 1);
	assert_int_equal(f->mg.guest.doorbells.nr, 0);
	assert_int_equal(f->mg.guest.mmio.nr, 1);	/* BAR 1 */
}

static void hostile_32_bar_over_something_else(void **state)
{
	struct fixture *f = *state;
	u64 bar1 = mock_cfg_read(&f->mv, PCI_BAR0 + 4, 4);

	assert_bar4_unmapped(f, 0);				/* RAM */
	assert_bar4_unmapped(f, 0x40000);
	assert_bar4_unmapped(f, MOCK_HIGH_GPA);
	assert_bar4_unmapped(f, 0xfee00000);			/* the local APIC */
	assert_bar4_unmapped(f, ALIGN_DOWN(bar1, VIRTIO_PCI_BAR_SIZE));	/* the other BAR */
	assert_int_equal(host_log_count("test/dev: BAR 4 not decoded"), 1);
	assert_bar4_unmapped(f, MOCK_WINDOW - VIRTIO_PCI_BAR_SIZE);
	assert_bar4_unmapped(f, MOCK_WINDOW + MOCK_WINDOW_SIZE);
	assert_bar4_unmapped(f, 0xffffffffffffc000);		/* wraps */
	/* Half of it behind the end of the window. */
	f->mg.bus.mmio_size = 0x100000 + VIRTIO_PCI_BAR_SIZE / 2;
	assert_bar4_unmapped(f, MOCK_WINDOW + 0x100000);
	f->mg.bus.mmio_size = MOCK_WINDOW_SIZE;
	/* And back again. */
	mock_cfg_write(&f->mv, PCI_BAR0 + 20, 4, 0);
	mock_cfg_write(&f->mv, PCI_BAR0 + 16, 4, MOCK_WINDOW + 0x200000);
	assert_true(f->dev.vp.pci.bar[4].mapped);
	assert_int_equal(f->mg.guest.doorbells.nr, QUEUES);
}

static void hostile_32_two_devices_at_one_place(void **state)
{
	struct fixture *f = *state;
	struct mock_virtio other;
	struct device d;
	u32 place = mock_cfg_read(&f->mv, PCI_BAR0 + 16, 4);

	device_init(&d, &f->mg, 3 * 8, VECTORS);
	mock_virtio_probe(&other, &f->mg, 3 * 8);
	mock_cfg_write(&other, PCI_BAR0 + 16, 4, place);
	assert_false(d.vp.pci.bar[4].mapped);
	mock_notify(&f->mv, 0);
	mock_work_run();
	assert_int_equal(f->dev.kicks[0], 1);
	assert_int_equal(d.kicks[0], 0);
	/* The place becomes free: the next write to its BAR or COMMAND takes it. */
	mock_cfg_write(&f->mv, PCI_COMMAND, 2, 0);
	mock_cfg_write(&other, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(d.vp.pci.bar[4].mapped);
	mock_notify(&f->mv, 0);
	mock_work_run();
	assert_int_equal(d.kicks[0], 1);
	virtio_pci_destroy(&d.vp);
}

static void hostile_32_decode_off_while_running(void **state)
{
	struct fixture *f = *state;

	driver_comes_up(state);
	mock_cfg_write(&f->mv, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	mock_notify(&f->mv, 1);
	mock_work_run();
	assert_int_equal(f->dev.kicks[1], 0);
	assert_int_equal(mock_common_read(&f->mv, COMMON(device_status), 1), 0xff);
	mock_cfg_write(&f->mv, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(mock_status(&f->mv), 0xf);
}

/* ---- MSI-X ---- */

static void interrupts_by_msix(void **state)
{
	struct fixture *f = *state;

	mock_enable_msix(&f->mv);
	driver_comes_up(state);
	event_signal(&f->dev.queue[1].call);
	assert_int_equal(f->mg.msi_data[0x42], 1);
	assert_true(f->mg.msi_addr == MOCK_MSI_ADDR);
	event_signal(&f->dev.queue[0].call);	/* NO_VECTOR */
	assert_int_equal(f->mg.msis, 1);
	assert_int_equal(f->mg.line_changes, 0);
	assert_int_equal(mock_mmio_read(&f->mg, f->mv.isr, 1), 0);
}

static void vectors_that_do_not_exist(void **state)
{
	struct fixture *f = *state;

	mock_common_write(&f->mv, COMMON(config_msix_vector), 2, VECTORS);
	assert_int_equal(mock_common_read(&f->mv, COMMON(config_msix_vector), 2), 0xffff);
	mock_common_write(&f->mv, COMMON(queue_msix_vector), 2, 0x8000);
	assert_int_equal(mock_common_read(&f->mv, COMMON(queue_msix_vector), 2), 0xffff);
}

static u32 entry_write(struct fixture *f, unsigned int entry, unsigned int reg, u32 val)
{
	mock_mmio_write(&f->mg, f->mv.msix + entry * PCI_MSIX_ENTRY_SIZE + reg, 4, val);
	return (u32)mock_mmio_read(&f->mg, f->mv.msix + entry * PCI_MSIX_ENTRY_SIZE + reg, 4);
}

static u32 pending(struct fixture *f)
{
	return (u32)mock_mmio_read(&f->mg, f->mv.msix + VIRTIO_PCI_MSIX_PBA, 4);
}

static void masked_vectors_are_pending(void **state)
{
	struct fixture *f = *state;

	mock_enable_msix(&f->mv);
	driver_comes_up(state);
	entry_write(f, 2, PCI_MSIX_VECTOR_CONTROL, 1);
	event_signal(&f->dev.queue[1].call);
	event_signal(&f->dev.queue[1].call);
	assert_int_equal(f->mg.msis, 0);
	assert_int_equal(pending(f), BIT(2));
	entry_write(f, 2, PCI_MSIX_VECTOR_CONTROL, 0);
	assert_int_equal(f->mg.msi_data[0x42], 1);
	assert_int_equal(pending(f), 0);
	entry_write(f, 2, PCI_MSIX_VECTOR_CONTROL, 0);
	assert_int_equal(f->mg.msis, 1);
}

static void function_mask(void **state)
{
	struct fixture *f = *state;
	unsigned int control = f->mv.msix_cap + offsetof(struct pci_msix_cap, control);

	mock_enable_msix(&f->mv);
	driver_comes_up(state);
	mock_cfg_write(&f->mv, control, 2, PCI_MSIX_ENABLE | PCI_MSIX_FUNCTION_MASK);
	event_signal(&f->dev.queue[1].call);
	assert_int_equal(f->mg.msis, 0);
	assert_int_equal(pending(f), BIT(2));
	mock_cfg_write(&f->mv, control + 1, 1, PCI_MSIX_ENABLE >> 8);
	assert_int_equal(f->mg.msis, 1);
	assert_int_equal(pending(f), 0);
}

static void msix_table_accesses(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(entry_write(f, 1, PCI_MSIX_VECTOR_CONTROL, 0xffffffff), 1);
	assert_int_equal(entry_write(f, 1, PCI_MSIX_ADDR_LO, 0xfee01003), 0xfee01000);
	assert_int_equal(entry_write(f, 1, PCI_MSIX_ADDR_HI, 5), 5);
	mock_mmio_write(&f->mg, f->mv.msix + 16 + 8, 8, 0x100000077);
	assert_true(mock_mmio_read(&f->mg, f->mv.msix + 16 + 8, 8) == 0x100000077);
	mock_mmio_write(&f->mg, f->mv.msix + 16 + 8, 2, 0x99);	/* dwords only */
	mock_mmio_write(&f->mg, f->mv.msix + 16 + 9, 4, 0x99);
	mock_mmio_write(&f->mg, f->mv.msix + 16 + 4, 8, 0x99);
	assert_int_equal(f->dev.vp.pci.msix[1].data, 0x77);
	assert_int_equal(mock_mmio_read(&f->mg, f->mv.msix + 16 + 8, 1), 0x77);
	/* Behind the table, the pending bits, the last byte. */
	assert_int_equal(entry_write(f, VECTORS, PCI_MSIX_DATA, 7), 0);
	mock_mmio_write(&f->mg, f->mv.msix + VIRTIO_PCI_MSIX_PBA, 8, UINT64_MAX);
	assert_int_equal(pending(f), 0);
	mock_mmio_read(&f->mg, f->mv.msix + 0xfff, 1);
	mock_mmio_read(&f->mg, f->mv.msix + 0xff8, 8);
}

static void hostile_33_message_to_memory(void **state)
{
	struct fixture *f = *state;
	static const u64 bad[] = { 0, 0x1000, 0xfed00000, 0xfef00000, 0x1fee00000 };

	mock_enable_msix(&f->mv);
	driver_comes_up(state);
	host_log_clear();
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		entry_write(f, 2, PCI_MSIX_ADDR_LO, (u32)bad[i]);
		entry_write(f, 2, PCI_MSIX_ADDR_HI, (u32)(bad[i] >> 32));
		event_signal(&f->dev.queue[1].call);
	}
	assert_int_equal(f->mg.msis, 0);
	assert_int_equal(f->dev.vp.pci.msi_bad, ARRAY_SIZE(bad));
	assert_int_equal(host_log_count("test/dev: MSI-X entry 2 dropped"), ARRAY_SIZE(bad));
	for (unsigned int i = 0; i < 1000; i++)
		event_signal(&f->dev.queue[1].call);
	assert_true(host_log_count("test/dev: MSI-X entry 2 dropped") <= RATELIMIT_BURST);
}

static void hostile_33_mask_storm(void **state)
{
	struct fixture *f = *state;

	mock_enable_msix(&f->mv);
	driver_comes_up(state);
	for (unsigned int i = 0; i < 10000; i++) {
		entry_write(f, 2, PCI_MSIX_VECTOR_CONTROL, i & 1);
		if (i % 4 == 3)
			event_signal(&f->dev.queue[1].call);
	}
	/* Each one arrives when the mask goes, none twice, the last is still pending. */
	assert_int_equal(f->mg.msis, 10000 / 4 - 1);
	assert_int_equal(pending(f), BIT(2));
}

/* ---- INTx ---- */

static void interrupts_by_intx(void **state)
{
	struct fixture *f = *state;
	unsigned int gsi = vpci_intx_gsi(DEVFN);

	assert_int_equal(f->mv.msix_cap, 0);
	assert_true(mock_negotiate(&f->mv, FEATURES));
	mock_set_status(&f->mv, 0xf);
	event_signal(&f->dev.queue[1].call);
	assert_true(f->mg.line[gsi]);
	assert_true(mock_cfg_read(&f->mv, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	assert_int_equal(mock_mmio_read(&f->mg, f->mv.isr, 1), VIRTIO_ISR_QUEUE);
	assert_false(f->mg.line[gsi]);
	assert_false(mock_cfg_read(&f->mv, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	assert_int_equal(mock_mmio_read(&f->mg, f->mv.isr, 1), 0);
	virtio_needs_reset(&f->dev.vdev);
	event_signal(&f->dev.queue[0].call);
	assert_int_equal(mock_mmio_read(&f->mg, f->mv.isr, 1),
			 VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG);
	assert_int_equal(f->mg.msis, 0);
}

static void intx_disable_holds_the_line(void **state)
{
	struct fixture *f = *state;
	unsigned int gsi = vpci_intx_gsi(DEVFN);

	mock_cfg_write(&f->mv, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
	event_signal(&f->dev.queue[1].call);
	assert_false(f->mg.line[gsi]);
	mock_cfg_write(&f->mv, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(f->mg.line[gsi]);
	mock_cfg_write(&f->mv, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
	assert_false(f->mg.line[gsi]);
	vpci_reset(&f->dev.vp.pci);
	assert_false(f->mg.line[gsi]);
	assert_int_equal(f->mg.bus.intx_count[gsi % 4], 0);
}

static void intx_lines_are_shared(void **state)
{
	struct fixture *f = *state;
	unsigned int gsi = vpci_intx_gsi(DEVFN);
	struct mock_virtio other;
	struct device d;

	device_init(&d, &f->mg, 3 * 8, 0);
	mock_virtio_probe(&other, &f->mg, 3 * 8);
	assert_int_equal(vpci_intx_gsi(3 * 8), gsi);
	event_signal(&f->dev.queue[0].call);
	event_signal(&d.queue[0].call);
	mock_mmio_read(&f->mg, f->mv.isr, 1);
	assert_true(f->mg.line[gsi]);
	mock_mmio_read(&f->mg, other.isr, 1);
	assert_false(f->mg.line[gsi]);
	event_signal(&d.queue[0].call);
	virtio_pci_destroy(&d.vp);
	assert_false(f->mg.line[gsi]);
}

/* ---- Doorbells ---- */

static void hostile_34_doorbell_storm(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 10000; i++)
		mock_notify(&f->mv, 2);
	assert_int_equal(mock_work_queued(), 1);
	mock_work_run();
	assert_int_equal(f->dev.kicks[2], 1);
	assert_int_equal(f->dev.vq[2].stats.kicks, 10000);
	assert_int_equal(f->dev.vq[2].stats.kicks_coalesced, 9999);
}

static void hostile_34_doorbell_of_no_queue(void **state)
{
	struct fixture *f = *state;

	mock_notify(&f->mv, QUEUES);
	mock_notify(&f->mv, 1023);
	assert_int_equal(mock_work_queued(), 0);
	assert_int_equal(f->dev.vdev.bad_accesses, 2);
	assert_int_equal(mock_mmio_read(&f->mg, f->mv.notify, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(hostile_32_bar_over_something_else),
		T(hostile_32_two_devices_at_one_place),
		T(hostile_32_decode_off_while_running),
		T(interrupts_by_msix),
		T(vectors_that_do_not_exist),
		T(masked_vectors_are_pending),
		T(function_mask),
		T(msix_table_accesses),
		T(hostile_33_message_to_memory),
		T(hostile_33_mask_storm),
		T_INTX(interrupts_by_intx),
		T_INTX(intx_disable_holds_the_line),
		T_INTX(intx_lines_are_shared),
		T(hostile_34_doorbell_storm),
		T(hostile_34_doorbell_of_no_queue),
	};
	return cmocka_run_group_tests_name("virtio_irq", tests, NULL, NULL);
}
