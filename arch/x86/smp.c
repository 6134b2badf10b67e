/* SPDX-License-Identifier: BSD-2-Clause */
/* Application processors: INIT, SIPI, SIPI through the trampoline of boot/ (SDM 3A 9.4.4). */
#include <errno.h>
#include <stdlib.h>

#include "arch/x86/acpi.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/paging.h"
#include "arch/x86/smp.h"
#include "arch/x86/traps.h"
#include "arch/x86/tsc.h"
#include "asm/barrier.h"
#include "boot/boot.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/mem.h"

#define INIT_WAIT_NS	(10 * NSEC_PER_MSEC)
#define SIPI_WAIT_NS	(200 * NSEC_PER_USEC)
#define ONLINE_WAIT_NS	(2 * NSEC_PER_SEC)	/* an emulator may not run it at once */

static void (*ap_entry)(struct cpu *cpu);

/* On the AP, on its own stack, interrupts off. */
static void ap_start(void *arg)
{
	struct cpu *cpu = arg;

	cpu_control_init();
	traps_init(cpu);
	apic_cpu_init();
	__atomic_store_n(&cpu->online, true, __ATOMIC_RELEASE);
	tsc_sync_answer();
	ap_entry(cpu);
	machine_halt();
}

static bool wait_online(const struct cpu *cpu, u64 ns)
{
	u64 end = time_ns() + ns;

	while (!__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE)) {
		if (time_ns() >= end)
			return false;
		cpu_relax();
	}
	return true;
}

static int ap_wake(struct cpu *cpu, unsigned int page)
{
	int err = apic_send_init(cpu->arch.apic_id);

	if (err)
		return err;
	wait_online(cpu, INIT_WAIT_NS);		/* it cannot be: a delay */
	for (unsigned int i = 0; i < 2; i++) {
		err = apic_send_startup(cpu->arch.apic_id, page);
		if (err || wait_online(cpu, SIPI_WAIT_NS))
			return err;
	}
	return wait_online(cpu, ONLINE_WAIT_NS) ? 0 : -ETIMEDOUT;
}

static struct cpu *cpu_create(unsigned int id, u32 apic_id)
{
	struct cpu *cpu = calloc(1, sizeof(*cpu));
	void *stack = stack_alloc(CPU_STACK_SIZE);

	if (!cpu || !stack) {
		free(cpu);
		return NULL;
	}
	cpu_init(cpu, id);
	cpu->arch.apic_id = apic_id;
	cpu->arch.stack_top = stack;
	return cpu;
}

static void ap_bring_up(u32 apic_id, u64 trampoline)
{
	struct cpu *cpu = cpu_create(nr_cpus, apic_id);
	int err;

	if (!cpu) {
		pr_err("smp: APIC id %u: not started: out of memory", apic_id);
		return;
	}
	/* Before it is online: its handlers index by its number. */
	cpus[nr_cpus] = cpu;
	trampoline_set_stack(cpu->arch.stack_top, cpu);
	err = ap_wake(cpu, trampoline / PAGE_SIZE);
	if (!err)
		err = tsc_sync_ask(cpu);
	if (!err) {
		nr_cpus++;
		return;
	}
	/* Whatever it does now must not happen on the next one's parameters. Its memory stays. */
	apic_send_init(apic_id);
	cpus[nr_cpus] = NULL;
	pr_err("smp: APIC id %u: %s", apic_id, err == -ETIMEDOUT ?
	       "did not start (INIT, SIPI, SIPI)" : "the local APIC did not send INIT or SIPI");
}

void smp_start(void (*entry)(struct cpu *cpu))
{
	u64 trampoline = mem_low_page();
	u32 self = cpus[0]->arch.apic_id;

	if (acpi.madt.nr_cpus > 1 && (!trampoline || paging_map_low_page(trampoline))) {
		pr_err("smp: no page below 1 MiB for the trampoline, one CPU only");
	} else if (acpi.madt.nr_cpus > 1) {
		ap_entry = entry;
		trampoline_install((void *)trampoline, trampoline, paging_root(), ap_start);
		for (unsigned int i = 0; i < acpi.madt.nr_cpus && nr_cpus < CONFIG_MAX_CPUS; i++)
			if (acpi.madt.apic_id[i] != self)
				ap_bring_up(acpi.madt.apic_id[i], trampoline);
		paging_unmap_low_page(trampoline);
	}
	pr_info("smp: %u of %u CPUs online", nr_cpus, MAX(acpi.madt.nr_cpus, 1u));
}
