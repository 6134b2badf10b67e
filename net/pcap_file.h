/* SPDX-License-Identifier: BSD-2-Clause */
/* Classic pcap files, in the machine's byte order: draft-ietf-opsawg-pcap. */
#ifndef NET_PCAP_FILE_H
#define NET_PCAP_FILE_H

#include "kernel/types.h"

enum pcap_file {		/* §4 */
	PCAP_MAGIC_NS = 0xa1b23c4d,
	PCAP_MAJOR = 2,
	PCAP_MINOR = 4,
	PCAP_ETHERNET = 1,
};

struct pcap_header {		/* §4 */
	u32 magic;
	u16 major, minor;
	u32 reserved[2], snaplen, linktype;
};

struct pcap_record {		/* §5 */
	u32 seconds, nanoseconds, captured, original;
};

#endif
