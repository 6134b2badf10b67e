/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AVIC, AMD's virtual interrupt controller (APM volume 2, 15.29), and x2AVIC (15.29.10): while a
 * vCPU is in guest mode the processor reads and writes the local APIC's register page, takes the
 * interrupts that IRR names, ends them, and sends IPIs by setting bits of IRR in the pages of other
 * vCPUs of the guest.
 *
 * It is decided at each entry whether AVIC is on; where something speaks against it (enum
 * avic_inhibit) the entry is made as on a processor without AVIC. A vCPU counts as running, for
 * processors that send IPIs and for svm_avic_post(), from just before VMRUN until just after
 * #VMEXIT. Whoever sets a bit of its IRR looks at that afterwards, with a full barrier between: it
 * runs, then a doorbell has its processor look at IRR; or else it is kicked. The vCPU's own CPU
 * ends the running, and after a full barrier looks at IRR: one of the two sees the other
 * (tests/model/avic.pml).
 *
 * Another vCPU's entry of the physical APIC ID table is valid while its APIC takes interrupts: a
 * broadcast passes over those that are not, and other IPIs to them exit. The logical APIC ID table
 * stays empty, so in xAPIC mode IPIs to logical destinations exit.
 *
 * In xAPIC mode a translation leads to the page of one vCPU, so another one of the guest must not
 * find it (15.29.4.3): each has an ASID of its own.
 */
#ifndef ARCH_X86_SVM_AVIC_H
#define ARCH_X86_SVM_AVIC_H

#include "arch/x86/hvm_types.h"
#include "kernel/types.h"

struct svm_guest;
struct svm_vcpu;
struct vcpu;
struct vlapic;

/* Table 15-23: an entry of the physical APIC ID table */
#define AVIC_PHYSICAL_VALID	BIT_ULL(63)
#define AVIC_PHYSICAL_RUNNING	BIT_ULL(62)	/* IsRunning: IPIs to it ring the doorbell */
#define AVIC_PHYSICAL_PAGE	0x000ffffffffff000ull
#define AVIC_PHYSICAL_HOST_ID	0xfffull	/* APIC ID of the CPU where it runs */

/* 15.29.8.2: the doorbell register takes APIC IDs of 8 bits. */
#define AVIC_HOST_ID_MAX	0xff

/* Table 15-26: EXITINFO2 of an incomplete IPI; EXITINFO1 is the ICR */
#define AVIC_IPI_CAUSE_SHIFT	32

/* Table 15-27 */
enum avic_ipi_cause {
	AVIC_IPI_INVALID_TYPE,		/* level-triggered, or neither fixed nor physical ... */
	AVIC_IPI_NOT_RUNNING,		/* all have it in IRR, one at least does not run */
	AVIC_IPI_INVALID_TARGET,	/* no valid entry in a table */
	AVIC_IPI_INVALID_PAGE,		/* the entry's page cannot be an address */
	AVIC_IPI_INVALID_VECTOR,	/* below 16 */
};

/* Table 15-28: EXITINFO1 of an access that is not accelerated */
#define AVIC_ACCESS_OFFSET	0xff0ull
#define AVIC_ACCESS_WRITE	BIT_ULL(32)
/* Table 15-29: EXITINFO2 of one to EOI, the vector that was highest in ISR */
#define AVIC_ACCESS_VECTOR	0xffull

enum avic_mode { AVIC_OFF, AVIC_XAPIC, AVIC_X2APIC };

/* What speaks against AVIC at an entry. */
enum avic_inhibit {
	AVIC_INHIBIT_DISABLED	= BIT(0),	/* the APIC is off, or disabled by software */
	AVIC_INHIBIT_X2APIC	= BIT(1),	/* x2APIC mode, and no x2AVIC */
	AVIC_INHIBIT_EXTINT	= BIT(2),	/* the 8259 pair's needs V_IRQ, which is ignored */
	AVIC_INHIBIT_WINDOW	= BIT(3),	/* so does a window for an NMI */
};

/* Pages of a guest for the processor. */
struct avic_pages {
	u64 physical[512];	/* physical APIC ID table, by vCPU number */
	u32 logical[1024];	/* logical APIC ID table */
	u8 access[4096];	/* where the APIC's address leads: AVIC looks at the way */
	/* The guest's nested tables, and the APIC's address in them, which they leave out. */
	u64 pml4[512], pdpt[512], pd[512], pt[512];
};

/* Of a vCPU. All but @entry and @running are its own CPU's. */
struct avic_vcpu {
	u64 *entry;		/* in the physical APIC ID table; NULL: there is no AVIC */
	u32 running;		/* in guest mode by AVIC: APIC ID of the CPU, and 1; else 0 */
	enum avic_mode mode;	/* as the VMCB has it */
	u32 inhibit;		/* enum avic_inhibit, at the last entry that looked */
};

/* avic_guest.c: the pages, if AVIC is used. 0 or -ENOMEM. */
int svm_avic_guest_init(struct svm_guest *g);
void svm_avic_guest_free(struct svm_guest *g);
/* The guest's nested tables have grown. */
void svm_avic_npt_changed(struct svm_guest *g);

/* avic.c. When the VMCB is there, and before it goes. */
void svm_avic_vcpu_init(struct vcpu *vcpu, struct svm_vcpu *v);
void svm_avic_vcpu_free(struct svm_vcpu *v);
/* hvm_ops.apic_changed, hvm_ops.post */
void svm_avic_changed(struct vcpu *vcpu);
bool svm_avic_post(struct vcpu *vcpu, u8 vector);

/*
 * Before an entry, after vlapic_sync(), @windows as prepared for an NMI: the bits of INT_CTL that
 * turn AVIC on, or 0. Only where v->avic.entry is there.
 */
u64 svm_avic_prepare(struct vcpu *vcpu, struct svm_vcpu *v, u32 windows);
/* It gave none; what software delivers has been arranged. */
void svm_avic_without(struct svm_vcpu *v, struct vlapic *apic);
/* After the exit; where AVIC was off, after vlapic_accept(). */
void svm_avic_finish(struct vcpu *vcpu, struct svm_vcpu *v);

/* VMEXIT_AVIC_INCOMPLETE_IPI, VMEXIT_AVIC_NOACCEL */
enum hvm_exit_kind svm_avic_incomplete_ipi(struct vcpu *vcpu, struct svm_vcpu *v);
enum hvm_exit_kind svm_avic_noaccel(struct vcpu *vcpu, struct svm_vcpu *v);

/* probe.c: ring the doorbell of the CPU with this APIC ID. */
void svm_doorbell(u32 apic_id);

#endif
