# SPDX-License-Identifier: BSD-2-Clause
"""A guest made elsewhere that marks its windows as netbench does, for figures of the same workload
under another hypervisor.

Its folder has `vmlinuz`, `initramfs.cpio.gz`, `benchlist` (words for the kernel command line) and
`nb`, which is the peer when started as `nb peer ADDRESS`. The guest ends by itself; of each window it
prints `RESULT NAME[,key=value...] key=value...`, with count=, or bytes= which are counted by 1448.
"""

import re

from counting import LOG, PEER, Image, archive, counted_machine, read_records, windows_of

CONF = """\
guest bench -m 256M -smp 1 -kernel vmlinuz -initrd initrd.cpio.gz
	-append "console=ttyS0 ipv6.disable=1 nokaslr quiet panic=-1 {words}"
	-netdev tap,id=net0,br=br0,vhost=on
	-device virtio-net-pci,netdev=net0,mac=02:99:00:00:00:02
"""
SEGMENT = 1448


def peer(folder):
    return [folder / "nb", "peer", PEER]


def things(name):
    """How many packets, round trips or segments a window has; 1 if it does not say."""
    count, size = re.search(r"\bcount=(\d+)", name), re.search(r"\bbytes=(\d+)", name)
    if count:
        return int(count.group(1))
    return int(size.group(1)) / SEGMENT if size else 1


class Run:
    """One boot. Figures are as counted: neither the marks nor idleness are taken off."""

    def __init__(self, folder, tap, guest):
        self.image = Image()
        self.figures, self.profiles = {}, {}
        words = (guest / "benchlist").read_text(encoding="ascii").strip()
        packed = archive(folder, CONF.format(words=words), guest / "vmlinuz",
                         (guest / "initramfs.cpio.gz").read_bytes())
        machine = counted_machine(folder, tap, packed, False).start()
        try:
            machine.expect_end(600)
            names = re.findall(r"RESULT (\S+)", machine.text())
        finally:
            machine.close()
        for name, counted in zip(names, windows_of(read_records(folder / LOG))):
            n, guest_share = things(name), counted["kernel"] + counted["user"]
            self.figures[name] = {"total": (counted["host"] + guest_share) / n,
                                  "host": counted["host"] / n, "guest": guest_share / n,
                                  "entries": counted["vmrun"] / n}
            self.profiles[name] = {offset: count / n for offset, count in counted["at"].items()}
