# SPDX-License-Identifier: BSD-2-Clause
"""Can this host run a guest's VT-x or AMD-V? /dev/kvm may be there and not do it: try, don't assume."""

import fcntl
import os
import struct
import subprocess
import tempfile

KVM_GET_API_VERSION = 0xAE00            # <linux/kvm.h>
KVM_CREATE_VM = 0xAE01
KVM_GET_SUPPORTED_CPUID = 0xC008AE05
KVM_API_VERSION = 12
CPUID_ENTRIES = 256
CPUID_ENTRY = struct.Struct("=10I")     # struct kvm_cpuid_entry2: function, index, flags, eax..edx

VMX = (0x00000001, 1 << 5)              # leaf and bit of ECX
SVM = (0x80000001, 1 << 2)

SECONDS = 20


def why_not(image=None):
    """None if guests of KVM get VT-x or AMD-V that works, else the reason.

    With an image (ringvisor.elf) it has to come up in such a guest, too: it says what it uses.
    """
    try:
        return _offered() or (_comes_up(image) if image else None)
    except OSError as error:
        return f"/dev/kvm: {error.strerror}"


def _offered():
    """KVM's own answers, in milliseconds."""
    kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    try:
        version = fcntl.ioctl(kvm, KVM_GET_API_VERSION, 0)
        if version != KVM_API_VERSION:
            return f"/dev/kvm: API version {version}"
        os.close(fcntl.ioctl(kvm, KVM_CREATE_VM, 0))
        cpuid = bytearray(struct.pack("=II", CPUID_ENTRIES, 0) + bytes(CPUID_ENTRIES * CPUID_ENTRY.size))
        fcntl.ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid)
    finally:
        os.close(kvm)
    count = struct.unpack_from("=I", cpuid)[0]
    for i in range(count):
        leaf, _, _, _, _, ecx, *_ = CPUID_ENTRY.unpack_from(cpuid, 8 + i * CPUID_ENTRY.size)
        if (leaf == VMX[0] and ecx & VMX[1]) or (leaf == SVM[0] and ecx & SVM[1]):
            return None
    return "KVM gives its guests neither vmx nor svm"


def _comes_up(image):
    """The hypervisor in a guest of KVM, as far as what it says of the processor."""
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "serial")
        try:
            subprocess.run(["qemu-system-x86_64", "-enable-kvm", "-machine", "q35", "-cpu", "host",
                            "-m", "512", "-display", "none", "-vga", "none", "-nic", "none",
                            "-monitor", "none", "-no-reboot", "-serial", f"file:{log}",
                            "-kernel", str(image)], timeout=SECONDS, check=False,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return f"KVM: no end after {SECONDS} s"
        except OSError as error:
            return f"qemu-system-x86_64: {error.strerror}"
        with open(log, encoding="utf-8", errors="replace") as file:
            said = file.read()
    if "CPUs online" in said and "not usable" not in said:
        return None
    return "KVM: the hypervisor does not come up: " + (said.strip().splitlines() or ["it says nothing"])[-1]
