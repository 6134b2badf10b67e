# SPDX-License-Identifier: BSD-2-Clause
"""A guest that floods, and the round trips of two others, in time that is the machine's alone.

Bochs takes its processors in turns of a few instructions and counts these as time: what one CPU does
while another works takes as long however busy the host is, and each run is like the one before. (What
test_many.py has of this, with Debian's ping in QEMU, is for one CPU.)
"""

import statistics
import time

import pytest

import test_guests
from monitor import Monitor

IPS = 200_000_000               # of each CPU
FRAMES = 20_000                 # at least, during the pings

# ping.c asks and answers, flood.c floods.
GUEST = """\
guest {name} -kernel {image}.elf -m 8M -append "{name}" -cpu-affinity {cpu}
	-netdev tap,id=net0 -device virtio-net-pci,netdev=net0,mac=52:54:00:00:03:{number:02x},addr=0x3
"""
HOST = "02:99:00:00:00:01"      # whom flood.c sends to
HELLO = b"\xff" * 6 + bytes.fromhex(HOST.replace(":", "")) + b"\x88\xb5" + bytes(46)


def conf(workers, flood_cpu):
    guests = [("ask", "ping", 0), ("answer", "ping", 0), ("flood", "flood", flood_cpu)]
    text = "".join(GUEST.format(name=name, image=image, cpu=cpu, number=number)
                   for number, (name, image, cpu) in enumerate(guests, 1))
    return (f"set workers={workers}\n" if workers else "") + text


class Pings:
    """The machine; the guest that floods stands still, but the switch knows the host it sends to."""

    def __init__(self, bench, cpus, text):
        images = test_guests.build()
        wire = bench.wire()
        self.machine = bench.boot(text, {f"{name}.elf": images / f"{name}.elf"
                                         for name in ("ping", "flood")}, wire=wire, cpus=cpus,
                                  memory=256, ips=IPS, cmdline="apicv=off")     # docs/caveats.md
        self.machine.expect("guest flood: started", timeout=120)
        monitor = Monitor(self.machine).enter()
        monitor.run("stop flood")
        while HOST not in "\n".join(monitor.run("info switch")):
            wire.send(HELLO)
            time.sleep(0.2)
        monitor.leave()

    def median(self, rounds):
        """The longest median of so many rounds that begin from now on, in ns; no ping is lost."""
        medians = []
        for number in range(rounds + 1):        # one is under way
            told = self.machine.expect(
                r"ROUND \d+: lost (\d+), ns: median (\d+), longest \d+\r*\n", timeout=300)
            print(told.group(0).strip())
            if number:
                assert told.group(1) == "0", self.machine.explain()
                medians.append(int(told.group(2)))
        return max(medians)

    def flood(self):
        monitor = Monitor(self.machine).enter()
        monitor.run("cont flood")
        monitor.leave()
        self.machine.expect("FLOODING", timeout=300)

    def flooded(self):
        """Frames so far."""
        monitor = Monitor(self.machine).enter()
        told = monitor.info("net")
        monitor.leave()
        return int(told["port flood.net0"]["rx_frames"])


@pytest.mark.parametrize("cpus, workers, flood_cpu", [
    pytest.param(1, "", 0, marks=pytest.mark.full), (2, "1", 0),
    pytest.param(3, "1", 2, marks=pytest.mark.full)])
def test_fair_ping(bench, cpus, workers, flood_cpu):
    """One guest sends 64-byte frames as fast as it can: of the pings between two others none is
    lost, and half of them take less than four times as long as before. All guests share CPU 0, or
    the one that floods has CPU 2 alone; the queues have CPU 1 alone, or share CPU 0 too.
    """
    pings = Pings(bench, cpus, conf(workers, flood_cpu))
    idle = pings.median(1)
    pings.flood()
    before = pings.flooded()
    flood = pings.median(2)
    frames = pings.flooded() - before
    print(f"median {idle} ns, with the flood {flood} ns; {frames} frames")
    assert frames > FRAMES
    assert flood < 4 * idle


PEST = """\
guest pest -kernel {image}.elf -m 8M -smp 2 -cpu-affinity 0,1
	-netdev tap,id=a,workers=0 -device virtio-net-pci,netdev=a,addr=0x3
guest busy -kernel share.elf -m 8M -cpu-affinity 0
"""


def share(machine):
    """How far the busy guest gets in most periods that begin from now on."""
    got = [int(machine.expect(r"SHARE (\d+)\r*\n", timeout=240).group(1)) for _ in range(4)]
    return statistics.median(got[1:])


@pytest.mark.parametrize("image, kept", [("ringer", 0.85), ("waker", 0.5)])
def test_bothered(bench, image, kept):
    """A guest rings, from CPU 1 and as fast as it can, a queue that CPU 0 works on; or wakes, likewise, a
    vCPU of its own there. One that computes on CPU 0 gets nearly as far as before (a look each 50 us
    is a ninth of so slow a CPU), or has the half that it shares CPU 0 for.
    """
    images = test_guests.build()
    machine = bench.boot(PEST.format(image=image), {f"{name}.elf": images / f"{name}.elf"
                                                    for name in (image, "share")},
                         cpus=2, memory=256, ips=IPS, cmdline="apicv=off")
    machine.expect("RINGING", timeout=120)
    monitor = Monitor(machine).enter()
    monitor.run("stop pest")
    monitor.leave()
    alone = share(machine)
    monitor = Monitor(machine).enter()
    monitor.run("cont pest")
    monitor.leave()
    bothered = share(machine)
    entries = int(Monitor(machine).enter().info("exits")["vcpu pest.1"]["entries"])
    print(f"alone {alone}, bothered {bothered}: {bothered / alone:.1%}; {entries} times")
    assert entries > 20_000
    assert bothered > kept * alone
