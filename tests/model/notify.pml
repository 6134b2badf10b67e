/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notifications of a virtqueue both ways, with VIRTIO_F_EVENT_IDX and without: no buffer stays
 * in the ring while the worker has nothing to do and the driver waits for its interrupt.
 *
 * Mirrors, by their names: virtio/ring.c ring_notify_disable(), ring_notify_enable();
 * virtio/ring_split.c ring_split_notify(), ring_split_more(), ring_split_publish(), which
 * ring_publish() calls (the packed ring's have the same order of stores, barriers and loads, with
 * its event structures in place of flags and event fields); virtio/vhost.c vhost_signal(),
 * vhost_signal_lazily(), vq_kicked(), vq_work(), vq_poll(), vq_rest(); virtio/vhost.h
 * vhost_keep_polling(); kernel/poller.c look_at(); virtio/net_tx.c net_tx_kick(), tx_batch();
 * virtio/virtq.h virtq_need_event(). The driver is Linux's (drivers/virtio/virtio_ring.c), in the
 * words of virtio 1.2 §2.7.13 and §2.7.14. That queued work is run at some time is what cpu.pml shows.
 *
 * Indices are counted modulo 8 in place of 65,536, with a ring of two entries and batches of one
 * (VHOST_BATCH).
 *
 * config: FLAGS		the flags of avail and used
 * config: EVENT_IDX		the event fields
 * config: FLAGS_POLL		with flags, and a poller that looks in place of doorbells
 * config: EVENT_IDX_POLL	with event fields and a poller
 * mutant: NO_ENABLE_BARRIER	ring_notify_enable()
 * mutant: NO_SECOND_LOOK	ring_notify_enable(): what it returns
 * mutant: NO_PUBLISH_BARRIER	ring_publish()
 * mutant: NO_DRIVER_KICK_BARRIER	the driver's, between avail->idx and its look at our wish
 * mutant: NO_DRIVER_WAIT_BARRIER	the driver's, between its wish and its look at used->idx
 */
#ifdef FLAGS_POLL
#define POLL
#endif
#ifdef EVENT_IDX_POLL
#define EVENT_IDX
#define POLL
#endif

#define DEVICE 0
#define DRIVER 1
#define PROCESSORS 2

#define AVAIL_IDX 0		/* written by the driver */
#define AVAIL_FLAGS 1
#define USED_EVENT 2
#define USED_IDX 3		/* written by the device */
#define USED_FLAGS 4
#define AVAIL_EVENT 5
#define WORDS 6
#include "tso.pml"

#define NUM 2
#define BUFFERS 6
#define BATCH 2			/* VHOST_BATCH */
#define BUDGET 3		/* CONFIG_VHOST_NET_WEIGHT_PKTS */
#define MOD(x)	((x) & 7)
#define need_event(event, new, old)	(MOD(new - event - 1) < MOD(new - old))

bit work;			/* vq->work is queued: a kick, or the function's own doing */
bit call;			/* the interrupt, pending in the guest's local APIC */
byte reaped;

/* ---- The device ---- */

byte last_avail, used_idx, signalled_used;
bit signalled_valid, notify_off;
bit polling;			/* poller_active() */

inline ring_notify_disable()
{
	if
	:: notify_off
	:: else ->
		notify_off = 1;
#ifndef EVENT_IDX
		store(DEVICE, USED_FLAGS, 1)
#endif
	fi
}

inline ring_notify_enable(more)
{
	notify_off = 0;
#ifdef EVENT_IDX
	store(DEVICE, AVAIL_EVENT, last_avail);
#else
	store(DEVICE, USED_FLAGS, 0);
#endif
#ifndef NO_ENABLE_BARRIER
	mb(DEVICE);
#endif
#ifdef NO_SECOND_LOOK
	more = 0
#else
	more = load(AVAIL_IDX) != last_avail
#endif
}

inline ring_publish()
{
	store(DEVICE, USED_IDX, used_idx);
	old = signalled_used;
	valid = signalled_valid;
	signalled_used = used_idx;
	signalled_valid = 1;
#ifndef NO_PUBLISH_BARRIER
	mb(DEVICE);
#endif
#ifdef EVENT_IDX
	wanted = !valid || need_event(load(USED_EVENT), used_idx, old)
#else
	wanted = !load(AVAIL_FLAGS)
#endif
}

/* used_published is signalled_used here: the two differ before the first publication only. */
inline vhost_signal()
{
	if
	:: used_idx == signalled_used
	:: else ->
		ring_publish();
		if
		:: wanted -> call = 1
		:: else
		fi
	fi
}

/* Up to BATCH chains, used at once. */
inline tx_batch(n)
{
	n = 0;
	do
	:: n < BATCH ->
		if
		:: load(AVAIL_IDX) != last_avail ->
			last_avail = MOD(last_avail + 1);
			used_idx = MOD(used_idx + 1);
			n++
		:: else -> break
		fi
	:: else -> break
	od
}

/* That depends on the time since it was asked last, which may be anything. */
inline vhost_keep_polling()
{
#ifdef POLL
	if
	:: polling = 1
	:: true
	fi
#else
	skip
#endif
}

/* vq_poll(); if there is nothing, the time for that may be over: vq_rest() */
inline look_at()
{
	if
	:: load(AVAIL_IDX) != last_avail -> locked(DEVICE, work = 1)
	:: else ->
		vhost_signal();
		ring_notify_enable(more);
		if
		:: more -> ring_notify_disable()
		:: else -> polling = 0
		fi
	fi
}

inline net_tx_kick()
{
	packets = 0;
	ring_notify_disable();
	do
	:: tx_batch(n);
	   if			/* vhost_signal_lazily() */
	   :: polling
	   :: vhost_signal()
	   fi;
	   packets = packets + n;
	   if
	   :: packets >= BUDGET -> work = 1; break	/* vhost_poll_queue() */
	   :: packets < BUDGET && n < BATCH ->		/* the ring was empty */
		vhost_keep_polling();
		if
		:: polling -> break
		:: else
		fi;
		ring_notify_enable(more);
		if
		:: !more -> break
		:: else -> ring_notify_disable()
		fi
	   :: else
	   fi
	od
}

/* vq_work() */
proctype worker()
{
	byte n, packets, old;
	bit more, wanted, valid;

end:	do
	:: work ->
		locked(DEVICE, work = 0);
		net_tx_kick()
	:: polling -> look_at()
	od
}

/* ---- The driver ---- */

byte added, avail_idx, kicked_idx, last_used;

/* virtqueue_kick(): after one or two buffers */
inline driver_kick()
{
	store(DRIVER, AVAIL_IDX, avail_idx);
#ifndef NO_DRIVER_KICK_BARRIER
	mb(DRIVER);
#endif
#ifdef EVENT_IDX
	if
	:: need_event(load(AVAIL_EVENT), avail_idx, kicked_idx) -> work = 1	/* vq_kicked() */
	:: else
	fi;
#else
	if
	:: !load(USED_FLAGS) -> work = 1
	:: else
	fi;
#endif
	kicked_idx = avail_idx
}

inline driver_add()
{
	added++;
	avail_idx = MOD(avail_idx + 1);
	in_ring++
}

inline driver_send()
{
	driver_add();
	if
	:: added < BUFFERS && in_ring < NUM -> driver_add()
	:: true
	fi;
	driver_kick()
}

/* virtqueue_disable_cb(), get_buf() until there is none */
inline driver_reap()
{
#ifndef EVENT_IDX
	store(DRIVER, AVAIL_FLAGS, 1);
#endif
	do
	:: load(USED_IDX) != last_used ->
		last_used = MOD(last_used + 1);
		in_ring--;
		reaped++
	:: else -> break
	od
}

/* virtqueue_enable_cb(): true if there may be more */
inline driver_enable(more)
{
#ifdef EVENT_IDX
	store(DRIVER, USED_EVENT, last_used);
#else
	store(DRIVER, AVAIL_FLAGS, 0);
#endif
#ifndef NO_DRIVER_WAIT_BARRIER
	mb(DRIVER);
#endif
	more = load(USED_IDX) != last_used
}

proctype driver()
{
	byte in_ring;
	bit more;

	do
	:: added < BUFFERS && in_ring < NUM -> driver_send()
	:: in_ring ->
		driver_reap();
		driver_enable(more);
		if
		:: more || !in_ring
		:: else ->
end_waits:		call -> locked(DRIVER, call = 0)
		fi
	:: added == BUFFERS && !in_ring -> break
	od
}

/* Nobody can go on: everything sent has come back. */
active proctype check()
{
	timeout;
	assert(reaped == BUFFERS)
}

init {
	atomic { run drain(DEVICE); run drain(DRIVER); run worker(); run driver() }
}
