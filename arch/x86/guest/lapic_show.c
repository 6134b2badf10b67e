/* SPDX-License-Identifier: BSD-2-Clause */
/* `info lapic`: the local APICs of all vCPUs, as QEMU's command of that name shows them. */
#include <stdio.h>

#include "arch/x86/guest/lapic_regs.h"
#include "kernel/console.h"
#include "kernel/guest.h"
#include "kernel/monitor.h"

static const char *mode_name(const struct vlapic *apic)
{
	if (!vlapic_hw_enabled(apic))
		return "off";
	return vlapic_x2apic(apic) ? "x2apic" : "xapic";
}

static const char *state_name(const struct vcpu *vcpu)
{
	static const char *const names[] = {
		[VCPU_RUNNABLE] = "runnable",
		[VCPU_HALTED] = "halted",
		[VCPU_WAIT_SIPI] = "wait-sipi",
		[VCPU_STOPPED] = "stopped",
	};

	return names[READ_ONCE(vcpu->state)];
}

/* The vectors set in the 256 bits that start with word(0): "31,ec", or "-" for none. */
static const char *vectors(char *buf, size_t size, const u32 word[LAPIC_ARRAY_REGS])
{
	size_t len = 0;

	snprintf(buf, size, "-");
	for (unsigned int v = 0; v < LAPIC_ARRAY_REGS * 32 && len + 4 < size; v++)
		if (word[v / 32] & BIT(v % 32))
			len += (size_t)snprintf(buf + len, size - len, len ? ",%02x" : "%02x", v);
	return buf;
}

static void show_array(const char *name, const struct vlapic *apic, u32 array)
{
	u32 word[LAPIC_ARRAY_REGS];
	char text[64];

	for (u32 i = 0; i < LAPIC_ARRAY_REGS; i++)
		word[i] = vlapic_reg(apic, array + i * LAPIC_REG_STRIDE);
	console_printf(" %s=%s", name, vectors(text, sizeof(text), word));
}

static void show_posted(const struct vlapic *apic)
{
	u32 word[LAPIC_ARRAY_REGS];
	char text[64];

	for (u32 i = 0; i < LAPIC_ARRAY_REGS; i++)
		word[i] = (u32)(READ_ONCE(apic->pir[i / 2]) >> (i % 2 * 32));
	console_printf(" posted=%s", vectors(text, sizeof(text), word));
}

static void show_timer(const struct vlapic *apic)
{
	static const char *const modes[] = { "one-shot", "periodic", "tsc-deadline", "reserved" };
	u32 lvt = vlapic_reg(apic, LAPIC_LVT_TIMER);
	u64 now = time_ns(), due = READ_ONCE(apic->timer.deadline_ns);

	console_printf(" timer=%s vector=%02x masked=%u", modes[(lvt & LVT_TIMER_MODE) >> 17],
		       lvt & LVT_VECTOR, !!(lvt & LVT_MASKED));
	if (timer_armed(&apic->timer))
		console_printf(" due_us=%ld", (long)(due - now) / (long)NSEC_PER_USEC);
	console_printf("\n");
}

/* The vCPU may run meanwhile on its CPU: what is shown is not all of one instant. */
static void show_vcpu(const char *guest, const struct vcpu *vcpu)
{
	const struct vlapic *apic = vcpu->arch.lapic;

	if (!apic)
		return;
	console_printf("lapic %s.%u: state=%s mode=%s tpr=%02x ppr=%02x", guest, vcpu->id,
		       state_name(vcpu), mode_name(apic), vlapic_reg(apic, LAPIC_TPR),
		       vlapic_ppr(apic));
	show_array("isr", apic, LAPIC_ISR);
	show_array("irr", apic, LAPIC_IRR);
	show_posted(apic);
	console_printf(" pv_eoi=%s pv_eois=%lu", apic->pv_eoi.word ? "on" : "off",
		       apic->pv_eoi.eois);
	show_timer(apic);
}

static void show_lapics(void)
{
	for (unsigned int i = 0; i < nr_guests; i++) {
		console_collect();
		spin_lock(&guests[i]->lock);	/* a guest that ends takes its vCPUs away */
		for (unsigned int j = 0; j < GUEST_VCPUS_MAX && guests[i]->vcpus[j]; j++)
			show_vcpu(guest_name(guests[i]), guests[i]->vcpus[j]);
		spin_unlock(&guests[i]->lock);
		console_write_collected();
	}
}

const struct monitor_info lapic_info = { "lapic", "local APICs of the vCPUs", show_lapics };
