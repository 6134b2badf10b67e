/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Register accesses of any kind to a virtio-net function: configuration space, BARs, MSI-X,
 * doorbells, with work and interrupts in between. The device may do nothing outside its
 * window, say nothing without end, and must come up for a good driver afterwards.
 */
#include "arch/host/host.h"
#include "kernel/pci_regs.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/mock_net.h"
#include "tests/unit/mock_work.h"
#include "virtio/pci_regs.h"

static struct mock_wire *wire;

static unsigned int size_of(u8 code)
{
	return 1u << code % 4;
}

static void check_regions(const struct mock_net *mn)
{
	const struct io_space *s = &mn->mg.guest.mmio;

	check(s->nr <= 2 && mn->mg.guest.doorbells.nr <= 2 * VHOST_NET_QUEUES);
	for (unsigned int i = 0; i < s->nr; i++) {
		check(s->region[i].base >= MOCK_WINDOW);
		check(s->region[i].base + s->region[i].size <= (u64)MOCK_WINDOW + MOCK_WINDOW_SIZE);
		check(i == 0 || s->region[i - 1].base + s->region[i - 1].size <= s->region[i].base);
	}
	check(mn->mg.guest.pio.nr <= 1);
	if (mn->mg.guest.pio.nr)
		check(mn->mg.guest.pio.region[0].base - MOCK_PORTS < MOCK_PORTS_SIZE);
}

static u64 area(const struct mock_net *mn, u8 which)
{
	const u64 areas[] = { mn->mv.common, mn->mv.isr, mn->mv.device, mn->mv.notify,
			      mn->mv.msix };

	return areas[which % ARRAY_SIZE(areas)];
}

static void one_op(struct mock_net *mn, struct input *in)
{
	u8 op = (u8)take(in, 1), size = (u8)size_of(op >> 4);
	u64 addr;

	switch (op % 10) {
	case 0:
		mock_cfg_read(&mn->mv, (unsigned int)take(in, 2) % 0x1100, size);
		break;
	case 1:
		addr = take(in, 1);
		mock_cfg_write(&mn->mv, (unsigned int)addr, size, (u32)take(in, size));
		break;
	case 2:
		addr = area(mn, (u8)take(in, 1)) + take(in, 1);
		mock_mmio_read(&mn->mg, addr, size);
		break;
	case 3:
		addr = area(mn, (u8)take(in, 1)) + take(in, 1);
		mock_mmio_write(&mn->mg, addr, size, take(in, size));
		break;
	case 4:
		mock_mmio_write(&mn->mg, take(in, 8), size, take(in, 8));
		break;
	case 5:
		mock_work_pass();
		break;
	case 6:
		vpci_msix_notify(&mn->net->pci.pci, (unsigned int)take(in, 1));
		break;
	case 7:
		mock_wire_send(wire, mn->nic.mac, 60, 0);
		break;
	case 8:
		virtio_needs_reset(&mn->net->vdev);
		break;
	case 9:
		addr = mn->mv.notify_port + take(in, 1);
		mock_pio_write(&mn->mg, (u16)addr, size, take(in, size));
		mock_pio_read(&mn->mg, (u16)addr, size);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mock_net mn;
	struct input in = { data, size };
	struct nic_config nic;

	if (!wire)
		wire = mock_wire_new("br0");
	mock_net_config(&nic);
	nic.rx_queue_size = nic.tx_queue_size = 64;
	mock_net_init(&mn, "fuzz", wire, &nic);
	if (take(&in, 1) & 1)
		mock_net_up(&mn, mock_net_offered(&mn), 16);
	host_log_clear();
	while (in.left) {
		one_op(&mn, &in);
		check_regions(&mn);
	}
	check(host_log_count("") <= 4 * RATELIMIT_BURST + size / 8);
	/* Whatever it was: a reset and a good driver. */
	check(!virtio_net_reset(mn.net, NULL));
	mock_virtio_probe(&mn.mv, &mn.mg, MOCK_NET_DEVFN);
	mock_net_up(&mn, mock_net_offered(&mn), 16);
	wire->frames = 0;
	mock_net_send(&mn, 60, NULL);
	mock_notify(&mn.mv, VIRTIO_NET_TX);
	mock_work_run();
	check(wire->frames == 1 && mn.tx.used->idx == 1);
	mock_net_free(&mn);
	return 0;
}
