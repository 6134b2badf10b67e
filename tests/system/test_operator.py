# SPDX-License-Identifier: BSD-2-Clause
"""What the operator sees and sets: captures, the ports' VLANs and limits, counters that agree."""

import re
import subprocess

import pytest
from scapy.layers.inet import ICMP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.utils import rdpcap

from bench import ROOT
from guest import linux
from monitor import Monitor
from outside import ADDRESS, NETWORK
from several import Several
from shared import Shared

TOOL = ROOT / "tools" / "capture.py"
# By name: address and what its port has besides.
GUESTS = {
    "lin": (f"{NETWORK}.20/24", ",spoofchk=on"),
    "red": ("10.7.0.1/24", ",tag=10"),
    "blue": ("10.7.0.2/24", ",tag=10,ingress_policing_rate=100,ingress_policing_burst=80"),
}
RATE, BURST = 100_000, 80_000    # blue's, in bits
FRAME = 60 * 8                  # of a flood
MIB = 1 << 20


class Three(Several):
    """Three guests, two of them in a VLAN of their own, and the outside."""

    def __init__(self, bench):
        conf = ""
        for number, (name, (address, policy)) in enumerate(GUESTS.items(), 1):
            conf += linux(name, f"rv.shell=plain rv.net={address}", memory="128M",
                          mac=f"52:54:00:00:01:{number:02}",
                          options=",ctrl_mac_addr=off").replace("br=br0", "br=br0" + policy)
        super().__init__(bench, GUESTS, conf, kind="tcg", memory=1024, cpus=2)


THREE = Shared("operator", Three)


@pytest.fixture
def three():
    return THREE.get()


def teardown_module():
    THREE.close()


# ---- Captures ----

def convert(three, file):
    return subprocess.run([TOOL, three.machine.dir / "console.log", file], check=False, text=True,
                          capture_output=True, timeout=60)


# The capture's lines wait for nobody and would cut those that a test waits for: until they are out.
QUIET = ">/dev/null; sleep 3"


def capture(three, command, traffic):
    """The frames of `capture ...` while something happens, or until there are enough of them."""
    ended = re.compile(r"(?m)^capture \S+: ended .*$")
    before = len(ended.findall(three.machine.text()))
    assert "started" in three.monitor(command)[0][0]
    traffic()
    three.monitor("capture off")        # or it has ended by itself
    for _ in range(20):
        if len(ended.findall(three.machine.text())) > before:
            break
        three.monitor("info version")
    file = three.machine.dir / "capture.pcap"
    done = convert(three, file)
    assert done.returncode == 0, done.stdout + done.stderr
    return rdpcap(str(file))


def test_capture(three):
    """A ping, requests and replies, their bytes and times, in a file that scapy reads."""
    guest = three.guest("lin")
    guest.check(f"ping -c 1 {ADDRESS}")         # so that no ARP is in between
    frames = capture(three, "capture lin.net0 100 2000",
                     lambda: guest.check(f"ping -c 2 -s 1000 -p a5 {ADDRESS} {QUIET}"))
    pings = [frame for frame in frames if ICMP in frame]
    assert [frame[ICMP].type for frame in pings] == [8, 0, 8, 0], frames.summary()
    for frame in pings:
        assert len(frame) == 1042
        assert bytes(frame[ICMP].payload)[16:] == b"\xa5" * 984
    times = [frame.time for frame in pings]
    assert times == sorted(times) and 0.5 < times[2] - times[0] < 60
    assert not [frame for frame in frames if Dot1Q in frame], "another VLAN's frames"


def test_capture_is_cut_and_ends(three):
    guest = three.guest("lin")
    frames = capture(three, "capture uplink0 2 60",
                     lambda: guest.check(f"ping -c 3 -s 1000 {ADDRESS} {QUIET}"))
    assert [len(frame) for frame in frames] == [min(frame.wirelen, 60) for frame in frames]
    assert len(frames) == 2 and 'frames=2 missed=0' in three.machine.text()
    answers = three.monitor("capture off", "capture nobody.net0", "capture lin.net0 0")
    assert answers[0] == ["error: capture off: there is none"]
    assert answers[1] == ["error: capture nobody.net0: no such port, see info switch"]
    assert answers[2] == ["error: capture: count 0: out of range, expected 1..100000"]


def test_capture_tool_misses_lines(three, tmp_path):
    """A line that got lost on the way is an error, not a file with a hole."""
    text = three.machine.text()
    lines = re.findall(r"(?m)^pcap .*$", text)
    assert lines, "no capture has been made"
    log, file = tmp_path / "log", tmp_path / "file"

    def tool(said):
        log.write_text(said, encoding="utf-8")
        return subprocess.run([TOOL, log, file], check=False, text=True, capture_output=True,
                              timeout=60)

    assert tool(text).returncode == 0
    done = tool(text.replace(lines[-1] + "\n", ""))
    assert done.returncode == 1 and "lines are missing" in done.stderr
    done = tool("nothing\n")
    assert done.returncode == 1 and "no capture found" in done.stderr
    log.unlink()
    file.unlink()
    done = subprocess.run([TOOL, log, file], check=False, text=True, capture_output=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == f"capture.py: {log}: No such file or directory\n"


# ---- Ports ----

def test_vlan(three):
    """Those of one VLAN reach each other; others do not; the uplink has the tag."""
    red = three.guest("red")
    red.check("ping -c 3 10.7.0.2")
    frames = capture(three, "capture uplink0",
                     lambda: red.run(f"arping -c 1 -w 5 -I eth0 10.7.0.99 {QUIET}"))
    asked = [frame for frame in frames if ARP in frame and frame[ARP].pdst == "10.7.0.99"]
    assert asked and asked[0][Dot1Q].vlan == 10, frames.summary()
    assert asked[0][Ether].src == "52:54:00:00:01:02"
    lin = three.guest("lin")
    lin.check("ip addr add 10.7.0.3/24 dev eth0")
    assert lin.run("ping -c 2 -W 1 10.7.0.2")[0] != 0
    lin.check("ip addr del 10.7.0.3/24 dev eth0")
    lin.check(f"ping -c 2 {ADDRESS}")
    ports = three.ports()
    assert ports["red.net0"]["vlan_mode"] == "access" and ports["red.net0"]["tag"] == "10"
    assert ports["uplink0"]["vlan_mode"] == "trunk" and ports["uplink0"]["tag"] == "0"


def test_spoofchk(three):
    lin = three.guest("lin")
    before = int(three.ports()["lin.net0"]["drop_spoof"])
    lin.check("ip link set eth0 address 52:54:00:00:01:02")
    assert lin.run(f"ping -c 3 -W 1 {ADDRESS}")[0] != 0
    lin.check("ip link set eth0 address 52:54:00:00:01:01")
    lin.check(f"ping -c 2 {ADDRESS}")
    assert int(three.ports()["lin.net0"]["drop_spoof"]) >= before + 3


# ---- Counters ----

def number(pairs, key):
    return int(pairs[key])


def snapshot(three):
    """All of info with every guest standing still: {"exits": lines, "net": {...}, ...}"""
    monitor = Monitor(three.machine).enter()
    for name in GUESTS:
        monitor.run(f"stop {name}")
    monitor.run("info version")         # what is under way comes to its end
    taken = {name: monitor.info(name) for name in ("net", "switch", "vhost", "cpus", "mem")}
    taken["exits"] = monitor.run("info exits")
    again = monitor.info("net")
    for name in GUESTS:
        monitor.run(f"cont {name}")
    monitor.leave()
    return taken if again == taken["net"] else None


def vcpus(lines):
    """{"lin.0": ({of the vCPU}, [{of each reason}])}"""
    found = {}
    for line in lines:
        what, _, words = line.partition(": ")
        pairs = dict(re.findall(r'(\w+)=("[^"]*"|\S+)', words))
        entry = found.setdefault(what.removeprefix("vcpu "), ({}, []))
        if "exit" in pairs:
            entry[1].append(pairs)
        else:
            entry[0].update(pairs)
    return found


def check_vcpus(taken):
    for name, (vcpu, reasons) in vcpus(taken["exits"]).items():
        guest = name.split(".")[0]
        exits = sum(number(reason, "count") for reason in reasons)
        assert exits == number(vcpu, "entries"), name
        for reason in reasons:
            assert number(reason, "average") == number(reason, "ticks") // number(reason, "count")
            assert number(reason, "ticks") > 0, reason
        kicks = sum(number(pairs, "kicks") for what, pairs in taken["vhost"].items()
                    if what.startswith(f"vhost {guest}/") and "kicks" in pairs)
        assert kicks == number(vcpu, "doorbells") > 0, name
        assert kicks <= exits, name


def check_queue(what, queue):
    batches = {int(key.removeprefix("batch_")): int(value) for key, value in queue.items()
               if key.startswith("batch_")}
    least = sum(size * count for size, count in batches.items())
    assert least <= number(queue, "chains") <= sum((2 * size - 1) * count
                                                   for size, count in batches.items()), what
    assert number(queue, "kicks_coalesced") <= number(queue, "kicks"), what
    assert sum(batches.values()) >= number(queue, "calls") > 0, what


def check_nics(taken):
    for name in GUESTS:
        port = taken["net"][f"port {name}.net0"]
        rx, tx = (taken["vhost"][f"vhost {name}/net0 queue {queue}"] for queue in (0, 1))
        check_queue(f"{name} rx", rx)
        check_queue(f"{name} tx", tx)
        assert number(tx, "chains") == number(port, "rx_frames") + number(tx, "drops")
        assert number(rx, "chains") == number(port, "tx_frames") - number(rx, "drops")
        assert number(rx, "chains") == number(rx, "copies") == number(port, "copies")
        assert number(rx, "bytes") == number(rx, "copied_bytes") == number(port, "copied_bytes")
        assert number(tx, "copies") == 0


def check_switch(taken):
    switch = taken["switch"]["switch br0"]
    ports = [pairs for what, pairs in taken["net"].items() if what.startswith("port ")]
    assert len(ports) == 4

    def total(key):
        return sum(number(port, key) for port in ports)

    assert total("rx_frames") == (total("rx_dropped") + number(switch, "flooded")
                                  + number(switch, "refused") + total("tx_frames")
                                  - total("tx_flooded"))
    for port in ports:
        drops = sum(int(value) for key, value in port.items() if key.startswith("drop_"))
        assert drops >= number(port, "rx_dropped")
    uplink = taken["net"]["port uplink0"]
    nic = next(pairs for what, pairs in taken["net"].items() if what.startswith("nic "))
    assert number(nic, "rx_packets") == (number(uplink, "rx_frames") + number(uplink, "gro_segs")
                                         - number(uplink, "gro_frames"))


def check_machine(taken):
    for what, cpu in taken["cpus"].items():
        shares = [float(cpu[f"{key}_share"].rstrip("%")) for key in ("work", "guest", "idle", "poll")]
        assert 99.9 < sum(shares) <= 100.01, (what, cpu)
        assert number(cpu, "guest_ns") > 0, what


def memory(taken):
    """What all owners have, free memory included, and what the firmware says that there is."""
    mem = {what.split()[1]: number(pairs, "bytes") for what, pairs in taken["mem"].items()
           if "bytes" in pairs}
    total = mem.pop("total")
    return sum(mem.values()), total


def streams(three):
    """TCP in large frames: out, in, and from guest to guest."""
    three.outside.sink("tcp", 9002)
    lin = three.guest("lin")
    lin.check(f"head -c 1000000 /dev/zero | nc {ADDRESS} 9002", timeout=120)
    lin.check("nc -l -p 9003 >/dev/null & sleep 1")
    three.outside.run(["sh", "-c", f"head -c 1000000 /dev/zero | busybox nc {NETWORK}.20 9003"])
    three.guest("blue").check("nc -l -p 9004 >/dev/null & sleep 1")
    three.guest("red").check("head -c 200000 /dev/zero | nc 10.7.0.2 9004", timeout=120)


def copied(three):
    """Frames handed to guests, copies and bytes copied, of each port and queue."""
    taken = None
    while not taken:
        taken = snapshot(three)
    found = {what: {key: number(pairs, key) for key in ("tx_frames", "tx_bytes", "copies",
                                                        "copied_bytes")}
             for what, pairs in taken["net"].items() if what.startswith("port ")}
    for what, pairs in taken["vhost"].items():
        if "copies" in pairs:
            found[what] = {key: number(pairs, key) for key in ("copies", "copied_bytes")}
    return found


def test_copies(three):
    """Guest to guest and from outside: one copy of each byte. To the outside: none at all."""
    three.guest("red").check("ping -c 1 10.7.0.2")
    three.guest("lin").check(f"ping -c 1 {ADDRESS}")
    three.outside.sink("udp", 9)        # or "port unreachable" makes Linux refuse some
    before = copied(three)
    three.guest("red").check("flood 10.7.0.2 9 150 1400")        # less what ICMP refuses
    three.guest("lin").check(f"flood {ADDRESS} 9 500 1400")
    three.outside.run(["ping", "-q", "-A", "-c", "100", "-s", "1400", f"{NETWORK}.20"])
    after = copied(three)
    grown = {what: {key: after[what][key] - before[what][key] for key in after[what]}
             for what in after}
    for name in GUESTS:
        port, tx = grown[f"port {name}.net0"], grown[f"vhost {name}/net0 queue 1"]
        assert port["copies"] == port["tx_frames"], name
        assert port["copied_bytes"] == port["tx_bytes"], name
        assert tx == {"copies": 0, "copied_bytes": 0}, name
    assert grown["port blue.net0"]["copies"] >= 100
    assert grown["port blue.net0"]["copied_bytes"] >= 100 * 1442
    assert grown["port lin.net0"]["copies"] >= 100
    assert grown["port uplink0"]["tx_frames"] >= 600
    assert grown["port uplink0"]["copies"] == 0


def test_sums(three):
    """The counters of exits, vCPUs, queues, ports, switch, NIC, CPUs and memory agree."""
    monitor = Monitor(three.machine).enter()
    before = memory({"mem": monitor.info("mem")})
    monitor.leave()
    three.guest("red").check("ping -c 20 -A 10.7.0.2")
    three.guest("lin").check(f"ping -c 20 -A -s 1400 {ADDRESS}")
    streams(three)
    for _ in range(10):
        taken = snapshot(three)
        if taken:
            break
    assert taken, "frames kept coming"
    check_vcpus(taken)
    check_nics(taken)
    check_switch(taken)
    check_machine(taken)
    assert memory(taken) == before
    assert 0 <= before[1] - before[0] < MIB     # below 1 MiB nothing is given away


def uptime(three):
    return float(re.search(r"uptime=([0-9.]+)", three.monitor("info version")[0][0]).group(1))


def test_rate(three):
    """A flood is cut to the rate, and what is cut is counted."""
    blue = three.guest("blue")
    begin = uptime(three)
    before = three.ports()["blue.net0"]
    assert before["ingress_policing_rate"] == "100"
    blue.check("flood 10.7.0.1 9 5000", timeout=240)
    dropped = number(three.ports()["blue.net0"], "drop_rate") - number(before, "drop_rate")
    assert dropped > 0
    assert (5000 - dropped) * FRAME < (BURST + RATE * (uptime(three) - begin)) * 1.1
    three.guest("red").check("ping -c 3 10.7.0.2")
