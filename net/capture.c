/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/capture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/lock.h"
#include "kernel/mem.h"
#include "kernel/time.h"
#include "net/pcap_file.h"
#include "net/port.h"
#include "net/switch.h"

static struct {
	struct spinlock lock;		/* all of it; taken under a switch's lock */
	const struct port *port;	/* frames of it are taken; NULL: no more */
	u64 phys;			/* of the buffer; 0: no capture */
	u8 *buf;
	u32 head, tail;			/* bytes written and read; CAPTURE_BUFFER divides 2^32 */
	u32 left, snaplen;
	struct capture_stats stats;
	void (*more)(void);
} capture = { .lock = SPINLOCK_INIT(LOCK_CAPTURE) };

static void buffer_write(const void *from, u32 len)
{
	u32 at = capture.head % CAPTURE_BUFFER, n = MIN(len, CAPTURE_BUFFER - at);

	memcpy(capture.buf + at, from, n);
	memcpy(capture.buf, (const u8 *)from + n, len - n);
	capture.head += len;
}

static void buffer_write_frame(const struct frame *frame, u32 len)
{
	for (unsigned int i = 0; len; i++) {
		u32 n = MIN(len, frame->seg[i].len);

		buffer_write(frame->seg[i].ptr, n);
		len -= n;
	}
}

static void end(const char *why)
{
	capture.port = NULL;
	if (!capture.stats.ended)
		capture.stats.ended = why;
}

static void take(const struct frame *frame, u64 now)
{
	const struct pcap_record rec = {
		.seconds = (u32)(now / NSEC_PER_SEC), .nanoseconds = (u32)(now % NSEC_PER_SEC),
		.captured = MIN(frame->len, capture.snaplen), .original = frame->len,
	};

	if (CAPTURE_BUFFER - (capture.head - capture.tail) < sizeof(rec) + rec.captured) {
		capture.stats.missed++;
		return;
	}
	buffer_write(&rec, sizeof(rec));
	buffer_write_frame(frame, rec.captured);
	capture.stats.frames++;
	if (!--capture.left)
		end("count reached");
}

void capture_frames(const struct port *port, struct frame *const *frames, unsigned int nr)
{
	u64 now = time_ns();

	spin_lock(&capture.lock);
	for (unsigned int i = 0; i < nr && capture.port == port; i++)
		take(frames[i], now);
	if (capture.phys)
		capture.more();
	spin_unlock(&capture.lock);
}

void capture_detach(const struct port *port)
{
	spin_lock(&capture.lock);
	if (capture.port == port) {
		end("port went away");
		capture.more();
	}
	spin_unlock(&capture.lock);
}

/* Under the lock of its switch: it cannot go away meanwhile. */
static void attach(struct port *port)
{
	spin_lock(&capture.lock);
	capture.port = port;
	spin_unlock(&capture.lock);
	port->checks |= PORT_CAPTURE;
}

static void detach(struct port *port)
{
	port->checks &= (u8)~PORT_CAPTURE;
}

static void give_back(void)
{
	u64 phys = capture.phys;

	spin_lock(&capture.lock);
	capture.phys = 0;
	spin_unlock(&capture.lock);
	mem_free(phys, CAPTURE_BUFFER, MEM_VHOST);
}

int capture_start(const char *port, u32 count, u32 snaplen, void (*more)(void))
{
	const struct pcap_header header = {
		.magic = PCAP_MAGIC_NS, .major = PCAP_MAJOR, .minor = PCAP_MINOR,
		.snaplen = snaplen, .linktype = PCAP_ETHERNET,
	};
	u64 phys;

	if (capture.phys)
		return -EBUSY;
	phys = mem_alloc(CAPTURE_BUFFER, PAGE_SIZE, MEM_VHOST);
	if (!phys)
		return -ENOMEM;
	spin_lock(&capture.lock);
	capture.phys = phys;
	capture.buf = phys_to_virt(phys);
	capture.head = capture.tail = 0;
	capture.left = count;
	capture.snaplen = snaplen;
	capture.more = more;
	capture.stats = (struct capture_stats){ 0 };
	snprintf(capture.stats.port, sizeof(capture.stats.port), "%s", port);
	buffer_write(&header, sizeof(header));
	spin_unlock(&capture.lock);
	if (switch_with_port(port, attach)) {
		give_back();
		return -ENOENT;
	}
	return 0;
}

bool capture_stop(const char *why)
{
	if (!capture.phys)
		return false;
	spin_lock(&capture.lock);
	end(why);
	spin_unlock(&capture.lock);
	return true;
}

size_t capture_read(void *buf, size_t len)
{
	u32 at, n = 0;

	spin_lock(&capture.lock);
	if (capture.phys) {
		at = capture.tail % CAPTURE_BUFFER;
		n = MIN(capture.head - capture.tail, MIN((u32)len, CAPTURE_BUFFER - at));
		memcpy(buf, capture.buf + at, n);
		capture.tail += n;
	}
	spin_unlock(&capture.lock);
	return n;
}

bool capture_poll(struct capture_stats *stats)
{
	if (!capture.phys)
		return false;
	spin_lock(&capture.lock);
	*stats = capture.stats;
	stats->over = stats->ended && capture.head == capture.tail;
	spin_unlock(&capture.lock);
	if (stats->over) {
		switch_with_port(stats->port, detach);
		give_back();
	}
	return true;
}
