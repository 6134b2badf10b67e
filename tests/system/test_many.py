# SPDX-License-Identifier: BSD-2-Clause
"""Many guests on one machine: that they run, what each takes, and what one can do to the others."""

import pytest

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
