/* SPDX-License-Identifier: BSD-2-Clause */
/* build: debug */
/* expect: guest failed_entry: VM entry failed */
/* A hypervisor with DEBUG_CHECKS spoils this guest's state on request: the next VM entry fails. */
#include "lib.h"

const char test_name[] = "failed_entry";

enum { HYPERCALL_SPOIL = 0x6c6f7073 };	/* "spol", arch/x86/guest/exit.c */

static void vmcall(void *arg)
{
	(void)arg;
	__asm__ volatile("vmcall" :: "a"(HYPERCALL_SPOIL) : "memory");
}

void test(void)
{
	fail("VMCALL: vector %d", fault_catch(vmcall, NULL));
}
