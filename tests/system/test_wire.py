# SPDX-License-Identifier: BSD-2-Clause
"""Single frames on the cable, made and read by the test itself."""

import logging
import time

import pytest

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.all import ARP, ICMP, IP, Dot1Q, Ether, Padding, Raw, conf  # noqa: E402

from bench import linux_files
from conftest import machines
from guest import Guest, linux
from shared import PerKind

conf.ipv6_enabled = False
OURS, OUR_IP = "02:99:00:00:00:01", "10.99.0.1"
GUEST, GUEST_IP = "52:54:00:00:01:01", "10.99.0.2"
BROADCAST = "ff:ff:ff:ff:ff:ff"


class Cable:
    """A guest with a fixed address, and nobody but the test at the other end of the cable."""

    def __init__(self, bench, kind):
        self.wire = bench.wire()
        self.machine = bench.boot(linux(append=f"rv.shell=plain rv.net={GUEST_IP}/24"), linux_files(),
                                  kind=kind, wire=self.wire)
        self.guest = Guest(self.machine).expect_ready()

    def healthy(self):
        return self.guest.run("true", timeout=30)[0] == 0

    def ask(self, frame, answers, timeout=10):
        """The first frame for which answers(frame), while frame is sent each second."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            self.wire.send(frame)
            again = time.monotonic() + 1
            while time.monotonic() < again:
                data = self.wire.recv(0.2)
                if data and answers(Ether(data)):
                    return Ether(data)
        raise AssertionError(f"no answer to {Ether(bytes(frame)).summary()}\n{self.machine.explain()}")

    def resolve(self):
        """Ask for the guest's address by ARP, and tell ours with it."""
        return self.ask(Ether(src=OURS, dst=BROADCAST)
                        / ARP(op="who-has", hwsrc=OURS, psrc=OUR_IP, pdst=GUEST_IP),
                        lambda frame: ARP in frame and frame[ARP].op == 2)

    def echo(self, payload, number=1):
        return self.ask(Ether(src=OURS, dst=GUEST) / IP(src=OUR_IP, dst=GUEST_IP)
                        / ICMP(id=7, seq=number) / Raw(payload),
                        lambda frame: ICMP in frame and frame[ICMP].type == 0
                        and frame[ICMP].seq == number)


SHARED = PerKind("wire", Cable, machines("qemu-svm", full=["haswell"]))
kind = SHARED.fixture()


@pytest.fixture
def cable(kind):
    return SHARED.get(kind)


def test_arp(cable):
    answer = cable.resolve()
    assert (answer.src, answer.dst, answer[ARP].psrc) == (GUEST, OURS, GUEST_IP)


@pytest.mark.parametrize("size", [0, 1, 17, 18, 19, 63, 64, 65, 511, 1471, 1472])
def test_echo_sizes(cable, size):
    """Each length comes back as it was, and with right checksums."""
    cable.resolve()
    payload = bytes(i * 7 & 0xFF for i in range(size))
    answer = cable.echo(payload, size + 1)
    assert bytes(answer[ICMP].payload)[:size] == payload
    for layer in IP, ICMP:
        fresh = Ether(bytes(answer))
        said = fresh[layer].chksum
        del fresh[layer].chksum
        if Padding in fresh:
            fresh[Padding].underlayer.remove_payload()
        assert Ether(bytes(fresh))[layer].chksum == said


ODD = {
    "empty": b"",
    "short": b"\xff" * 13,
    "header-alone": bytes(Ether(src=OURS, dst=GUEST, type=0x0800)),
    "length-field": bytes.fromhex("525400000101029900000001") + b"\x00\x10" + b"x" * 60,
    "vlan": bytes(Ether(src=OURS, dst=GUEST) / Dot1Q(vlan=5) / IP(src=OUR_IP, dst=GUEST_IP) / ICMP()),
    "too-long": bytes(Ether(src=OURS, dst=GUEST) / Raw(b"x" * 1501)),
    "jumbo": bytes(Ether(src=OURS, dst=GUEST) / Raw(b"x" * 9000)),
    "giant": bytes(Ether(src=OURS, dst=GUEST) / Raw(b"x" * 20000)),
    "from-broadcast": bytes(Ether(src=BROADCAST, dst=GUEST) / Raw(b"x" * 46)),
    "from-guest": bytes(Ether(src=GUEST, dst=BROADCAST) / Raw(b"x" * 46)),
    "to-nobody": bytes(Ether(src=OURS, dst="52:54:00:99:99:99") / Raw(b"x" * 46)),
    "multicast": bytes(Ether(src=OURS, dst="01:80:c2:00:00:00") / Raw(b"x" * 46)),
    "cut-ip": bytes(Ether(src=OURS, dst=GUEST) / IP(src=OUR_IP, dst=GUEST_IP, len=1400) / ICMP()),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_frame(cable, case):
    """A hundred of what should not be on a wire; the guest's next echo is answered as before."""
    # QEMU takes an empty datagram for the end of the connection.
    frame = ODD[case] or (b"\xff" if cable.machine.kind.emulator == "qemu" else b"")
    for _ in range(100):
        cable.wire.send(frame)
        time.sleep(0.001)
    cable.resolve()
    cable.echo(b"still there", 99)
