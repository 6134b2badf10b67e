/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Saving and loading a guest's x87, SSE and AVX state (SDM 1 chapter 13). The hypervisor itself
 * is compiled without them.
 */
#ifndef ARCH_X86_GUEST_FPU_H
#define ARCH_X86_GUEST_FPU_H

#include "kernel/types.h"

/* XCR0 bits that guests may set: what the processor has and we know to switch. 0: no XSAVE. */
u64 fpu_xcr0_allowed(void);

void *fpu_alloc(void);		/* in its initial state; NULL: no memory */
void fpu_free(void *area);	/* not NULL */
void fpu_reset(void *area);	/* to its initial state: SDM 1 13.6 */

/*
 * All components, also those that the guest has switched off in its XCR0 meanwhile: what it left
 * in the registers must not be seen by the next one. XCR0 is fpu_xcr0_allowed() afterwards.
 */
void fpu_save(void *area);
void fpu_load(const void *area);

#endif
