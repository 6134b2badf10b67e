#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Pack a folder with ringvisor.conf into a boot archive: cpio "newc", the same bytes each time.

Usage: bundle.py FOLDER OUTPUT

Regular files only, by their path in the folder, in sorted order; owners, times and inode numbers
are fixed. Links are followed: the archive holds what they point to.
"""

import os
import sys

FILE_MODE = 0o100644
TRAILER = "TRAILER!!!"


def member(name, size, number, mode):
    """The header and name of one member, padded to 4 bytes."""
    fields = (number, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name.encode()) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    return head + padding(len(head))


def padding(length):
    return b"\0" * (-length % 4)


def files_below(folder):
    """(path in the archive, path on disk) of every file, in the order they are packed."""
    found = []
    for place, folders, files in os.walk(folder, followlinks=True):
        folders.sort()
        for name in files:
            path = os.path.join(place, name)
            if not os.path.isfile(path):
                sys.exit(f"bundle: {path}: not a regular file")
            found.append((os.path.relpath(path, folder), path))
    return sorted(found)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, output = sys.argv[1:]
    files = files_below(folder)
    if not any(name == "ringvisor.conf" for name, _ in files):
        sys.exit(f"bundle: {folder}/ringvisor.conf is missing")
    with open(output + ".tmp", "wb") as out:
        for number, (name, path) in enumerate(files, 1):
            with open(path, "rb") as file:
                data = file.read()
            if len(data) > 0xFFFFFFFF:
                sys.exit(f"bundle: {path}: larger than a cpio member can be (4 GiB)")
            out.write(member(name, len(data), number, FILE_MODE))
            out.write(data + padding(len(data)))
        out.write(member(TRAILER, 0, 0, 0))
    os.replace(output + ".tmp", output)


if __name__ == "__main__":
    main()
