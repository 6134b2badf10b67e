/* SPDX-License-Identifier: BSD-2-Clause */
/* MSR policy. */
#ifndef ARCH_X86_GUEST_MSR_H
#define ARCH_X86_GUEST_MSR_H

#include "kernel/types.h"

struct vcpu;

/* What firmware leaves in the MSRs that struct hvm_msrs holds. */
void guest_msrs_reset(struct vcpu *vcpu);

/* Exits by RDMSR and WRMSR: done, or #GP injected. */
void guest_rdmsr_exit(struct vcpu *vcpu);
void guest_wrmsr_exit(struct vcpu *vcpu);

#endif
