# SPDX-License-Identifier: BSD-2-Clause
"""What the hypervisor says when it is broken itself, and that every CPU stops then."""

import pytest

from bench import BUILD, linux_files, make
from guest import linux

# crash=WAY of arch/x86/crash.c: the first line, the next one, a function in the backtrace.
WAYS = {
    "panic": (r"crash: on purpose", None, "crash_panic"),
    "read": (r"#PF page fault", r"read of 0000000000001000: not mapped", "crash_read"),
    "text": (r"#PF page fault", r"write of ffffffff8[0-9a-f]{7}: not permitted", "crash_text"),
    "rodata": (r"#PF page fault", r"write of ffffffff8[0-9a-f]{7}: not permitted", "crash_rodata"),
    "alias": (r"#PF page fault", r"write of ffff8000[0-9a-f]{8}: not mapped", "crash_alias"),
    "execute": (r"#PF page fault", r"execution of ffffffff8[0-9a-f]{7}: not permitted", "timer_run"),
    "stack": (r"#DF double fault", r"stack overflow", "recurse"),
    "canary": (r"stack overwritten", None, "crash_canary"),
    "free": (r"mem: heap: free of what is not allocated", None, "mem_free"),
}


def debug_build():
    folder = BUILD / "configs" / "debug"
    make("debug_defconfig", build=folder)
    make("all", build=folder)
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_panic(bench, way):
    """On the last of two CPUs: the reason, registers, a backtrace with names, the end."""
    first, second, function = WAYS[way]
    machine = bench.boot("", build=debug_build(), archive=False, kind="tcg", cpus=2,
                         cmdline=f"crash={way}")
    machine.expect(rf"panic: CPU 1: {first}")
    if second:
        machine.expect(second)
    if first.startswith("#"):
        machine.expect(r"  rip [0-9a-f]{16} cs 0008 rflags [0-9a-f]{8} rsp [0-9a-f]{16}")
        machine.expect(r"  cr0 [0-9a-f]{8} cr2 [0-9a-f]{16} cr3 [0-9a-f]{8}")
    machine.expect(rf"(?s)backtrace:.*  [0-9a-f]{{16}} {function}\+")
    machine.expect(r"ringvisor: halted\r*\n")
    assert machine.alive()


def test_guest_state(bench):
    """With a guest entered, its state is told too."""
    machine = bench.boot(linux(nic=False), linux_files("sleep 100\n"), build=debug_build(),
                         cmdline="crash=read")
    machine.expect(r"panic: CPU 0: #PF page fault", timeout=120)
    machine.expect(r"backtrace:")
    machine.expect(r"guest state:")
    machine.expect(r"ringvisor: halted\r*\n")
