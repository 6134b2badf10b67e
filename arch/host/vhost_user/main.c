/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ringvisor-vhost: Ringvisor's rings, vhost-net and switch as a vhost-user backend for QEMU, DPDK
 * or anything else that speaks the protocol.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "arch/host/vhost_user/backend.h"
#include "arch/host/vhost_user/device.h"
#include "kernel/log.h"
#include "virtio/virtio.h"

static const char usage[] =
	"usage: ringvisor-vhost --socket PATH [--socket PATH ...] --backend BACKEND [OPTION ...]\n";
static const char help[] =
	"  --socket PATH    listen there for a vhost-user front end; several: a device each\n"
	"  --backend loop           frames go back to the device that they came from\n"
	"            switch         the devices are the ports of one switch\n"
	"            tap=NAME       the same, with the host's tap device NAME on it\n"
	"            pcap=FILE      the same, with FILE as a port that keeps what reaches it\n"
	"  --queues N       queue pairs of a device, 1 to %u (1)\n"
	"  --packed         offer packed rings\n"
	"  --no-indirect    do not offer indirect descriptors\n"
	"  --iommu          offer addresses that the front end translates\n"
	"  --poll           look at the rings all the time, instead of waiting for kicks\n"
	"  --verbose        say more\n"
	"SIGUSR1 shows the counters; SIGTERM and SIGINT end it and show them.\n";

static struct {
	const char *socket[SWITCH_PORTS_MAX];
	unsigned int nr_sockets;
	const char *backend;
	unsigned int queues;
} options = { .queues = 1 };

static void show(void)
{
	for (unsigned int i = 0; i < nr_vu_devs; i++)
		vu_dev_show(vu_devs[i]);
	backend_show();
}

static void signalled(struct loop_source *source)
{
	struct signalfd_siginfo info;

	if (read(source->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1)
		show();
	else
		loop_stop();
}

static struct loop_source signals = { .fd = -1, .ready = signalled };

static int signals_init(void)
{
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);	/* a call descriptor may be a pipe that nobody reads */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : loop_add(&signals, fd, false);
}

static void turn(void)
{
	vu_mem_report();
	for (unsigned int d = 0; d < nr_vu_devs; d++)
		vu_iotlb_ask(vu_devs[d]);
	for (unsigned int d = 0; vu_polling && d < nr_vu_devs; d++)
		for (unsigned int i = VIRTIO_NET_TX; i < 2 * vu_devs[d]->nr_pairs; i += 2)
			vhost_poll_queue(&vu_devs[d]->net.vq[i]);
}

enum {
	OPT_SOCKET = 1,
	OPT_BACKEND,
	OPT_QUEUES,
	OPT_PACKED,
	OPT_NO_INDIRECT,
	OPT_IOMMU,
	OPT_POLL,
	OPT_VERBOSE,
	OPT_HELP,
};

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "backend", required_argument, NULL, OPT_BACKEND },
	{ "queues", required_argument, NULL, OPT_QUEUES },
	{ "packed", no_argument, NULL, OPT_PACKED },
	{ "no-indirect", no_argument, NULL, OPT_NO_INDIRECT },
	{ "iommu", no_argument, NULL, OPT_IOMMU },
	{ "poll", no_argument, NULL, OPT_POLL },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

/* What is wrong with the command line, before the usage. */
static bool bad(const char *fmt, ...) __printf(1, 2);
static bool bad(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "ringvisor-vhost: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	return false;
}

static bool parse_socket(const char *path)
{
	if (options.nr_sockets == SWITCH_PORTS_MAX - 1)
		return bad("--socket %s: too many, expected up to %u", path, SWITCH_PORTS_MAX - 1);
	for (unsigned int i = 0; i < options.nr_sockets; i++)
		if (!strcmp(options.socket[i], path))
			return bad("--socket %s: given twice", path);
	options.socket[options.nr_sockets++] = path;
	return true;
}

static bool parse_queues(const char *s)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	options.queues = (unsigned int)n;
	return (*s && !*end && n >= 1 && n <= VU_VRINGS / 2) ||
	       bad("--queues %s: expected 1..%u", s, VU_VRINGS / 2);
}

static bool parse_one(int c)
{
	switch (c) {
	case OPT_SOCKET:
		return parse_socket(optarg);
	case OPT_BACKEND:
		options.backend = optarg;
		return true;
	case OPT_QUEUES:
		return parse_queues(optarg);
	case OPT_PACKED:
		vu_features |= BIT_ULL(VIRTIO_F_RING_PACKED);
		return true;
	case OPT_NO_INDIRECT:
		vu_features &= ~BIT_ULL(VIRTIO_F_INDIRECT_DESC);
		return true;
	case OPT_IOMMU:
		vu_features |= BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);
		return true;
	case OPT_POLL:
		vu_polling = true;
		return true;
	case OPT_VERBOSE:
		log_set_level(LOG_DEBUG);
		return true;
	default:
		return false;		/* getopt_long() has said it */
	}
}

static bool complete(int argc, char **argv)
{
	if (optind < argc)
		return bad("%s: not an option", argv[optind]);
	if (!options.nr_sockets)
		return bad("--socket: missing");
	return options.backend || bad("--backend: missing");
}

static void parse(int argc, char **argv)
{
	bool ok = true;
	int c;

	while (ok && (c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (c == OPT_HELP) {
			printf("%s", usage);
			printf(help, VU_VRINGS / 2);
			exit(0);
		}
		ok = parse_one(c);
	}
	if (ok && complete(argc, argv))
		return;
	fprintf(stderr, "%s--help says more\n", usage);
	exit(2);
}

static int devices_init(void)
{
	for (unsigned int i = 0; i < options.nr_sockets; i++) {
		struct vu_dev *dev;
		int err = vu_dev_create(options.socket[i], options.queues, &dev);

		if (!err)
			err = backend_attach(&dev->net.port);
		if (!err)
			err = vu_listen(dev);
		if (err)
			return err;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int err;

	setvbuf(stderr, NULL, _IOLBF, 0);
	log_set_level(LOG_INFO);
	parse(argc, argv);
	vu_mem_catch_faults();
	err = loop_init();
	if (!err)
		err = signals_init();
	if (!err)
		err = backend_init(options.backend);
	if (!err)
		err = devices_init();
	if (!err) {
		pr_info("ringvisor-vhost: ready");
		loop_run(turn, vu_polling);
	}
	for (unsigned int i = 0; i < nr_vu_devs; i++)
		vu_close(vu_devs[i]);
	if (!err)
		show();
	return err ? 1 : 0;
}
