# SPDX-License-Identifier: BSD-2-Clause
"""What docs/features.md says of the daemon is what it offers; and its command line."""

import pathlib
import re
import subprocess

import pytest

from daemon import PROGRAM, ROOT
from frontend import PROTOCOL, Connection

TEXT = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
# | bit | name | hypervisor | daemon | test |
ROWS = re.findall(r"^\| (\d+) \| (\w+)[^|]* \| [^|]* \| ([^|]*) \|", TEXT, re.M)
OPTIONS = {name: ("2",) if name == "--queues" else () for name in
           ("--packed", "--iommu", "--queues", "--no-indirect")}


def features_with(start, *options):
    daemon = start(*options, name="".join(options) or "none")
    front = Connection(daemon.path)
    features = front.ask_u64("GET_FEATURES")
    front.close()
    daemon.stop()
    return features


def test_table_of_features(start):
    """A bit is offered, depends on an option, or is not there, as its row has it."""
    offered = {name: features_with(start, name, *value) for name, value in OPTIONS.items()}
    default = features_with(start)
    assert len(ROWS) > 45
    known = 1 << 26 | 1 << 30           # VHOST_F_LOG_ALL, VHOST_USER_F_PROTOCOL_FEATURES
    for bit, name, daemon in ROWS:
        bit = 1 << int(bit)
        known |= bit
        option = re.search(r"`(--[a-z-]+)", daemon)
        assert bool(default & bit) == daemon.startswith("offered"), name
        if option:
            assert bool(offered[option[1]] & bit) != bool(default & bit), name
    assert not (default | offered["--packed"] | offered["--iommu"] | offered["--queues"]) & ~known


def test_list_of_protocol_features(start):
    said = re.search(r"^Protocol features offered: ([^.]*)\.", TEXT, re.M)[1]
    front = Connection(start().path)
    offered = front.ask_u64("GET_PROTOCOL_FEATURES")
    front.close()
    assert sum(PROTOCOL[name] for name in re.split(r",\s+", said)) == offered


def test_named_tests_are_there():
    for path, name in re.findall(r"`((?:unit|vhost_user|system|fuzz)/\w+\.\w+)(?:::(\w+))?`", TEXT):
        content = (ROOT / "tests" / path).read_text(encoding="utf-8")
        assert not name or f"def {name}(" in content, f"{path}::{name}"
    here = "".join(path.read_text(encoding="utf-8")
                   for path in pathlib.Path(__file__).parent.glob("test_*.py"))
    for name in re.findall(r"`(?:test_\w+\.py::)?(test_\w+)`", TEXT):
        assert f"def {name}(" in here, name


GOOD = ["--backend", "loop", "--socket", "x.sock"]


@pytest.mark.parametrize("words, why", [
    ([], "--socket: missing"), (["--backend", "loop"], "--socket: missing"),
    (["--socket", "x.sock"], "--backend: missing"),
    ([*GOOD, "--queues", "0"], "--queues 0: expected 1..8"),
    ([*GOOD, "--queues", "9"], "--queues 9: expected 1..8"),
    ([*GOOD, "--queues", "x"], "--queues x: expected 1..8"),
    ([*GOOD, "--queues", ""], "--queues : expected 1..8"),
    ([*GOOD, "more"], "more: not an option"), ([*GOOD, "--unknown"], "unrecognized option '--unknown'"),
    (["--socket"], "option '--socket' requires an argument"),
    ([*GOOD, "--socket", "x.sock"], "--socket x.sock: given twice"),
    (GOOD + [word for i in range(100) for word in ("--socket", f"{i}.sock")],
     "--socket 62.sock: too many, expected up to 63")],
                         ids=lambda value: " ".join(value[:6]) or "nothing" if isinstance(value, list)
                         else "")
def test_wrong_command_lines(folder, words, why):
    done = subprocess.run([PROGRAM, *words], cwd=folder, capture_output=True, text=True, timeout=20,
                          check=False)
    assert done.returncode == 2 and done.stderr.splitlines()[0].endswith(": " + why), done.stderr
    assert done.stderr.splitlines()[1].startswith("usage: ringvisor-vhost")


@pytest.mark.parametrize("backend, socket, why", [
    ("nothing", "x.sock", "nothing: neither loop, switch,"),
    ("tap=", "x.sock", "not a name of 1 to 15 bytes"),
    ("tap=sixteen-bytes-16", "x.sock", "not a name of 1 to 15 bytes"),
    ("pcap=no/such/folder", "x.sock", "no/such/folder: No such file or directory"),
    ("loop", "no/such/folder", "no/such/folder: No such file or directory"),
    ("loop", "x" * 120, "longer than 107 bytes")],
                         ids=["backend", "tap", "long-tap", "pcap", "socket", "long"])
def test_what_cannot_be_opened(folder, backend, socket, why):
    done = subprocess.run([PROGRAM, "--backend", backend, "--socket", socket], cwd=folder,
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and why in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1 and not done.stdout
