# SPDX-License-Identifier: BSD-2-Clause
"""Each configuration of configs/ builds, keeps the image's promises, and boots a guest."""

import hashlib
import shutil

import pytest

from bench import BUILD, ROOT, linux_files, make
from guest import Guest, linux

CONFIGS = sorted(path.name.removesuffix("_defconfig") for path in (ROOT / "configs").iterdir()
                 if path.name.endswith("_defconfig"))


def build(config, folder, *words):
    make(f"{config}_defconfig" if config else "defconfig", build=folder)
    make("all", "check-image", *words, build=folder)
    return folder / "ringvisor.elf"


@pytest.mark.parametrize("config", CONFIGS)
def test_config(bench, config):
    """It builds; a guest boots in it."""
    folder = BUILD / "configs" / config
    build(config, folder)
    machine = bench.boot(linux(nic=False), linux_files("exit 0\n"), build=folder)
    Guest(machine).expect("GUEST-VERDICT 0", timeout=300)


def test_reproducible(bench):
    """Two builds of the same tree, in different folders, are the same bytes."""
    digests = []
    for name in "one", "another":
        image = build("", bench.dir / name)
        digests.append(hashlib.sha256(image.read_bytes()).hexdigest())
        shutil.rmtree(bench.dir / name)
    assert digests[0] == digests[1]


@pytest.mark.skipif(not shutil.which("clang"), reason="clang is not installed")
def test_clang(bench):
    """clang builds the tree too."""
    folder = BUILD / "configs" / "clang"
    build("", folder, "LLVM=1", f"NEWLIB_CACHE={folder}/newlib")
