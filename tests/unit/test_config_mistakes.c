/* SPDX-License-Identifier: BSD-2-Clause */
/* ringvisor.conf: the line that each mistake gets. */
#include "tests/unit/guest_config_fixture.h"

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
	{ "guest \"\" -kernel k", "1: guest \"\": bad length, expected 1..15 characters" },
	{ "set log-level=4", "1: set log-level=4: unknown, expected error, warning, info, debug or "
	  "0..3" },
	{ "set speed=1", "1: set speed: unknown, expected log-level workers" },
	{ "set workers=2-", "1: set workers=2-: not a list of CPUs, expected CPUs for vhost "
	  "workers alone, as in 3, 2-3 or 1,3" },
	{ "set workers=1;;2", "1: set workers=1;;2: not a list of CPUs, expected CPUs for vhost "
	  "workers alone, as in 3, 2-3 or 1,3" },
	{ "set workers=0-100000", "1: set workers=0-100000: not a list of CPUs, expected CPUs for "
	  "vhost workers alone, as in 3, 2-3 or 1,3" },
	{ "set", "1: set: setting missing, expected set NAME=VALUE" },
	{ "set\nset log-level=1", "1: set: setting missing, expected set NAME=VALUE" },
	{ "set workers=", "1: set workers: not a list of CPUs, expected CPUs for vhost workers "
	  "alone, as in 3, 2-3 or 1,3" },
	{ "set workers=1,", "1: set workers=1,: not a list of CPUs, expected CPUs for vhost "
	  "workers alone, as in 3, 2-3 or 1,3" },
	{ "set workers=1\nset workers=2", "2: set workers: given twice" },
	{ "set log-level=1,workers=1", "1: set log-level=1,workers=1: unknown, expected error, "
	  "warning, info, debug or 0..3" },
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
	{ "guest g -kernel k -append console=ttyS0 quiet panic=1 -m 64", "1: guest g: quiet: not "
	  "an option, expected one with '-', or \" around a value with blanks" },
	{ "guest g -kernel k \"\"", "1: guest g: \"\": not an option, expected one with '-', or \" "
	  "around a value with blanks" },
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
	{ "guest g -kernel k -cpu-affinity 0,", "1: guest g: -cpu-affinity 0,: "
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
	{ "guest g -kernel k -netdev tap,id=a,", "1: guest g: -netdev \"\": unknown, expected id "
	  "br queues poll-us workers vhost gro tag trunks spoofchk ingress_policing_rate "
	  "ingress_policing_burst ingress_policing_kpkts_rate ingress_policing_kpkts_burst" },
	{ "guest g -kernel k -netdev tap,id=1", "1: guest g: -netdev id=1: not an identifier, "
	  "expected an identifier of up to 31 characters" },
	{ "guest g -kernel k -netdev tap,id=a,id=a", "1: guest g: -netdev id: given twice" },
	{ "guest g -kernel k -netdev tap,id=a,br=averylongbridgename", "1: guest g: -netdev "
	  "br=averylongbridgename: too long, expected the name of a switch, up to 15 characters" },
	{ "guest g -kernel k -netdev tap,id=a,vhost=off",
	  "1: guest g: -netdev vhost=off: not in this version, expected on" },
	{ "guest g -kernel k -netdev tap,id=a,script=/etc/qemu-ifup", "1: guest g: -netdev "
	  "script=/etc/qemu-ifup: not in this version, expected no" },
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
	{ "speed", "unknown, expected one of those in docs/configuration.md" },
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

static void expect_errors(const char *text, unsigned int nr)
{
	parse(text);
	if (nr_errors != nr)
		fail_msg("in: %s\n%u errors instead of %u, the last: %s", text, nr_errors, nr,
			 nr_errors ? errors[nr_errors - 1] : "");
}

/* What follows from a mistake is no second one. */
static void test_one_line_each(void **state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(mistakes); i++)
		expect_errors(mistakes[i].text, 1);
	expect_errors("guest g -m 64M -kernel", 1);
	expect_errors("guest g -kernel k -action panic", 1);
	expect_errors("guest g -kernel k -netdev tap,ID=a", 1);
	expect_errors("guest g -kernel k -netdev tap,id -device virtio-net-pci,netdev=a", 1);
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
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_one_line_each),
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
