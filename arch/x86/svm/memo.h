/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions that exited before, by their address: where the fetch led, what it read on the way,
 * and what the bytes were decoded to. For processors that report no length.
 *
 * Nothing in it is trusted. An answer is given only after everything that decides it has been
 * compared with what it is now: registers, page-table entries, the bytes themselves. So it is the
 * answer that fetching and decoding once more would give, faults and accessed bits included. CR0
 * (but TS and MP, which decide nothing), CR4 and EFER change by svm_set_state() alone, as a guest's
 * writes exit: it forgets everything. 64-bit mode only; no instruction that may reach into a second
 * page.
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

struct svm_memo {
	u64 rip, cr3;
	struct walk_trace trace;
	const struct svm_code *at;	/* in guest RAM */
	struct svm_code code;		/* what was there */
	u32 op;			/* bit by enum svm_insn_op */
	u16 cs_attrib;
	u8 cpl;
	u8 mode;		/* enum insn_mode */
	u8 len;
	u8 reserved[15];
};
_Static_assert(sizeof(struct svm_memo) == 128, "a shift finds it");

#define SVM_MEMO_NONE UINT64_MAX	/* as CR3: no guest can have that */

static inline void svm_memo_forget(struct svm_memo *memos)
{
	for (unsigned int i = 0; i < SVM_MEMOS; i++)
		memos[i].cr3 = SVM_MEMO_NONE;
}

static inline struct svm_memo *svm_memo_slot(struct svm_memo *memos, u64 rip)
{
	return &memos[rip % SVM_MEMOS];
}

/* What is known of the instruction at RIP, or NULL. */
static inline const struct svm_memo *svm_memo_find(struct svm_memo *memos,
						   const struct vmcb_save *s)
{
	const struct svm_memo *m = svm_memo_slot(memos, s->rip);

	if (m->rip != s->rip || m->cr3 != s->cr3 || m->cs_attrib != s->cs.attrib ||
	    m->cpl != s->cpl || !walk_holds(&m->trace) ||
	    m->at->word[0] != m->code.word[0] || m->at->word[1] != m->code.word[1])
		return NULL;
	return m;
}

#endif
