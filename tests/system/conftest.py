# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures, the choice of tests, and the report of the system tests."""

import os
import re
import shutil

import pytest

import nested
import table
from bench import BUILD, Bench
from machine import USED, MachineError

LOGS = BUILD / "test-logs"
BENCHES = []                    # those in use: a failing test shows their consoles


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="also the long tests (make check-full)")


# The answer of nested.py: "" is yes. Asked once, and inherited by those who run the tests.
if "NESTED_KVM" not in os.environ:
    os.environ["NESTED_KVM"] = nested.why_not(BUILD / "ringvisor.elf") or ""


def machines(*kinds, full=()):
    """Kinds for a test that wants them all; where KVM nests, that is one more."""
    if not os.environ["NESTED_KVM"]:
        kinds += ("qemu-kvm",)
    return [*kinds, *(pytest.param(kind, marks=pytest.mark.full) for kind in full)]


def pytest_configure(config):
    config.addinivalue_line("markers", "full(kind, ...): takes minutes (on those machines, if any "
                            "are named); run by make check-full only")
    config.addinivalue_line("markers", "rows(name): in the table of machines each value of this "
                            "parameter has a row")


def is_long(item):
    kind = item.callspec.params.get("kind") if hasattr(item, "callspec") else None
    return any(not mark.args or kind in mark.args for mark in item.iter_markers("full"))


def pytest_collection_modifyitems(config, items):
    """Long tests are left out, not skipped, unless asked for with --full or by name (-k)."""
    if config.getoption("--full") or config.getoption("keyword"):
        return
    long = [item for item in items if is_long(item)]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def open_bench(name):
    folder = LOGS / re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-")
    shutil.rmtree(folder, ignore_errors=True)
    bench = Bench(folder)
    BENCHES.append(bench)
    return bench


def close_bench(bench):
    BENCHES.remove(bench)
    bench.close()


@pytest.fixture
def bench(request):
    """A bench of the test's own; its logs are in test-logs/TESTNAME."""
    bench = open_bench(request.node.name)
    yield bench
    close_bench(bench)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "setup":
        item.machines = set()
    item.machines |= USED
    USED.clear()
    if report.when == "call" or report.failed:
        report.user_properties.append(("machines", [table.row(item), *table.columns(item)]))
    if not report.failed or (call.excinfo and call.excinfo.errisinstance(MachineError)):
        return
    for bench in BENCHES:
        for machine in bench.machines:
            report.sections.append(("machine", machine.explain()))


def pytest_terminal_summary(terminalreporter):
    """Which test ran on which machine; the line that make check adds up."""
    text = table.text(terminalreporter.stats)
    if os.environ["NESTED_KVM"]:
        text += f"no qemu-kvm: {os.environ['NESTED_KVM']}\n"
    (LOGS / "machines.txt").write_text(text, encoding="utf-8")
    terminalreporter.write_sep("-", "tests x machines")
    terminalreporter.write_line(text)
    count = {key: len(terminalreporter.stats.get(key, [])) for key in ("passed", "failed", "error")}
    terminalreporter.write_line(
        f"system: {count['passed']} passed, {count['failed'] + count['error']} failed")
