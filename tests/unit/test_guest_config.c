/* SPDX-License-Identifier: BSD-2-Clause */
/* ringvisor.conf: what a good one means, and the line that each mistake gets. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/guest_config.h"
#include "kernel/log.h"

#define MAX_GUESTS 3

static struct host_config host;
static struct guest_config guest[MAX_GUESTS];
static char errors[16][sizeof(((struct config_error *)0)->text)];
static unsigned int nr_errors;

static void report(void *arg, const struct config_error *err)
{
	assert_true(nr_errors < ARRAY_SIZE(errors));
	strcpy(errors[nr_errors++], err->text);
}

/* In a block of exactly its size, so that the sanitizer sees a read past the end. */
static int parse_bytes(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);
	int n;

	memcpy(copy, text, len);
	nr_errors = 0;
	n = config_parse("ringvisor.conf", copy, len, &host, guest, MAX_GUESTS, report, NULL);
	free(copy);
	return n;
}

static void release(int n)
{
	for (int i = 0; i < n; i++)
		if (guest[i].append[0])
			free((char *)guest[i].append);
}

static int parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

/* Exactly @want guests, and not a word. */
static void parse_good(const char *text, int want)
{
	int n = parse(text);

	if (nr_errors)
		fail_msg("%s", errors[0]);
	assert_int_equal(n, want);
}

static void test_the_design_example(void **state)
{
	static const u8 mac[6] = { 0x20, 0x90, 0x6f, 0x28, 0x84, 0xf2 };
	const struct nic_config *nic = &guest[0].nic[0];

	parse_good("guest web -m 256M -smp 2 -kernel vmlinuz -initrd web.cpio.gz "
		   "-append \"console=ttyS0\"\n"
		   "  -netdev tap,id=hostnet2,br=br0,queues=8,vhost=on,poll-us=60,workers=3;1-2\n"
		   "  -device virtio-net-pci,netdev=hostnet2,id=net2,mac=20:90:6f:28:84:f2,"
		   "event_idx=on,mq=on,vectors=18,rx_queue_size=1024,tx_queue_size=1024,bus=pci.0,"
		   "addr=0x7\n", 1);
	assert_string_equal(guest[0].name, "web");
	assert_int_equal(guest[0].memory, 256 * MIB);
	assert_int_equal(guest[0].nr_vcpus, 2);
	assert_string_equal(guest[0].kernel, "vmlinuz");
	assert_string_equal(guest[0].initrd, "web.cpio.gz");
	assert_string_equal(guest[0].append, "console=ttyS0");
	assert_int_equal(guest[0].nr_nics, 1);
	assert_string_equal(nic->netdev.br, "br0");
	assert_int_equal(nic->netdev.queues, 8);
	assert_int_equal(nic->netdev.poll_us, 60);
	assert_int_equal(nic->netdev.workers.nr, 3);
	assert_int_equal(nic->netdev.workers.cpu[0], 3);
	assert_int_equal(nic->netdev.workers.cpu[2], 2);
	assert_string_equal(nic->id, "net2");
	assert_memory_equal(nic->mac, mac, 6);
	assert_true(nic->event_idx && nic->mq);
	assert_int_equal(nic->vectors, 18);
	assert_int_equal(nic->rx_queue_size, 1024);
	assert_int_equal(nic->tx_queue_size, 1024);
	assert_int_equal(nic->devfn, 7 << 3);
	release(1);
}

static void test_defaults(void **state)
{
	static const u8 first[6] = { 0x52, 0x54, 0, 0, 2, 0 };
	static const u8 second[6] = { 0x52, 0x54, 0, 0, 2, 1 };

	parse_good("guest other -kernel k\n"
		   "guest g -kernel k -netdev switch,id=a -netdev tap,id=b,br=inner\n"
		   " -device virtio-net-pci,netdev=b,addr=2 -device virtio-net-pci,netdev=a\n", 2);
	assert_int_equal(guest[1].memory, 128 * MIB);
	assert_int_equal(guest[1].nr_vcpus, 1);
	assert_true(guest[1].kvm);
	assert_string_equal(guest[1].append, "");
	assert_string_equal(guest[1].initrd, "");
	assert_false(guest[1].no_reboot || guest[1].debug_exit.on);
	assert_int_equal(guest[1].on_crash, ON_CRASH_STOP);
	assert_string_equal(guest[1].nic[0].id, "net0");
	assert_string_equal(guest[1].nic[0].netdev.br, "inner");
	assert_string_equal(guest[1].nic[1].id, "net1");
	assert_string_equal(guest[1].nic[1].netdev.br, "br0");
	assert_memory_equal(guest[1].nic[0].mac, first, 6);
	assert_memory_equal(guest[1].nic[1].mac, second, 6);
	assert_int_equal(guest[1].nic[0].devfn, 2 << 3);
	assert_int_equal(guest[1].nic[1].devfn, 3 << 3);
	assert_int_equal(guest[1].nic[1].vectors, 4);
	assert_true(guest[1].nic[1].ctrl_vq && guest[1].nic[1].ctrl_mac_addr);
	assert_int_equal(guest[1].nic[1].rx_queue_size, 256);
	assert_true(guest[1].nic[1].csum && guest[1].nic[1].mrg_rxbuf);
	assert_true(guest[1].nic[1].modern_pio_notify);
	assert_false(guest[1].nic[1].mq || guest[1].nic[1].packed);
}

static void test_vectors(void **state)
{
	parse_good("guest a -kernel k -netdev tap,id=n,queues=4\n"
		   " -device virtio-net-pci,netdev=n,mq=on\n"
		   "guest b -kernel k -netdev tap,id=n,queues=4\n"
		   " -device virtio-net-pci,netdev=n,mq=on,vectors=3\n"
		   "guest c -kernel k -netdev tap,id=n\n"
		   " -device virtio-net-pci,netdev=n,mq=on,vectors=0\n", 3);
	assert_int_equal(guest[0].nic[0].vectors, 10);
	assert_int_equal(guest[1].nic[0].vectors, 3);
	assert_int_equal(guest[2].nic[0].vectors, 0);
}

static void test_port_policy(void **state)
{
	const struct port_policy *p = &guest[0].nic[0].netdev.policy;

	parse_good("guest g -kernel k -device virtio-net-pci,netdev=a -netdev tap,id=a,tag=10,"
		   "trunks=0;20-64;4094,spoofchk=on,ingress_policing_rate=1000000000,gro=off,"
		   "ingress_policing_kpkts_rate=5,ingress_policing_kpkts_burst=6", 1);
	assert_true(p->spoofchk && p->vlan.trunk && !p->gro);
	assert_int_equal(p->vlan.tag, 10);
	assert_int_equal(p->vlan.trunks[0], ~0ull << 20 | 1);
	assert_int_equal(p->vlan.trunks[1], 1);
	assert_int_equal(p->vlan.trunks[2], 0);
	assert_int_equal(p->vlan.trunks[63], 1ull << 62);
	assert_int_equal(p->rate, 1000000000);
	assert_int_equal(p->burst, 8000);
	assert_int_equal(p->kpkts_rate, 5);
	assert_int_equal(p->kpkts_burst, 6);
	parse_good("guest g -kernel k -device virtio-net-pci,netdev=a -netdev tap,id=a", 1);
	assert_false(p->spoofchk || port_vlan_set(&p->vlan) || p->rate || p->kpkts_rate);
	assert_true(p->gro);
}

static void test_the_other_options(void **state)
{
	parse_good("guest g -cpu host -kernel k", 1);
	assert_true(guest[0].kvm);
	parse_good("guest g -kernel k,1 -cpu host,kvm=off -no-reboot -action panic=reset "
		   "-name g -m 1G -device isa-debug-exit,iobase=0xf4,iosize=4 -netdev tap,id=a "
		   "-device virtio-net-pci,netdev=a,host_mtu=9000,vectors=0,csum=off,status=off,"
		   "guest_csum=off,mrg_rxbuf=off,event_idx=off,indirect_desc=off,packed=off,"
		   "disable-legacy=on,addr=1f.0,modern-pio-notify=off", 1);
	assert_false(guest[0].kvm);
	assert_true(guest[0].no_reboot);
	assert_int_equal(guest[0].on_crash, ON_CRASH_RESET);
	assert_int_equal(guest[0].memory, GIB);
	assert_string_equal(guest[0].kernel, "k,1");
	assert_true(guest[0].debug_exit.on);
	assert_int_equal(guest[0].debug_exit.iobase, 0xf4);
	assert_int_equal(guest[0].debug_exit.iosize, 4);
	assert_int_equal(guest[0].nic[0].host_mtu, 9000);
	assert_int_equal(guest[0].nic[0].vectors, 0);
	assert_int_equal(guest[0].nic[0].devfn, 0x1f << 3);
	assert_false(guest[0].nic[0].csum || guest[0].nic[0].guest_csum || guest[0].nic[0].status ||
		     guest[0].nic[0].mrg_rxbuf || guest[0].nic[0].event_idx ||
		     guest[0].nic[0].indirect_desc || guest[0].nic[0].modern_pio_notify);
}

/* Each of QEMU's switches moves its own flag and no other. */
static void test_offload_switches(void **state)
{
	static const char *const names[] = { "csum", "host_tso4", "host_tso6", "host_ecn",
					     "guest_csum", "guest_tso4", "guest_tso6",
					     "guest_ecn", "gso" };
	char text[200];

	for (unsigned int off = 0; off < ARRAY_SIZE(names); off++) {
		const struct nic_config *nic = &guest[0].nic[0];

		snprintf(text, sizeof(text), "guest g -kernel k -netdev tap,id=a "
			 "-device virtio-net-pci,netdev=a,%s=off", names[off]);
		parse_good(text, 1);
		const bool on[] = { nic->csum, nic->host_tso4, nic->host_tso6, nic->host_ecn,
				    nic->guest_csum, nic->guest_tso4, nic->guest_tso6,
				    nic->guest_ecn };

		for (unsigned int i = 0; i < ARRAY_SIZE(on); i++)
			assert_int_equal(on[i], i != off);
	}
}

static void test_memory_sizes(void **state)
{
	static const struct { const char *text; u64 bytes; } sizes[] = {
		{ "64", 64 * MIB }, { "2M", 2 * MIB }, { "2048k", 2 * MIB }, { "3g", 3 * GIB },
		{ "1T", 1024 * GIB }, { "4194304B", 4 * MIB },
	};
	char text[80];

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(text, sizeof(text), "guest g -kernel k -m %s", sizes[i].text);
		parse_good(text, 1);
		assert_int_equal(guest[0].memory, sizes[i].bytes);
	}
}

static void test_quotes_comments_and_line_ends(void **state)
{
	parse_good("# first\r\n"
		   "\r\n"
		   "guest g -kernel k#1 # the rest\r\n"
		   "\t-append \"a \\\"b c\\\" \\\\ # 'd' \\n\"\r\n"
		   "# in between\n"
		   "   # and indented\n"
		   "\n"
		   " -m \\\n 64M -initrd \"\"x\" y\"", 1);
	assert_string_equal(guest[0].kernel, "k#1");
	assert_string_equal(guest[0].append, "a \"b c\" \\ # 'd' \\n");
	assert_string_equal(guest[0].initrd, "x y");
	assert_int_equal(guest[0].memory, 64 * MIB);
	release(1);
}

static void test_settings(void **state)
{
	log_set_level(LOG_INFO);
	parse_good("set log-level=debug\n", 0);
	assert_int_equal(log_get_level(), LOG_DEBUG);
	parse_good("set log-level=1\nguest g -kernel k", 1);
	assert_int_equal(log_get_level(), LOG_WARN);
}

static void test_workers(void **state)
{
	parse_good("guest g -kernel k", 1);
	assert_int_equal(host.workers.nr, 0);
	parse_good("set log-level=1\nset workers=1;4-6\nguest g -kernel k", 1);
	assert_int_equal(host.workers.nr, 4);
	assert_int_equal(host.workers.cpu[0], 1);
	assert_int_equal(host.workers.cpu[3], 6);
	assert_int_equal(host.workers_line, 2);
}

static void test_empty_files(void **state)
{
	parse_good("", 0);
	parse_good("\n\n# nothing\n   \n", 0);
	parse_good("#", 0);
}

/* Each alone in its file: its first message, which follows "ringvisor.conf:". */
static const struct { const char *text, *error; } mistakes[] = {
	/* statements */
	{ "gast g -kernel k", "1: gast: unknown, expected guest NAME ... or set NAME=VALUE, and "
	  "white space before a line that continues" },
	{ " guest g -kernel k", "1: white space at the begin of the line, expected guest or set at "
	  "the first column" },
	{ "guest", "1: guest: name missing, expected guest NAME ..." },
	{ "\nguest 1g -kernel k", "2: guest 1g: not an identifier, expected a letter, then "
	  "letters, digits, '-', '.', '_'" },
	{ "guest a/b -kernel k", "1: guest a/b: not an identifier, expected a letter, then "
	  "letters, digits, '-', '.', '_'" },
	{ "guest abcdefghijklmnop -kernel k",
	  "1: guest abcdefghijklmnop: bad length, expected 1..15 characters" },
	{ "guest \"\" -kernel k", "1: guest : bad length, expected 1..15 characters" },
	{ "set log-level=4", "1: set log-level=4: unknown, expected error, warning, info, debug or "
	  "0..3" },
	{ "set speed=1", "1: set speed: unknown, expected log-level workers" },
	{ "set workers=2-", "1: set workers=2-: not a list of CPUs, expected CPUs for vhost "
	  "workers alone, as in 3, 2-3 or 1;3" },
	{ "set workers=1;;2", "1: set workers=1;;2: not a list of CPUs, expected CPUs for vhost "
	  "workers alone, as in 3, 2-3 or 1;3" },
	{ "set workers=0-100000", "1: set workers=0-100000: not a list of CPUs, expected CPUs for "
	  "vhost workers alone, as in 3, 2-3 or 1;3" },
	{ "set log-level", "1: set log-level: value missing, expected error, warning, info, debug "
	  "or 0..3" },
	/* words */
	{ "guest g -kernel k\n -append \"a b", "2: guest g: quotation mark not closed, expected \" "
	  "on the same line" },
	{ "guest g -kernel k -append \"a\n b\"", "1: guest g: quotation mark not closed, expected "
	  "\" on the same line" },
	{ "guest g -kernel k -append 'a b'", "1: guest g: single quotation mark, expected \" "
	  "around words with blanks" },
	{ "guest g -kernel k\033[2J", "1: guest g: control character, expected text" },
	{ "guest g -kernel \"k\r\"", "1: guest g: control character, expected text" },
	{ "guest g -kernel k -m", "1: guest g: -m: value missing, expected 2M..1T in steps of 2M, "
	  "as in 256M" },
	{ "guest g -kernel k -foo x y -m 64", "1: guest g: -foo: unknown, expected -m -smp -cpu "
	  "-cpu-affinity -kernel "
	  "-initrd -append -netdev -device -no-reboot -action -name" },
	{ "guest g -kernel k vmlinuz", "1: guest g: vmlinuz: unknown, expected -m -smp -cpu "
	  "-cpu-affinity -kernel "
	  "-initrd -append -netdev -device -no-reboot -action -name" },
	{ "guest g -m 64M -kernel k\n -m 64M", "2: guest g: -m: given twice" },
	{ "guest g -kernel k -cpu max", "1: guest g: -cpu max: unknown model, expected host or "
	  "host,kvm=off" },
	{ "guest g -kernel k -cpu host,kvm=no", "1: guest g: -cpu host,kvm=no: not a switch, "
	  "expected on or off" },
	{ "guest g -kernel k -cpu host,x2apic=on", "1: guest g: -cpu host,x2apic: unknown, "
	  "expected kvm" },
	{ "guest g -kernel k -cpu-affinity 1,x", "1: guest g: -cpu-affinity 1,x: "
	  "not a list of CPUs, expected CPUs for the vCPUs, as in 1, 0-3 or 2,0,4-7" },
	{ "guest g -kernel k -cpu-affinity 3-1", "1: guest g: -cpu-affinity 3-1: "
	  "not a list of CPUs, expected CPUs for the vCPUs, as in 1, 0-3 or 2,0,4-7" },
	{ "guest g -m 64M", "1: guest g: -kernel: missing, expected a file of the boot archive" },
	{ "guest g -kernel \"\"", "1: guest g: -kernel: empty, expected a file of the boot "
	  "archive" },
	/* values */
	{ "guest g -kernel k -m 12Q", "1: guest g: -m 12Q: not a size, expected 2M..1T in steps of "
	  "2M, as in 256M" },
	{ "guest g -kernel k -m -2M", "1: guest g: -m -2M: not a size, expected 2M..1T in steps of "
	  "2M, as in 256M" },
	{ "guest g -kernel k -m 64MB", "1: guest g: -m 64MB: not a size, expected 2M..1T in steps "
	  "of 2M, as in 256M" },
	{ "guest g -kernel k -m 3M", "1: guest g: -m 3M: not a multiple of 2M, expected 2M..1T in "
	  "steps of 2M, as in 256M" },
	{ "guest g -kernel k -m 0", "1: guest g: -m 0: out of range, expected 2M..1T in steps of "
	  "2M, as in 256M" },
	{ "guest g -kernel k -m 1026G", "1: guest g: -m 1026G: out of range, expected 2M..1T in "
	  "steps of 2M, as in 256M" },
	{ "guest g -kernel k -m 16777217T", "1: guest g: -m 16777217T: out of range, expected "
	  "2M..1T in steps of 2M, as in 256M" },
	{ "guest g -kernel k -m 99999999999999999999", "1: guest g: -m 99999999999999999999: out "
	  "of range, expected 2M..1T in steps of 2M, as in 256M" },
	{ "guest g -kernel k -smp 0", "1: guest g: -smp 0: out of range, expected 1..64" },
	{ "guest g -kernel k -smp 65", "1: guest g: -smp 65: out of range, expected 1..64" },
	{ "guest g -kernel k -smp two", "1: guest g: -smp two: not a number, expected 1..64" },
	{ "guest g -kernel k -smp 2x", "1: guest g: -smp 2x: not a number, expected 1..64" },
	{ "guest g -kernel k -smp 99999999999999999999",
	  "1: guest g: -smp 99999999999999999999: out of range, expected 1..64" },
	{ "guest g -kernel k -action panic=pause", "1: guest g: -action panic=pause: unknown, "
	  "expected reset or shutdown" },
	{ "guest g -kernel k -action reboot=reset",
	  "1: guest g: -action reboot: unknown, expected panic" },
	{ "guest g -kernel k -name h", "1: guest g: -name h: another name than the guest's, "
	  "expected that of `guest NAME`, or nothing" },
	/* netdevs and devices */
	{ "guest g -kernel k -netdev user,id=a", "1: guest g: -netdev user: unknown type, expected "
	  "tap,id=ID,... or switch,id=ID,..., up to 4 of them" },
	{ "guest g -kernel k -netdev tap", "1: guest g: -netdev id: missing, expected an "
	  "identifier of up to 31 characters" },
	{ "guest g -kernel k -netdev tap,id=a,workers=0-8", "1: guest g: -netdev workers=0-8: not "
	  "a list of CPUs, expected up to 8 CPUs, as in 2, 2-3 or 1;3" },
	{ "guest g -kernel k -netdev tap,id=a,", "1: guest g: -netdev : unknown, expected id br "
	  "queues poll-us workers vhost gro tag trunks spoofchk ingress_policing_rate "
	  "ingress_policing_burst ingress_policing_kpkts_rate ingress_policing_kpkts_burst" },
	{ "guest g -kernel k -netdev tap,id=1", "1: guest g: -netdev id=1: not an identifier, "
	  "expected an identifier of up to 31 characters" },
	{ "guest g -kernel k -netdev tap,id=a,id=a", "1: guest g: -netdev id: given twice" },
	{ "guest g -kernel k -netdev tap,id=a,br=averylongbridgename", "1: guest g: -netdev "
	  "br=averylongbridgename: too long, expected the name of a switch, up to 15 characters" },
	{ "guest g -kernel k -netdev tap,id=a,vhost=off",
	  "1: guest g: -netdev vhost=off: not in this version, expected on" },
	{ "guest g -kernel k -netdev tap,id=a,queues=0",
	  "1: guest g: -netdev queues=0: out of range, expected 1..8" },
	{ "guest g -kernel k -netdev tap,id=a,queues=9",
	  "1: guest g: -netdev queues=9: out of range, expected 1..8" },
	{ "guest g -kernel k -netdev tap,id=a,ifname=t", "1: guest g: -netdev ifname: unknown, "
	  "expected id br queues poll-us workers vhost gro tag trunks spoofchk "
	  "ingress_policing_rate ingress_policing_burst "
	  "ingress_policing_kpkts_rate ingress_policing_kpkts_burst" },
	{ "guest g -kernel k -netdev tap,id=a,tag=4095",
	  "1: guest g: -netdev tag=4095: out of range, expected 1..4094" },
	{ "guest g -kernel k -netdev tap,id=a,trunks=20-10", "1: guest g: -netdev trunks=20-10: "
	  "not a list of VLANs, expected VLANs 0..4094, as in 10;20-30" },
	{ "guest g -kernel k -netdev tap,id=a,trunks=10;", "1: guest g: -netdev trunks=10;: "
	  "not a list of VLANs, expected VLANs 0..4094, as in 10;20-30" },
	{ "guest g -kernel k -netdev tap,id=a,trunks=4095", "1: guest g: -netdev trunks=4095: "
	  "not a list of VLANs, expected VLANs 0..4094, as in 10;20-30" },
	{ "guest g -kernel k -netdev tap,id=a,spoofchk=yes",
	  "1: guest g: -netdev spoofchk=yes: not a switch, expected on or off" },
	{ "guest g -kernel k -netdev tap,id=a,ingress_policing_burst=0", "1: guest g: -netdev "
	  "ingress_policing_burst=0: out of range, expected kbit, 1..1000000" },
	{ "guest g -kernel k -netdev tap,id=a", "1: guest g: -netdev id=a: not used, expected a "
	  "-device virtio-net-pci,netdev=a" },
	{ "guest g -kernel k -device e1000", "1: guest g: -device e1000: unknown device, expected "
	  "virtio-net-pci or isa-debug-exit" },
	{ "guest g -kernel k -device isa-debug-exit,iobase=0x10000", "1: guest g: -device "
	  "isa-debug-exit,iobase=0x10000: out of range, expected a port, 0x1..0xfff8" },
	{ "guest g -kernel k -device isa-debug-exit,iosize=9",
	  "1: guest g: -device isa-debug-exit,iosize=9: out of range, expected 1..8" },
	{ "guest g -kernel k -device isa-debug-exit -device isa-debug-exit",
	  "1: guest g: -device isa-debug-exit: given twice" },
	{ "guest g -kernel k -device virtio-net-pci,id=n", "1: guest g: -device virtio-net-pci,"
	  "netdev: missing, expected the id of a -netdev" },
	{ "guest g -kernel k -device virtio-net-pci,netdev=a",
	  "1: guest g: -device virtio-net-pci,netdev=a: no such -netdev" },
	{ "guest g -kernel k -netdev tap,id=a,queues=2 -device virtio-net-pci,netdev=a",
	  "1: guest g: -device virtio-net-pci,mq=off: queues=2 of -netdev id=a, expected mq=on" },
	{ "guest g -kernel k -netdev tap,id=a -device virtio-net-pci,netdev=a,mq=on,ctrl_vq=off",
	  "1: guest g: -device virtio-net-pci,mq=on: without a control queue, "
	  "expected ctrl_vq=on" },
};

/* The same for one property, in a NIC that is fine otherwise. */
static const struct { const char *text, *error; } nic_mistakes[] = {
	{ "mac=52:54:00:12:34", "not a MAC address, expected a unicast address, "
	  "52:54:00:12:34:56" },
	{ "mac=52:54:00:12:34:56:78", "not a MAC address, expected a unicast address, "
	  "52:54:00:12:34:56" },
	{ "mac=52-54-00-12-34-56", "not a MAC address, expected a unicast address, "
	  "52:54:00:12:34:56" },
	{ "mac=01:00:5e:00:00:01", "a group address, expected a unicast address, "
	  "52:54:00:12:34:56" },
	{ "mac=00:00:00:00:00:00", "zero, expected a unicast address, 52:54:00:12:34:56" },
	{ "mq=maybe", "not a switch, expected on or off" },
	{ "event_idx=", "not a switch, expected on or off" },
	{ "vectors=65", "out of range, expected 0..64" },
	{ "vectors=-1", "not a number, expected 0..64" },
	{ "rx_queue_size=100", "not a power of two, expected a power of two 64..1024" },
	{ "rx_queue_size=2048", "out of range, expected a power of two 64..1024" },
	{ "tx_queue_size=32", "out of range, expected a power of two 64..1024" },
	{ "host_mtu=67", "out of range, expected 0 or 68..65535" },
	{ "host_mtu=65536", "out of range, expected 0 or 68..65535" },
	{ "bus=pci.1", "not in this version, expected pci.0" },
	{ "addr=0", "out of range, expected a slot, 0x2..0x1f" },
	{ "addr=1", "out of range, expected a slot, 0x2..0x1f" },
	{ "addr=0x20", "out of range, expected a slot, 0x2..0x1f" },
	{ "addr=5.1", "not a slot, expected a slot, 0x2..0x1f" },
	{ "addr=-2", "not a slot, expected a slot, 0x2..0x1f" },
	{ "addr=", "not a slot, expected a slot, 0x2..0x1f" },
	{ "packed=", "not a switch, expected on or off" },
	{ "in_order=yes", "not a switch, expected on or off" },
	{ "gso=1", "neither on nor off, expected on or off" },
	{ "host_ufo=on", "not in this version, expected off" },
	{ "disable-legacy=off", "not in this version, expected on" },
};

static void expect_error(const char *text, const char *error)
{
	int n = parse(text);

	if (!nr_errors)
		fail_msg("no error in: %s", text);
	if (strcmp(errors[0], error))
		fail_msg("in: %s\n     got: %s\nexpected: %s", text, errors[0], error);
	assert_int_equal(n, 0);
}

static void test_mistakes(void **state)
{
	char error[320];

	for (unsigned int i = 0; i < ARRAY_SIZE(mistakes); i++) {
		snprintf(error, sizeof(error), "ringvisor.conf:%s", mistakes[i].error);
		expect_error(mistakes[i].text, error);
	}
}

static void test_nic_mistakes(void **state)
{
	char text[320], error[320];

	for (unsigned int i = 0; i < ARRAY_SIZE(nic_mistakes); i++) {
		const char *what = nic_mistakes[i].text;

		snprintf(text, sizeof(text), "guest g -kernel k\n -netdev tap,id=a\n"
			 " -device virtio-net-pci,netdev=a,%s", what);
		/* an option without its value is quoted without '=' */
		snprintf(error, sizeof(error), "ringvisor.conf:3: guest g: -device virtio-net-pci,"
			 "%.*s: %s", (int)(strlen(what) - (what[strlen(what) - 1] == '=')), what,
			 nic_mistakes[i].error);
		expect_error(text, error);
	}
}

#define TWO_NICS(first, second) \
	"guest g -kernel k -netdev tap,id=a -netdev tap,id=b\n" \
	" -device virtio-net-pci,netdev=a," first "\n -device virtio-net-pci," second

static void test_collisions(void **state)
{
	expect_error(TWO_NICS("addr=5", "netdev=b,addr=0x5"), "ringvisor.conf:3: guest g: -device "
		     "virtio-net-pci,addr=0x5: in use by another -device, expected a free slot");
	expect_error(TWO_NICS("id=x", "netdev=b,id=x"), "ringvisor.conf:3: guest g: -device "
		     "virtio-net-pci,id=x: given twice, expected another id");
	expect_error(TWO_NICS("id=x", "netdev=a"), "ringvisor.conf:3: guest g: -device "
		     "virtio-net-pci,netdev=a: in use by another -device");
	expect_error(TWO_NICS("mac=52:54:00:00:00:99", "netdev=b,mac=52:54:00:00:00:99"),
		     "ringvisor.conf:3: guest g: -device virtio-net-pci,mac=52:54:00:00:00:99: in "
		     "use by guest g, expected another address");
	expect_error("guest g -kernel k -netdev tap,id=a\n -netdev tap,id=a "
		     "-device virtio-net-pci,netdev=a", "ringvisor.conf:2: guest g: -netdev id=a: "
		     "given twice, expected another id");
}

static void test_too_many_nics(void **state)
{
	char text[600] = "guest g -kernel k";

	for (int i = 0; i < 5; i++)
		sprintf(text + strlen(text), " -netdev tap,id=n%d "
			"-device virtio-net-pci,netdev=n%d", i, i);
	expect_error(text, "ringvisor.conf:1: guest g: -netdev tap,id=n4: too many, expected "
		     "tap,id=ID,... or switch,id=ID,..., up to 4 of them");
}

static void test_bad_guest_is_left_out_alone(void **state)
{
	int n = parse("guest a -kernel k\n"
		      "guest b -m 3M -smp 0 -append \"owned\"\n"
		      "guest c -kernel k \"\n"
		      "guest d -kernel k\n");

	assert_int_equal(n, 2);
	assert_string_equal(guest[0].name, "a");
	assert_string_equal(guest[1].name, "d");
	assert_int_equal(nr_errors, 4);		/* three of b's, one of c's */
}

static void test_names_and_addresses_of_other_guests(void **state)
{
#define NIC " -kernel k -netdev tap,id=a -device virtio-net-pci,netdev=a,mac=52:54:00:aa:bb:cc\n"
	assert_int_equal(parse("guest a -kernel k\nguest a -kernel k"), 1);
	assert_string_equal(errors[0], "ringvisor.conf:2: guest a: given twice, expected another "
			    "name");
	assert_int_equal(parse("guest a" NIC "guest b" NIC), 1);
	assert_string_equal(errors[0], "ringvisor.conf:2: guest b: -device virtio-net-pci,"
			    "mac=52:54:00:aa:bb:cc: in use by guest a, expected another address");
}

static void test_more_guests_than_room(void **state)
{
	int n = parse("guest a -kernel k\nguest b -kernel k\nguest c -kernel k\nguest d -kernel k");

	assert_int_equal(n, MAX_GUESTS);
	assert_string_equal(errors[0], "ringvisor.conf:4: guest d: too many guests, expected up to "
			    "CONFIG_MAX_GUESTS");
}

static void test_setting_after_a_guest(void **state)
{
	assert_int_equal(parse("guest a -kernel k\nset log-level=1"), 1);
	assert_string_equal(errors[0], "ringvisor.conf:2: set: after a guest, expected before the "
			    "first one");
}

static void test_overlong_words(void **state)
{
	static char text[4096];

	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "guest g -kernel k -append ", 26);
	text[26 + 2047] = '\0';
	parse_good(text, 1);
	assert_int_equal(strlen(guest[0].append), 2047);
	release(1);
	text[26 + 2047] = 'x';
	text[26 + 2048] = '\0';
	assert_int_equal(parse(text), 0);
	assert_string_equal(errors[0], "ringvisor.conf:1: guest g: -append "
			    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...: too long, expected a "
			    "command line of up to 2047 bytes");
	text[26 + 2048] = 'x';
	assert_int_equal(parse(text), 0);
	assert_string_equal(errors[0], "ringvisor.conf:1: guest g: word too long, expected up to "
			    "2303 bytes");
}

static void test_zero_byte(void **state)
{
	assert_int_equal(parse_bytes("guest g -kernel k\0", 18), 0);
	assert_string_equal(errors[0], "ringvisor.conf:1: guest g: control character, expected "
			    "text");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_design_example),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_port_policy),
		cmocka_unit_test(test_the_other_options),
		cmocka_unit_test(test_offload_switches),
		cmocka_unit_test(test_memory_sizes),
		cmocka_unit_test(test_quotes_comments_and_line_ends),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_workers),
		cmocka_unit_test(test_empty_files),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_nic_mistakes),
		cmocka_unit_test(test_collisions),
		cmocka_unit_test(test_too_many_nics),
		cmocka_unit_test(test_bad_guest_is_left_out_alone),
		cmocka_unit_test(test_names_and_addresses_of_other_guests),
		cmocka_unit_test(test_more_guests_than_room),
		cmocka_unit_test(test_setting_after_a_guest),
		cmocka_unit_test(test_overlong_words),
		cmocka_unit_test(test_zero_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
