/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: guest debug_exit: ended by isa-debug-exit, code 85 */
/* isa-debug-exit: the code is value << 1 | 1, as in QEMU. */
#include "lib.h"

const char test_name[] = "debug_exit";

void test(void)
{
	outb(EXIT_PORT, 42);
	for (;;)
		hlt();
}
