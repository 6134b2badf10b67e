# SPDX-License-Identifier: BSD-2-Clause
"""Guests with several vCPUs on machines with several CPUs, and CPUs that vCPUs share."""

import re

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


def check_boot(bench, kind, vcpus, cpus):
    machine = bench.boot(with_vcpus(linux(nic=False), vcpus), linux_files(LOAD), kind=kind, cpus=cpus)
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
    machine.expect("guest wrong: -cpu-affinity: CPU 7 is not there or runs no guests, expected 0..3")
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


# All vCPUs busy, datagrams out, pings both ways.
TRAFFIC = """\
n=$(grep -c ^processor /proc/cpuinfo)
for cpu in $(seq 0 $((n - 1))); do taskset -c $cpu sh -c 'while :; do :; done' & p="$p $!"; done
(while :; do flood {outside} 9001 500 1400; usleep 50000; done) & p="$p $!"
ping -q -i 0.05 -w {seconds} {outside}
kill $p
"""


@pytest.mark.full
@pytest.mark.parametrize("seconds", [30])
def test_load(bench, seconds):
    """All vCPUs of two guests busy, with traffic, for so long: no interrupt of the NIC is lost, no
    guest has anything to complain of, and pings get through, but for few: real time is not the
    machine's, and the emulated cable loses what a busy host does not take in time.
    """
    names = ["left", "right"]
    several = Several(bench, names, conf(names, memory="128M", vcpus=2), kind="tcg", cpus=2,
                      memory=768)
    several.outside.sink("udp", 9001)
    script = TRAFFIC.format(outside=ADDRESS, seconds=seconds)
    for name in names:
        several.guest(name).check(f"cat >/tmp/load <<'END'\n{script}END\n"
                                  "sh /tmp/load >/tmp/said 2>&1 & sleep 1")
    pings = [several.outside.start(["ping", "-q", "-i", "0.1", "-W", "10", "-w", str(seconds),
                                    address(number)], f"ping{number}") for number in range(2)]
    for number, ping_process in enumerate(pings):
        ping_process.wait(seconds + 60)
        told = (bench.dir / f"ping{number}.log").read_text(encoding="utf-8")
        sent, received = map(int, re.search(r"(\d+) packets transmitted, (\d+) rec", told).groups())
        assert received > 0.95 * sent > 0, told
    for name in names:
        guest = several.guest(name)
        guest.run("sleep 5", timeout=120)
        told = guest.check("cat /tmp/said", timeout=60)
        assert int(re.search(r"(\d+)% packet loss", told).group(1)) < 5, told
        assert not complaints(guest.run("dmesg -r | grep '^<[0-4]>'")[1])
    info = several.info("net")
    nic = next(pairs for what, pairs in info.items() if re.fullmatch(r"nic \S+", what))
    assert nic["mode"] == "interrupt" and nic["irq_lost"] == "0", nic


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
def test_boot_vmx(bench):
    """The same on VT-x, by APIC virtualization."""
    check_boot(bench, "haswell", 4, 2)
