/* SPDX-License-Identifier: BSD-2-Clause */
/* A port that keeps what reaches it in a file: classic pcap (draft-ietf-opsawg-pcap). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arch/host/vhost_user/backend.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "net/pcap_file.h"

static FILE *file;

static void pcap_deliver(struct port *port, struct frame **frames, unsigned int nr)
{
	const u64 now = time_ns();

	for (unsigned int i = 0; i < nr; i++) {
		const struct frame *f = frames[i];
		const struct pcap_record rec = {
			.seconds = (u32)(now / NSEC_PER_SEC),
			.nanoseconds = (u32)(now % NSEC_PER_SEC),
			.captured = f->len, .original = f->len,
		};
		bool ok = fwrite(&rec, sizeof(rec), 1, file) == 1;

		for (unsigned int s = 0; ok && s < f->nr_segs; s++)
			ok = fwrite(f->seg[s].ptr, f->seg[s].len, 1, file) == 1;
		if (!ok)
			port_drop(port, DROP_NO_MEMORY, 1);
	}
}

static void pcap_flush(struct port *port)
{
	fflush(file);
}

static const struct port_ops pcap_ops = { .deliver = pcap_deliver, .flush = pcap_flush };

int pcap_open(const char *path, struct port *port)
{
	const struct pcap_header header = {
		.magic = PCAP_MAGIC_NS, .major = PCAP_MAJOR, .minor = PCAP_MINOR,
		.snaplen = UINT16_MAX, .linktype = PCAP_ETHERNET,
	};

	file = fopen(path, "wb");
	if (!file || fwrite(&header, sizeof(header), 1, file) != 1 || fflush(file)) {
		pr_err("ringvisor-vhost: %s: %s", path, strerror(errno));
		return -EIO;
	}
	snprintf(port->name, sizeof(port->name), "pcap");
	port->ops = &pcap_ops;
	port->max_frame = UINT16_MAX;
	port->uplink = port->link_up = true;
	return 0;
}
