/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flood ADDRESS PORT COUNT [BYTES]: so many UDP datagrams as fast as they go, in a program that
 * needs no C library. Exit code 0, or 1 when they cannot be sent at all.
 */
#include <linux/in.h>
#include <sys/socket.h>

#include "tests/guest/linux/syscall.h"

#define BYTES_DEFAULT	18	/* the smallest Ethernet frame */
#define BYTES_MAX	8192

static unsigned long number(const char **text)
{
	unsigned long n = 0;

	for (; **text >= '0' && **text <= '9'; ++*text)
		n = n * 10 + (unsigned long)(**text - '0');
	return n;
}

/* Dotted quad, network byte order. */
static unsigned int address(const char *text)
{
	unsigned int addr = 0;

	for (int shift = 0; shift < 32; shift += 8) {
		addr |= (unsigned int)number(&text) << shift;
		text += *text == '.';
	}
	return addr;
}

static long flood(const struct sockaddr_in *to, unsigned long count, unsigned long bytes)
{
	static char payload[BYTES_MAX];
	long fd = syscall3(SYS_socket, AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || syscall3(SYS_connect, fd, (long)to, sizeof(*to)) < 0)
		return 1;
	while (count--)
		syscall3(SYS_write, fd, (long)payload, (long)bytes);
	return 0;
}

void start(long *stack)
{
	const char **argv = (const char **)(stack + 1);
	unsigned long port, count, bytes = BYTES_DEFAULT;
	struct sockaddr_in to = { .sin_family = AF_INET };

	if (stack[0] < 4)
		syscall3(SYS_exit, 1, 0, 0);
	to.sin_addr.s_addr = address(argv[1]);
	port = number(&argv[2]);
	to.sin_port = (unsigned short)(port >> 8 | port << 8);
	count = number(&argv[3]);
	if (stack[0] > 4)
		bytes = number(&argv[4]);
	syscall3(SYS_exit, flood(&to, count, bytes < BYTES_MAX ? bytes : BYTES_MAX), 0, 0);
}
