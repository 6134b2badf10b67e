# SPDX-License-Identifier: BSD-2-Clause
"""TCP in large frames between Debian guests of all kinds and the outside: the same bytes arrive.

One guest has all offloads. It serves a file to others, each with fewer of them, which serve what
they have got: both directions, whole frames and parts, checksums of all origins.
"""

import hashlib
import os

import pytest

from bench import linux_files
from guest import Guest, linux
from monitor import Monitor
from outside import ADDRESS, NETWORK
from shared import Shared

FILE = 8 << 20
HOME = f"{NETWORK}.20"
# Bytes of a frame on average: above what the wire takes. How far depends on TCP's mood.
LARGE = 1600
# The other guests' addresses, what they do not have, and packed rings for one of them.
RELAYS = {
    "whole": (21, ",packed=on"),
    "parts": (22, ",host_tso4=off,host_tso6=off,guest_tso4=off,guest_tso6=off"),
    "plain": (23, ",csum=off,guest_csum=off,mrg_rxbuf=off"),
}
RELAY = f"""\
name=$(sed 's/.*rv.relay=\\([a-z]*\\).*/\\1/' /proc/cmdline)
httpd -p 80 -h /tmp
echo "PACKED $(cut -c 35 /sys/bus/virtio/devices/virtio0/features)"
until wget -q -O /tmp/file http://{HOME}/$name 2>/tmp/log; do sleep 1; done
echo "RELAY $(sha256sum </tmp/file)"
mv /tmp/file /tmp/back
while :; do sleep 1000; done
"""


class Four:
    """The machine with its four guests, and the outside."""

    def __init__(self, bench):
        self.wire = bench.wire()
        self.outside = bench.outside(self.wire)
        self.www = bench.dir / "www"
        self.www.mkdir()
        self.outside.serve_http(self.www)
        conf = linux(memory="128M", append=f"rv.shell=plain rv.net={HOME}/24")
        for number, (name, (address, options)) in enumerate(RELAYS.items(), 2):
            conf += linux(name, f"rv.relay={name} rv.net={NETWORK}.{address}/24", memory="128M",
                          mac=f"52:54:00:00:01:{number:02}", options=options).replace(
                              "initrd.cpio.gz", "relay.cpio.gz")
        files = linux_files() | {"relay.cpio.gz": linux_files(RELAY)["initrd.cpio.gz"]}
        self.machine = bench.boot(conf, files, kind="tcg", wire=self.wire, memory=1024, cpus=2)
        self.guest = Guest(self.machine)
        waiting = {name: rf"\[{name}\] GUEST-READY " for name in ["lin", *RELAYS]}
        # What the guest's driver took: bit 34 of the features, VIRTIO_F_RING_PACKED.
        waiting |= {f"{name} packed": rf"\[{name}\] PACKED {int('packed' in options)}"
                    for name, (_, options) in RELAYS.items()}
        while waiting:
            found = self.machine.expect(list(waiting.values()), timeout=300).re.pattern
            waiting = {name: line for name, line in waiting.items() if line != found}
        data = os.urandom(FILE)
        (self.www / "file").write_bytes(data)
        self.digest = hashlib.sha256(data).hexdigest()
        self.guest.check(f"wget -q -O /tmp/file http://{ADDRESS}/file", timeout=240)
        self.guest.check("httpd -p 80 -h /tmp")

    def ports(self):
        """`info net` by port: numbers."""
        monitor = Monitor(self.machine).enter()
        found = monitor.info("net")
        monitor.leave()
        return {what.split()[1]: {key: int(value) for key, value in pairs.items()
                                  if value.isdigit()}
                for what, pairs in found.items() if what.startswith("port ")}

    def healthy(self):
        return self.guest.run("true", timeout=15)[0] == 0


FOUR = Shared("offload", Four)


@pytest.fixture
def four():
    return FOUR.get()


def teardown_module():
    FOUR.close()


def grown(before, after, port, key):
    return after[port][key] - before[port][key]


def test_from_outside(four):
    assert four.guest.check("sha256sum </tmp/file", timeout=120).split()[0] == four.digest
    uplink = four.ports()["uplink0"]
    assert uplink["gro_segs"] > FILE / 1448 / 4, f"{uplink['gro_segs']} segments merged"
    assert uplink["gro_segs"] >= 2 * uplink["gro_frames"]


def size(before, after, port):
    """Bytes of a frame out of a guest, on average."""
    return grown(before, after, port, "rx_bytes") / grown(before, after, port, "rx_frames")


def test_to_outside(four):
    """In large frames as far as the uplink; what its NIC cannot cut has been cut there."""
    before = four.ports()
    told = four.outside.run(f"sh -c 'busybox wget -q -O - http://{HOME}/file | sha256sum'",
                            timeout=240).stdout
    assert told.split()[0] == four.digest
    after = four.ports()
    assert size(before, after, "lin.net0") > LARGE
    assert grown(before, after, "uplink0", "drop_oversize") == 0


@pytest.mark.parametrize("name", RELAYS)
def test_to_guest_and_back(four, name):
    before, port = four.ports(), f"{name}.net0"
    four.guest.check(f"ln -s file /tmp/{name}")
    Guest(four.machine, name).expect(f"RELAY {four.digest}", timeout=240)
    back = f"http://{NETWORK}.{RELAYS[name][0]}/back"
    told = four.guest.check(f"until wget -q -O - {back} >/tmp/back; do sleep 1; done; "
                            "sha256sum </tmp/back", timeout=240)
    assert told.split()[-2] == four.digest
    after = four.ports()
    parts, sent = grown(before, after, port, "sw_gso_parts"), size(before, after, port)
    if name == "whole":
        assert parts == 0 and sent > LARGE, f"{parts} parts, {sent:.0f} bytes a frame"
    else:
        assert parts > 1000 and sent <= 1514, f"{parts} parts, {sent:.0f} bytes a frame"
    assert (grown(before, after, port, "sw_csums") > 0) == (name == "plain")
