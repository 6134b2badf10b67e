# SPDX-License-Identifier: BSD-2-Clause
"""DPDK's virtio-user driver against ringvisor-vhost: what one side counts, the other has counted."""

import time

import pytest

from daemon import wait_for
from testpmd import Testpmd

# Options of net_virtio_user: the ring's form and how the driver goes about it.
RINGS = {
    "mrg": ",mrg_rxbuf=1,in_order=0",
    "no-mrg": ",mrg_rxbuf=0,in_order=0",
    "packed": ",packed_vq=1,mrg_rxbuf=1,in_order=0",
    "packed-in_order": ",packed_vq=1,mrg_rxbuf=0,in_order=1",
    "in_order": ",mrg_rxbuf=1,in_order=1",
    "in_order-no-mrg": ",mrg_rxbuf=0,in_order=1",
    "packed-no-mrg": ",packed_vq=1,mrg_rxbuf=0,in_order=0",
    "packed-in_order-mrg": ",packed_vq=1,mrg_rxbuf=1,in_order=1",
    "vectorized": ",mrg_rxbuf=0,in_order=0,vectorized=1",
    "packed-vectorized": ",packed_vq=1,mrg_rxbuf=0,in_order=1,vectorized=1",
    "small": ",mrg_rxbuf=1,in_order=0,queue_size=64",
    "large": ",mrg_rxbuf=1,in_order=0,queue_size=1024",
    "packed-odd": ",packed_vq=1,mrg_rxbuf=1,in_order=0,queue_size=200",
}
SHORT = ("mrg", "no-mrg", "packed", "packed-in_order")
FORMS = [pytest.param(options, id=name, marks=[] if name in SHORT else pytest.mark.full)
         for name, options in RINGS.items()]
SIZES = [pytest.param(length, id=str(length), marks=[] if length == 64 else pytest.mark.full)
         for length in (64, 1500)]


def drops(port):
    return {key: value for key, value in port.items() if key.startswith("drop_") and value}


def settled(daemon, port, key):
    """The counter of a port once it does not change any more."""
    last = None

    def still():
        nonlocal last
        now, before = daemon.counters()[port][key], last
        last = now
        return now == before

    wait_for(f"{port} {key} standing still", still)
    return last


def flowing(daemon):
    """Some time passes, and on a busy machine as much as it takes for a good number of frames."""
    time.sleep(0.5)
    wait_for("frames", lambda: daemon.counters()["port a.sock"]["rx_frames"] > 1000, timeout=60)


@pytest.mark.parametrize("mode", [pytest.param((), id="epoll"),
                                  pytest.param(("--poll",), id="poll", marks=pytest.mark.full)])
@pytest.mark.parametrize("length", SIZES)
@pytest.mark.parametrize("options", FORMS)
def test_txonly(start, folder, options, length, mode):
    """All that the driver has sent has arrived, whole."""
    daemon = start("--packed", *mode, backend="switch")
    pmd = Testpmd(folder, [daemon.path], options)
    pmd.do(f"set txpkts {length}")
    pmd.run("txonly", 0)
    flowing(daemon)
    sent = pmd.stop()[0]["TX-packets"]
    assert sent > 1000
    assert settled(daemon, "port a.sock", "rx_frames") == sent
    pmd.close()
    port = daemon.stop()["port a.sock"]
    assert port["rx_bytes"] == sent * length and not drops(port)


@pytest.mark.full
@pytest.mark.parametrize("options", FORMS)
@pytest.mark.parametrize("indirect", ["indirect", "chained"])
def test_tx_chains(start, folder, options, indirect):
    """Frames in pieces: chained descriptors, or tables of them."""
    features = ["--packed"] if indirect == "indirect" else ["--packed", "--no-indirect"]
    daemon = start(*features, backend="switch")
    pmd = Testpmd(folder, [daemon.path], options)
    pmd.do("set txsplit rand")
    pmd.do("set txpkts 64,200,400,300")
    pmd.run("txonly", 0)
    if indirect == "indirect" and "packed" in options:
        # DPDK 22.11 initialises all entries of a packed ring's tables as writable and leaves the
        # first one, the header's, so (vring_desc_init_indirect_packed()): a writable buffer
        # before readable ones, which no driver may post (virtio 1.2 section 2.7.4.2).
        wait_for("the reason", lambda: "queue 1 broken by the driver: readable buffer after a "
                 "writable one" in daemon.text(), timeout=60)
        pmd.kill()
        return
    flowing(daemon)
    sent = pmd.stop()[0]["TX-packets"]
    assert sent > 1000 and settled(daemon, "port a.sock", "rx_frames") == sent
    pmd.close()
    port = daemon.stop()["port a.sock"]
    assert 64 * sent < port["rx_bytes"] < 964 * sent and not drops(port)


@pytest.mark.parametrize("options", FORMS)
def test_rxonly(start, folder, options):
    """One driver sends, another receives: sent = received + dropped for want of buffers."""
    daemon = start("--packed", sockets=("a", "b"), backend="switch")
    taker = Testpmd(folder, [daemon.sockets[1]], options, name="taker")
    giver = Testpmd(folder, [daemon.sockets[0]], options, name="giver")
    taker.run("rxonly", 0)
    giver.run("txonly", 0)
    flowing(daemon)
    sent = giver.stop()[0]["TX-packets"]
    assert settled(daemon, "port a.sock", "rx_frames") == sent
    time.sleep(1)
    received = taker.stop()[0]["RX-packets"]
    giver.close()
    taker.close()
    counters = daemon.stop()
    b = counters["port b.sock"]
    assert sent > 1000 and b["tx_frames"] == sent and not drops(counters["port a.sock"])
    assert set(drops(b)) <= {"drop_no_buffer"}
    assert received == sent - b["drop_no_buffer"] == counters["ring b.sock 0"]["chains"]


@pytest.mark.parametrize("length", SIZES)
@pytest.mark.parametrize("options", FORMS)
def test_io_loop(start, folder, options, length):
    """A burst goes round and round: nothing is lost, nothing is doubled."""
    daemon = start("--packed")
    pmd = Testpmd(folder, [daemon.path], options)
    pmd.do(f"set txpkts {length}")
    pmd.run("io", 0, "start tx_first")
    flowing(daemon)
    port = pmd.stop()[0]
    assert settled(daemon, "port a.sock", "rx_frames") == port["TX-packets"]
    on_the_way = port["TX-packets"] - port["RX-packets"]
    assert port["TX-packets"] > 1000 and 0 <= on_the_way <= 32 and port["TX-dropped"] == 0
    pmd.close()
    mine = daemon.stop()["port a.sock"]
    assert mine["tx_frames"] == mine["rx_frames"] and not drops(mine)
    assert mine["tx_bytes"] == port["TX-packets"] * length


@pytest.mark.parametrize("options", [
    RINGS["mrg"], pytest.param(RINGS["packed"], marks=pytest.mark.full)])
def test_two_pairs(start, folder, options):
    """Flows are spread over both pairs; what came in by any queue has gone out by some."""
    daemon = start("--packed", "--queues", "2")
    pmd = Testpmd(folder, [daemon.path], options + ",queues=2", ("--rxq=2", "--txq=2"))
    pmd.run("flowgen", 0)
    flowing(daemon)
    port = pmd.stop()[0]
    assert settled(daemon, "port a.sock", "rx_frames") == port["TX-packets"] > 1000
    pmd.close()
    counters = daemon.stop()
    mine = counters["port a.sock"]
    lost = drops(mine)
    assert set(lost) <= {"drop_no_buffer"}
    chains = [counters[f"ring a.sock {i}"]["chains"] for i in range(4)]
    assert all(chains) and chains[1] + chains[3] == mine["rx_frames"]
    assert chains[0] + chains[2] == mine["tx_frames"] - sum(lost.values())
    assert 0 <= chains[0] + chains[2] - port["RX-packets"] <= 512


def test_driver_comes_back(start, folder):
    """A port is stopped and started, a driver dies and another comes: all start afresh."""
    daemon = start()
    pmd = Testpmd(folder, [daemon.path], RINGS["mrg"])
    for _ in range(3):
        pmd.run("io", 0.5, "start tx_first")
        assert pmd.stop()[0]["RX-packets"] > 0
        pmd.do("port stop 0")
        pmd.do("port start 0")
    pmd.run("io", 0.1, "start tx_first")
    pmd.kill()
    pmd = Testpmd(folder, [daemon.path], RINGS["mrg"], name="next")
    pmd.run("io", 0.5, "start tx_first")
    port = pmd.stop()[0]
    assert port["RX-packets"] > 0 and port["TX-packets"] - port["RX-packets"] <= 32
    pmd.close()
    assert daemon.stop()["device a.sock"]["connections"] == 2
