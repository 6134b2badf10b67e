/* SPDX-License-Identifier: BSD-2-Clause */
/* Locks know their CPUs: order and owner can be checked. */
#ifndef ASM_LOCK_H
#define ASM_LOCK_H

#ifdef CONFIG_DEBUG_CHECKS
#define LOCK_CHECKS
#endif

#endif
