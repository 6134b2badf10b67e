/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's registers, and what its files (lapic.c: registers and modes, lapic_irq.c: which
 * interrupt is next, lapic_timer.c, lapic_msg.c: interrupt messages) share. SDM 3A chapter 11.
 */
#ifndef ARCH_X86_GUEST_LAPIC_REGS_H
#define ARCH_X86_GUEST_LAPIC_REGS_H

#include "arch/x86/guest/lapic.h"

/* SDM 3A table 11-1: byte offset in the page; x2APIC (table 11-6): MSR 0x800 + offset / 16 */
enum lapic_reg {
	LAPIC_ID = 0x020,
	LAPIC_VERSION = 0x030,
	LAPIC_TPR = 0x080,	/* task priority */
	LAPIC_APR = 0x090,	/* arbitration priority */
	LAPIC_PPR = 0x0a0,	/* processor priority */
	LAPIC_EOI = 0x0b0,
	LAPIC_RRD = 0x0c0,	/* remote read */
	LAPIC_LDR = 0x0d0,	/* logical destination */
	LAPIC_DFR = 0x0e0,	/* destination format */
	LAPIC_SVR = 0x0f0,	/* spurious-interrupt vector */
	LAPIC_ISR = 0x100,	/* in service, 8 registers */
	LAPIC_TMR = 0x180,	/* trigger mode, 8 registers */
	LAPIC_IRR = 0x200,	/* requested, 8 registers */
	LAPIC_ESR = 0x280,	/* error status */
	LAPIC_LVT_CMCI = 0x2f0,
	LAPIC_ICR = 0x300,	/* interrupt command, bits 31:0 */
	LAPIC_ICR2 = 0x310,	/* bits 63:32, in x2APIC mode as well */
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_THERMAL = 0x330,
	LAPIC_LVT_PMI = 0x340,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_LVT_ERROR = 0x370,
	LAPIC_TMICT = 0x380,	/* timer initial count */
	LAPIC_TMCCT = 0x390,	/* timer current count */
	LAPIC_TDCR = 0x3e0,	/* timer divide configuration */
	LAPIC_SELF_IPI = 0x3f0,	/* x2APIC only */
};

#define X2APIC_MSR_FIRST	0x800	/* ... MSR_IA32_X2APIC_LAST: SDM 3A 11.12.1.2 */

/* Registers of a 256-bit array are 16 bytes apart and hold 32 bits each. */
#define LAPIC_ARRAY_REGS	8
#define LAPIC_REG_STRIDE	16

/* SDM 3A figure 11-7: an integrated APIC, LVT entries 0..5 */
#define LAPIC_VERSION_VALUE	0x00050014u

#define DFR_MODEL	0xf0000000u	/* SDM 3A figure 11-14; the rest reads as ones */

/* SDM 3A figure 11-8 */
enum lapic_lvt {
	LVT_VECTOR = 0xff,
	LVT_MODE = 7 << 8,		/* enum lapic_delivery */
	LVT_POLARITY = BIT(13),
	LVT_LEVEL = BIT(15),
	LVT_MASKED = BIT(16),
	LVT_TIMER_MODE = 3 << 17,
	LVT_TIMER_ONE_SHOT = 0 << 17,
	LVT_TIMER_PERIODIC = 1 << 17,
	LVT_TIMER_DEADLINE = 2 << 17,
};

/* SDM 3A figure 11-23 */
enum lapic_svr {
	SVR_VECTOR = 0xff,
	SVR_ENABLE = BIT(8),
};

/* SDM 3A figure 11-9 */
enum lapic_esr {
	ESR_SEND_ILLEGAL = BIT(5),	/* vector below 16 sent */
	ESR_RECV_ILLEGAL = BIT(6),	/* vector below 16 received, or in an LVT entry */
	ESR_REGISTER = BIT(7),		/* illegal register address */
};

/* SDM 3A figures 11-12 (xAPIC) and 11-28 (x2APIC) */
enum lapic_icr {
	ICR_VECTOR = 0xff,
	ICR_MODE = 7 << 8,		/* enum lapic_delivery */
	ICR_LOGICAL = BIT(11),
	ICR_PENDING = BIT(12),		/* delivery status; xAPIC */
	ICR_ASSERT = BIT(14),
	ICR_LEVEL = BIT(15),
	ICR_SHORTHAND = 3 << 18,
	ICR_SELF = 1 << 18,
	ICR_ALL = 2 << 18,
	ICR_OTHERS = 3 << 18,
};

/* SDM 3A 11.6.1, 11.11.2 */
enum lapic_delivery {
	DELIVER_FIXED = 0,
	DELIVER_LOWEST = 1,
	DELIVER_SMI = 2,
	DELIVER_NMI = 4,
	DELIVER_INIT = 5,
	DELIVER_STARTUP = 6,
	DELIVER_EXTINT = 7,
};

#define LAPIC_VECTOR_MIN	16	/* SDM 3A 11.5.2: vectors below are illegal */

/* An interrupt message, from an ICR, the I/O APIC or an MSI. */
struct lapic_msg {
	u32 dest;		/* APIC ID or logical destination; LAPIC_BROADCAST: all */
	bool logical;
	enum lapic_delivery mode;
	u8 vector;
	bool level;
};
#define LAPIC_BROADCAST		0xffffffffu
#define XAPIC_BROADCAST		0xffu

/* Any CPU. How many APICs took it. */
unsigned int vlapic_send(struct guest *guest, const struct lapic_msg *msg);
/* The ICR was written (@icr: bits 63:32 destination as this APIC's mode has it). */
void vlapic_icr(struct vlapic *apic, u64 icr);

/* Globally enabled (IA32_APIC_BASE); also by software (SVR): takes fixed interrupts. */
bool vlapic_hw_enabled(const struct vlapic *apic);
static inline bool vlapic_sw_enabled(const struct vlapic *apic) { return READ_ONCE(apic->enabled); }
bool vlapic_x2apic(const struct vlapic *apic);
/* LINT0, SVR or the APIC's mode has changed: what is kept of them. */
void vlapic_wiring_update(struct vlapic *apic);
/* Nothing posted, all vectors edge-triggered. */
void vlapic_irq_reset(struct vlapic *apic);
/* Record errors (enum lapic_esr) and raise the error interrupt. */
void vlapic_error(struct vlapic *apic, u32 esr);

static inline u32 vlapic_reg(const struct vlapic *apic, u32 off)
{
	return READ_ONCE(apic->regs[off / 4]);
}

static inline u64 vlapic_get_cr8(const struct vlapic *apic)
{
	return vlapic_reg(apic, LAPIC_TPR) >> 4;
}

static inline void vlapic_set(struct vlapic *apic, u32 off, u32 val)
{
	WRITE_ONCE(apic->regs[off / 4], val);
}

/* What follows from TPR and from what is in service. */
u32 vlapic_ppr(const struct vlapic *apic);
/* TPR or what is in service has changed, and guests may read PPR without an exit. */
static inline void vlapic_ppr_update(struct vlapic *apic)
{
	if (hvm_caps & HVM_CAP_APIC_REGS)
		vlapic_set(apic, LAPIC_PPR, vlapic_ppr(apic));
}

/* The register of IRR, ISR or TMR (@array) that has @vector's bit, in the page of an APIC. */
static inline u32 *lapic_array_reg(u32 *regs, u32 array, u8 vector)
{
	return &regs[array / 4 + vector / 32 * (LAPIC_REG_STRIDE / 4)];
}

static inline bool vlapic_array_test(const struct vlapic *apic, u32 array, u8 vector)
{
	return READ_ONCE(*lapic_array_reg(apic->regs, array, vector)) >> vector % 32 & 1;
}

/* lapic_timer.c, on the vCPU's CPU */
void vlapic_timer_init(struct vlapic *apic);
void vlapic_timer_stop(struct vlapic *apic);	/* disarmed, whatever the mode */
void vlapic_timer_count(struct vlapic *apic);	/* the initial count was written */
void vlapic_timer_lvt(struct vlapic *apic);	/* the LVT entry was written */
void vlapic_timer_divide(struct vlapic *apic);	/* the divide configuration was written */
u32 vlapic_timer_current(const struct vlapic *apic);
void vlapic_deadline_set(struct vlapic *apic, u64 guest_tsc);
u64 vlapic_deadline_get(const struct vlapic *apic);

#endif
