/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks on locks, with CONFIG_DEBUG_CHECKS: each CPU knows which it holds. */
#include "kernel/cpu.h"
#include "kernel/lock.h"
#include "kernel/log.h"

#define HELD_MAX 16		/* deeper than the order is used */

static struct held {
	struct spinlock *lock[HELD_MAX];
	unsigned int nr;
} held[CONFIG_MAX_CPUS];	/* each its CPU's own */
static bool checking;

static const char *const names[LOCK_RANKS] = {
	[LOCK_UNRANKED] = "lock without a rank",
	[LOCK_CONSOLE_INPUT] = "console input",
	[LOCK_GUEST] = "guest",
	[LOCK_LOADER] = "image loader",
	[LOCK_VQ_TX] = "transmit queue",
	[LOCK_SWITCHES] = "list of switches",
	[LOCK_SWITCH] = "switch",
	[LOCK_CAPTURE] = "capture",
	[LOCK_VQ_RX] = "receive queue",
	[LOCK_VPCI_INTX] = "guest's INTx lines",
	[LOCK_VPIC] = "guest's 8259s",
	[LOCK_VIOAPIC] = "guest's I/O APIC",
	[LOCK_NIC] = "NIC queue",
	[LOCK_PARTS] = "pool of parts",
	[LOCK_PCI_CONFIG] = "PCI configuration",
	[LOCK_IOAPIC] = "I/O APIC",
	[LOCK_HEAP] = "heap",
	[LOCK_PAGING] = "page tables",
	[LOCK_MEM] = "memory allocator",
	[LOCK_CONSOLE] = "console",
	[LOCK_LOG] = "log",
};

void lock_checks_start(void)
{
	WRITE_ONCE(checking, true);
}

void lock_checks_stop(void)
{
	WRITE_ONCE(checking, false);
}

static u16 self(void)
{
	return (u16)(this_cpu()->id + 1);
}

void lock_check_take(const struct spinlock *l)
{
	const struct held *h;

	if (!READ_ONCE(checking))
		return;
	if (READ_ONCE(l->owner) == self())
		panic("lock: %s: taken again by CPU %u, which has it", names[l->rank],
		      this_cpu()->id);
	h = &held[this_cpu()->id];
	for (unsigned int i = 0; i < h->nr && l->rank; i++)
		if (h->lock[i]->rank >= l->rank)
			panic("lock: %s: taken inside %s, against the order", names[l->rank],
			      names[h->lock[i]->rank]);
}

void lock_taken(struct spinlock *l)
{
	struct held *h;

	if (!READ_ONCE(checking))
		return;
	h = &held[this_cpu()->id];
	if (h->nr == HELD_MAX)
		panic("lock: %s: taken with %u others held", names[l->rank], h->nr);
	h->lock[h->nr++] = l;
	WRITE_ONCE(l->owner, self());
}

/* The innermost is released first, as a rule. */
static void forget(struct held *h, const struct spinlock *l)
{
	unsigned int i = h->nr;

	while (i-- > 0) {
		if (h->lock[i] != l)
			continue;
		h->nr--;
		for (; i < h->nr; i++)
			h->lock[i] = h->lock[i + 1];
		return;
	}
}

void lock_released(struct spinlock *l)
{
	if (!READ_ONCE(checking) || !l->owner)	/* taken before the checks began */
		return;
	if (l->owner != self())
		panic("lock: %s: released by CPU %u, taken by CPU %u", names[l->rank],
		      this_cpu()->id, l->owner - 1u);
	forget(&held[this_cpu()->id], l);
	WRITE_ONCE(l->owner, 0);
}
