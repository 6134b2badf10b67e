# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's vhost-user network with Debian's virtio-net driver, translated (TCG)."""

import hashlib
import os
import time

import pytest

from vm import ADDRESS, Host, Vm

SIZE = 2 << 20
DHCP = "udhcpc -i eth0 -n -q -t 20 -T 1 -s /etc/udhcpc.script >/dev/null 2>&1"
PING = f"ping -c 3 -W 20 {ADDRESS}"
GET = f"wget -q -O - http://{ADDRESS}/blob | sha256sum"


@pytest.fixture
def host(folder):
    host = Host(folder)
    host.serve_dhcp()
    (folder / "www").mkdir()
    (folder / "www" / "blob").write_bytes(os.urandom(SIZE))
    host.serve_http(folder / "www")
    yield host
    host.close()


@pytest.fixture
def boot(folder):
    """Start QEMUs whose guest is at its shell."""
    vms = []

    def boot_one(paths, **options):
        vms.append(Vm(folder / f"vm{len(vms)}", paths, number=len(vms) + 1, **options))
        vms[-1].start()
        guest = vms[-1].guest()
        guest.expect_ready()
        return vms[-1], guest

    yield boot_one
    for vm in vms:
        vm.close()


def digest_of(folder):
    return hashlib.sha256((folder / "www" / "blob").read_bytes()).hexdigest()


def download(guest, folder):
    assert digest_of(folder) in guest.check(GET, timeout=240)


def upload(guest, host, port):
    sink = host.sink("tcp", port)
    said = guest.check(f"dd if=/dev/urandom of=/tmp/up bs=64k count={SIZE >> 16} 2>/dev/null; "
                       f"sha256sum </tmp/up; nc {ADDRESS} {port} </tmp/up", timeout=240)
    size, digest = sink.stdout.readline().split()
    assert int(size) == SIZE and digest in said


def tap(host):
    """What a daemon on the host's tap device is started with."""
    return {"backend": "tap=tap0", "prefix": host.command([])}


def test_life(start, folder, host, boot):
    """DHCP, ping, TCP both ways; the driver reloaded, QEMU stopped, the backend killed."""
    daemon = start(**tap(host))
    vm, guest = boot([daemon.path])
    assert "10.99.0." in guest.check("ip addr show eth0")
    guest.check(PING)
    download(guest, folder)
    upload(guest, host, 5001)

    guest.check("rmmod virtio_net && insmod /lib/modules/virtio_net.ko && sleep 1 && " + DHCP)
    guest.check(PING)

    vm.monitor("stop")
    time.sleep(1)
    vm.monitor("cont")
    guest.check(PING)

    daemon.kill()
    second = start(name="second", **tap(host))
    guest.check(PING, timeout=120)
    download(guest, folder)
    upload(guest, host, 5002)
    vm.close()
    counters = second.stop()
    assert counters["ring a.sock 0"]["broken"] == counters["ring a.sock 1"]["broken"] == 0
    assert counters["device a.sock"]["refused"] == 0


def test_backend_killed_in_mid_transfer(start, folder, host, boot):
    """The connection that was running goes on with the next backend: no packet is stuck."""
    daemon = start(**tap(host))
    _, guest = boot([daemon.path])
    guest.check(f"({GET} >/tmp/digest) & sleep 0.3")
    daemon.kill()
    time.sleep(1)
    start(name="second", **tap(host))
    assert digest_of(folder) in guest.check("wait; cat /tmp/digest", timeout=240)
    guest.check(PING)


@pytest.mark.full
def test_packed_backend_killed(start, host, boot):
    """Where a packed ring was QEMU cannot tell the next backend: a driver that begins anew can."""
    daemon = start("--packed", **tap(host))
    _, guest = boot([daemon.path], device=",packed=on")
    guest.check(PING)
    daemon.kill()
    start("--packed", name="second", **tap(host))
    guest.check("rmmod virtio_net && insmod /lib/modules/virtio_net.ko && sleep 1 && " + DHCP)
    guest.check(PING)


@pytest.mark.parametrize("strict", [
    pytest.param(0, id="lazy"), pytest.param(1, id="strict", marks=pytest.mark.full)])
def test_iommu(start, folder, host, boot, strict):
    """The guest has an IOMMU, QEMU answers misses and takes translations back: none is lost."""
    daemon = start("--iommu", "--verbose", **tap(host))
    _, guest = boot([daemon.path], iommu=True, append=f"intel_iommu=on iommu.strict={strict}")
    assert "10.99.0." in guest.check("ip addr show eth0")
    assert "DMAR: IOMMU enabled" in guest.check("dmesg | grep DMAR")
    guest.check(PING)
    download(guest, folder)
    upload(guest, host, 5004)
    guest.check("rmmod virtio_net && insmod /lib/modules/virtio_net.ko && sleep 1 && " + DHCP)
    guest.check(PING)
    counters = daemon.counters()
    assert counters["device a.sock"]["features"] >> 33 & 1 and "IOTLB_MSG (22)" in daemon.text()
    assert counters["device a.sock"]["refused"] == 0
    assert not counters["ring a.sock 0"]["broken"] and not counters["ring a.sock 1"]["broken"]


@pytest.mark.full
@pytest.mark.parametrize("device", [
    ",mrg_rxbuf=off", ",event_idx=off,indirect_desc=off", ",csum=off,guest_csum=off",
    ",rx_queue_size=1024,tx_queue_size=1024", ",packed=on",
    ",packed=on,mrg_rxbuf=off,event_idx=off"])
def test_options(start, folder, host, boot, device):
    daemon = start("--packed", **tap(host))
    _, guest = boot([daemon.path], device=device)
    guest.check(PING)
    download(guest, folder)
    upload(guest, host, 5003)


@pytest.mark.full
def test_two_guests(start, folder, host, boot):
    """Two QEMUs on one switch, with the host as third."""
    daemon = start(sockets=("a", "b"), **tap(host))
    (_, one), (_, two) = [boot([str(path)]) for path in daemon.sockets]
    address = two.check("ip -o -4 addr show eth0").split()[3].split("/")[0]
    one.check(f"ping -c 3 -W 20 {address}")
    two.check("mkdir -p /tmp/www && dd if=/dev/urandom of=/tmp/www/x bs=64k count=32 2>/dev/null; "
              "busybox httpd -h /tmp/www")
    digest = two.check("sha256sum </tmp/www/x").split()[0]
    assert digest in one.check(f"wget -q -O - http://{address}/x | sha256sum", timeout=240)
    download(one, folder)
