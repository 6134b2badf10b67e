/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The AMD-V backend's own structures; nothing outside arch/x86/svm includes this. Functions that
 * are members of struct hvm_ops do what arch/x86/hvm.h says of those.
 */
#ifndef ARCH_X86_SVM_SVM_H
#define ARCH_X86_SVM_SVM_H

#include "arch/x86/hvm.h"
#include "arch/x86/msr.h"
#include "arch/x86/svm/avic.h"
#include "arch/x86/svm/memo.h"
#include "arch/x86/svm/vmcb.h"
#include "kernel/types.h"

/* What the processor has; the same on all CPUs. Read-only after svm_probe(). */
struct svm_caps {
	u32 features;		/* CPUID Fn8000_000A_EDX: enum svm_feature */
	u32 nr_asids;
	u32 clean;		/* what may be said to be: enum vmcb_clean, or nothing */
	u64 iopm, msrpm;	/* physical; one pair serves all guests */
	u64 msrpm_x2avic;	/* in place of msrpm while x2AVIC is on */
	bool avic, x2avic;	/* are used: avic.h */
	bool avic_ipis_exit;	/* erratum 1235: no vCPU is said to be running */
};
extern struct svm_caps svm_caps;

/* struct arch_cpu.hvm */
struct svm_cpu {
	u64 hsave_phys;		/* VM_HSAVE_PA */
	u64 host_vmcb_phys;	/* what VMLOAD gives back after each #VMEXIT: FS, GS, TR, ... */
	u32 next_asid;
	u64 asid_gen;		/* counts how often all ASIDs were used up */
	u32 apic_id;		/* the CPU's */
};

/* struct arch_guest.hvm */
struct svm_guest {
	u64 *npt;		/* PML4 */
	struct avic_pages *avic;	/* NULL: not used */
};

/* struct arch_vcpu.hvm */
struct svm_vcpu {
	struct vcpu *vcpu;
	const struct svm_guest *guest;
	const struct svm_cpu *cpu;	/* where it has run, or one of no ASIDs */
	struct vmcb *vmcb;
	u64 vmcb_phys;
	u32 clean;		/* enum vmcb_clean: not changed since the last VMRUN */
	bool flush;		/* its translations at the next VMRUN */
	u64 asid_gen;		/* of svm_cpu, when the ASID was given; 0: none */
	u64 cr4;		/* as the guest reads it */
	/*
	 * The last VMRUN had nothing to deliver and no window for it: INT_CTL is as it was then,
	 * if the guest has left V_TPR alone, and nothing of that has to be arranged for the next
	 * one if there is still nothing. Otherwise a value that it never has.
	 */
	u64 quiet_int_ctl;
#define SVM_NOT_QUIET	UINT64_MAX
	bool shares_cpu;	/* PAUSE exits */
	int virq;		/* vector injected or shown as V_IRQ by the last VMRUN; -1 */
	bool nmi_blocked;	/* until the handler's IRET */
	bool iret_seen;		/* that IRET is at iret_rip, about to be executed */
	u64 iret_rip;
	struct avic_vcpu avic;
	struct svm_memo memos[SVM_MEMOS];
};

static inline void svm_flush(struct svm_vcpu *v) { v->flush = true; }

/* What was changed in the VMCB. */
static inline void svm_dirty(struct svm_vcpu *v, u32 bits) { v->clean &= ~bits; }

/* probe.c */
int svm_probe(char *why, size_t len);
void svm_describe(char *buf, size_t len);
int svm_cpu_enable(struct cpu *cpu);
void svm_cpu_disable(struct cpu *cpu);
struct svm_cpu *svm_this_cpu(void);

/* permission.c: the I/O and MSR permission maps. 0 or -ENOMEM. */
int svm_permission_init(void);
/* As the processor looks into a map: does access @write to @msr exit? */
bool svm_msr_exits(const u8 *msrpm, u32 msr, bool write);
void svm_msrpm_fill(u8 *msrpm);

/* npt.c */
/* A and D are set from the start: nobody looks at them, and the processor need not. */
#define NPT_TABLE	(PTE_P | PTE_RW | PTE_US | PTE_A)
int svm_guest_init(struct guest *guest);
void svm_guest_free(struct guest *guest);
int svm_map(struct guest *guest, u64 gpa, u64 phys, u64 size, unsigned int prot);

/* vmcb.c */
int svm_vcpu_init(struct vcpu *vcpu);
void svm_vcpu_free(struct vcpu *vcpu);
void svm_vcpu_unload(struct vcpu *vcpu);

/* state.c */
void svm_vcpu_reset(struct vcpu *vcpu);
void svm_get_state(struct vcpu *vcpu, struct hvm_state *st);
void svm_set_state(struct vcpu *vcpu, const struct hvm_state *st);
u64 svm_rip(struct vcpu *vcpu);
void svm_skip(struct vcpu *vcpu, unsigned int len);

/* In 64-bit mode? */
static inline bool svm_64bit(const struct vmcb_save *s)
{
	return s->efer & EFER_LMA && s->cs.attrib & ATTRIB_L;
}

/* run.c */
void svm_run(struct vcpu *vcpu, u64 deadline_ns);

/* entry.S */
void svm_enter(u64 gpr[16], u64 vmcb_phys, u64 host_vmcb_phys);

/* exit.c: fills vcpu->arch.exit */
void svm_exit(struct vcpu *vcpu, struct svm_vcpu *v);
/* Its state on the console: it was not asked for. */
enum hvm_exit_kind svm_exit_unexpected(struct vcpu *vcpu, struct svm_vcpu *v);
unsigned int svm_nr_reasons(void);
const char *svm_reason_name(unsigned int reason);
/* Exit codes side by side, for counters: 0..svm_nr_reasons() - 1, or -1: no such code. */
int svm_reason(u64 exitcode);

/* insn.c: the instruction that exited, where the processor does not report what is needed. */
struct svm_insn;
/* 0, or negative: none of @ops (bits by enum svm_insn_op), or not there; a fault is injected. */
int svm_insn_fetch(struct vcpu *vcpu, u32 ops, struct svm_insn *insn);
/* Its length alone, or negative likewise. */
int svm_insn_len(struct vcpu *vcpu, u32 ops);
bool svm_insn_is_mov_to_cr3(struct vcpu *vcpu);
/* LMSW's operand. 0, or negative: a fault is injected. */
int svm_lmsw_source(struct vcpu *vcpu, const struct svm_insn *insn, u16 *word);
/* Bytes of the store whose nested page fault exited; 0: no plain store. */
unsigned int svm_store_len(struct vcpu *vcpu);

/* dump.c */
void svm_dump(struct vcpu *vcpu);

#endif
