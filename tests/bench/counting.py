# SPDX-License-Identifier: BSD-2-Clause
"""One run: the machine under the counting plugin, its guest's windows, and what was counted."""

import contextlib
import dataclasses
import os
import socket
import subprocess
import sys

from bench import BUILD, GUEST, bundle
import machine
from guest import Guest
from monitor import Monitor
from outside import Tap

OUT = BUILD / "bench"
IMAGE = BUILD / "ringvisor.elf"
LOG = "count.log"               # of the plugin, in a run's folder

CONF = """\
guest bench -m 256M -smp 1 -kernel vmlinuz -initrd initrd.cpio.gz
	-append "console=ttyS0 quiet panic=-1 nokaslr ipv6.disable=1 rv.shell=plain rv.net=10.99.0.2/24"
	-netdev tap,id=net0,br=br0,vhost=on,queues={queues}
	-device virtio-net-pci,netdev=net0,mac=52:54:00:00:01:01{mq}
"""
# The other end of the rows from guest to guest.
PEER_GUEST = """\
guest peer -m 128M -smp 1 -kernel vmlinuz -initrd peer.cpio.gz
	-append "console=ttyS0 quiet panic=-1 nokaslr ipv6.disable=1 rv.shell=plain rv.net=10.99.0.3/24"
	-netdev tap,id=net0,br=br0,vhost=on -device virtio-net-pci,netdev=net0,mac=52:54:00:00:01:02
"""
# One that sleeps, tests/guest/idle.c.
IDLE_GUEST = """\
guest idle{number} -m 8M -kernel idle.elf
	-netdev tap,id=net0 -device virtio-net-pci,netdev=net0,mac=52:54:00:00:02:{number:02x},addr=0x3
"""
# Random numbers and the date.
SAME_EACH_TIME = ("-seed", "1", "-rtc", "base=2024-01-01T00:00:00,clock=vm")
PEER, GUEST_PEER = "10.99.0.1", "10.99.0.3"
PORT_CONTROL = 5000             # guest/netbench.h
EXECUTABLE = 0o100755


@dataclasses.dataclass(frozen=True)
class Window:
    """A row of the table. `unit`: how much of what the guest counts is one of the row's things."""
    name: str
    label: str
    arguments: str
    unit: int = 1
    peer: str = PEER


# So long that it does not matter where in the guest's own rhythm, some works of which come every few
# minutes, the window begins: that hangs on when the console's line arrives, in real time.
IDLE_S = 3600
# Without traffic: the machine's time leaps over idleness.
ALONE = (
    Window("null", "empty window", ""),
    Window("idle", "idle, per second", f"seconds={IDLE_S}"),
    Window("cpuid", "CPUID exit", "count=2000"),
)
# With traffic: its time does not pass faster than the outside's.
NETWORK = (
    Window("ping", "warm-up", "count=5"),
    Window("null", "empty window", ""),
    Window("ping", "ping guest -> outside", "count=200"),
    Window("pinged", "ping outside -> guest", "count=200"),
    Window("tx", "TX UDP 64 B", "count=8000 size=64"),
    Window("tx", "TX UDP 1472 B", "count=8000 size=1472"),
    Window("rx", "RX + ack, W=1", "count=1000 size=64 window=1"),
    Window("rx", "RX UDP 64 B, W=32", "count=8000 size=64 window=32"),
    Window("rx", "RX UDP 1472 B, W=32", "count=8000 size=1472 window=32"),
)
# With a wire that takes its time, in the machine's.
STREAMS = (
    Window("null", "empty window", ""),
    Window("tcp_tx", "TCP TX per 1448 B", "bytes=60000000", 1448),
    Window("tcp_rx", "TCP RX per 1448 B", "bytes=60000000", 1448),
)
# From guest to guest: the other one is the peer, and its instructions count too.
PAIR = (
    Window("ping", "warm-up", "count=5", peer=GUEST_PEER),
    Window("null", "empty window", ""),
    Window("tx", "guest to guest UDP 64 B", "count=8000 size=64", peer=GUEST_PEER),
    Window("tx", "guest to guest UDP 1472 B", "count=8000 size=1472", peer=GUEST_PEER),
    Window("tcp_tx", "guest to guest TCP per 1448 B", "bytes=60000000", 1448, GUEST_PEER),
)
FRAMES_OF_EACH = 2000           # tests/guest/idle.c
ALWAYS = ("null", "idle")
LAST = Window("null", "after the last", "")     # its beginning is when the last one's counters are read


# ---- The image and its symbols ----

def readelf(what):
    return subprocess.run(["readelf", "-W", what, IMAGE], text=True, check=True,
                          stdout=subprocess.PIPE).stdout


def symbols():
    """[(address, name)] of the image's functions, sorted. Labels within functions are none, and what
    link-time optimization adds to a static function's name is left out.
    """
    found = [line.split() for line in readelf("-s").splitlines()]
    return sorted((int(fields[1], 16), fields[7].split(".lto_priv.")[0]) for fields in found
                  if len(fields) == 8 and fields[6].isdigit()
                  and (fields[3] == "FUNC" or fields[3:5] == ["NOTYPE", "GLOBAL"]))


class Image:
    """Where things are in ringvisor.elf."""

    def __init__(self):
        self.symbols = symbols()
        self.entry = self._section(".boot")
        self.text = self._section(".text")

    @staticmethod
    def _section(name):
        line = next(l for l in readelf("-S").splitlines() if f" {name} " in l)
        fields = line.split("]")[1].split()
        start = int(fields[2], 16)
        return start, start + int(fields[4], 16)

    def plugin_arguments(self):
        return "entry={:x}-{:x},text={:x}-{:x}".format(*self.entry, *self.text)


# ---- What the plugin wrote ----

COUNTERS = ("host", "kernel", "user", "vmrun")


def read_records(path):
    """The plugin's records: name, its counters, and instructions by offset since the one before."""
    records = []
    for line in path.read_text(encoding="ascii").splitlines():
        words = line.split()
        if words[0] == "mark":
            numbers = dict(zip(words[2::2], map(int, words[3::2])))
            records.append({"name": words[1], "at": {}} | numbers)
        else:
            records[-1]["at"][int(words[1], 16)] = int(words[2])
    return records


def between(records, first, last):
    """What was counted from one record to another."""
    counted = {key: records[last][key] - records[first][key] for key in COUNTERS}
    at = {}
    for record in records[first + 1:last + 1]:
        for offset, count in record["at"].items():
            at[offset] = at.get(offset, 0) + count
    return counted | {"at": at}


def windows_of(records):
    """What was counted in each window, in order."""
    found, begin = [], None
    for number, record in enumerate(records):
        if record["name"] == "1":
            begin = number
        elif record["name"] == "3" and begin is not None:
            found.append(between(records, begin, number))
            begin = None
    return found


# ---- The hypervisor's own counters ----

def counters(monitor):
    """Sums over all vCPUs, rings and ports of what `info` says."""
    total = {}

    def add(key, value):
        total[key] = total.get(key, 0) + int(value)

    for line in monitor.run("info exits"):
        words = dict(word.split("=", 1) for word in line.split() if "=" in word)
        if "exit" in words:
            name = line.split('name="')[1].split('"')[0]
            add(f"exit {name}", words["count"])
        else:
            for key in ("doorbells", "interrupts"):
                add(key, words.get(key, 0))
    for values in monitor.info("vhost").values():
        for key in ("copies", "copied_bytes"):
            add(key, values.get(key, 0))
    for name, values in monitor.info("net").items():
        if name.startswith("port idle"):
            add("talked", values.get("rx_frames", 0))
    return total


# ---- A run ----

@contextlib.contextmanager
def one_processor():
    """What is started meanwhile runs on one: the emulator's threads then take turns, so that the thread
    with the network cable gets to what the other one has sent at once, however busy this host is.
    """
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(all_of_them)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_of_them)


def tell_peer(text):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        control.settimeout(10)
        control.sendto(text.encode(), (PEER, PORT_CONTROL))
        control.recv(100)


def windows_script(windows, queues):
    return "netbench mark 5\n" + (f"channels eth0 {queues}\n" if queues > 1 else "") + "".join(
        f"netbench {w.peer} {w.name} {w.arguments}\n" for w in (*windows, LAST))


def initrd(script):
    """The Debian guest's, with netbench and a script."""
    data = (GUEST / "initrd.cpio.gz").read_bytes()
    for number, (name, content) in enumerate((("bin/netbench", (OUT / "netbench").read_bytes()),
                                              ("script", script.encode())), 1):
        data += bundle.padding(len(data)) + bundle.member(name, len(content), number, EXECUTABLE)
        data += content
    return data + bundle.padding(len(data)) + bundle.member(bundle.TRAILER, 0, 0, 0)


def archive(folder, conf, kernel, disk, more=None):
    """The boot archive; its path."""
    source = folder / "archive"
    source.mkdir(parents=True, exist_ok=True)
    (source / "ringvisor.conf").write_text(conf, encoding="utf-8")
    (source / "vmlinuz").write_bytes(kernel.read_bytes())
    (source / "initrd.cpio.gz").write_bytes(disk)
    for name, content in (more or {}).items():
        (source / name).write_bytes(content)
    subprocess.run(["python3", bundle.__file__, source, folder / "bundle.cpio"], check=True)
    return folder / "bundle.cpio"


def counted_machine(folder, tap, packed, leap, wire_us=0):
    """The machine with the outside on a tap device, under icount and the plugin. `leap`: its time
    does, over idleness. `wire_us`: what the outside sends arrives when so much of its time has passed
    since the last arrivals, or at once (0).
    """
    log = folder / LOG
    log.unlink(missing_ok=True)
    plugin = f"file={OUT / 'count.so'},log={log},{Image().plugin_arguments()}"
    wire = ()
    if wire_us:
        plugin += f",wire={tap}"
        wire = "-object", f"filter-buffer,id=wire,netdev=net0,queue=tx,interval={wire_us}"
    return machine.Machine(
        folder, (IMAGE, packed, ""), kind="tcg", wire=Tap(tap),
        options=("-icount", f"shift=0,sleep={'off' if leap else 'on'}", *SAME_EACH_TIME,
                 "-plugin", plugin, *wire))


class Machine:
    """A machine whose guest runs windows, beside further guests."""

    def __init__(self, folder, tap, windows, leap, wire_us, queues, guests):
        self.windows = windows
        self.log = folder / LOG
        conf = CONF.format(queues=queues, mq=",mq=on" if queues > 1 else "")
        more = {}
        if windows and windows[0].peer == GUEST_PEER:
            conf += PEER_GUEST
            more["peer.cpio.gz"] = initrd("netbench peer\n")
        if guests > 1:
            conf += "".join(IDLE_GUEST.format(number=number) for number in range(1, guests))
            more["idle.elf"] = (BUILD / "guest" / "tests" / "idle.elf").read_bytes()
        self.alone = not more
        packed = archive(folder, conf, GUEST / "vmlinuz", initrd(windows_script(windows, queues)),
                         more)
        self.machine = counted_machine(folder, tap, packed, leap, wire_us)

    def run(self):
        """All windows; for each: how much was done, in which time, what the plugin counted and what
        the hypervisor. And the plugin's records."""
        said, read = [], []
        try:
            with one_processor():
                self.machine.start()
            tell_peer(f"machine {self.machine.process.pid}")
            guest = Guest(self.machine, "bench")
            for window in (*self.windows, LAST):
                guest.expect(f"READY {window.name}\r*\n", 120)
                read.append(self._counters())
                self.machine.send("\n")
                line = guest.expect(rf"WINDOW {window.name} n=(\d+) ns=(\d+)", 300)
                said.append((int(line.group(1)), int(line.group(2))))
            if not self.alone:
                self.machine.send("\x01cquit\r")
            self.machine.expect("powering off", 60)
            self.machine.expect_end()
        finally:
            self.machine.close()
        records = read_records(self.log)
        own = [{key: after[key] - before.get(key, 0) for key in after}
               for before, after in zip(read, read[1:])]
        return list(zip(self.windows, said, windows_of(records), own)), records

    def _counters(self):
        monitor = Monitor(self.machine).enter()
        values = counters(monitor)
        monitor.leave()
        return values


def talk(guests):
    """The window in which all further guests send."""
    count = (guests - 1) * FRAMES_OF_EACH
    return (Window("talk", f"TX 64 B of {guests - 1} at once", f"count={count}"),) if count else ()


BOOTS = (("alone", ALONE), ("network", NETWORK), ("streams", STREAMS), ("pair", PAIR))
# What --only may name.
NAMES = {name for name, _ in BOOTS} | {w.name for _, windows in BOOTS for w in windows} | {"talk"}


class Run:
    """A boot without traffic, two with, and one with traffic to another guest. .figures: label -> figures per thing;
    .profiles: label -> {offset in the hypervisor's text: instructions}.
    """

    def __init__(self, folder, tap, only, wire_us, queues, guests):
        self.figures, self.profiles = {}, {}
        self.image = Image()
        for name, windows, leap, wire in (("alone", ALONE, True, 0),
                                          ("network", NETWORK + talk(guests), False, 0),
                                          ("streams", STREAMS, False, wire_us), ("pair", PAIR, False, 0)):
            chosen = [w for w in windows if not only or name in only or w.name in only
                      or w.name in ALWAYS]
            if not leap and (name == "pair" if only and name not in only else
                             all(w.name in ALWAYS for w in chosen)):
                continue
            measured, records = Machine(folder / name, tap, chosen, leap, wire, queues, guests).run()
            self._windows(measured)
            if leap:
                self._boot(records)

    def _windows(self, measured):
        for window, (n, ns), counted, own in measured:
            if window.name == "talk" and own["talked"] != n:
                sys.exit(f"bench: {own['talked']} of {n} frames were sent")
            guest = counted["kernel"] + counted["user"]
            figures = {"total": counted["host"] + guest, "host": counted["host"], "guest": guest,
                       "entries": counted["vmrun"], **own}
            if window.name == "null":
                self.null = figures
            else:
                figures = self._net(window, figures, ns)
            things = n / window.unit
            self.figures[window.label] = {key: value / things for key, value in figures.items()}
            self.figures[window.label] |= {"n": n, "ns": ns}
            self.profiles[window.label] = {offset: count / things
                                           for offset, count in counted["at"].items()}

    def _net(self, window, figures, ns):
        """Without what the empty window has, and what an idle guest has in the time."""
        idle = {} if window.name == "idle" else self.figures.get("idle, per second", {})
        return {key: value - self.null.get(key, 0) - idle.get(key, 0) * ns / 1e9
                for key, value in figures.items()}

    def _boot(self, records):
        where = {record["name"]: number for number, record in reversed(list(enumerate(records)))}
        for label, first, last in (("entry to the guest's first instruction", "entry", "first-entry"),
                                   ("guest's first instruction to network up", "first-entry", "5")):
            counted = between(records, where[first], where[last])
            guest = counted["kernel"] + counted["user"]
            self.figures[label] = {"total": counted["host"] + guest, "host": counted["host"],
                                   "guest": guest, "entries": counted["vmrun"]}
            self.profiles[label] = counted["at"]
