/* SPDX-License-Identifier: BSD-2-Clause */
/* What the monitor can show of the kernel's own parts. */
#ifndef KERNEL_MONITOR_INFO_H
#define KERNEL_MONITOR_INFO_H

/* Registers them. Called by monitor_init(). */
void monitor_info_init(void);

#endif
