# SPDX-License-Identifier: BSD-2-Clause
"""A guest's frames out and in through each kind of NIC that QEMU has: every length, and streams."""

import hashlib
import os

import pytest

from bench import linux_files
from guest import Guest, linux
from monitor import Monitor
from outside import ADDRESS, NETWORK, TapOutside
from test_nic import MODELS, NicMachine

GUEST = f"{NETWORK}.2"
FILE = 8 << 20
# Frames of 60 to 1514 bytes: up to 18 bytes of payload they are padded.
SIZES = "for s in $(seq 0 1472); do ping -q -n -c 1 -W 5 -s $s {} || exit 1; done"


class Through:
    """A guest with a fixed address on a machine with such a NIC, and the outside."""

    def __init__(self, bench, model):
        self.wire = bench.wire()
        self.outside = bench.outside(self.wire)
        iso = bench.iso(linux(append=f"rv.shell=plain rv.net={GUEST}/24"), linux_files())
        self.machine = NicMachine(bench.dir, iso, kind="tcg", wire=self.wire, model=model)
        bench.machines.append(self.machine)
        bench.open.append(self.machine)
        self.machine.start()
        self.guest = Guest(self.machine).expect_ready()
        self.name = f"nic {MODELS[model][0]}.0"

    def info(self):
        monitor = Monitor(self.machine).enter()
        info = monitor.info("net")[self.name]
        monitor.leave()
        return info

    def stream_out(self):
        """FILE bytes by TCP; large frames where the guest and the NIC make them."""
        sink = self.outside.sink("tcp", 9000)
        digest = self.guest.check(f"dd if=/dev/urandom of=/tmp/file bs=64k count={FILE >> 16} && "
                                  f"nc {ADDRESS} 9000 </tmp/file && sha256sum </tmp/file", 240)
        told, _ = sink.communicate(timeout=60)
        assert told.split() == [str(FILE), digest.splitlines()[-1].split()[0]]

    def stream_in(self, folder):
        folder.mkdir()
        data = os.urandom(FILE)
        (folder / "file").write_bytes(data)
        self.outside.serve_http(folder)
        told = self.guest.check(f"wget -q -O - http://{ADDRESS}/file | sha256sum", 240)
        assert told.split()[0] == hashlib.sha256(data).hexdigest()


# The e1000 is what all guests in Bochs have.
@pytest.mark.parametrize("model", [
    pytest.param(model, marks=pytest.mark.full) if model == "e1000" else model for model in MODELS])
def test_through(bench, model):
    """Each length comes back as it went, and files of either side arrive whole; nothing is reset,
    no interrupt is lost."""
    through = Through(bench, model)
    told = through.outside.run(["sh", "-c", SIZES.format(GUEST)], timeout=240)
    assert told.returncode == 0, told.stdout[-300:] + through.machine.explain()
    info = through.info()
    assert int(info["rx_packets"]) >= 1473 and int(info["tx_packets"]) >= 1473
    through.stream_out()
    through.stream_in(bench.dir / "www")
    info = through.info()
    assert info["mode"] == "interrupt" and info["irq"] == MODELS[model][1][0]
    for key in "tx_errors", "tx_hangs", "resets", "irq_lost":
        assert info[key] == "0", info


class TwoGuests:
    """Two CPUs with a guest each, behind a NIC with two queues."""

    def __init__(self, bench, model):
        if model.startswith("virtio"):
            self.outside = wire = TapOutside(2, bench.dir)
            bench.open.append(wire)
        else:
            wire = bench.wire()
            self.outside = bench.outside(wire)
        guests = [linux(name, f"rv.shell=plain rv.net={NETWORK}.{number}/24",
                        mac=f"52:54:00:00:01:0{number}")
                  for number, name in enumerate(("one", "two"), 2)]
        self.machine = NicMachine(bench.dir, bench.iso("".join(guests), linux_files()), kind="tcg",
                                  wire=wire, model=model, cpus=2)
        bench.machines.append(self.machine)
        bench.open.append(self.machine)
        self.machine.start()
        self.name = f"nic {MODELS[model.split(',')[0]][0]}.0"
        self.machine.expect(rf"net: {self.name[4:]}: 2 queues")
        # Which of them is ready first is not known.
        for _ in range(2):
            self.machine.expect(r"(?m)^\[(?:one|two)\] [^\r\n]*GUEST-READY [^\r\n]*\r*\n", 240)
        self.monitor = Monitor(self.machine)

    def queues(self):
        """Counters of the NIC, and of each queue."""
        found = self.monitor.enter().info("net")
        self.monitor.leave()
        return found[self.name], [{key: int(value) for key, value in
                                   found[f"{self.name} queue {i}"].items()} for i in range(2)]

    def check(self, number, command):
        """As Guest.check(), of the first or second guest."""
        self.machine.send(f"\x01{number}")
        self.machine.expect(r"input goes to guest [^\r\n]*\r*\n")
        return Guest(self.machine, ("one", "two")[number - 1]).check(command, 240)


# Linux's tap sends a flow back by the queue that it came from; with rss=on QEMU looks it up. The
# e1000e has two queues in all tests with several CPUs.
@pytest.mark.parametrize("model", [
    pytest.param("e1000e", marks=pytest.mark.full), "virtio-net-pci,mq=on,vectors=6",
    pytest.param("virtio-net-pci,mq=on,rss=on,vectors=6", marks=pytest.mark.full)])
def test_two_queues(bench, model):
    """Each guest's CPU sends by a queue of its own and both receive: no ping is lost, files arrive
    whole, and every queue has had frames and interrupts."""
    two = TwoGuests(bench, model)
    _, before = two.queues()
    assert [queue["cpu"] for queue in before] == [0, 1]
    folder = bench.dir / "www"
    folder.mkdir()
    data = os.urandom(FILE // 4)
    (folder / "file").write_bytes(data)
    two.outside.serve_http(folder)
    pings = [two.outside.start(["ping", "-q", "-c", "300", "-i", "0.02", "-W", "5",
                                f"{NETWORK}.{number}"], f"ping{number}") for number in (2, 3)]
    for number in 1, 2:
        told = two.check(number, "for i in 1 2 3 4; do wget -q -O - "
                         f"http://{ADDRESS}/file | sha256sum; done")
        assert told.count(hashlib.sha256(data).hexdigest()) == 4
    for number, ping in zip((2, 3), pings):
        assert ping.wait(60) == 0
        assert " 0% packet loss" in (bench.dir / f"ping{number}.log").read_text(encoding="utf-8")
    info, after = two.queues()
    assert (info["queues"], info["irq"], info["mode"]) == ("2", "msix", "interrupt")
    for key in "tx_errors", "tx_hangs", "rx_missed", "resets", "irq_lost":
        assert info[key] == "0", info
    for old, new in zip(before, after):
        for key in "rx_packets", "tx_packets", "interrupts", "polls":
            assert new[key] >= old[key] + 100, (key, before, after)
