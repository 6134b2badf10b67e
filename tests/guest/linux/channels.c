/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * channels INTERFACE [NUMBER]: what ethtool -l and ethtool -L INTERFACE combined NUMBER do, in a
 * program that needs no C library. Says "max M now N"; exit code 0, or 1 when the kernel refuses.
 */
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <sys/socket.h>

#include "tests/guest/linux/syscall.h"

static char *put(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
	return to;
}

static char *put_number(char *to, unsigned int n)
{
	if (n > 9)
		to = put_number(to, n / 10);
	*to++ = (char)('0' + n % 10);
	return to;
}

static void say(const struct ethtool_channels *c)
{
	char line[64], *end = put(line, "max ");

	end = put_number(end, c->max_combined);
	end = put(end, " now ");
	end = put_number(end, c->combined_count);
	*end++ = '\n';
	syscall3(SYS_write, 1, (long)line, end - line);
}

static long channels(const char *name, const char *number)
{
	struct ethtool_channels c = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq ifr = { .ifr_data = (void *)&c };
	long fd = syscall3(SYS_socket, AF_INET, SOCK_DGRAM, 0);

	for (unsigned int i = 0; i < IFNAMSIZ - 1 && name[i]; i++)
		ifr.ifr_name[i] = name[i];
	if (fd < 0 || syscall3(SYS_ioctl, fd, SIOCETHTOOL, (long)&ifr) < 0)
		return 1;
	if (number) {
		c.cmd = ETHTOOL_SCHANNELS;
		c.combined_count = (unsigned int)(*number - '0');
		if (syscall3(SYS_ioctl, fd, SIOCETHTOOL, (long)&ifr) < 0)
			return 1;
	}
	say(&c);
	return 0;
}

void start(long *stack)
{
	const char **argv = (const char **)(stack + 1);

	syscall3(SYS_exit, stack[0] < 2 ? 1 : channels(argv[1], stack[0] > 2 ? argv[2] : 0), 0, 0);
}
