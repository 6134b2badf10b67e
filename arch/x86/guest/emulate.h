/* SPDX-License-Identifier: BSD-2-Clause */
/* The instruction that exited, done by the decoder: MMIO and string I/O. On the vCPU's CPU. */
#ifndef ARCH_X86_GUEST_EMULATE_H
#define ARCH_X86_GUEST_EMULATE_H

struct vcpu;

/*
 * Fetch, decode, execute, move RIP. What the guest did wrong has been injected; an instruction
 * that the decoder does not know gets #UD and a line in the log.
 */
void emulate(struct vcpu *vcpu);

#endif
