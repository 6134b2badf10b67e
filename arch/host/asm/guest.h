/* SPDX-License-Identifier: BSD-2-Clause */
/* A native build has no CPU state: guests are mem tables and devices. */
#ifndef ASM_GUEST_H
#define ASM_GUEST_H

#include "kernel/types.h"

struct arch_guest {
	char unused;
};

struct arch_vcpu {
	u32 kicked;
};

#define ARCH_GUEST_LOW_RAM_MAX 0xc0000000ull

#endif
