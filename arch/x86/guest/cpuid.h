/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUID as guests see it. */
#ifndef ARCH_X86_GUEST_CPUID_H
#define ARCH_X86_GUEST_CPUID_H

#include "kernel/types.h"

struct vcpu;

/* Exits by CPUID. */
void guest_cpuid_exit(struct vcpu *vcpu);

/*
 * Register @reg (0 EAX ... 3 EDX) of @leaf, subleaf 0, without the bits that depend on the vCPU
 * or on its control registers: which features there are.
 */
u32 guest_cpuid_feature(u32 leaf, unsigned int reg);

/* The vendor is AMD, or Hygon, whose processors are AMD's. */
bool guest_cpuid_is_amd(void);

#endif
