# SPDX-License-Identifier: BSD-2-Clause
"""Addresses that the front end translates: misses, updates, invalidations."""

import select
import socket
import struct

import pytest

from daemon import wait_for
from frontend import F_ACCESS_PLATFORM, F_GUEST, FrontEnd, USER, frame

IOVA = 1 << 40
PAGE = 4096
MISS, UPDATE, INVALIDATE = 1, 2, 3
READ, WRITE, BOTH = 1, 2, 3


def message(iova, size, uaddr, perm, kind):
    return struct.pack("<QQQBB6x", iova, size, uaddr, perm, kind)


class Translating(FrontEnd):
    """A front end with an IOMMU: page IOVA + n is page n of the guest, once it has been asked for."""

    def __init__(self, path):
        super().__init__(path, features=F_GUEST | F_ACCESS_PLATFORM)
        self.ring_base = IOVA
        self.asked = []
        self.negotiate().share()
        self.requests, theirs = socket.socketpair()
        self.must("SET_BACKEND_REQ_FD", b"", [theirs.fileno()])
        theirs.close()
        self.start()
        self.rx.offset = self.tx.offset = IOVA

    def update(self, page, perm=BOTH):
        self.must("IOTLB_MSG", message(IOVA + page * PAGE, PAGE, USER + page * PAGE, perm, UPDATE))

    def invalidate(self, page, pages=1):
        self.must("IOTLB_MSG", message(IOVA + page * PAGE, pages * PAGE, 0, 0, INVALIDATE))

    def answer(self, timeout=0.3):
        """Answer misses until none has come for a while; the pages that were asked for."""
        pages = []
        while select.select([self.requests], [], [], timeout)[0]:
            number, flags, size = struct.unpack("<III", self.requests.recv(12))
            iova, _, _, perm, kind = struct.unpack("<QQQBB6x", self.requests.recv(size))
            assert (number, flags, kind) == (1, 1, MISS) and perm in (READ, WRITE)
            pages.append((iova - IOVA) // PAGE)
            self.update(pages[-1], perm)
        return pages

    def close(self):
        self.requests.close()
        super().close()


@pytest.fixture
def front(start):
    daemon = start("--iommu")
    front = Translating(daemon.path)
    front.daemon = daemon
    yield front
    front.close()


def pages_of(ring):
    return {ring.desc // PAGE, ring.avail // PAGE, ring.used // PAGE}


def test_misses(front):
    """Nothing runs before its pages are known; each is asked for once."""
    asked = front.answer()
    assert set(asked) == pages_of(front.rx) | pages_of(front.tx) and len(asked) == len(set(asked))
    front.rx.post(0, 2048, write=True)
    front.transmit(frame(1), 0)
    assert front.tx.get(0.3) is None
    asked = {front.tx.buffer(0) // PAGE, front.rx.buffer(0) // PAGE}
    assert set(front.answer()) == asked
    assert front.receive() == frame(1) and front.tx.get()
    for number in range(2, 40):         # none is dropped for want of a translation
        head = number % 16
        front.rx.post(head, 2048, write=True)
        front.transmit(frame(number, 500), head)
        wait_for("the frame", lambda: front.answer(0.01) or front.rx.used_index()
                 != front.rx.last_used)
        assert front.receive() == frame(number, 500)
    assert front.answer(0.1) == []      # all is known by now


@pytest.mark.parametrize("ring", ["rx", "tx"])
def test_access(front, ring):
    """A page is read or written only if its translation says so: otherwise the ring is broken."""
    front.answer()
    receive, transmit = front.rx.buffer(0) // PAGE, front.tx.buffer(0) // PAGE
    front.update(receive, WRITE)
    front.update(transmit, READ)
    assert front.echo(frame(1)) == frame(1)
    front.update(receive if ring == "rx" else transmit, READ if ring == "rx" else WRITE)
    mark, at = front.daemon.mark(), receive * PAGE
    before = bytes(front.memory[at:at + PAGE])
    front.rx.post(1, 2048, write=True, address=at)
    front.rx.notify()
    front.transmit(frame(2), 0)
    wait_for("the ring broken", lambda: f"queue {'rx tx'.split().index(ring)} broken by the driver: "
             "buffer that may not be read or written" in front.daemon.since(mark))
    assert front.rx.get(0.2) is None and bytes(front.memory[at:at + PAGE]) == before


def test_buffers_across_pages(front):
    """A buffer may cross from one page that is known into another."""
    front.answer()
    for page in range(0x28, 0x48):
        front.update(page)
    for page in range(0x60, 0x40, -1):
        front.update(page)
    front.rx.post(0, 2048, write=True, address=0x28f00)
    at = 0x44fc0
    front.memory[at:at + 12 + 900] = bytes(12) + frame(5, 900)
    front.tx.post(0, 912, address=at)
    front.tx.notify()
    assert front.rx.get() == (0, 912)
    assert bytes(front.memory[0x28f00 + 12:0x28f00 + 912]) == frame(5, 900)
    assert front.answer(0.1) == []


def test_invalidate(front):
    """What has been taken back is asked for again, a ring's own pages too; nothing is lost."""
    front.answer()
    for page in range(0x14, 0x60):
        front.update(page)
    for number in range(30):
        if number % 5 == 1:
            front.invalidate(front.tx.buffer(number % 16) // PAGE)
        if number % 5 == 2:
            front.invalidate(front.tx.used // PAGE)
        if number % 5 == 3:
            front.invalidate(0, 256)
            front.answer(0.05)
            for page in range(0x14, 0x60):
                front.update(page)
        front.rx.post(number % 16, 2048, write=True)
        front.rx.notify()
        front.transmit(frame(number), number % 16)
        front.answer(0.05)
        assert front.receive() == frame(number)
        assert front.tx.get()


def test_bad_messages(front, start):
    front.answer()
    for bad in (message(IOVA, PAGE, 0x1234000, BOTH, UPDATE), message(IOVA, 0, USER, BOTH, UPDATE),
                message(2**64 - PAGE, 2 * PAGE, USER, BOTH, UPDATE),
                message(IOVA, PAGE, USER + front.size, BOTH, UPDATE),
                message(IOVA, PAGE, USER, 0, UPDATE), message(IOVA, PAGE, USER, 4, UPDATE),
                message(IOVA, PAGE, USER, BOTH, 0), message(IOVA, PAGE, USER, BOTH, MISS),
                message(IOVA, PAGE, USER, BOTH, 77)):
        assert front.tell("IOTLB_MSG", bad) == 1
    for page in range(0x14, 0x60):
        front.update(page)
    assert front.echo(frame(1)) == frame(1)


def test_address_nobody_knows(front):
    """A driver's bad address waits for a translation that never comes; the device goes on."""
    front.answer()
    front.tx.post(0, 100, address=1 << 30)
    front.tx.notify()
    wait_for("the question", lambda: select.select([front.requests], [], [], 1)[0])
    assert front.tx.get(0.2) is None
    assert front.ask("GET_VRING_BASE", struct.pack("<II", 1, 0)) == struct.pack("<II", 1, 0)
