/* SPDX-License-Identifier: BSD-2-Clause */
/* Chained hashing over a fixed array of entries; those that are not in use form a free list. */
#include <errno.h>
#include <stdlib.h>

#include "net/fdb.h"

/* When the table is full it is searched for expired entries, but not more often than this. */
#define FDB_SWEEP_NS	NSEC_PER_SEC

/*
 * Multiply-shift hashing: for whom does not know the odd factor, any two addresses share a bucket
 * with a probability of two in fdb->size (Dietzfelbinger et al., J. Algorithms 25, 1997).
 */
static inline u32 *fdb_bucket(struct fdb *fdb, u64 mac)
{
	return &fdb->bucket[(mac * fdb->factor >> 32) * fdb->size >> 32];
}

/* Mixing as in splitmix64: every bit of the key reaches the upper half. */
static u64 factor_of(u64 key)
{
	key += 0x9e3779b97f4a7c15ull;
	key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9ull;
	key = (key ^ key >> 27) * 0x94d049bb133111ebull;
	return (key ^ key >> 31) | 1;
}

int fdb_init(struct fdb *fdb, u32 size, u64 ageing_ns, u32 key)
{
	*fdb = (struct fdb){ .size = size, .ageing_ns = ageing_ns, .version = 1 };
	fdb->factor = factor_of(key);
	fdb->entry = calloc(size, sizeof(*fdb->entry));
	fdb->bucket = calloc(size, sizeof(*fdb->bucket));
	if (!fdb->entry || !fdb->bucket) {
		free(fdb->entry);
		free(fdb->bucket);
		*fdb = (struct fdb){ 0 };
		return -ENOMEM;
	}
	for (u32 i = 0; i < size; i++) {
		fdb->entry[i].next = i + 1 < size ? i + 1 : FDB_NONE;
		fdb->bucket[i] = FDB_NONE;
	}
	return 0;
}

bool fdb_expired(const struct fdb *fdb, const struct fdb_entry *entry, u64 now_ns)
{
	/* Another CPU, whose clock was read later, may have noted the time before us. */
	return now_ns > entry->seen_ns && now_ns - entry->seen_ns > fdb->ageing_ns;
}

/* Where the number of @mac's entry is stored: bucket or predecessor. It may be FDB_NONE. */
static u32 *fdb_find(struct fdb *fdb, u64 mac)
{
	u32 *link = fdb_bucket(fdb, mac);

	while (*link != FDB_NONE && fdb->entry[*link].mac != mac)
		link = &fdb->entry[*link].next;
	return link;
}

static void fdb_changed(struct fdb *fdb)
{
	if (!++fdb->version)
		fdb->version = 1;
}

static void fdb_remove(struct fdb *fdb, u32 *link)
{
	u32 n = *link;
	struct fdb_entry *entry = &fdb->entry[n];

	*link = entry->next;
	fdb_changed(fdb);
	fdb->port_used[entry->port]--;
	fdb->used--;
	entry->used = false;
	entry->next = fdb->free;
	fdb->free = n;
}

int fdb_lookup(struct fdb *fdb, u64 mac, u64 now_ns)
{
	u32 *link = fdb_find(fdb, mac);

	if (*link == FDB_NONE)
		return -1;
	if (fdb_expired(fdb, &fdb->entry[*link], now_ns)) {
		fdb_remove(fdb, link);
		fdb->aged++;
		return -1;
	}
	return fdb->entry[*link].port;
}

static void fdb_sweep(struct fdb *fdb, u64 now_ns)
{
	if (fdb->swept_ns && now_ns < fdb->swept_ns + FDB_SWEEP_NS)
		return;
	fdb->swept_ns = now_ns;
	for (u32 i = 0; i < fdb->size; i++) {
		struct fdb_entry *entry = &fdb->entry[i];

		if (entry->used && fdb_expired(fdb, entry, now_ns)) {
			fdb_remove(fdb, fdb_find(fdb, entry->mac));
			fdb->aged++;
		}
	}
}

static void fdb_insert(struct fdb *fdb, u64 mac, unsigned int port, u64 now_ns)
{
	u32 n = fdb->free, *bucket = fdb_bucket(fdb, mac);
	struct fdb_entry *entry = &fdb->entry[n];

	fdb->free = entry->next;
	*entry = (struct fdb_entry){
		.mac = mac, .port = (u8)port, .used = true, .seen_ns = now_ns, .next = *bucket,
	};
	*bucket = n;
	fdb->port_used[port]++;
	fdb->used++;
	fdb->learnt++;
}

static void fdb_move(struct fdb *fdb, struct fdb_entry *entry, unsigned int port, u64 now_ns)
{
	fdb_changed(fdb);
	fdb->port_used[entry->port]--;
	fdb->port_used[port]++;
	entry->port = (u8)port;
	entry->seen_ns = now_ns;
	fdb->moved++;
}

void fdb_learn(struct fdb *fdb, u64 mac, unsigned int port, u32 limit, u64 now_ns)
{
	u32 n = *fdb_find(fdb, mac);
	bool known = n != FDB_NONE;

	if (known && fdb->entry[n].port == port) {
		fdb->entry[n].seen_ns = MAX(fdb->entry[n].seen_ns, now_ns);
		return;
	}
	if ((!known && fdb->free == FDB_NONE) || fdb->port_used[port] >= limit) {
		fdb_sweep(fdb, now_ns);
		known = known && fdb->entry[n].used;
	}
	if (fdb->port_used[port] >= limit || (!known && fdb->free == FDB_NONE))
		fdb->full++;
	else if (known)
		fdb_move(fdb, &fdb->entry[n], port, now_ns);
	else
		fdb_insert(fdb, mac, port, now_ns);
}

void fdb_forget_port(struct fdb *fdb, unsigned int port)
{
	for (u32 i = 0; i < fdb->size && fdb->port_used[port]; i++)
		if (fdb->entry[i].used && fdb->entry[i].port == port)
			fdb_remove(fdb, fdb_find(fdb, fdb->entry[i].mac));
}
