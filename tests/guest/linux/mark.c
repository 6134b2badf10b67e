/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mark: have the emulator say what time it is. Bochs (magic_break) stops at `xchg %bx,%bx`, in a
 * guest's user mode too, and prints its ticks since power-on: a clock that owes nothing to what
 * hypervisor and guest believe about time.
 */
#include "tests/guest/linux/syscall.h"

void start(long *stack)
{
	__asm__ volatile("xchg %%bx, %%bx" : : : "memory");
	syscall3(SYS_exit, 0, 0, 0);
}
