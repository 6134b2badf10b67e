/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The forwarding database of a switch: which address was last seen on which port, in each VLAN
 * for itself (802.1Q §8.8: independent learning). Its size
 * is fixed; nothing a guest or the wire sends makes it grow. The owner locks it.
 */
#ifndef NET_FDB_H
#define NET_FDB_H

#include <string.h>

#include "kernel/types.h"

#define FDB_PORTS	64	/* port numbers are below this */
#define FDB_NONE	UINT32_MAX

struct fdb_entry {
	u64 mac;		/* as by fdb_mac(), and fdb_vlan() of its VLAN */
	u64 seen_ns;
	u32 next;		/* in its bucket's chain, or on the free list; FDB_NONE ends */
	u8 port;
	bool used;
};

struct fdb {
	struct fdb_entry *entry;	/* [size] */
	u32 *bucket;			/* [size], first of the chain */
	u32 size, used, free;		/* free: first of the free list */
	u32 version;			/* never 0; another one when an address has gone or moved */
	u64 factor;			/* of the hash: nobody fills one bucket on purpose */
	u32 port_used[FDB_PORTS];
	u64 ageing_ns, swept_ns;
	u64 learnt, moved, aged, full;	/* full: not learnt for lack of room */
};

/* 0 or -ENOMEM. @key: anything hard to guess. */
int fdb_init(struct fdb *fdb, u32 size, u64 ageing_ns, u32 key);

/* The address at @mac as a number: its first byte is the lowest. */
static inline u64 fdb_mac(const u8 *mac)
{
	u32 low;
	u16 high;

	memcpy(&low, mac, sizeof(low));
	memcpy(&high, mac + sizeof(low), sizeof(high));
	return (u64)high << 32 | low;
}

/* What makes it the address in a VLAN. */
static inline u64 fdb_vlan(u16 vid)
{
	return (u64)vid << 48;
}

static inline u16 fdb_vlan_of(u64 mac)
{
	return (u16)(mac >> 48);
}

/* The port of @mac, or -1: unknown, or not seen for ageing_ns. */
int fdb_lookup(struct fdb *fdb, u64 mac, u64 now_ns);
/*
 * @mac was seen on @port: learn it, move it, or note the time. A port may hold @limit
 * addresses; beyond that, or when the table is full, it is not learnt (counted in full).
 */
void fdb_learn(struct fdb *fdb, u64 mac, unsigned int port, u32 limit, u64 now_ns);
void fdb_forget_port(struct fdb *fdb, unsigned int port);

/* Has @entry not been seen for too long at @now_ns, which may lie before seen_ns? */
bool fdb_expired(const struct fdb *fdb, const struct fdb_entry *entry, u64 now_ns);

#endif
