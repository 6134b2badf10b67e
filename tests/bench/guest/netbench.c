/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netbench peer                         the outside: answers, sinks and sends until it is killed
 * netbench mark N                       one mark
 * netbench PEER WINDOW [key=number]...  the guest's side of one window: mark 1, work, mark 3
 *
 * A window waits for a line on standard input before it begins, and ends with a line
 * "WINDOW name n=N ns=N ...": how often it did its work, and how long mark 1 to 3 took.
 */
#include <arpa/inet.h>
#include <netinet/ip_icmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "netbench.h"

static const char *peer_address;
static int argc_left;
static char **args;

/* ---- For both sides ---- */

void die(const char *what)
{
	perror(what);
	exit(1);
}

struct sockaddr_in address_of(const char *text, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (inet_pton(AF_INET, text, &a.sin_addr) != 1)
		die(text);
	return a;
}

static void set_timeout(int fd)
{
	struct timeval t = { .tv_sec = TIMEOUT_S };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
}

int open_udp(uint16_t port)
{
	struct sockaddr_in a = address_of("0.0.0.0", port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), bytes = QUEUE_BYTES;

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
		die("UDP socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	set_timeout(fd);
	return fd;
}

/* RFC 1071 */
static uint16_t internet_checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] | p[i + 1] << 8);
	if (len & 1)
		sum += p[len - 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static bool await_reply(int fd, uint16_t id, uint16_t sequence)
{
	uint8_t packet[DATAGRAM_MAX];
	struct icmphdr icmp;

	for (;;) {
		ssize_t len = recv(fd, packet, sizeof(packet), 0);
		size_t ip = (size_t)(packet[0] & 0xf) * 4;

		if (len < 0)
			return false;
		if ((size_t)len < ip + sizeof(icmp))
			continue;
		memcpy(&icmp, packet + ip, sizeof(icmp));
		if (icmp.type == ICMP_ECHOREPLY && icmp.un.echo.id == id &&
		    icmp.un.echo.sequence == sequence)
			return true;
	}
}

void make_echo(uint8_t *message, uint8_t type, size_t len)
{
	struct icmphdr icmp;

	memcpy(&icmp, message, sizeof(icmp));
	icmp.type = type;
	icmp.checksum = 0;
	memcpy(message, &icmp, sizeof(icmp));
	icmp.checksum = internet_checksum(message, len);
	memcpy(message, &icmp, sizeof(icmp));
}

unsigned int ping(struct in_addr to, unsigned int count, unsigned int size, unsigned int rest_us)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = to };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	uint8_t packet[DATAGRAM_MAX] = { 0 };
	unsigned int answered = 0;
	uint32_t others = ~(1u << ICMP_ECHOREPLY);

	if (fd < 0)
		die("ICMP socket");
	setsockopt(fd, SOL_RAW, ICMP_FILTER, &others, sizeof(others));
	set_timeout(fd);
	for (unsigned int i = 0; i < count; i++) {
		struct icmphdr icmp = { 0 };

		usleep(rest_us);
		icmp.un.echo.id = (uint16_t)getpid();
		icmp.un.echo.sequence = htons((uint16_t)i);
		memcpy(packet, &icmp, sizeof(icmp));
		make_echo(packet, ICMP_ECHO, sizeof(icmp) + size);
		sendto(fd, packet, sizeof(icmp) + size, 0, (struct sockaddr *)&a, sizeof(a));
		answered += await_reply(fd, icmp.un.echo.id, icmp.un.echo.sequence);
	}
	close(fd);
	return answered;
}

/* ---- The guest's side ---- */

#define MARK(n) __asm__ volatile("nopl 0x4b564d" #n "(%%rax)" : : : "memory")

void mark(unsigned int n)
{
	switch (n) {
	case 1: MARK(01); break;
	case 2: MARK(02); break;
	case 3: MARK(03); break;
	case 4: MARK(04); break;
	case 5: MARK(05); break;
	}
}

static unsigned long arg(const char *key, unsigned long otherwise)
{
	size_t len = strlen(key);

	for (int i = 0; i < argc_left; i++) {
		if (!strncmp(args[i], key, len) && args[i][len] == '=')
			return strtoul(args[i] + len + 1, NULL, 0);
	}
	return otherwise;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t begin(void)
{
	uint64_t now = now_ns();

	mark(1);
	return now;
}

static void end(const char *name, uint64_t began, unsigned long n)
{
	uint64_t ns;

	mark(3);
	ns = now_ns() - began;
	printf("WINDOW %s n=%lu ns=%lu\n", name, n, (unsigned long)ns);
}

static void ask(int fd, const char *text, char answer[TEXT_MAX])
{
	struct sockaddr_in a = address_of(peer_address, PORT_CONTROL);
	ssize_t len = -1;

	for (int tries = 0; tries < 5 && len < 0; tries++) {
		sendto(fd, text, strlen(text), 0, (struct sockaddr *)&a, sizeof(a));
		len = recv(fd, answer, TEXT_MAX - 1, 0);
	}
	if (len < 0)
		die("the peer does not answer");
	answer[len] = 0;
}

static void window_null(const char *name)
{
	end(name, begin(), 1);
}

static void window_idle(const char *name)
{
	unsigned long seconds = arg("seconds", 5);
	uint64_t began;

	sleep(1);	/* what the console has left to do */
	began = begin();
	sleep((unsigned int)seconds);
	end(name, began, seconds);
}

/* The guests beside this one send when they hear a broadcast: tests/guest/idle.c. */
static void window_talk(const char *name)
{
	struct sockaddr_in a = address_of(peer_address, PORT_SINK);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
	uint64_t began;

	ping(a.sin_addr, 1, 64, 0);	/* so that the switch knows where the peer is */
	a.sin_addr.s_addr |= htonl(0xff);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)))
		die("broadcast");
	began = begin();
	if (sendto(fd, "talk", 4, 0, (struct sockaddr *)&a, sizeof(a)) < 0)
		die("broadcast");
	sleep(1);
	end(name, began, arg("count", 1));
}

static void window_cpuid(const char *name)
{
	unsigned long count = arg("count", 2000);
	uint64_t began = begin();

	for (unsigned long i = 0; i < count; i++) {
		uint32_t a = 0, b, c = 0, d;

		__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	}
	end(name, began, count);
}

static void window_ping(const char *name)
{
	struct in_addr to = address_of(peer_address, 0).sin_addr;
	unsigned int count = (unsigned int)arg("count", 200), size = (unsigned int)arg("size", 64);
	uint64_t began = begin();

	end(name, began, ping(to, count, size, 0));
}

static void window_pinged(const char *name)
{
	char text[TEXT_MAX], answer[TEXT_MAX];
	int control = open_udp(0);
	uint64_t began;

	snprintf(text, sizeof(text), "ping %lu %lu", arg("count", 200), arg("size", 64));
	began = begin();
	ask(control, text, answer);
	end(name, began, strtoul(answer, NULL, 10));
}

/* The window is over when the peer has all of it, so that no work is left behind. */
static void window_tx(const char *name)
{
	struct sockaddr_in a = address_of(peer_address, PORT_SINK);
	unsigned long count = arg("count", 8000), size = arg("size", 64), got, before = 0;
	int control = open_udp(0), fd = socket(AF_INET, SOCK_DGRAM, 0);
	char answer[TEXT_MAX], payload[DATAGRAM_MAX] = { 0 };
	uint64_t began;

	if (size > sizeof(payload) || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		die("sink");
	ask(control, "reset", answer);
	began = begin();
	for (unsigned long i = 0; i < count; i++)
		send(fd, payload, size, 0);
	mark(2);
	for (;;) {
		ask(control, "count", answer);
		got = strtoul(answer, NULL, 10);
		if (got >= count || got == before)
			break;
		before = got;
		usleep(10000);
	}
	end(name, began, got);
}

static void window_rx(const char *name)
{
	unsigned long count = arg("count", 8000), size = arg("size", 64), lot = arg("window", 32);
	struct sockaddr_in a = address_of(peer_address, PORT_CONTROL);
	int control = open_udp(0), fd = open_udp(PORT_GUEST);
	char text[TEXT_MAX], payload[DATAGRAM_MAX];
	unsigned long got = 0;
	uint64_t began;

	snprintf(text, sizeof(text), "send %lu %lu %lu", count, size, lot);
	began = begin();
	sendto(control, text, strlen(text), 0, (struct sockaddr *)&a, sizeof(a));
	while (got < count && recv(fd, payload, sizeof(payload), 0) >= 0) {
		if (++got % lot == 0)
			sendto(control, "ack", 3, 0, (struct sockaddr *)&a, sizeof(a));
	}
	end(name, began, got);
	if (recv(control, text, sizeof(text), 0) < 0)
		die("the peer has not sent all");
}

static int connect_tcp(uint16_t port)
{
	struct sockaddr_in a = address_of(peer_address, port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		die("TCP");
	return fd;
}

static void window_tcp_tx(const char *name)
{
	static char chunk[STREAM_CHUNK];
	unsigned long bytes = arg("bytes", 20000000), done = 0;
	int fd = connect_tcp(PORT_TCP_SINK);
	uint64_t began = begin();

	while (done < bytes) {
		size_t len = bytes - done < sizeof(chunk) ? bytes - done : sizeof(chunk);
		ssize_t sent = write(fd, chunk, len);

		if (sent <= 0)
			break;
		done += (unsigned long)sent;
	}
	shutdown(fd, SHUT_WR);
	if (read(fd, chunk, 1) != 1)
		die("TCP sink");
	end(name, began, done);
}

static void window_tcp_rx(const char *name)
{
	static char chunk[STREAM_CHUNK];
	unsigned long done = 0;
	int fd = connect_tcp(PORT_TCP_SOURCE);
	char text[TEXT_MAX];
	uint64_t began;
	ssize_t len;

	snprintf(text, sizeof(text), "%lu\n", arg("bytes", 20000000));
	began = begin();
	if (write(fd, text, strlen(text)) < 0)
		die("TCP source");
	while ((len = read(fd, chunk, sizeof(chunk))) > 0)
		done += (unsigned long)len;
	end(name, began, done);
}

static const struct window {
	const char *name;
	void (*run)(const char *name);
} windows[] = {
	{ "null", window_null }, { "idle", window_idle }, { "cpuid", window_cpuid },
	{ "ping", window_ping }, { "pinged", window_pinged }, { "tx", window_tx },
	{ "rx", window_rx }, { "talk", window_talk },
	{ "tcp_tx", window_tcp_tx }, { "tcp_rx", window_tcp_rx },
};

static int run_window(const char *name)
{
	char line[TEXT_MAX];

	printf("READY %s\n", name);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	for (size_t i = 0; i < sizeof(windows) / sizeof(*windows); i++) {
		if (!strcmp(windows[i].name, name)) {
			windows[i].run(name);
			return 0;
		}
	}
	fprintf(stderr, "netbench: no window %s\n", name);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "peer"))
		return run_peer();
	if (argc == 3 && !strcmp(argv[1], "mark")) {
		mark((unsigned int)strtoul(argv[2], NULL, 10));
		return 0;
	}
	if (argc < 3) {
		fprintf(stderr, "usage: netbench peer | mark N | PEER WINDOW [key=number]...\n");
		return 1;
	}
	peer_address = argv[1];
	argc_left = argc - 3;
	args = argv + 3;
	return run_window(argv[2]);
}
