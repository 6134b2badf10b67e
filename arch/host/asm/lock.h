/* SPDX-License-Identifier: BSD-2-Clause */
/* A process's threads need not be CPUs, so locks are not checked; the test of the checks asks. */
#ifndef ASM_LOCK_H
#define ASM_LOCK_H
#endif
