/* SPDX-License-Identifier: BSD-2-Clause */
/* netbench: both ends of the measured traffic; ../README.md. What they share. */
#ifndef TESTS_BENCH_NETBENCH_H
#define TESTS_BENCH_NETBENCH_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PORT_CONTROL = 5000,	/* requests to the peer, one datagram each, answered by one */
	PORT_SINK,		/* of the peer: datagrams that it counts */
	PORT_TCP_SINK,		/* of the peer: reads to the end, answers with one byte */
	PORT_TCP_SOURCE,	/* of the peer: reads how many bytes as text, sends them */
	PORT_GUEST,		/* of the guest: what it asked the peer to send */
};

enum {
	TEXT_MAX = 128,			/* of a request or an answer */
	DATAGRAM_MAX = 2048,
	STREAM_CHUNK = 128 * 1024,
	QUEUE_BYTES = 4 << 20,		/* of a receiving socket */
	TIMEOUT_S = 10,
	REST_US = 1000,			/* of the peer, for the machine to become idle */
};

void die(const char *what);
struct sockaddr_in address_of(const char *text, uint16_t port);

/* A UDP socket on that port of all addresses, with a time-out of TIMEOUT_S. */
int open_udp(uint16_t port);

#ifndef ICMP_FILTER
#define ICMP_FILTER 1	/* <linux/icmp.h>, which does not go with <netinet/ip_icmp.h> */
#endif

/* Type and checksum of an echo message of @len bytes. */
void make_echo(uint8_t *message, uint8_t type, size_t len);

/* @count echo requests with @size bytes each, one under way, @rest_us before each; how many were
 * answered. */
unsigned int ping(struct in_addr to, unsigned int count, unsigned int size, unsigned int rest_us);

int run_peer(void);

/* The mark N that the counting plugin sees. */
void mark(unsigned int n);

#endif
