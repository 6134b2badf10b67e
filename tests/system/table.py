# SPDX-License-Identifier: BSD-2-Clause
"""The table of tests and machines at the end of a run: what ran where, and how it went.

A row is a test function with all its parameters, or one value of the parameter that its marker
rows() names. A column is a kind of machine of machine.py.
"""

from machine import KINDS


def row(item):
    file = item.path.stem.removeprefix("test_")
    rows = item.get_closest_marker("rows")
    if rows:
        return f"{file}: {item.callspec.params[rows.args[0]]}"
    return f"{file}: {item.originalname.removeprefix('test_').replace('_', ' ')}"


def columns(item):
    """Those that the test has listened to, and the one it is about, which may have run before."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return sorted(item.machines | {params.get("kind")} & set(KINDS))


def cells(stats):
    """{row: {kind: [passed, failed]}} of pytest's reports."""
    found = {}
    for key in "passed", "failed", "error":
        for report in stats.get(key, []):
            for name, value in getattr(report, "user_properties", ()):
                if name == "machines":
                    for kind in value[1:]:
                        cell = found.setdefault(value[0], {}).setdefault(kind, [0, 0])
                        cell[key != "passed"] += 1
    return found


def mark(passed, failed):
    if failed:
        return f"{failed} FAILED" if failed > 1 or passed else "FAILED"
    return f"ok {passed}" if passed > 1 else "ok"


def text(stats):
    found = cells(stats)
    kinds = [kind for kind in KINDS if any(kind in row for row in found.values())]
    width = max(map(len, found), default=0) + 2
    lines = ["".ljust(width) + " ".join(kind.rjust(11) for kind in kinds)]
    for name in sorted(found):
        marks = [mark(*found[name][kind]) if kind in found[name] else "-" for kind in kinds]
        lines.append(name.ljust(width) + " ".join(text.rjust(11) for text in marks))
    lines += [f"{kind}: {KINDS[kind].about}" for kind in kinds]
    return "\n".join(lines) + "\n"
