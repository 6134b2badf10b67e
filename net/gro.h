/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Generic receive offload: TCP segments that a NIC has received together and that follow each
 * other become one large frame (FRAME_TSO), for receivers that take one. Cut again (net/gso.h)
 * it gives the same segments, byte by byte; what would not is not merged:
 *
 * - Plain IPv4 or IPv6 over Ethernet with one VLAN tag at most: no options, extension headers,
 *   fragments; lengths that agree, no padding. The IPv4 header's sum is right, and so is TCP's:
 *   the NIC says so (FRAME_CSUM_VALID).
 * - TCP flags ACK and ECE alone (RFC 9293 §3.1, RFC 3168 §6.1); the last one PSH and FIN too.
 * - All headers are the same, options with their time stamps included, but for the lengths,
 *   checksums, sequence numbers, which follow each other, and IPv4's ids, which count.
 * - All have as much payload, and the last no more; all together, what IP's length field holds.
 *
 * Nothing is kept from one call to the next, so no frame waits for another.
 */
#ifndef NET_GRO_H
#define NET_GRO_H

#include "net/frame.h"
#include "net/port.h"

/* Pieces of a large frame; room for those that a copied header or a VLAN tag makes more. */
#define GRO_SEGS_MAX	(FRAME_SEGS - 2)

/*
 * gro_merge() - @frames have been received by the NIC of the uplink @from, in this order, and
 * nobody else holds them: hdr_len 0, and a done() that puts the frames in frame->frags too.
 * Those merged into others leave the array and are in frags of those; how many are left. Frames
 * of one connection stay in order. Counted in from->stats. CPU of the NIC's poll.
 */
unsigned int gro_merge(struct port *from, struct frame **frames, unsigned int nr);

#endif
