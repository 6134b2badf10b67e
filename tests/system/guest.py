# SPDX-License-Identifier: BSD-2-Clause
"""The Debian guest of tests/guest/linux as a test sees it: lines on the console, commands typed."""

import itertools
import re

# Continued below the guest's line by whatever a test adds, such as NIC. The self-tests of Linux's
# cryptography would take as long as the rest of its boot.
LINUX = """\
guest {name} -m {memory} -smp 1 -kernel vmlinuz -initrd initrd.cpio.gz
	-append "console=ttyS0 quiet panic=-1 cryptomgr.notests {append}"
"""

NIC = """\
	-netdev tap,id=net0,br=br0,vhost=on
	-device virtio-net-pci,netdev=net0,mac={mac}{options}
"""


def linux(name="lin", append="rv.shell=plain", nic=True, memory="256M", mac="52:54:00:00:01:01",
          options=""):
    """The lines of ringvisor.conf for one Debian guest; `options` as in ",mrg_rxbuf=off"."""
    text = LINUX.format(name=name, memory=memory, append=append if nic else f"{append} rv.net=none")
    return text + (NIC.format(mac=mac, options=options) if nic else "")


class Guest:
    """One guest's part of a machine's console; its lines begin with "[name] "."""

    def __init__(self, machine, name="lin"):
        self.machine = machine
        self.prefix = f"[{name}] " if name else ""
        self.number = itertools.count(1)

    def expect(self, pattern, timeout=60):
        """Wait for a line of this guest that contains the pattern."""
        return self.machine.expect(rf"(?m)^{re.escape(self.prefix)}[^\r\n]*?(?:{pattern})", timeout)

    def expect_ready(self, timeout=240):
        self.expect(r"GUEST-READY [^\r\n]*\r*\n", timeout)
        return self

    def run(self, command, timeout=60):
        """Type a command at the plain shell; (exit code, output without the prefixes)."""
        number = next(self.number)
        self.machine.send(f'{command}\necho "GUEST-RC {number} $?"\n')
        match = self.expect(rf"GUEST-RC {number} (\d+)\r*\n", timeout)
        lines = self.machine.console.before.replace("\r", "").split("\n")
        if self.prefix:
            lines = [line[len(self.prefix):] for line in lines if line.startswith(self.prefix)]
        return int(match.group(1)), "\n".join(lines)

    def check(self, command, timeout=60):
        """As run(), for a command that has to succeed; its output."""
        code, output = self.run(command, timeout)
        assert code == 0, f"{command}: exit code {code}\n{output}\n{self.machine.explain()}"
        return output
