/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VMCB's guest state as struct hvm_state, both ways (APM volume 2, 15.5.1). Between two entries
 * RAX, RSP and CR2 live in struct arch_vcpu.
 */
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/vcpu.h"
#include "arch/x86/msr.h"
#include "arch/x86/svm/svm.h"
#include "kernel/guest.h"

#define HVM_ATTR_SHIFT	12	/* AVL, L, DB in struct hvm_segment; 8 in the VMCB */
#define VMCB_ATTR_SHIFT	8
#define DPL_MASK	3

static struct vmcb_segment *segment(struct vmcb_save *s, enum hvm_seg seg)
{
	static const u16 offset[HVM_SEGS] = {
		[HVM_ES] = offsetof(struct vmcb_save, es),
		[HVM_CS] = offsetof(struct vmcb_save, cs),
		[HVM_SS] = offsetof(struct vmcb_save, ss),
		[HVM_DS] = offsetof(struct vmcb_save, ds),
		[HVM_FS] = offsetof(struct vmcb_save, fs),
		[HVM_GS] = offsetof(struct vmcb_save, gs),
		[HVM_LDTR] = offsetof(struct vmcb_save, ldtr),
		[HVM_TR] = offsetof(struct vmcb_save, tr),
	};

	return (struct vmcb_segment *)((char *)s + offset[seg]);
}

/* Unusable is what has P clear here. */
static void get_segment(const struct vmcb_segment *from, struct hvm_segment *to)
{
	to->selector = from->selector;
	to->base = from->base;
	to->limit = from->limit;
	to->granular = from->attrib & ATTRIB_G;
	to->attr = (from->attrib & ATTRIB_LOW) |
		   (from->attrib & (ATTRIB_AVL | ATTRIB_L | ATTRIB_DB)) <<
		   (HVM_ATTR_SHIFT - VMCB_ATTR_SHIFT);
	if (!(from->attrib & ATTRIB_P))
		to->attr |= HVM_SEG_UNUSABLE;
}

static void set_segment(struct vmcb_segment *to, const struct hvm_segment *from)
{
	to->selector = from->selector;
	to->base = from->base;
	to->limit = from->limit;
	to->attrib = 0;
	if (from->attr & HVM_SEG_UNUSABLE)
		return;
	to->attrib = (from->attr & ATTRIB_LOW) |
		     (from->attr >> (HVM_ATTR_SHIFT - VMCB_ATTR_SHIFT) &
		      (ATTRIB_AVL | ATTRIB_L | ATTRIB_DB));
	if (from->granular || from->limit >> 20)
		to->attrib |= ATTRIB_G;
}

/* The current privilege level is a field of its own, and SS may be a null selector's. */
static void get_cpl(const struct vmcb_save *s, struct hvm_segment *ss)
{
	ss->attr = (ss->attr & ~(DPL_MASK << HVM_SEG_DPL_SHIFT)) | s->cpl << HVM_SEG_DPL_SHIFT;
}

void svm_get_state(struct vcpu *vcpu, struct hvm_state *st)
{
	struct svm_vcpu *v = vcpu->arch.hvm;
	struct vmcb_save *s = &v->vmcb->save;

	st->rip = s->rip;
	st->rsp = vcpu->arch.gpr[HVM_RSP];
	st->rflags = s->rflags;
	st->cr0 = s->cr0;
	st->cr2 = vcpu->arch.cr2;
	st->cr3 = s->cr3;
	st->cr4 = v->cr4;
	st->efer = s->efer & ~(u64)EFER_SVME;
	for (enum hvm_seg seg = 0; seg < HVM_SEGS; seg++)
		get_segment(segment(s, seg), &st->seg[seg]);
	get_cpl(s, &st->seg[HVM_SS]);
	st->gdtr_base = s->gdtr.base;
	st->gdtr_limit = s->gdtr.limit;
	st->idtr_base = s->idtr.base;
	st->idtr_limit = s->idtr.limit;
	st->dr7 = s->dr7;
}

static void set_control_registers(struct svm_vcpu *v, const struct hvm_state *st)
{
	struct vmcb_save *s = &v->vmcb->save;
	/* A machine check with MCE clear would shut the processor down. */
	u64 cr4 = st->cr4 | CR4_MCE;
	u64 efer = st->efer | EFER_SVME;

	/* What the guest's own instruction would have flushed. */
	if (s->cr0 != st->cr0 || s->cr3 != st->cr3 || s->cr4 != cr4 || s->efer != efer) {
		svm_flush(v);
		svm_memo_forget(v->memos);
	}
	s->cr0 = st->cr0;
	s->cr3 = st->cr3;
	s->cr4 = cr4;
	s->efer = efer;
	v->cr4 = st->cr4;
}

void svm_set_state(struct vcpu *vcpu, const struct hvm_state *st)
{
	struct svm_vcpu *v = vcpu->arch.hvm;
	struct vmcb_save *s = &v->vmcb->save;

	s->rip = st->rip;
	vcpu->arch.gpr[HVM_RSP] = st->rsp;
	s->rflags = st->rflags;
	vcpu_set_cr2(vcpu, st->cr2);
	set_control_registers(v, st);
	for (enum hvm_seg seg = 0; seg < HVM_SEGS; seg++)
		set_segment(segment(s, seg), &st->seg[seg]);
	s->cpl = st->seg[HVM_SS].attr >> HVM_SEG_DPL_SHIFT & DPL_MASK;
	s->gdtr.base = st->gdtr_base;
	s->gdtr.limit = st->gdtr_limit;
	s->idtr.base = st->idtr_base;
	s->idtr.limit = st->idtr_limit;
	s->dr7 = st->dr7;
	svm_dirty(v, CLEAN_CRX | CLEAN_DRX | CLEAN_DT | CLEAN_SEG);
}

/* State that only a reset touches. */
static void reset_rest(struct svm_vcpu *v)
{
	struct vmcb_control *c = &v->vmcb->control;

	c->int_state = 0;
	c->eventinj = 0;
	c->exitintinfo = 0;
	c->int_ctl = INT_CTL_V_INTR_MASKING;
	c->intercept_3 &= ~(u32)(INTERCEPT_VINTR | INTERCEPT_IRET);
	v->vmcb->save.dr6 = DR6_INIT;
	v->virq = -1;
	v->nmi_blocked = v->iret_seen = false;
	svm_flush(v);
	v->quiet_int_ctl = SVM_NOT_QUIET;
	svm_memo_forget(v->memos);
	v->clean = 0;
}

void svm_vcpu_reset(struct vcpu *vcpu)
{
	struct svm_vcpu *v = vcpu->arch.hvm;
	struct hvm_state st;

	vcpu_reset_state(vcpu, &st);
	memset(&v->vmcb->save, 0, sizeof(v->vmcb->save));
	svm_set_state(vcpu, &st);
	reset_rest(v);
}

u64 svm_rip(struct vcpu *vcpu)
{
	const struct svm_vcpu *v = vcpu->arch.hvm;

	return v->vmcb->save.rip;
}

void svm_skip(struct vcpu *vcpu, unsigned int len)
{
	struct svm_vcpu *v = vcpu->arch.hvm;
	struct vmcb *vmcb = v->vmcb;
	struct vmcb_save *s = &vmcb->save;
	u64 rip = s->rip + len;

	s->rip = svm_64bit(s) ? rip : (u32)rip;
	vmcb->control.int_state &= ~INT_STATE_SHADOW;
	/* The single-step trap that the instruction would have ended with. */
	if (s->rflags & RFLAGS_TF) {
		s->dr6 |= DR6_BS;
		svm_dirty(v, CLEAN_DRX);
		hvm_inject_exception(vcpu, EXC_DB, false, 0);
	}
}
