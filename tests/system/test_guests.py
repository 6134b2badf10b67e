# SPDX-License-Identifier: BSD-2-Clause
"""The tiny test guests of tests/guest: many in one boot, one verdict each.

Each runs on a processor with APIC virtualisation and on one without: the same local APIC by
exits and emulated instructions.
"""

import re
import subprocess

import pytest

from bench import BUILD, ROOT, make, make_environment
from conftest import close_bench, open_bench
from machine import MachineError

SOURCES = ROOT / "tests" / "guest"
GROUP = 13                      # guests of one boot: they share one processor and take turns
KINDS = ["haswell", "sandybridge", pytest.param("skylake", marks=pytest.mark.full)]
TIMEOUT = 600                   # emulators share the machine with whatever else runs on it


def option(name, word):
    """What the source says in a line /* word: ... */, or None."""
    found = re.search(rf"(?m)^/\* {word}: (.*) \*/$", (SOURCES / f"{name}.c").read_text("utf-8"))
    return found and found.group(1)


NAMES = sorted(path.stem for path in SOURCES.glob("*.c"))
DEBUG = [name for name in NAMES if option(name, "build") == "debug"]
ALONE = [name for name in NAMES if option(name, "boot") == "alone"]
TOGETHER = [name for name in NAMES if name not in DEBUG + ALONE]


def conf(names):
    text = ""
    for name in names:
        text += (f"guest {name} -kernel {name}.elf -m 8M "
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
        self.machine = self.bench.boot(conf(names), {f"{n}.elf": folder / f"{n}.elf" for n in names},
                                       kind=kind)
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
        first = TOGETHER.index(name) // GROUP * GROUP
        names = TOGETHER[first:first + GROUP]
    if (kind, names[0]) not in boots:
        boots[kind, names[0]] = Boot(kind, names)
    return boots[kind, names[0]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TOGETHER + ALONE)
def test_guest(kind, name):
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
