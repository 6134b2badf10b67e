# SPDX-License-Identifier: BSD-2-Clause
"""Unmodified Debian in a guest: its boot, its clock, its ends."""

import re

import pytest

from bench import linux_files
from conftest import machines
from guest import Guest, linux

# What Linux says at level "warning" and above about any virtual machine of this kind.
HARMLESS = re.compile("|".join([
    r"Spectre V\d|RETBleed|MDS|MMIO Stale|Register File|SRBDS|TAA|ITS|VMSCAPE",
    r"Speculative Return Stack Overflow|Zen1 (FPDSS|DIV0) bug",
]))


def complaints(text):
    return [line for line in re.findall(r"<[0-4]>.*", text) if not HARMLESS.search(line)]


@pytest.mark.parametrize("kind", ["haswell", "sandybridge"])
def test_boot(bench, kind):
    """To user space, ten seconds by its clock, and off again, without a complaint.

    Ten seconds of the guest have to be ten seconds of the machine, to one in a hundred. What is
    said at the end is the summary, and that nothing of the guest's memory is left.
    """
    script = "mark; sleep 10; mark; dmesg -r | grep '^<[0-4]>'; exit 0\n"
    machine = bench.boot(linux(nic=False), linux_files(script), kind=kind, breaks=2)
    guest = Guest(machine)
    guest.expect_ready()
    guest.expect("GUEST-VERDICT 0")
    assert not complaints(machine.text())
    machine.expect("guest lin: powered off")
    machine.expect(r"summary: guest lin: powered off; seconds=[0-9.]+ starts=1 resets=0 exits=[1-9]")
    machine.expect("summary: memory still held for guests: ram=0 ")
    machine.expect_off()
    begin, end = machine.marks()
    seconds = (end - begin) / machine.ips
    assert 9.9 <= seconds <= 10.1, f"sleep 10 took {seconds:.3f} s of the machine's time"


@pytest.mark.parametrize("kind", machines("qemu-svm", full=["ryzen"]))
def test_boot_smp(bench, kind):
    """The same with two processors, on AMD-V; the guest's two clocks agree; it knows of KVM."""
    rtc = "cat /sys/class/rtc/rtc0/since_epoch"
    script = (f"a=$({rtc}); sleep 10; echo RTC $(($({rtc}) - a)); "
              "grep -c ^processor /proc/cpuinfo; dmesg | grep -o 'x2apic enabled'; "
              "dmesg -r | grep '^<[0-4]>'; exit 0\n")
    machine = bench.boot(linux(nic=False).replace("-smp 1", "-smp 2"), linux_files(script),
                         kind=kind, cpus=2)
    guest = Guest(machine)
    guest.expect_ready()
    guest.expect("RTC (9|10|11)")
    guest.expect("2")
    guest.expect("x2apic enabled")
    guest.expect("GUEST-VERDICT 0")
    assert not complaints(machine.text())
    machine.expect("guest lin: powered off")
    machine.expect("summary: memory still held for guests: ram=0 ")
    machine.expect_off()


@pytest.mark.parametrize("kind", machines("qemu-svm", full=["haswell"]))
def test_ends(bench, kind):
    """Four guests, four ends: reset with and without -no-reboot, triple fault with both -action.

    One of them is told nothing of KVM.
    """
    reboot, fault = "rv.end=reboot", "rv.end=reboot reboot=t"
    machine = bench.boot(
        linux("once", nic=False, append=reboot) + "\t-no-reboot -cpu host,kvm=off\n"
        + linux("again", nic=False, append=reboot)
        + linux("fault", nic=False, append=fault) + "\t-action panic=shutdown\n"
        + linux("refault", nic=False, append=fault) + "\t-action panic=reset\n",
        linux_files("exit 0\n"), kind=kind, memory=2048)
    awaited = {
        "once": r"guest once: ended: reset requested \(.*\), -no-reboot",
        "again": r"guest again: started again \(reset 1\)",
        "fault": r"guest fault: triple fault.*, stopped",
        "refault": r"guest refault: triple fault.*, reset",
    }
    while awaited:
        found = machine.expect(list(awaited.values()), timeout=400).re.pattern
        awaited = {name: line for name, line in awaited.items() if line != found}
    Guest(machine, "refault").expect("GUEST-VERDICT 0", timeout=240)
    said = machine.text()
    assert said.count("[once] GUEST-READY") == said.count("[fault] GUEST-READY") == 1
