/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC: registers and modes (SDM 3A chapter 11). Which interrupt is next: lapic_irq.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/guest/lapic_regs.h"
#include "arch/x86/guest/pv_eoi.h"
#include "arch/x86/guest/vpc.h"
#include "arch/x86/hvm.h"
#include "arch/x86/msr.h"
#include "kernel/guest.h"
#include "kernel/mem.h"

/*
 * Which registers there are, in which mode, and the bits that software may write. In x2APIC mode
 * every other bit is reserved and raises #GP (SDM 3A 11.12.1.2); in xAPIC mode it is ignored.
 */
enum { RD = 1, WR = 2, XAPIC_ONLY = 4, X2APIC_ONLY = 8, X2APIC_RO = 16 };

static const struct lapic_reg_desc {
	u8 access;
	u32 mask;
} reg_desc[] = {
#define REG(off, acc, m) [(off) / LAPIC_REG_STRIDE] = { .access = (acc), .mask = (m) }
	/* Read-only as in processors since Nehalem; SDM 3A 11.4.6: model specific */
	REG(LAPIC_ID, RD, 0),
	REG(LAPIC_VERSION, RD, 0),
	REG(LAPIC_TPR, RD | WR, 0xff),
	REG(LAPIC_APR, RD | XAPIC_ONLY, 0),
	REG(LAPIC_PPR, RD, 0),
	REG(LAPIC_EOI, WR, 0),
	REG(LAPIC_RRD, RD | XAPIC_ONLY, 0),
	REG(LAPIC_LDR, RD | WR | X2APIC_RO, 0xff000000),
	REG(LAPIC_DFR, RD | WR | XAPIC_ONLY, DFR_MODEL),
	REG(LAPIC_SVR, RD | WR, SVR_VECTOR | SVR_ENABLE),
	[LAPIC_ISR / LAPIC_REG_STRIDE ... LAPIC_IRR / LAPIC_REG_STRIDE + LAPIC_ARRAY_REGS - 1] = {
		.access = RD,
	},
	REG(LAPIC_ESR, RD | WR, 0),
	REG(LAPIC_ICR, RD | WR,
	    ICR_VECTOR | ICR_MODE | ICR_LOGICAL | ICR_ASSERT | ICR_LEVEL | ICR_SHORTHAND),
	REG(LAPIC_ICR2, RD | WR | XAPIC_ONLY, 0xff000000),
	REG(LAPIC_LVT_TIMER, RD | WR, LVT_VECTOR | LVT_MASKED | LVT_TIMER_MODE),
	REG(LAPIC_LVT_THERMAL, RD | WR, LVT_VECTOR | LVT_MODE | LVT_MASKED),
	REG(LAPIC_LVT_PMI, RD | WR, LVT_VECTOR | LVT_MODE | LVT_MASKED),
	REG(LAPIC_LVT_LINT0, RD | WR,
	    LVT_VECTOR | LVT_MODE | LVT_POLARITY | LVT_LEVEL | LVT_MASKED),
	REG(LAPIC_LVT_LINT1, RD | WR,
	    LVT_VECTOR | LVT_MODE | LVT_POLARITY | LVT_LEVEL | LVT_MASKED),
	REG(LAPIC_LVT_ERROR, RD | WR, LVT_VECTOR | LVT_MASKED),
	REG(LAPIC_TMICT, RD | WR, UINT32_MAX),
	REG(LAPIC_TMCCT, RD, 0),
	REG(LAPIC_TDCR, RD | WR, BIT(0) | BIT(1) | BIT(3)),
	REG(LAPIC_SELF_IPI, WR | X2APIC_ONLY, 0xff),
#undef REG
};

bool vlapic_hw_enabled(const struct vlapic *apic)
{
	return READ_ONCE(apic->base_msr) & APIC_BASE_EN;
}

bool vlapic_x2apic(const struct vlapic *apic)
{
	return READ_ONCE(apic->base_msr) & APIC_BASE_EXTD;
}

/* Is access @acc to @off possible in this APIC's mode? */
static const struct lapic_reg_desc *reg_find(const struct vlapic *apic, u32 off, u8 acc)
{
	const struct lapic_reg_desc *desc;
	bool x2 = vlapic_x2apic(apic);

	if (off % LAPIC_REG_STRIDE || off / LAPIC_REG_STRIDE >= ARRAY_SIZE(reg_desc))
		return NULL;
	desc = &reg_desc[off / LAPIC_REG_STRIDE];
	if (!(desc->access & acc) || (desc->access & (x2 ? XAPIC_ONLY : X2APIC_ONLY)))
		return NULL;
	if (x2 && (desc->access & X2APIC_RO) && acc == WR)
		return NULL;
	return desc;
}

/* ---- Register access ---- */

u32 vlapic_read(struct vlapic *apic, u32 off)
{
	if (!reg_find(apic, off, RD)) {
		vlapic_error(apic, ESR_REGISTER);
		return 0;
	}
	switch (off) {
	case LAPIC_PPR:
		return vlapic_ppr(apic);
	case LAPIC_TMCCT:
		return vlapic_timer_current(apic);
	default:
		return vlapic_reg(apic, off);
	}
}

/* SDM 3A 11.4.7.2: software disable masks every LVT entry. */
static void svr_written(struct vlapic *apic)
{
	bool enabled = vlapic_reg(apic, LAPIC_SVR) & SVR_ENABLE;

	for (u32 off = LAPIC_LVT_TIMER; !enabled && off <= LAPIC_LVT_ERROR; off += LAPIC_REG_STRIDE)
		vlapic_set(apic, off, vlapic_reg(apic, off) | LVT_MASKED);
	vlapic_wiring_update(apic);
}

static void lvt_written(struct vlapic *apic, u32 off)
{
	if (!(vlapic_reg(apic, LAPIC_SVR) & SVR_ENABLE))
		vlapic_set(apic, off, vlapic_reg(apic, off) | LVT_MASKED);
	if (off == LAPIC_LVT_TIMER)
		vlapic_timer_lvt(apic);
	else if (off == LAPIC_LVT_LINT0)
		vlapic_wiring_update(apic);
}

/* @off holds the bits of @val that it implements. */
static void reg_written(struct vlapic *apic, u32 off, u32 val)
{
	switch (off) {
	case LAPIC_TPR:
		vlapic_ppr_update(apic);
		break;
	case LAPIC_EOI:
		vlapic_eoi(apic);
		break;
	case LAPIC_DFR:
		vlapic_set(apic, off, vlapic_reg(apic, off) | ~DFR_MODEL);
		break;
	case LAPIC_SVR:
		svr_written(apic);
		break;
	case LAPIC_ESR:
		vlapic_set(apic, LAPIC_ESR, apic->esr);
		apic->esr = 0;
		break;
	case LAPIC_ICR:
		vlapic_icr(apic, (u64)vlapic_reg(apic, LAPIC_ICR2) << 32 | vlapic_reg(apic, off));
		break;
	case LAPIC_LVT_TIMER ... LAPIC_LVT_ERROR:
		lvt_written(apic, off);
		break;
	case LAPIC_TMICT:
		vlapic_timer_count(apic);
		break;
	case LAPIC_TDCR:
		vlapic_timer_divide(apic);
		break;
	case LAPIC_SELF_IPI:
		vlapic_icr(apic, ICR_SELF | (val & ICR_VECTOR));
		break;
	}
}

void vlapic_write(struct vlapic *apic, u32 off, u32 val)
{
	const struct lapic_reg_desc *desc = reg_find(apic, off, WR);

	if (!desc) {
		vlapic_error(apic, ESR_REGISTER);
		return;
	}
	vlapic_set(apic, off, val & desc->mask);
	reg_written(apic, off, val);
}

static void id_update(struct vlapic *apic)
{
	u32 id = apic->vcpu->id;

	if (vlapic_x2apic(apic)) {	/* SDM 3A 11.12.10.2: the LDR follows from the ID */
		vlapic_set(apic, LAPIC_ID, id);
		vlapic_set(apic, LAPIC_LDR, id >> 4 << 16 | BIT(id & 0xf));
	} else {
		vlapic_set(apic, LAPIC_ID, id << 24);
	}
}

void vlapic_write_done(struct vlapic *apic, u32 off)
{
	off = ALIGN_DOWN(off & (u32)(PAGE_SIZE - 1), LAPIC_REG_STRIDE);
	/* Processors let these two be written; here they cannot be. */
	if (off == LAPIC_ID)
		id_update(apic);
	else if (off == LAPIC_RRD)
		vlapic_set(apic, off, 0);
	vlapic_write(apic, off, vlapic_reg(apic, off));
}

/* ---- MSRs ---- */

static u32 msr_to_off(u32 msr)
{
	return (msr - X2APIC_MSR_FIRST) * LAPIC_REG_STRIDE;
}

static int x2apic_rdmsr(struct vlapic *apic, u32 msr, u64 *val)
{
	u32 off = msr_to_off(msr);

	if (!vlapic_x2apic(apic) || !reg_find(apic, off, RD))
		return -EINVAL;
	*val = vlapic_read(apic, off);
	if (off == LAPIC_ICR)
		*val |= (u64)vlapic_reg(apic, LAPIC_ICR2) << 32;
	return 0;
}

static int x2apic_wrmsr(struct vlapic *apic, u32 msr, u64 val)
{
	u32 off = msr_to_off(msr);
	const struct lapic_reg_desc *desc = reg_find(apic, off, WR);

	if (!vlapic_x2apic(apic) || !desc || ((u32)val & ~desc->mask))
		return -EINVAL;
	if (off == LAPIC_ICR) {
		vlapic_set(apic, LAPIC_ICR2, (u32)(val >> 32));
		vlapic_set(apic, LAPIC_ICR, (u32)val);
		vlapic_icr(apic, val);
		return 0;
	}
	if (val >> 32)
		return -EINVAL;
	vlapic_write(apic, off, (u32)val);
	return 0;
}

/* SDM 3A 11.12.5, figure 11-27: legal changes of mode. The base stays where the board maps it. */
static int base_write(struct vlapic *apic, u64 val)
{
	u64 mode = APIC_BASE_EN | APIC_BASE_EXTD;
	u64 old = apic->base_msr & mode, new = val & mode;

	if ((val & ~(mode | APIC_BASE_BSP)) != APIC_DEFAULT_BASE || new == APIC_BASE_EXTD ||
	    (old == mode && new == APIC_BASE_EN) || (!old && new == mode))
		return -EINVAL;
	if (old == new)
		return 0;
	WRITE_ONCE(apic->base_msr, (apic->base_msr & ~mode) | new);
	if (new == 0)
		vlapic_reset_init(apic->vcpu);
	else
		id_update(apic);
	vlapic_wiring_update(apic);
	return 0;
}

int vlapic_rdmsr(struct vlapic *apic, u32 msr, u64 *val)
{
	switch (msr) {
	case MSR_IA32_APIC_BASE:
		*val = apic->base_msr;
		return 0;
	case MSR_IA32_TSC_DEADLINE:
		*val = vlapic_deadline_get(apic);
		return 0;
	case X2APIC_MSR_FIRST ... MSR_IA32_X2APIC_LAST:
		return x2apic_rdmsr(apic, msr, val);
	default:
		return -EINVAL;
	}
}

int vlapic_wrmsr(struct vlapic *apic, u32 msr, u64 val)
{
	switch (msr) {
	case MSR_IA32_APIC_BASE:
		return base_write(apic, val);
	case MSR_IA32_TSC_DEADLINE:
		vlapic_deadline_set(apic, val);
		return 0;
	case X2APIC_MSR_FIRST ... MSR_IA32_X2APIC_LAST:
		return x2apic_wrmsr(apic, msr, val);
	default:
		return -EINVAL;
	}
}

/* ---- Life ---- */

/* SDM 3A 11.4.7.1, 11.4.7.3 */
void vlapic_reset_init(struct vcpu *vcpu)
{
	struct vlapic *apic = vcpu->arch.lapic;

	vlapic_timer_stop(apic);
	pv_eoi_reset(apic);
	vlapic_irq_reset(apic);
	memset(apic->regs, 0, PAGE_SIZE);
	vlapic_refresh(apic);
	apic->due = -1;
	apic->esr = 0;
	vlapic_set(apic, LAPIC_VERSION, LAPIC_VERSION_VALUE);
	vlapic_set(apic, LAPIC_SVR, SVR_VECTOR);
	vlapic_set(apic, LAPIC_DFR, UINT32_MAX);
	for (u32 off = LAPIC_LVT_TIMER; off <= LAPIC_LVT_ERROR; off += LAPIC_REG_STRIDE)
		vlapic_set(apic, off, LVT_MASKED);
	id_update(apic);
	vlapic_wiring_update(apic);
}

void vlapic_reset(struct vcpu *vcpu)
{
	struct vlapic *apic = vcpu->arch.lapic;

	apic->base_msr = APIC_DEFAULT_BASE | APIC_BASE_EN | (vcpu->id == 0 ? APIC_BASE_BSP : 0);
	vlapic_reset_init(vcpu);
	apic->init_pending = apic->sipi_pending = apic->nmi_pending = 0;
	/* MultiProcessor Specification 1.4, 3.6.2.2: virtual wire mode via the local APIC */
	if (vcpu->id == 0)
		vlapic_set(apic, LAPIC_LVT_LINT0, DELIVER_EXTINT << 8);
	vlapic_wiring_update(apic);
}

int vlapic_init(struct vcpu *vcpu)
{
	struct vlapic *apic = calloc(1, sizeof(*apic));

	if (!apic)
		return -ENOMEM;
	apic->regs_phys = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_EPT);
	if (!apic->regs_phys) {
		free(apic);
		return -ENOMEM;
	}
	apic->regs = phys_to_virt(apic->regs_phys);
	apic->vcpu = vcpu;
	apic->irr_max = apic->isr_max = apic->claimed = -1;
	vlapic_timer_init(apic);
	vcpu->arch.lapic = apic;
	return 0;
}

void vlapic_unload(struct vcpu *vcpu)
{
	vlapic_timer_stop(vcpu->arch.lapic);
}

void vlapic_free(struct vcpu *vcpu)
{
	struct vlapic *apic = vcpu->arch.lapic;

	if (!apic)
		return;
	vlapic_timer_stop(apic);
	mem_free(apic->regs_phys, PAGE_SIZE, MEM_EPT);
	free(apic);
	vcpu->arch.lapic = NULL;
}
