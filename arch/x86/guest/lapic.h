/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU's local APIC (xAPIC, x2APIC, TSC-deadline). Its 4 KiB register page is laid out as
 * hardware's (SDM 3A table 11-1), so that it serves as virtual-APIC page too.
 *
 * IRR, ISR and everything else belong to the vCPU's CPU, which sets a bit of IRR for an interrupt
 * that comes from there. One from elsewhere sets its bit in pir[] and kicks; the vCPU's own CPU
 * moves pir[] to IRR before entry.
 */
#ifndef ARCH_X86_GUEST_LAPIC_H
#define ARCH_X86_GUEST_LAPIC_H

#include "arch/x86/hvm.h"
#include "kernel/time.h"
#include "kernel/types.h"

struct vcpu;
struct guest;

#define APIC_DEFAULT_BASE 0xfee00000ull

/* KVM's paravirtual EOI: pv_eoi.h */
struct pv_eoi {
	u64 msr;
	u32 *word;		/* in guest RAM; NULL: switched off */
	bool offered;		/* the word's bit was set for this entry */
	u64 eois;		/* done by the word */
};

struct vlapic {
	u32 *regs;		/* one page: register at byte offset o is regs[o / 4] */
	u64 regs_phys;
	u64 base_msr;		/* IA32_APIC_BASE */
	/*
	 * What the arrays say, so that nobody has to look into them before each entry. Where the
	 * processor itself moves bits (VID) it is found out anew by each vlapic_highest_...().
	 */
	u8 irr_words, isr_words; /* registers of IRR and ISR that are not 0, by number */
	s16 irr_max, isr_max;	/* highest vector, or -1 */
	bool enabled;		/* by IA32_APIC_BASE and by SVR: takes fixed interrupts; any CPU */
	bool extint;		/* LINT0 lets the 8259 pair's interrupts through to this vCPU */
	s16 due;		/* own interrupt that vlapic_pending() has named, or -1 */
	s16 claimed;		/* vlapic_claim(), or -1 */
	u64 pir[4];		/* posted: set atomically by any CPU */
	u32 posted;		/* words of pir[] that may not be 0, by number; VLAPIC_LOOK */
#define VLAPIC_LOOK BIT(4)	/* a processor has set bits of IRR by itself */
	u64 tmr[4];		/* level-triggered vectors posted (from the I/O APIC) */
	struct vcpu *vcpu;
	struct timer timer;
	u64 timer_start;	/* one-shot/periodic: host TSC when CCR was loaded */
	u32 timer_mode;		/* as in the LVT entry */
	u8 timer_shift;		/* divisor as a power of two */
	u64 tsc_deadline;	/* IA32_TSC_DEADLINE, guest TSC; 0: disarmed */
	u32 esr;		/* errors since the last write to ESR */
	/*
	 * Set by any CPU, which then kicks; taken (atomic exchange) by the vCPU's own CPU before
	 * entry, in this order: INIT resets the vCPU to VCPU_WAIT_SIPI; a SIPI then starts it
	 * at CS = sipi_vector << 8, IP = 0; an NMI is injected when NMIs are not blocked. An INIT
	 * is pending until the vCPU waits, so that a SIPI right behind it is not taken for one
	 * too many.
	 */
	u32 init_pending, sipi_pending, nmi_pending;
#define VLAPIC_INIT_TAKEN 2		/* init_pending: the vCPU is about to wait */
	u8 sipi_vector;
	struct pv_eoi pv_eoi;
	u64 dropped;		/* messages with a vector below 16, posted or self-sent */
};

/*
 * The timer's input clock is the guest's TSC divided by this; CPUID.15H tells it to the guest as
 * the crystal clock (ECX = TSC frequency / VLAPIC_TSC_RATIO, EBX/EAX = VLAPIC_TSC_RATIO / 1),
 * from which Linux takes the APIC timer's frequency instead of measuring it.
 */
#define VLAPIC_TSC_RATIO 2

int vlapic_init(struct vcpu *vcpu);	/* allocates; -ENOMEM */
void vlapic_free(struct vcpu *vcpu);	/* its timer is not armed */
/* On the vCPU's CPU, before a reset or the end elsewhere: the timer is disarmed. */
void vlapic_unload(struct vcpu *vcpu);
/* Power-on; the boot vCPU's LINT0 as firmware leaves it: ExtINT. */
void vlapic_reset(struct vcpu *vcpu);
/* INIT: the same, but IA32_APIC_BASE is kept. */
void vlapic_reset_init(struct vcpu *vcpu);

/*
 * Any CPU: make @vector pending (edge or @level) and kick the vCPU. Vectors below 16 are dropped
 * and counted.
 */
void vlapic_post(struct vcpu *vcpu, u8 vector, bool level);

/*
 * Any CPU: a processor has set bits of IRR by itself, of a vCPU that was not in guest mode: that
 * one is kicked, and looks at them.
 */
void vlapic_look(struct vcpu *vcpu);

/* The vCPU's CPU, before entry: pir[] to IRR. */
void vlapic_sync_posted(struct vlapic *apic);
static inline void vlapic_sync(struct vlapic *apic)
{
	if (unlikely(READ_ONCE(apic->posted)))
		vlapic_sync_posted(apic);
}

/* Highest IRR bit whatever the priority, or -1: RVI for virtual-interrupt delivery. */
void vlapic_refresh(struct vlapic *apic);
static inline int vlapic_highest_irr(struct vlapic *apic)
{
	if (hvm_caps & HVM_CAP_VID)
		vlapic_refresh(apic);
	return apic->irr_max;
}

static inline int vlapic_highest_isr(struct vlapic *apic)
{
	if (hvm_caps & HVM_CAP_VID)
		vlapic_refresh(apic);
	return apic->isr_max;
}

/*
 * The 8259 pair's interrupt if LINT0 lets it through, or -1. With virtual-interrupt delivery the
 * APIC's own interrupts go by RVI, but this one is injected as an event and then accepted.
 */
int vlapic_extint_vector(struct vlapic *apic);
static inline int vlapic_extint(struct vlapic *apic)
{
	return apic->extint ? vlapic_extint_vector(apic) : -1;
}

/*
 * Highest pending vector above PPR, else the 8259 pair's, or -1 (software disabled APIC: only the
 * latter). After vlapic_sync().
 */
int vlapic_pending_own(const struct vlapic *apic, int irr);
static inline int vlapic_pending(struct vlapic *apic)
{
	int irr = vlapic_highest_irr(apic);

	apic->due = irr < 0 ? -1 : (s16)vlapic_pending_own(apic, irr);
	return apic->due >= 0 ? apic->due : vlapic_extint(apic);
}

/* Is there so surely nothing that vlapic_pending() need not be asked? */
static inline bool vlapic_is_quiet(const struct vlapic *apic)
{
	return !READ_ONCE(apic->posted) && apic->irr_max < 0 && !apic->extint &&
	       !(hvm_caps & HVM_CAP_VID);
}

/*
 * @vector, as vlapic_pending() or vlapic_extint() gave it, was injected: IRR -> ISR and PPR
 * updated, or the 8259's INTA cycle. With VID for the latter only: it does the former itself.
 */
void vlapic_accept(struct vlapic *apic, u8 vector);
/*
 * HVM_CAP_POST: own @vector that is about to be injected or shown leaves IRR, so that it is not
 * taken for the one that a processor sets there meanwhile. What follows is vlapic_accept(), or else
 * vlapic_unclaim(), after which it is back.
 */
void vlapic_claim(struct vlapic *apic, u8 vector);
void vlapic_unclaim(struct vlapic *apic);
/* @vector, which the processor has accepted by itself, did not reach the guest: requested again. */
void vlapic_unaccept(struct vlapic *apic, u8 vector);
/*
 * After an exit: what vlapic_pending() gave and the guest has taken, or -1, and whether it has done
 * an EOI by pv_eoi_take(). That is the EOI of what it has taken, if that was the APIC's own.
 */
void vlapic_ran(struct vlapic *apic, int taken, bool ended);
/* Priority class the guest must fall below before the highest pending one may be taken
 * (TPR_THRESHOLD), 0 if none. */
unsigned int vlapic_tpr_threshold(struct vlapic *apic);

/* Register access at @off (xAPIC page offset or (MSR - 0x800) << 4). */
u32 vlapic_read(struct vlapic *apic, u32 off);
void vlapic_write(struct vlapic *apic, u32 off, u32 val);
/* x2APIC MSRs 0x800..0x8ff, IA32_APIC_BASE, IA32_TSC_DEADLINE: 0, or -EINVAL: inject #GP(0). */
int vlapic_rdmsr(struct vlapic *apic, u32 msr, u64 *val);
int vlapic_wrmsr(struct vlapic *apic, u32 msr, u64 val);
/*
 * Is @gpa where a store of any value is an EOI (xAPIC mode)? Where the APIC is not virtualized each
 * interrupt ends with one, which the backend does by vlapic_eoi() without a look at the value.
 */
bool vlapic_eoi_at(const struct vlapic *apic, u64 gpa);
void vlapic_eoi(struct vlapic *apic);
/* APIC-write exit: the page holds the new value already; do its side effects. */
void vlapic_write_done(struct vlapic *apic, u32 off);
/* EOI of @vector was virtualised and it is level-triggered: tell the I/O APIC. */
void vlapic_eoi_done(struct vlapic *apic, u8 vector);
/* CR8 is TPR's upper half; vlapic_get_cr8() is in lapic_regs.h. */
void vlapic_set_cr8(struct vlapic *apic, u64 cr8);

/* A message (MSI address/data; SDM 3A §11.11) to the APICs it names. Any CPU. Outside the
 * 0xfee00000 range or vector below 16: dropped, counted, logged rate-limited. */
void vlapic_msi(struct guest *guest, u64 addr, u32 data);

/* `info lapic` */
struct monitor_info;
extern const struct monitor_info lapic_info;

#endif
