#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Check the house style in what .clang-format leaves to the author.

Usage: check_style.py FILE...

Licence line, tabs, line width, trailing space, leftovers, the length of functions and files.
"""

import re
import sys

MAX_COLUMNS = 100
MAX_FUNCTION = 60
MAX_FILE = 600
TABLE_ROW = re.compile(r"\t+\{ .*\},$")     # stays one line
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX)\b")
SPDX = "SPDX-License-Identifier: BSD-2-Clause"


def check_line(line):
    if line != line.rstrip():
        yield "trailing white space"
    if len(line.expandtabs(8)) > MAX_COLUMNS and not TABLE_ROW.match(line):
        yield f"longer than {MAX_COLUMNS} columns"
    if re.match(r"\t* {8}", line):
        yield "indented with spaces"
    if LEFTOVER.search(line):
        yield "leftover note"


def check_functions(lines):
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            if number - start - 1 > MAX_FUNCTION:
                yield start, f"function of {number - start - 1} lines, at most {MAX_FUNCTION}"
            start = None


def check_file(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    lines = text.splitlines()
    if not lines or SPDX not in lines[0]:
        yield 1, "no licence line"
    if len(lines) > MAX_FILE:
        yield len(lines), f"file longer than {MAX_FILE} lines"
    if not text.endswith("\n"):
        yield len(lines), "no newline at the end"
    for number, line in enumerate(lines, 1):
        for what in check_line(line):
            yield number, what
    yield from check_functions(lines)


def main():
    found = 0
    for path in sys.argv[1:]:
        for number, what in check_file(path):
            print(f"{path}:{number}: {what}")
            found += 1
    if found or not sys.argv[1:]:
        sys.exit(f"the house style: {found} mistakes in {len(sys.argv) - 1} files (make format-check)")


if __name__ == "__main__":
    main()
