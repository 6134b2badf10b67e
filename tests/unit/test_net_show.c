/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `info net` and `info switch` beside guests that come and go: what is shown of a port may be gone
 * before the last of its lines is out, which at 115200 baud takes a while.
 */
#include "tests/unit/switch_fixture.h"

#include <stdlib.h>

#include "kernel/console.h"
#include "kernel/monitor.h"
#include "net/capture_monitor.h"
#include "net/netdev.h"

/* ---- What is around it ---- */

struct netdev *netdevs[NETDEVS_MAX];
unsigned int nr_netdevs;
static const struct monitor_info *infos[2];
static unsigned int nr_infos;

void netdev_get_stats(const struct netdev *dev, struct netdev_stats *sum) { }
void capture_monitor_init(void) { }
void monitor_add_info(const struct monitor_info *info) { infos[nr_infos++] = info; }

/* ---- The guest whose port is shown first ends while the others are ---- */

static struct port *guest;		/* its port, in memory of its own */
static unsigned int parts_left;		/* of lines, from the first one about it on; 0: it stays */
static char text[64 * KIB];

static void take_none(struct port *port, struct frame **frames, unsigned int nr) { }
static const struct port_ops guest_ops = { .deliver = take_none };

static void guest_begins(void)
{
	guest = calloc(1, sizeof(*guest));
	snprintf(guest->name, sizeof(guest->name), "web.net0");
	guest->ops = &guest_ops;
	guest->link_up = true;
	guest->max_frame = 1518;
	assert_int_equal(switch_attach(sw, guest), 0);
}

static void guest_ends(void)
{
	switch_detach(guest);
	free(guest);
	guest = NULL;
}

void console_write(const char *s, size_t len)
{
	strncat(text, s, MIN(len, sizeof(text) - 1 - strlen(text)));
}

void console_printf(const char *fmt, ...)
{
	char part[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(part, sizeof(part), fmt, ap);
	va_end(ap);
	console_write(part, strlen(part));
	if (guest && parts_left && strstr(text, guest->name) && !--parts_left)
		guest_ends();
}

static void show(const char *name, unsigned int parts)
{
	text[0] = '\0';
	parts_left = parts;
	for (unsigned int i = 0; i < nr_infos; i++)
		if (!strcmp(infos[i]->name, name))
			infos[i]->show();
}

static int setup_show(void **state)
{
	setup(state);
	if (!nr_infos)
		net_init();
	for (unsigned int i = 0; i < PORTS; i++)
		snprintf(st[i].port.name, sizeof(st[i].port.name), "station%u", i);
	guest_begins();
	return 0;
}

static int teardown_show(void **state)
{
	if (guest)
		guest_ends();
	return teardown(state);
}

/* ---- Tests ---- */

static void all_is_shown(void **state)
{
	guest->stats.drops[DROP_OVERSIZE] = 7;
	send(1, 5, 3);
	show("net", 0);
	assert_non_null(strstr(text, "port web.net0: switch=br"));
	assert_non_null(strstr(text, "drop_oversize=7"));
	show("switch", 0);
	assert_non_null(strstr(text, "port web.net0: switch=br"));
	assert_non_null(strstr(text, "vlan=0 port=station1 age_s=0"));
}

static void port_goes_between_lines(void **state)
{
	static const char *const names[] = { "net", "switch" };

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		for (unsigned int parts = 1; parts <= DROP_REASONS + 4; parts++) {
			if (!guest)
				guest_begins();
			show(names[i], parts);
			assert_non_null(strstr(text, "port web.net0: switch=br"));
			assert_null(guest);
		}
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup_show, teardown_show)
	const struct CMUnitTest tests[] = {
		T(all_is_shown),
		T(port_goes_between_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
