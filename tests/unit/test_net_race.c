/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Zero-copy transmission with the NIC on another CPU: frames come back in any order, while the
 * worker runs, after the queue was stopped. A buffer is the driver's again when its frame is
 * back and not before; the real work queue carries the completions.
 */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/cpu.h"
#include "net/switch.h"
#include "tests/unit/mock_net.h"
#include "tests/unit/mock_work.h"

#define FRAMES	60000
#define FIFO	4096
#define LEN	400

/* ---- The CPU loop in place of tests/unit/mock_work.c ---- */

void cpu_kick(struct cpu *cpu)
{
}

unsigned int mock_work_pass(void)
{
	return work_run(this_cpu());
}

void mock_work_run(void)
{
	while (mock_work_pass())
		;
}

/* ---- A NIC on its own CPU ---- */

struct nic {
	struct port port;
	struct spinlock lock;
	struct frame *fifo[FIFO];
	unsigned int nr;
	u64 put, damaged;
	bool stop;
	struct cpu cpu;
};

static void nic_deliver(struct port *port, struct frame **frames, unsigned int nr)
{
	struct nic *nic = port->owner;

	spin_lock(&nic->lock);
	for (unsigned int i = 0; i < nr && nic->nr < FIFO; i++) {
		frame_get(frames[i]);
		nic->fifo[nic->nr++] = frames[i];
	}
	spin_unlock(&nic->lock);
}

static const struct port_ops nic_ops = { .deliver = nic_deliver };

/* The frame's number is in its header and in its last bytes, which lie in guest memory. */
static bool intact(const struct frame *f)
{
	u32 in_header, at_end;

	frame_copy_out(f, 20, &in_header, sizeof(in_header));
	frame_copy_out(f, f->len - (u32)sizeof(at_end), &at_end, sizeof(at_end));
	return in_header == at_end && f->len == LEN;
}

static struct frame *nic_take(struct nic *nic, unsigned int *seed)
{
	struct frame *f = NULL;

	spin_lock(&nic->lock);
	if (nic->nr) {
		unsigned int i = (unsigned int)rand_r(seed) % nic->nr;

		f = nic->fifo[i];
		nic->fifo[i] = nic->fifo[--nic->nr];
	}
	spin_unlock(&nic->lock);
	return f;
}

static void *nic_cpu(void *arg)
{
	struct nic *nic = arg;
	unsigned int seed = 7;

	host_this_cpu = &nic->cpu.arch;
	while (!__atomic_load_n(&nic->stop, __ATOMIC_ACQUIRE)) {
		struct frame *f = nic_take(nic, &seed);

		if (!f) {
			sched_yield();
			continue;
		}
		nic->damaged += !intact(f);
		frame_put(f);
		nic->put++;
	}
	return NULL;
}

/* ---- The driver ---- */

struct machine {
	struct mock_net mn;
	struct nic nic;
	pthread_t thread;
	u64 sent, used;
};

static void machine_init(struct machine *m)
{
	struct nic_config nic;

	memset(m, 0, sizeof(*m));
	mock_net_config(&nic);
	mock_net_init(&m->mn, "web", mock_wire_new("br0"), &nic);
	mock_net_up(&m->mn, mock_net_offered(&m->mn), 64);
	m->nic.port.ops = &nic_ops;
	m->nic.port.owner = &m->nic;
	m->nic.port.max_frame = 1514;
	assert_int_equal(switch_attach(switch_get("br0"), &m->nic.port), 0);
	port_set_link(&m->nic.port, true);
	assert_int_equal(pthread_create(&m->thread, NULL, nic_cpu, &m->nic), 0);
}

static void machine_free(struct machine *m)
{
	struct mock_wire *wire = m->mn.wire;

	__atomic_store_n(&m->nic.stop, true, __ATOMIC_RELEASE);
	pthread_join(m->thread, NULL);
	switch_detach(&m->nic.port);
	mock_net_free(&m->mn);
	mock_wire_free(wire);
}

/* One numbered frame to an address that nobody has. */
static bool send_one(struct machine *m)
{
	u32 number = (u32)m->sent;
	u8 *p;

	if (!m->mn.tx.nr_free)
		return false;
	p = mock_ptr(&m->mn.mg.ram, m->mn.tx_buf + m->mn.tx.free_head * 4096u);
	mock_net_send(&m->mn, LEN, NULL);
	p += sizeof(struct virtio_net_hdr);
	p[5] = 0x77;
	memcpy(p + 20, &number, sizeof(number));
	memcpy(p + LEN - sizeof(number), &number, sizeof(number));
	m->sent++;
	return true;
}

static void reap(struct machine *m)
{
	u32 len;

	while (mock_get(&m->mn.tx, &len) >= 0)
		m->used++;
}

static void zero_copy_with_a_nic_on_another_cpu(void **state)
{
	static struct machine m;

	machine_init(&m);
	while (m.used < FRAMES) {
		for (unsigned int i = 0; i < 20 && m.sent < FRAMES && send_one(&m); i++)
			;
		if (mock_kick(&m.mn.tx))
			mock_notify(&m.mn.mv, VIRTIO_NET_TX);
		if (!mock_work_pass())
			sched_yield();
		reap(&m);
	}
	assert_int_equal(m.used, m.sent);
	assert_int_equal(m.mn.net->vhost.tx->in_flight, 0);
	machine_free(&m);
	assert_int_equal(m.nic.put, FRAMES);
	assert_int_equal(m.nic.damaged, 0);
}

/* Reset at any moment; the driver takes its memory back when the status reads 0. */
static void hostile_30_resets_with_a_nic_on_another_cpu(void **state)
{
	static struct machine m;
	u64 total = 0;

	machine_init(&m);
	for (unsigned int round = 0; round < 300; round++) {
		for (unsigned int i = 0; i < round % 64 && send_one(&m); i++)
			;
		mock_notify(&m.mn.mv, VIRTIO_NET_TX);
		mock_work_pass();
		total += m.mn.net->vhost.vq[VIRTIO_NET_TX].stats.chains;
		m.mn.net->vhost.vq[VIRTIO_NET_TX].stats.chains = 0;
		mock_set_status(&m.mn.mv, 0);
		while (mock_status(&m.mn.mv)) {
			mock_work_pass();
			sched_yield();
		}
		memset(mock_ptr(&m.mn.mg.ram, m.mn.tx_buf), 0xee, 64 * 4096);
		mock_net_up(&m.mn, mock_net_offered(&m.mn), 64);
	}
	machine_free(&m);
	assert_int_equal(m.nic.put, total);
	assert_true(total > 300);
	assert_int_equal(m.nic.damaged, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zero_copy_with_a_nic_on_another_cpu),
		cmocka_unit_test(hostile_30_resets_with_a_nic_on_another_cpu),
	};
	return cmocka_run_group_tests_name("net_race", tests, NULL, NULL);
}
