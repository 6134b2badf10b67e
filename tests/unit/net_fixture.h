/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest with virtio-net, its driver, and the wire: for the tests of virtio-net. */
#ifndef TESTS_UNIT_NET_FIXTURE_H
#define TESTS_UNIT_NET_FIXTURE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/mem.h"
#include "kernel/pci_regs.h"
#include "net/csum.h"
#include "net/switch.h"
#include "tests/unit/mock_net.h"
#include "tests/unit/mock_work.h"
#include "virtio/pci_regs.h"

#define HDR	((u32)sizeof(struct virtio_net_hdr))
#define F_ALL	UINT64_MAX		/* all that is offered */
#define F_NO_MRG (~BIT_ULL(VIRTIO_NET_F_MRG_RXBUF))

static inline struct mock_net *new_net(u64 features)
{
	struct mock_net *mn = calloc(1, sizeof(*mn));
	struct nic_config nic;

	mock_net_config(&nic);
	mock_net_init(mn, "web", mock_wire_new("br0"), &nic);
	mock_net_up(mn, mock_net_offered(mn) & features, 64);
	host_log_clear();
	return mn;
}

static inline int setup(void **state)
{
	*state = new_net(F_ALL);
	return 0;
}

static inline int setup_no_mrg(void **state)
{
	*state = new_net(F_NO_MRG);
	return 0;
}

static inline int setup_flags(void **state)
{
	*state = new_net(~(BIT_ULL(VIRTIO_F_EVENT_IDX) | BIT_ULL(VIRTIO_F_INDIRECT_DESC)));
	return 0;
}

/* What large frames are made of, in both directions; it goes with the checksums (§5.1.3.1). */
#define F_TSO	(BIT_ULL(VIRTIO_NET_F_HOST_TSO4) | BIT_ULL(VIRTIO_NET_F_HOST_TSO6) | \
		 BIT_ULL(VIRTIO_NET_F_HOST_ECN) | BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) | \
		 BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) | BIT_ULL(VIRTIO_NET_F_GUEST_ECN))

static inline int setup_no_csum(void **state)
{
	*state = new_net(~(BIT_ULL(VIRTIO_NET_F_CSUM) | BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) | F_TSO));
	return 0;
}

static inline int teardown(void **state)
{
	struct mock_net *mn = *state;
	struct mock_wire *wire = mn->wire;

	mock_net_free(mn);
	mock_wire_free(wire);
	free(mn);
	assert_int_equal(mock_work_queued(), 0);
	assert_int_equal(mem_used(MEM_VHOST), 0);
	return 0;
}

static inline void kick_tx(struct mock_net *mn)
{
	if (mock_kick(&mn->tx))
		mock_notify(&mn->mv, VIRTIO_NET_TX);
	mock_work_run();
}

static inline u64 dropped(struct mock_net *mn, enum port_drop why)
{
	return mn->net->vhost.port.stats.drops[why];
}

static inline void assert_sent(struct mock_net *mn, u32 len)
{
	u8 expect[65536];

	mock_frame(expect, mock_wire_mac, mn->nic.mac, len);
	assert_int_equal(mn->wire->last_len, len);
	assert_memory_equal(mn->wire->last, expect, len);
}

static inline unsigned int count_used(struct mock_vq *vq)
{
	unsigned int n = 0;
	u32 len;

	while (mock_get(vq, &len) >= 0)
		n++;
	return n;
}

/* The queue broke by this rule; everybody has been told, once. */
static inline void assert_broken(struct mock_net *mn, unsigned int queue, enum ring_error error)
{
	const struct ring *ring = &mn->net->vhost.vq[queue].ring;

	assert_string_equal(ring_error_name(ring->broken), ring_error_name(error));
	assert_true(mock_status(&mn->mv) & VIRTIO_NEEDS_RESET);
	assert_int_equal(mn->mg.msi_data[0x40 + MOCK_VECTOR_CONFIG], 1);
	assert_int_equal(host_log_count("vhost: web/net0: queue"), 1);
	assert_int_equal(host_log_count(ring_error_name(error)), 1);
	assert_int_equal(mn->net->vhost.vq[queue].stats.broken, 1);
	/* More kicks change nothing. */
	mock_notify(&mn->mv, (u16)queue);
	mock_work_run();
	assert_int_equal(mn->mg.msi_data[0x40 + MOCK_VECTOR_CONFIG], 1);
	assert_int_equal(host_log_count("vhost: web/net0: queue"), 1);
}

/* The next frame of the guest has arrived in as many buffers, with these flags. */
static inline void assert_received(struct mock_net *mn, u32 len, u16 num_buffers, u8 flags)
{
	u8 expect[65536], got[65536 + HDR];
	u32 n = 0, part;
	struct virtio_net_hdr hdr;

	for (unsigned int i = 0; i < num_buffers; i++) {
		int head = mock_get(&mn->rx, &part);

		assert_true(head >= 0);
		memcpy(got + n, mock_ptr(&mn->mg.ram, mn->rx_buf + (u32)head * 4096u), part);
		n += part;
	}
	assert_int_equal(n, HDR + len);
	memcpy(&hdr, got, HDR);
	assert_int_equal(hdr.num_buffers, num_buffers);
	assert_int_equal(hdr.flags, flags);
	assert_int_equal(hdr.gso_type, 0);
	mock_frame(expect, mn->nic.mac, mock_wire_mac, len);
	assert_memory_equal(got + HDR, expect, len);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define T_NO_MRG(name) cmocka_unit_test_setup_teardown(name, setup_no_mrg, teardown)
#define T_FLAGS(name) cmocka_unit_test_setup_teardown(name, setup_flags, teardown)
#define T_NO_CSUM(name) cmocka_unit_test_setup_teardown(name, setup_no_csum, teardown)

#endif
