# SPDX-License-Identifier: BSD-2-Clause
"""The hypervisor's monitor as a script uses it."""

import re

CTRL_A = "\x01"
PROMPT = r"\(ringvisor\) "


class Monitor:
    """Between enter() and leave() what is typed goes to the monitor."""

    def __init__(self, machine):
        self.machine = machine

    def enter(self):
        self.machine.send(CTRL_A + "c")
        self.machine.expect(PROMPT)
        return self

    def leave(self):
        self.machine.send(CTRL_A + "c")
        self.machine.expect(r"input goes to guest [^\r\n]*\r*\n")

    def run(self, line):
        """The answer to a command, lines in a list; guests' output in between is left out."""
        self.machine.send(line + "\r")
        self.machine.expect(re.escape(line) + r"\r*\n")
        self.machine.expect(PROMPT)
        answer = self.machine.console.before.replace("\r", "").split("\n")
        return [text for text in answer if text and not text.startswith("[")]

    def info(self, name):
        """info NAME as {"vcpu lin.0": {key: value}}; of lines of one name and key the last counts."""
        found = {}
        for line in self.run(f"info {name}"):
            what, _, words = line.partition(": ")
            pairs = dict(re.findall(r'(\w+)=("[^"]*"|\S+)', words))
            found.setdefault(what, {}).update(pairs)
        return found
