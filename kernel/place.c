/* SPDX-License-Identifier: BSD-2-Clause */
/* Placement: by configuration, otherwise spread. */
#include "kernel/place.h"

#include <errno.h>

#include "kernel/cpu.h"

static unsigned int nr_placed[CONFIG_MAX_CPUS];

static bool usable(unsigned int id)
{
	return id < nr_cpus && cpus[id]->runs_guests && !cpus[id]->workers_only;
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
			return *bad < nr_cpus && cpus[*bad]->workers_only ? -EBUSY : -ENODEV;
	}
	for (unsigned int i = 0; i < config->nr_vcpus; i++) {
		unsigned int id = nr ? config->affinity.cpu[i % nr] : least_used();

		where[i] = cpus[id];
		nr_placed[id]++;
	}
	return 0;
}

int place_check_nics(const struct guest_config *config, unsigned int *nic, unsigned int *bad)
{
	for (*nic = 0; *nic < config->nr_nics; ++*nic) {
		const struct netdev_config *nd = &config->nic[*nic].netdev;

		for (unsigned int i = 0; i < nd->workers.nr; i++) {
			*bad = nd->workers.cpu[i];
			if (*bad >= nr_cpus)
				return -ENODEV;
		}
	}
	return 0;
}

static void take_back(void)
{
	for (unsigned int i = 0; i < nr_cpus; i++)
		cpus[i]->workers_only = false;
}

int place_workers(const struct host_config *host, unsigned int *bad)
{
	unsigned int nr_guests_cpus = 0;

	for (unsigned int i = 0; i < host->workers.nr; i++) {
		*bad = host->workers.cpu[i];
		if (*bad >= nr_cpus) {
			take_back();
			return -ENODEV;
		}
		cpus[*bad]->workers_only = true;
	}
	for (unsigned int i = 0; i < nr_cpus; i++)
		nr_guests_cpus += usable(i);
	if (host->workers.nr && !nr_guests_cpus) {
		take_back();
		return -ENOSPC;
	}
	return 0;
}

static unsigned int nr_worker_cpus(void)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < nr_cpus; i++)
		nr += cpus[i]->workers_only;
	return nr;
}

struct cpu *place_queue(struct cpu *const *home, unsigned int nr_home, unsigned int first,
			unsigned int n)
{
	unsigned int nr = nr_worker_cpus(), i = 0;

	if (!nr)
		return home[n % nr_home];
	for (n = (first + n) % nr; !cpus[i]->workers_only || n--; i++)
		;
	return cpus[i];
}
