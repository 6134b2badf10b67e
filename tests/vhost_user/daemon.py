# SPDX-License-Identifier: BSD-2-Clause
"""ringvisor-vhost, built with sanitizers, as a process of a test."""

import os
import pathlib
import re
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("O") or ROOT / "build").resolve()
PROGRAM = BUILD / "ringvisor-vhost.san"
SANITIZERS = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:")


def wait_for(what, condition, timeout=10):
    """Until condition() is true; its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{timeout} s passed without {what}"
        time.sleep(0.01)


class Daemon:
    """One run of the program. Its sockets and log are in `dir`."""

    def __init__(self, dir, *options, sockets=("a",), backend="loop", name="daemon", prefix=()):
        self.dir = pathlib.Path(dir)
        self.sockets = [self.dir / f"{socket}.sock" for socket in sockets]
        self.log = self.dir / f"{name}.log"
        argv = [*prefix, PROGRAM, "--backend", backend, *options]
        for socket in self.sockets:
            argv += ["--socket", socket]
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for("the daemon being ready",
                 lambda: "ringvisor-vhost: ready" in self.text() or self.process.poll() is not None)
        assert self.process.poll() is None, self.text()

    @property
    def path(self):
        return str(self.sockets[0])

    def text(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def mark(self):
        """Where the log is now, for since()."""
        return len(self.text())

    def since(self, mark):
        return self.text()[mark:]

    def counters(self):
        """What SIGUSR1 shows: {"port a.sock": {"rx_frames": 1, ...}, "ring a.sock 0": ...}."""
        mark = self.mark()
        self.process.send_signal(signal.SIGUSR1)
        last = f"ring {self.sockets[-1].name} "
        wait_for("counters", lambda: last in self.since(mark))
        time.sleep(0.05)
        return parse_counters(self.since(mark))

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def stop(self):
        """End it; nothing may be wrong with its memory or its exit code. The last counters."""
        assert self.process.poll() is None, f"it has ended:\n{self.text()}"
        mark = self.mark()
        self.process.terminate()
        code = self.process.wait(20)
        assert code == 0 and not SANITIZERS.search(self.text()), self.text()
        return parse_counters(self.since(mark))


def parse_counters(text):
    counters = {}
    for name, words in re.findall(r"^((?:device|port|ring) [^:\n]+): ?(.*)$", text, re.M):
        counters.setdefault(name, {}).update(
            (key, int(value, 0)) for key, value in re.findall(r"(\S+)=(\S+)", words))
    return counters
