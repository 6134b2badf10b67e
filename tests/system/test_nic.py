# SPDX-License-Identifier: BSD-2-Clause
"""The NIC drivers and the switch by themselves: no guest, frames from the cable, the monitor's counters.

Bochs takes one frame from its socket each emulated millisecond, and has an e1000 alone. QEMU has one
of each kind, and can pull the cable.
"""

import functools
import random
import re
import socket
import struct
import time

import pytest

from bench import BUILD, make
from machine import NIC_MAC, Machine
from monitor import PROMPT, Monitor
from outside import Wire
from shared import Shared

FRAME_MIN, FRAME_MAX = 60, 1514
SOURCE = bytes.fromhex("029900000001")
OURS = bytes.fromhex(NIC_MAC.replace(":", ""))  # no port has it: flooded, to nobody as there is none


# What QEMU calls a NIC: its driver here, the kinds of interrupt it has, its PCI id, its link's speed.
MODELS = {
    "e1000": ("e1000", ["intx"], "8086:100e", 1000),
    "e1000e": ("e1000e", ["msix", "msi", "intx"], "8086:10d3", 1000),
    "virtio-net-pci": ("virtio", ["msix", "intx"], "1af4:1000", 0),
}


class NicMachine(Machine):
    """QEMU with the NIC that the driver is for, and QEMU's own monitor to unplug its cable."""

    def __init__(self, *args, model="e1000", slot="addr=5", bridges=(), more=(), **options):
        super().__init__(*args, **options)
        self.model, self.slot, self.bridges, self.more = model, slot, bridges, more

    def _qemu(self, serial):
        argv = [re.sub(r"^[^,]+,netdev=net0", f"{self.model},{self.slot},netdev=net0", word)
                for word in super()._qemu(serial)]
        argv[argv.index("-monitor") + 1] = f"unix:{self.dir}/qemu.sock,server=on,wait=off"
        for bridge in reversed(self.bridges):   # before what is behind them
            argv[1:1] = ["-device", bridge]
        return argv + list(self.more)

    def qemu(self, command):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(str(self.dir / "qemu.sock"))
            for text in "", command + "\n":
                sock.sendall(text.encode())
                answer = b""
                while not answer.endswith(b"(qemu) "):
                    answer += sock.recv(4096)


@functools.cache
def build():
    """One that stays when there is no guest, and checks itself: that of configs/debug_defconfig.

    In a folder of its own, as other test files build and boot theirs at the same time.
    """
    folder = BUILD / "configs" / "nic"
    make("debug_defconfig", build=folder)
    make("all", build=folder)
    return folder


class Nic:
    """A machine without guests whose monitor has the input."""

    def __init__(self, bench, model="e1000", cmdline="", **options):
        self.wire = Wire()
        bench.open.append(self.wire)
        iso = bench.iso("", build=build(), cmdline=cmdline, archive=False)
        self.machine = NicMachine(bench.dir, iso, wire=self.wire, model=model, **options)
        self.driver, self.kinds, self.id, self.speed = MODELS[model]
        bench.machines.append(self.machine)
        bench.open.append(self.machine)
        self.machine.start()
        self.boot = self.machine.expect(r"(?s)(.*)no guest is running, staying").group(1)
        self.monitor = Monitor(self.machine)
        self.machine.send("\r")         # with no guest to type to, the monitor has the input
        self.machine.expect(PROMPT)
        # As many as can wait in the emulator's socket (of 208 KiB, 2.25 KiB and more each).
        self.window = 40

    def healthy(self):
        return bool(self.info())

    def info(self, number=0):
        """A NIC's and its port's counters as numbers, what is no number as text."""
        found = self.monitor.info("net")
        merged = found[f"nic {self.driver}.{number}"] | found[f"port uplink{number}"]
        return {key: int(value) if value.isdigit() else value for key, value in merged.items()}

    def queues(self):
        """The counters of each of its queues."""
        found = self.monitor.info("net")
        names = [f"nic {self.driver}.0 queue {i}"
                 for i in range(int(found[f"nic {self.driver}.0"]["queues"]))]
        return [{key: int(value) for key, value in found[name].items()} for name in names]

    def wait(self, key, value, timeout=180):
        """The counters as soon as one has reached a value."""
        end = time.monotonic() + timeout
        while (info := self.info())[key] < value:
            assert time.monotonic() < end, f"{key} is {info[key]}, not {value}, after {timeout} s"
            time.sleep(0.05)
        return info

    def receive(self, frames):
        """Send them all; the changes of the counters they made."""
        before = self.info()
        for start in range(0, len(frames), self.window):
            for frame in frames[start:start + self.window]:
                self.wire.send(frame)
            after = self.wait("rx_packets", before["rx_packets"] + min(start + self.window,
                                                                       len(frames)))
        return {key: after[key] - before[key] for key in after if isinstance(after[key], int)}


def frame(size, number=0, destination=OURS, source=SOURCE):
    body = number.to_bytes(4, "big") + bytes(number + i & 0xFF for i in range(size))
    return (destination + source + b"\x88\xb5" + body)[:size]


def flow_frame(flow, number):
    """A TCP segment without payload, of one of many flows."""
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, number & 0xFFFF, 0, 64, 6, 0,
                     bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    tcp = struct.pack(">HHIIBBHHH", 1000 + flow, 80, number, 0, 0x50, 0x10, 0, 0, 0)
    return (OURS + SOURCE + b"\x08\x00" + ip + tcp).ljust(FRAME_MIN, b"\0")


SHARED = {kind: Shared(f"nic-{kind}", lambda bench, kind=kind, options=options:
                       Nic(bench, kind=kind, **options))
          for kind, options in {"tcg": {}, "haswell": {"ips": 10_000_000}}.items()}
SHARED |= {model: Shared(f"nic-{model}", lambda bench, model=model: Nic(bench, kind="tcg", model=model))
           for model in MODELS if model != "e1000"}
IN_QEMU = [name for name in SHARED if name != "haswell"]


@pytest.fixture(params=SHARED)
def nic(request):
    return SHARED[request.param].get()


@pytest.fixture(params=IN_QEMU)
def qemu(request):
    return SHARED[request.param].get()


def teardown_module():
    for shared in SHARED.values():
        shared.close()


ARRIVES = {
    "msix": r"pci: {}\.0: MSI-X, vectors 0x[0-9a-f]+ to 0x[0-9a-f]+",
    "msi": r"pci: {}\.0: MSI, vector 0x[0-9a-f]+",
    "intx": r"pci: {}\.0: INTA at I/O APIC pin \d+",
    "none": r"pci: {}\.0: polled, as pci-irq=none says",
}


def test_found(nic):
    """Enumerated, its MAC read, the best kind of interrupt that it has found, its link up."""
    assert re.search(rf"pci: [0-9a-f:.]+: {nic.id} Ethernet .* mem 0x[0-9a-f]+\+", nic.boot)
    assert re.search(ARRIVES[nic.kinds[0]].format(nic.driver), nic.boot)
    info = nic.info()
    assert (info["mac"], info["link"], info["speed"], info["mode"], info["irq"]) == (
        NIC_MAC, "up", nic.speed, "interrupt", nic.kinds[0])
    assert info["switch"] == "br0"


def test_every_size(nic):
    """Each frame length that Ethernet has arrives, once and with its length."""
    sizes = range(FRAME_MIN, FRAME_MAX + 1)
    change = nic.receive([frame(size, size) for size in sizes])
    assert change["rx_packets"] == change["rx_frames"] == len(sizes)
    assert change["rx_bytes"] == sum(sizes)
    assert change["rx_errors"] == change["rx_missed"] == change["rx_dropped"] == 0
    assert change["interrupts"] > 0 and change["irq_lost"] == 0


def test_ring_wraps(nic):
    """More frames than the receive ring has descriptors, several times over."""
    change = nic.receive([frame(random.Random(i).randint(60, 1514), i) for i in range(2000)])
    assert change["rx_packets"] == 2000
    assert change["rx_errors"] == change["rx_missed"] == change["resets"] == 0


def test_learns(nic):
    """Sources are learnt; a frame from the wire to a source on the wire is not sent back."""
    others = [bytes([2, 0x77, 0, 0, 0, i]) for i in range(20)] + [OURS]
    nic.receive([frame(60, source=mac) for mac in others])
    table = nic.monitor.info("switch")
    for mac in others:
        assert table[f"mac {mac.hex(':')}"]["port"] == "uplink0"
    change = nic.receive([frame(60)] * 10)
    assert change["drop_hairpin"] == 10
    assert change["tx_frames"] == 0


def test_table_is_bounded(qemu):
    """More addresses than the table has room for: counted, and nothing else changes. (In Bochs
    idle time is over in no time: entries age while the table is filled.)"""
    switch = qemu.monitor.info("switch")["switch br0"]
    size, before = int(switch["table_size"]), int(switch["addresses"])
    qemu.receive([frame(60, source=b"\x02\x33" + i.to_bytes(4, "big")) for i in range(size + 200)])
    switch = qemu.monitor.info("switch")["switch br0"]
    # Those of the tests before may have aged meanwhile.
    assert size - before <= int(switch["addresses"]) <= size
    assert int(switch["table_full"]) >= 200


def test_bad_sources(nic):
    """A group address or zero as source: dropped, and said why."""
    change = nic.receive([frame(60, source=mac) for mac in (b"\xff" * 6, b"\x03" * 6, bytes(6))])
    assert change["drop_bad_src"] == 3


def test_bridge_addresses(qemu):
    """What 802.1D keeps from being relayed (spanning tree, PAUSE). Bochs lets no multicast in."""
    change = qemu.receive([frame(60, destination=bytes.fromhex("0180c20000") + bytes([i]))
                           for i in range(16)])
    assert change["drop_reserved"] == 16


# virtio-net has no such limit: there it is the ports' business.
@pytest.mark.parametrize("qemu", [name for name in IN_QEMU if "virtio" not in name], indirect=True)
def test_longer_than_ethernet(qemu):
    """Jumbo frames do not get in; what follows them does."""
    before = qemu.info()
    for size in 1523, 2048, 2049, 4000, 9000, 16000:
        qemu.wire.send(frame(size))
    change = qemu.receive([frame(60)])
    assert change["rx_packets"] == 1
    assert qemu.wait("rx_errors", before["rx_errors"] + 6)["resets"] == before["resets"]
    # One VLAN tag is no offence.
    assert qemu.receive([frame(1518)])["rx_bytes"] == 1518


def test_flood(nic):
    """As much as the host can send: the monitor answers meanwhile, and all is well afterwards."""
    before, end, sent = nic.info(), time.monotonic() + 3, 0
    while time.monotonic() < end:
        for _ in range(200):
            nic.wire.send(frame(FRAME_MAX, sent))
            sent += 1
        assert nic.info()["link"] == "up"
    time.sleep(1)
    after = nic.info()
    assert 0 < after["rx_packets"] - before["rx_packets"] <= sent
    assert after["resets"] == before["resets"] and after["irq_lost"] == before["irq_lost"]
    # Bochs has queued many; they come out one each millisecond.
    while (now := nic.info()["rx_packets"]) != after["rx_packets"]:
        after["rx_packets"] = now
        time.sleep(0.5)
    assert nic.receive([frame(100)])["rx_bytes"] == 100


def test_cable_pulled(qemu):
    """The link goes and comes; frames in between are lost, those after it arrive."""
    before = qemu.info()
    for cycle in range(3):
        qemu.machine.qemu("set_link net0 off")
        qemu.machine.expect(rf"net: {qemu.driver}\.0: link down")
        qemu.machine.expect(r"\n")
        assert qemu.info()["link"] == "down"
        qemu.wire.send(frame(60))
        qemu.machine.qemu("set_link net0 on")
        qemu.machine.expect(rf"net: {qemu.driver}\.0: link up" + (
            rf" \({qemu.speed} Mb/s\)" if qemu.speed else ""))
        qemu.machine.expect(r"\n")
        assert qemu.receive([frame(60, cycle)])["rx_frames"] == 1
    after = qemu.info()
    assert after["link_changes"] - before["link_changes"] == 6
    assert after["resets"] == before["resets"]


@pytest.mark.parametrize("model, kind", [
    (model, kind) for model in MODELS for kind in MODELS[model][1] + ["none"]
    if kind != MODELS[model][1][0]])
def test_kinds_of_interrupt(bench, model, kind):
    """Those that pci-irq= asks for instead of the best; each brings all frames, and no more of them
    than frames."""
    nic = Nic(bench, model, f"pci-irq={kind}", kind="tcg")
    assert re.search(ARRIVES[kind].format(nic.driver), nic.boot)
    info = nic.info()
    assert (info["irq"], info["mode"]) == (kind, "polled" if kind == "none" else "interrupt")
    change = nic.receive([frame(60 + i, i) for i in range(400)])
    assert change["rx_packets"] == 400 and change["irq_lost"] == 0
    assert (change["interrupts"] == 0) if kind == "none" else (0 < change["interrupts"] <= 400)
    nic.machine.qemu("set_link net0 off")
    nic.machine.expect(rf"net: {nic.driver}\.0: link down")


def test_two_queues(bench):
    """With two CPUs the 82574's RSS spreads flows over two queues, each with its CPU and interrupt;
    what is not IP is the first one's."""
    nic = Nic(bench, "e1000e", kind="tcg", cpus=2)
    assert "net: e1000e.0: 2 queues" in nic.boot
    before = nic.queues()
    assert [queue["cpu"] for queue in before] == [0, 1]
    change = nic.receive([flow_frame(i % 32, i) for i in range(960)])
    assert change["rx_packets"] == 960 and change["rx_missed"] == change["irq_lost"] == 0
    after = nic.queues()
    for old, new in zip(before, after):
        # As many flows, more or less: 32 fall into one of two places.
        assert 100 < new["rx_packets"] - old["rx_packets"] < 860
        assert new["interrupts"] > old["interrupts"] and new["polls"] > old["polls"]
    assert nic.receive([frame(60, i) for i in range(50)])["rx_packets"] == 50
    assert nic.queues()[0]["rx_packets"] == after[0]["rx_packets"] + 50
    info, queues = nic.info(), nic.queues()
    for key in "rx_packets", "tx_packets":
        assert info[key] == sum(queue[key] for queue in queues)
    # One flow stays where it is.
    before = nic.queues()
    nic.receive([flow_frame(7, i) for i in range(100)])
    assert sorted(new["rx_packets"] - old["rx_packets"]
                  for old, new in zip(before, nic.queues())) == [0, 100]
    nic.machine.qemu("set_link net0 off")
    nic.machine.expect(r"net: e1000e\.0: link down")


BRIDGES = ["pcie-root-port,id=rp,addr=6,chassis=1,slot=1",
           "pcie-pci-bridge,id=bridge,bus=rp"]


@pytest.mark.parametrize("model, slot, bridges", [
    ("e1000e", "bus=rp", BRIDGES[:1]), ("e1000", "bus=bridge,addr=3", BRIDGES),
    ("virtio-net-pci", "bus=rp", BRIDGES[:1])])
def test_behind_bridges(bench, model, slot, bridges):
    """Behind a root port, and behind a PCI bridge behind it: found, and frames and interrupts come."""
    nic = Nic(bench, model, kind="tcg", slot=slot, bridges=bridges)
    bus = len(bridges)
    assert re.search(rf"pci: {bus:02x}:0[03]\.0: [0-9a-f:]+ Ethernet", nic.boot)
    assert len(re.findall(r"pci: .* PCI bridge", nic.boot)) == bus
    assert nic.info()["irq"] == nic.kinds[0]
    change = nic.receive([frame(60 + i, i) for i in range(100)])
    assert change["rx_packets"] == 100 and change["interrupts"] > 0 and change["irq_lost"] == 0


def test_two_nics_on_one_line(bench):
    """Two NICs, the second an 82545EM, that share an interrupt; each has a switch of its own."""
    second = Wire()
    bench.open.append(second)
    nic = Nic(bench, kind="tcg", more=[
        "-netdev", "dgram,id=net1,local.type=inet,local.host=127.0.0.1,"
        f"local.port={second.nic},remote.type=inet,remote.host=127.0.0.1,remote.port={second.nic + 1}",
        "-device", "e1000-82545em,netdev=net1,addr=9,mac=52:54:00:00:02:01"])
    pins = re.findall(r"pci: e1000\.\d: INTA at I/O APIC pin (\d+)", nic.boot)
    assert len(pins) == 2 and pins[0] == pins[1]
    for number, (wire, mac) in enumerate([(nic.wire, NIC_MAC), (second, "52:54:00:00:02:01")]):
        assert nic.info(number)["mac"] == mac
        assert nic.info(number)["switch"] == f"br{number}"
        others = nic.info(1 - number)["rx_packets"]
        for i in range(10):
            wire.send(frame(60, i))
        end = time.monotonic() + 60
        while nic.info(number)["rx_packets"] < 10 and time.monotonic() < end:
            time.sleep(0.05)
        info = nic.info(number)
        assert (info["rx_packets"], info["mode"], info["irq_lost"]) == (10, "interrupt", 0)
        assert nic.info(1 - number)["rx_packets"] == others


def test_stops_at_the_end(bench):
    """Frames keep coming while the machine goes off: it does, with the NIC stopped."""
    nic = Nic(bench, kind="tcg")
    nic.machine.send("quit\r")
    for i in range(500):
        nic.wire.send(frame(FRAME_MAX, i))
    nic.machine.expect(r"net: e1000\.0: link down")
    nic.machine.expect_end()
