# SPDX-License-Identifier: BSD-2-Clause
"""Guests with several vCPUs on machines with several CPUs, and CPUs that vCPUs share."""

import re
import shlex
import signal
import subprocess

import pytest

import test_guests

from bench import BUILD, linux_files, make
from guest import Guest, linux
from monitor import Monitor
from outside import ADDRESS
from several import Several, address, conf
from test_linux import complaints
from test_net import Net, ping

# Every vCPU is busy for a while, is sent IPIs (the kernel's own, for timers and wake-ups across
# CPUs), and has a timer that runs.
LOAD = """\
n=$(grep -c ^processor /proc/cpuinfo)
for cpu in $(seq 0 $((n - 1))); do
	(taskset -c $cpu sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; echo DONE') &
done
wait
sleep 3
grep -E 'LOC|RES|CAL' /proc/interrupts
dmesg -r | grep '^<[0-4]>'
exit 0
"""


def with_vcpus(text, vcpus):
    return text.replace("-smp 1", f"-smp {vcpus}")


def interrupts(text, name):
    """What /proc/interrupts says of a kind of interrupt: a number for each vCPU."""
    return [int(n) for n in re.search(rf"{name}: +((?:\d+ +)+)", text).group(1).split()]


def check_boot(bench, kind, vcpus, cpus, **options):
    machine = bench.boot(with_vcpus(linux(nic=False), vcpus), linux_files(LOAD), kind=kind,
                         cpus=cpus, **options)
    guest = Guest(machine)
    guest.expect_ready(timeout=600)
    for _ in range(vcpus):
        guest.expect("DONE", timeout=240)
    guest.expect("GUEST-VERDICT 0", timeout=240)
    said = machine.text()
    assert f"smp: {cpus} of {cpus} CPUs online" in said
    assert not complaints(said)
    timers = interrupts(said, "LOC")
    assert len(timers) == vcpus and min(timers) > 10, timers
    if vcpus > 1:
        assert sum(interrupts(said, "RES")) + sum(interrupts(said, "CAL")) > 0
    machine.expect("guest lin: powered off")
    machine.expect("summary: memory still held for guests: ram=0 ")
    machine.expect_end()


QUICK = {(2, 1), (4, 2)}


@pytest.mark.parametrize("vcpus, cpus", [
    pytest.param(vcpus, cpus, marks=[] if (vcpus, cpus) in QUICK else pytest.mark.full)
    for vcpus in (1, 2, 4) for cpus in (1, 2, 4)])
def test_boot(bench, vcpus, cpus):
    """Debian on AMD-V, to user space and off again; nothing to complain of with all vCPUs busy."""
    check_boot(bench, "qemu-svm", vcpus, cpus)


def placement(machine):
    """The CPU of each vCPU, as the monitor tells."""
    told = Monitor(machine).enter().info("exits")
    return {name.removeprefix("vcpu "): int(keys["cpu"]) for name, keys in told.items()}


def test_placement(bench):
    """By configuration, in turn; otherwise where there are fewest. A CPU that is not there is told.

    Then a reset of a guest whose vCPUs run on several CPUs, and the end of all.
    """
    pinned = with_vcpus(linux("pin", nic=False), 3) + "\t-cpu-affinity 2,1\n"
    spread = with_vcpus(linux("spread", nic=False), 4)
    wrong = linux("wrong", nic=False) + "\t-cpu-affinity 0,7\n"
    machine = bench.boot(pinned + spread + wrong, linux_files(), kind="qemu-svm", cpus=4)
    machine.expect("guest wrong: -cpu-affinity: CPU 7 is not there, expected 0..3")
    Guest(machine, "spread").expect_ready(timeout=600)
    assert placement(machine) == {"pin.0": 2, "pin.1": 1, "pin.2": 2,
                                  "spread.0": 3, "spread.1": 0, "spread.2": 1, "spread.3": 3}
    Monitor(machine).run("reset spread")
    machine.expect(r"guest spread: started again \(reset 1\)")
    Guest(machine, "spread").expect_ready(timeout=600)
    machine.send("quit\r")
    machine.expect("summary: memory still held for guests: ram=0 tables=0 vhost=0 ")


@pytest.mark.parametrize("kind", ["haswell", pytest.param("qemu-svm", marks=pytest.mark.full)])
def test_fair_shares(bench, kind):
    """Two busy guests on one CPU: in ten seconds each gets what the other gets, to one in twenty."""
    image = test_guests.build() / "busy.elf"
    conf = "".join(f"guest {name} -kernel busy.elf -m 8M\n" for name in ("left", "right"))
    machine = bench.boot(conf, {"busy.elf": image}, kind=kind)
    counts = {}
    for _ in range(2):
        match = machine.expect(r"\[(left|right)\] COUNT (\d+)\r*\n", timeout=240)
        counts[match.group(1)] = int(match.group(2))
    assert len(counts) == 2
    assert 0.95 < counts["left"] / counts["right"] < 1 / 0.95, counts


@pytest.mark.full
def test_rung_from_another_cpu(bench):
    """A guest that rings a queue for nothing, whose worker is on another guest's CPU: that one has
    nearly all of its time, as far as an emulator can tell, where exits are slow."""
    images = test_guests.build()
    machine = bench.boot("guest ringer -kernel ringer.elf -m 8M -smp 2 -cpu-affinity 0,1 "
                         "-netdev tap,id=a,workers=0 -device virtio-net-pci,netdev=a,addr=0x3\n"
                         "guest busy -kernel busy.elf -m 8M -cpu-affinity 0\n",
                         {f"{name}.elf": images / f"{name}.elf" for name in ("ringer", "busy")},
                         kind="tcg", cpus=2)
    machine.expect("RINGING", timeout=60)
    machine.expect(r"\[busy\] COUNT \d+\r*\n", timeout=240)
    told = Monitor(machine).enter()
    exits, cpus = told.info("exits"), told.info("cpus")
    assert int(exits["vcpu ringer.1"]["doorbells"]) > 100
    assert int(cpus["cpu 0"]["work"]) > 100
    assert float(cpus["cpu 0"]["guest_share"].rstrip("%")) > 80


@pytest.mark.parametrize("kind, cpus", [
    ("qemu-svm", 2), pytest.param("haswell", 2, marks=pytest.mark.full)])
def test_eight_tiny(bench, kind, cpus):
    """tests/guest/smp8.c: INIT and SIPI, IPIs in both modes, a timer for each."""
    conf = ("guest smp8 -kernel smp8.elf -m 8M -smp 8 "
            "-device isa-debug-exit,iobase=0xf4,iosize=0x04\n")
    machine = bench.boot(conf, {"smp8.elf": test_guests.build() / "smp8.elf"}, kind=kind, cpus=cpus)
    machine.expect("guest smp8: ended by isa-debug-exit", timeout=240)
    assert "PASS smp8" in machine.text(), machine.explain()


@pytest.mark.full
@pytest.mark.parametrize("cpus", [2])
def test_eight(bench, cpus):
    """Eight vCPUs, as Linux uses them: each busy, with a timer and IPIs."""
    check_boot(bench, "qemu-svm", 8, cpus)


# All vCPUs busy, datagrams out, pings both ways. The peer's address is asked for beforehand: Linux
# drops what waits longest for it, the first ping, when the flood waits, too.
TRAFFIC = """\
ping -c 1 {peer} >/dev/null
n=$(grep -c ^processor /proc/cpuinfo)
for cpu in $(seq 0 $((n - 1))); do taskset -c $cpu sh -c 'while :; do :; done' & p="$p $!"; done
(while :; do flood {peer} 9001 500 1400; usleep 50000; done) & p="$p $!"
ping -i 0.05 -w {seconds} {peer} >/tmp/pings
kill $p
cat /proc/uptime >/tmp/ended
"""


# Of pings up to the last one that was answered: how many were not, and were.
AWK = ["awk", "-F", "seq=", "/seq=/ { f = /icmp_seq/; s = $2 + 0; k += !(s in n); n[s]; "
       "if (s > m) m = s } END { print m + 1 - f - k, k }"]


# By the kind of machine: its CPUs, and those of each guest's vCPUs. The first CPU of QEMU's
# translator loses its state now and then while it runs guests (docs/caveats.md, Emulators).
PLACES = {"haswell": (2, ("0,1", "1,0")), "tcg": (3, ("1,2", "2,1"))}


# How long a vCPU was away in its timer's interrupt. In QEMU that is how long the host let the
# CPU's thread wait, too; in Bochs, whose time is the machine's own, it counts.
AWAY = {"haswell": None, "tcg": re.compile(r"hrtimer: interrupt took \d+ ns")}


class Load:
    """Guests with two vCPUs each under load, on two CPUs, with an outside."""

    def __init__(self, bench, kind, seconds, guests, **options):
        self.bench, self.seconds, self.away = bench, seconds, AWAY[kind]
        self.names = ["left", "right"][:guests]
        cpus, places = PLACES[kind]
        text = conf(self.names, memory="128M", vcpus=2,
                    more={name: f"\t-cpu-affinity {place}\n"
                          for name, place in zip(self.names, places)})
        self.several = Several(bench, self.names, text, kind=kind, cpus=cpus, memory=768, **options)
        self.several.outside.sink("udp", 9001)
        self.dropped = self.drops()
        script = TRAFFIC.format(peer=ADDRESS, seconds=seconds)
        for name in self.names:
            self.several.guest(name).check(f"cat >/tmp/load <<'END'\n{script}END\n"
                                           "sh /tmp/load >/dev/null 2>&1 & sleep 1")

    def run(self):
        """Until the guests' pings are over; how many had no answer, by who sent them."""
        outside = self.several.outside
        pings = {f"ping{n}": outside.start(["ping", "-i", "0.1", address(n)], f"ping{n}")
                 for n in range(len(self.names))}
        for name in self.names:
            guest = self.several.guest(name)
            guest.check("while [ ! -e /tmp/ended ]; do sleep 1; done; sleep 5",
                        timeout=6 * self.seconds + 300)
        counted = {}
        for name, process in pings.items():
            process.send_signal(signal.SIGINT)
            process.wait(30)
            counted[name] = subprocess.check_output(
                ["busybox", *AWK, self.bench.dir / f"{name}.log"], text=True)
        for name in self.names:
            counted[name] = self.several.guest(name).check(f"{shlex.join(AWK)} /tmp/pings")
        lost = {}
        for name, said in counted.items():
            lost[name], answered = map(int, said.split())
            assert answered > self.seconds, counted
        return lost

    def complaints(self):
        found = []
        for name in self.names:
            found += complaints(self.several.guest(name).run("dmesg -r | grep '^<[0-4]>'")[1])
        return [line for line in found if not (self.away and self.away.search(line))]

    def nic(self):
        return next(pairs for what, pairs in self.several.info("net").items()
                    if re.fullmatch(r"nic \S+", what))

    def drops(self):
        """Frames that somebody has counted as dropped: the hypervisor, the NIC, the cable."""
        found = {f"{port}.{key}": int(value) for port, pairs in self.several.ports().items()
                 for key, value in pairs.items() if key.startswith("drop_")}
        found["rx_missed"] = int(self.nic()["rx_missed"])
        found["cable"] = self.several.wire.lost()
        return found


@pytest.mark.full
@pytest.mark.parametrize("kind, seconds, guests, options", [
    pytest.param("tcg", 30, 2, {}, id="tcg-30"),
    pytest.param("tcg", 300, 2, {}, id="tcg-300"),
    # Bochs lets nothing in but what is for the first guest. Slower, Linux sees soft lockups.
    # Without APIC virtualization: docs/caveats.md, Bochs.
    pytest.param("haswell", 300, 1, {"ips": 8_000_000, "sync": "slowdown", "cmdline": "apicv=off"},
                 id="haswell-300")])
def test_load(bench, kind, seconds, guests, options):
    """All vCPUs of all guests busy, with traffic, for so long by their clocks: no interrupt of the
    NIC is lost, no guest has anything to complain of, and each ping is answered. But for as many as
    are counted as dropped: real time is not the machine's, and the emulated cable loses what a busy
    host does not take in time.
    """
    load = Load(bench, kind, seconds, guests, **options)
    lost = load.run()
    complaints_then = load.complaints()
    nic, drops = load.nic(), load.drops()
    dropped = {what: n - load.dropped[what] for what, n in drops.items() if n > load.dropped[what]}
    late = {what: pairs["late"] for what, pairs in load.several.info("cpus").items()}
    print("no answer:", lost, "dropped:", dropped, "late:", late)
    assert not complaints_then
    assert nic["mode"] == "interrupt" and nic["irq_lost"] == "0", nic
    assert sum(lost.values()) <= sum(dropped.values()), (lost, dropped)


@pytest.mark.full
def test_under_checks(bench):
    """Traffic, the monitor's views, a reset and the end with locks checked: order and owner hold."""
    folder = BUILD / "configs" / "debug"
    make("debug_defconfig", build=folder)
    conf = with_vcpus(linux(options=",mq=on"), 2).replace("vhost=on", "vhost=on,queues=2")
    net = Net(bench, "tcg", conf, cpus=2, build=folder)
    ping(net, 200, 1472)
    net.serve("file", 1 << 20)
    net.guest.check(f"wget -q -O /dev/null http://{ADDRESS}/file", timeout=120)
    monitor = Monitor(net.machine).enter()
    for view in ("guests", "exits", "vhost", "switch", "net", "mem", "cpus", "lapic"):
        monitor.run(f"info {view}")
    monitor.run("reset lin")
    net.guest.expect_ready()
    net.machine.send("quit\r")
    net.machine.expect("summary: memory still held for guests: ram=0 tables=0 vhost=0 ")
    assert "panic" not in net.machine.text()


@pytest.mark.full
@pytest.mark.parametrize("vcpus, cpus", [
    (vcpus, cpus) for vcpus in (1, 2, 4) for cpus in (1, 2, 4)])
def test_boot_vmx(bench, vcpus, cpus):
    """The same on VT-x; with APIC virtualisation where one vCPU is all there is (docs/caveats.md)."""
    check_boot(bench, "haswell", vcpus, cpus, cmdline="apicv=off" if vcpus > 1 else "")
