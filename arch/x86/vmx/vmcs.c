/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU's VMCS: its controls and host state, which CPU holds it, and the MSR bitmap. Guest
 * state is in state.c, what changes at each entry in run.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/cr.h"
#include "arch/x86/guest/lapic.h"
#include "arch/x86/msr.h"
#include "arch/x86/vmx/insn.h"
#include "arch/x86/vmx/vmx.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"
#include "kernel/log.h"
#include "kernel/mem.h"

void vmx_insn_failed(const char *insn, u64 operand)
{
	panic("vmx: %s of %llx failed", insn, (unsigned long long)operand);
}

/* ---- MSR bitmap (25.6.9): 1 exits ---- */

/* Byte offsets in its page */
enum msr_bitmap {
	MSR_BITMAP_READ_LOW	= 0x000,	/* MSRs 0..0x1fff */
	MSR_BITMAP_READ_HIGH	= 0x400,	/* MSRs 0xc0000000..0xc0001fff */
	MSR_BITMAP_WRITE_LOW	= 0x800,
	MSR_BITMAP_WRITE_HIGH	= 0xc00,
	MSR_BITMAP_MSRS		= 0x2000,	/* in each part */
};

enum msr_access { MSR_READ = 1, MSR_WRITE = 2, MSR_BOTH = MSR_READ | MSR_WRITE };

struct direct_msr {
	u32 msr;
	enum msr_access access;
};

/*
 * MSRs that the guest reaches without an exit: those that a VMCS holds, and those that
 * guest/vcpu.c switches. For IA32_EFER and IA32_APIC_BASE a write has a policy.
 */
static const struct direct_msr direct_msrs[] = {
	{ MSR_IA32_TIME_STAMP_COUNTER, MSR_READ },	/* with the TSC offset */
	{ MSR_IA32_SYSENTER_CS, MSR_BOTH },
	{ MSR_IA32_SYSENTER_ESP, MSR_BOTH },
	{ MSR_IA32_SYSENTER_EIP, MSR_BOTH },
	{ MSR_IA32_PAT, MSR_BOTH },
	{ MSR_IA32_EFER, MSR_READ },
	{ MSR_IA32_STAR, MSR_BOTH },
	{ MSR_IA32_LSTAR, MSR_BOTH },
	{ MSR_IA32_CSTAR, MSR_BOTH },
	{ MSR_IA32_FMASK, MSR_BOTH },
	{ MSR_IA32_FS_BASE, MSR_BOTH },
	{ MSR_IA32_GS_BASE, MSR_BOTH },
	{ MSR_IA32_KERNEL_GS_BASE, MSR_BOTH },
};

/* In x2APIC mode with virtual-interrupt delivery the processor does these itself: 30.5. */
static const struct direct_msr direct_x2apic_msrs[] = {
	{ MSR_IA32_X2APIC_TPR, MSR_BOTH },
	{ MSR_IA32_X2APIC_EOI, MSR_WRITE },
	{ MSR_IA32_X2APIC_SELF_IPI, MSR_WRITE },
};

static void bitmap_set(u8 *bitmap, unsigned int part, u32 bit, bool exits)
{
	u8 *byte = &bitmap[part + bit / 8];
	u8 mask = BIT(bit % 8);

	*byte = exits ? *byte | mask : *byte & ~mask;
}

static void msr_intercept(struct vmx_vcpu *v, const struct direct_msr *m, bool exits)
{
	bool high = m->msr >= 0xc0000000;
	u32 bit = m->msr & (MSR_BITMAP_MSRS - 1);

	if (m->access & MSR_READ)
		bitmap_set(v->msr_bitmap, high ? MSR_BITMAP_READ_HIGH : MSR_BITMAP_READ_LOW, bit,
			   exits);
	if (m->access & MSR_WRITE)
		bitmap_set(v->msr_bitmap, high ? MSR_BITMAP_WRITE_HIGH : MSR_BITMAP_WRITE_LOW, bit,
			   exits);
}

static void init_msr_bitmap(struct vmx_vcpu *v)
{
	memset(v->msr_bitmap, 0xff, PAGE_SIZE);
	for (unsigned int i = 0; i < ARRAY_SIZE(direct_msrs); i++)
		msr_intercept(v, &direct_msrs[i], false);
}

/* ---- Control fields ---- */

void vmx_set_proc(struct vmx_vcpu *v, u32 proc)
{
	if (v->proc == proc)
		return;
	v->proc = proc;
	vmcs_write(VMCS_PROC_CONTROLS, proc);
}

/* The APIC's mode decides which accesses the processor virtualizes: 30.4, 30.5. */
static u32 apicv_controls(u64 apic_base)
{
	if (!vmx_caps.apicv || !(apic_base & APIC_BASE_EN))
		return 0;
	if (apic_base & APIC_BASE_EXTD)
		return PROC2_VIRTUALIZE_X2APIC | PROC2_APIC_REGISTER_VIRT |
		       PROC2_VIRTUAL_INTR_DELIVERY;
	return PROC2_VIRTUALIZE_APIC_ACCESSES | PROC2_APIC_REGISTER_VIRT |
	       PROC2_VIRTUAL_INTR_DELIVERY;
}

static void write_proc2(struct vmx_vcpu *v)
{
	u32 apicv;

	v->apic_base = v->vcpu->arch.lapic->base_msr;
	apicv = apicv_controls(v->apic_base);
	v->proc2 = vmx_caps.proc2 | apicv;
	v->svi_stale = true;
	vmcs_write(VMCS_SECONDARY_PROC_CONTROLS, v->proc2);
	for (unsigned int i = 0; i < ARRAY_SIZE(direct_x2apic_msrs); i++)
		msr_intercept(v, &direct_x2apic_msrs[i], !(apicv & PROC2_VIRTUALIZE_X2APIC));
}

void vmx_update_apic_mode(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = vcpu->arch.hvm;

	if (v->apic_base != vcpu->arch.lapic->base_msr)
		write_proc2(v);
}

void vmx_eoi_exit(struct vcpu *vcpu, unsigned int vector, bool on)
{
	struct vmx_vcpu *v = vcpu->arch.hvm;
	enum vmcs_field field = VMCS_EOI_EXIT_BITMAP0 + vector / 64 * 2;
	u64 bit = BIT_ULL(vector % 64);
	u64 old;

	if (!vmx_caps.apicv || !v || !v->initialised)
		return;
	vmx_load(v);
	old = vmcs_read(field);
	vmcs_write(field, on ? old | bit : old & ~bit);
	vmx_unload_foreign(v);
}

static u16 vcpu_vpid(const struct vcpu *vcpu)
{
	_Static_assert(CONFIG_MAX_GUESTS * GUEST_VCPUS_MAX < 0xffff, "VPIDs are 16 bits wide");

	return 1 + vcpu->guest->id * GUEST_VCPUS_MAX + vcpu->id;
}

/* TSC ticks between two PAUSEs of a loop, and how long it may last (25.6.13); as KVM's. */
#define PLE_GAP		128
#define PLE_WINDOW	4096

static void write_controls(struct vmx_vcpu *v)
{
	const struct vmx_guest *g = v->vcpu->guest->arch.hvm;

	v->proc = vmx_caps.proc;
	vmcs_write(VMCS_PIN_CONTROLS, vmx_caps.pin);
	vmcs_write(VMCS_PROC_CONTROLS, v->proc);
	vmcs_write(VMCS_EXIT_CONTROLS, vmx_caps.exit);
	vmcs_write(VMCS_ENTRY_CONTROLS, vmx_caps.entry);
	write_proc2(v);
	if (vmx_caps.proc2 & PROC2_PAUSE_LOOP_EXITING) {
		vmcs_write(VMCS_PLE_GAP, PLE_GAP);
		vmcs_write(VMCS_PLE_WINDOW, PLE_WINDOW);
	}
	if (vmx_caps.proc2 & PROC2_VPID)
		vmcs_write(VMCS_VPID, vcpu_vpid(v->vcpu));
	vmcs_write(VMCS_EPT_POINTER, g->eptp);
	vmcs_write(VMCS_IO_BITMAP_A, vmx_io_bitmaps);
	vmcs_write(VMCS_IO_BITMAP_B, vmx_io_bitmaps + PAGE_SIZE);
	vmcs_write(VMCS_MSR_BITMAP, v->msr_bitmap_phys);
	vmcs_write(VMCS_VIRTUAL_APIC_ADDR, v->vcpu->arch.lapic->regs_phys);
	if (vmx_caps.apicv) {
		vmcs_write(VMCS_APIC_ACCESS_ADDR, g->apic_access);
		vmcs_write(VMCS_GUEST_INTERRUPT_STATUS, 0);
		for (enum vmcs_field f = VMCS_EOI_EXIT_BITMAP0; f <= VMCS_EOI_EXIT_BITMAP3; f += 2)
			vmcs_write(f, 0);
	}
	/*
	 * #DB and #AC: a guest whose stack faults in the same way again keeps the processor
	 * in their delivery for ever, deaf to interrupts (CVE-2015-5307, CVE-2015-8104).
	 */
	vmcs_write(VMCS_EXCEPTION_BITMAP, BIT(EXC_DB) | BIT(EXC_AC) | BIT(EXC_MC));
	if (vmx_caps.proc2 & PROC2_ENCLS_EXITING)
		vmcs_write(VMCS_ENCLS_EXITING_BITMAP, ~0ull);
	if (vmx_caps.proc2 & PROC2_ENCLV_EXITING)
		vmcs_write(VMCS_ENCLV_EXITING_BITMAP, ~0ull);
	vmcs_write(VMCS_PAGE_FAULT_ERROR_MASK, 0);
	vmcs_write(VMCS_PAGE_FAULT_ERROR_MATCH, 0);
	vmcs_write(VMCS_CR3_TARGET_COUNT, 0);
	vmcs_write(VMCS_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(VMCS_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
	vmcs_write(VMCS_TPR_THRESHOLD, 0);
	vmcs_write(VMCS_TSC_OFFSET, v->tsc_offset);
	vmcs_write(VMCS_LINK_POINTER, ~0ull);
	vmcs_write(VMCS_CR0_MASK, ~guest_cr0_owned());
	vmcs_write(VMCS_CR4_MASK, ~guest_cr4_owned());
}

/* ---- Host state (25.5): what an exit loads ---- */

static u16 read_tr(void)
{
	u16 sel;

	__asm__("str %0" : "=r"(sel));
	return sel;
}

/* The base of the 16-byte TSS descriptor: SDM 3A figure 7-4. */
static u64 tss_base(const struct desc_ptr *gdt, u16 sel)
{
	const u32 *d = (const u32 *)(gdt->base + sel);
	u32 low = d[0] >> 16 | (d[1] & 0xff) << 16 | (d[1] & 0xff000000);

	return (u64)d[2] << 32 | low;
}

static void write_host_state(void)
{
	struct desc_ptr gdt, idt;

	__asm__("sgdt %0" : "=m"(gdt));
	__asm__("sidt %0" : "=m"(idt));
	vmcs_write(VMCS_HOST_ES_SELECTOR, SEL_NULL);
	vmcs_write(VMCS_HOST_CS_SELECTOR, SEL_CODE);
	vmcs_write(VMCS_HOST_SS_SELECTOR, SEL_DATA);
	vmcs_write(VMCS_HOST_DS_SELECTOR, SEL_NULL);
	vmcs_write(VMCS_HOST_FS_SELECTOR, SEL_NULL);
	vmcs_write(VMCS_HOST_GS_SELECTOR, SEL_NULL);
	vmcs_write(VMCS_HOST_TR_SELECTOR, read_tr());
	vmcs_write(VMCS_HOST_TR_BASE, tss_base(&gdt, read_tr()));
	vmcs_write(VMCS_HOST_GDTR_BASE, gdt.base);
	vmcs_write(VMCS_HOST_IDTR_BASE, idt.base);
	vmcs_write(VMCS_HOST_FS_BASE, 0);
	vmcs_write(VMCS_HOST_GS_BASE, (u64)arch_this_cpu());
	vmcs_write(VMCS_HOST_CR0, read_cr0());
	vmcs_write(VMCS_HOST_CR3, read_cr3());
	vmcs_write(VMCS_HOST_CR4, read_cr4());
	vmcs_write(VMCS_HOST_PAT, rdmsr(MSR_IA32_PAT));
	vmcs_write(VMCS_HOST_EFER, rdmsr(MSR_IA32_EFER));
	vmcs_write(VMCS_HOST_SYSENTER_CS, 0);
	vmcs_write(VMCS_HOST_SYSENTER_ESP, 0);
	vmcs_write(VMCS_HOST_SYSENTER_EIP, 0);
	vmcs_write(VMCS_HOST_RIP, (u64)vmx_exit_point);
}

/* ---- Life ---- */

static void make_active(struct vmx_vcpu *v, struct vmx_cpu *c)
{
	v->cpu = c;
	v->launched = false;
	v->host_rsp = 0;
	write_host_state();
	/* Trust neither this CPU's nested translations nor those tagged with the VPID. */
	v->invept = true;
	if (vmx_caps.proc2 & PROC2_VPID && invvpid(INVVPID_SINGLE, vcpu_vpid(v->vcpu), 0))
		vmx_insn_failed("INVVPID", vcpu_vpid(v->vcpu));
}

void vmx_load(struct vmx_vcpu *v)
{
	struct vmx_cpu *c = arch_this_cpu()->hvm;

	if (likely(c->current == v))
		return;
	debug_check(!v->cpu || v->cpu == c);
	if (!v->cpu && vmclear(v->vmcs))
		vmx_insn_failed("VMCLEAR", v->vmcs);
	if (vmptrld(v->vmcs))
		vmx_insn_failed("VMPTRLD", v->vmcs);
	c->current = v;
	if (!v->cpu)
		make_active(v, c);
	if (!v->initialised) {
		v->initialised = true;
		write_controls(v);
		vmx_reset_loaded(v);
	}
}

static void unload(struct vmx_vcpu *v)
{
	if (vmclear(v->vmcs))
		vmx_insn_failed("VMCLEAR", v->vmcs);
	if (v->cpu->current == v)
		v->cpu->current = NULL;
	v->cpu = NULL;
}

void vmx_unload_foreign(struct vmx_vcpu *v)
{
	if (v->cpu && v->vcpu->cpu != this_cpu())
		unload(v);
}

void vmx_vcpu_unload(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = vcpu->arch.hvm;

	if (v->cpu)
		unload(v);
}

int vmx_vcpu_init(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->vcpu = vcpu;
	v->extint = -1;
	v->vmcs = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_EPT);
	v->msr_bitmap_phys = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_EPT);
	vcpu->arch.hvm = v;
	if (!v->vmcs || !v->msr_bitmap_phys) {
		vmx_vcpu_free(vcpu);
		return -ENOMEM;
	}
	*(u32 *)phys_to_virt(v->vmcs) = vmx_caps.basic & VMX_BASIC_REVISION;
	v->msr_bitmap = phys_to_virt(v->msr_bitmap_phys);
	init_msr_bitmap(v);
	return 0;
}

void vmx_vcpu_free(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = vcpu->arch.hvm;

	if (!v)
		return;
	if (v->cpu)
		unload(v);
	if (v->vmcs)
		mem_free(v->vmcs, PAGE_SIZE, MEM_EPT);
	if (v->msr_bitmap_phys)
		mem_free(v->msr_bitmap_phys, PAGE_SIZE, MEM_EPT);
	free(v);
	vcpu->arch.hvm = NULL;
}
