# SPDX-License-Identifier: BSD-2-Clause
"""A guest's frames out and in through each kind of NIC that QEMU has: every length, and streams."""

import hashlib
import os

import pytest

from bench import linux_files
from guest import Guest, linux
from monitor import Monitor
from outside import ADDRESS, NETWORK
from test_nic import MODELS, NicMachine

GUEST = f"{NETWORK}.2"
FILE = 8 << 20
# Frames of 60 to 1514 bytes: up to 18 bytes of payload they are padded.
SIZES = "for s in $(seq 0 1472); do ping -q -n -c 1 -W 5 -s $s {} || exit 1; done"


class Through:
    """A guest with a fixed address on a machine with such a NIC, and the outside."""

    def __init__(self, bench, model):
        self.wire = bench.wire()
        self.outside = bench.outside(self.wire)
        iso = bench.iso(linux(append=f"rv.shell=plain rv.net={GUEST}/24"), linux_files())
        self.machine = NicMachine(bench.dir, iso, kind="tcg", wire=self.wire, model=model)
        bench.machines.append(self.machine)
        bench.open.append(self.machine)
        self.machine.start()
        self.guest = Guest(self.machine).expect_ready()
        self.name = f"nic {MODELS[model][0]}.0"

    def info(self):
        monitor = Monitor(self.machine).enter()
        info = monitor.info("net")[self.name]
        monitor.leave()
        return info

    def stream_out(self):
        """FILE bytes by TCP; large frames where the guest and the NIC make them."""
        sink = self.outside.sink("tcp", 9000)
        digest = self.guest.check(f"dd if=/dev/urandom of=/tmp/file bs=64k count={FILE >> 16} && "
                                  f"nc {ADDRESS} 9000 </tmp/file && sha256sum </tmp/file", 240)
        told, _ = sink.communicate(timeout=60)
        assert told.split() == [str(FILE), digest.splitlines()[-1].split()[0]]

    def stream_in(self, folder):
        folder.mkdir()
        data = os.urandom(FILE)
        (folder / "file").write_bytes(data)
        self.outside.serve_http(folder)
        told = self.guest.check(f"wget -q -O - http://{ADDRESS}/file | sha256sum", 240)
        assert told.split()[0] == hashlib.sha256(data).hexdigest()


# The e1000 is what all guests in Bochs have.
@pytest.mark.parametrize("model", [
    pytest.param(model, marks=pytest.mark.full) if model == "e1000" else model for model in MODELS])
def test_through(bench, model):
    """Each length comes back as it went, and files of either side arrive whole; nothing is reset,
    no interrupt is lost."""
    through = Through(bench, model)
    told = through.outside.run(["sh", "-c", SIZES.format(GUEST)], timeout=240)
    assert told.returncode == 0, told.stdout[-300:] + through.machine.explain()
    info = through.info()
    assert int(info["rx_packets"]) >= 1473 and int(info["tx_packets"]) >= 1473
    through.stream_out()
    through.stream_in(bench.dir / "www")
    info = through.info()
    assert info["mode"] == "interrupt" and info["irq"] == MODELS[model][1][0]
    for key in "tx_errors", "tx_hangs", "resets", "irq_lost":
        assert info[key] == "0", info
