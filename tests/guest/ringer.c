/* SPDX-License-Identifier: BSD-2-Clause */
/* guest: -smp 2 -netdev tap,id=a -device virtio-net-pci,netdev=a,addr=0x3 */
/* boot: own */
/*
 * Rings for nothing as fast as it can, by the port: the second processor does, a queue whose worker
 * is on the first one's CPU (tests/system/test_smp.py).
 */
#include "nic.h"

const char test_name[] = "ringer";

static struct nic nic __attribute__((aligned(4096)));

static void ring(void)
{
	for (;;)
		outw(nic.queue[NIC_RX].port, NIC_RX);
}

void test(void)
{
	pic_mask();
	nic_start(&nic, 3, 0x50);
	apic_on();
	ap_start(1, ring);
	say("RINGING\n");
	for (;;)
		hlt();
}
