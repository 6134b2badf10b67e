/* SPDX-License-Identifier: BSD-2-Clause */
/* `capture` in the monitor: the file appears on the console, for tools/capture.py. */
#ifndef NET_CAPTURE_MONITOR_H
#define NET_CAPTURE_MONITOR_H

/* BSP, boot, after monitor_init() may come first; what is captured is printed on this CPU. */
void capture_monitor_init(void);

#endif
