#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""make run: the machine in an emulator, its serial line on this terminal, and an outside for its NIC.

In the environment: O, the build's folder, of which run/ has the boot archive (and Bochs's ISO) and
gets the logs; ACCEL, kvm, tcg or bochs, or the fastest that works; PORT, by which the guest's web
server is reached under QEMU.
"""

import os
import pathlib
import re
import select
import shutil
import socket
import sys
import termios
import tty

import nested
from machine import Machine
from outside import ADDRESS, Outside, UserNet, Wire

BUILD = pathlib.Path(os.environ.get("O") or "build").resolve()
FOLDER = BUILD / "run"
IMAGE = BUILD / "ringvisor.elf"

LEAVE = b"\x1d"         # Ctrl-]
BIG_FILE = 4 << 20
PORT = 8080
PORTS = 100             # looked through for a free one

ABOUT = {
    "kvm": "QEMU with KVM: this machine's own processor, nested",
    "tcg": "QEMU plays an AMD machine with AMD-V and an e1000e",
    "bochs": "Bochs plays an Intel machine with VT-x and an e1000",
}

QEMU_HELLO = """\
Machine: {about}{why}. This terminal is its serial line.
In some seconds the guest's web server answers, from another terminal of yours:

    curl localhost:{port}
"""

BOCHS_HELLO = f"""\
Machine: {{about}}. This terminal is its serial line.
It takes about a minute until the guest's shell appears. There, for example:

    ping {ADDRESS}
    wget -O - http://{ADDRESS}/hello.txt
    wget -O /dev/null http://{ADDRESS}/4M
"""

KEYS = """
Ctrl-A c goes to the hypervisor's monitor and back (help, info net, quit), Ctrl-A h lists the keys.
To leave: Ctrl-] here, or quit in the monitor, or exit in the guest's shell.
"""


def choose():
    """The machine to take, and why it is not a faster one."""
    wanted = os.environ.get("ACCEL")
    if wanted in ("tcg", "bochs"):
        return wanted, ""
    why = nested.why_not(IMAGE)
    if not why:
        return "kvm", ""
    if wanted == "kvm":
        sys.exit(f"make run: no ACCEL=kvm: {why}")
    return "tcg", f"\n(no nested KVM: {why})"


# ---- The guest's way out ----

def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def choose_port():
    """PORT if it is given, else 8080 or the next that nobody has."""
    given = os.environ.get("PORT")
    if given:
        if not re.fullmatch("[0-9]{1,5}", given) or not 0 < int(given) < 1 << 16:
            sys.exit(f"make run: PORT={given}: not a port, expected 1..65535")
        if not is_free(int(given)):
            sys.exit(f"make run: PORT={given}: in use, or not for you to use")
        return int(given)
    for port in range(PORT, PORT + PORTS):
        if is_free(port):
            return port
    sys.exit(f"make run: no port of {PORT} to {PORT + PORTS - 1} is free, give one by PORT=")


def web_pages(folder):
    folder.mkdir(exist_ok=True)
    (folder / "hello.txt").write_text("Hello from outside the hypervisor.\n", encoding="utf-8")
    (folder / "4M").write_bytes(os.urandom(BIG_FILE))
    return folder


def start_qemu(accel, why):
    port = choose_port()
    machine = Machine(FOLDER, (IMAGE, FOLDER / "bundle.cpio", ""), cpus=2, wire=UserNet(port),
                      kind={"kvm": "qemu-kvm", "tcg": "tcg"}[accel]).start()
    print(QEMU_HELLO.format(about=ABOUT[accel], why=why, port=port) + KEYS, flush=True)
    return machine


def start_bochs(outside):
    outside.serve_dhcp()
    outside.serve_http(web_pages(FOLDER / "www"))
    machine = Machine(FOLDER, FOLDER / "ringvisor.iso", wire=outside.wire, ips=100_000_000,
                      sync="slowdown").start()
    print(BOCHS_HELLO.format(about=ABOUT["bochs"]) + KEYS, flush=True)
    return machine


# ---- The terminal ----

def relay(machine):
    """Terminal and serial line, byte by byte, until one of them ends."""
    line = machine.line
    keyboard = sys.stdin.fileno()
    inputs = [line, keyboard]
    while True:
        ready, _, _ = select.select(inputs, [], [])
        if line in ready:
            data = line.recv(65536)
            if not data:
                return
            os.write(sys.stdout.fileno(), data)
        if keyboard in ready:
            data = os.read(keyboard, 1024)
            if LEAVE in data:
                return
            if data:
                line.sendall(data)
            else:
                inputs.remove(keyboard)         # end of a script: let the machine go on


def main():
    accel, why = choose()
    outside = machine = None
    settings = termios.tcgetattr(0) if sys.stdin.isatty() else None
    try:
        if accel == "bochs":
            outside = Outside(Wire(), FOLDER)
            machine = start_bochs(outside)
        else:
            machine = start_qemu(accel, why)
        if settings:
            tty.setraw(0)
        relay(machine)
    except KeyboardInterrupt:
        pass
    finally:
        if settings:
            termios.tcsetattr(0, termios.TCSADRAIN, settings)
        if machine:
            print(f"\n{machine.last_words() or 'The machine is switched off.'}")
            machine.close()
        if outside:
            outside.close()
        shutil.rmtree(FOLDER / "www", ignore_errors=True)


if __name__ == "__main__":
    main()
