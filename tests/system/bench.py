# SPDX-License-Identifier: BSD-2-Clause
"""What a test boots: the hypervisor's ISO with a boot archive made for the test."""

import fcntl
import os
import pathlib
import subprocess
import sys

from machine import Machine
from outside import Outside, Wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("O") or ROOT / "build").resolve()
GUEST = BUILD / "guest" / "linux"

sys.path.insert(0, str(ROOT / "tools"))
import bundle  # noqa: E402  (the project's own packer, for the cpio member of a guest's script)


def make(*words, build=BUILD, timeout=600):
    """Run make quietly; what it said if it fails is in the error."""
    build.mkdir(parents=True, exist_ok=True)
    with open(build / ".test-lock", "w", encoding="ascii") as lock:     # tests run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", "-s", f"O={build}", f"NEWLIB_CACHE={BUILD}/newlib", *words],
                              cwd=ROOT, timeout=timeout, text=True, check=False,
                              env=make_environment(), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"make {' '.join(words)}:\n{done.stdout}"
    return done.stdout


def make_environment():
    """Without what the make that started the tests has left for its own children."""
    return {name: value for name, value in os.environ.items()
            if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "O", "V")}


def linux_files(script=None):
    """The Debian guest's kernel and initial RAM disk.

    A script is added to the disk as /script: a second cpio file after the compressed one, as Linux
    reads it.
    """
    initrd = GUEST / "initrd.cpio.gz"
    if script is not None:
        data, text = initrd.read_bytes(), script.encode()
        initrd = (data + bundle.padding(len(data))
                  + bundle.member("script", len(text), 1, bundle.FILE_MODE) + text
                  + bundle.padding(len(text)) + bundle.member(bundle.TRAILER, 0, 0, 0))
    return {"vmlinuz": GUEST / "vmlinuz", "initrd.cpio.gz": initrd}


class Bench:
    """Machines, wires and outsides of one test (or of a module's tests) and where they log."""

    def __init__(self, dir):
        self.dir = pathlib.Path(dir)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.open = []          # what has to be closed, newest last
        self.machines = []
        self.isos = []

    def iso(self, conf, files=None, cmdline="", build=BUILD, archive=True):
        """An ISO with ringvisor.conf and files (name -> path, bytes or text) as boot archive."""
        number = len(self.isos)
        iso = self.dir / f"boot{number or ''}.iso"
        packed = self.dir / f"boot{number or ''}.cpio"
        folder = self.dir / f"archive{number or ''}"
        if archive:
            pack(conf, files, folder, packed)
        make("iso", f"BUNDLE={packed if archive else ''}", f"ISO={iso}", f"CMDLINE={cmdline}",
             build=build)
        self.isos.append(iso)
        return iso

    def boot(self, conf, files=None, cmdline="", build=BUILD, archive=True, **options):
        """A started machine; `options` are those of Machine."""
        iso = self.iso(conf, files, cmdline, build, archive)
        number = len(self.machines)
        machine = Machine(self.dir / f"run{number}" if number else self.dir, iso, **options)
        self.machines.append(machine)
        self.open.append(machine)
        return machine.start()

    def boot_pvh(self, conf, files=None, cmdline="", **options):
        """The same in QEMU without a boot loader: -kernel, -initrd."""
        packed = self.dir / "boot.cpio"
        pack(conf, files, self.dir / "archive", packed)
        make("all")
        machine = Machine(self.dir, (BUILD / "ringvisor.elf", packed, cmdline), **options)
        self.machines.append(machine)
        self.open.append(machine)
        return machine.start()

    def wire(self):
        wire = Wire()
        self.open.append(wire)
        return wire

    def outside(self, wire):
        outside = Outside(wire, self.dir)
        self.open.append(outside)
        return outside

    def close(self):
        for thing in reversed(self.open):
            thing.close()
        for file in self.dir.glob("www/*"):
            file.unlink()
        for iso in self.isos:           # 15 MB and more each; made again from archive/ if needed
            iso.unlink(missing_ok=True)
            iso.with_suffix(".cpio").unlink(missing_ok=True)


def pack(conf, files, folder, packed):
    """The boot archive, of what is put into a folder for it."""
    folder.mkdir(exist_ok=True)
    for name, content in ({"ringvisor.conf": conf} | (files or {})).items():
        place(folder / name, content)
    subprocess.run([sys.executable, ROOT / "tools/bundle.py", folder, packed], check=True)


def place(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    else:
        path.symlink_to(pathlib.Path(content).resolve())
