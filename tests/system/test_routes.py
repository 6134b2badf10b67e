# SPDX-License-Identifier: BSD-2-Clause
"""The ways to boot, in QEMU: firmware and GRUB, or QEMU's own loader; and make run, which takes one.

Bochs boots from the same ISO in all tests that run there.
"""

import re
import socket
import subprocess
import time

import pexpect
import pytest

from bench import BUILD, ROOT, Bench, make, make_environment

CONF = """\
guest tiny -kernel pio.elf -m 8M -device isa-debug-exit,iobase=0xf4,iosize=0x04
"""
ROUTES = {
    "bios": (Bench.boot, {}, "multiboot2 by GRUB", 0),
    "uefi": (Bench.boot, {"uefi": True}, "multiboot2 by GRUB", 2),      # ACPI's table from GRUB alone
    "pvh": (Bench.boot_pvh, {}, "pvh", 0),
}
SHELL_S = 60                    # 5 on a machine that has nothing else to do


def tiny():
    """A guest of tests/guest."""
    subprocess.run(["make", "-s", "-f", "tests/guest/Makefile", f"O={BUILD}", "GUESTS=pio"], cwd=ROOT,
                   env=make_environment(), check=True, timeout=300)
    return {"pio.elf": BUILD / "guest" / "tests" / "pio.elf"}


@pytest.mark.parametrize("route", ROUTES)
def test_route(bench, route):
    """Banner, command line, all CPUs, a guest to its end, power off."""
    boot, options, how, acpi = ROUTES[route]
    machine = boot(bench, CONF, tiny(), cmdline="loglevel=2", kind="tcg", cpus=2, **options)
    machine.expect(r"guest tiny: ended by isa-debug-exit, code 33", 120)
    machine.expect_end()
    said = machine.text()
    for pattern in (r"^Ringvisor \S+ \(config [0-9a-f]{8}\)", rf'^boot: {how}.*, command line "loglevel=2"',
                    rf"^acpi: revision {acpi},", r"^smp: 2 of 2 CPUs online", r"^\[tiny\] PASS pio"):
        assert re.search(pattern, said, re.M), f"no line like {pattern}\n{said}"


def test_pvh_without_archive(bench):
    """One line, and off."""
    make("all")
    machine = bench.boot_pvh(CONF, {}, kind="tcg")
    machine.expect(r"guest tiny: -kernel pio.elf: not in the boot archive")
    machine.expect_end()


# ---- make run ----

def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def start_run(log, **words):
    """make run as in a terminal; the build it uses is there."""
    run = pexpect.spawn("make", ["-s", "run", f"O={BUILD}", *(f"{k}={v}" for k, v in words.items())],
                        cwd=str(ROOT), env=make_environment(), encoding="utf-8", codec_errors="replace",
                        timeout=SHELL_S)
    run.logfile_read = open(log, "w", encoding="utf-8")
    return run


def curl(port):
    return subprocess.run(["curl", "-s", "-m", "10", f"localhost:{port}"], text=True, check=False,
                          stdout=subprocess.PIPE).stdout


def test_make_run(bench):
    """To the guest's shell; its web server answers the developer's curl; Ctrl-] leaves."""
    port = free_port()
    make("all")
    begin = time.monotonic()
    run = start_run(bench.dir / "console.log", PORT=port)
    try:
        run.expect(r"Machine: (QEMU [^\r\n]*)")
        run.expect(rf"curl localhost:{port}\r")
        run.expect(r"GUEST-NET eth0 10\.0\.2\.15/24 by DHCP")
        run.expect("guest# ")
        assert time.monotonic() - begin < SHELL_S
        said = curl(port)
        assert re.match(r"Hello from a guest of Ringvisor: Linux 6\.1\.", said), said
        run.send("echo $((6 * 7)) from the shell\n")
        run.expect("42 from the shell")
        run.send("\x01c")
        run.expect(r"\(ringvisor\) ")
        run.send("info vhost\r")
        kicks = run.expect([r"debian/net0\S* [^\r\n]*kicks=[1-9]", r"\(ringvisor\) "])
        assert kicks == 0, "the guest's frames did not go through its rings"
        run.send("\x1d")
        run.expect("The machine is switched off.")
        run.expect(pexpect.EOF)
        run.close()
        assert run.exitstatus == 0
    finally:
        run.close(force=True)


@pytest.mark.parametrize("words, complaint", [
    ({"ACCEL": "xen"}, "ACCEL=xen is none of kvm, tcg, bochs"),
    ({"PORT": "taken"}, "PORT=taken: not a port, expected 1..65535"),
    ({"PORT": "0"}, "PORT=0: not a port, expected 1..65535"),
])
def test_make_run_says_what_is_wrong(bench, words, complaint):
    run = start_run(bench.dir / "console.log", **words)
    run.expect_exact(complaint)
    run.expect(pexpect.EOF)
    run.close()
    assert run.exitstatus != 0
