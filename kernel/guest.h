/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest and its virtual CPUs: the portable half, and what the arch half must answer.
 *
 * A guest's devices and I/O spaces are used on the CPU that runs the vCPU which trapped;
 * guest->lock serialises device models against each other. vhost never takes it.
 */
#ifndef KERNEL_GUEST_H
#define KERNEL_GUEST_H

#include "asm/guest.h"		/* struct arch_guest, struct arch_vcpu */
#include "kernel/console.h"
#include "kernel/doorbell.h"
#include "kernel/guest_config.h"
#include "kernel/guest_mem.h"
#include "kernel/io.h"
#include "kernel/list.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/types.h"
#include "kernel/work.h"

struct cpu;
struct virtio_net;
struct vpci_bus;

enum guest_state {
	GUEST_STARTING,
	GUEST_RUNNING,
	GUEST_PAUSED,		/* by the operator: stop/cont */
	GUEST_ENDED,		/* powered off, crashed, stopped for good; memory given back */
};

enum vcpu_state {
	VCPU_RUNNABLE,
	VCPU_HALTED,		/* HLT: until an interrupt */
	VCPU_WAIT_SIPI,		/* an AP before INIT/SIPI */
	VCPU_STOPPED,		/* guest paused or ended */
};

/* Asked for by a device or an exit, done by the guest's life-cycle work on its CPU. */
enum guest_request {
	GUEST_REQ_NONE,
	GUEST_REQ_RESET,	/* the guest asked: FADT reset register, keyboard controller */
	GUEST_REQ_POWEROFF,	/* ACPI S5 */
	GUEST_REQ_DEBUG_EXIT,	/* isa-debug-exit; code = value << 1 | 1 */
	GUEST_REQ_CRASH,	/* triple fault, failed VM entry, ...: on_crash decides */
	GUEST_REQ_STOP,		/* operator: stop for good / quit */
	GUEST_REQ_START,	/* guest_start() */
	GUEST_REQ_CLAIMED,	/* being written by the CPU that asks */
};

#define VCPU_EXIT_KINDS 176	/* the backend with the most */

struct vcpu {
	struct arch_vcpu arch;	/* first: assembly reaches the registers through it */
	struct guest *guest;
	unsigned int id;	/* = initial APIC id */
	struct cpu *cpu;	/* placed there */
	struct list cpu_node;	/* cpu->vcpus */
	struct list awake_node;	/* cpu->awake, or empty: it has nothing to do until it is kicked */
	u32 asleep;		/* the latter; changed by its own CPU */
	u64 ran_ns;		/* its share of a CPU that is shared: sched_pick() */
	bool yields;		/* it spins: one that shares its CPU has the next turn */
	struct work place;	/* there: takes it on, or off again */
	u32 state;		/* enum vcpu_state; its own CPU's, but a SIPI ends WAIT_SIPI */
	u64 entries;		/* into guest mode; each ends with an exit */
	u64 exits[VCPU_EXIT_KINDS];	/* by hardware exit reason, see arch_exit_name() */
	/*
	 * Where its time on the CPU goes, in ticks of the TSC: in guest mode; by exit reason, from
	 * the exit until the next entry or the return to the CPU loop; from there to the entry.
	 */
	u64 guest_ticks, exit_ticks[VCPU_EXIT_KINDS], entry_ticks;
	u64 *charged, charged_from;	/* what the time goes to at present, since when */
	u64 doorbells;
	u64 injected;		/* interrupts */
	/* On its CPU: back to cpu->awake. Last, never made anew: who kicks late may queue it. */
	struct work wake;
};

struct guest {
	const struct guest_config *config;
	unsigned int id;
	u32 state;		/* enum guest_state */
	struct spinlock lock;	/* device models, I/O spaces, doorbell map changes */
	struct guest_mem mem;
	struct io_space pio, mmio;
	struct doorbell_map doorbells;
	struct vcpu *vcpus[GUEST_VCPUS_MAX];
	unsigned int nr_vcpus;
	struct guest_console console;
	struct vpci_bus *pci;
	struct virtio_net *nics[GUEST_NICS_MAX];
	unsigned int nr_nics;
	struct arch_guest arch;
	struct cpu *cpu;	/* its life cycle and devices' timers are here; vCPU 0's */
	struct cpu *placement[GUEST_VCPUS_MAX];	/* of each vCPU; does not change */
	bool placed;		/* its vCPUs are (to be) on their CPUs; the life-cycle work's */
	u32 moving;		/* vCPUs that still have to be taken on or off */
	const struct archive *archive;	/* its image comes from here at each reset */

	struct work_payer payers[CONFIG_MAX_CPUS];	/* of its work on each CPU */
	struct work lifecycle;
	u32 request;		/* enum guest_request, first one wins */
	u32 request_code;
	char request_why[80];
	u64 starts, resets;
	u64 started_ns, ended_ns;	/* of the last start */
	unsigned int early_crashes;	/* in succession, each soon after its start */
	char ended_why[96];		/* "powered off" */
	struct ratelimit life_rl;	/* lines that the guest can cause by resetting itself */
};

extern struct guest *guests[CONFIG_MAX_GUESTS];
extern unsigned int nr_guests;

/* Guest's display name, "web". */
static inline const char *guest_name(const struct guest *g) { return g->config->name; }
struct guest *guest_find(const char *name);

/*
 * guest_create() - memory, devices, vCPUs and image for @config. @where has a CPU for each vCPU;
 * their loops run. It is made on the first one's, which may be the caller's. On the BSP at boot.
 * An error (-ENOMEM, -ENOENT, -EINVAL, -E2BIG, -ENOEXEC) has been said on the console with
 * file and reason; nothing is left behind.
 */
struct archive;
struct guest *guest_create(const struct guest_config *config, const struct archive *archive,
			   struct cpu *const *where, int *err);
/* Has the guest's CPU run it, from its next pass of the loop on. */
void guest_start(struct guest *guest);

/*
 * Any CPU; the first request since the last one was served wins, later ones are dropped. @why is
 * copied. GUEST_REQ_RESET of a guest that has ended builds it anew and starts it.
 */
void guest_request(struct guest *guest, enum guest_request req, u32 code, const char *why);

/* Operator: monitor context (BSP loop). 0 or -EINVAL when the state does not allow it. */
int guest_pause(struct guest *guest);
int guest_cont(struct guest *guest);

/* Every guest is GUEST_ENDED. */
bool guests_all_ended(void);
/* @work is queued each time a guest has ended and none is left that has not. BSP at boot. */
void guests_on_all_ended(struct work *work);
/*
 * The operator wants the machine to end: all guests are ended, also those that are about to be
 * reset. guests_quitting() from then on, so that CONFIG_LAST_GUEST_STAY does not hold it up.
 */
void guests_quit(void);
bool guests_quitting(void);
/* A line for each guest and one for memory, on the console. After the last guest has ended. */
void guests_summary(void);

/*
 * vcpu_kick() - have @vcpu look at its pending interrupts and requests soon: wakes it from
 * HLT, interrupts guest mode if it runs elsewhere. Any CPU. The caller has published first.
 */
void vcpu_kick(struct vcpu *vcpu);

/*
 * vcpus_place() - have each vCPU of @guest taken on by its CPU, or taken off: then nothing of it is
 * left in a processor, and it may be reset or freed from anywhere. True: done. False: on other CPUs
 * it is under way, and the life-cycle work is queued when it has been done. The guest's CPU, by the
 * life-cycle work, when nothing is under way (vcpus_moving()).
 */
bool vcpus_place(struct guest *guest, bool on);
bool vcpus_moving(const struct guest *guest);

/*
 * Would arch_vcpu_run() do something? If not it leaves cpu->awake, and nobody looks at it until
 * vcpu_kick(): which is for all that could change the answer, a state of the guest as well as an
 * interrupt. Its own CPU.
 */
bool vcpu_runnable(struct vcpu *vcpu);

/* Is the guest neither paused, nor ended, nor about to be reset or ended? Any CPU. */
static inline bool guest_runs(const struct guest *guest)
{
	return !(READ_ONCE(guest->request) | (READ_ONCE(guest->state) ^ GUEST_RUNNING));
}

/* Interrupts into the guest, from any CPU (device models, vhost call events). */
void guest_msi(struct guest *guest, u64 addr, u32 data);
void guest_irq_line(struct guest *guest, unsigned int gsi, bool level);

/*
 * Arch half (arch/x86/guest; mocked in native tests). All but arch_vcpu_has_interrupt(),
 * arch_vcpu_unload() and the two above run on the guest's CPU while no vCPU of it is placed;
 * guest->lock is held for arch_vcpu_init() and arch_vcpu_free() and for no other.
 */
/* Chipset devices. -EBUSY, which it has said itself: isa-debug-exit's ports are another's. */
int arch_guest_init(struct guest *guest);
void arch_guest_free(struct guest *guest);
int arch_guest_map_ram(struct guest *guest);	/* guest->mem -> nested page tables */
void arch_guest_reset(struct guest *guest);	/* all devices and vCPUs to power-on state */
/* Image, command line, tables into RAM; boot vCPU's registers. Says its errors itself. */
int arch_guest_load(struct guest *guest, const struct archive *archive);
int arch_vcpu_init(struct vcpu *vcpu);
/* On the vCPU's CPU: what the processor holds of it goes to memory, its timers are stopped. */
void arch_vcpu_unload(struct vcpu *vcpu);
void arch_vcpu_free(struct vcpu *vcpu);
/*
 * Run @vcpu until something needs the CPU loop: queued work, a host interrupt, a timer of the CPU
 * or a deadline (time_ns() units), HLT, a request against the guest, a kick. cpu->state is
 * CPU_IN_GUEST only while it is entered; the look at the work after that has been announced is this
 * function's, and that at the timers, which an exit may arm.
 */
void arch_vcpu_run(struct vcpu *vcpu, u64 deadline_ns);
bool arch_vcpu_has_interrupt(struct vcpu *vcpu);
const char *arch_exit_name(unsigned int reason);	/* NULL: no such reason */

#endif
