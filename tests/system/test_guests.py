# SPDX-License-Identifier: BSD-2-Clause
"""The tiny test guests of tests/guest: many in one boot, one verdict each.

Each runs on VT-x with APIC virtualisation and without it (the same local APIC by exits and emulated
instructions), and on AMD-V, as QEMU plays it. On AMD-V as Bochs plays it, with what QEMU's lacks
(next RIP, FlushByAsid), some are a smoke test.
"""

import re
import subprocess

import pytest

from bench import BUILD, ROOT, make, make_environment
from conftest import close_bench, machines, open_bench
from machine import KINDS, MachineError

SOURCES = ROOT / "tests" / "guest"
GROUP = 13                      # guests of one boot: they share one processor and take turns
SMOKE = {"ryzen": ["apic_timer", "cpuid", "ioapic", "ipi", "legacy", "mmio", "msr", "nmi",
                   "pause", "pv_eoi", "real_mode", "smp", "storm", "virtio_net"]}
TIMEOUT = 200                   # of the emulator's CPU time


def option(name, word):
    """What the source says in its lines /* word: ... */, or None."""
    found = re.findall(rf"(?m)^/\* {word}: (.*) \*/$", (SOURCES / f"{name}.c").read_text("utf-8"))
    return " ".join(found) or None


NAMES = sorted(path.stem for path in SOURCES.glob("*.c"))
DEBUG = [name for name in NAMES if option(name, "build") == "debug"]
ALONE = [name for name in NAMES if option(name, "boot") == "alone"]
OWN = [name for name in NAMES if option(name, "boot") == "own"]       # of another file's tests
TOGETHER = [name for name in NAMES if name not in DEBUG + ALONE + OWN]


def runs_on(name, kind):
    """Not where the emulator does something else than what the guest is about."""
    return KINDS[kind].quirks not in (option(name, "not on") or "-").split()


def cases():
    """(name, kind) of all; skylake is in the long tests."""
    for kind in machines("haswell", "sandybridge", "qemu-svm") + ["ryzen", "skylake"]:
        for name in SMOKE.get(kind, TOGETHER + ALONE):
            if runs_on(name, kind):
                yield pytest.param(name, kind, marks=pytest.mark.full if kind == "skylake" else [])


def conf(names, kind="haswell"):
    text = ""
    for name in names:
        text += (f"guest {name} -kernel {name}.elf -m 8M -append \"{KINDS[kind].quirks}\" "
                 f"-device isa-debug-exit,iobase=0xf4,iosize=0x04 {option(name, 'guest') or ''}\n")
    return text


def build():
    """The guests' images; where they are."""
    done = subprocess.run(["make", "-s", "-f", "tests/guest/Makefile", f"O={BUILD}"], cwd=ROOT,
                          env=make_environment(), text=True, check=False, timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return BUILD / "guest" / "tests"


class Boot:
    """One run of some guests to the end of all of them, or until time is up."""

    def __init__(self, kind, names):
        self.bench = open_bench(f"guests-{kind}-{names[0]}")
        folder = build()
        self.machine = self.bench.boot(conf(names, kind), {f"{n}.elf": folder / f"{n}.elf"
                                                           for n in names}, kind=kind)
        try:
            self.machine.expect_end(TIMEOUT)
        except MachineError:
            pass                # the guest that did not end has no verdict
        self.said = self.machine.text()
        self.explained = self.machine.explain()
        close_bench(self.bench)

    def output(self, name):
        """What one guest said. The console may cut its lines where another guest speaks."""
        return "".join(re.findall(rf"(?m)^\[{name}\] (.*)$", self.said))


boots = {}


def boot_of(kind, name):
    names = [name]
    if name in TOGETHER:
        all_names = [n for n in SMOKE.get(kind, TOGETHER) if n in TOGETHER and runs_on(n, kind)]
        first = all_names.index(name) // GROUP * GROUP
        names = all_names[first:first + GROUP]
    if (kind, names[0]) not in boots:
        boots[kind, names[0]] = Boot(kind, names)
    return boots[kind, names[0]]


@pytest.mark.rows("name")
@pytest.mark.parametrize("name, kind", cases())
def test_guest(name, kind):
    boot = boot_of(kind, name)
    said, expected = boot.output(name), option(name, "expect")
    failed = re.search(rf"FAIL {name}: (.*)", said)
    assert not failed, failed.group(1)
    if expected:
        assert re.search(expected, boot.said), f"no line like {expected}\n{boot.explained}"
    else:
        assert f"PASS {name}" in said, f"no verdict; it said {said!r}\n{boot.explained}"


@pytest.mark.parametrize("name", DEBUG)
def test_debug_guest(bench, name):
    """What only a hypervisor with its debug checks does for a guest; another one goes on."""
    folder = BUILD / "configs" / "debug"
    make("debug_defconfig", build=folder)
    images = build()
    machine = bench.boot(conf([name, "storm"]), {f"{n}.elf": images / f"{n}.elf"
                                                 for n in (name, "storm")}, build=folder)
    machine.expect(option(name, "expect"), TIMEOUT)
    machine.expect("PASS storm", TIMEOUT)
