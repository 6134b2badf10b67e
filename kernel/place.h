/* SPDX-License-Identifier: BSD-2-Clause */
/* Which CPU does what: decided once, before a guest is made. */
#ifndef KERNEL_PLACE_H
#define KERNEL_PLACE_H

#include "kernel/guest_config.h"

struct cpu;

/*
 * place_vcpus() - a CPU for each vCPU of @config in @where: those that -cpu-affinity names, in
 * turn; without it the one with the fewest vCPUs, the BSP after its equals, since it has the
 * console's and the NICs' interrupts. At least one CPU runs guests. BSP at boot.
 * 0, or -ENODEV when one that is named is not there or does not run guests, -EBUSY when it belongs
 * to workers; *@bad says which.
 */
int place_vcpus(const struct guest_config *config, struct cpu **where, unsigned int *bad);

/* Are the CPUs there that its -netdev options name? -ENODEV: *@bad is not, of NIC *@nic. */
int place_check_nics(const struct guest_config *config, unsigned int *nic, unsigned int *bad);

/*
 * place_workers() - give CPUs to vhost workers alone. BSP at boot, when all CPUs run, and before
 * anything else is placed. 0; -ENODEV: *@bad is not there; -ENOSPC: none would be left that runs
 * guests. After an error none is given away.
 */
int place_workers(const struct host_config *host, unsigned int *bad);

/*
 * place_queue() - the CPU for the @n-th queue (or pair of queues) of a device: of the workers'
 * CPUs, in turn, beginning with the @first-th, if there are any; otherwise @home[n % nr_home].
 * Any CPU.
 */
struct cpu *place_queue(struct cpu *const *home, unsigned int nr_home, unsigned int first,
			unsigned int n);

#endif
