/* SPDX-License-Identifier: BSD-2-Clause */
/* A VMCS's guest state as struct hvm_state, both ways (SDM 3C 25.4). */
#include "arch/x86/cpu.h"
#include "arch/x86/guest/cr.h"
#include "arch/x86/guest/vcpu.h"
#include "arch/x86/msr.h"
#include "arch/x86/vmx/insn.h"
#include "arch/x86/vmx/vmx.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"

static u64 seg_field(enum vmcs_field es, enum hvm_seg seg)
{
	return vmcs_read(es + seg * VMCS_SEG_STRIDE);
}

static void get_segment(enum hvm_seg seg, struct hvm_segment *s)
{
	u32 ar = seg_field(VMCS_GUEST_ES_ACCESS_RIGHTS, seg);

	s->selector = seg_field(VMCS_GUEST_ES_SELECTOR, seg);
	s->base = seg_field(VMCS_GUEST_ES_BASE, seg);
	s->limit = seg_field(VMCS_GUEST_ES_LIMIT, seg);
	s->granular = ar & AR_G;
	s->attr = (ar & ~AR_G & 0xffff) | (ar & AR_UNUSABLE ? HVM_SEG_UNUSABLE : 0);
}

/*
 * G must agree with the limit (27.3.1.2): set if a bit of 31:20 is, clear if one of 11:0 is not.
 * Limits that allow both keep what the guest had loaded.
 */
static u32 access_rights(const struct hvm_segment *s)
{
	u32 ar = s->attr & ~HVM_SEG_UNUSABLE;

	if (s->attr & HVM_SEG_UNUSABLE)
		return AR_UNUSABLE;
	if (s->limit >> 20 || (s->granular && (s->limit & 0xfff) == 0xfff))
		ar |= AR_G;
	return ar;
}

static void set_segment(enum hvm_seg seg, const struct hvm_segment *s)
{
	unsigned int off = seg * VMCS_SEG_STRIDE;

	vmcs_write(VMCS_GUEST_ES_SELECTOR + off, s->selector);
	vmcs_write(VMCS_GUEST_ES_BASE + off, s->base);
	vmcs_write(VMCS_GUEST_ES_LIMIT + off, s->limit);
	vmcs_write(VMCS_GUEST_ES_ACCESS_RIGHTS + off, access_rights(s));
}

/* A control register as the guest reads it: masked bits from the shadow. */
static u64 guest_view(enum vmcs_field reg, enum vmcs_field mask, enum vmcs_field shadow)
{
	u64 m = vmcs_read(mask);

	return (vmcs_read(reg) & ~m) | (vmcs_read(shadow) & m);
}

static u64 get_cr0(void)
{
	return guest_view(VMCS_GUEST_CR0, VMCS_CR0_MASK, VMCS_CR0_SHADOW);
}

static u64 get_cr4(void)
{
	return guest_view(VMCS_GUEST_CR4, VMCS_CR4_MASK, VMCS_CR4_SHADOW);
}

void vmx_get_state(struct vcpu *vcpu, struct hvm_state *st)
{
	vmx_load(vcpu->arch.hvm);
	st->rip = vmcs_read(VMCS_GUEST_RIP);
	st->rsp = vmcs_read(VMCS_GUEST_RSP);
	st->rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	st->cr0 = get_cr0();
	st->cr2 = vcpu_get_cr2(vcpu);
	st->cr3 = vmcs_read(VMCS_GUEST_CR3);
	st->cr4 = get_cr4();
	st->efer = vmcs_read(VMCS_GUEST_EFER);
	for (enum hvm_seg seg = 0; seg < HVM_SEGS; seg++)
		get_segment(seg, &st->seg[seg]);
	st->gdtr_base = vmcs_read(VMCS_GUEST_GDTR_BASE);
	st->gdtr_limit = vmcs_read(VMCS_GUEST_GDTR_LIMIT);
	st->idtr_base = vmcs_read(VMCS_GUEST_IDTR_BASE);
	st->idtr_limit = vmcs_read(VMCS_GUEST_IDTR_LIMIT);
	st->dr7 = vmcs_read(VMCS_GUEST_DR7);
	vmx_unload_foreign(vcpu->arch.hvm);
}

static bool pae_paging(const struct hvm_state *st)
{
	return st->cr0 & CR0_PG && st->cr4 & CR4_PAE && !(st->efer & EFER_LMA);
}

/*
 * With EPT the processor takes PAE's four top entries from the VMCS at entry (27.3.2.4) and not
 * from memory. The policy has checked them; one that the guest changed since reads as absent.
 */
static void load_pdptes(struct vcpu *vcpu, const struct hvm_state *st)
{
	u64 pdpte[4] = { 0 };

	if (guest_mem_read(&vcpu->guest->mem, st->cr3 & CR3_PAE_BASE, pdpte, sizeof(pdpte)))
		return;
	for (unsigned int i = 0; i < ARRAY_SIZE(pdpte); i++)
		vmcs_write(VMCS_GUEST_PDPTE0 + 2 * i, guest_pdpte_valid(pdpte[i]) ? pdpte[i] : 0);
}

static void set_control_registers(struct vcpu *vcpu, const struct hvm_state *st)
{
	bool paging_changed = (st->cr0 ^ get_cr0()) & CR0_PG || (st->cr4 ^ get_cr4()) & CR4_PAE ||
			      st->cr3 != vmcs_read(VMCS_GUEST_CR3) ||
			      st->efer != vmcs_read(VMCS_GUEST_EFER);
	u32 entry = vmcs_read(VMCS_ENTRY_CONTROLS) & ~ENTRY_IA32E_MODE_GUEST;
	u64 fixed0 = vmx_caps.cr0_fixed0 & ~(u64)(CR0_PE | CR0_PG);	/* unrestricted guest */

	/* Caches are the host's business: CD and NW live in the shadow only. */
	vmcs_write(VMCS_GUEST_CR0, (st->cr0 & ~(u64)(CR0_CD | CR0_NW)) | fixed0);
	vmcs_write(VMCS_CR0_SHADOW, st->cr0);
	vmcs_write(VMCS_GUEST_CR3, st->cr3);
	/* A machine check with MCE clear would shut the whole processor down. */
	vmcs_write(VMCS_GUEST_CR4, st->cr4 | vmx_caps.cr4_fixed0 | (read_cr4() & CR4_MCE));
	vmcs_write(VMCS_CR4_SHADOW, st->cr4);
	vmcs_write(VMCS_GUEST_EFER, st->efer);
	vmcs_write(VMCS_ENTRY_CONTROLS,
		   st->efer & EFER_LMA ? entry | ENTRY_IA32E_MODE_GUEST : entry);
	if (paging_changed && pae_paging(st))
		load_pdptes(vcpu, st);
	if (paging_changed && vmx_caps.proc2 & PROC2_VPID)
		if (invvpid(INVVPID_SINGLE, vmcs_read(VMCS_VPID), 0))
			vmx_insn_failed("INVVPID", vmcs_read(VMCS_VPID));
}

static void write_state(struct vcpu *vcpu, const struct hvm_state *st)
{
	vmcs_write(VMCS_GUEST_RIP, st->rip);
	vmcs_write(VMCS_GUEST_RSP, st->rsp);
	vmcs_write(VMCS_GUEST_RFLAGS, st->rflags);
	set_control_registers(vcpu, st);
	vcpu_set_cr2(vcpu, st->cr2);
	for (enum hvm_seg seg = 0; seg < HVM_SEGS; seg++)
		set_segment(seg, &st->seg[seg]);
	vmcs_write(VMCS_GUEST_GDTR_BASE, st->gdtr_base);
	vmcs_write(VMCS_GUEST_GDTR_LIMIT, st->gdtr_limit);
	vmcs_write(VMCS_GUEST_IDTR_BASE, st->idtr_base);
	vmcs_write(VMCS_GUEST_IDTR_LIMIT, st->idtr_limit);
	vmcs_write(VMCS_GUEST_DR7, st->dr7);
}

void vmx_set_state(struct vcpu *vcpu, const struct hvm_state *st)
{
	vmx_load(vcpu->arch.hvm);
	write_state(vcpu, st);
	vmx_unload_foreign(vcpu->arch.hvm);
}

/* State that only a reset touches. */
static void reset_rest(struct vmx_vcpu *v)
{
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
	vmcs_write(VMCS_GUEST_DEBUGCTL, 0);
	vmcs_write(VMCS_GUEST_SYSENTER_CS, 0);
	vmcs_write(VMCS_GUEST_SYSENTER_ESP, 0);
	vmcs_write(VMCS_GUEST_SYSENTER_EIP, 0);
	vmcs_write(VMCS_GUEST_PAT, PAT_POWER_ON);
	vmx_set_proc(v, v->proc & ~(u32)PROC_BY_ENTRY);
	v->extint = -1;
	v->svi_stale = true;
}

void vmx_reset_loaded(struct vmx_vcpu *v)
{
	struct hvm_state st;

	v->reset_wanted = false;
	vcpu_reset_state(v->vcpu, &st);
	write_state(v->vcpu, &st);
	reset_rest(v);
}

void vmx_vcpu_reset(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = vcpu->arch.hvm;

	if (v->cpu && v->cpu != arch_this_cpu()->hvm) {
		v->reset_wanted = true;
		return;
	}
	vmx_load(v);
	vmx_reset_loaded(v);
	vmx_unload_foreign(v);
}

u64 vmx_rip(struct vcpu *vcpu)
{
	u64 rip;

	vmx_load(vcpu->arch.hvm);
	rip = vmcs_read(VMCS_GUEST_RIP);
	vmx_unload_foreign(vcpu->arch.hvm);
	return rip;
}

static bool long_mode(void)
{
	return vmcs_read(VMCS_ENTRY_CONTROLS) & ENTRY_IA32E_MODE_GUEST &&
	       vmcs_read(VMCS_GUEST_CS_ACCESS_RIGHTS) & AR_L;
}

/* EIP wraps at 4 GiB, RIP does not. */
static u64 advance(u64 rip, unsigned int len)
{
	u64 next = rip + len;

	if (unlikely((u32)next < (u32)rip) && !long_mode())
		return (u32)next;
	return next;
}

void vmx_skip(struct vcpu *vcpu, unsigned int len)
{
	u32 blocking = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);

	vmcs_write(VMCS_GUEST_RIP, advance(vmcs_read(VMCS_GUEST_RIP), len));
	if (blocking & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS))
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
			   blocking & ~(BLOCKING_BY_STI | BLOCKING_BY_MOV_SS));
	/* The single-step trap that the instruction would have ended with. */
	if (vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_TF)
		vmcs_write(VMCS_GUEST_PENDING_DEBUG,
			   vmcs_read(VMCS_GUEST_PENDING_DEBUG) | PENDING_DEBUG_BS);
}
