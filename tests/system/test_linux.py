# SPDX-License-Identifier: BSD-2-Clause
"""Unmodified Debian in a guest: its boot, its clock, its ends."""

import re

import pytest

import marker
from bench import linux_files
from guest import Guest, linux

# What Linux says about any machine of this kind, at level "warning" and above.
HARMLESS = re.compile("|".join([
    r"Spectre V\d|RETBleed|MDS|MMIO Stale|Register File|SRBDS|TAA|ITS|VMSCAPE",
    r"x86/cpu: (SGX|VMX)",
    r"ENERGY_PERF_BIAS",
    r"random: crng",
    r"floppy",
]))

KINDS = ["haswell", "sandybridge"]


@pytest.mark.parametrize("kind", KINDS)
def test_boot(bench, kind):
    """To user space and off again; nothing in the kernel's log complains about the hardware."""
    machine = bench.boot(linux(nic=False), linux_files("dmesg -r | grep '^<[0-4]>' ; exit 0\n"), kind=kind)
    guest = Guest(machine)
    guest.expect_ready()
    guest.expect("GUEST-VERDICT 0")
    complaints = [line for line in re.findall(r"<[0-4]>.*", machine.text())
                  if not HARMLESS.search(line)]
    assert not complaints, "\n".join(complaints)
    assert "soft power off" in machine.expect_end()


def test_clock(bench):
    """Ten seconds of the guest are ten seconds of the machine, to one in a hundred."""
    script = "mark; sleep 10; mark; exit 0\n"
    machine = bench.boot(linux(nic=False), linux_files(script, {"bin/mark": marker.program()}),
                         breaks=2)
    Guest(machine).expect("GUEST-VERDICT 0", timeout=240)
    machine.expect_end()
    begin, end = marker.ticks(machine)[:2]
    seconds = (end - begin) / machine.ips
    assert 9.9 <= seconds <= 10.1, f"sleep 10 took {seconds:.3f} s of the machine's time"


def test_power_off(bench):
    """Power-off is reported; after the last guest comes the summary, and the machine goes off."""
    machine = bench.boot(linux(nic=False), linux_files("exit 0\n"))
    machine.expect("guest lin: powered off", timeout=240)
    machine.expect(r"summary: guest lin: powered off; seconds=[0-9.]+ starts=1 resets=0 exits=[1-9]")
    machine.expect(r"summary: memory still held for guests: ram=0 ")
    assert "soft power off" in machine.expect_end()


def test_reset(bench):
    """reboot(2) starts the guest again; with -no-reboot it ends."""
    machine = bench.boot(linux("once", nic=False, append="rv.end=reboot") + "\t-no-reboot\n"
                         + linux("again", nic=False, append="rv.end=reboot"),
                         linux_files("exit 0\n"))
    machine.expect(r"guest again: started again \(reset 1\)", timeout=400)
    Guest(machine, "again").expect("GUEST-VERDICT 0", timeout=240)
    assert "guest once: ended: reset requested" in machine.text()
    assert machine.text().count("[once] GUEST-READY") == 1


@pytest.mark.parametrize("action", ["reset", "shutdown"])
def test_triple_fault(bench, action):
    """Linux with reboot=t ends in a triple fault: -action panic= says what follows."""
    machine = bench.boot(
        linux(nic=False, append="reboot=t rv.end=reboot") + f"\t-action panic={action}\n",
        linux_files("exit 0\n"))
    guest = Guest(machine)
    guest.expect("GUEST-VERDICT 0", timeout=240)
    machine.expect("guest lin: triple fault.*" + ("reset" if action == "reset" else "stopped"))
    if action == "reset":
        guest.expect("GUEST-VERDICT 0", timeout=240)
    else:
        assert "soft power off" in machine.expect_end()
