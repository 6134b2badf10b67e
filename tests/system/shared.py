# SPDX-License-Identifier: BSD-2-Clause
"""A machine that several tests of a file use one after the other, since booting takes long.

A test that leaves it in a state where it does not answer costs the next one a new boot, and not
its verdict.
"""

import pytest

from conftest import close_bench, open_bench
from machine import MachineError


class Shared:
    """make(bench) boots it: something with healthy(), which is asked before each further test."""

    def __init__(self, name, make):
        self.name, self.make = name, make
        self.boots = 0
        self.bench = self.thing = None

    def get(self):
        if self.thing and not self._healthy():
            self.close()
        if not self.thing:
            self.close()
            self.boots += 1
            self.bench = open_bench(f"{self.name}{self.boots if self.boots > 1 else ''}")
            self.thing = self.make(self.bench)
        return self.thing

    def _healthy(self):
        try:
            return self.thing.healthy()
        except (MachineError, OSError):
            return False

    def close(self):
        self.thing = None
        if self.bench:
            close_bench(self.bench)
            self.bench = None


class PerKind:
    """One Shared for each kind of machine, made by make(bench, kind).

    In the file of the tests `kind = SHARED.fixture()`: its tests run with each kind, all with one
    before the next, and the machine goes after the last of them.
    """

    def __init__(self, name, make, kinds):
        self.name, self.make, self.kinds = name, make, kinds
        self.shared = {}

    def fixture(self):
        @pytest.fixture(scope="module", params=self.kinds)
        def kind(request):
            yield request.param
            if request.param in self.shared:
                self.shared.pop(request.param).close()
        return kind

    def get(self, kind):
        if kind not in self.shared:
            self.shared[kind] = Shared(f"{self.name}-{kind}",
                                       lambda bench: self.make(bench, kind))
        return self.shared[kind].get()
