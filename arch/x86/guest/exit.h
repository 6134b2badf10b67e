/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the virtual PC does about an exit, whichever backend it came from: a table by
 * enum hvm_exit_kind. On the vCPU's CPU.
 */
#ifndef ARCH_X86_GUEST_EXIT_H
#define ARCH_X86_GUEST_EXIT_H

#include "kernel/types.h"

struct vcpu;

/* Handle vcpu->arch.exit. True: enter again; false: the CPU loop's turn. */
bool vcpu_handle_exit(struct vcpu *vcpu);

#endif
