/* SPDX-License-Identifier: BSD-2-Clause */
/* ringvisor.conf of any bytes: every guest that is accepted makes sense, every error is a line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/guest_config.h"
#include "kernel/log.h"

#define MAX_GUESTS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define check(cond) do { if (!(cond)) { fprintf(stderr, "%d: %s\n", __LINE__, #cond); abort(); } \
	} while (0)

/* The one thing that a setting changes. */
void log_set_level(enum log_level level)
{
	check(level <= LOG_DEBUG);
}

static bool printable(const char *text, size_t room)
{
	size_t len = strnlen(text, room);

	for (size_t i = 0; i < len; i++)
		if ((u8)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return len < room;
}

static void report(void *arg, const struct config_error *err)
{
	check(printable(err->text, sizeof(err->text)));
	check(!strncmp(err->text, "f.conf:", 7));
	++*(unsigned int *)arg;
}

static void check_nic(const struct guest_config *c, unsigned int i)
{
	const struct nic_config *nic = &c->nic[i];

	check(nic->id[0] && nic->netdev.id[0] && nic->netdev.br[0] && nic->netdev.queues);
	check(!(nic->mac[0] & 1) && !nic->packed && !nic->in_order);
	check(nic->devfn >> 3 >= 2 && nic->devfn >> 3 < 32 && !(nic->devfn & 7));
	check(nic->vectors <= 64);
	check(nic->rx_queue_size >= 64 && nic->rx_queue_size <= 1024);
	check(!(nic->tx_queue_size & (nic->tx_queue_size - 1)));
	for (unsigned int j = 0; j < i; j++) {
		check(nic->devfn != c->nic[j].devfn);
		check(strcmp(nic->id, c->nic[j].id));
		check(strcmp(nic->netdev.id, c->nic[j].netdev.id));
		check(memcmp(nic->mac, c->nic[j].mac, 6));
	}
}

static void check_guest(const struct guest_config *c)
{
	check(c->name[0] && printable(c->name, sizeof(c->name)));
	check(c->kernel[0] && printable(c->kernel, sizeof(c->kernel)));
	check(printable(c->initrd, sizeof(c->initrd)));
	check(strlen(c->append) < 2048);
	check(c->memory && c->memory <= 1024 * GIB && IS_ALIGNED(c->memory, 2 * MIB));
	check(c->nr_vcpus >= 1 && c->nr_vcpus <= GUEST_VCPUS_MAX);
	check(c->nr_nics <= GUEST_NICS_MAX);
	for (unsigned int i = 0; i < c->nr_nics; i++)
		check_nic(c, i);
	if (c->debug_exit.on)
		check(c->debug_exit.iosize &&
		      c->debug_exit.iobase + c->debug_exit.iosize <= 0x10000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct guest_config guests[MAX_GUESTS];
	struct host_config host;
	unsigned int errors = 0;
	int nr = config_parse("f.conf", (const char *)data, size, &host, guests, MAX_GUESTS,
			      report, &errors);

	check(nr >= 0 && nr <= MAX_GUESTS);
	check(host.workers.nr <= CONFIG_MAX_CPUS);
	for (unsigned int i = 0; i < host.workers.nr; i++)
		check(host.workers.cpu[i] < CONFIG_MAX_CPUS);
	for (int i = 0; i < nr; i++) {
		check_guest(&guests[i]);
		for (int j = 0; j < i; j++)
			check(strcmp(guests[i].name, guests[j].name));
		if (guests[i].append[0])
			free((char *)guests[i].append);
	}
	return 0;
}
