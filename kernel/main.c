/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot sequence: from the boot loader's hand-over to the CPU loops with the guests started,
 * and the end of the machine after the last guest. x86 build only.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/crash.h"
#include "arch/x86/guest/lapic.h"
#include "arch/x86/hvm.h"
#include "arch/x86/irq.h"
#include "arch/x86/paging.h"
#include "arch/x86/smp.h"
#include "arch/x86/traps.h"
#include "arch/x86/tsc.h"
#include "asm/barrier.h"
#include "boot/boot.h"
#include "drivers/pci/pci.h"
#include "drivers/serial/uart16550.h"
#include "generated/version.h"
#include "kernel/archive.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"
#include "kernel/guest_config.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/monitor.h"
#include "kernel/panic.h"
#include "kernel/place.h"
#include "kernel/watch.h"
#include "net/netdev.h"
#include "virtio/vhost_worker.h"

#define CONFIG_FILE	"ringvisor.conf"
#define PHASES_MAX	16
#define APS_WAIT_NS	NSEC_PER_SEC

static struct cpu bsp;
static const struct boot_info *boot_info;
static unsigned int aps_ready;		/* APs that have tried */
static struct archive archive;
static struct host_config host_config;
static struct guest_config *guest_configs;
static int nr_guest_configs;
static struct work ended_work;

static u64 kib(u64 bytes) { return bytes / KIB; }
static u64 mib(u64 bytes) { return bytes / MIB; }

/* ---- How long each phase took ---- */

static struct phase {
	const char *name;
	u64 end;		/* TSC: the first phases come before the clock */
} phases[PHASES_MAX];
static unsigned int nr_phases;

static void phase_done(const char *name)
{
	if (nr_phases < PHASES_MAX)
		phases[nr_phases++] = (struct phase){ name, rdtsc() };
}

static void say_phases(void)
{
	char text[LOG_LINE_MAX] = "";
	size_t len = 0;
	u64 before = 0;

	for (unsigned int i = 0; i < nr_phases && len < sizeof(text); i++) {
		u64 end = tsc_to_ns(phases[i].end) / NSEC_PER_USEC, us = end - before;

		len += snprintf(text + len, sizeof(text) - len, "%s%s %lu.%03lu ms", i ? ", " : "",
				phases[i].name, us / 1000, us % 1000);
		before = end;
	}
	pr_info("boot: %s; together %lu.%03lu ms", text, before / 1000, before % 1000);
}

/* ---- The end ---- */

#if defined(CONFIG_LAST_GUEST_HALT)
static const enum { POWEROFF, HALT, STAY } last_guest = HALT;
#elif defined(CONFIG_LAST_GUEST_STAY)
static const enum { POWEROFF, HALT, STAY } last_guest = STAY;
#else
static const enum { POWEROFF, HALT, STAY } last_guest = POWEROFF;
#endif

static void machine_end(void) __noreturn;
static void machine_end(void)
{
	netdev_stop_all();
	guests_summary();
	pr_info("ringvisor: %s", last_guest == HALT ? "halted" : "powering off");
	console_flush();
	if (last_guest != HALT)
		machine_poweroff();
	arch_stop_other_cpus();
	machine_halt();
}

/* No guest is left, or there never was one. */
static void all_ended(struct work *work)
{
	if (!guests_all_ended())	/* one was started again meanwhile */
		return;
	if (last_guest != STAY || guests_quitting())
		machine_end();
	pr_info("ringvisor: no guest is running, staying (Ctrl-A c for the monitor)");
}

static void say_why(const char *fmt, va_list ap, const char *then)
{
	char why[LOG_LINE_MAX];

	vsnprintf(why, sizeof(why), fmt, ap);
	pr_err("ringvisor: cannot start: %s%s", why, then);
}

/* No guest can be started. The boot goes on, and ends as when the last guest has ended. */
static void cannot_start(const char *fmt, ...) __printf(1, 2);
static void cannot_start(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_why(fmt, ap, "");
	va_end(ap);
}

/* Not even the CPU loop can be reached. */
static void cannot_boot(const char *fmt, ...) __printf(1, 2) __noreturn;
static void cannot_boot(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_why(fmt, ap, ", halted");
	va_end(ap);
	console_flush();
	machine_halt();
}

/* ---- Guests ---- */

static void report_config_error(void *arg, const struct config_error *err)
{
	pr_err("%s", err->text);
}

static int open_archive(void)
{
	char why[100];

	if (!boot_info->archive_size) {
		cannot_start("no boot archive: the boot loader handed over no module (initrd)");
		return -ENOENT;
	}
	if (!mem_is_ram(boot_info->archive, boot_info->archive_size)) {
		cannot_start("boot archive: %#lx, %lu bytes: not in RAM", boot_info->archive,
			     boot_info->archive_size);
		return -EFAULT;
	}
	if (archive_open(&archive, phys_to_virt(boot_info->archive), boot_info->archive_size, why,
			 sizeof(why))) {
		cannot_start("boot archive: %s", why);
		return -EINVAL;
	}
	pr_info("archive: %lu KiB at %#lx", kib(boot_info->archive_size), boot_info->archive);
	return 0;
}

static void bad_affinity(const struct guest_config *config, unsigned int cpu)
{
	char where[80];

	snprintf(where, sizeof(where), "%s:%u: guest %s", CONFIG_FILE, config->affinity.line,
		 config->name);
	if (cpu >= nr_cpus)
		pr_err("%s: -cpu-affinity: CPU %u is not there, expected 0..%u", where, cpu,
		       nr_cpus - 1);
	else
		pr_err("%s: -cpu-affinity: CPU %u %s, expected another", where, cpu,
		       cpus[cpu]->workers_only ? "belongs to workers (set workers=)" :
						 "runs no guests");
}

static void start_guest(const struct guest_config *config)
{
	struct cpu *where[GUEST_VCPUS_MAX];
	struct guest *guest;
	unsigned int bad, nic;
	int err;

	if (place_check_nics(config, &nic, &bad)) {
		pr_err("%s:%u: guest %s: -netdev workers: CPU %u is not there, expected 0..%u",
		       CONFIG_FILE, config->nic[nic].netdev.line, config->name, bad, nr_cpus - 1);
		return;
	}
	if (place_vcpus(config, where, &bad)) {
		bad_affinity(config, bad);
		return;
	}
	guest = guest_create(config, &archive, where, &err);
	if (guest)
		guest_start(guest);
}

/* What the archive says is to be. 0, or it has been said why nothing can be. */
static int read_config(void)
{
	struct archive_file file;

	if (open_archive())
		return -EINVAL;
	if (archive_find(&archive, CONFIG_FILE, &file)) {
		cannot_start("boot archive: no %s in it", CONFIG_FILE);
		return -ENOENT;
	}
	guest_configs = calloc(CONFIG_MAX_GUESTS, sizeof(*guest_configs));
	nr_guest_configs = -ENOMEM;
	if (guest_configs)
		nr_guest_configs = config_parse(CONFIG_FILE, (const char *)file.data, file.size,
						&host_config, guest_configs, CONFIG_MAX_GUESTS,
						report_config_error, NULL);
	if (nr_guest_configs < 0)
		cannot_start("%s: %s", CONFIG_FILE, strerror(-nr_guest_configs));
	return MIN(nr_guest_configs, 0);
}

/* A mistake leaves all CPUs to everybody. */
static void give_workers_cpus(void)
{
	unsigned int bad;

	switch (place_workers(&host_config, &bad)) {
	case -ENODEV:
		pr_err("%s:%u: set workers: CPU %u is not there, expected 0..%u", CONFIG_FILE,
		       host_config.workers_line, bad, nr_cpus - 1);
		break;
	case -ENOSPC:
		pr_err("%s:%u: set workers: no CPU that runs guests is left, expected one at least",
		       CONFIG_FILE, host_config.workers_line);
		break;
	}
}

static void start_guests(void)
{
	for (int i = 0; i < nr_guest_configs; i++)
		start_guest(&guest_configs[i]);
	if (!nr_guests)
		pr_err("ringvisor: no guest to start");
}

/* ---- Phases that may fail ---- */

static void say_memory(void *arg, const struct mem_range *range)
{
	pr_debug("memory: %#lx..%#lx RAM, %lu KiB", range->base, range->base + range->size - 1,
		 kib(range->size));
}

static void count_range(void *arg, const struct mem_range *range)
{
	++*(unsigned int *)arg;
}

static void boot_memory(void)
{
	unsigned int ranges = 0;
	char flags[80];

	if (!boot_info->nr_mem || mem_init(boot_info))
		cannot_boot("no usable memory map (%u entries)", boot_info->nr_mem);
	if (boot_info->mem_truncated)
		pr_warn("memory: more than %d entries in the boot loader's map, the rest is unused",
			BOOT_MEM_MAX);
	if (paging_init(boot_info))
		cannot_boot("memory: no room for page tables");
	mem_for_each_ram(count_range, &ranges);
	paging_describe(flags, sizeof(flags));
	pr_info("memory: %lu MiB RAM in %u ranges, %lu MiB free; %s", mib(mem_total()), ranges,
		mib(mem_used(MEM_FREE)), flags);
	mem_for_each_ram(say_memory, NULL);
}

/* Image: all that is loaded and its bss. Other: everything but guests and the boot archive. */
static void say_footprint(void)
{
	u64 image = virt_to_phys(__image_end) - virt_to_phys(__image_start), other = 0;

	for (unsigned int owner = MEM_BOOT + 1; owner < MEM_OWNERS; owner++)
		if (owner != MEM_GUEST)
			other += mem_used(owner);
	pr_info("footprint: image %lu KiB, other %lu KiB (heap %lu, stacks %lu, page tables %lu, "
		"nested paging %lu, DMA %lu, vhost %lu)", kib(image), kib(other),
		kib(mem_used(MEM_HEAP)), kib(mem_used(MEM_STACK)), kib(mem_used(MEM_PAGE_TABLE)),
		kib(mem_used(MEM_EPT)), kib(mem_used(MEM_DMA)), kib(mem_used(MEM_VHOST)));
}

static int boot_hvm(void)
{
	char caps[160];

	if (hvm_init())
		return -ENODEV;
	hvm->describe(caps, sizeof(caps));
	pr_info("%s: %s", hvm->name, caps);
	bsp.runs_guests = !hvm->cpu_enable(&bsp);
	return bsp.runs_guests ? 0 : -EIO;
}

/* On each AP. */
static void ap_main(struct cpu *cpu)
{
	if (bsp.runs_guests)
		cpu->runs_guests = !hvm->cpu_enable(cpu);
	__atomic_fetch_add(&aps_ready, 1, __ATOMIC_RELEASE);
	watch_start();
	cpu_loop();
}

/* Guests are placed on CPUs that are ready for them. */
static void wait_for_aps(void)
{
	u64 end = time_ns() + APS_WAIT_NS;

	while (__atomic_load_n(&aps_ready, __ATOMIC_ACQUIRE) < nr_cpus - 1 && time_ns() < end)
		cpu_relax();
}

/* ---- The sequence ---- */

static int set_loglevel(const char *value)
{
	char *end;
	unsigned long level = strtoul(value, &end, 10);

	if (end == value || *end || level > LOG_DEBUG)
		return -EINVAL;
	log_set_level(level);
	return 0;
}

static const struct cmdline_option {
	const char *name;	/* with its '=' */
	int (*set)(const char *value);
	const char *expected;
} cmdline_options[] = {
	{ "loglevel=", set_loglevel, "0..3" },
	{ "pci-irq=", pci_irq_limit, "msix, msi, intx or none" },
	{ "apicv=", hvm_set_apicv, "on or off" },
	{ "avic=", hvm_set_apicv, "on or off" },
	{ "crash=", crash_choose, "a way of arch/x86/crash.c, in a build with DEBUG_CHECKS" },
};

static void unknown_word(const char *word)
{
	char list[100] = "";

	for (unsigned int i = 0; i < ARRAY_SIZE(cmdline_options); i++) {
		size_t len = strlen(list);

		snprintf(list + len, sizeof(list) - len, " %s", cmdline_options[i].name);
	}
	pr_warn("boot: command line: %s: unknown, expected one of%s", word, list);
}

static void parse_word(const char *word)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(cmdline_options); i++) {
		const struct cmdline_option *o = &cmdline_options[i];

		if (strncmp(word, o->name, strlen(o->name)))
			continue;
		if (o->set(word + strlen(o->name)))
			pr_warn("boot: command line: %s: expected %s", word, o->expected);
		return;
	}
	if (*word && *word != '/')	/* GRUB may put the image's path first */
		unknown_word(word);
}

static void parse_cmdline(void)
{
	char text[BOOT_CMDLINE_MAX], *rest = text, *word;

	if (boot_info->cmdline_truncated)
		pr_warn("boot: command line longer than %d bytes, the rest is ignored",
			BOOT_CMDLINE_MAX - 1);
	strcpy(text, boot_info->cmdline);
	while ((word = strsep(&rest, " \t")))
		parse_word(word);
}

static void say_banner(void)
{
	char text[160];

	pr_info("Ringvisor %s (config %s)", RINGVISOR_VERSION, RINGVISOR_CONFIG_HASH);
	cpu_describe(text, sizeof(text));
	pr_info("cpu: %s", text);
	pr_info("boot: %s%s%s, command line \"%s\"", boot_info->protocol,
		*boot_info->loader ? " by " : "", boot_info->loader, boot_info->cmdline);
}

/* The second half, on the BSP's own stack. */
static void boot_rest(void *arg)
{
	bool configured;
	int err;

	acpi_init(boot_info);
	uart_use_spcr();
	phase_done("acpi");
	err = apic_init();
	if (err)
		cannot_boot("local APIC: %s", strerror(-err));
	if (tsc_init())
		cannot_boot("no clock (HPET, PM timer, PIT) runs");
	apic_timer_calibrate();
	phase_done("clocks");
	err = boot_hvm();
	phase_done("vmm");
	smp_start(ap_main);
	wait_for_aps();
	phase_done("smp");
	uart_start_input();
	configured = !err && !read_config();
	give_workers_cpus();
	if (vhost_workers_init())
		cannot_boot("memory: no room for vhost workers");
	pci_init();
	if (!nr_netdevs)
		pr_info("net: no NIC that there is a driver for: switches have no uplink");
	phase_done("devices");
	if (MONITOR_PRESENT)
		net_init();
	monitor_init();
	if (MONITOR_PRESENT) {
		monitor_add_info(&irq_info);
		monitor_add_info(&lapic_info);
	}
	work_init(&ended_work, &bsp, all_ended);
	guests_on_all_ended(&ended_work);
	if (err)
		cannot_start("no virtualization backend can be used on this machine");
	else if (configured)
		start_guests();
	phase_done("guests");
	say_footprint();
	say_phases();
	if (!nr_guests)
		work_queue(&ended_work);
	crash_start(nr_guests ? guests[0]->vcpus[0]->cpu : cpus[nr_cpus - 1]);
	if (nr_cpus > 1)
		watch_start();
	cpu_loop();
}

void kernel_main(const struct boot_info *bi)
{
	void *stack;

	tsc_start();
	boot_info = bi;
	cpus[0] = &bsp;
	nr_cpus = 1;
	bsp.online = true;
	uart_init();
	console_init(&uart_console);
	cpu_init(&bsp, 0);
	traps_init(&bsp);
	lock_checks_start();
	say_banner();
	parse_cmdline();
	phase_done("entry");
	boot_memory();
	stack = stack_alloc(CPU_STACK_SIZE);
	if (!stack)
		cannot_boot("memory: no room for a stack");
	bsp.arch.stack_top = stack;
	phase_done("memory");
	stack_switch(stack, boot_rest, NULL);
}
