# SPDX-License-Identifier: BSD-2-Clause
"""A Debian guest whose NIC has several queue pairs: flows on all of them, and pairs that come and go."""

import re
import subprocess

import pytest

from guest import linux
from monitor import Monitor
from outside import ADDRESS
from shared import PerKind
from test_net import Net, ping
from test_smp import with_vcpus

FILE = 4 << 20
LONG = pytest.mark.full
EACH = "config input.0 input.1 output.0 output.1"


def conf(vcpus, queues, options=""):
    text = with_vcpus(linux(options=f",mq=on{options}"), vcpus)
    return text.replace("vhost=on", f"vhost=on,queues={queues}")


class Several(Net):
    """A machine with two CPUs and a guest with as many pairs as vCPUs."""

    def __init__(self, bench, kind, options="", settings=""):
        kind, _, pairs = kind.partition("-pairs-")
        self.pairs = int(pairs)
        super().__init__(bench, kind, settings + conf(self.pairs, self.pairs, options), cpus=2,
                         cmdline="apicv=off" if kind == "haswell" else "")  # docs/caveats.md, Bochs

    def queues(self):
        """What `info vhost` says: of the NIC, and of each queue by "rx0", "tx0", ..., "ctrl"."""
        monitor = Monitor(self.machine).enter()
        told = monitor.info("vhost")
        monitor.leave()
        nic = {key: int(value, 0) for key, value in told["vhost lin/net0"].items()
               if re.fullmatch(r"(0x[0-9a-f]+|\d+)", value)}
        queues = {}
        for what, keys in told.items():
            number = re.fullmatch(r"vhost lin/net0 queue (\d+)", what)
            if number:
                name = keys["name"] + ("" if keys["name"] == "ctrl" else str(int(number[1]) // 2))
                queues[name] = keys
        return nic, queues

    def chains(self):
        return {name: int(keys["chains"]) for name, keys in self.queues()[1].items()}


ON_QEMU = ["tcg-pairs-2", *(pytest.param(f"tcg-pairs-{n}", marks=LONG) for n in (4, 8))]
SHARED = PerKind("mq", Several, [*ON_QEMU, pytest.param("haswell-pairs-2", marks=LONG)])
kind = SHARED.fixture()


@pytest.fixture
def net(kind):
    return SHARED.get(kind)


def test_pairs(net):
    """As many as there are vCPUs are in use, each with its queues and interrupts."""
    assert net.guest.check("channels eth0").strip() == f"max {net.pairs} now {net.pairs}"
    assert net.guest.check("ls /sys/class/net/eth0/queues").split() == \
        [f"{way}-{pair}" for way in ("rx", "tx") for pair in range(net.pairs)]
    vectors = re.findall(r"virtio\d+-(\S+)", net.guest.check("grep virtio /proc/interrupts"))
    assert sorted(vectors) == sorted(["config"] + [f"{way}.{pair}" for way in ("input", "output")
                                                   for pair in range(net.pairs)])
    nic, queues = net.queues()
    assert (nic["pairs"], nic["pairs_used"]) == (net.pairs, net.pairs)
    assert nic["ctrl_commands"] > 0 and nic["ctrl_refused"] == 0
    assert len(queues) == 2 * net.pairs + 1
    assert {keys["state"] for keys in queues.values()} == {"running"}


def check_flows(net):
    digest = net.serve("file", FILE)
    before = net.chains()
    told = net.guest.check(
        f"for cpu in $(seq 0 {net.pairs - 1}); do taskset -c $cpu sh -c "
        f"'wget -q -O - http://{ADDRESS}/file | sha256sum' & done; wait", timeout=240)
    assert [line.split()[0] for line in told.splitlines() if line.endswith(" -")] == \
        net.pairs * [digest]
    nic, queues = net.queues()
    chains = {name: int(keys["chains"]) - before[name] for name, keys in queues.items()}
    print(chains, nic)
    # How many is the guest's scheduler's to say: acknowledgements leave by the pair of the vCPU that
    # takes the interrupt, which queues may share.
    for pair in range(net.pairs):
        assert chains[f"rx{pair}"] > 10 and chains[f"tx{pair}"] > 10, chains
        assert int(queues[f"rx{pair}"]["calls"]) > 0
    assert nic["rx_by_flow"] > 10 * nic["rx_by_hash"]


def test_flows(net):
    """A file for each vCPU at the same time: equal sums, and both queues of each pair have worked."""
    check_flows(net)


@pytest.mark.full
@pytest.mark.parametrize("options, vectors, settings", [
    (",packed=on", EACH, ""),
    (",packed=on,vectors=3", "config virtqueues", ""),
    (",indirect_desc=off,event_idx=off,vectors=2", "config virtqueues", ""),
    ("", EACH, "set workers=1\n"),
])
def test_flows_otherwise(bench, options, vectors, settings):
    """Other rings; queues that share a vector; a CPU of their own for the queues."""
    net = Several(bench, "tcg-pairs-2", options, settings)
    told = net.guest.check("grep virtio /proc/interrupts")
    assert sorted(re.findall(r"virtio\d+-(\S+)", told)) == vectors.split(), told
    check_flows(net)
    ping(net, 100, 56)


def test_pairs_come_and_go(net):
    """From one to all and back again while frames come and go: none is lost."""
    counts = " ".join(str(n) for n in list(range(1, net.pairs + 1)) + [1, net.pairs])
    net.guest.check(f"(while [ ! -e /tmp/stop ]; do for n in {counts}; do channels eth0 $n || "
                    "echo FAILED; usleep 20000; done; done >/tmp/channels; touch /tmp/stopped) &")
    before = net.queues()[0]["ctrl_commands"]
    ping(net, 1000, 56)
    ping(net, 300, 8000)
    net.guest.check("touch /tmp/stop; while [ ! -e /tmp/stopped ]; do usleep 10000; done; "
                    "rm /tmp/stop /tmp/stopped; ! grep FAILED /tmp/channels", timeout=60)
    nic, queues = net.queues()
    switched = nic["ctrl_commands"] - before
    print(switched, nic)
    assert switched > 20 and nic["ctrl_refused"] == 0
    assert net.guest.check(f"channels eth0 {net.pairs}").strip().endswith(f"now {net.pairs}")
    assert {keys["state"] for keys in queues.values()} == {"running"}


def test_one_pair_of_several(net):
    """What is not in use gets nothing; a number that is not there is refused."""
    net.guest.check("channels eth0 1")
    before = net.chains()
    ping(net, 200, 56)
    now = net.chains()
    assert [now[f"rx{pair}"] - before[f"rx{pair}"] for pair in range(1, net.pairs)] == \
        (net.pairs - 1) * [0]
    assert now["rx0"] - before["rx0"] >= 200
    assert net.guest.run(f"channels eth0 {net.pairs + 1}")[0] == 1
    net.guest.check(f"channels eth0 {net.pairs}")


@pytest.mark.parametrize("kind", ON_QEMU, indirect=True)
def test_address(net):
    """The guest takes another address, by the control queue, and its own again.

    Bochs's NIC lets frames to another one not through.
    """
    old = net.guest.check("cat /sys/class/net/eth0/address").strip()
    for mac in ("52:54:00:00:01:77", old):
        net.guest.check(f"ip link set eth0 address {mac}")
        net.outside.run(["ip", "neigh", "flush", "all"])
        told = net.guest.check(f"ping -q -c 20 -A {ADDRESS}", timeout=60)
        assert "20 packets received" in told
    assert net.queues()[0]["ctrl_refused"] == 0


@pytest.mark.parametrize("kind", ON_QEMU, indirect=True)
def test_reload(net):
    """The driver goes and comes while the outside keeps sending; it has all pairs each time."""
    noise = net.outside.start(["ping", "-q", "-n", "-i", "0.02", "-s", "1000", net.address], "noise",
                              stdin=subprocess.DEVNULL)
    told = net.guest.check(
        "for i in $(seq 10); do rmmod virtio_net && insmod /lib/modules/virtio_net.ko && "
        f"ip link set eth0 up && ip addr add {net.address}/24 dev eth0 && channels eth0 && "
        f"ping -q -c 3 -A -W 5 {ADDRESS} >/tmp/ping; grep '3 packets received' /tmp/ping || "
        "{ cat /tmp/ping; break; }; done", timeout=300)
    noise.terminate()
    assert told.count("3 packets received") == 10, told + net.machine.explain()
    assert told.count(f"now {net.pairs}") == 10
