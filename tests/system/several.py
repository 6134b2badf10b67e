# SPDX-License-Identifier: BSD-2-Clause
"""Several Debian guests on one machine, and an outside: whom one types to, and what is counted."""

import re

from bench import linux_files
from guest import Guest, linux
from monitor import Monitor
from outside import NETWORK


def address(number):
    """Of the guest with that number, from 0."""
    return f"{NETWORK}.{20 + number}"


def conf(names, memory="96M", vcpus=1, more=None, **options):
    """The lines of ringvisor.conf for guests with fixed addresses; `more`: name -> further lines."""
    text = ""
    for number, name in enumerate(names):
        text += linux(name, f"rv.shell=plain rv.net={address(number)}/24", memory=memory,
                      mac=f"52:54:00:00:01:{number + 1:02x}", **options)
        text += (more or {}).get(name, "")
    return text.replace("-smp 1", f"-smp {vcpus}")


class Several:
    """Guests that have booted, the first nine with a key of their own.

    `stopped` are further ones, which are made to wait at once for what is to come (cont NAME).
    """

    def __init__(self, bench, names, conf, outside=True, files=None, stopped=(), **options):
        self.names = list(names)
        self.wire = bench.wire()
        self.outside = bench.outside(self.wire) if outside else None
        self.machine = bench.boot(conf, files or linux_files(), wire=self.wire, **options)
        self.typing = self.names[0]
        if stopped:
            self.machine.expect(f"guest {stopped[-1]}: started")
            self.monitor(*(f"stop {name}" for name in stopped))
        self.expect_all("GUEST-READY", 300)

    def said(self, name):
        """What a guest has said, in one piece: the console cuts its lines where another speaks."""
        return "".join(re.findall(rf"(?m)^\[{name}\] (.*)$", self.machine.text()))

    def expect_all(self, words, timeout):
        """Wait until each guest has said this, whatever the order."""
        waiting = set(self.names)
        while waiting:
            self.machine.expect(r"\n", timeout=timeout)
            waiting = {name for name in waiting if words not in self.said(name)}

    def guest(self, name):
        """The guest that is typed to from now on."""
        if name != self.typing:
            self.machine.send(f"\x01{self.names.index(name) + 1}")
            self.machine.expect(rf"input goes to guest {name} [^\r\n]*\r*\n")
            self.typing = name
        return Guest(self.machine, name)

    def monitor(self, *lines):
        """The answers to commands."""
        monitor = Monitor(self.machine).enter()
        answers = [monitor.run(line) for line in lines]
        monitor.leave()
        return answers

    def info(self, name):
        monitor = Monitor(self.machine).enter()
        found = monitor.info(name)
        monitor.leave()
        return found

    def ports(self):
        return {what.split()[1]: pairs for what, pairs in self.info("switch").items()
                if what.startswith("port ")}

    def healthy(self):
        return self.guest(self.names[0]).run("true", timeout=15)[0] == 0
