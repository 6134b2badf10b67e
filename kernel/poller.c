/* SPDX-License-Identifier: BSD-2-Clause */
/* Pollers: a list on each CPU, looked through by its loop. */
#include "kernel/poller.h"

#include "asm/barrier.h"
#include "kernel/cpu.h"

void poller_init(struct poller *poller, bool (*poll)(struct poller *poller),
		 bool (*rest)(struct poller *poller))
{
	*poller = (struct poller){ .poll = poll, .rest = rest };
	list_init(&poller->node);
}

bool poller_keep(struct poller *poller, u64 linger_ns)
{
	struct cpu *cpu = this_cpu();
	u64 now, before = poller->emptied_ns;

	if (!linger_ns)
		return false;
	now = time_ns();
	poller->last_ns = poller->emptied_ns = now;
	if (poller_active(poller))
		return true;
	if (!cpu->workers_only && (!before || now >= before + POLLER_LOOK_NS))
		return false;
	poller->linger_ns = linger_ns;
	if (list_empty(&cpu->pollers))
		cpu->look_ns = now + POLLER_LOOK_NS;
	list_append(&cpu->pollers, &poller->node);
	return true;
}

void poller_stop(struct poller *poller)
{
	list_remove(&poller->node);
}

static u64 longest_linger;

u64 pollers_linger(void)
{
	return READ_ONCE(longest_linger);
}

void pollers_set_linger(u64 ns)
{
	if (pollers_linger() < ns)
		WRITE_ONCE(longest_linger, ns);
}

static bool look_at(struct poller *poller, u64 now)
{
	poller->looks++;
	if (poller->poll(poller)) {
		poller->found++;
		poller->last_ns = now;
		return true;
	}
	if (now < poller->last_ns + poller->linger_ns)
		return false;
	if (poller->rest(poller)) {
		poller->last_ns = now;
		return true;
	}
	poller->rests++;
	poller_stop(poller);
	return false;
}

/*
 * What the last look found took longer than there is between two looks: the guests have as much
 * before the next one, or a queue that always has something would leave them nothing.
 */
static bool guests_turn(struct cpu *cpu, u64 now)
{
	u64 began = cpu->found_ns, guests = cpu->stats.guest_ns - cpu->found_guest_ns, took;

	cpu->found_ns = 0;
	if (likely(!began) || cpu->workers_only)
		return false;
	took = now - began - guests;
	if (took <= POLLER_LOOK_NS || guests >= took)
		return false;
	cpu->look_ns = now + took - guests;
	return true;
}

bool pollers_look(struct cpu *cpu)
{
	struct list *node, *next;
	bool found = false;
	u64 now;

	if (list_empty(&cpu->pollers))
		return false;
	now = time_ns();
	if (unlikely(guests_turn(cpu, now)))
		return false;
	cpu->look_ns = now + POLLER_LOOK_NS;
	for (node = cpu->pollers.next; node != &cpu->pollers; node = next) {
		next = node->next;
		found |= look_at(list_entry(node, struct poller, node), now);
	}
	if (found) {
		cpu->found_ns = now;
		cpu->found_guest_ns = cpu->stats.guest_ns;
	}
	return found;
}

u64 pollers_next(const struct cpu *cpu)
{
	return list_empty(&cpu->pollers) || cpu->workers_only ? TIME_NEVER : cpu->look_ns;
}
