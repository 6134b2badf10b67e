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

/* Policy tables (msr.c). */
int guest_rdmsr(struct vcpu *vcpu, u32 msr, u64 *val);	/* 0 or -EINVAL: #GP(0) */
int guest_wrmsr(struct vcpu *vcpu, u32 msr, u64 val);

/* Guest-virtual to guest-physical by the guest's own tables and paging mode. @access: hvm_prot.
 * 0, -EFAULT with @error the page-fault code (not present, no permission). */
int guest_walk(struct vcpu *vcpu, u64 gva, unsigned int access, u64 *gpa, u32 *error);

#endif
