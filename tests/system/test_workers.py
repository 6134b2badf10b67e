# SPDX-License-Identifier: BSD-2-Clause
"""Workers with and without CPUs of their own, by what the monitor counts while traffic flows."""

import pytest

import test_guests

from guest import linux
from monitor import Monitor
from outside import ADDRESS
from test_net import Net

RX, TX = "vhost lin/net0 queue 0", "vhost lin/net0 queue 1"
VCPU = "vcpu lin.0"
OUT, IN = 20_000, 4000          # frames

# Bursts, so that the NIC's ring is never empty for long; more than it holds are dropped there.
SENDER = """
import socket, time
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for burst in range({count} // 64):
    for _ in range(64):
        out.sendto(bytes(18), ("{address}", 9))
    time.sleep(0.001)
"""


def look(net):
    """All that the monitor counts: {(what, key): number}."""
    monitor = Monitor(net.machine).enter()
    taken = {(what, key): int(value)
             for view in ("vhost", "exits", "cpus")
             for what, pairs in monitor.info(view).items()
             for key, value in pairs.items() if value.isdigit()}
    monitor.leave()
    return taken


def traffic(net, out=OUT, count=IN):
    """Frames both ways at once; what was counted meanwhile."""
    net.guest.check(f"flood {ADDRESS} 9001 300")        # from rest to its pace
    before = look(net)
    sender = net.outside.start(
        ["/usr/bin/python3", "-c", SENDER.format(count=count, address=net.address)], "sender")
    net.guest.check(f"flood {ADDRESS} 9001 {out}", timeout=300)
    sender.wait(120)
    after = look(net)
    counted = {key: after[key] - before.get(key, 0) for key in after}
    assert counted[TX, "chains"] >= out and counted[RX, "chains"] >= count // 16, counted
    return counted


def start(bench, kind, conf, cpus):
    net = Net(bench, kind, conf, cpus=cpus)
    net.outside.sink("udp", 9001)
    return net


KINDS = ["qemu-svm", pytest.param("haswell", marks=pytest.mark.full)]


@pytest.mark.parametrize("kind", KINDS)
def test_own_cpu(bench, kind):
    """While it looks, not one doorbell in a thousand packets; an interrupt is one IPI; then sleep.

    A reset and the end, with queues on another CPU than the guest's.
    """
    conf = linux().replace("vhost=on", "vhost=on,poll-us=100000")
    net = start(bench, kind, "set workers=1\n" + conf, cpus=2)
    counted = traffic(net)
    packets = counted[TX, "chains"] + counted[RX, "chains"]
    assert counted[VCPU, "doorbells"] * 1000 < packets, counted
    calls = counted[TX, "calls"] + counted[RX, "calls"]
    assert 0 < counted["cpu 1", "kicks"] <= calls, counted
    now = look(net)
    assert now[TX, "cpu"] == now[RX, "cpu"] == 1 and now[VCPU, "cpu"] == 0
    assert now["vhost worker 1", "queues"] > 1 and now["vhost worker 0", "queues"] == 0
    assert now["cpu 1", "runs"] == 0 and now["cpu 1", "poll_ns"] > 0
    net.guest.check("sleep 3")
    assert look(net)["cpu 1", "idle_ns"] - now["cpu 1", "idle_ns"] > 1_000_000_000
    Monitor(net.machine).enter().run("reset lin")
    net.guest.expect_ready()
    net.machine.send("quit\r")
    net.machine.expect("summary: memory still held for guests: ram=0 tables=0 vhost=0 ")


def test_shared_cpu(bench):
    """One CPU for all. Under load at most a doorbell for 32 packets out and an interrupt for 16 in.

    Not in Bochs: there a packet out takes 90 us, a frame comes in each millisecond, and each of
    them is waited for.
    """
    net = start(bench, "qemu-svm", linux(), cpus=1)
    counted = traffic(net)
    assert counted[VCPU, "doorbells"] * 32 <= counted[TX, "chains"], counted
    assert counted[RX, "calls"] * 16 <= counted[RX, "chains"], counted


def test_mistakes(bench):
    """CPUs that are not there, all of them, and one for a vCPU that belongs to workers."""
    nic = "-netdev tap,id=a,workers=0;9 -device virtio-net-pci,netdev=a"
    files = {"poweroff.elf": test_guests.build() / "poweroff.elf"}
    guest = "guest {} -kernel poweroff.elf -m 8M {}\n"
    for conf, said in {
            "set workers=\n": "ringvisor.conf:1: set workers: not a list of CPUs, expected",
            "set workers=7\n": "ringvisor.conf:1: set workers: CPU 7 is not there, expected 0..1",
            "\nset workers=0-1\n": "ringvisor.conf:2: set workers: no CPU that runs guests is left, "
                                   "expected one at least",
            "set workers=1\n" + guest.format("pin", "-cpu-affinity 0-1"):
                "ringvisor.conf:2: guest pin: -cpu-affinity: CPU 1 belongs to workers "
                r"\(set workers=\), expected another",
            guest.format("far", nic): "ringvisor.conf:1: guest far: -netdev workers: CPU 9 is not "
                                      "there, expected 0..1",
    }.items():
        machine = bench.boot(conf + guest.format("all", "-smp 2"), files, kind="qemu-svm", cpus=2)
        machine.expect(said)
        machine.expect("guest all: powered off")
        machine.expect_end()
