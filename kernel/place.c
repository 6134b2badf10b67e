/* SPDX-License-Identifier: BSD-2-Clause */
/* Placement: by configuration, otherwise spread. */
#include "kernel/place.h"

#include <errno.h>

#include "kernel/cpu.h"

static unsigned int nr_placed[CONFIG_MAX_CPUS];

static bool usable(unsigned int id)
{
	return id < nr_cpus && cpus[id]->runs_guests;
}

static unsigned int least_used(void)
{
	unsigned int best = 0;
	bool found = false;

	for (unsigned int i = 1; i <= nr_cpus; i++) {
		unsigned int id = i % nr_cpus;

		if (usable(id) && (!found || nr_placed[id] < nr_placed[best])) {
			best = id;
			found = true;
		}
	}
	return best;
}

int place_vcpus(const struct guest_config *config, struct cpu **where, unsigned int *bad)
{
	unsigned int nr = config->affinity.nr;

	for (unsigned int i = 0; i < nr; i++) {
		*bad = config->affinity.cpu[i];
		if (!usable(*bad))
			return -ENODEV;
	}
	for (unsigned int i = 0; i < config->nr_vcpus; i++) {
		unsigned int id = nr ? config->affinity.cpu[i % nr] : least_used();

		where[i] = cpus[id];
		nr_placed[id]++;
	}
	return 0;
}
