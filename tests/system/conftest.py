# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures, the choice of tests, and the report of the system tests."""

import re
import shutil

import pytest

from bench import BUILD, Bench
from machine import MachineError

LOGS = BUILD / "test-logs"
BENCHES = []                    # those in use: a failing test shows their consoles


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="also the long tests (make check-full)")


def pytest_configure(config):
    config.addinivalue_line("markers", "full: takes minutes; run by make check-full only")


def pytest_collection_modifyitems(config, items):
    """Long tests are left out, not skipped, unless asked for with --full or by name (-k)."""
    if config.getoption("--full") or config.getoption("keyword"):
        return
    long = [item for item in items if item.get_closest_marker("full")]
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
    if not report.failed or (call.excinfo and call.excinfo.errisinstance(MachineError)):
        return
    for bench in BENCHES:
        for machine in bench.machines:
            report.sections.append(("machine", machine.explain()))


def pytest_terminal_summary(terminalreporter):
    """The line that make check adds up."""
    count = {key: len(terminalreporter.stats.get(key, [])) for key in ("passed", "failed", "error")}
    terminalreporter.write_line(
        f"system: {count['passed']} passed, {count['failed'] + count['error']} failed")
