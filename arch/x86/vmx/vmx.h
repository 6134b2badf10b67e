/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VT-x backend's own structures; nothing outside arch/x86/vmx includes this. Functions that
 * are members of struct hvm_ops do what arch/x86/hvm.h says of those.
 */
#ifndef ARCH_X86_VMX_VMX_H
#define ARCH_X86_VMX_VMX_H

#include "arch/x86/hvm.h"
#include "arch/x86/vmx/vmcs.h"
#include "kernel/types.h"

struct vmx_vcpu;

/* What the processor has of what we use; the same on all CPUs. Read-only after vmx_probe(). */
struct vmx_caps {
	u64 basic;		/* IA32_VMX_BASIC */
	u64 ept_vpid;		/* IA32_VMX_EPT_VPID_CAP */
	u32 pin, proc, proc2;	/* controls a VMCS starts with */
	u32 exit, entry;
	u64 cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	unsigned int timer_shift;	/* preemption timer ticks every 2^shift TSC ticks */
	bool apicv;		/* APIC-register virtualization and virtual-interrupt delivery */
};
extern struct vmx_caps vmx_caps;

/* Physical; two pages, for all guests. Set when the BSP is enabled. */
extern u64 vmx_io_bitmaps;

/* struct arch_cpu.hvm */
struct vmx_cpu {
	u64 vmxon_phys;
	struct vmx_vcpu *current;	/* its VMCS is the current one here */
};

/* struct arch_guest.hvm */
struct vmx_guest {
	u64 *ept;		/* PML4 */
	u64 eptp;
	u64 apic_access;	/* physical page mapped at the APIC's address; 0 if not used */
};

/* struct arch_vcpu.hvm */
struct vmx_vcpu {
	struct vcpu *vcpu;
	u64 vmcs;		/* physical */
	u8 *msr_bitmap;
	u64 msr_bitmap_phys;
	struct vmx_cpu *cpu;	/* where the VMCS is active, NULL: nowhere (VMCLEARed) */
	bool initialised;	/* control fields were written */
	bool launched;
	bool reset_wanted;	/* asked for by another CPU */
	bool svi_stale;		/* ISR changed behind the processor's back */
	bool in_delivery;	/* the last exit interrupted the delivery of an event */
	u32 proc, proc2;	/* as written to the VMCS */
	u64 apic_base;		/* IA32_APIC_BASE that proc2 and the MSR bitmap are for */
	u32 tpr_threshold;
	bool invept;		/* before the next entry */
	u64 host_rsp;		/* as written to the VMCS */
	s64 tsc_offset;
	int extint;		/* external interrupt whose delivery an exit interrupted; -1 */
	u64 deadline_ns, deadline_tsc;
};

/* probe.c */
int vmx_probe(char *why, size_t len);
/*
 * Does firmware let VMXON be used (SDM 3C 24.7)? @fc: IA32_FEATURE_CONTROL, and what it has to
 * become. 0, or -ENODEV and why not.
 */
int vmx_firmware_allows(u64 *fc, char *why, size_t len);
void vmx_describe(char *buf, size_t len);
int vmx_cpu_enable(struct cpu *cpu);
void vmx_cpu_disable(struct cpu *cpu);

/* ept.c */
int vmx_guest_init(struct guest *guest);
void vmx_guest_free(struct guest *guest);
int vmx_map(struct guest *guest, u64 gpa, u64 phys, u64 size, unsigned int prot);

/* vmcs.c */
int vmx_vcpu_init(struct vcpu *vcpu);
void vmx_vcpu_free(struct vcpu *vcpu);
void vmx_vcpu_unload(struct vcpu *vcpu);
/* Make @v's VMCS current on this CPU and its host state this CPU's. */
void vmx_load(struct vmx_vcpu *v);
/*
 * After use outside a run: on a CPU that is not the vCPU's own (at boot the BSP makes all guests)
 * the VMCS is given up, so that its own CPU can load it.
 */
void vmx_unload_foreign(struct vmx_vcpu *v);
void vmx_set_proc(struct vmx_vcpu *v, u32 proc);
void vmx_update_apic_mode(struct vcpu *vcpu);	/* before each entry: cheap if unchanged */
void vmx_eoi_exit(struct vcpu *vcpu, unsigned int vector, bool on);

/* state.c */
void vmx_vcpu_reset(struct vcpu *vcpu);
void vmx_reset_loaded(struct vmx_vcpu *v);	/* its VMCS is current */
void vmx_get_state(struct vcpu *vcpu, struct hvm_state *st);
void vmx_set_state(struct vcpu *vcpu, const struct hvm_state *st);
u64 vmx_rip(struct vcpu *vcpu);
void vmx_skip(struct vcpu *vcpu, unsigned int len);

/* run.c */
void vmx_run(struct vcpu *vcpu, u64 deadline_ns);

/* entry.S: 0, or which of VMLAUNCH/VMRESUME failed how */
enum vmx_enter_result { VMX_ENTERED, VMX_FAIL_VALID, VMX_FAIL_INVALID };
int vmx_enter(u64 gpr[16], bool resume, u64 *host_rsp);
void vmx_exit_point(void);

/* exit.c: fills vcpu->arch.exit */
void vmx_exit(struct vcpu *vcpu, struct vmx_vcpu *v);
unsigned int vmx_nr_reasons(void);
const char *vmx_reason_name(unsigned int reason);

/* dump.c */
void vmx_dump(struct vcpu *vcpu);
const char *vmx_instruction_error(u32 error);

#endif
