/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model of processors with AVIC, for svm_enter(): what APM volume 2, 15.29 says of VMRUN, of
 * accesses to the APIC, IPIs and doorbells, and what the sections on virtual interrupts and event
 * injection (15.21, 15.20) say where AVIC is off. vCPU i of the board runs on processor i, in a
 * thread of its own or not. What a guest does is a function that the test gives.
 */
#ifndef TESTS_UNIT_AVIC_PROCESSOR_H
#define TESTS_UNIT_AVIC_PROCESSOR_H

#include "arch/x86/svm/svm.h"
#include "tests/unit/mock_board.h"

struct processor {
	struct svm_cpu svm;
	unsigned int id;
	struct vmcb *vmcb;		/* in guest mode; NULL: in host mode */
	u32 doorbell;			/* rung; any thread */
	/* What the guest does between VMRUN and #VMEXIT, by the functions below. */
	void (*guest)(struct processor *p);
	void (*before_vmrun)(void), (*after_exit)(void);
	bool exited;			/* an exit code has been set */
	u32 access_off, access_val;	/* of the exit that the emulator has to finish */
	bool access_write;
	u64 msr_val;
	unsigned int doorbells;		/* it rang */
	u64 n_cr3;			/* of the last VMRUN */
	u32 asid;
};

extern struct processor processors[BOARD_VCPUS];
extern __thread struct processor *processor;	/* that of this thread */

extern struct avic_quirks {
	bool eoi_clears;		/* ISR is clear when a level-triggered one's EOI exits */
	bool busy;			/* delivery status stays pending when an IPI exits */
} quirks;

/* The guest of @p takes @vector. */
extern void (*avic_delivered)(struct processor *p, u8 vector);

void processors_init(void);

/* ---- The guest's: false when it has exited, and can do nothing more ---- */

/* Takes what can be taken; each of those below does that, too. */
bool guest_look(struct processor *p);
bool guest_apic_write(struct processor *p, u32 off, u32 val);
bool guest_apic_read(struct processor *p, u32 off, u32 *val);
/* IPI: by both halves of the ICR, as the APIC's mode has it. */
bool guest_ipi(struct processor *p, u32 dest, u32 low);
bool guest_cr8(struct processor *p, u64 val);
bool guest_if(struct processor *p, bool on);
bool guest_exits(struct processor *p, u64 code, u64 info1, u64 info2);

static inline bool avic_is_on(const struct processor *p)
{
	return p->vmcb->control.int_ctl & INT_CTL_AVIC_ENABLE;
}

#endif
