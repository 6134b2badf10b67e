/* SPDX-License-Identifier: BSD-2-Clause */
/* The least that a program in the Debian guest needs: an entry, and system calls (syscall(2)). */
#ifndef TESTS_GUEST_LINUX_SYSCALL_H
#define TESTS_GUEST_LINUX_SYSCALL_H

#include <sys/syscall.h>

/* @stack: argc, argv[], NULL, ... as the kernel leaves them. Must not return. */
void start(long *stack);

__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call start\n");

static inline long syscall3(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

#endif
