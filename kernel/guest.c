/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest as a thing: the parts it is made of, in the order they are made and unmade. */
#include "kernel/guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/archive.h"
#include "kernel/cpu.h"
#include "kernel/lifecycle.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/vpci.h"
#include "virtio/net.h"

#define RAM_STEP	(2 * MIB)	/* the smallest page that maps RAM, and -m's granularity */
#define HIGH_RAM_BASE	(4 * GIB)

struct guest *guests[CONFIG_MAX_GUESTS];
unsigned int nr_guests;

struct guest *guest_find(const char *name)
{
	for (unsigned int i = 0; i < nr_guests; i++)
		if (!strcmp(guest_name(guests[i]), name))
			return guests[i];
	return NULL;
}

/* ---- RAM ---- */

static void ram_free(struct guest *guest)
{
	for (unsigned int i = 0; i < guest->mem.nr; i++)
		mem_free(guest->mem.region[i].phys, guest->mem.region[i].size, MEM_GUEST);
	guest->mem.nr = 0;
}

static u64 ram_alloc_phys(u64 gpa, u64 size)
{
	u64 phys = 0;

	if (size >= GIB && IS_ALIGNED(gpa, GIB))
		phys = mem_alloc(size, GIB, MEM_GUEST);
	return phys ? phys : mem_alloc(size, RAM_STEP, MEM_GUEST);
}

/* One range of up to @room bytes at @gpa, cleared; what it holds, or 0. */
static u64 ram_add(struct guest *guest, u64 gpa, u64 room)
{
	for (u64 size = room; size; size = ALIGN_DOWN(size / 2, RAM_STEP)) {
		u64 phys = ram_alloc_phys(gpa, size);

		if (!phys)
			continue;
		if (guest_mem_add(&guest->mem, gpa, size, phys_to_virt(phys), phys)) {
			mem_free(phys, size, MEM_GUEST);
			return 0;
		}
		memset(phys_to_virt(phys), 0, size);	/* somebody else's before */
		return size;
	}
	return 0;
}

static int ram_alloc(struct guest *guest)
{
	u64 left = guest->config->memory, gpa = 0;

	while (left) {
		u64 room = gpa < ARCH_GUEST_LOW_RAM_MAX ?
			   MIN(left, ARCH_GUEST_LOW_RAM_MAX - gpa) : left;
		u64 size = ram_add(guest, gpa, room);

		if (!size) {
			ram_free(guest);
			pr_err("guest %s: -m %luM: not enough memory (%lu MiB free)",
			       guest_name(guest), (u64)(guest->config->memory / MIB),
			       (u64)(mem_used(MEM_FREE) / MIB));
			return -ENOMEM;
		}
		left -= size;
		gpa += size;
		if (gpa == ARCH_GUEST_LOW_RAM_MAX)
			gpa = HIGH_RAM_BASE;
	}
	return 0;
}

/* ---- vCPUs: under the lock, as `info lapic` looks at them from the boot CPU ---- */

static void vcpus_free(struct guest *guest)
{
	for (unsigned int i = guest->nr_vcpus; i-- > 0;) {
		struct vcpu *vcpu = guest->vcpus[i];

		spin_lock(&guest->lock);
		vcpu->state = VCPU_STOPPED;
		arch_vcpu_free(vcpu);
		spin_unlock(&guest->lock);
	}
}

static int vcpu_create(struct guest *guest, unsigned int id)
{
	struct vcpu *vcpu = guest->vcpus[id];
	int err;

	if (!vcpu)
		vcpu = calloc(1, sizeof(*vcpu));
	if (!vcpu)
		return -ENOMEM;
	spin_lock(&guest->lock);
	vcpu_init(vcpu, guest, id);
	guest->vcpus[id] = vcpu;
	err = arch_vcpu_init(vcpu);
	spin_unlock(&guest->lock);
	if (err)
		pr_err("guest %s: vCPU %u cannot be made: %s", guest_name(guest), id,
		       strerror(-err));
	return err;
}

/* On each CPU its first vCPU there, if it has one. */
static void set_payers(struct guest *guest)
{
	for (unsigned int i = 0; i < nr_cpus; i++)
		guest->payers[i].guest = guest;
	for (unsigned int i = guest->nr_vcpus; i-- > 0;)
		guest->payers[guest->vcpus[i]->cpu->id].ran_ns = &guest->vcpus[i]->ran_ns;
}

static int vcpus_create(struct guest *guest)
{
	guest->nr_vcpus = 0;
	for (unsigned int id = 0; id < guest->config->nr_vcpus; id++) {
		int err = vcpu_create(guest, id);

		if (err) {
			vcpus_free(guest);
			return err;
		}
		guest->nr_vcpus++;
	}
	set_payers(guest);
	return 0;
}

/* ---- NICs ---- */

static void nics_destroy(struct guest *guest)
{
	for (unsigned int i = guest->nr_nics; i-- > 0;) {
		struct virtio_net *nic = guest->nics[i];

		spin_lock(&guest->lock);
		guest->nics[i] = NULL;
		guest->nr_nics = i;
		virtio_net_destroy(nic);
		spin_unlock(&guest->lock);
	}
}

static int nics_create(struct guest *guest)
{
	const struct guest_config *config = guest->config;

	guest->nr_nics = 0;
	for (unsigned int i = 0; i < config->nr_nics; i++) {
		int err;

		spin_lock(&guest->lock);
		err = virtio_net_create(guest, &config->nic[i], guest->cpu, &guest->nics[i]);
		spin_unlock(&guest->lock);
		if (err) {
			pr_err("guest %s: %s: virtio-net-pci at addr 0x%x cannot be made: %s",
			       guest_name(guest), config->nic[i].id, config->nic[i].devfn >> 3,
			       strerror(-err));
			nics_destroy(guest);
			return err;
		}
		guest->nr_nics++;
	}
	return 0;
}

/* ---- All of it ---- */

static int board_init(struct guest *guest)
{
	int err;

	guest->pio = (struct io_space){ .name = "pio" };
	guest->mmio = (struct io_space){ .name = "mmio" };
	guest->doorbells.nr = 0;
	err = arch_guest_init(guest);
	if (err && err != -EBUSY)
		pr_err("guest %s: devices cannot be made: %s", guest_name(guest), strerror(-err));
	return err;
}

static int ram_map(struct guest *guest)
{
	int err = arch_guest_map_ram(guest);

	if (err)
		pr_err("guest %s: memory cannot be mapped: %s", guest_name(guest), strerror(-err));
	return err;
}

static int console_add(struct guest *guest)
{
	console_guest_add(&guest->console, guest);
	return 0;
}

static void console_remove(struct guest *guest)
{
	console_guest_remove(&guest->console);
}

/* Made from the first to the last, unmade the other way round. make() says its errors. */
static const struct part {
	int (*make)(struct guest *guest);
	void (*unmake)(struct guest *guest);	/* NULL: nothing to do */
} parts[] = {
	{ ram_alloc, ram_free },
	{ board_init, arch_guest_free },
	{ ram_map, NULL },			/* undone by arch_guest_free() */
	{ vcpus_create, vcpus_free },
	{ nics_create, nics_destroy },
	{ guest_power_on, NULL },
	{ console_add, console_remove },
};

static void unmake(struct guest *guest, unsigned int nr_made)
{
	while (nr_made-- > 0)
		if (parts[nr_made].unmake)
			parts[nr_made].unmake(guest);
}

int guest_build(struct guest *guest)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++) {
		int err = parts[i].make(guest);

		if (err) {
			unmake(guest, i);
			return err;
		}
	}
	return 0;
}

void guest_tear_down(struct guest *guest)
{
	unmake(guest, ARRAY_SIZE(parts));
}

int guest_power_on(struct guest *guest)
{
	spin_lock(&guest->lock);
	if (guest->pci)
		vpci_bus_reset(guest->pci);
	spin_unlock(&guest->lock);
	arch_guest_reset(guest);
	return arch_guest_load(guest, guest->archive);
}

/* Building is for the guest's own CPU: timers are armed there, vCPUs' state is loaded there. */
struct build {
	struct work work;
	struct guest *guest;
	int err;
	bool done;
};

static void build_work(struct work *work)
{
	struct build *b = container_of(work, struct build, work);

	b->err = guest_build(b->guest);
	__atomic_store_n(&b->done, true, __ATOMIC_RELEASE);
}

static int build_on_its_cpu(struct guest *guest)
{
	struct build b = { .guest = guest };

	work_init(&b.work, guest->cpu, build_work);
	if (guest->cpu == this_cpu())
		build_work(&b.work);
	else
		work_queue(&b.work);
	while (!__atomic_load_n(&b.done, __ATOMIC_ACQUIRE))
		cpu_relax();
	return b.err;
}

static u64 before[MEM_OWNERS];		/* what was in use before the first guest */

static void take_stock(void)
{
	static bool taken;

	for (unsigned int owner = 0; owner < MEM_OWNERS && !taken; owner++)
		before[owner] = mem_used(owner);
	taken = true;
}

u64 guests_memory(enum mem_owner owner)
{
	return mem_used(owner) - before[owner];
}

static void guest_free(struct guest *guest)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(guest->vcpus); i++)
		free(guest->vcpus[i]);
	free(guest);
}

struct guest *guest_create(const struct guest_config *config, const struct archive *archive,
			   struct cpu *const *where, int *err)
{
	struct guest *guest;

	take_stock();
	guest = calloc(1, sizeof(*guest));
	*err = !guest || nr_guests == CONFIG_MAX_GUESTS ? -ENOMEM : 0;
	if (*err) {
		pr_err("guest %s: no room for another guest", config->name);
		free(guest);
		return NULL;
	}
	spin_init(&guest->lock, LOCK_GUEST);
	guest->config = config;
	guest->archive = archive;
	guest->cpu = where[0];
	memcpy(guest->placement, where, config->nr_vcpus * sizeof(*where));
	guest->id = nr_guests;
	guest->state = GUEST_STARTING;
	work_init(&guest->lifecycle, guest->cpu, guest_lifecycle);
	*err = build_on_its_cpu(guest);
	if (*err) {
		guest_free(guest);
		return NULL;
	}
	guests[nr_guests++] = guest;
	return guest;
}
