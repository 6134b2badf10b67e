/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest may do with CR0, CR4, EFER and XCR0 (SDM 3A 2.5, 2.2.1, 2.6). */
#ifndef ARCH_X86_GUEST_CR_H
#define ARCH_X86_GUEST_CR_H

#include "kernel/types.h"

struct vcpu;

/* Bits that a guest changes without an exit; the others exit, and what follows decides. */
u64 guest_cr0_owned(void);
u64 guest_cr4_owned(void);

/* 0, or -EINVAL: inject #GP(0). */
int guest_set_efer(struct vcpu *vcpu, u64 val);

/* SDM 3A 4.4.1: where CR3 points in PAE paging, and what its four entries may hold. */
#define CR3_PAE_BASE	0xffffffe0ull
bool guest_pdpte_valid(u64 pdpte);

/* Exits by MOV to CR, CLTS, LMSW and by XSETBV: done, or #GP injected. */
void guest_mov_cr(struct vcpu *vcpu);
void guest_xsetbv(struct vcpu *vcpu);

#endif
