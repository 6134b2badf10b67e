# SPDX-License-Identifier: BSD-2-Clause
"""QEMU with vhost-user as its network, and the Linux host on the other side of the daemon's tap."""

import pathlib
import socket
import subprocess
import sys

from daemon import BUILD

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from guest import Guest  # noqa: E402  (the console of the same Debian guest)
from machine import Machine  # noqa: E402
from outside import ADDRESS, Outside  # noqa: E402

FILES = BUILD / "guest" / "linux"


class Vm(Machine):
    """One QEMU (TCG) with the Debian guest; `paths`: a virtio-net device for each socket."""

    def __init__(self, dir, paths, device="", machine="q35", append="", number=1, cpu="max",
                 iommu=False):
        super().__init__(dir, FILES / "vmlinuz", kind="tcg", memory=256)
        self.paths, self.device, self.type, self.append = paths, device, machine, append
        self.number, self.model, self.iommu = number, cpu, iommu

    def _qemu(self, serial):
        argv = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", self.model, "-m", f"{self.memory}M",
                "-machine", f"{self.type},memory-backend=ram",
                "-object", f"memory-backend-memfd,id=ram,size={self.memory}M,share=on",
                "-kernel", str(FILES / "vmlinuz"), "-initrd", str(FILES / "initrd.cpio.gz"),
                # no_timer_check: on a busy host the timer comes so late that Linux gives up on it.
                "-append", "console=ttyS0 quiet panic=-1 no_timer_check cryptomgr.notests "
                "rv.shell=plain "
                + self.append, "-display", "none", "-vga", "none", "-nodefaults", "-no-reboot",
                "-monitor", f"unix:{self.dir}/monitor,server=on,wait=off",
                "-chardev", f"socket,id=com1,host=127.0.0.1,port={serial}",
                "-serial", "chardev:com1"]
        device = self.device
        if self.iommu:          # ATS needs PCI Express, which virtio-pci is behind a root port only
            argv += ["-device", "intel-iommu,intremap=off,device-iotlb=on",
                     "-device", "pcie-root-port,id=express"]
            device += ",bus=express,disable-legacy=on,iommu_platform=on,ats=on"
        for i, path in enumerate(self.paths):
            argv += ["-chardev", f"socket,id=c{i},path={path},reconnect=1",
                     "-netdev", f"vhost-user,id=n{i},chardev=c{i}",
                     # No MSI-X: docs/caveats.md.
                     "-device", f"virtio-net-pci,netdev=n{i},romfile=,vectors=0,"
                     f"mac=52:54:00:00:{self.number:02}:{i + 1:02}{device}"]
        return argv

    def guest(self):
        return Guest(self, name=None)

    def monitor(self, command):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(20)
            sock.connect(f"{self.dir}/monitor")
            sock.sendall(command.encode() + b"\n")
            text = b""
            while text.count(b"(qemu)") < 2:
                text += sock.recv(65536)
        return text.decode()


class Host(Outside):
    """A network namespace with a tap device for the daemon: 10.99.0.1, DHCP, HTTP."""

    def __init__(self, dir):
        self.dir = pathlib.Path(dir)
        self.servers = []
        script = (f"ip link set lo up; ip tuntap add tap0 mode tap; ip addr add {ADDRESS}/24 dev tap0; "
                  "ip link set tap0 up; echo ready; cat")
        self.bridge = subprocess.Popen(["unshare", "-r", "-n", "sh", "-e", "-c", script],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
        if self.bridge.stdout.readline() != "ready\n":
            raise OSError(self.bridge.communicate()[1].strip() or "unshare failed")
