/* SPDX-License-Identifier: BSD-2-Clause */
/* The arch parts of struct guest and struct vcpu. */
#ifndef ASM_GUEST_H
#define ASM_GUEST_H

#include "arch/x86/hvm_types.h"
#include "kernel/types.h"

/* Guest RAM is [0, this) and, what is more, from 4 GiB up: see enum vpc_map. */
#define ARCH_GUEST_LOW_RAM_MAX 0xc0000000ull

struct vlapic;
struct vpc;		/* the virtual PC's devices: arch/x86/guest/vpc.h */

struct arch_guest {
	void *hvm;		/* backend: EPT/NPT root, bitmaps */
	struct vpc *vpc;
	s64 tsc_offset;		/* added to the host's TSC; the guest's TSC starts at 0 */
	u64 tsc_adjust;		/* IA32_TSC_ADJUST: what the guest has added to it */
};

struct arch_vcpu {
	/* First, in encoding order (RAX, RCX, RDX, RBX, RSP, ...); RSP is in the VMCS or VMCB. */
	u64 gpr[16];
	void *hvm;		/* backend: VMCS/VMCB and its state */
	struct vlapic *lapic;
	struct hvm_exit exit;	/* the last one */
	struct hvm_event pending;	/* exception or NMI to inject at the next entry */
	struct hvm_msrs msrs;	/* MSRs that are switched, not trapped */
	u64 xcr0;
	u32 kicked;		/* set by vcpu_kick(), cleared when looked at */
	bool halted_masked;	/* HLT with interrupts off: only an NMI, INIT or reset ends it */
	void *fpu;		/* XSAVE area, 64-byte aligned */
	u64 cr2, dr[4], dr6;	/* while not loaded: not switched at entry and exit */
};

#endif
