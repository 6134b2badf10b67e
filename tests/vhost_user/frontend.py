# SPDX-License-Identifier: BSD-2-Clause
"""A vhost-user front end and split-ring driver in Python: what QEMU or DPDK do, and what they never
would. Names and layouts: QEMU's docs/interop/vhost-user.rst, virtio 1.2 section 2.7.
"""

import array
import collections
import mmap
import os
import select
import socket
import struct

REQUESTS = """NONE GET_FEATURES SET_FEATURES SET_OWNER RESET_OWNER SET_MEM_TABLE SET_LOG_BASE SET_LOG_FD
SET_VRING_NUM SET_VRING_ADDR SET_VRING_BASE GET_VRING_BASE SET_VRING_KICK SET_VRING_CALL SET_VRING_ERR
GET_PROTOCOL_FEATURES SET_PROTOCOL_FEATURES GET_QUEUE_NUM SET_VRING_ENABLE SEND_RARP NET_SET_MTU
SET_BACKEND_REQ_FD IOTLB_MSG SET_VRING_ENDIAN GET_CONFIG SET_CONFIG CREATE_CRYPTO_SESSION
CLOSE_CRYPTO_SESSION POSTCOPY_ADVISE POSTCOPY_LISTEN POSTCOPY_END GET_INFLIGHT_FD SET_INFLIGHT_FD
GPU_SET_SOCKET RESET_DEVICE VRING_KICK GET_MAX_MEM_SLOTS ADD_MEM_REG REM_MEM_REG SET_STATUS
GET_STATUS""".split()
NUMBER = {name: number for number, name in enumerate(REQUESTS)}

VERSION, REPLY, NEED_REPLY = 1, 4, 8
NOFD = 0x100

PROTOCOL = {name: 1 << bit for name, bit in {
    "MQ": 0, "LOG_SHMFD": 1, "REPLY_ACK": 3, "BACKEND_REQ": 5, "CONFIG": 9, "INFLIGHT_SHMFD": 12,
    "RESET_DEVICE": 13, "CONFIGURE_MEM_SLOTS": 15, "STATUS": 16}.items()}

F_MRG_RXBUF, F_LOG_ALL, F_INDIRECT, F_EVENT_IDX = 1 << 15, 1 << 26, 1 << 28, 1 << 29
F_PROTOCOL_FEATURES, F_VERSION_1, F_ACCESS_PLATFORM = 1 << 30, 1 << 32, 1 << 33
F_PACKED, F_IN_ORDER = 1 << 34, 1 << 35
F_GUEST = F_VERSION_1 | F_PROTOCOL_FEATURES | F_MRG_RXBUF

DESC_NEXT, DESC_WRITE = 1, 2
PACKED_AVAIL, PACKED_USED = 1 << 7, 1 << 15
HDR = 12                        # struct virtio_net_hdr
BUFFER = 2048
USER = 0x7000_0000_0000         # front-end address of guest memory, nowhere near where it is mapped


class Closed(Exception):
    """The other side has closed the connection."""


def region(gpa, size, user=None, offset=0):
    return struct.pack("<4Q", gpa, size, USER + gpa if user is None else user, offset)


def mem_table(*regions):
    return struct.pack("<II", len(regions), 0) + b"".join(regions)


def state(index, num):
    return struct.pack("<II", index, num)


def vring_addr(index, flags, desc, used, avail, log=0):
    return struct.pack("<IIQQQQ", index, flags, desc, used, avail, log)


def inflight(size, offset, queues, entries):
    return struct.pack("<QQHHI", size, offset, queues, entries, 0)


class Connection:
    """The socket: messages out and in."""

    def __init__(self, path):
        self.connect(path)

    def connect(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        self.sock.connect(path)

    def send(self, request, payload=b"", fds=(), flags=0, size=None):
        number = NUMBER.get(request, request)
        header = struct.pack("<III", number, VERSION | flags, len(payload) if size is None else size)
        self.send_raw(header + payload, fds)

    def send_raw(self, data, fds=()):
        try:
            socket.send_fds(self.sock, [data], fds)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def _read(self, count):
        data, fds = b"", []
        while len(data) < count:
            try:
                part, ancillary, _, _ = self.sock.recvmsg(count - len(data), socket.CMSG_SPACE(64))
            except ConnectionResetError:
                raise Closed from None
            if not part:
                raise Closed
            data += part
            for level, kind, content in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds += array.array("i", content[:len(content) // 4 * 4])
        return data, fds

    def recv(self):
        """The next message: request, flags, payload, descriptors."""
        header, fds = self._read(12)
        request, flags, size = struct.unpack("<III", header)
        return request, flags, self._read(size)[0] if size else b"", fds

    def ask(self, request, payload=b"", fds=()):
        """A request that is answered; the answer's payload."""
        self.send(request, payload, fds)
        number, flags, answer, _ = self.recv()
        assert (number, flags) == (NUMBER[request], VERSION | REPLY)
        return answer

    def ask_u64(self, request):
        return struct.unpack("<Q", self.ask(request))[0]

    def tell(self, request, payload=b"", fds=()):
        """A request with an acknowledgement; 0 is success."""
        self.send(request, payload, fds, NEED_REPLY)
        number, flags, answer, _ = self.recv()
        assert (number, flags) == (NUMBER.get(request, request), VERSION | REPLY)
        return struct.unpack("<Q", answer)[0]

    def must(self, request, payload=b"", fds=()):
        assert self.tell(request, payload, fds) == 0, request

    def closed(self):
        """Has the other side closed, without another word?"""
        try:
            self.recv()
        except Closed:
            return True
        return False

    def close(self):
        self.sock.close()


class Ring:
    """A split ring in the guest's memory at `at`, with a buffer for each descriptor."""

    def __init__(self, memory, index, at, num=16, base=0):
        self.memory, self.index, self.num = memory, index, num
        # A page each for up to 256 entries.
        self.desc, self.avail, self.used = at, at + 0x1000, at + 0x2000
        if num > 256:
            self.avail, self.used = at + 16 * num, at + 24 * num
        self.buffers = at + max(0x4000, 40 * num)
        self.offset = 0         # added to addresses in descriptors
        self.held = False
        self.in_order = False   # a used entry stands for all posted up to it
        self.posted, self.batch = collections.deque(), None
        self.base = base
        self.events()
        self.begin()

    def events(self):
        """Descriptors for another device, or the first."""
        self.kick, self.call, self.err = (os.eventfd(0, os.EFD_NONBLOCK) for _ in range(3))

    def begin(self):
        memory, base = self.memory, self.base
        self.posted.clear()
        self.batch = None
        self.next_avail = self.last_used = base
        memory[self.avail:self.avail + 4] = struct.pack("<HH", 0, base)
        memory[self.used:self.used + 4] = struct.pack("<HH", 0, base)

    def buffer(self, head):
        return self.buffers + head * BUFFER

    def post(self, head, length, write=False, address=None):
        gpa = self.buffer(head) if address is None else address
        self.posted.append(head)
        self.memory[self.desc + 16 * head:self.desc + 16 * head + 16] = struct.pack(
            "<QIHH", gpa + self.offset, length, DESC_WRITE if write else 0, 0)
        slot = self.avail + 4 + 2 * (self.next_avail % self.num)
        self.memory[slot:slot + 2] = struct.pack("<H", head)
        self.next_avail = (self.next_avail + 1) & 0xffff
        if not self.held:
            self.show()

    def hold(self):
        """What is posted from now on is made available at once, by show()."""
        self.held = True

    def show(self):
        self.held = False
        self.memory[self.avail + 2:self.avail + 4] = struct.pack("<H", self.next_avail)

    def notify(self):
        os.eventfd_write(self.kick, 1)

    def used_index(self):
        return struct.unpack("<H", self.memory[self.used + 2:self.used + 4])[0]

    def reached(self, count):
        """Have so many more been used? (In order: the last one begins a batch.)"""
        return (self.used_index() - self.last_used) & 0xffff >= count

    def get(self, timeout=5):
        """The next used buffer: (head, bytes), or None after `timeout` seconds."""
        while not self.batch and self.used_index() == self.last_used:
            if not select.select([self.call], [], [], timeout)[0]:
                return None
            os.eventfd_read(self.call)
        head, length = self.batch or self.entry()
        if self.in_order:
            first = self.posted.popleft()
            self.batch = None if first == head else (head, length)
            head, length = first, 0 if self.batch else length
        self.forward()
        return head, length

    def entry(self):
        slot = self.used + 4 + 8 * (self.last_used % self.num)
        return struct.unpack("<II", self.memory[slot:slot + 8])

    def forward(self):
        self.last_used = (self.last_used + 1) & 0xffff

    def close(self):
        for fd in (self.kick, self.call, self.err):
            os.close(fd)


class PackedRing(Ring):
    """The same for a packed ring (section 2.8); a descriptor's id is its buffer's number."""

    def begin(self):
        self.base = 1 << 15                     # position 0, wrap counter 1
        self.posted.clear()
        self.batch = None
        self.next_avail = self.last_used = 0    # positions, and laps above them
        self.memory[self.avail:self.avail + 4] = self.memory[self.used:self.used + 4] = bytes(4)

    def _flags(self, count):
        odd = count // self.num % 2             # the wrap counter is 1 in lap 0
        return PACKED_AVAIL | PACKED_USED if not odd else 0

    def post(self, head, length, write=False, address=None):
        gpa = self.buffer(head) if address is None else address
        self.posted.append(head)
        at = self.desc + 16 * (self.next_avail % self.num)
        flags = self._flags(self.next_avail) ^ PACKED_USED | (DESC_WRITE if write else 0)
        self.memory[at:at + 14] = struct.pack("<QIH", gpa + self.offset, length, head)
        if self.held and not self.first:
            self.first = at, flags
        else:
            self.memory[at + 14:at + 16] = struct.pack("<H", flags)
        self.next_avail += 1

    def hold(self):
        self.held, self.first = True, None

    def show(self):
        self.held = False
        at, flags = self.first
        self.memory[at + 14:at + 16] = struct.pack("<H", flags)

    def used_index(self):
        """Another number than last_used if the next one is there."""
        there = self.last_used != self.next_avail and self._is_used(self.last_used)
        return self.last_used + there

    def _is_used(self, count):
        at = self.desc + 16 * (count % self.num) + 14
        flags = struct.unpack("<H", self.memory[at:at + 2])[0] & (PACKED_AVAIL | PACKED_USED)
        return flags == self._flags(count)

    def reached(self, count):
        return self._is_used(self.last_used + count - 1)

    def entry(self):
        at = self.desc + 16 * (self.last_used % self.num)
        _, length, head, _ = struct.unpack("<QIHH", self.memory[at:at + 16])
        return head, length

    def forward(self):
        self.last_used += 1


class FrontEnd(Connection):
    """A guest with one queue pair behind a connection."""

    SIZE = 1 << 20

    def __init__(self, path, features=F_GUEST, protocol=None, size=SIZE):
        self.connect(path)
        self.memfd = os.memfd_create("guest")
        os.ftruncate(self.memfd, size)
        self.memory = mmap.mmap(self.memfd, size)
        self.size, self.features = size, features
        self.protocol = protocol
        self.ring_base = USER   # added to addresses of rings
        self.rx = self.tx = None

    def negotiate(self):
        offered = self.ask_u64("GET_PROTOCOL_FEATURES")
        self.protocol = offered if self.protocol is None else self.protocol
        self.send("SET_PROTOCOL_FEATURES", struct.pack("<Q", self.protocol))
        self.must("SET_OWNER")
        self.must("SET_FEATURES", struct.pack("<Q", self.features))
        return self

    def share(self):
        self.must("SET_MEM_TABLE", mem_table(region(0, self.size)), [self.memfd])
        return self

    def start_ring(self, ring):
        i = ring.index
        self.must("SET_VRING_NUM", state(i, ring.num))
        self.must("SET_VRING_BASE", state(i, ring.base))
        self.must("SET_VRING_ADDR", vring_addr(i, 0, self.ring_base + ring.desc,
                                               self.ring_base + ring.used,
                                               self.ring_base + ring.avail))
        self.must("SET_VRING_CALL", struct.pack("<Q", i), [ring.call])
        self.must("SET_VRING_ERR", struct.pack("<Q", i), [ring.err])
        self.must("SET_VRING_KICK", struct.pack("<Q", i), [ring.kick])
        if self.features & F_PROTOCOL_FEATURES:
            self.must("SET_VRING_ENABLE", state(i, 1))

    def start(self, base=0):
        kind = PackedRing if self.features & F_PACKED else Ring
        self.rx = kind(self.memory, 0, 0x10000, base=base)
        self.tx = kind(self.memory, 1, 0x40000, base=base)
        self.start_ring(self.rx)
        self.start_ring(self.tx)
        return self

    def up(self, base=0):
        return self.negotiate().share().start(base)

    def transmit(self, frame, head=0):
        at = self.tx.buffer(head)
        self.memory[at:at + HDR + len(frame)] = bytes(HDR) + frame
        self.tx.post(head, HDR + len(frame))
        self.tx.notify()

    def receive(self, timeout=5):
        """The next frame, without its header; None after `timeout` seconds."""
        used = self.rx.get(timeout)
        if not used:
            return None
        head, length = used
        at = self.rx.buffer(head)
        return bytes(self.memory[at + HDR:at + length])

    def echo(self, frame, head=0):
        """A frame sent, and what a loop sends back."""
        self.rx.post(head, BUFFER, write=True)
        self.rx.notify()
        self.transmit(frame, head)
        got = self.receive()
        assert self.tx.get(), "the transmit buffer did not come back"
        return got

    def close(self):
        super().close()
        for ring in (self.rx, self.tx):
            if ring:
                ring.close()
        self.memory.close()
        os.close(self.memfd)


def frame(number=0, length=60, src=1, dst=2):
    head = bytes([2, 0, 0, 0, 0, dst, 2, 0, 0, 0, 0, src, 0x88, 0xb5]) + struct.pack("<I", number)
    return head + bytes((number + i) & 0xff for i in range(length - len(head)))
