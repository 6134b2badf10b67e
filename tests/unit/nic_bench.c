/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include <string.h>

#include "kernel/cpu.h"
#include "kernel/mem.h"
#include "kernel/work.h"
#include "net/part.h"
#include "net/switch.h"
#include "tests/unit/nic_bench.h"

u64 now_ns = NSEC_PER_SEC;

u64 time_ns(void)
{
	return __atomic_add_fetch(&now_ns, 1000, __ATOMIC_RELAXED);	/* waits end */
}

void arch_cpu_idle(struct cpu *cpu, u64 deadline_ns)
{
	now_ns = MAX(now_ns, deadline_ns);
}

void cpu_kick(struct cpu *cpu)
{
}

/* ---- The CPUs ---- */

struct cpu second_cpu = { .id = 1, .online = true };
struct cpu *cpus[CONFIG_MAX_CPUS];
unsigned int nr_cpus;

bool run_work(void)
{
	struct arch_cpu *self = host_this_cpu;
	unsigned int n = 0;

	for (unsigned int i = 0; i < nr_cpus; i++) {
		host_this_cpu = &cpus[i]->arch;
		n += work_run(cpus[i]);
	}
	host_this_cpu = self;
	return n;
}

/* ---- The station ---- */

struct station guest;

#define FLOW_AT		34		/* TCP: source port */
#define FLOW_NUMBER_AT	38		/* sequence number */

static const u8 flow_eth_ip[] = "\x08\x00\x45\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00"
				"\x0a\x00\x00\x01\x0a\x00\x00\x02";

static u32 flow_sent[NIC_FLOWS];

/* Nothing of a flow is lost, and all of it is delivered by one CPU. */
static void check_flow(const u8 *bytes)
{
	unsigned int flow = bytes[FLOW_AT + 1];
	u32 number;

	memcpy(&number, bytes + FLOW_NUMBER_AT, sizeof(number));
	assert_in_range(flow, 0, NIC_FLOWS - 1);
	assert_int_equal(number, guest.flow_next[flow]++);
	if (!guest.flow_cpu[flow])
		guest.flow_cpu[flow] = this_cpu();
	assert_ptr_equal(guest.flow_cpu[flow], this_cpu());
}

static void guest_deliver(struct port *port, struct frame **frames, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		guest.nr++;
		guest.last_len = frames[i]->len;
		guest.last_flags = frames[i]->flags;
		frame_copy_out(frames[i], 0, guest.last, frames[i]->len);
		if (!memcmp(guest.last + 12, flow_eth_ip, sizeof(flow_eth_ip)))
			check_flow(guest.last);
		if (guest.keep) {
			frame_get(frames[i]);
			guest.kept[guest.nr_kept++] = frames[i];
		}
	}
}

static void guest_flush(struct port *port)
{
	guest.flushes++;
}

static const struct port_ops guest_ops = { .deliver = guest_deliver, .flush = guest_flush };

void guest_put_all(void)
{
	while (guest.nr_kept)
		frame_put(guest.kept[--guest.nr_kept]);
}

/* ---- Frames the guest sends ---- */

static void out_done(struct frame *frame)
{
	struct out *out = frame->owner;

	assert_int_equal(frame->refs, 0);
	out->done++;
}

static u64 to_phys(const void *p)
{
	return virt_to_phys(p);
}

struct frame *out_frame(struct out *out, u32 len, unsigned int pieces)
{
	struct frame *frame = &out->frame;
	u32 left;

	memset(out, 0, sizeof(*out));
	memset(frame->hdr, 0xff, 6);
	memcpy(frame->hdr + 6, "\x52\x54\x00\x00\x00\x99", 6);
	for (unsigned int i = 12; i < sizeof(frame->hdr); i++)
		frame->hdr[i] = (u8)i;
	memset(out->payload, 0x5a, sizeof(out->payload));
	frame->hdr_len = pieces ? MIN(len, 54u) : len;
	frame->hdr_phys = to_phys(frame->hdr);
	frame->seg[0] = (struct frame_seg){ frame->hdr, frame->hdr_phys, frame->hdr_len };
	frame->nr_segs = 1;
	left = len - frame->hdr_len;
	for (unsigned int i = 0; i < pieces; i++) {
		u32 n = i + 1 < pieces ? left / 2 : left;

		frame->seg[frame->nr_segs++] = (struct frame_seg){ out->payload[i],
			to_phys(out->payload[i]), n };
		left -= n;
	}
	frame->len = len;
	frame->refs = 1;
	frame->done = out_done;
	frame->owner = out;
	return frame;
}

void guest_send(struct frame *frame)
{
	switch_input(&guest.port, &frame, 1);
	frame_put(frame);
}

void guest_send_on(unsigned int cpu, struct frame *frame)
{
	struct arch_cpu *self = host_this_cpu;

	host_this_cpu = &cpus[cpu]->arch;
	guest_send(frame);
	host_this_cpu = self;
}

const struct mock_sent *last_sent(void)
{
	return model->sent(model->nr_sent() - 1);
}

/* ---- Setting up ---- */

struct netdev *dev;
u64 dma_before;

int probe(void)
{
	int err = model->driver->probe(model->pci);

	dev = err ? NULL : netdevs[nr_netdevs - 1];
	return err;
}

struct netdev_stats nic_stats(void)
{
	struct netdev_stats sum;

	netdev_get_stats(dev, &sum);
	return sum;
}

bool nic_pending(void)
{
	for (unsigned int i = 0; i < dev->nr_queues; i++)
		if (dev->ops->pending(dev->queue[i]))
			return true;
	return false;
}

int setup_bare(void **state)
{
	cpus[0] = this_cpu();
	cpus[1] = &second_cpu;
	nr_cpus = model->cpus;
	for (unsigned int i = 0; i < nr_cpus; i++) {
		timer_queue_init(&cpus[i]->timers);
		cpus[i]->workers_only = false;
	}
	run_work();
	nr_netdevs = 0;
	assert_int_equal(parts_init(), 0);
	dma_before = mem_used(MEM_DMA);
	model->init();
	memset(&guest, 0, sizeof(guest));
	memset(flow_sent, 0, sizeof(flow_sent));
	host_log_clear();
	return 0;
}

int setup(void **state)
{
	setup_bare(state);
	assert_int_equal(probe(), 0);
	guest.port = (struct port){ .name = "guest", .ops = &guest_ops, .link_up = true,
				    .max_frame = 1518 };
	assert_int_equal(switch_attach(dev->port.sw, &guest.port), 0);
	run_work();
	return 0;
}

int teardown(void **state)
{
	guest_put_all();
	if (!dev)
		return 0;
	netdev_stop_all();
	run_work();			/* what other CPUs have queued is nothing any more */
	switch_detach(&dev->port);
	if (guest.port.sw)
		switch_detach(&guest.port);
	model->free(dev);
	dev = NULL;
	assert_int_equal(mem_used(MEM_DMA), dma_before);
	return 0;
}

void loop(void)
{
	for (unsigned int i = 0; i < 1000; i++) {
		bool irq = model->interrupt();

		if (!run_work() && !irq)
			return;
	}
	fail_msg("the loop does not come to rest");
}

bool wire_send(u32 len, u8 fill)
{
	u8 frame[2048];

	memset(frame, fill, sizeof(frame));
	memset(frame, 0xff, 6);
	memcpy(frame + 6, "\x02\x00\x00\x00\x00\x01", 6);
	return model->receive(frame, len);
}

bool wire_send_flow(unsigned int flow, u32 len)
{
	u8 frame[2048] = { 0 };

	memset(frame, 0xff, 6);
	memcpy(frame + 6, "\x02\x00\x00\x00\x00\x01", 6);
	memcpy(frame + 12, flow_eth_ip, sizeof(flow_eth_ip));
	frame[FLOW_AT + 1] = (u8)flow;
	memcpy(frame + FLOW_NUMBER_AT, &flow_sent[flow], sizeof(flow_sent[flow]));
	if (!model->receive(frame, len))
		return false;
	flow_sent[flow]++;
	return true;
}
