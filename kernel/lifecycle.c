/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's life: starting, resetting, pausing, ending. Whoever wants something asks by
 * guest_request(); it is done by work on the guest's CPU, after all its vCPUs have been taken off
 * theirs.
 */
#include "kernel/lifecycle.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "virtio/net.h"

/* -action panic=reset: a guest that does not get further than this so often stays down. */
#define EARLY_CRASH_NS	(1 * NSEC_PER_SEC)
#define EARLY_CRASHES	5

static struct work *all_ended_work;
static bool quitting;

/* ---- Asking ---- */

void guest_request(struct guest *guest, enum guest_request req, u32 code, const char *why)
{
	u32 none = GUEST_REQ_NONE;

	if (!__atomic_compare_exchange_n(&guest->request, &none, GUEST_REQ_CLAIMED, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	guest->request_code = code;
	snprintf(guest->request_why, sizeof(guest->request_why), "%s", why ? why : "");
	__atomic_store_n(&guest->request, req, __ATOMIC_RELEASE);
	work_queue(&guest->lifecycle);
}

void guest_start(struct guest *guest)
{
	guest_request(guest, GUEST_REQ_START, 0, NULL);
}

/* guest_runs() has changed. */
static void vcpus_kick(struct guest *guest)
{
	for (unsigned int i = 0; i < guest->nr_vcpus; i++)
		vcpu_kick(guest->vcpus[i]);
}

/* The operator's: from one state to another, if it is in that one. */
static int change_state(struct guest *guest, u32 from, u32 to, const char *what)
{
	if (!__atomic_compare_exchange_n(&guest->state, &from, to, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED))
		return -EINVAL;
	vcpus_kick(guest);
	pr_info("guest %s: %s by the operator", guest_name(guest), what);
	return 0;
}

int guest_pause(struct guest *guest)
{
	return change_state(guest, GUEST_RUNNING, GUEST_PAUSED, "stopped");
}

int guest_cont(struct guest *guest)
{
	return change_state(guest, GUEST_PAUSED, GUEST_RUNNING, "continued");
}

/* ---- Running ---- */

/* The vCPUs as after power-on: the first runs, the others wait to be started by it. */
static void run(struct guest *guest)
{
	for (unsigned int i = 0; i < guest->nr_vcpus; i++)
		WRITE_ONCE(guest->vcpus[i]->state, i == 0 ? VCPU_RUNNABLE : VCPU_WAIT_SIPI);
	for (unsigned int i = 0; i < guest->nr_nics; i++)
		virtio_net_resume(guest->nics[i]);
	guest->started_ns = time_ns();
	__atomic_store_n(&guest->state, GUEST_RUNNING, __ATOMIC_RELEASE);
	vcpus_place(guest, true);
}

static void start(struct guest *guest)
{
	const struct guest_config *c = guest->config;

	guest->starts++;
	run(guest);
	pr_info("guest %s: started (%lu MiB, %u vCPU%s, kernel %s)", c->name,
		(u64)(c->memory / MIB), c->nr_vcpus, c->nr_vcpus > 1 ? "s" : "", c->kernel);
}

/* For good, unless the operator resets it. */
static void end(struct guest *guest, const char *fmt, ...) __printf(2, 3);
static void end(struct guest *guest, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(guest->ended_why, sizeof(guest->ended_why), fmt, ap);
	va_end(ap);
	pr_info("guest %s: %s", guest_name(guest), guest->ended_why);
	guest_tear_down(guest);
	guest->ended_ns = time_ns();
	__atomic_store_n(&guest->state, GUEST_ENDED, __ATOMIC_RELEASE);
	if (all_ended_work && guests_all_ended())
		work_queue(all_ended_work);
}

/* What it takes others on this CPU is the first vCPU's time: who resets itself has had it. */
static void restart(struct guest *guest)
{
	u64 begin = time_ns();

	WRITE_ONCE(guest->state, GUEST_STARTING);
	if (guest_power_on(guest)) {
		end(guest, "ended: it cannot be loaded again");
		return;
	}
	guest->resets++;
	guest->vcpus[0]->ran_ns += time_ns() - begin;
	run(guest);
	log_ratelimited(&guest->life_rl, LOG_INFO, "guest %s: started again (reset %lu)",
			guest_name(guest), guest->resets);
}

/* ---- Serving requests: on the guest's CPU ---- */

static void serve_start(struct guest *guest)
{
	if (guest->state == GUEST_STARTING)
		start(guest);
}

/* An ended guest is made anew. */
static void serve_restart_ended(struct guest *guest)
{
	guest->early_crashes = 0;
	guest->state = GUEST_STARTING;
	if (!guest_build(guest)) {
		start(guest);
		return;
	}
	guest->state = GUEST_ENDED;
	if (all_ended_work && guests_all_ended())
		work_queue(all_ended_work);
}

static void serve_reset(struct guest *guest)
{
	if (guest->state == GUEST_ENDED) {
		serve_restart_ended(guest);
		return;
	}
	if (guest->config->no_reboot) {
		end(guest, "ended: reset requested (%s), -no-reboot", guest->request_why);
		return;
	}
	log_ratelimited(&guest->life_rl, LOG_INFO, "guest %s: reset requested (%s)",
			guest_name(guest), guest->request_why);
	guest->early_crashes = 0;
	restart(guest);
}

static void serve_poweroff(struct guest *guest)
{
	end(guest, "powered off");
}

static void serve_debug_exit(struct guest *guest)
{
	end(guest, "ended by isa-debug-exit, code %u", (unsigned int)guest->request_code);
}

static void serve_crash(struct guest *guest)
{
	if (guest->config->on_crash != ON_CRASH_RESET) {
		end(guest, "%s, stopped", guest->request_why);
		return;
	}
	if (time_ns() - guest->started_ns >= EARLY_CRASH_NS)
		guest->early_crashes = 0;
	if (++guest->early_crashes == EARLY_CRASHES) {
		end(guest, "%s, stopped: %d times soon after its start", guest->request_why,
		    EARLY_CRASHES);
		return;
	}
	log_ratelimited(&guest->life_rl, LOG_WARN, "guest %s: %s, reset", guest_name(guest),
			guest->request_why);
	restart(guest);
}

static void serve_stop(struct guest *guest)
{
	end(guest, "ended by the operator");
}

static void (*const serve[])(struct guest *guest) = {
	[GUEST_REQ_START] = serve_start,
	[GUEST_REQ_RESET] = serve_reset,
	[GUEST_REQ_POWEROFF] = serve_poweroff,
	[GUEST_REQ_DEBUG_EXIT] = serve_debug_exit,
	[GUEST_REQ_CRASH] = serve_crash,
	[GUEST_REQ_STOP] = serve_stop,
};

/*
 * No frame in the guest's memory is on its way any more: true. Otherwise the life-cycle work is
 * queued when the last of them has come back; no vCPU runs until then, since there is a request.
 */
static bool nics_quiet(struct guest *guest)
{
	bool quiet = true;

	spin_lock(&guest->lock);
	for (unsigned int i = 0; i < guest->nr_nics; i++)
		if (virtio_net_reset(guest->nics[i], &guest->lifecycle))
			quiet = false;
	spin_unlock(&guest->lock);
	return quiet;
}

/* Nothing of the guest runs or is on its way any more; if not yet, this work is queued again. */
static bool at_rest(struct guest *guest)
{
	return vcpus_place(guest, false) && nics_quiet(guest);
}

void guest_lifecycle(struct work *work)
{
	struct guest *guest = container_of(work, struct guest, lifecycle);
	u32 req = __atomic_load_n(&guest->request, __ATOMIC_ACQUIRE);
	bool ended = guest->state == GUEST_ENDED;

	if (req == GUEST_REQ_CLAIMED)
		return;		/* whoever writes it queues this work after that */
	if (guests_quitting()) {
		req = GUEST_REQ_STOP;
		__atomic_store_n(&guest->request, req, __ATOMIC_RELEASE);
	}
	if (req == GUEST_REQ_NONE || vcpus_moving(guest))
		return;
	if (req != GUEST_REQ_START && !at_rest(guest))
		return;
	if (!ended || req == GUEST_REQ_RESET)
		serve[req](guest);
	__atomic_store_n(&guest->request, GUEST_REQ_NONE, __ATOMIC_RELEASE);
	vcpus_kick(guest);
}

/* ---- All guests ---- */

bool guests_all_ended(void)
{
	for (unsigned int i = 0; i < nr_guests; i++)
		if (__atomic_load_n(&guests[i]->state, __ATOMIC_ACQUIRE) != GUEST_ENDED)
			return false;
	return true;
}

void guests_on_all_ended(struct work *work)
{
	all_ended_work = work;
}

void guests_quit(void)
{
	WRITE_ONCE(quitting, true);
	for (unsigned int i = 0; i < nr_guests; i++)
		work_queue(&guests[i]->lifecycle);
	if (all_ended_work && guests_all_ended())
		work_queue(all_ended_work);
}

bool guests_quitting(void)
{
	return READ_ONCE(quitting);
}

static void summarize(const struct guest *guest)
{
	u64 ms = (guest->ended_ns - guest->started_ns) / NSEC_PER_MSEC;
	u64 exits = 0, doorbells = 0, injected = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(guest->vcpus) && guest->vcpus[i]; i++) {
		const struct vcpu *vcpu = guest->vcpus[i];

		for (unsigned int kind = 0; kind < VCPU_EXIT_KINDS; kind++)
			exits += vcpu->exits[kind];
		doorbells += vcpu->doorbells;
		injected += vcpu->injected;
	}
	console_printf("summary: guest %s: %s; seconds=%lu.%03lu starts=%lu resets=%lu exits=%lu "
		       "doorbells=%lu interrupts=%lu\n", guest_name(guest), guest->ended_why,
		       ms / 1000, ms % 1000, guest->starts, guest->resets, exits, doorbells,
		       injected);
}

void guests_summary(void)
{
	if (!nr_guests)
		console_printf("summary: no guest was started\n");
	for (unsigned int i = 0; i < nr_guests; i++)
		summarize(guests[i]);
	console_printf("summary: memory still held for guests: ram=%lu tables=%lu vhost=%lu "
		       "bytes\n", guests_memory(MEM_GUEST), guests_memory(MEM_EPT),
		       guests_memory(MEM_VHOST));
}
