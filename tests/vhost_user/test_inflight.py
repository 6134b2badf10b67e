# SPDX-License-Identifier: BSD-2-Clause
"""Backends that are killed while buffers are in flight, and the memory that tells the next one."""

import collections
import fcntl
import itertools
import mmap
import os
import random
import struct
import termios
import time

import pytest

from daemon import wait_for
from frontend import (F_GUEST, F_IN_ORDER, F_PACKED, FrontEnd, HDR, PackedRing, Ring, frame,
                      inflight, state)

NUM = 1024
COUNT = 800             # frames at once; some receive buffers are left for those that come twice
LENGTH = 700
BATCH = 64              # frames between two publications
SIZE = 8 << 20


class Tracked(FrontEnd):
    """A guest whose front end keeps the in-flight memory, and connects again."""

    def __init__(self, path, features=F_GUEST, num=NUM):
        super().__init__(path, features, size=SIZE)
        kind = PackedRing if features & F_PACKED else Ring
        self.file = None
        self.rx = kind(self.memory, 0, 0x10000, num)
        self.tx = kind(self.memory, 1, 0x10000 + SIZE // 2, num)
        self.rx.in_order = self.tx.in_order = bool(features & F_IN_ORDER)

    def track(self):
        """Ask for the memory, as a front end does once."""
        self.send("GET_INFLIGHT_FD", inflight(0, 0, 2, self.rx.num))
        number, _, answer, fds = self.recv()
        assert number == 31 and len(fds) == 1
        self.said, self.file = answer, fds[0]
        return self

    def go(self):
        self.negotiate().share()
        if self.file is None:
            self.track()
        else:
            self.must("SET_INFLIGHT_FD", self.said, [self.file])
        for ring in (self.rx, self.tx):
            self.start_ring(ring)
        return self

    def again(self, path):
        """The next backend; it is told of the rings' beginning only, as the memory knows better."""
        self.sock.close()
        for ring in (self.rx, self.tx):
            for fd in (ring.kick, ring.call, ring.err):
                os.close(fd)
            ring.events()
        self.connect(path)
        return self.go()

    def close(self):
        super().close()
        if self.file is not None:
            os.close(self.file)


class Load:
    """Frames that go round by the loop, counted."""

    def __init__(self, front):
        self.front = front
        self.frames = 0         # sent so far
        self.free = collections.deque(range(NUM))       # receive buffers
        self.begin()

    def begin(self):
        self.expected, self.heads = [], []
        self.sent, self.received = [], []

    def post(self, count):
        """Buffers to receive in, as many as there are, and frames to send."""
        rx, tx = self.front.rx, self.front.tx
        while self.free:
            rx.post(self.free.popleft(), 2048, write=True)
        tx.hold()
        for number in range(self.frames, self.frames + count):
            head = number % NUM
            at = tx.buffer(head)
            self.front.memory[at:at + HDR + LENGTH] = bytes(HDR) + frame(number, LENGTH)
            tx.post(head, HDR + LENGTH)
            self.heads.append(head)
            self.expected.append(number)
        self.frames += count
        tx.show()
        tx.notify()

    def take(self):
        """What has come back; are all buffers to send from there?"""
        rx, tx = self.front.rx, self.front.tx
        while (used := tx.get(0)):
            self.sent.append(used[0])
        while (used := rx.get(0)):
            head, length = used
            at = rx.buffer(head) + HDR
            data = bytes(self.front.memory[at:at + length - HDR])
            number = struct.unpack("<I", data[14:18])[0]
            assert data == frame(number, LENGTH)
            self.received.append(number)
            self.free.append(head)
        return len(self.sent) >= len(self.heads)


FORMS = pytest.mark.parametrize("features", [0, F_IN_ORDER, F_PACKED, F_PACKED | F_IN_ORDER],
                                ids=["split", "split-in_order", "packed", "packed-in_order"])


class Pipe:
    """A pipe as the daemon's capture file: when it is full the daemon waits, in mid-batch."""

    SIZE = 1 << 16

    def __init__(self, path):
        self.path, self.data = path, b""
        os.mkfifo(path)
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, self.SIZE)

    def _there(self):
        count = bytearray(4)
        fcntl.ioctl(self.fd, termios.FIONREAD, count)
        return struct.unpack("<i", count)[0]

    def read(self, count):
        """All that is there, up to so many bytes in all."""
        while len(self.data) < count:
            try:
                part = os.read(self.fd, count - len(self.data))
            except BlockingIOError:
                return False
            if not part:
                return False
            self.data += part
        return True

    def is_full(self):
        """There is a good part of what fits (which is less in small pieces), and it stays so."""
        before = self._there()
        time.sleep(0.03)
        return before > self.SIZE // 4 and before == self._there()

    def frames(self):
        """Numbers of the frames, the last of which may end anywhere."""
        return [struct.unpack_from("<I", self.data, at + 16 + 14)[0]
                for at in range(24, len(self.data) - 16 - LENGTH + 1, 16 + LENGTH)]

    def close(self):
        os.close(self.fd)


@FORMS
def test_killed_in_mid_batch(start, folder, features):
    """Killed between any two frames: each buffer comes back once, each frame goes out, few twice."""
    front, frames = None, []
    for turn in range(5):
        pipe = Pipe(folder / f"pipe{turn}")
        daemon = start("--packed", name=f"daemon{turn}", backend=f"pcap={pipe.path}")
        front = front.again(daemon.path) if front else Tracked(daemon.path, F_GUEST | features).go()
        if turn == 0:
            load = Load(front)
            load.post(COUNT)
        if turn < 4:
            count = random.randrange(80 * LENGTH)
            wait_for("frames", lambda: pipe.read(count), timeout=20)
            wait_for("a full pipe", pipe.is_full, timeout=20)
            daemon.kill()
            assert not load.take()
        else:
            wait_for("all buffers", lambda: pipe.read(1 << 30) or load.take(), timeout=20)
            time.sleep(0.1)
        pipe.read(1 << 30)
        pipe.close()
        frames.append(pipe.frames())
    assert sorted(load.sent) == sorted(load.heads)
    assert {number for part in frames for number in part} == set(load.expected)
    for before, after in itertools.pairwise(frames):    # the old order, from the start of a batch
        assert before[-1] - BATCH <= after[0] <= before[-1] + 1
        assert after == list(range(after[0], after[0] + len(after)))
    front.close()


@FORMS
def test_stopped_and_started(start, features):
    """With nobody killed the memory says the same as the front end; the rings may also start anew."""
    daemon = start("--packed")
    front = Tracked(daemon.path, F_GUEST | features).go()
    load = Load(front)
    for _ in range(5):
        load.begin()
        load.post(300)
        wait_for("all buffers", load.take)
        assert load.sent == load.heads and load.received == load.expected
        for ring in (front.rx, front.tx):
            assert front.ask("GET_VRING_BASE", state(ring.index, 0))
            front.start_ring(ring)
    front.must("RESET_DEVICE")          # forgets the memory, too
    front.rx.begin()
    front.tx.begin()
    for ring in (front.rx, front.tx):
        front.start_ring(ring)
    load = Load(front)
    load.post(100)
    wait_for("all buffers", load.take)
    assert load.received == load.expected
    front.close()


def test_memory_given(start):
    """Its size: header and an entry for each descriptor, whole cache lines, one part for each ring."""
    daemon = start("--packed")
    for features, entry, header in ((0, 16, 16), (F_PACKED, 32, 32)):
        front = Tracked(daemon.path, F_GUEST | features, 100 if features else 128)
        front.negotiate().track()
        size, offset, queues, entries = struct.unpack("<QQHH4x", front.said)
        part = (header + entry * entries + 63) // 64 * 64
        assert (size, offset, queues, entries) == (2 * part, 0, 2, front.rx.num)
        assert os.fstat(front.file).st_size >= size
        front.share()
        for ring in (front.rx, front.tx):
            front.start_ring(ring)      # used without SET_INFLIGHT_FD, too
        for ring in range(2):
            with mmap.mmap(front.file, size) as memory:
                assert struct.unpack_from("<QHH", memory, ring * part) == (0, 1, entries)
        assert front.tell("SET_INFLIGHT_FD", front.said, [front.file]) == 1     # rings run
        front.close()


@pytest.mark.parametrize("queues, entries", [(0, 16), (3, 16), (2, 0), (2, 1025)])
def test_bad_wishes(start, queues, entries):
    daemon = start()
    front = FrontEnd(daemon.path).negotiate()
    front.send("GET_INFLIGHT_FD", inflight(0, 0, queues, entries))
    assert front.closed()
    assert f"{queues} rings with {entries} entries" in daemon.text()
    front.close()


WRONG = {               # split: header of 16 bytes, then 16 for each entry
    "version": (8, "<H", 3, "version or features unknown"),
    "features": (0, "<Q", 1 << 40, "version or features unknown"),
    "entries": (10, "<H", 15, "another number of entries"),
    "used_idx": (14, "<H", 4711, "used index too far behind"),
    "list": (12, "<HH", (16, 0xffff), "list leads outside the ring"),
    "outside": (16 + 16 * 20, "<B", 1, "outside the ring"),
    "counter": (16 + 8, "<Q", 2**64 - 1, "a counter at its end"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_memory(start, name):
    """What cannot have been left by a device is refused, in one line; the daemon goes on."""
    at, form, value, why = WRONG[name]
    daemon = start()
    file = os.memfd_create("in-flight")
    os.ftruncate(file, 4096)
    with mmap.mmap(file, 4096) as memory:
        struct.pack_into("<QHHHH", memory, 0, 0, 1, 32, 0, 0)
        memory[16] = 1
        struct.pack_into(form, memory, at, *(value if isinstance(value, tuple) else (value,)))
    front = Tracked(daemon.path, num=16)
    front.said, front.file = inflight(4096, 0, 2, 32), file
    with pytest.raises(AssertionError, match="SET_VRING_ENABLE"):
        front.go()
    assert f"ring 0: in-flight memory: {why}" in daemon.text() or why in daemon.text()
    front.close()
    front = FrontEnd(daemon.path).up()
    assert front.echo(frame(1)) == frame(1)
    front.close()


@pytest.mark.parametrize("said, why", [
    (inflight(4096, 0, 2, 8), "fewer entries than the ring has"),
    (inflight(4096, 0, 1, 16), "ring 1: in-flight memory: it is for 1 rings"),
    (inflight(512, 0, 2, 16), "in-flight memory: 0x200 bytes, 2 times 0x140 are needed")],
    ids=["entries", "rings", "bytes"])
def test_too_small_memory(start, said, why):
    daemon = start()
    front = Tracked(daemon.path, num=16)
    front.said, front.file = said, os.memfd_create("in-flight")
    os.ftruncate(front.file, 4096)
    with pytest.raises(AssertionError, match="SET_VRING_ENABLE"):
        front.go()
    assert why in daemon.text()
    front.close()


def test_memory_cut_short(start):
    """The file loses its end while the rings run: a line, and no SIGBUS."""
    daemon = start()
    front = Tracked(daemon.path, num=16).go()
    assert front.echo(frame(1)) == frame(1)
    os.ftruncate(front.file, 0)
    front.transmit(frame(2), 2)
    wait_for("the line", lambda: "in-flight memory's file has become shorter" in daemon.text())
    assert front.closed()
    front.close()
