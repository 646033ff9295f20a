# SPDX-License-Identifier: GPL-2.0-or-later
"""What TCP segments both ends take: segments.py serve PORT, or segments.py ask ADDRESS PORT, which prints both."""

import socket
import struct
import sys


def largest(connection):
    """What this end sends at most, without options."""
    return struct.unpack_from("I", connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 16)[0]


def serve(port):
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        connection, _ = listener.accept()
        connection.sendall(str(largest(connection)).encode())
        connection.close()


def ask(address, port):
    with socket.create_connection((address, port), 3) as connection:
        print(largest(connection), connection.recv(10).decode())


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    ask(sys.argv[2], int(sys.argv[3]))
