/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames that stand for another one, whole or in part, on its way to one port: with a header of
 * their own, and by reference to the other's bytes behind it. They come from two pools of
 * CONFIG_OFFLOAD_FRAMES each: one for NICs, which keep parts until they have sent them, and one for
 * guests' ports, which are done with them at once, so that one guest's flood to a slow NIC takes
 * nothing from traffic among the others. Any CPU.
 */
#ifndef NET_PART_H
#define NET_PART_H

#include "kernel/types.h"
#include "net/frame.h"

struct part_pool;
struct port;

/*
 * Its owner is the frame that it refers to, set by who makes it, who also holds that frame with
 * frame_get(); the last put of the part puts it. hdr_phys is there.
 */
struct part {
	struct frame frame;
	struct part *next;
	struct part_pool *pool;		/* that it is of */
} __aligned(64);

/* Before the first frame; further calls do nothing. -ENOMEM. */
int parts_init(void);

/*
 * Some parts, linked by next, for a batch to @to; what is not used goes back, all of one pool.
 * NULL: all are in use.
 */
struct part *parts_take(const struct port *to);
void parts_give(struct part *first);

/*
 * part_copy() - @part as @whole, with a header of its own of up to @hdr_max bytes; its pieces
 * behind that are the same. hdr_phys is there; refs, done, owner are not touched. False: it would
 * have too many pieces.
 */
bool part_copy(struct frame *part, const struct frame *whole, u32 hdr_max);

#endif
