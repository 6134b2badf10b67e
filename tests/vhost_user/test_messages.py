# SPDX-License-Identifier: BSD-2-Clause
"""The vhost-user protocol, message by message: what is right, and everything that is not."""

import mmap
import os
import struct

import pytest

from daemon import wait_for
from frontend import (Connection, F_GUEST, F_LOG_ALL, F_PACKED, F_PROTOCOL_FEATURES, F_VERSION_1,
                      FrontEnd, HDR, NEED_REPLY, NOFD, NUMBER, PROTOCOL, USER, frame, inflight,
                      mem_table, region, state, vring_addr)

PAGE = 4096
U64 = struct.Struct("<Q").pack
KICK = os.eventfd(0)
FILE = os.memfd_create("short")
os.ftruncate(FILE, 64 * PAGE)
RING = (USER + 0x10000, USER + 0x12000, USER + 0x11000)        # desc, used, avail


def refused(request, payload=b"", fds=(), why=""):
    return pytest.param(request, payload, fds, why, id=f"{request}-{why.replace(' ', '_')[:40]}")


REFUSED = [
    # request and size
    refused(0, why="unknown request"),
    refused("SET_VRING_ENDIAN", state(0, 0), why="unknown request"),
    refused("POSTCOPY_END", why="unknown request"),
    refused(41, why="unknown request"),
    refused(0xffffffff, b"x" * 16, why="unknown request"),
    refused("SET_FEATURES", b"", why="0 bytes of payload"),
    refused("SET_FEATURES", bytes(12), why="12 bytes of payload"),
    refused("SET_VRING_NUM", bytes(4), why="4 bytes of payload"),
    refused("SET_VRING_ADDR", bytes(39), why="39 bytes of payload"),
    refused("SET_VRING_KICK", bytes(4), [KICK], "4 bytes of payload"),
    refused("SET_OWNER", bytes(9), why="9 bytes of payload"),
    refused("SET_MEM_TABLE", bytes(4), why="4 bytes of payload"),
    refused("SET_MEM_TABLE", struct.pack("<II", 9, 0), why="9 regions"),
    refused("SET_MEM_TABLE", struct.pack("<II", 0xffffffff, 0), why="4294967295 regions"),
    refused("SET_MEM_TABLE", struct.pack("<II", 2, 0) + region(0, PAGE), [FILE], "2 regions"),
    refused("SET_MEM_TABLE", mem_table(region(0, PAGE)) + b"x", [FILE], "41 bytes"),
    refused("ADD_MEM_REG", bytes(8), [FILE], "8 bytes of payload"),
    refused("SET_STATUS", b"", why="0 bytes of payload"),
    # descriptors
    refused("SET_FEATURES", U64(F_GUEST), [KICK], "1 descriptors"),
    refused("SET_VRING_KICK", U64(0), why="0 descriptors"),
    refused("SET_VRING_KICK", U64(0), [KICK, KICK], "2 descriptors"),
    refused("SET_VRING_KICK", U64(NOFD), [KICK], "1 descriptors"),
    refused("SET_VRING_KICK", U64(NOFD), why="no descriptor, and this is not --poll"),
    refused("SET_VRING_CALL", U64(0), why="0 descriptors"),
    refused("SET_VRING_ERR", U64(1), why="0 descriptors"),
    refused("SET_MEM_TABLE", mem_table(region(0, PAGE)), why="0 descriptors"),
    refused("SET_MEM_TABLE", mem_table(region(0, PAGE)), [FILE] * 2, "2 descriptors"),
    refused("SET_MEM_TABLE", mem_table(region(0, PAGE)), [FILE] * 12, "8 and more descriptors"),
    refused("ADD_MEM_REG", U64(0) + region(1 << 30, PAGE), why="0 descriptors"),
    # regions
    refused("SET_MEM_TABLE", mem_table(region(0, 0)), [FILE], "empty or not of whole pages"),
    refused("SET_MEM_TABLE", mem_table(region(12, PAGE)), [FILE], "not of whole pages"),
    refused("SET_MEM_TABLE", mem_table(region(0, PAGE + 1)), [FILE], "not of whole pages"),
    refused("SET_MEM_TABLE", mem_table(region(0, 65 * PAGE)), [FILE], "of a file of 0x40000"),
    refused("SET_MEM_TABLE", mem_table(region(0, PAGE, offset=64 * PAGE)), [FILE], "of a file of"),
    refused("SET_MEM_TABLE", mem_table(region(0, PAGE, offset=2**64 - PAGE)), [FILE], "wraps"),
    refused("SET_MEM_TABLE", mem_table(region(2**64 - PAGE, 2 * PAGE, 0)), [FILE], "wraps"),
    refused("SET_MEM_TABLE", mem_table(region(0, 2 * PAGE, 2**64 - PAGE)), [FILE], "wraps"),
    refused("SET_MEM_TABLE", mem_table(region(0, 2**64 - PAGE)), [FILE], "wraps"),
    refused("SET_MEM_TABLE", mem_table(region(0, PAGE)), [KICK], "not a file's"),
    refused("SET_MEM_TABLE", mem_table(region(0, 2 * PAGE), region(PAGE, PAGE)), [FILE] * 2,
            "overlaps another"),
    refused("ADD_MEM_REG", U64(0) + region(0, PAGE), [FILE], "overlaps another"),
    refused("ADD_MEM_REG", U64(0) + region(1 << 30, 65 * PAGE), [FILE], "of a file of"),
    refused("REM_MEM_REG", U64(0) + region(PAGE, PAGE), why="there is no region"),
    refused("SET_LOG_FD", why="0 descriptors"),
    # rings
    refused("SET_VRING_NUM", state(2, 16), why="ring 2 of 2"),
    refused("SET_VRING_NUM", state(0xffffffff, 16), why="ring 4294967295 of 2"),
    refused("SET_VRING_NUM", state(0, 0), why="ring size 0"),
    refused("SET_VRING_NUM", state(0, 17), why="ring size 17"),
    refused("SET_VRING_NUM", state(0, 2048), why="ring size 2048"),
    refused("SET_VRING_NUM", state(0, 0x10010), why="ring size 65552"),
    refused("SET_VRING_ADDR", vring_addr(2, 0, *RING), why="ring 2 of 2"),
    refused("SET_VRING_ADDR", vring_addr(0, 2, *RING), why="flags 0x2"),
    refused("SET_VRING_BASE", state(0, 0x10000), why="base 0x10000"),
    refused("SET_VRING_BASE", state(9, 0), why="ring 9 of 2"),
    refused("SET_VRING_KICK", U64(2), [KICK], "ring 2 of 2"),
    refused("SET_VRING_KICK", U64(1 << 32), [KICK], "1 descriptors with 0x100000000"),
    refused("SET_VRING_KICK", U64(0), [KICK], "kick before its size is known"),
    refused("SET_VRING_KICK", U64(0), [FILE], "cannot be waited for"),
    refused("SET_VRING_ENABLE", state(0, 2), why="enable 2"),
    refused("SET_VRING_ENABLE", state(7, 1), why="ring 7 of 2"),
    refused("IOTLB_MSG", bytes(32), why="without VIRTIO_F_ACCESS_PLATFORM"),
    refused("IOTLB_MSG", bytes(31), why="31 bytes of payload"),
    refused("SET_BACKEND_REQ_FD", why="0 descriptors"),
    # memory for what is in flight
    refused("SET_INFLIGHT_FD", inflight(4096, 0, 2, 16), why="0 descriptors"),
    refused("SET_INFLIGHT_FD", inflight(4096, 0, 2, 16)[:16], [FILE], "16 bytes of payload"),
    refused("SET_INFLIGHT_FD", inflight(4096, 0, 0, 16), [FILE], "0 rings with 16 entries"),
    refused("SET_INFLIGHT_FD", inflight(4096, 0, 3, 16), [FILE], "3 rings with 16 entries"),
    refused("SET_INFLIGHT_FD", inflight(4096, 0, 2, 0), [FILE], "2 rings with 0 entries"),
    refused("SET_INFLIGHT_FD", inflight(4096, 0, 2, 1025), [FILE], "2 rings with 1025 entries"),
    refused("SET_INFLIGHT_FD", inflight(4096, 4, 2, 16), [FILE], "offset 0x4 is not a multiple"),
    refused("SET_INFLIGHT_FD", inflight(0, 0, 2, 16), [FILE], "wraps or is empty"),
    refused("SET_INFLIGHT_FD", inflight(2**64 - 8, 16, 2, 16), [FILE], "wraps or is empty"),
    refused("SET_INFLIGHT_FD", inflight(65 * PAGE, 0, 2, 16), [FILE], "of a file of 0x40000"),
    refused("SET_INFLIGHT_FD", inflight(4096, 0, 2, 16), [KICK], "not a file's"),
    # features, status, configuration
    refused("SET_FEATURES", U64(1 << 63), why="0x8000000000000000 was not offered"),
    refused("SET_PROTOCOL_FEATURES", U64(1 << 40), why="0x10000000000 was not offered"),
    refused("SET_STATUS", U64(256), why="status 0x100"),
    refused("SET_CONFIG", struct.pack("<III", 0, 6, 0) + bytes(6), why="read-only"),
    refused("SET_CONFIG", struct.pack("<III", 8, 100, 0) + bytes(100), why="bytes 8 to 108 of"),
]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    from daemon import Daemon       # one for all cases: each has to leave it working
    daemon = Daemon(tmp_path_factory.mktemp("vhost"), "--packed")
    yield daemon
    daemon.stop()


@pytest.fixture
def connect(daemon):
    opened = []

    def connect_one(kind=FrontEnd, **options):
        opened.append(kind(daemon.path, **options))
        return opened[-1]

    yield connect_one
    for connection in opened:
        connection.close()
    with_new = FrontEnd(daemon.path).up()
    assert with_new.echo(frame(7)) == frame(7), "the daemon does not work any more"
    with_new.close()


def said(daemon, mark, why):
    wait_for(f"a line with: {why}", lambda: why in daemon.since(mark))


@pytest.mark.parametrize("request_, payload, fds, why", REFUSED)
def test_refused(daemon, connect, request_, payload, fds, why):
    """A bad message is one line of why; with an acknowledgement the connection goes on."""
    mark = daemon.mark()
    front = connect().negotiate().share()
    assert front.tell(request_, payload, fds) == 1
    said(daemon, mark, why)
    front.start()
    assert front.echo(frame(1)) == frame(1)
    front.sock.close()
    mark = daemon.mark()
    front = connect(Connection)
    front.send("SET_PROTOCOL_FEATURES",
               U64(sum(PROTOCOL[f] for f in ("MQ", "BACKEND_REQ", "CONFIG", "CONFIGURE_MEM_SLOTS",
                                             "INFLIGHT_SHMFD", "STATUS"))))
    front.send("SET_FEATURES", U64(F_GUEST))
    if "overlaps" not in why:
        front.send(request_, payload, fds)
        assert front.closed()
        said(daemon, mark, why)


NOT_THERE = ["NONE", "SEND_RARP", "NET_SET_MTU", "SET_VRING_ENDIAN", "CREATE_CRYPTO_SESSION", "CLOSE_CRYPTO_SESSION",
             "POSTCOPY_ADVISE", "POSTCOPY_LISTEN", "POSTCOPY_END", "GPU_SET_SOCKET", "VRING_KICK"]


def test_unknown_requests(connect):
    """The rows of docs/features.md that say "not", and numbers that nobody has given a meaning."""
    front = connect().negotiate().share().start()
    for request in [*NOT_THERE, *range(41, 64), 0xffffffff]:
        for payload, fds in ((b"", ()), (bytes(8), [KICK]), (bytes(40), ())):
            assert front.tell(request, payload, fds) == 1, request
    assert front.echo(frame(1)) == frame(1)


@pytest.mark.parametrize("header", [
    struct.pack("<III", 1, 0, 0), struct.pack("<III", 1, 2, 0), struct.pack("<III", 1, 3, 0),
    struct.pack("<III", 1, 5, 0), struct.pack("<III", 2, 1, 100000),
    struct.pack("<III", 2, 1, 0xffffffff),
], ids=["version0", "version2", "version3", "reply", "long", "longest"])
def test_header(daemon, connect, header):
    """What cannot be the beginning of a message ends the connection."""
    mark = daemon.mark()
    front = connect(Connection)
    front.send_raw(header)
    assert front.closed()
    said(daemon, mark, "header with request")


def test_features_are_asked_for(connect):
    """A request of a protocol feature that was not negotiated does not exist."""
    for request, payload in (("GET_QUEUE_NUM", b""), ("GET_MAX_MEM_SLOTS", b""),
                             ("GET_STATUS", b""), ("RESET_DEVICE", b""),
                             ("GET_CONFIG", struct.pack("<III", 0, 6, 0) + bytes(6))):
        front = connect(Connection)
        front.send(request, payload)
        assert front.closed(), request


def test_pieces(connect):
    """A message may come byte by byte, and another one in the same breath."""
    front = connect(Connection)
    message = struct.pack("<III", NUMBER["GET_FEATURES"], 1, 0)
    for byte in message:
        front.send_raw(bytes([byte]))
    assert front.recv()[0] == NUMBER["GET_FEATURES"]
    front.send_raw(message * 20)
    for _ in range(20):
        assert front.recv()[0] == NUMBER["GET_FEATURES"]


def test_half_a_message_holds_nobody_up(daemon, start):
    """One front end stops in mid-message; another device's packets go on."""
    two = start(sockets=("x", "y"), name="two")
    half = Connection(str(two.sockets[0]))
    half.send_raw(struct.pack("<III", NUMBER["SET_FEATURES"], 1, 8) + b"123")
    front = FrontEnd(str(two.sockets[1])).up()
    assert front.echo(frame(3)) == frame(3)
    half.close()
    front.close()


def test_unread_replies(daemon, connect):
    """A front end that asks and never listens loses the connection; nobody waits for it."""
    front = connect(Connection)
    mark = daemon.mark()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        for _ in range(100000):
            front.sock.send(struct.pack("<III", NUMBER["GET_FEATURES"], 1, 0))
    said(daemon, mark, "reply could not be sent")


def test_second_front_end(daemon, connect):
    front = connect().up()
    second = connect(Connection)
    assert second.closed()
    assert front.echo(frame(9)) == frame(9)


@pytest.mark.parametrize("area", ["desc", "used", "avail"])
@pytest.mark.parametrize("where", ["nowhere", "end", "before", "wraps"])
def test_ring_outside(daemon, connect, area, where):
    """A ring that is not wholly in one region does not start."""
    address = {"nowhere": 0x1234000, "end": USER + FrontEnd.SIZE - 16, "before": USER - 16,
               "wraps": 2**64 - 16}[where]
    front = connect().negotiate().share()
    areas = dict(zip(("desc", "used", "avail"), RING)) | {area: address}
    front.must("SET_VRING_NUM", state(0, 16))
    front.must("SET_VRING_ADDR", vring_addr(0, 0, **areas))
    front.must("SET_VRING_ENABLE", state(0, 1))
    mark = daemon.mark()
    assert front.tell("SET_VRING_KICK", U64(0), [KICK]) == 1
    said(daemon, mark, "outside the regions")
    front.start()
    assert front.echo(frame(5)) == frame(5)


@pytest.mark.parametrize("wrong", [{"desc": 8}, {"avail": 1}, {"used": 2}],
                         ids=["desc", "avail", "used"])
def test_ring_misaligned(connect, wrong):
    front = connect().negotiate().share()
    areas = dict(zip(("desc", "used", "avail"), RING))
    for area, off in wrong.items():
        areas[area] += off
    front.must("SET_VRING_NUM", state(0, 16))
    front.must("SET_VRING_ADDR", vring_addr(0, 0, **areas))
    front.must("SET_VRING_ENABLE", state(0, 1))
    assert front.tell("SET_VRING_KICK", U64(0), [KICK]) == 1


def test_running_ring_is_not_changed(connect):
    front = connect().up()
    assert front.tell("SET_VRING_NUM", state(0, 32)) == 1
    assert front.tell("SET_VRING_BASE", state(1, 5)) == 1
    assert front.tell("SET_VRING_ADDR", vring_addr(0, 0, 4096, 8192, 12288)) == 1
    assert front.echo(frame(1)) == frame(1)


def test_file_cut_short(daemon, connect):
    """The file under the memory loses its end while the rings run: a line, and no SIGBUS."""
    front = connect().up()
    assert front.echo(frame(1)) == frame(1)
    mark = daemon.mark()
    front.rx.post(1, 2048, write=True)
    front.transmit(frame(2), 1)
    assert front.receive() == frame(2)
    front.tx.post(2, 72)
    os.ftruncate(front.memfd, 0)
    front.tx.notify()
    said(daemon, mark, "has become shorter")
    assert front.closed()


def test_queries(connect):
    front = connect().negotiate()
    assert front.ask_u64("GET_QUEUE_NUM") == 1
    assert front.ask_u64("GET_MAX_MEM_SLOTS") >= 8
    features = front.ask_u64("GET_FEATURES")
    assert features & F_VERSION_1 and features & F_PROTOCOL_FEATURES
    config = front.ask("GET_CONFIG", struct.pack("<III", 6, 4, 0) + bytes(4))
    assert config == struct.pack("<IIIHH", 6, 4, 0, 1, 1)        # link up, one pair
    for bad in (struct.pack("<III", 0, 100, 0) + bytes(100), struct.pack("<III", 0, 6, 0),
                struct.pack("<III", 0xffffffff, 6, 0) + bytes(6),
                struct.pack("<III", 0, 0xffffffff, 0)):
        assert front.ask("GET_CONFIG", bad) == b""


def test_status_and_reset(connect):
    front = connect().up()
    front.must("SET_STATUS", U64(15))
    assert front.ask_u64("GET_STATUS") == 15
    assert front.echo(frame(1)) == frame(1)
    for reset in (("SET_STATUS", U64(0)), ("RESET_DEVICE", b""), ("RESET_OWNER", b"")):
        front.must(*reset)
        assert front.ask_u64("GET_STATUS") == 0
        if reset[0] == "SET_STATUS":
            assert front.ask("GET_VRING_BASE", state(1, 0)) == state(1, 1)
        front.transmit(frame(2), 1)
        assert front.tx.get(0.3) is None
        front.rx.close()
        front.tx.close()
        front.start()
        assert front.echo(frame(3)) == frame(3)


def test_stop_tells_where(connect):
    """GET_VRING_BASE stops the ring; going on from its answer loses and repeats nothing."""
    front = connect().up()
    for number in range(40):
        assert front.echo(frame(number), number % 16) == frame(number)
    for ring in (front.tx, front.rx):
        assert front.ask("GET_VRING_BASE", state(ring.index, 0)) == state(ring.index, 40)
    front.transmit(frame(100), 3)
    assert front.tx.get(0.3) is None
    for ring in (front.rx, front.tx):
        ring.base = 40
        front.start_ring(ring)
    front.rx.post(3, 2048, write=True)
    front.rx.notify()
    front.tx.notify()
    for number in range(101, 110):
        assert front.tx.get() is not None
        front.receive()
        front.rx.post(4, 2048, write=True)
        front.transmit(frame(number), 4)
        if number > 101:
            break


def test_disabled_ring(connect):
    front = connect().up()
    front.must("SET_VRING_ENABLE", state(1, 0))
    front.transmit(frame(2), 1)
    assert front.tx.get(0.3) is None
    front.must("SET_VRING_ENABLE", state(1, 1))
    assert front.tx.get() == (1, 0)
    assert front.echo(frame(3)) == frame(3)


def test_without_protocol_features(connect):
    """A front end of the first hour: no protocol features, rings enabled by their kick."""
    front = connect(features=F_VERSION_1)
    front.send("SET_OWNER")
    front.send("SET_FEATURES", U64(F_VERSION_1))
    front.send("SET_MEM_TABLE", mem_table(region(0, front.size)), [front.memfd])
    front.must = lambda request, payload=b"", fds=(): front.send(request, payload, fds)
    front.start()
    assert front.echo(frame(1)) == frame(1)


def test_legacy_driver(daemon, connect):
    mark = daemon.mark()
    front = connect(features=F_PROTOCOL_FEATURES).negotiate().share()
    front.must("SET_VRING_NUM", state(0, 16))
    front.must("SET_VRING_ADDR", vring_addr(0, 0, *RING))
    front.must("SET_VRING_ENABLE", state(0, 1))
    assert front.tell("SET_VRING_KICK", U64(0), [KICK]) == 1
    said(daemon, mark, "without VIRTIO_F_VERSION_1")


def test_memory_comes_and_goes(connect):
    """Regions are added and removed under running rings; all slots can be used."""
    front = connect().up()
    slots = front.ask_u64("GET_MAX_MEM_SLOTS")
    extra = [U64(0) + region(front.size + i * PAGE, PAGE) for i in range(slots - 1)]
    for one in extra:
        front.must("ADD_MEM_REG", one, [FILE])
        assert front.echo(frame(1)) == frame(1)
    assert front.tell("ADD_MEM_REG", U64(0) + region(1 << 40, PAGE), [FILE]) == 1
    with mmap.mmap(FILE, PAGE) as page:                    # a buffer in a region added later
        page[:72] = bytes(12) + frame(77)
        front.rx.post(0, 2048, write=True)
        front.tx.post(0, 72, address=front.size + 3 * PAGE)
        front.tx.notify()
        assert front.receive() == frame(77) and front.tx.get()
    for one in extra:
        front.must("REM_MEM_REG", one)
    assert front.echo(frame(2)) == frame(2)
    front.must("SET_MEM_TABLE", mem_table(region(0, front.size)), [front.memfd])
    assert front.echo(frame(3)) == frame(3)


def test_memory_of_a_running_ring_goes(daemon, connect):
    front = connect().up()
    mark = daemon.mark()
    front.must("REM_MEM_REG", U64(0) + region(0, front.size))
    said(daemon, mark, "stopped: ring 0: descriptor area")
    assert os.eventfd_read(front.rx.err) == 1


@pytest.mark.parametrize("form", [0, F_PACKED], ids=["split", "packed"])
def test_dirty_log(connect, form):
    """With the log on, the bits of exactly those pages that the device writes; bounded."""
    front = connect(features=F_GUEST | F_LOG_ALL | form).up()
    log = os.memfd_create("log")
    os.ftruncate(log, 3 * PAGE)

    def dirty():
        with mmap.mmap(log, 3 * PAGE) as bits:
            pages = {i for i in range(PAGE * 8) if bits[PAGE + i // 8] >> i % 8 & 1}
            outside = bits[:PAGE].count(0) + bits[2 * PAGE:].count(0)
            bits[:] = bytes(3 * PAGE)
        assert outside == 2 * PAGE
        return pages

    answer = struct.pack("<QQ", PAGE, PAGE)
    assert front.ask("SET_LOG_BASE", answer, [log]) == b""
    used = {front.rx.used // PAGE, front.tx.used // PAGE}
    if form:
        used |= {front.rx.desc // PAGE, front.tx.desc // PAGE}
    front.echo(frame(1, 900), 3)
    dirty()
    for head, length in ((2, 100), (5, 1900), (7, 60)):
        front.echo(frame(head, length), head)
        at = front.rx.buffer(head)
        assert dirty() == used | set(range(at // PAGE, (at + HDR + length - 1) // PAGE + 1))
    front.must("SET_FEATURES", U64(F_GUEST | form))      # the rings run on
    assert front.echo(frame(8)) == frame(8) and dirty() == set()
    front.must("SET_FEATURES", U64(F_GUEST | F_LOG_ALL | form))
    # A log that ends before the rings: what lies behind it is not written.
    assert front.ask("SET_LOG_BASE", struct.pack("<QQ", 2, PAGE), [log]) == b""
    dirty()
    front.echo(frame(1), 1)
    assert max(dirty(), default=0) < 16
    os.close(log)


def test_log_cut_short(daemon, connect):
    front = connect(features=F_GUEST | F_LOG_ALL).up()
    log = os.memfd_create("log")
    os.ftruncate(log, PAGE)
    front.ask("SET_LOG_BASE", struct.pack("<QQ", PAGE, 0), [log])
    front.echo(frame(1))
    mark = daemon.mark()
    os.ftruncate(log, 0)
    front.transmit(frame(2), 2)
    said(daemon, mark, "log's file has become shorter")
    assert front.closed()
    os.close(log)


@pytest.mark.parametrize("size, offset, count", [(0, 0, 1), (2 * PAGE, 0, 1), (PAGE, PAGE, 1),
                                                 (2**64 - 1, 2, 1), (PAGE, 0, 0), (PAGE, 0, 2)])
def test_bad_log(connect, size, offset, count):
    log = os.memfd_create("log")
    os.ftruncate(log, PAGE)
    front = connect().negotiate()
    front.send("SET_LOG_BASE", struct.pack("<QQ", size, offset), [log] * count)
    os.close(log)
    assert front.closed()


def test_broken_ring(daemon, connect):
    """A driver that breaks the ring's rules: the err descriptor and one line; others go on."""
    front = connect().up()
    mark = daemon.mark()
    front.memory[front.tx.avail + 2:front.tx.avail + 4] = struct.pack("<H", 1000)
    front.tx.notify()
    said(daemon, mark, "avail index jumped")
    wait_for("err", lambda: os.eventfd_read(front.tx.err))


def test_many_connections(connect, daemon):
    """Coming and going, in the middle of things, leaves nothing behind."""
    descriptors = f"/proc/{daemon.process.pid}/fd"
    before = len(os.listdir(descriptors))
    for i in range(60):
        front = FrontEnd(daemon.path)
        if i % 3:
            front.up()
            front.transmit(frame(i))
        elif i % 2:
            front.send("SET_FEATURES", b"1", size=8, flags=NEED_REPLY)
        front.close()
    wait_for("descriptors being closed", lambda: len(os.listdir(descriptors)) == before)


def test_two_guests_on_a_switch(start):
    daemon = start(sockets=("a", "b"), backend="switch")
    a, b = [FrontEnd(str(path)).up() for path in daemon.sockets]
    for number in range(200):
        b.rx.post(number % 16, 2048, write=True)
        a.transmit(frame(number, 60 + number * 7, src=1, dst=2), number % 16)
        assert b.receive() == frame(number, 60 + number * 7, src=1, dst=2)
        assert a.tx.get()
        a.rx.post(number % 16, 2048, write=True)
        b.transmit(frame(number, src=2, dst=1), number % 16)
        assert a.receive() == frame(number, src=2, dst=1)
    counters = daemon.stop()
    assert counters["port a.sock"]["tx_frames"] == counters["port b.sock"]["tx_frames"] == 200
    a.close()
    b.close()


def test_pcap(start, folder):
    daemon = start(backend=f"pcap={folder}/out.pcap")
    front = FrontEnd(daemon.path).up()
    for number in range(20):
        front.transmit(frame(number, 60 + number), number % 16)
        assert front.tx.get()
    front.close()
    daemon.stop()
    data = (folder / "out.pcap").read_bytes()
    assert data[:4] == struct.pack("<I", 0xa1b23c4d)
    at, frames = 24, []
    while at < len(data):
        length = struct.unpack("<I", data[at + 8:at + 12])[0]
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    assert frames == [frame(number, 60 + number) for number in range(20)]


def test_polling(start):
    """--poll: no kick is needed, nor a descriptor for it."""
    daemon = start("--poll")
    front = FrontEnd(daemon.path).up()
    front.tx.notify = front.rx.notify = lambda: None
    for number in range(100):
        assert front.echo(frame(number), number % 16) == frame(number)
    front.close()
