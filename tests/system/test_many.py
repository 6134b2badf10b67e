# SPDX-License-Identifier: BSD-2-Clause
"""Many guests on one machine: that they run, what each takes, and what one can do to the others."""

import re
import statistics

import pytest

import test_guests
from bench import linux_files
from several import Several, address, conf

KIB = 1 << 10
RAM = 96 << 20                  # of each
OVERHEAD = 512 * KIB            # of each, besides that


def overhead(several, count):
    """What each of so many equal guests takes besides its RAM, as `info mem` has it."""
    told = several.info("mem")
    of_guests = {key: int(value) for key, value in told["mem overhead"].items()}
    parts = of_guests["nested_paging"] + of_guests["vhost"] + of_guests["heap"]
    assert of_guests["guests"] == count
    assert of_guests["average"] == parts // count
    assert int(told["mem guests"]["bytes"]) == count * RAM
    assert int(told["mem vhost"]["bytes"]) == of_guests["vhost"] > 0
    return of_guests["average"]


@pytest.mark.parametrize("count", [4, pytest.param(16, marks=pytest.mark.full)])
def test_boot(bench, count):
    """They start, 16 of them in 2.5 GiB; each answers a ping; none takes more than it may."""
    names = [f"g{number}" for number in range(count)]
    several = Several(bench, names, conf(names), kind="tcg", cpus=2,
                      memory=2560 if count == 16 else 1024)
    for number in range(count):
        told = several.outside.run(["ping", "-q", "-c", "3", "-i", "0.2", "-W", "20",
                                    address(number)]).stdout
        assert " 3 received" in told, told + several.machine.explain()
    assert 64 * KIB < overhead(several, count) < OVERHEAD
    several.machine.send("\x01cquit\r")
    several.machine.expect("summary: memory still held for guests: ram=0 tables=0 vhost=0 ")


# ---- A guest that floods ----

# The tiny guest of tests/guest/flood.c; -append says how it ends.
FLOOD = """\
guest {name} -kernel flood.elf -m 8M -append "{words}" {options}
	-netdev tap,id=net0 -device virtio-net-pci,netdev=net0,mac={mac},addr=0x3
"""


def flooders(words, options=""):
    """ringvisor.conf for flooding guests by name, and what to boot them with."""
    text = "".join(FLOOD.format(name=name, words=word, options=options,
                                mac=f"52:54:00:00:02:{number:02x}")
                   for number, (name, word) in enumerate(words.items(), 1))
    return text, linux_files() | {"flood.elf": test_guests.build() / "flood.elf"}


def pings(several, name, count, to):
    """The round trips of a guest's pings, in milliseconds of the machine's time."""
    told = several.guest(name).check(f"ping -c {count} -i 0.02 -s 18 {to}", timeout=300)
    assert f"{count} packets transmitted, {count} packets received" in told, told
    return [float(time) for time in re.findall(r"time=([0-9.]+) ms", told)]


def fair_ping(bench, kind, cpus, workers, count):
    """One guest sends 64-byte frames as fast as it can: no ping between two others is lost, and half
    of them take less than four times as long as before. All guests share one CPU.
    """
    text, files = flooders({"flood": ""})
    text = (conf(["ask", "answer"]) + text).replace("-kernel", "-cpu-affinity 0 -kernel")
    several = Several(bench, ["ask", "answer"], workers + text, kind=kind, cpus=cpus, memory=512,
                      files=files, stopped=["flood"])
    several.outside.run(["ping", "-q", "-c", "2", address(0)])     # now its address is known
    idle = statistics.median(pings(several, "ask", count, address(1)))
    several.monitor("cont flood")
    several.machine.expect("FLOODING")
    before = int(several.info("net")["port flood.net0"]["rx_frames"])
    flood = statistics.median(pings(several, "ask", count, address(1)))
    assert int(several.info("net")["port flood.net0"]["rx_frames"]) > before + 20000
    print(f"median {idle:.3f} ms, with the flood {flood:.3f} ms")
    assert flood < 4 * idle


def test_fair_ping(bench):
    fair_ping(bench, "qemu-svm", 1, "", 20)


# ---- Guests that end while they flood ----

# By name: -append, the line that it comes to by itself, and what the operator does then.
ENDS = {
    "crash": ("crash", r"guest crash: triple fault.*, stopped", None),
    "reset": ("reset", r"(?s)\[reset\] FLOODING.*\[reset\] FLOODING", "poweroff reset"),
    "break": ("break", r"vhost: break/net0: queue \d broken by the driver", "poweroff break"),
    "deaf": ("", r"\[deaf\] FLOODING", "poweroff deaf"),
}


def memory(several):
    return {what: pairs["bytes"] for what, pairs in several.info("mem").items() if "bytes" in pairs}


def expect_ended(several, name, command):
    """Given again if need be: what the guest itself asked for at that moment comes first."""
    for _ in range(20):
        if command:
            several.monitor(command)
        if several.info("guests")[f"guest {name}"]["state"] == "ended":
            return
    assert False, f"{name} does not end\n{several.machine.explain()}"


def end_all(several):
    """Each of the four is made anew, floods, and comes to its end."""
    for name, (_, line, last) in ENDS.items():
        several.monitor(f"reset {name}")
        several.machine.expect(line, timeout=30)
        expect_ended(several, name, last)


def test_ends_of_flooders(bench):
    """Four guests that flood and never take what they are sent crash, reset, break their queue, or
    are ended: pings between two others get through, and memory is as it was, to the byte.
    """
    text, files = flooders({name: words for name, (words, _, _) in ENDS.items()})
    several = Several(bench, ["ask", "answer"], conf(["ask", "answer"]) + text, kind="tcg", cpus=2,
                      memory=1024, files=files, stopped=list(ENDS))
    several.outside.run(["ping", "-q", "-c", "2", address(0)])
    several.monitor(*(f"poweroff {name}" for name in ENDS))
    end_all(several)                    # once, so that all have been what they can be
    before = memory(several)
    several.guest("ask").check(f"ping -q -i 0.1 {address(1)} >/tmp/pings & sleep 1")
    end_all(several)
    told = several.guest("ask").check("killall -INT ping; sleep 1; cat /tmp/pings")
    assert memory(several) == before
    assert " 0% packet loss" in told, told
    assert int(re.search(r"(\d+) packets received", told).group(1)) >= 10, told
