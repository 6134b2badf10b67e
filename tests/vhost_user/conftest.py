# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures, the choice of tests, and the report of the vhost-user tests."""

import re
import shutil
import tempfile
import pathlib

import pytest

from daemon import BUILD, Daemon

LOGS = BUILD / "test-logs" / "vhost"


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


@pytest.fixture
def folder(request):
    """A folder for logs and sockets, whose paths must be short: it is kept in test-logs/vhost."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="vhost-"))
    yield path
    kept = LOGS / re.sub(r"[^A-Za-z0-9_.-]+", "-", request.node.name).strip("-")
    shutil.rmtree(kept, ignore_errors=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, kept)


@pytest.fixture
def start(folder):
    """Start daemons; the test ends well only if they do."""
    daemons = []

    def start_one(*options, **settings):
        daemons.append(Daemon(folder, *options, **settings))
        return daemons[-1]

    yield start_one
    for daemon in daemons:
        if daemon.process.poll() is None:
            daemon.stop()
        else:
            assert daemon.process.returncode in (0, -9), daemon.text()


def pytest_terminal_summary(terminalreporter):
    """The line that make check adds up."""
    count = {key: len(terminalreporter.stats.get(key, [])) for key in ("passed", "failed", "error")}
    terminalreporter.write_line(
        f"vhost: {count['passed']} passed, {count['failed'] + count['error']} failed")
