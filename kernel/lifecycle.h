/* SPDX-License-Identifier: BSD-2-Clause */
/* Between guest.c, which makes and unmakes a guest, and lifecycle.c, which says when. */
#ifndef KERNEL_LIFECYCLE_H
#define KERNEL_LIFECYCLE_H

#include "kernel/guest.h"
#include "kernel/mem.h"

/*
 * guest_build() - memory, devices, vCPUs, and the image loaded. On the guest's CPU. 0, or an error
 * that has been said, nothing left behind.
 * guest_tear_down() - the reverse: everything goes back but struct guest and the vCPUs' counters.
 * Its vCPUs have been taken off their CPUs, its NICs have been reset and are quiet.
 */
int guest_build(struct guest *guest);
void guest_tear_down(struct guest *guest);

/*
 * Devices (NICs have been reset before) and vCPUs to their power-on state, image loaded anew.
 * 0 or an error that has been said.
 */
int guest_power_on(struct guest *guest);

/* vCPU @id as it is before arch_vcpu_init(), to be placed on guest->placement[id]. */
void vcpu_init(struct vcpu *vcpu, struct guest *guest, unsigned int id);

/* Bytes that @owner has now and had not before the first guest was made. */
u64 guests_memory(enum mem_owner owner);

/* The guest's work: serves guest->request. */
void guest_lifecycle(struct work *work);

#endif
