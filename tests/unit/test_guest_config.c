/* SPDX-License-Identifier: BSD-2-Clause */
/* ringvisor.conf: what a good one means. */
#include "tests/unit/guest_config_fixture.h"

static void test_the_design_example(void **state)
{
	static const u8 mac[6] = { 0x20, 0x90, 0x6f, 0x28, 0x84, 0xf2 };
	const struct nic_config *nic = &guest[0].nic[0];

	parse_good("guest web -m 256M -smp 2 -kernel vmlinuz -initrd web.cpio.gz "
		   "-append \"console=ttyS0\"\n"
		   "  -netdev tap,id=hostnet2,br=br0,queues=8,vhost=on,poll-us=60,workers=3;1-2,"
		   "script=no,downscript=no\n"
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
	parse_good("set log-level=1 workers=1,4-6\nguest g -kernel k", 1);
	assert_int_equal(host.workers.nr, 4);
	assert_int_equal(host.workers.cpu[3], 6);
}

static void test_affinity(void **state)
{
	parse_good("guest g -kernel k -smp 3\n\t-cpu-affinity 2,0-1", 1);
	assert_int_equal(guest[0].affinity.nr, 3);
	assert_int_equal(guest[0].affinity.cpu[0], 2);
	assert_int_equal(guest[0].affinity.cpu[2], 1);
	assert_int_equal(guest[0].affinity.line, 2);
}

static void test_empty_files(void **state)
{
	parse_good("", 0);
	parse_good("\n\n# nothing\n   \n", 0);
	parse_good("#", 0);
	parse_good("\xef\xbb\xbf", 0);
	parse_good("\xef\xbb\xbfguest g -kernel k", 1);
	assert_string_equal(guest[0].name, "g");
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
		cmocka_unit_test(test_affinity),
		cmocka_unit_test(test_empty_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
