# SPDX-License-Identifier: BSD-2-Clause
"""Two guests on one machine: the serial line they share, the monitor, the switch between them."""

import hashlib

import pytest

from bench import linux_files
from conftest import machines
from guest import Guest, linux
from machine import NIC_MAC, MachineError
from monitor import CTRL_A, Monitor
from shared import PerKind

COMMANDS = ["help", "info", "log", "reset", "stop", "cont", "quit"]
INFOS = ["version", "guests", "exits", "lapic", "net", "vhost", "switch", "mem", "cpus", "log"]


class Pair:
    """A machine with the guests one and two, at their shells; `one` has the input."""

    def __init__(self, bench, kind):
        self.machine = bench.boot(
            linux("one", mac="52:54:00:00:01:01", append="rv.shell=plain rv.net=10.99.0.2/24")
            + linux("two", mac="52:54:00:00:01:02", append="rv.shell=plain rv.net=10.99.0.3/24"),
            linux_files(), kind=kind, wire=bench.wire(),
            cmdline="apicv=off" if kind == "haswell" else "")       # docs/caveats.md, Bochs
        self.one, self.two = Guest(self.machine, "one"), Guest(self.machine, "two")
        self.machine.expect([r"\[one\] GUEST-READY.*\n[\s\S]*\[two\] GUEST-READY.*\n",
                             r"\[two\] GUEST-READY.*\n[\s\S]*\[one\] GUEST-READY.*\n"], timeout=400)
        self.monitor = Monitor(self.machine)

    def healthy(self):
        """The input goes to guest one whatever a test has left; it answers."""
        self.machine.send(CTRL_A + "1")
        return self.one.run("true", timeout=30)[0] == 0


SHARED = PerKind("console", Pair, machines("haswell", "qemu-svm"))
kind = SHARED.fixture()


@pytest.fixture
def pair(kind):
    return SHARED.get(kind)


@pytest.fixture
def monitor(pair):
    return pair.monitor.enter()


def test_prefix(pair):
    """Each line says whose it is, also while both write."""
    pair.machine.send(CTRL_A + "2")
    pair.machine.send("(sleep 1; for i in $(seq 50); do echo two $i; done) &\n")
    pair.machine.send(CTRL_A + "1")
    pair.one.check("sleep 1; for i in $(seq 50); do echo one $i; done")
    pair.machine.send(CTRL_A + "2")
    pair.two.check("wait")
    lines = pair.machine.text().splitlines()
    for name in "one", "two":
        said = [line for line in lines if f"{name} 25" in line]
        assert said == [f"[{name}] {name} 25"]


def test_switch(pair):
    """Ctrl-A n and Ctrl-A 1 choose who reads; Ctrl-A a is one Ctrl-A for the guest."""
    assert pair.one.check("hostname one; hostname").strip() == "one"
    pair.machine.send(CTRL_A + "n")
    assert pair.two.check("hostname two; hostname").strip() == "two"
    pair.machine.send(CTRL_A + "1")
    assert pair.one.check("hostname").strip() == "one"
    pair.machine.send("head -c 2 | xxd -p\n" + CTRL_A + "a\n")
    pair.one.expect("010a")


def test_pasted(pair):
    """What is typed faster than the guest reads it waits: more than all buffers on the way hold."""
    text = "".join(f"{n} of what is pasted into the guest's terminal at once\n" for n in range(120))
    said = pair.one.check(f"md5sum <<'END'\n{text}END")
    assert said.split()[0] == hashlib.md5(text.encode()).hexdigest()


def test_keys(pair):
    """Ctrl-A h lists the keys and the guests."""
    pair.machine.send(CTRL_A + "h")
    pair.machine.expect(r"Ctrl-A c [^\n]*\n")
    pair.machine.expect(r"guest 1: one \(has the input\)")
    pair.machine.expect(r"guest 2: two")


def test_guest_to_guest(pair):
    """The two reach each other through the switch."""
    assert "20 packets received" in pair.one.check("ping -q -A -c 20 10.99.0.3")
    assert "20 packets received" in pair.one.check("ping -q -A -c 20 -s 8000 10.99.0.3")


def test_ring_wrap(pair):
    """One floods two with more than 65,536 frames: the receive ring's indices come round, too."""
    def received():
        pair.machine.send(CTRL_A + "2")
        count = int(pair.two.check("cat /sys/class/net/eth0/statistics/rx_packets"))
        pair.machine.send(CTRL_A + "1")
        return count
    before = received()
    for _ in range(5):      # what comes while the receiver has no time for it is dropped
        pair.one.check("flood 10.99.0.3 9 40000", timeout=300)
        if received() - before > 65536:
            break
    else:
        raise AssertionError(f"{received() - before} of 200000 received\n{pair.machine.explain()}")
    assert "5 packets received" in pair.one.check("ping -q -A -c 5 10.99.0.3")


def test_help(monitor):
    said = monitor.run("help")
    for command in COMMANDS:
        assert any(line.split()[0] == command for line in said), said
    for name in INFOS:
        assert any(line.split()[:2] == ["info", name] for line in said), said


@pytest.mark.parametrize("name", INFOS)
def test_info(monitor, name):
    """Each has something to show, as key=value words (the log: as lines)."""
    assert monitor.run(f"info {name}")
    if name != "log":
        assert all(monitor.info(name).values())


def test_info_values(pair, monitor):
    """Some of the values are known."""
    guests = monitor.info("guests")
    assert guests["guest one"]["state"] == guests["guest two"]["state"] == "running"
    assert guests["guest one"]["mib"] == "256"
    assert int(monitor.info("exits")["vcpu one.0"]["doorbells"]) > 0
    assert any(NIC_MAC in line for line in monitor.run("info net"))


@pytest.mark.parametrize("line, answer", [
    ("nonsense", "unknown, try help"), ("info nonsense", "unknown, expected"),
    ("log loud", "unknown, expected error"), ("stop nobody", "no such guest"), ("stop", "usage: stop"),
])
def test_wrong(monitor, line, answer):
    said = monitor.run(line)
    assert len(said) == 1 and said[0].startswith("error: ") and answer in said[0]


def test_log_level(monitor):
    """log LEVEL is in force at once: a reset is not said at level error, and said at info."""
    assert monitor.run("log error") == ["log: level=error"]
    assert monitor.run("log info") == ["log: level=info"]


def test_stop_cont(pair, monitor):
    """A stopped guest does not run, the other does; then it goes on where it was."""
    monitor.run("stop one")
    assert monitor.info("guests")["guest one"]["state"] == "stopped"
    pair.machine.send(CTRL_A + "2")
    pair.two.check("true")
    pair.machine.send(CTRL_A + "1")
    with pytest.raises(MachineError):
        pair.one.run("echo alive", timeout=3)
    pair.monitor.enter()
    pair.machine.send("cont one\r")      # it may answer before the monitor shows its prompt
    pair.one.expect("alive")
    assert monitor.info("guests")["guest one"]["state"] == "running"
    pair.monitor.leave()


def test_reset(pair, monitor):
    """reset GUEST starts it anew; the other does not notice."""
    before = monitor.info("guests")["guest two"]["resets"]
    monitor.run("reset one")
    pair.one.expect_ready()
    guests = monitor.info("guests")
    assert int(guests["guest one"]["resets"]) > 0 and guests["guest two"]["resets"] == before


def test_quit(pair, monitor):
    """quit ends all guests, shows the summary, and switches the machine off."""
    pair.machine.send("quit\r")
    for name in "one", "two":
        pair.machine.expect(rf"summary: guest {name}: ended by the operator")
    pair.machine.expect_off()
