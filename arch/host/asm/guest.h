/* SPDX-License-Identifier: BSD-2-Clause */
/* A native build has no CPU state: guests are mem tables and devices. */
#ifndef ASM_GUEST_H
#define ASM_GUEST_H

struct arch_guest {
	char unused;
};

struct arch_vcpu {
	char unused;
};

#endif
