# SPDX-License-Identifier: BSD-2-Clause
"""DPDK's testpmd with net_virtio_user: a driver in user space, made by others."""

import itertools
import os
import re
import subprocess
import time

from daemon import wait_for

PREFIX = itertools.count(1)


class Testpmd:
    """One testpmd with a port for each of `paths`; `options` are those of net_virtio_user."""

    __test__ = False            # a name that pytest would collect

    def __init__(self, dir, paths, options="", arguments=(), name="testpmd", lcores="0,1"):
        self.log = dir / f"{name}.log"
        prefix = f"vhost{os.getpid()}x{next(PREFIX)}"
        argv = ["stdbuf", "-oL", "dpdk-testpmd", "--no-huge", "-m", "64", "--no-shconf", "--no-pci",
                "--no-telemetry", "-l", lcores, f"--file-prefix={prefix}"]
        for number, path in enumerate(paths):
            argv += ["--vdev", f"net_virtio_user{number},path={path}{options}"]
        argv += ["--", "-i", "--total-num-mbufs=4096", *arguments]
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=log, stderr=log,
                                            text=True)
        self.commands = 0
        self.wait_prompt()

    def text(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_prompt(self):
        wait_for(f"testpmd's prompt\n{self.text()[-2000:]}",
                 lambda: self.text().count("testpmd>") > self.commands
                 or self.process.poll() is not None, timeout=60)
        assert self.process.poll() is None, self.text()

    def do(self, command):
        self.commands = self.text().count("testpmd>")
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        self.wait_prompt()

    def run(self, mode, seconds, start="start"):
        """Forward in this mode for some seconds."""
        self.do(f"set fwd {mode}")
        self.do(start)
        time.sleep(seconds)

    def stop(self):
        """Stop forwarding; {port: {"RX-packets": n, "TX-packets": n, "TX-dropped": n}}."""
        before = len(self.text())
        self.do("stop")
        wait_for("testpmd's counters", lambda: "Done." in self.text()[before:])
        ports = {}
        for part in self.text()[before:].split("Forward statistics for port ")[1:]:
            ports[int(part.split()[0])] = {
                key: int(value) for key, value in re.findall(r"(\S+): (\d+)", part.split("----\n")[1])}
        return ports

    def close(self):
        """Leave; its exit code has to be 0."""
        if self.process.poll() is None:
            try:
                self.process.stdin.write("quit\n")
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        assert self.process.wait(30) == 0, self.text()

    def kill(self):
        self.process.kill()
        self.process.wait(10)
