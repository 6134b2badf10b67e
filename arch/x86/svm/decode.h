/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instructions that exit as such (APM volume 2, 15.9), for processors that do not report how
 * long they are and which register they name: APM volume 3, appendix A. Portable: tested natively.
 */
#ifndef ARCH_X86_SVM_DECODE_H
#define ARCH_X86_SVM_DECODE_H

#include "arch/x86/guest/insn.h"
#include "kernel/types.h"

enum svm_insn_op {
	SVM_INSN_CPUID, SVM_INSN_HLT, SVM_INSN_PAUSE,
	SVM_INSN_RDMSR, SVM_INSN_WRMSR, SVM_INSN_RDPMC,
	SVM_INSN_INVD, SVM_INSN_WBINVD, SVM_INSN_XSETBV, SVM_INSN_VMMCALL,
	SVM_INSN_LMSW,
	SVM_INSN_MOV_TO_CR, SVM_INSN_MOV_FROM_CR,	/* last of svm_decode() */
	SVM_INSN_STORE,		/* a plain one, to memory: svm_store_len() */
};

struct svm_insn {
	enum svm_insn_op op;
	u8 len;
	u8 cr;			/* MOV CR */
	u8 gpr;			/* MOV CR, LMSW: general register */
	bool mem;		/* LMSW: a word in memory instead */
	struct insn operand;	/* mem: insn_linear() has its address */
};

/*
 * Decode the instruction at @code, of which @len bytes can be had. 0; -ENODATA: it goes on
 * beyond them; -EINVAL: not one of those above.
 */
int svm_decode(const u8 *code, size_t len, enum insn_mode mode, struct svm_insn *insn);

#endif
