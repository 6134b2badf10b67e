/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions that exited before, by their address: where the fetch led, what it read on the way,
 * and what the bytes were decoded to. For processors that report no length.
 *
 * Nothing in it is trusted. An answer is given only after everything that decides it has been
 * compared with what it is now: registers, page-table entries, the bytes themselves. So it is the
 * answer that fetching and decoding once more would give, faults and accessed bits included.
 * 64-bit mode only; no instruction that may reach into a second page.
 */
#ifndef ARCH_X86_SVM_MEMO_H
#define ARCH_X86_SVM_MEMO_H

#include "arch/x86/guest/walk.h"
#include "arch/x86/svm/vmcb.h"
#include "kernel/types.h"

#define SVM_MEMOS 64		/* by RIP modulo this */

/* Bytes that an instruction may have, and one more; in guest RAM at any address. */
struct svm_code {
	u64 word[2];
} __packed;

/* All zeros is none: EFER.SVME is set in every VMCB. */
struct svm_memo {
	u64 rip, cr0, cr3, cr4, efer;
	u16 cs_attrib;
	u8 cpl;
	u8 mode;		/* enum insn_mode */
	u8 op;			/* enum svm_insn_op */
	u8 len;
	struct walk_trace trace;
	const struct svm_code *at;	/* in guest RAM */
	struct svm_code code;		/* what was there */
};

static inline struct svm_memo *svm_memo_slot(struct svm_memo *memos, u64 rip)
{
	return &memos[rip % SVM_MEMOS];
}

/* What is known of the instruction at RIP, or NULL. */
static inline const struct svm_memo *svm_memo_find(struct svm_memo *memos,
						   const struct vmcb_save *s)
{
	const struct svm_memo *m = svm_memo_slot(memos, s->rip);

	if (m->rip != s->rip || m->cr3 != s->cr3 || m->cr0 != s->cr0 || m->cr4 != s->cr4 ||
	    m->efer != s->efer || m->cs_attrib != s->cs.attrib || m->cpl != s->cpl ||
	    !walk_holds(&m->trace) || m->at->word[0] != m->code.word[0] ||
	    m->at->word[1] != m->code.word[1])
		return NULL;
	return m;
}

#endif
