/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU's state that entry and exit do not switch, because the hypervisor does not use it:
 * FPU, XCR0, system-call MSRs, CR2, debug registers. It stays in the processor (arch_cpu.loaded)
 * until another vCPU wants that.
 */
#ifndef ARCH_X86_GUEST_VCPU_H
#define ARCH_X86_GUEST_VCPU_H

#include "arch/x86/hvm_types.h"
#include "kernel/types.h"

struct vcpu;

/*
 * Power-on state (SDM 3A table 10-1): what is in struct arch_vcpu is set, the rest written to
 * @st for the backend.
 */
void vcpu_reset_state(struct vcpu *vcpu, struct hvm_state *st);

/* CR2 and XCR0, whether loaded or not. */
u64 vcpu_get_cr2(const struct vcpu *vcpu);
void vcpu_set_cr2(struct vcpu *vcpu, u64 val);
void vcpu_set_xcr0(struct vcpu *vcpu, u64 val);

/* A switched MSR changed by policy (arch.msrs holds it): if loaded, into the processor too. */
void vcpu_set_tsc_aux(struct vcpu *vcpu, u64 val);

#endif
