#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""make run: the machine in Bochs, its serial line on this terminal, and an outside for its NIC.

Usage: run.py FOLDER     (with ringvisor.iso; logs go there too)
"""

import os
import pathlib
import select
import shutil
import sys
import termios
import tty

from machine import Machine
from outside import ADDRESS, Outside, Wire

LEAVE = b"\x1d"         # Ctrl-]
BIG_FILE = 4 << 20

HELLO = f"""\
Bochs plays an Intel machine with VT-x and an e1000; this terminal is its serial line. It takes about
a minute until the guest's shell appears. There, for example:

    ping {ADDRESS}
    wget -O - http://{ADDRESS}/hello.txt
    wget -O /dev/null http://{ADDRESS}/4M

Ctrl-A c goes to the hypervisor's monitor and back (help, info net, quit), Ctrl-A h lists the keys.
To leave: Ctrl-] here, or quit in the monitor, or exit in the guest's shell.
"""


def web_pages(folder):
    folder.mkdir(exist_ok=True)
    (folder / "hello.txt").write_text("Hello from outside the hypervisor.\n", encoding="utf-8")
    (folder / "4M").write_bytes(os.urandom(BIG_FILE))
    return folder


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
    folder = pathlib.Path(sys.argv[1])
    wire = Wire()
    outside = machine = None
    settings = termios.tcgetattr(0) if sys.stdin.isatty() else None
    try:
        outside = Outside(wire, folder)
        outside.serve_dhcp()
        outside.serve_http(web_pages(folder / "www"))
        machine = Machine(folder, folder / "ringvisor.iso", wire=wire, ips=100_000_000,
                          sync="slowdown").start()
        print(HELLO, flush=True)
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
        shutil.rmtree(folder / "www", ignore_errors=True)


if __name__ == "__main__":
    main()
