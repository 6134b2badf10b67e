# SPDX-License-Identifier: BSD-2-Clause
"""An emulated machine: how to start each kind, its serial line, and what it says when it dies."""

import dataclasses
import os
import pathlib
import re
import socket
import subprocess
import time

import pexpect
import pexpect.fdpexpect

BOCHSRC = """\
config_interface: textconfig
display_library: term
cpu: model={cpu}, count={cpus}, ips={ips}, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest={memory}, host={memory}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
com1: enabled=1, mode=socket-client, dev=127.0.0.1:{serial}
log: bochs.log
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
clock: sync={sync}, time0=utc
mouse: enabled=0
private_colormap: enabled=0
magic_break: enabled=1
pci: enabled=1, chipset=i440fx{slots}
"""

PATIENCE = 5

BOCHS_NIC = "e1000: enabled=1, mac={mac}, ethmod=socket, ethdev={port}, script=none\n"
# The first guest's address too: Bochs's socket module lets nothing through from the wire but
# broadcasts and frames to the NIC's own address (iodev/network/eth_socket.cc).
NIC_MAC = "52:54:00:00:01:01"
OVMF = "/usr/share/ovmf/OVMF.fd"

# What of bochs.log explains a failure: its own words for a rejected VM entry, a fault without an
# exit, a PANIC. The rest (thousands of lines) is device chatter.
BOCHS_WORDS = re.compile(r"VMENTER FAIL|VMFAIL|VMXON|VMABORT|SVM.*(FAIL|illegal|invalid)|>>PANIC<<|"
                         r"exception\(\): 3rd|triple|Shutdown port|soft power off|BxResolveError")


@dataclasses.dataclass(frozen=True)
class Kind:
    """A row of the table of machines: the emulator and the CPU that it plays."""
    emulator: str
    cpu: str
    about: str
    nic: str = "e1000"
    options: tuple = ()             # of QEMU
    accel: str = "tcg"              # of QEMU
    quirks: str = ""                # -append for the tiny guests: lib.h, emulated_by()


KINDS = {
    "haswell": Kind("bochs", "corei7_haswell_4770", "VT-x with APIC virtualisation"),
    "skylake": Kind("bochs", "corei7_skylake_x", "also PML, TSC scaling, CPUID leaves 15h and 16h"),
    "sandybridge": Kind("bochs", "corei7_sandy_bridge_2600k", "VT-x without APIC virtualisation"),
    "penryn": Kind("bochs", "core2_penryn_t9600", "VT-x without EPT"),
    "p4": Kind("bochs", "p4_willamette", "32 bits"),
    "ryzen": Kind("bochs", "ryzen", "AMD-V, by Bochs", quirks="bochs-svm"),
    "tcg": Kind("qemu", "max", "AMD-V, by QEMU", nic="e1000e"),
    # A nanosecond of its time for each instruction: what other processes of the host do is not seen.
    "qemu-svm": Kind("qemu", "max", "AMD-V, by QEMU; its clock counts instructions",
                     options=("-icount", "shift=0"), quirks="tcg"),
    "no-svm": Kind("qemu", "qemu64,-svm", "64 bits, neither VT-x nor AMD-V"),
    # Only where nested.py finds it working.
    "qemu-kvm": Kind("qemu", "host", "VT-x or AMD-V of the host's own processor, nested", accel="kvm"),
}

USED = set()                        # kinds that said something since the last clear()


class MachineError(AssertionError):
    """The machine did not do what the test waited for; the text shows what it did."""


class Machine:
    """One run of an emulator. Its files are in `dir`: console.log, emulator.log, bochs.log.

    Emulated and real time: sync="none" lets Bochs skip idle time (a guest's `sleep 10` takes a
    fraction of a second), which is right for everything that does not talk to the outside.
    sync="slowdown" holds emulated time back to real time, so that time-outs of the guest and of
    the outside mean the same; `ips` is then the speed of the machine, and should be one that the
    host can keep up with.

    `breaks`: how many times a guest may run mark (tests/guest/linux/mark.c), at which Bochs tells
    the time; see marks().

    `iso` is a path, for the firmware that Bochs and QEMU have by themselves or QEMU with uefi=True;
    or (image, boot archive, command line), which QEMU starts by the image's PVH note. `options` are
    more of QEMU's.
    """

    def __init__(self, dir, iso, kind="haswell", wire=None, memory=1024, cpus=1, ips=50_000_000,
                 sync="none", breaks=0, uefi=False, options=()):
        self.dir = pathlib.Path(dir)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.iso = iso if isinstance(iso, tuple) else pathlib.Path(iso).resolve()
        self.uefi, self.options = uefi, options
        self.name, self.kind = kind, KINDS[kind]
        self.wire = wire
        self.memory, self.cpus, self.ips, self.sync = memory, cpus, ips, sync
        self.breaks = breaks
        self.process = self.line = self.console = None

    # ---- starting and ending ----

    def start(self):
        """Start the emulator; it connects its serial port to us, so no output is missed."""
        argv = {"bochs": self._bochs, "qemu": self._qemu}[self.kind.emulator]
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(30)
            with open(self.dir / "emulator.log", "w", encoding="utf-8") as log:
                self.process = subprocess.Popen(
                    argv(listener.getsockname()[1]), cwd=self.dir, stdin=subprocess.DEVNULL,
                    stdout=log, stderr=subprocess.STDOUT, env=os.environ | {"TERM": "vt100"},
                    pass_fds=self.wire.fds if self.wire else ())
            try:
                self.line, _ = listener.accept()
            except socket.timeout:
                self.close()
                raise MachineError("the emulator did not start\n" + self.explain()) from None
        self.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.console = pexpect.fdpexpect.fdspawn(
            self.line.fileno(), encoding="utf-8", codec_errors="replace", maxread=65536)
        self.console.delaybeforesend = None
        self.console.logfile_read = open(self.dir / "console.log", "w", encoding="utf-8")
        return self

    def _bochs(self, serial):
        text = BOCHSRC.format(cpu=self.kind.cpu, cpus=self.cpus, ips=self.ips, memory=self.memory,
                              iso=self.iso, serial=serial, sync=self.sync,
                              slots=", slot1=e1000" if self.wire else "")
        if self.wire:
            text += BOCHS_NIC.format(mac=NIC_MAC, port=self.wire.nic)
        (self.dir / "bochsrc").write_text(text, encoding="utf-8")
        (self.dir / "debugger.rc").write_text("c\n" * (self.breaks + 1) + "q\n", encoding="utf-8")
        return ["bochs", "-q", "-f", "bochsrc", "-rc", "debugger.rc"]

    def _qemu(self, serial):
        argv = ["qemu-system-x86_64", "-accel", self.kind.accel, "-machine", "q35",
                "-cpu", self.kind.cpu, "-smp", str(self.cpus), "-m", str(self.memory),
                "-display", "none", "-vga", "none", "-monitor", "none", "-no-reboot", *self._media(), *self.options,
                "-chardev", f"socket,id=com1,host=127.0.0.1,port={serial}", "-serial", "chardev:com1"]
        if not self.wire:
            argv += ["-nic", "none"]
        else:
            argv += ["-netdev", self.wire.netdev(),
                     "-device", f"{self.kind.nic},netdev=net0,mac={NIC_MAC}"]
        return argv + list(self.kind.options)

    def _media(self):
        """Of QEMU."""
        if isinstance(self.iso, tuple):
            image, archive, cmdline = self.iso
            return ["-kernel", str(image), "-initrd", str(archive), "-append", cmdline]
        return ["-cdrom", str(self.iso), *(["-bios", OVMF] if self.uefi else [])]

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def close(self):
        """Kill the emulator, whatever it does, and keep what is still on the line."""
        if self.alive():
            self.process.kill()
        if self.process:
            self.process.wait()
        if self.console:
            self._drain()
            self.console.logfile_read.close()
            self.line.close()
            self.console = None

    def _drain(self):
        try:
            self.console.expect(pexpect.EOF, timeout=1)
        except (pexpect.TIMEOUT, OSError):
            pass

    # ---- the serial line ----

    def expect(self, pattern, timeout=60):
        """Wait for a pattern (regular expression) on the console; the match object.

        Several patterns in a list: the first that appears; .re tells which.
        """
        try:
            self._wait(pattern, timeout)
        except pexpect.TIMEOUT:
            raise MachineError(f"{timeout} s passed without: {pattern}\n{self.explain()}") from None
        except pexpect.EOF:
            self.process.wait(10)
            raise MachineError(f"the machine ended without: {pattern}\n{self.explain()}") from None
        return self.console.match

    def _wait(self, pattern, timeout):
        """Until `timeout` seconds of the emulator's CPU time are over; PATIENCE times as long if
        it does not use them: it sleeps, or others keep the processors busy.
        """
        USED.add(self.name)
        begin, used = time.monotonic(), self._cpu_seconds()
        while True:
            try:
                self.console.expect(pattern, timeout=min(timeout, 2))
                return
            except pexpect.TIMEOUT:
                passed = time.monotonic() - begin
                if passed >= timeout * PATIENCE or self._cpu_seconds() - used >= timeout:
                    raise

    def _cpu_seconds(self):
        try:
            stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        except OSError:
            return 0
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def send(self, text):
        self.console.send(text)

    def expect_end(self, timeout=60):
        """Wait until the emulator has ended by itself; its last words ("" if it has none)."""
        try:
            self._wait(pexpect.EOF, timeout)
            self.process.wait(10)
        except (pexpect.TIMEOUT, subprocess.TimeoutExpired):
            raise MachineError(f"{timeout} s passed and the machine still runs\n"
                               + self.explain()) from None
        return self.last_words()

    def expect_off(self):
        """Wait until the machine has switched itself off."""
        words = self.expect_end()
        if self.kind.emulator == "bochs":
            assert "soft power off" in words, words
        else:
            assert self.process.returncode == 0, self.explain()

    def text(self):
        """Everything that the console has said up to the last expect(), as lines end in \\n."""
        self.console.logfile_read.flush()
        return self._read("console.log").replace("\r", "")

    def marks(self):
        """The machine's time at each mark, in ticks since power-on; `ips` of them are a second."""
        stops = re.findall(r"^Next at t=(\d+)", self._read("emulator.log"), re.M)
        return [int(time) for time in stops[1:]]        # the first is the power-on

    # ---- what went wrong ----

    def last_words(self):
        log = self._read("emulator.log")
        found = re.search(r"Bochs is exiting with the following message:\s*(.*)", log)
        return found.group(1).strip() if found else ""

    def _read(self, name):
        path = self.dir / name
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def explain(self, lines=40):
        """The end of the console and the emulator's own words, for a failure's report."""
        if self.console and not self.console.closed:
            self.console.logfile_read.flush()
        words = [line for line in self._read("bochs.log").splitlines() if BOCHS_WORDS.search(line)]
        state = "still runs" if self.alive() else f"ended ({self.last_words() or 'no last words'})"
        parts = [f"-- console, last lines ({self.dir}/console.log)",
                 *self._read("console.log").replace("\r", "").splitlines()[-lines:],
                 f"-- {self.kind.emulator} {self.kind.cpu}: {state}", *words[-20:]]
        if not self.console:
            parts += self._read("emulator.log").splitlines()[-10:]
        return "\n".join(parts)
