#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Where guests send to, outside: run in the namespace of outside.py.

	sink.py tcp PORT	takes one connection to its end; prints bytes and SHA-256
	sink.py udp PORT	takes datagrams and forgets them, until killed
"""

import hashlib
import socket
import sys


def take_stream(port):
    with socket.create_server(("", port)) as server:
        print("ready", flush=True)
        peer, _ = server.accept()
    digest, size = hashlib.sha256(), 0
    with peer:
        while data := peer.recv(1 << 20):
            digest.update(data)
            size += len(data)
    print(size, digest.hexdigest(), flush=True)


def take_datagrams(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", port))
        print("ready", flush=True)
        while True:
            sock.recv(65536)


if __name__ == "__main__":
    {"tcp": take_stream, "udp": take_datagrams}[sys.argv[1]](int(sys.argv[2]))
