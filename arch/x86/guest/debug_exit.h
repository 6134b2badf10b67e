/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * -device isa-debug-exit,iobase=..,iosize=..: as QEMU's, a write of @value ends the guest
 * with code value << 1 | 1.
 */
#ifndef ARCH_X86_GUEST_DEBUG_EXIT_H
#define ARCH_X86_GUEST_DEBUG_EXIT_H

#include "kernel/io.h"

extern const struct io_ops debug_exit_ops;	/* dev: struct guest; guest->lock held */

#endif
