/* SPDX-License-Identifier: BSD-2-Clause */
/* The outside of the measured traffic. One request at a time. */
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netbench.h"

enum { CONTROL, SINK, TCP_SINK, TCP_SOURCE, ECHO, NR_SOCKETS };

static struct pollfd sockets[NR_SOCKETS];
static unsigned long sunk;
static pid_t machine;		/* the emulator, when it has been told */

static int listen_tcp(uint16_t port)
{
	struct sockaddr_in a = address_of("0.0.0.0", port);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1))
		die("TCP socket");
	return fd;
}

/* Whatever else this host does, the machine gets nothing before all has been sent: SIGCONT. */
static void hold(void)
{
	char path[TEXT_MAX], stat[TEXT_MAX] = "", state = 0;
	FILE *file;

	kill(machine, SIGSTOP);
	snprintf(path, sizeof(path), "/proc/%d/stat", machine);
	while (state != 'T') {
		file = fopen(path, "r");
		if (!file || !fgets(stat, sizeof(stat), file))
			die(path);
		fclose(file);
		state = strrchr(stat, ')')[2];
	}
}

static void sink_datagrams(int fd)
{
	char payload[DATAGRAM_MAX];

	while (recv(fd, payload, sizeof(payload), MSG_DONTWAIT) >= 0)
		sunk++;
}

static void sink_stream(int listener)
{
	static char chunk[STREAM_CHUNK];
	struct pollfd ended = { .fd = accept(listener, NULL, NULL), .events = POLLRDHUP };
	int fd = ended.fd;

	/*
	 * Whoever reads has the socket to himself now and then, and what comes meanwhile is not
	 * acknowledged at once. So nothing is read before all of it is there: it has room.
	 */
	if (machine)
		poll(&ended, 1, TIMEOUT_S * 1000);
	while (read(fd, chunk, sizeof(chunk)) > 0)
		;
	if (write(fd, "!", 1) != 1)
		perror("TCP sink");
	close(fd);
}

static void source_stream(int listener)
{
	static char chunk[STREAM_CHUNK];
	char text[TEXT_MAX] = "";
	int fd = accept(listener, NULL, NULL);
	ssize_t len = read(fd, text, sizeof(text) - 1);
	unsigned long left = len > 0 ? strtoul(text, NULL, 10) : 0;

	/* All of it at once into the socket, which has room: from then on only ACKs pull it out. */
	if (machine)
		hold();
	while (left) {
		ssize_t sent = write(fd, chunk, left < sizeof(chunk) ? left : sizeof(chunk));

		if (sent <= 0)
			break;
		left -= (unsigned long)sent;
	}
	shutdown(fd, SHUT_WR);
	if (machine)
		kill(machine, SIGCONT);
	while (read(fd, chunk, sizeof(chunk)) > 0)
		;
	close(fd);
}

/* ---- Lots that arrive at once ---- */

/* Lots of @lot datagrams; the guest's ack for one before the next. */
static void send_lots(int control, struct sockaddr_in to, unsigned int count, unsigned int size,
		      unsigned int lot)
{
	char payload[DATAGRAM_MAX] = { 0 }, ack[TEXT_MAX];
	bool held = machine && lot > 1;

	to.sin_port = htons(PORT_GUEST);
	for (unsigned int sent = 0; sent < count; sent += lot) {
		usleep(REST_US);
		if (held)
			hold();
		for (unsigned int i = 0; i < lot; i++)
			sendto(control, payload, size, 0, (struct sockaddr *)&to, sizeof(to));
		if (held)
			kill(machine, SIGCONT);
		if (recv(control, ack, sizeof(ack), 0) < 0)
			fprintf(stderr, "netbench: no ack after %u datagrams\n", sent + lot);
	}
}

/* ---- Echo requests, which the kernel leaves to us ---- */

static void answer_echo(int fd)
{
	uint8_t packet[DATAGRAM_MAX];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t len = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &from_len);
	size_t ip = (size_t)(packet[0] & 0xf) * 4;

	if (len < (ssize_t)(ip + ICMP_MINLEN) || packet[ip] != ICMP_ECHO)
		return;
	usleep(REST_US);
	make_echo(packet + ip, ICMP_ECHOREPLY, (size_t)len - ip);
	sendto(fd, packet + ip, (size_t)len - ip, 0, (struct sockaddr *)&from, from_len);
}

static int open_icmp(void)
{
	uint32_t others = ~(1u << ICMP_ECHO);
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	FILE *off = fopen("/proc/sys/net/ipv4/icmp_echo_ignore_all", "w");

	if (fd < 0 || !off || fputs("1", off) < 0 || fclose(off))
		die("ICMP socket");
	setsockopt(fd, SOL_RAW, ICMP_FILTER, &others, sizeof(others));
	return fd;
}

/* ---- Requests ---- */

static void serve(int control)
{
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	char text[TEXT_MAX] = "";
	unsigned int count, size, lot;
	unsigned long result = 0;

	if (recvfrom(control, text, sizeof(text) - 1, 0, (struct sockaddr *)&from, &from_len) < 0)
		return;
	sink_datagrams(sockets[SINK].fd);
	if (!strcmp(text, "reset"))
		sunk = 0;
	else if (!strcmp(text, "count"))
		result = sunk;
	else if (sscanf(text, "machine %d", &machine) == 1)
		result = (unsigned long)machine;
	else if (sscanf(text, "ping %u %u", &count, &size) == 2)
		result = ping(from.sin_addr, count, size, REST_US);
	else if (sscanf(text, "send %u %u %u", &count, &size, &lot) == 3 && lot &&
		 size <= DATAGRAM_MAX)
		send_lots(control, from, count, size, lot);
	else
		return;		/* an ack that came late */
	snprintf(text, sizeof(text), "%lu", result);
	sendto(control, text, strlen(text), 0, (struct sockaddr *)&from, from_len);
}

int run_peer(void)
{
	static void (*const handlers[NR_SOCKETS])(int) = {
		[CONTROL] = serve, [SINK] = sink_datagrams,
		[TCP_SINK] = sink_stream, [TCP_SOURCE] = source_stream, [ECHO] = answer_echo,
	};

	signal(SIGPIPE, SIG_IGN);
	sockets[CONTROL].fd = open_udp(PORT_CONTROL);
	sockets[SINK].fd = open_udp(PORT_SINK);
	sockets[TCP_SINK].fd = listen_tcp(PORT_TCP_SINK);
	sockets[TCP_SOURCE].fd = listen_tcp(PORT_TCP_SOURCE);
	sockets[ECHO].fd = open_icmp();
	for (int i = 0; i < NR_SOCKETS; i++)
		sockets[i].events = POLLIN;
	printf("ready\n");
	fflush(stdout);
	while (poll(sockets, NR_SOCKETS, -1) >= 0) {
		for (int i = 0; i < NR_SOCKETS; i++) {
			if (sockets[i].revents & POLLIN)
				handlers[i](sockets[i].fd);
		}
	}
	return 1;
}
