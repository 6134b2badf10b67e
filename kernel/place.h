/* SPDX-License-Identifier: BSD-2-Clause */
/* Which CPU a vCPU runs on: decided once, before its guest is made. */
#ifndef KERNEL_PLACE_H
#define KERNEL_PLACE_H

#include "kernel/guest_config.h"

struct cpu;

/*
 * place_vcpus() - a CPU for each vCPU of @config in @where: those that -cpu-affinity names, in
 * turn; without it the one with the fewest vCPUs, the BSP after its equals, since it has the
 * console's and the NICs' interrupts. At least one CPU runs guests. BSP at boot.
 * 0, or -ENODEV when one that is named is not there or does not run guests; *@bad says which.
 */
int place_vcpus(const struct guest_config *config, struct cpu **where, unsigned int *bad);

#endif
