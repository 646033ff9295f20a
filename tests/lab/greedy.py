#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP connections that take whatever they get: greedy.py serve PORT... | up|down ADDRESS PORT:COUNT...

`serve` listens on the ports, on both families; it reads from or writes to each connection, as its first byte says.
The others hold COUNT connections to each port and send, or receive, until they are ended.
"""

import socket
import struct
import sys
import threading

BLOCK = bytes(65536)


def send(connection):
    """With the window of old: others, such as bbr, let the queue run empty every ten seconds."""
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
        while True:
            connection.sendall(BLOCK)
    except OSError:
        connection.close()


def receive(connection):
    try:
        while connection.recv(262144):
            pass
    except OSError:
        pass
    connection.close()


def start(function, *arguments):
    threading.Thread(target=function, args=arguments, daemon=True).start()


def answer(connection):
    if connection.recv(1) == b"d":
        send(connection)
    else:
        receive(connection)


def serve(port):
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64) as listener:
        while True:
            start(answer, listener.accept()[0])


def hold(direction, address, port):
    with socket.create_connection((address, port), timeout=20) as connection:
        connection.settimeout(None)
        # Who is ended leaves nothing behind that would still be sent.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(direction[:1].encode())
        (send if direction == "up" else receive)(connection)


if sys.argv[1] == "serve":
    for number in sys.argv[2:]:
        start(serve, int(number))
else:
    for item in sys.argv[3:]:
        number, count = item.split(":")
        for _ in range(int(count)):
            start(hold, sys.argv[1], sys.argv[2], int(number))
threading.Event().wait()
