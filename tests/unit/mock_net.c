/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/mock_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/cpu.h"
#include "net/switch.h"
#include "tests/unit/mock_work.h"

const u8 mock_wire_mac[6] = { 0x02, 0, 0, 0, 0, 0x99 };

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "mock_net: %s\n", what);
	abort();
}

u8 mock_pattern(u32 i)
{
	return (u8)(i * 7 + i / 251);
}

void mock_frame(u8 *frame, const u8 *dst, const u8 *src, u32 len)
{
	for (u32 i = 0; i < len; i++)
		frame[i] = mock_pattern(i);
	memcpy(frame, dst, MIN(len, 6u));
	if (len >= 12)
		memcpy(frame + 6, src, 6);
}

/* ---- The wire ---- */

static bool in_ram(const struct mock_wire *wire, const u8 *p)
{
	return wire->ram && p >= wire->ram->low && p < wire->ram->low + wire->ram->size;
}

static void wire_deliver(struct port *port, struct frame **frames, unsigned int nr)
{
	struct mock_wire *wire = port->owner;

	for (unsigned int i = 0; i < nr; i++) {
		struct frame *f = frames[i];

		wire->frames++;
		wire->last_len = f->len;
		wire->last_flags = f->flags;
		wire->last_nr_segs = (u8)f->nr_segs;
		wire->last_by_reference = f->nr_segs > 1 && in_ram(wire, f->seg[1].ptr);
		must(f->len <= sizeof(wire->last), "frame too long");
		frame_copy_out(f, 0, wire->last, f->len);
		for (unsigned int s = 0; s < f->nr_segs; s++)
			must(f->seg[s].len && f->seg[s].phys == (u64)(uintptr_t)f->seg[s].ptr,
			     "physical address differs");
		if (!wire->hold)
			continue;
		must(wire->nr_held < MOCK_WIRE_MAX, "holds too many frames");
		frame_get(f);
		wire->held[wire->nr_held++] = f;
	}
}

static void wire_flush(struct port *port)
{
	((struct mock_wire *)port->owner)->flushes++;
}

static const struct port_ops wire_ops = { .deliver = wire_deliver, .flush = wire_flush };

static void nothing_done(struct frame *frame)
{
}

struct mock_wire *mock_wire_new(const char *bridge)
{
	struct mock_wire *wire = calloc(1, sizeof(*wire));
	u8 bytes[60];
	struct frame f = { .nr_segs = 1, .len = sizeof(bytes), .refs = 1, .done = nothing_done };
	struct frame *frames[] = { &f };

	must(wire, "out of memory");
	snprintf(wire->port.name, sizeof(wire->port.name), "wire");
	wire->port.ops = &wire_ops;
	wire->port.owner = wire;
	wire->port.max_frame = sizeof(wire->last);
	wire->port.uplink = true;
	wire->port.offloads = FRAME_OFFLOADS;
	must(!switch_attach(switch_get(bridge), &wire->port), "switch full");
	port_set_link(&wire->port, true);
	/* So that the switch knows where its address lives. */
	mock_frame(bytes, (const u8 *)"\xff\xff\xff\xff\xff\xff", mock_wire_mac, sizeof(bytes));
	f.seg[0] = (struct frame_seg){ .ptr = bytes, .len = sizeof(bytes) };
	switch_input(&wire->port, frames, 1);
	return wire;
}

void mock_wire_put(struct mock_wire *wire, unsigned int n)
{
	must(n <= wire->nr_held, "fewer frames held");
	for (unsigned int i = 0; i < n; i++)
		frame_put(wire->held[i]);
	wire->nr_held -= n;
	memmove(wire->held, wire->held + n, wire->nr_held * sizeof(wire->held[0]));
}

void mock_wire_free(struct mock_wire *wire)
{
	mock_wire_put(wire, wire->nr_held);
	switch_detach(&wire->port);
	free(wire);
}

void mock_wire_send(struct mock_wire *wire, const u8 *dst, u32 len, u16 flags)
{
	u8 *bytes = malloc(MAX(len, 16u));
	struct frame f = {
		.nr_segs = 1, .len = len, .flags = flags, .refs = 1, .done = nothing_done,
		.csum_start = 34, .csum_offset = 6,
	};
	struct frame *frames[] = { &f };

	must(bytes, "out of memory");
	mock_frame(bytes, dst, mock_wire_mac, len);
	f.seg[0] = (struct frame_seg){ .ptr = bytes, .len = len };
	if (len > 100) {	/* in two pieces */
		f.seg[0].len = 61;
		f.seg[1] = (struct frame_seg){ .ptr = bytes + 61, .len = len - 61 };
		f.nr_segs = 2;
	}
	switch_input(&wire->port, frames, 1);
	must(f.refs == 1, "somebody kept a reference");
	free(bytes);
}

/* ---- The device ---- */

void mock_net_config(struct nic_config *nic)
{
	*nic = (struct nic_config){
		.netdev = { .id = "hostnet0", .br = "br0", .queues = 1 },
		.id = "net0", .mac = { 0x02, 0, 0, 0, 0, 0x01 },
		.event_idx = true, .indirect_desc = true, .mrg_rxbuf = true, .status = true,
		.csum = true, .host_tso4 = true, .host_tso6 = true, .host_ecn = true,
		.guest_csum = true, .guest_tso4 = true, .guest_tso6 = true, .guest_ecn = true,
		.ctrl_vq = true, .ctrl_mac_addr = true, .host_mtu = 1500, .vectors = 3,
		.rx_queue_size = 256, .tx_queue_size = 256, .devfn = MOCK_NET_DEVFN,
	};
}

void mock_net_init(struct mock_net *mn, const char *name, struct mock_wire *wire,
		   const struct nic_config *nic)
{
	memset(mn, 0, sizeof(*mn));
	mock_guest_init(&mn->mg, name, MOCK_RAM);
	mn->nic = *nic;
	mn->wire = wire;
	wire->ram = &mn->mg.ram;
	must(!virtio_net_create(&mn->mg.guest, &mn->nic, this_cpu(), &mn->net),
	     "virtio_net_create");
	mock_virtio_probe(&mn->mv, &mn->mg, nic->devfn);
}

u64 mock_net_offered(struct mock_net *mn)
{
	return mock_device_features(&mn->mv);
}

void mock_net_up(struct mock_net *mn, u64 features, u16 queue_size)
{
	const bool event_idx = features & BIT_ULL(VIRTIO_F_EVENT_IDX);
	const bool indirect = features & BIT_ULL(VIRTIO_F_INDIRECT_DESC);
	const u8 ok = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK;
	struct mock_ram *ram = &mn->mg.ram;

	ram->next = PAGE_SIZE;
	mock_vq_init(&mn->rx, ram, queue_size, event_idx, indirect);
	mock_vq_init(&mn->tx, ram, queue_size, event_idx, indirect);
	mn->tx_buf = mock_alloc(ram, queue_size * 4096u, 4096);
	mn->rx_buf = mock_alloc(ram, queue_size * 4096u, 4096);
	if (mn->mv.msix_cap)
		mock_enable_msix(&mn->mv);
	must(mock_negotiate(&mn->mv, features), "features refused");
	mock_common_write(&mn->mv, 16, 2, MOCK_VECTOR_CONFIG);
	mock_setup_queue(&mn->mv, VIRTIO_NET_RX, &mn->rx, MOCK_VECTOR_RX);
	mock_setup_queue(&mn->mv, VIRTIO_NET_TX, &mn->tx, MOCK_VECTOR_TX);
	if (mn->more_queues)
		mn->more_queues(mn, features);
	mock_set_status(&mn->mv, ok);
	must(mock_status(&mn->mv) == ok, "device did not start");
	mock_work_run();
	mock_guest_clear(&mn->mg);
}

void mock_net_free(struct mock_net *mn)
{
	mock_wire_put(mn->wire, mn->wire->nr_held);
	must(virtio_net_reset(mn->net, NULL) == 0, "frames left");
	virtio_net_destroy(mn->net);
	must(mn->mg.guest.mmio.nr == 0 && mn->mg.guest.doorbells.nr == 0, "regions left");
	mock_guest_free(&mn->mg);
}

int mock_net_send(struct mock_net *mn, u32 len, const struct virtio_net_hdr *hdr)
{
	static const struct virtio_net_hdr plain;
	u64 gpa = mn->tx_buf + mn->tx.free_head * 4096u;
	u8 *p = mock_ptr(&mn->mg.ram, gpa);

	memcpy(p, hdr ? hdr : &plain, sizeof(*hdr));
	mock_frame(p + sizeof(*hdr), mock_wire_mac, mn->nic.mac, len);
	return mock_add_one(&mn->tx, gpa, (u32)sizeof(*hdr) + len, false);
}

void mock_net_post_rx(struct mock_net *mn, unsigned int n, u32 len)
{
	while (n--)
		must(mock_add_one(&mn->rx, mn->rx_buf + mn->rx.free_head * 4096u, len, true) >= 0,
		     "receive ring is full");
}
