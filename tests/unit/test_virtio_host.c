/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's virtio-net driver: features, headers, merged buffers, a device that goes wrong. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/mem.h"
#include "net/switch.h"
#include "tests/unit/virtio_nic.h"
#include "virtio/virtio.h"

#define F(name) BIT_ULL(VIRTIO_NET_F_##name)
#define BASE (BIT_ULL(VIRTIO_F_VERSION_1) | F(MAC) | F(STATUS))

/* ---- Features ---- */

static void takes_what_it_understands(void **state)
{
	assert_int_equal(virtio_nic.driver, BASE | BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) |
			 BIT_ULL(VIRTIO_F_INDIRECT_DESC) |
			 F(MRG_RXBUF) | F(CSUM) | F(GUEST_CSUM) | F(HOST_TSO4) | F(HOST_TSO6) |
			 F(HOST_ECN) | F(GUEST_TSO4) | F(GUEST_TSO6) | F(GUEST_ECN) |
			 F(CTRL_VQ) | F(CTRL_RX));
	assert_true(virtio_nic.promisc);
	assert_int_equal(dev->offloads, FRAME_OFFLOADS);
	netdev_restart(dev, "test");
	assert_true(virtio_nic.driver & F(HOST_TSO4));
}

static void does_without(void **state)
{
	static const struct { u64 offered, driver; u16 offloads; } cases[] = {
		{ BASE, BASE, 0 },
		/* Segmentation needs the checksum; large receive that and several buffers. */
		{ BASE | F(HOST_TSO4) | F(GUEST_TSO4) | F(MRG_RXBUF), BASE | F(MRG_RXBUF), 0 },
		{ BASE | F(CSUM) | F(HOST_TSO6), BASE | F(CSUM) | F(HOST_TSO6),
		  FRAME_NEEDS_CSUM | FRAME_TSO6 },
		{ BASE | F(GUEST_CSUM) | F(GUEST_TSO4), BASE | F(GUEST_CSUM), 0 },
		/* Commands need their queue. */
		{ BASE | F(CTRL_RX) | F(MQ) | F(RSS), BASE, 0 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		setup_bare(NULL);
		virtio_nic.offered = cases[i].offered;
		assert_int_equal(probe(), 0);
		assert_int_equal(virtio_nic.driver, cases[i].driver);
		assert_int_equal(dev->offloads, cases[i].offloads);
		teardown(NULL);
	}
}

static void without_status_the_link_is_up(void **state)
{
	virtio_nic.offered = BASE & ~F(STATUS);
	virtio_nic.link = false;
	assert_int_equal(probe(), 0);
	assert_true(dev->link_up);
}

static void unusable_devices_are_errors(void **state)
{
	virtio_nic.offered = F(MAC) | F(STATUS);	/* legacy */
	assert_int_equal(probe(), -ENODEV);
	setup_bare(NULL);
	virtio_nic.refuses = true;
	assert_int_equal(probe(), -ENODEV);
	assert_true(virtio_nic.status & VIRTIO_FAILED);
	setup_bare(NULL);
	virtio_nic.offered &= ~F(MAC);
	assert_int_equal(probe(), -ENODEV);
	setup_bare(NULL);
	virtio_nic.reset_stuck = true;
	assert_int_equal(probe(), -ETIMEDOUT);
	setup_bare(NULL);
	virtio_nic.queue_size = 16;		/* a frame does not fit */
	assert_int_equal(probe(), -ENODEV);
	setup_bare(NULL);
	virtio_nic.no_vectors = true;
	assert_int_equal(probe(), -EIO);
	setup_bare(NULL);
	virtio_nic.pci.bar[4].size = 4096;
	assert_int_equal(probe(), -ENODEV);
	assert_int_equal(nr_netdevs, 0);
	assert_int_equal(mem_used(MEM_DMA), dma_before);
}

static void out_of_memory_is_an_error(void **state)
{
	for (unsigned int n = 1; n <= 7; n++) {
		setup_bare(NULL);
		host_mem_fail(n);
		assert_int_equal(probe(), -ENOMEM);
		assert_int_equal(mem_used(MEM_DMA), dma_before);
	}
	host_mem_fail(0);
}

/* ---- Queue pairs ---- */

static void on_two_cpus(u64 offered)
{
	model = &virtio_nic_models[3];
	setup_bare(NULL);
	virtio_nic.offered &= offered;
}

static void probe_finds(unsigned int queues, u64 mq_features)
{
	assert_int_equal(probe(), 0);
	assert_int_equal(dev->nr_queues, queues);
	assert_int_equal(virtio_nic.driver & (F(MQ) | F(RSS)), mq_features);
	assert_true(dev->link_up);
	run_work();
	assert_true(wire_send_flow(1, 60) && wire_send_flow(2, 60) && wire_send_flow(3, 60));
	loop();
	assert_int_equal(nic_stats().rx_packets, 3);
	teardown(NULL);
	model = &virtio_nic_models[0];
}

static void pairs_as_the_device_has_them(void **state)
{
	on_two_cpus(UINT64_MAX);
	probe_finds(2, F(MQ) | F(RSS));
	on_two_cpus(~F(RSS));
	probe_finds(2, F(MQ));
	on_two_cpus(~F(MQ));
	probe_finds(2, F(RSS));
	on_two_cpus(~(F(MQ) | F(RSS)));
	probe_finds(1, 0);
	on_two_cpus(~F(CTRL_VQ));
	probe_finds(1, 0);
}

static void too_few_vectors_are_fewer_pairs(void **state)
{
	on_two_cpus(UINT64_MAX);
	virtio_nic.msix_entries = 3;
	probe_finds(2, F(MQ) | F(RSS));
	on_two_cpus(UINT64_MAX);
	virtio_nic.msix_entries = 2;
	probe_finds(1, 0);
	on_two_cpus(UINT64_MAX);
	virtio_nic.msix_entries = 0;
	virtio_nic.no_interrupt = true;
	assert_int_equal(probe(), 0);
	assert_int_equal(dev->nr_queues, 1);
	assert_true(dev->polled);
	teardown(NULL);
	model = &virtio_nic_models[0];
}

/* INTx is looked for with a command; without its queue there is none. */
static void intx_needs_a_command(void **state)
{
	model = &virtio_nic_models[4];
	setup_bare(NULL);
	virtio_nic.offered &= ~F(CTRL_RX);
	assert_int_equal(probe(), 0);
	assert_true(dev->polled);
	teardown(NULL);
	model = &virtio_nic_models[0];
}

static void refused_pairs_are_done_without(void **state)
{
	on_two_cpus(UINT64_MAX);
	virtio_nic.refuses_pairs = true;
	probe_finds(1, 0);
	assert_int_equal(host_log_count("does not take 2 queue pairs"), 1);
}

static void a_mute_device_is_an_error(void **state)
{
	on_two_cpus(UINT64_MAX);
	virtio_nic.ctrl_dead = true;
	assert_int_equal(probe(), -ETIMEDOUT);
	assert_true(host_log_count("no answer to command") > 0);
	assert_int_equal(mem_used(MEM_DMA), dma_before);
	model = &virtio_nic_models[0];
}

/* ---- Headers ---- */

static void checksums_and_segments_are_told(void **state)
{
	static struct out out;
	struct frame *frame = out_frame(&out, 1000, 2);

	frame->flags = FRAME_NEEDS_CSUM;
	frame->csum_start = 34;
	frame->csum_offset = 16;
	guest_send(frame);
	assert_int_equal(virtio_nic.last_hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(virtio_nic.last_hdr.csum_start, 34);
	assert_int_equal(virtio_nic.last_hdr.csum_offset, 16);
	assert_int_equal(virtio_nic.last_hdr.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	frame = out_frame(&out, 1000, 2);
	frame->flags = FRAME_NEEDS_CSUM | FRAME_TSO6 | FRAME_TSO_ECN;
	frame->csum_start = 54;
	frame->csum_offset = 16;
	frame->gso_size = 300;
	frame->gso_hdr_len = 74;
	guest_send(frame);
	assert_int_equal(virtio_nic.last_hdr.gso_type,
			 VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN);
	assert_int_equal(virtio_nic.last_hdr.gso_size, 300);
	assert_int_equal(virtio_nic.last_hdr.hdr_len, 74);
	assert_int_equal(virtio_nic.last_len, 1000);
	guest_send(out_frame(&out, 100, 1));
	assert_int_equal(virtio_nic.last_hdr.flags | virtio_nic.last_hdr.gso_type, 0);
}

/* ---- Large frames from the wire ---- */

static u8 large[FRAME_GSO_MAX];

/* Ethernet, IPv4, TCP; @payload bytes. Its length. */
static u32 make_large(u32 payload)
{
	u32 ip_len = 40 + payload;

	for (u32 i = 0; i < sizeof(large); i++)
		large[i] = (u8)(i ^ i >> 8);
	memset(large, 0xff, 6);
	memcpy(large + 6, "\x02\x00\x00\x00\x00\x01\x08\x00\x45\x00", 10);
	large[16] = (u8)(ip_len >> 8);
	large[17] = (u8)ip_len;
	memset(large + 18, 0, 4);
	large[23] = 6;
	large[46] = 0x50;		/* 20 bytes of TCP header */
	return 14 + ip_len;
}

static const struct virtio_net_hdr tso4 = {
	.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
	.hdr_len = 54, .gso_size = 1460, .csum_start = 34, .csum_offset = 16,
};

static struct frame *kept_frame(void)
{
	assert_true(guest.nr_kept);
	return guest.kept[guest.nr_kept - 1];
}

/* guest_deliver() copies what it gets into 2 KiB: a port that looks at references alone. */
static void keep_only(struct port *port, struct frame **frames, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		frame_get(frames[i]);
		guest.kept[guest.nr_kept++] = frames[i];
	}
	guest.nr += nr;
}

static const struct port_ops keep_ops = { .deliver = keep_only };

static void large_frames_are_merged(void **state)
{
	static u8 got[FRAME_GSO_MAX];

	guest.port.ops = &keep_ops;
	guest.port.offloads = FRAME_OFFLOADS;
	for (u32 payload = 1461; payload < 65000; payload += 977) {
		u32 len = make_large(payload);

		assert_true(virtio_nic_receive(&tso4, large, len));
		loop();
		assert_int_equal(kept_frame()->len, len);
		assert_int_equal(kept_frame()->flags & FRAME_OFFLOADS,
				 FRAME_NEEDS_CSUM | FRAME_TSO4);
		assert_int_equal(kept_frame()->gso_size, 1460);
		frame_copy_out(kept_frame(), 0, got, len);
		assert_memory_equal(got, large, len);
		guest_put_all();
		loop();
	}
	/* Nothing was lost on the way: all buffers are there still. */
	for (unsigned int i = 0; i < VIRTIO_NIC_QUEUE; i++)
		assert_true(wire_send(60, 1));
	assert_false(wire_send(60, 1));
}

static void wrong_headers_are_errors(void **state)
{
	static const struct virtio_net_hdr wrong[] = {
		{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 65535, .csum_offset = 65535 },
		{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 2000, .csum_offset = 5553 },
		{ .gso_type = 3, .gso_size = 1000 },
		{ .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1000 },	/* no checksum */
		{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV6,
		  .gso_size = 1460, .csum_start = 34, .csum_offset = 16 },	/* it is IPv4 */
	};
	u32 len = make_large(7500);

	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_true(virtio_nic_receive(&wrong[i], large, len));
		loop();
		assert_int_equal(nic_stats().rx_errors, i + 1);
	}
	assert_int_equal(guest.nr, 0);
	assert_true(wire_send(13, 1));		/* a runt */
	loop();
	assert_int_equal(nic_stats().rx_errors, ARRAY_SIZE(wrong) + 1);
	for (unsigned int i = 0; i < VIRTIO_NIC_QUEUE; i++)
		assert_true(wire_send(60, 1));
	loop();
	assert_int_equal(guest.nr, VIRTIO_NIC_QUEUE);
}

/* More than a buffer holds, or more buffers than a frame has parts: none is lost for it. */
static void lengths_nobody_can_have_written_are_errors(void **state)
{
	static const struct { unsigned int nr, at; u32 used; bool ok; } claims[] = {
		{ 1, 0, VNIC_BUF_SIZE, true }, { 1, 0, VNIC_BUF_SIZE + 1, false },
		{ 1, 0, UINT32_MAX, false }, { 1, 0, 0, false },
		{ 3, 1, VNIC_BUF_SIZE, true }, { 3, 1, VNIC_BUF_SIZE + 1, false },
		{ 3, 2, UINT32_MAX, false }, { 3, 0, VNIC_BUF_SIZE + 1, false },
		{ FRAME_SEGS, 0, 100, true }, { FRAME_SEGS + 1, 0, 100, false },
	};
	u32 used[FRAME_SEGS + 1];
	unsigned int errors = 0;

	guest.port.ops = &keep_ops;
	guest.port.offloads = FRAME_OFFLOADS;
	for (unsigned int i = 0; i < ARRAY_SIZE(claims); i++) {
		for (unsigned int k = 0; k < claims[i].nr; k++)
			used[k] = k == claims[i].at ? claims[i].used : 100;
		virtio_nic_claim(used, claims[i].nr);
		loop();
		errors += !claims[i].ok;
		assert_int_equal(nic_stats().rx_errors, errors);
		assert_int_equal(nic_stats().rx_packets, i + 1 - errors);
		guest_put_all();
		loop();
	}
	for (unsigned int i = 0; i < VIRTIO_NIC_QUEUE; i++)
		assert_true(wire_send(60, 1));
	assert_false(wire_send(60, 1));
}

static void checksum_verdict_is_passed_on(void **state)
{
	static const struct virtio_net_hdr valid = { .flags = VIRTIO_NET_HDR_F_DATA_VALID };

	make_large(100);
	assert_true(virtio_nic_receive(&valid, large, 154));
	loop();
	assert_true(guest.last_flags & FRAME_CSUM_VALID);
	assert_true(wire_send(100, 1));
	loop();
	assert_false(guest.last_flags & FRAME_CSUM_VALID);
}

/* ---- Going wrong ---- */

static void watch(unsigned int seconds)
{
	for (unsigned int i = 0; i < seconds; i++) {
		dev->ops->watchdog(dev);
		loop();
	}
}

static void a_hang_is_reset(void **state)
{
	static struct out out;
	unsigned int resets = virtio_nic.resets;

	model->tx_stop(true);
	guest_send(out_frame(&out, 100, 1));
	watch(2);
	assert_int_equal(out.done, 0);
	watch(1);
	assert_int_equal(out.done, 1);
	assert_int_equal(nic_stats().tx_hangs, 1);
	assert_true(virtio_nic.resets > resets);
	model->tx_stop(false);
	guest_send(out_frame(&out, 100, 1));
	assert_int_equal(virtio_nic.nr_sent, 1);
}

static void a_device_that_misuses_the_ring_is_reset(void **state)
{
	virtio_nic_misuse();
	assert_true(model->interrupt());
	run_work();
	assert_int_equal(guest.nr, 0);
	dev->ops->watchdog(dev);
	assert_int_equal(nic_stats().resets, 1);
	loop();
	assert_true(wire_send(60, 1));
	loop();
	assert_int_equal(guest.nr, 1);
}

static void stop_without_reset_ends_dma_all_the_same(void **state)
{
	static struct out out;

	model->tx_stop(true);
	guest_send(out_frame(&out, 100, 2));
	virtio_nic.reset_stuck = true;
	netdev_stop_all();
	assert_false(virtio_nic.mastering);
	assert_int_equal(out.done, 1);
	virtio_nic.reset_stuck = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(takes_what_it_understands),
		BARE(does_without),
		BARE(without_status_the_link_is_up),
		BARE(unusable_devices_are_errors),
		BARE(out_of_memory_is_an_error),
		BARE(pairs_as_the_device_has_them),
		BARE(too_few_vectors_are_fewer_pairs),
		BARE(intx_needs_a_command),
		BARE(refused_pairs_are_done_without),
		BARE(a_mute_device_is_an_error),
		TEST(checksums_and_segments_are_told),
		TEST(large_frames_are_merged),
		TEST(wrong_headers_are_errors),
		TEST(lengths_nobody_can_have_written_are_errors),
		TEST(checksum_verdict_is_passed_on),
		TEST(a_hang_is_reset),
		TEST(a_device_that_misuses_the_ring_is_reset),
		TEST(stop_without_reset_ends_dma_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
