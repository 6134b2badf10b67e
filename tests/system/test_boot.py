# SPDX-License-Identifier: BSD-2-Clause
"""Power-on to the first guest: what the console says, and what it says when that cannot be."""

import re

import pytest

from bench import linux_files
from conftest import machines
from guest import linux
from machine import NIC_MAC

MIB = 1 << 20


@pytest.mark.parametrize("kind, cmdline", [
    ("haswell", ""), ("haswell", "apicv=off"), ("skylake", ""), ("sandybridge", ""),
    ("qemu-svm", "avic=off"), ("ryzen", "")])
def test_banner(bench, kind, cmdline):
    """Version, configuration, CPU, capabilities in use, memory, devices, time of each phase."""
    machine = bench.boot(linux(nic=False), linux_files("exit 0\n"), cmdline, kind=kind,
                         wire=bench.wire())
    machine.expect("guest lin: started", timeout=120)
    said = machine.text()
    assert "boot: command line:" not in said, said
    apicv = ", APIC-register virtualization, virtual-interrupt delivery"
    assert (apicv in said) == (kind in ("haswell", "skylake") and not cmdline), said
    maker, extension = {"qemu-svm": ("AMD", r"AMD-V: nested paging \(2 MiB, 1 GiB pages\), 16 ASIDs$"),
                        "ryzen": ("AMD", r"AMD-V: nested paging \(2 MiB.*FlushByAsid")}.get(
        kind, ("Intel", r"VT-x: EPT \(2 MiB.* pages\), unrestricted guest, VPID, preemption timer"))
    for pattern in (r"^Ringvisor \S+ \(config [0-9a-f]{8}\)$",
                    "^cpu: .*" + maker, extension,
                    r"^memory: 10[0-9]{2} MiB RAM in \d+ ranges, \d+ MiB free",
                    r"^pci: 00:0\d.0: 8086:100e ",
                    r"^net: .* MAC " + NIC_MAC,
                    r"^boot: entry [0-9.]+ ms, .*guests [0-9.]+ ms; together [0-9.]+ ms$"):
        assert re.search(pattern, said, re.M), f"no line like {pattern}\n{said}"


def test_footprint(bench):
    """Image under 1 MiB, everything else but guest RAM under 8 MiB, as the boot prints it."""
    machine = bench.boot(linux(), linux_files("exit 0\n"), wire=bench.wire())
    found = machine.expect(r"footprint: image (\d+) KiB, other (\d+) KiB", timeout=120)
    image, other = (int(kib) * 1024 for kib in found.groups())
    assert 0 < image < 1 * MIB and 0 < other < 8 * MIB


@pytest.mark.parametrize("kind", machines("haswell", "qemu-svm"))
@pytest.mark.parametrize("cpus", [2, 4])
def test_processors(bench, kind, cpus):
    """All processors of the machine are brought up."""
    machine = bench.boot(linux(nic=False), linux_files("exit 0\n"), kind=kind, cpus=cpus)
    machine.expect(rf"smp: {cpus} of {cpus} CPUs online", timeout=120)


ERRORS = {
    "no-archive": ({"archive": False}, "no boot archive"),
    "no-vtx": ({"kind": "no-svm"}, r"VT-x: not usable: CPUID.01H:ECX.VMX\[5\] is 0"),
    "no-svm": ({"kind": "no-svm"}, r"AMD-V: not usable: CPUID Fn8000_0001_ECX\[SVM\] is 0"),
    "no-ept": ({"kind": "penryn"}, "EPT"),
    "no-long-mode": ({"kind": "p4"}, "no long mode"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_error(bench, case):
    """One clear line, and the machine stays where it is or goes off: no reboot loop, no silence."""
    options, text = ERRORS[case]
    machine = bench.boot(linux(nic=False), linux_files("exit 0\n"), **options)
    machine.expect(text, timeout=120)
    said = machine.text()
    assert said.count("Booting `") <= 1
