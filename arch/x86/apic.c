/* SPDX-License-Identifier: BSD-2-Clause */
/* The physical local APIC: SDM 3A chapter 11. x2APIC: 11.12. */
#include <errno.h>
#include <stdio.h>

#include "arch/x86/acpi.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/ioapic.h"
#include "arch/x86/irq.h"
#include "arch/x86/msr.h"
#include "arch/x86/smp.h"
#include "asm/barrier.h"
#include "asm/io.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/mem.h"

/* Offsets in the register page, table 11-1; as MSR: IA32_X2APIC_APICID - 2 + offset / 16 */
enum apic_reg {
	APIC_ID = 0x20,
	APIC_VERSION = 0x30,
	APIC_TPR = 0x80,
	APIC_EOI = 0xb0,
	APIC_SVR = 0xf0,
	APIC_ESR = 0x280,
	APIC_ICR_LOW = 0x300,
	APIC_ICR_HIGH = 0x310,
	APIC_LVT_TIMER = 0x320,
	APIC_LVT_LINT0 = 0x350,
	APIC_LVT_LINT1 = 0x360,
	APIC_LVT_ERROR = 0x370,
	APIC_INITIAL_COUNT = 0x380,
	APIC_CURRENT_COUNT = 0x390,
	APIC_DIVIDE = 0x3e0,
};
#define X2APIC_MSR(reg)	(0x800 + ((reg) >> 4))
#define APIC_PAGE_DEFAULT 0xfee00000ull

enum apic_bits {
	SVR_ENABLE = BIT(8),			/* figure 11-23 */
	LVT_MASKED = BIT(16),			/* figure 11-8 */
	LVT_NMI = 4 << 8,
	LVT_TIMER_ONE_SHOT = 0 << 17,
	LVT_TIMER_TSC_DEADLINE = 2 << 17,
	ICR_FIXED = 0 << 8,			/* figure 11-12 */
	ICR_NMI = 4 << 8,
	ICR_INIT = 5 << 8,
	ICR_STARTUP = 6 << 8,
	ICR_PENDING = BIT(12),
	ICR_ASSERT = BIT(14),
	ICR_ALL_BUT_SELF = 3 << 18,
	DIVIDE_BY_16 = 3,			/* figure 11-10 */
	XAPIC_ID_SHIFT = 24,
};

#define ICR_PATIENCE	1000000		/* reads of the ICR while it is busy: about a second */
#define CALIBRATE_NS	(10 * NSEC_PER_MSEC)

static bool x2apic, tsc_deadline;
static volatile char *page;		/* xAPIC registers */
static u64 timer_hz;			/* of the counting timer, after the divider */
static u64 errors;			/* LVT error interrupts */

static u32 apic_read(enum apic_reg reg)
{
	return x2apic ? rdmsr(X2APIC_MSR(reg)) : mmio_read32(page + reg);
}

static void apic_write(enum apic_reg reg, u32 val)
{
	if (x2apic)
		wrmsr(X2APIC_MSR(reg), val);
	else
		mmio_write32(page + reg, val);
}

/* Of this CPU, as ACPI has it: 32 bits in x2APIC mode, else 8. */
static u32 apic_id(void)
{
	return x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> XAPIC_ID_SHIFT;
}

/* "x2APIC, TSC-deadline timer" */
static const char *apic_describe(void)
{
	if (x2apic)
		return tsc_deadline ? "x2APIC, TSC-deadline timer" : "x2APIC, one-shot timer";
	return tsc_deadline ? "xAPIC, TSC-deadline timer" : "xAPIC, one-shot timer";
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

/* In x2APIC mode the write is complete when it returns, and no delivery status is left: 11.12.9. */
static int icr_write(u32 dest, u32 low)
{
	if (x2apic) {
		/* Not serialising: what was stored before must be seen before the IPI, 11.12.3. */
		mb();
		wrmsr(MSR_IA32_X2APIC_ICR, (u64)dest << 32 | low);
		return 0;
	}
	apic_write(APIC_ICR_HIGH, dest << XAPIC_ID_SHIFT);
	apic_write(APIC_ICR_LOW, low);
	for (unsigned int i = 0; i < ICR_PATIENCE; i++) {
		if (!(apic_read(APIC_ICR_LOW) & ICR_PENDING))
			return 0;
		cpu_relax();
	}
	return -ETIMEDOUT;
}

int apic_send_init(u32 apic_id)
{
	return icr_write(apic_id, ICR_INIT | ICR_ASSERT);
}

int apic_send_startup(u32 apic_id, unsigned int startup_page)
{
	return icr_write(apic_id, ICR_STARTUP | ICR_ASSERT | startup_page);
}

void apic_send_nmi_others(void)
{
	icr_write(0, ICR_NMI | ICR_ASSERT | ICR_ALL_BUT_SELF);
}

void arch_cpu_kick(struct cpu *cpu)
{
	icr_write(cpu->arch.apic_id, ICR_FIXED | ICR_ASSERT | VECTOR_KICK);
}

void apic_timer_set(u64 deadline_ns)
{
	u64 now, ahead;

	arch_this_cpu()->timer_ns = deadline_ns;
	if (tsc_deadline) {
		wrmsr(MSR_IA32_TSC_DEADLINE, deadline_ns == TIME_NEVER ? 0 :
		      MAX(tsc_from_ns(deadline_ns), 1ull));
		return;
	}
	if (deadline_ns == TIME_NEVER) {
		apic_write(APIC_INITIAL_COUNT, 0);
		return;
	}
	/* Too far for the counter: it fires early, and the loop arms it again. */
	now = time_ns();
	ahead = deadline_ns > now ? MIN(deadline_ns - now, NSEC_PER_SEC) : 0;
	apic_write(APIC_INITIAL_COUNT, MIN(ahead * timer_hz / NSEC_PER_SEC + 1, (u64)UINT32_MAX));
}

void arch_cpu_idle(struct cpu *cpu, u64 deadline_ns)
{
	apic_timer_arm(deadline_ns);
	/* An interrupt that is pending by now is taken after HLT has begun: SDM 2B "STI". */
	__asm__ volatile("sti; hlt; cli" ::: "memory");
}

static void count_error(void *arg)
{
	apic_write(APIC_ESR, 0);
	errors++;
	pr_warn("apic: CPU %u: error interrupt (ESR %#x, %lu so far)", this_cpu()->id,
		apic_read(APIC_ESR), errors);
}

/* The timer and kicks only have to end what the CPU was doing. */
static void nothing(void *arg)
{
}

/*
 * A new deadline may have replaced the one that this interrupt is of. Then the next
 * apic_timer_arm() writes it once more, or leaves it: an interrupt for nothing.
 */
static void timer_fired(void *arg)
{
	arch_this_cpu()->timer_ns = TIME_NEVER;
}

void apic_cpu_init(void)
{
	u64 base = rdmsr(MSR_IA32_APIC_BASE) | APIC_BASE_EN;

	if (!(rdmsr(MSR_IA32_APIC_BASE) & APIC_BASE_EXTD) || !x2apic)
		wrmsr(MSR_IA32_APIC_BASE, base);
	if (x2apic)
		wrmsr(MSR_IA32_APIC_BASE, base | APIC_BASE_EXTD);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);		/* the 8259s are not used */
	apic_write(APIC_LVT_LINT1, LVT_NMI);
	apic_write(APIC_LVT_ERROR, VECTOR_ERROR);
	apic_write(APIC_DIVIDE, DIVIDE_BY_16);
	arch_this_cpu()->timer_ns = TIME_NEVER;
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER | (tsc_deadline ? LVT_TIMER_TSC_DEADLINE :
						   LVT_TIMER_ONE_SHOT));
	/* Memory-mapped LVT writes and WRMSR are not ordered with each other: 11.5.4.1. */
	__asm__ volatile("mfence" ::: "memory");
}

/* How fast the counting timer counts, against the calibrated TSC. */
void apic_timer_calibrate(void)
{
	u64 start, elapsed;
	u32 left;

	if (tsc_deadline)
		return;
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER | LVT_MASKED);
	apic_write(APIC_INITIAL_COUNT, UINT32_MAX);
	start = time_ns();
	do {
		cpu_relax();
		elapsed = time_ns() - start;
	} while (elapsed < CALIBRATE_NS);
	left = apic_read(APIC_CURRENT_COUNT);
	apic_write(APIC_INITIAL_COUNT, 0);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER | LVT_TIMER_ONE_SHOT);
	timer_hz = (u64)(UINT32_MAX - left) * NSEC_PER_SEC / elapsed;
	if (!timer_hz)
		panic("apic: the local APIC's timer does not count");
}

/* Both controllers initialised so that a spurious interrupt has a vector, then masked: 8259A. */
static void pic_disable(void)
{
	static const struct { u16 port; u8 val; } writes[] = {
		{ 0x20, 0x11 }, { 0xa0, 0x11 },			/* ICW1: cascade, ICW4 follows */
		{ 0x21, VECTOR_PIC }, { 0xa1, VECTOR_PIC + 8 },	/* ICW2: vectors */
		{ 0x21, 0x04 }, { 0xa1, 0x02 },			/* ICW3: slave on line 2 */
		{ 0x21, 0x01 }, { 0xa1, 0x01 },			/* ICW4: 8086 mode */
		{ 0x21, 0xff }, { 0xa1, 0xff },			/* OCW1: all masked */
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(writes); i++)
		outb(writes[i].port, writes[i].val);
}

int apic_init(void)
{
	struct cpuid features = cpuid(CPUID_FEATURES, 0);
	u64 base = acpi.madt.lapic_addr ? acpi.madt.lapic_addr : APIC_PAGE_DEFAULT;

	if (!(features.edx & CPUID_1_EDX_APIC))
		return -ENODEV;
	x2apic = features.ecx & CPUID_1_ECX_X2APIC;
	tsc_deadline = features.ecx & CPUID_1_ECX_TSC_DEADLINE;
	if (!x2apic) {
		page = mmio_map(base, PAGE_SIZE);
		if (!page)
			return -ENOMEM;
	}
	pic_disable();
	irq_set(VECTOR_TIMER, timer_fired, NULL, "timer");
	irq_set(VECTOR_KICK, nothing, NULL, "kick");
	irq_set(VECTOR_ERROR, count_error, NULL, "apic error");
	apic_cpu_init();
	this_cpu()->arch.apic_id = apic_id();
	ioapic_init();
	pr_info("apic: CPU 0: APIC id %u, %s, %u I/O APIC pins", this_cpu()->arch.apic_id,
		apic_describe(), ioapic_pins());
	return 0;
}
