/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capturing a port's frames: what its other side sends, before anything is checked, and what is
 * handed to it, as tags have been put in and before large frames are cut. One capture at a time,
 * of so many frames; they wait in a buffer of fixed size for who reads it, as a pcap file
 * (draft-ietf-opsawg-pcap), and when it is full they are missed and counted.
 */
#ifndef NET_CAPTURE_H
#define NET_CAPTURE_H

#include "kernel/types.h"
#include "net/frame.h"

#define CAPTURE_BUFFER		(256 * 1024u)
#define CAPTURE_COUNT_MAX	100000
#define CAPTURE_SNAPLEN_MAX	65535

struct port;

struct capture_stats {
	char port[48];
	u64 frames, missed;		/* in the file; not */
	const char *ended;		/* why; NULL: it goes on */
	bool over;			/* ended, and everything has been read */
};

/*
 * capture_start() - up to @count frames of the port called @port, @snaplen bytes of each. @more is
 * called on any CPU, with locks held, when there is something to read. -ENOENT: no such port,
 * -EBUSY: a capture is under way, -ENOMEM. Like those below from one CPU.
 */
int capture_start(const char *port, u32 count, u32 snaplen, void (*more)(void));
/* False: there is none. What is in the buffer can still be read. */
bool capture_stop(const char *why);
/* The next bytes of the file, in order; 0: none at present. */
size_t capture_read(void *buf, size_t len);
/*
 * capture_poll() - how it goes; false: no capture. When it is over, this gives the buffer back and
 * says so once.
 */
bool capture_poll(struct capture_stats *stats);

/* The switch: frames of a port with PORT_CAPTURE. Any CPU. */
void capture_frames(const struct port *port, struct frame *const *frames, unsigned int nr);
/* The switch: @port goes away. Its switch's lock is held. */
void capture_detach(const struct port *port);

#endif
