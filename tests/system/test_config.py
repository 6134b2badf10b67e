# SPDX-License-Identifier: BSD-2-Clause
"""ringvisor.conf and what it names: each mistake is one clear line, and costs that guest alone."""

import pytest

from bench import GUEST, linux_files
from guest import Guest, linux

# Each: the lines of one guest, and what the console has to say of it after "ringvisor.conf:LINE: ".
MISTAKES = [
    ("guest nokernel -m 64M\n", "guest nokernel: -kernel: missing, expected a file of the boot archive"),
    ("guest size -m 12Q -kernel k\n", 'guest size: -m 12Q: not a size, expected 2M..1T'),
    ("guest odd -m 3M -kernel k\n", 'guest odd: -m 3M: not a multiple of 2M, expected 2M..1T'),
    ("guest word -kernel k -bios x\n", 'guest word: -bios: unknown, expected -m -smp -cpu -cpu-affinity'),
    ("guest many -smp 99 -kernel k\n", 'guest many: -smp 99: out of range, expected 1..64'),
    ("guest nonetdev -kernel k\n\t-device virtio-net-pci,netdev=n0\n",
     "guest nonetdev: -device virtio-net-pci,netdev=n0: no such -netdev"),
    ("guest mac -kernel k -netdev tap,id=n0\n\t-device virtio-net-pci,netdev=n0,mac=01:00:00:00:00:01\n",
     "mac"),
    ("guest ring -kernel k -netdev tap,id=n0\n\t-device virtio-net-pci,netdev=n0,rx_queue_size=100\n",
     "rx_queue_size"),
    ("guest legacy -kernel k -netdev tap,id=n0\n\t-device virtio-net-pci,netdev=n0,iommu_platform=on\n", "iommu_platform"),
    ("guest card -kernel k -device e1000,netdev=n0\n", '-device e1000: unknown device'),
    ("gast typo -kernel k\n", 'gast: unknown, expected guest NAME ... or set NAME=VALUE'),
    ('guest quote -kernel k -append "abc\n', "guest quote: quotation mark not closed"),
]


def numbered(mistakes):
    """The whole file and, for each mistake, the line number of its last line."""
    conf, where = "# mistakes\n", []
    for lines, _ in mistakes:
        conf += lines
        where.append(conf.count("\n"))
    return conf, where


def test_mistakes(bench):
    """File, line, guest and option of each; the guest after them starts."""
    conf, where = numbered(MISTAKES)
    machine = bench.boot(conf + linux("good", nic=False), linux_files("exit 0\n"))
    Guest(machine, "good").expect(r"GUEST-VERDICT 0", timeout=240)
    said = machine.text()
    for line, (_, text) in zip(where, MISTAKES):
        found = [l for l in said.splitlines() if f"ringvisor.conf:{line}: " in l]
        assert len(found) == 1 and text in found[0], f"line {line}: {text}\n{said}"
    machine.expect_end()


# Files that are no guest image, and what is said of them: it names the file.
IMAGES = {
    "absent": ("nofile", None),
    "empty": ("empty", b""),
    "text": ("text", b"Not a kernel, whatever else it may be.\n" * 100),
    "cut": ("cut", None),
    "big": ("vmlinuz", None),
}


def test_images(bench):
    """Images that are missing, empty, something else, cut short or too large: one line each."""
    kernel = (GUEST / "vmlinuz").read_bytes()
    conf = "".join(f"guest {guest} -m {'16M' if guest == 'big' else '256M'} -kernel {file}\n"
                   for guest, (file, _) in IMAGES.items())
    files = {"empty": b"", "text": IMAGES["text"][1], "cut": kernel[:len(kernel) // 2]}
    machine = bench.boot(conf + linux("good", nic=False), linux_files("exit 0\n") | files)
    Guest(machine, "good").expect(r"GUEST-VERDICT 0", timeout=240)
    said = machine.text().splitlines()
    for guest, (file, _) in IMAGES.items():
        found = [line for line in said if guest in line and file in line]
        assert len(found) == 1, f"guest {guest}, {file}: {found}\n" + machine.explain()


@pytest.mark.parametrize("conf", ["", "# only a comment\n"], ids=["empty", "comment"])
def test_no_guest(bench, conf):
    """A configuration without a guest is said, and ends as configured: nothing hangs."""
    machine = bench.boot(conf)
    machine.expect("summary: no guest was started")
    assert "power off" in machine.expect_end()
