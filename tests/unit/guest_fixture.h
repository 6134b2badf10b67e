/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest whose parts are mocks: each call of theirs is noted as a word. */
#ifndef TESTS_UNIT_GUEST_FIXTURE_H
#define TESTS_UNIT_GUEST_FIXTURE_H

#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/archive.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"
#include "kernel/mem.h"
#include "kernel/vpci.h"
#include "virtio/net.h"

/* ---- What the guest is made of: each call noted as a word ---- */

static struct cpu *built_on;
static char calls[8192];
static const char *fail_at;		/* the word that answers with an error */
static unsigned int unloads;
static unsigned int nic_resumes;	/* virtio_net_resume(): before vCPUs run */
static unsigned int frames_in_flight;	/* virtio_net_reset() waits for them */
static struct work *nic_again;
static u64 load_takes;
static bool has_interrupt;
static struct vpci_bus bus;

static inline int note(const char *word)
{
	strcat(calls, word);
	strcat(calls, " ");
	return fail_at && !strcmp(fail_at, word) ? -ENOSPC : 0;
}

static inline void expect_calls(const char *want)
{
	assert_string_equal(calls, want);
	calls[0] = '\0';
}

int arch_guest_init(struct guest *guest)
{
	built_on = this_cpu();
	assert_string_equal(guest->mmio.name, "mmio");
	guest->pci = &bus;
	return note("board");
}

void arch_guest_free(struct guest *guest) { note("-board"); }
int arch_guest_map_ram(struct guest *guest) { return note("map"); }
void arch_guest_reset(struct guest *guest) { note("reset"); }
int arch_guest_load(struct guest *guest, const struct archive *archive)
{
	host_time_advance(load_takes);
	return note("load");
}

/* The boot CPU may be about to show the vCPU. */
int arch_vcpu_init(struct vcpu *vcpu)
{
	assert_true(vcpu->guest->lock.locked);
	return note(vcpu->id ? "vcpu1" : "vcpu0");
}

void arch_vcpu_free(struct vcpu *vcpu)
{
	assert_true(vcpu->guest->lock.locked);
	note(vcpu->id ? "-vcpu1" : "-vcpu0");
}

void arch_vcpu_unload(struct vcpu *vcpu) { unloads++; }
bool arch_vcpu_has_interrupt(struct vcpu *vcpu) { return has_interrupt; }
void vpci_bus_reset(struct vpci_bus *b) { note(b == &bus ? "pci" : "?"); }

int virtio_net_create(struct guest *guest, const struct nic_config *config, struct cpu *cpu,
		      struct virtio_net **out)
{
	*out = (struct virtio_net *)config->id;
	return note(config->id);
}

int virtio_net_reset(struct virtio_net *net, struct work *again)
{
	note("quiet");
	nic_again = again;
	return frames_in_flight ? -EINPROGRESS : 0;
}

void virtio_net_resume(struct virtio_net *net) { nic_resumes++; }
void virtio_net_destroy(struct virtio_net *net) { note("-nic"); }
void console_guest_add(struct guest_console *gc, struct guest *guest) { note("console"); }
void console_guest_remove(struct guest_console *gc) { note("-console"); }

static unsigned int kicks;

void cpu_kick(struct cpu *cpu) { kicks++; }

/* ---- Setting up ---- */

/* Of all tests: what the machine itself holds before the first guest. */
static inline int machine_setup(void **state)
{
	static u64 own;

	own = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_VHOST);
	*state = &own;
	return own ? 0 : -1;
}

static inline int machine_teardown(void **state)
{
	const u64 *own = *state;

	mem_free(*own, PAGE_SIZE, MEM_VHOST);
	return 0;
}

static struct guest_config config;
static const struct archive archive;
static struct cpu *where[2];
static struct work ended;
static unsigned int all_ended;

static inline void count_ended(struct work *work)
{
	all_ended++;
}

static inline struct guest *create(void)
{
	int err = 1;
	struct guest *guest = guest_create(&config, &archive, where, &err);

	assert_int_equal(!guest, err != 0);
	return guest;
}

/* A guest that runs, nothing noted yet. */
static inline struct guest *running(void)
{
	struct guest *guest = create();

	guest_start(guest);
	work_run(this_cpu());
	assert_int_equal(guest->state, GUEST_RUNNING);
	calls[0] = '\0';
	return guest;
}

static inline void ask(struct guest *guest, enum guest_request req, u32 code, const char *why)
{
	guest_request(guest, req, code, why);
	work_run(this_cpu());
}

static inline int setup(void **state)
{
	memset(this_cpu(), 0, sizeof(*this_cpu()));
	list_init(&this_cpu()->vcpus);
	list_init(&this_cpu()->awake);
	where[0] = where[1] = this_cpu();
	config = (struct guest_config){ .name = "web", .memory = 4 * MIB, .nr_vcpus = 2,
					.kernel = "vmlinuz", .append = "", .nr_nics = 1 };
	strcpy(config.nic[0].id, "net0");
	host_time_set(100 * NSEC_PER_SEC);
	host_log_clear();
	host_console_clear();
	host_mem_fail(0);
	calls[0] = '\0';
	fail_at = NULL;
	has_interrupt = false;
	unloads = 0;
	load_takes = 0;
	nic_resumes = frames_in_flight = kicks = all_ended = 0;
	work_init(&ended, this_cpu(), count_ended);
	guests_on_all_ended(&ended);
	return 0;
}

static inline int teardown(void **state)
{
	for (unsigned int i = 0; i < nr_guests; i++)
		if (guests[i]->state != GUEST_ENDED)
			ask(guests[i], GUEST_REQ_STOP, 0, NULL);
	for (unsigned int i = 0; i < nr_guests; i++) {
		for (unsigned int j = 0; j < GUEST_VCPUS_MAX; j++)
			free(guests[i]->vcpus[j]);
		free(guests[i]);
	}
	nr_guests = 0;
	return mem_used(MEM_GUEST) != 0;
}

#endif
