/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `info` on the kernel's own parts. Each line is what and its name, a colon, then key=value
 * words; further lines of the same name add keys.
 */
#include "kernel/monitor_info.h"

#include "generated/version.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"
#include "kernel/lifecycle.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/monitor.h"
#include "kernel/time.h"
#include "virtio/net.h"
#include "virtio/vhost_worker.h"

static void show_version(void)
{
	u64 ms = time_ns() / NSEC_PER_MSEC;

	console_printf("version: ringvisor=%s config=%s uptime=%lu.%03lu\n", RINGVISOR_VERSION,
		       RINGVISOR_CONFIG_HASH, ms / 1000, ms % 1000);
}

static const char *state_name(const struct guest *guest)
{
	static const char *const names[] = {
		[GUEST_STARTING] = "starting",
		[GUEST_RUNNING] = "running",
		[GUEST_PAUSED] = "stopped",
		[GUEST_ENDED] = "ended",
	};

	return names[READ_ONCE(guest->state)];
}

static void show_guest(const struct guest *guest)
{
	const struct guest_config *c = guest->config;
	bool ended = READ_ONCE(guest->state) == GUEST_ENDED;
	u64 ms = ((ended ? guest->ended_ns : time_ns()) - guest->started_ns) / NSEC_PER_MSEC;

	console_printf("guest %s: state=%s seconds=%lu.%03lu starts=%lu resets=%lu\n", c->name,
		       state_name(guest), ms / 1000, ms % 1000, guest->starts, guest->resets);
	console_printf("guest %s: mib=%lu vcpus=%u cpu=%u nics=%u kernel=%s\n", c->name,
		       (u64)(c->memory / MIB), c->nr_vcpus, guest->cpu->id, c->nr_nics, c->kernel);
	console_printf("guest %s: console_out=%lu console_in=%lu console_in_dropped=%lu\n",
		       c->name, guest->console.out_bytes, guest->console.in_bytes,
		       guest->console.in_dropped);
	if (ended)
		console_printf("guest %s: why=\"%s\"\n", c->name, guest->ended_why);
}

static void show_guests(void)
{
	for (unsigned int i = 0; i < nr_guests; i++)
		show_guest(guests[i]);
}

/* The guest may be ended or made anew on its CPU meanwhile: counters only, nothing followed. */
static void show_vcpu(const char *guest, const struct vcpu *vcpu, const struct cpu *cpu)
{
	console_printf("vcpu %s.%u: cpu=%u entries=%lu doorbells=%lu interrupts=%lu "
		       "guest_ticks=%lu entry_ticks=%lu\n", guest, vcpu->id, cpu->id,
		       vcpu->entries, vcpu->doorbells, vcpu->injected, vcpu->guest_ticks,
		       vcpu->entry_ticks);
	for (unsigned int reason = 0; reason < VCPU_EXIT_KINDS; reason++) {
		const char *name = arch_exit_name(reason);
		u64 count = vcpu->exits[reason], ticks = vcpu->exit_ticks[reason];

		if (count)
			console_printf("vcpu %s.%u: exit=%u name=\"%s\" count=%lu ticks=%lu "
				       "average=%lu\n", guest, vcpu->id, reason,
				       name ? name : "?", count, ticks, ticks / count);
	}
}

static void show_exits(void)
{
	for (unsigned int i = 0; i < nr_guests; i++)
		for (unsigned int j = 0; j < GUEST_VCPUS_MAX && guests[i]->vcpus[j]; j++)
			show_vcpu(guest_name(guests[i]), guests[i]->vcpus[j],
				  guests[i]->placement[j]);
}

/* A guest that ends takes its NICs away. False: there are no more. */
static bool show_nic(struct guest *guest, unsigned int i)
{
	bool there;

	console_collect();
	spin_lock(&guest->lock);
	there = i < guest->nr_nics;
	if (there)
		virtio_net_show(guest->nics[i]);
	spin_unlock(&guest->lock);
	console_write_collected();
	return there;
}

static void show_vhost(void)
{
	vhost_workers_show();
	for (unsigned int i = 0; i < nr_guests; i++)
		for (unsigned int j = 0; show_nic(guests[i], j); j++)
			;
}

/* What guests cost besides their RAM; of equal guests each the average. The heap never shrinks. */
static void show_guests_mem(void)
{
	u64 tables = guests_memory(MEM_EPT), vhost = guests_memory(MEM_VHOST);
	u64 heap = guests_memory(MEM_HEAP);
	unsigned int nr = 0;

	for (unsigned int i = 0; i < nr_guests; i++)
		nr += READ_ONCE(guests[i]->state) != GUEST_ENDED;
	console_printf("mem overhead: guests=%u average=%lu nested_paging=%lu vhost=%lu heap=%lu\n",
		       nr, (tables + vhost + heap) / MAX(nr, 1u), tables, vhost, heap);
}

static void show_mem(void)
{
	for (unsigned int owner = 0; owner < MEM_OWNERS; owner++)
		console_printf("mem %s: bytes=%lu\n", mem_owner_name(owner), mem_used(owner));
	console_printf("mem total: bytes=%lu\n", mem_total());
	show_guests_mem();
}

/* Shares in hundredths of a per cent; of what has been charged until now. */
static void show_times(unsigned int i, const struct cpu_stats *s)
{
	u64 work = s->work_ns, guest = s->guest_ns, idle = s->idle_ns, poll = s->poll_ns;
	u64 all = work + guest + idle + poll, unit = MAX(all / 10000, 1ul);

	console_printf("cpu %u: work_ns=%lu guest_ns=%lu idle_ns=%lu work_share=%lu.%02lu%% "
		       "guest_share=%lu.%02lu%% idle_share=%lu.%02lu%%\n", i, work, guest, idle,
		       work / unit / 100, work / unit % 100, guest / unit / 100,
		       guest / unit % 100, idle / unit / 100, idle / unit % 100);
	console_printf("cpu %u: poll_ns=%lu poll_share=%lu.%02lu%%\n", i, poll, poll / unit / 100,
		       poll / unit % 100);
}

static void show_cpus(void)
{
	static const char *const states[] = {
		[CPU_RUNNING] = "running", [CPU_IN_GUEST] = "guest", [CPU_IDLE] = "idle",
	};

	for (unsigned int i = 0; i < nr_cpus; i++) {
		const struct cpu_stats *s = &cpus[i]->stats;

		console_printf("cpu %u: state=%s online=%u loops=%lu idle=%lu work=%lu runs=%lu "
			       "kicks=%lu late=%lu for=%s\n", i, states[READ_ONCE(cpus[i]->state)],
			       cpus[i]->online, s->loops, s->idle, s->work_items, s->vcpu_runs,
			       s->kicks_sent, s->late, cpus[i]->workers_only ? "workers" : "all");
		show_times(i, s);
	}
}

static void show_log_line(void *arg, enum log_level level, u64 ns, const char *text)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	u64 us = ns / NSEC_PER_USEC;

	console_printf("%5lu.%06lu %-7s %s\n", us / 1000000, us % 1000000, names[level], text);
}

static void show_log(void)
{
	log_for_each(show_log_line, NULL);
}

static const struct monitor_info infos[] = {
	{ "version", "version, configuration hash, seconds since boot", show_version },
	{ "guests", "each guest's state and size", show_guests },
	{ "exits", "exits of each vCPU by reason", show_exits },
	{ "vhost", "the queues of guests' NICs", show_vhost },
	{ "mem", "memory by owner", show_mem },
	{ "cpus", "the CPU loops", show_cpus },
	{ "log", "the lines kept, those not shown included", show_log },
};

void monitor_info_init(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(infos); i++)
		monitor_add_info(&infos[i]);
}
