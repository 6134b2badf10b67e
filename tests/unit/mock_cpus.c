/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests that have one CPU, which is nobody's business. */
#include "kernel/cpu.h"

struct cpu *cpus[CONFIG_MAX_CPUS];
unsigned int nr_cpus;
