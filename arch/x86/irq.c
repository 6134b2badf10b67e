/* SPDX-License-Identifier: BSD-2-Clause */
/* Host interrupt vectors: who has which, and their dispatch. */
#include <errno.h>

#include "arch/x86/apic.h"
#include "arch/x86/irq.h"
#include "arch/x86/traps.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/monitor.h"

enum msi_address {		/* SDM 3A 11.11.1 */
	MSI_ADDR_BASE = 0xfee00000,
	MSI_ADDR_DEST_SHIFT = 12,
	MSI_DEST_MAX = 0xfe,		/* 0xff is all CPUs */
};

static struct irq {
	irq_fn fn;
	void *arg;
	const char *name;
	u64 count;		/* over all CPUs, atomic */
} irqs[VECTORS];

void irq_set(unsigned int vector, irq_fn fn, void *arg, const char *name)
{
	irqs[vector].arg = arg;
	irqs[vector].name = name;
	__atomic_store_n(&irqs[vector].fn, fn, __ATOMIC_RELEASE);
}

/*
 * A vector's upper four bits are its priority class, of which an APIC holds two at a time on old
 * CPUs (SDM 3A 11.8.4): no matter here, where interrupts are off but for idle and guest mode.
 */
int irq_vector_alloc(irq_fn fn, void *arg, const char *name)
{
	for (unsigned int v = VECTOR_FIRST; v <= VECTOR_LAST; v++) {
		if (!irqs[v].fn) {
			irq_set(v, fn, arg, name);
			return v;
		}
	}
	return -ENOSPC;
}

/* Its count stays: an interrupt that still comes is nobody's. */
void irq_vector_free(int vector)
{
	irq_set(vector, NULL, NULL, NULL);
}

/* SDM 3A 11.11: physical destination, fixed delivery, edge. */
int irq_msi_message(int vector, const struct cpu *cpu, struct msi_message *msg)
{
	if (cpu->arch.apic_id > MSI_DEST_MAX)
		return -ERANGE;
	msg->addr = MSI_ADDR_BASE | (u64)cpu->arch.apic_id << MSI_ADDR_DEST_SHIFT;
	msg->data = (u32)vector;
	return 0;
}

void irq_dispatch(unsigned int vector)
{
	static struct ratelimit rl;
	struct irq *irq = &irqs[vector % VECTORS];
	irq_fn fn = __atomic_load_n(&irq->fn, __ATOMIC_ACQUIRE);

	__atomic_fetch_add(&irq->count, 1, __ATOMIC_RELAXED);
	if (fn)
		fn(irq->arg);
	else if (vector != VECTOR_SPURIOUS)
		log_ratelimited(&rl, LOG_WARN, "irq: CPU %u: vector %#x: nobody's interrupt",
				this_cpu()->id, vector);
	/* Spurious ones, the local APIC's or a masked 8259's, are in no ISR: 11.9. */
	if (vector >= VECTOR_FIRST && vector != VECTOR_SPURIOUS)
		apic_eoi();
}

static void show_irqs(void)
{
	for (unsigned int v = 0; v < VECTORS; v++)
		if (irqs[v].fn || irqs[v].count)
			console_printf("irq %#x: name=%s count=%lu\n", v,
				       irqs[v].name ? irqs[v].name : "none",
				       READ_ONCE(irqs[v].count));
	for (unsigned int i = 0; i < nr_cpus; i++)
		console_printf("nmi: cpu=%u count=%lu\n", i, nmi_count(i));
}

const struct monitor_info irq_info = { "irqs", "interrupts of the machine, by vector", show_irqs };
