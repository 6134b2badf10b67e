/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hvm: the one interface between the virtual PC and a hardware backend. VT-x lives in
 * arch/x86/vmx, AMD-V in arch/x86/svm; nothing outside them knows a VMCS or a VMCB.
 */
#ifndef ARCH_X86_HVM_H
#define ARCH_X86_HVM_H

#include "arch/x86/hvm_types.h"
#include "kernel/types.h"

struct cpu;
struct guest;
struct vcpu;

enum hvm_caps {
	HVM_CAP_DEADLINE = BIT(0),	/* run() ends at the deadline: preemption timer */
	HVM_CAP_APIC_REGS = BIT(1),	/* APIC-register virtualization: no decoding */
	HVM_CAP_VID = BIT(2),		/* virtual-interrupt delivery */
	HVM_CAP_X2APIC_VIRT = BIT(3),
	HVM_CAP_PAGE_1G = BIT(4),
	HVM_CAP_INSN_LEN = BIT(5),	/* instruction length is reported with MMIO exits */
	HVM_CAP_INVPCID = BIT(6),	/* INVPCID may be shown to guests */
	HVM_CAP_RDTSCP = BIT(7),	/* RDTSCP and RDPID likewise */
	/*
	 * Entry and exit switch CR2 (to and from arch_vcpu.cr2), DR6 and the system-call MSRs:
	 * guest/vcpu.c leaves them alone.
	 */
	HVM_CAP_SWITCHES = BIT(8),
	/* post() is there, and processors set bits of IRR in the pages of other vCPUs. */
	HVM_CAP_POST = BIT(9),
};

enum hvm_prot { HVM_R = 1, HVM_W = 2, HVM_X = 4 };

struct hvm_ops {
	const char *name;		/* "VT-x" */
	/*
	 * Is it there and usable? BSP. 0, or -ENODEV with @why naming what is missing in the
	 * manual's words: "IA32_FEATURE_CONTROL: VMX disabled by firmware (locked, bit 2 clear)",
	 * "IA32_VMX_PROCBASED_CTLS2.EnableEPT not supported".
	 */
	int (*probe)(char *why, size_t len);
	/* One line for the banner: capabilities in use. After probe. */
	void (*describe)(char *buf, size_t len);
	/* Each CPU, on itself. 0 or -errno (said on the console). */
	int (*cpu_enable)(struct cpu *cpu);
	void (*cpu_disable)(struct cpu *cpu);

	int (*guest_init)(struct guest *guest);		/* nested paging root; -ENOMEM */
	void (*guest_free)(struct guest *guest);
	/*
	 * Map @size bytes at guest physical @gpa to @phys (all page-aligned) in the largest pages
	 * that fit, for @prot (enum hvm_prot). Before there are vCPUs; it stays until guest_free().
	 * -ENOMEM; -EEXIST when something is mapped there. After an error the guest can only be
	 * freed.
	 */
	int (*map)(struct guest *guest, u64 gpa, u64 phys, u64 size, unsigned int prot);

	int (*vcpu_init)(struct vcpu *vcpu);		/* -ENOMEM */
	void (*vcpu_free)(struct vcpu *vcpu);
	/* On the vCPU's CPU: the processor keeps nothing of it. */
	void (*vcpu_unload)(struct vcpu *vcpu);
	/* Power-on/INIT state (SDM 3A table 10-1); on the vCPU's CPU. */
	void (*vcpu_reset)(struct vcpu *vcpu);
	void (*get_state)(struct vcpu *vcpu, struct hvm_state *st);
	void (*set_state)(struct vcpu *vcpu, const struct hvm_state *st);

	/*
	 * One entry and exit. Delivers vcpu->arch.pending or, if allowed, the interrupt that
	 * vlapic_pending() names (opening an interrupt window when not), runs until an exit,
	 * fills vcpu->arch.exit. A doorbell is rung before anything else is looked at, and then
	 * and for other things it can end alone run() answers HVM_EXIT_DONE. Host interrupts off
	 * on entry and return; an interrupt that ended it has been taken. HVM_EXIT_PAUSE comes
	 * of a PAUSE, or of many where the processor counts them, if cpu_is_shared().
	 */
	void (*run)(struct vcpu *vcpu, u64 deadline_ns);

	u64 (*rip)(struct vcpu *vcpu);
	/* Past the instruction that exited (@len bytes); ends STI/MOV SS blocking, TF respected. */
	void (*skip)(struct vcpu *vcpu, unsigned int len);
	/*
	 * The APIC may have changed its mode (xAPIC, x2APIC, off) or been enabled or disabled by
	 * software. On the vCPU's CPU, or nowhere placed.
	 */
	void (*apic_changed)(struct vcpu *vcpu);
	/*
	 * HVM_CAP_POST, any CPU: have the processor itself take edge-triggered @vector. True: it is
	 * in IRR, and will be looked at. False: that vCPU is not in guest mode, or not so that its
	 * processor would; nothing was done.
	 */
	bool (*post)(struct vcpu *vcpu, u8 vector);
	/* Level-triggered vectors whose EOI must exit (VID). */
	void (*eoi_exit)(struct vcpu *vcpu, unsigned int vector, bool on);
	void (*dump)(struct vcpu *vcpu);	/* state in the manual's words, on the console */
	unsigned int (*nr_reasons)(void);
	const char *(*reason_name)(unsigned int reason);
};

extern const struct hvm_ops vmx_ops, svm_ops;

/* The backend chosen at boot and its capabilities. */
extern const struct hvm_ops *hvm;
extern u32 hvm_caps;

/*
 * The command line's apicv=on|off, or avic=on|off: may the backend use APIC virtualization (APICv,
 * AVIC) where the processor has it? Before hvm_init(). -EINVAL: neither.
 */
int hvm_set_apicv(const char *value);
extern bool hvm_use_apicv;

/* BSP: probe the backends built in. 0, or -ENODEV after a line for each saying why not. */
int hvm_init(void);

/* Power-on state of the registers in @st (SDM 3A table 10-1). */
void hvm_reset_state(struct hvm_state *st);

/*
 * Queue a fault for the next entry; a second one makes #DF, then a triple fault (SDM 3A table 6-5).
 */
void hvm_inject_exception(struct vcpu *vcpu, u8 vector, bool has_error, u32 error);
void hvm_inject_gp(struct vcpu *vcpu);	/* #GP(0) */
void hvm_inject_ud(struct vcpu *vcpu);

#endif
