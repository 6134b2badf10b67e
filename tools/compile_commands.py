#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write compile_commands.json (JSON Compilation Database) for the objects of a configuration.

Usage: compile_commands.py COMPILER OUTPUT-FOLDER OBJECT... -- FLAG...
"""

import json
import os
import sys


def main():
    split = sys.argv.index("--")
    compiler, output, *objects = sys.argv[1:split]
    flags = sys.argv[split + 1 :]
    commands = []
    for name in objects:
        source = os.path.splitext(name)[0] + ".c"
        if not os.path.exists(source):
            continue  # assembly
        target = os.path.join(output, name)
        commands.append(
            {
                "directory": os.getcwd(),
                "file": source,
                "output": target,
                "arguments": [compiler, *flags, "-c", "-o", target, source],
            }
        )
    json.dump(commands, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
