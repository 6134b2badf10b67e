/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The physical CPU's local APIC (SDM 3A chapter 11): identification, interprocessor interrupts
 * and the timer. x2APIC mode where the processor has it, else xAPIC. The calling CPU's own.
 */
#ifndef ARCH_X86_APIC_H
#define ARCH_X86_APIC_H

#include "asm/cpu.h"
#include "kernel/types.h"

/*
 * Host vectors. Exceptions are below 32; 0x20..0x2f are where the (masked) 8259s deliver their
 * spurious interrupts; irq_vector_alloc() gives from 0x30 upwards.
 */
enum vector {
	VECTOR_PIC = 0x20,
	VECTOR_FIRST = 0x30,
	VECTOR_LAST = 0xef,
	VECTOR_TIMER = 0xf0,		/* LVT timer: idle or guest mode ends, the loop looks */
	VECTOR_KICK = 0xf1,		/* arch_cpu_kick() */
	VECTOR_ERROR = 0xfe,		/* LVT error */
	VECTOR_SPURIOUS = 0xff,
	VECTORS = 256,
};

/* Switch on the calling CPU's APIC in the mode that apic_init() chose. */
void apic_cpu_init(void);

/* The timer's frequency where it is not TSC-deadline; BSP, after tsc_init(). */
void apic_timer_calibrate(void);

/* This CPU has served the interrupt that it took last (SDM 3A 11.8.5). */
void apic_eoi(void);

/* Startup of another CPU: SDM 3A 9.4.4. Each waits (bounded) until the ICR is idle; -ETIMEDOUT. */
int apic_send_init(u32 apic_id);
int apic_send_startup(u32 apic_id, unsigned int page);
/* All CPUs but this one, for panic(): does not return to what they did. */
void apic_send_nmi_others(void);

/*
 * Have VECTOR_TIMER raised on this CPU at @deadline_ns (time_ns() units) or a little later; at
 * once if it is past, never for TIME_NEVER. One deadline: a new one replaces it. Meant for
 * arch_cpu_idle() and for backends whose run() cannot end at a deadline by itself.
 */
void apic_timer_set(u64 deadline_ns);

static inline void apic_timer_arm(u64 deadline_ns)
{
	if (arch_this_cpu()->timer_ns != deadline_ns)
		apic_timer_set(deadline_ns);
}

#endif
