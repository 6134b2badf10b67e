/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's options: what QEMU's words mean here, and which values they take. */
#include "kernel/guest_options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/nic_options.h"

#define GUEST_MEMORY_STEP	(2 * MIB)	/* the page that maps it */
#define GUEST_MEMORY_DEFAULT	(128 * MIB)	/* QEMU's */
#define APPEND_MAX		2048		/* Linux's COMMAND_LINE_SIZE on x86 */

void guest_option_bad(struct guest_options *g, unsigned int line, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	g->line = line;
	g->options.errors++;
	g->options.error(g->options.arg, text);
}

bool guest_options_parse(struct guest_options *g, const struct option_table *table,
			 const char *where, char *list, void *object)
{
	struct options o = {
		.table = table, .where = where, .joint = '=',
		.error = g->options.error, .arg = g->options.arg,
	};

	g->options.errors += options_parse(&o, list, object);
	return !o.errors;
}

/* Cut the first element of @list off: the type or driver. */
static char *cut_first(char *list)
{
	char *comma = strchr(list, ',');

	if (comma)
		*comma++ = '\0';
	return comma;
}

/* A copy of @value to be cut into pieces, or NULL. */
static char *copy_list(struct guest_options *g, const char *value)
{
	char *list = strdup(value);

	g->no_memory |= !list;
	return list;
}

static void set_netdev(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct guest_options *g = object;
	char *type = copy_list(g, value), *list;

	if (!type)
		return;
	list = cut_first(type);
	if (strcmp(type, "tap") && strcmp(type, "switch"))
		option_bad(o, opt, type, "unknown type");
	else if (g->nr_netdevs == GUEST_NICS_MAX)
		option_bad(o, opt, value, "too many");
	else
		nic_options_netdev(g, list);
	free(type);
}

/* ---- -device isa-debug-exit ---- */

static const struct option debug_exit_rows[] = {
	{ "iobase", option_set_uint, OPTION_FIELD(struct guest_config, debug_exit.iobase),
	  .min = 1, .max = 0xfff8, .expected = "a port, 0x1..0xfff8" },
	{ "iosize", option_set_uint, OPTION_FIELD(struct guest_config, debug_exit.iosize),
	  .min = 1, .max = 8 },
};
static const struct option_table debug_exit_table = {
	debug_exit_rows, ARRAY_SIZE(debug_exit_rows)
};

static void set_debug_exit(struct guest_options *g, char *list)
{
	struct guest_config *c = &g->config;

	if (c->debug_exit.on)
		guest_option_bad(g, g->line, "-device isa-debug-exit: given twice");
	c->debug_exit.on = true;
	c->debug_exit.iobase = 0x501;	/* QEMU's defaults */
	c->debug_exit.iosize = 2;
	guest_options_parse(g, &debug_exit_table, "-device isa-debug-exit,", list, c);
}

static const struct {
	const char *driver;
	void (*set)(struct guest_options *g, char *list);
} devices[] = {
	{ "virtio-net-pci", nic_options_device },
	{ "isa-debug-exit", set_debug_exit },
};

static void set_device(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct guest_options *g = object;
	char *driver = copy_list(g, value), *list;
	bool known = false;

	if (!driver)
		return;
	list = cut_first(driver);
	for (unsigned int i = 0; i < ARRAY_SIZE(devices); i++) {
		if (strcmp(devices[i].driver, driver))
			continue;
		devices[i].set(g, list);
		known = true;
	}
	if (!known)
		option_bad(o, opt, driver, "unknown device");
	free(driver);
}

/* ---- The words ---- */

static void set_memory(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct guest_options *g = object;

	option_set_size(o, opt, value, object);
	if (!IS_ALIGNED(g->config.memory, GUEST_MEMORY_STEP))
		option_bad(o, opt, value, "not a multiple of 2M");
}

/* "1", "0-3" or "2,0,4-7": the vCPUs' CPUs in order. */
static void set_affinity(struct options *o, const struct option *opt, const char *value,
			 void *object)
{
	struct guest_options *g = object;
	struct guest_config *c = &g->config;
	char *list = copy_list(g, value);

	c->affinity.line = g->line;
	if (list && !option_cpu_list(list, ",", c->affinity.cpu, &c->affinity.nr, GUEST_VCPUS_MAX,
				     CONFIG_MAX_CPUS - 1))
		option_bad(o, opt, value, "not a list of CPUs");
	free(list);
}

static void set_append(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct guest_options *g = object;

	if (strlen(value) >= APPEND_MAX) {
		option_bad(o, opt, value, "too long");
		return;
	}
	g->config.append = copy_list(g, value);
}

/* What a triple fault does; QEMU's word for it is panic. */
static void set_panic(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct guest_config *c = object;

	if (!strcmp(value, "reset"))
		c->on_crash = ON_CRASH_RESET;
	else if (!strcmp(value, "shutdown"))
		c->on_crash = ON_CRASH_STOP;
	else
		option_bad(o, opt, value, "unknown");
}

static const struct option action_rows[] = {
	{ "panic", set_panic, .flags = OPTION_REQUIRED, .expected = "reset or shutdown" },
};
static const struct option_table action_table = { action_rows, ARRAY_SIZE(action_rows) };

static void set_action(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct guest_options *g = object;
	char *list = copy_list(g, value);

	if (list)
		guest_options_parse(g, &action_table, "-action ", list, &g->config);
	free(list);
}

static const struct option cpu_rows[] = {
	{ "kvm", option_set_bool, OPTION_FIELD(struct guest_config, kvm), .expected = "on or off" },
};
static const struct option_table cpu_table = { cpu_rows, ARRAY_SIZE(cpu_rows) };

/* There is one model: what the machine's processor has and can be passed on. */
static void set_cpu(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct guest_options *g = object;
	char *model = copy_list(g, value), *list;

	if (!model)
		return;
	list = cut_first(model);
	if (strcmp(model, "host"))
		option_bad(o, opt, model, "unknown model");
	else
		guest_options_parse(g, &cpu_table, "-cpu host,", list, &g->config);
	free(model);
}

/* `guest NAME` names it; a -name left over from a QEMU command line must say the same. */
static void set_name(struct options *o, const struct option *opt, const char *value, void *object)
{
	struct guest_options *g = object;

	if (strcmp(value, g->config.name))
		option_bad(o, opt, value, "another name than the guest's");
}

#define GUEST(field)	OPTION_FIELD(struct guest_options, config.field)

static const struct option guest_rows[] = {
	{ "-m", set_memory, GUEST(memory), .min = GUEST_MEMORY_STEP, .max = 1024 * GIB,
	  .expected = "2M..1T in steps of 2M, as in 256M" },
	{ "-smp", option_set_uint, GUEST(nr_vcpus), .min = 1, .max = GUEST_VCPUS_MAX },
	{ "-cpu", set_cpu, .expected = "host or host,kvm=off" },
	{ "-cpu-affinity", set_affinity, .expected = "CPUs for the vCPUs, as in 1, 0-3 or 2,0,4-7" },
	{ "-kernel", option_set_string, GUEST(kernel), .flags = OPTION_REQUIRED,
	  .expected = "a file of the boot archive" },
	{ "-initrd", option_set_string, GUEST(initrd), .expected = "a file of the boot archive" },
	{ "-append", set_append, .expected = "a command line of up to 2047 bytes" },
	{ "-netdev", set_netdev, .flags = OPTION_MANY,
	  .expected = "tap,id=ID,... or switch,id=ID,..., up to 4 of them" },
	{ "-device", set_device, .flags = OPTION_MANY,
	  .expected = "virtio-net-pci or isa-debug-exit" },
	{ "-no-reboot", option_set_flag, GUEST(no_reboot), .flags = OPTION_FLAG },
	{ "-action", set_action, .expected = "panic=reset or panic=shutdown" },
	{ "-name", set_name, .expected = "that of `guest NAME`, or nothing" },
};
static const struct option_table guest_table = { guest_rows, ARRAY_SIZE(guest_rows) };

static char no_append[] = "";

void guest_options_init(struct guest_options *g, const char *name,
			void (*error)(void *arg, const char *text), void *arg)
{
	memset(g, 0, sizeof(*g));
	snprintf(g->config.name, sizeof(g->config.name), "%s", name);
	g->config.memory = GUEST_MEMORY_DEFAULT;
	g->config.nr_vcpus = 1;
	g->config.kvm = true;
	g->config.append = no_append;
	g->options.table = &guest_table;
	g->options.where = "";
	g->options.joint = ' ';
	g->options.error = error;
	g->options.arg = arg;
}

void guest_options_discard(struct guest_options *g)
{
	if (g->config.append != no_append)
		free((char *)g->config.append);
	g->config.append = no_append;
}

const struct option *guest_option_find(struct guest_options *g, const char *word)
{
	return option_find(&g->options, word);
}

void guest_option_apply(struct guest_options *g, const struct option *opt, const char *value)
{
	option_apply(&g->options, opt, value, g);
}

void guest_options_finish(struct guest_options *g, unsigned int number,
			  const struct guest_config *others, unsigned int nr)
{
	g->line = g->config.line;
	options_check_required(&g->options);
	if (g->options.errors)		/* what was left out would only cause more of them */
		return;
	nic_options_finish(g, number, others, nr);
}
