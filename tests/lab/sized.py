#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP downloads of given sizes: sized.py serve PORT | sized.py fetch ADDRESS PORT EACH_MS < sizes

`serve` sends as many bytes as the eight bytes that it reads say, on both families. `fetch` begins one connection after
the other, in the order of its input, EACH_MS apart, and says at the end how many came whole, as JSON.
"""

import json
import socket
import struct
import sys
import threading
import time

BLOCK = bytes(65536)


def answer(connection):
    try:
        left = struct.unpack("!Q", connection.recv(8, socket.MSG_WAITALL))[0]
        while left > 0:
            left -= connection.send(BLOCK[:left])
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
    except (OSError, struct.error):
        pass
    connection.close()


def serve(port):
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128) as listener:
        while True:
            threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def take(connection, size, whole):
    got = 0
    try:
        while block := connection.recv(262144):
            got += len(block)
    except OSError:
        pass
    connection.close()
    whole.append(got == size)


def fetch(address, port, each_ms, sizes):
    """In order: the next one begins when this one is there."""
    threads, whole, failed = [], [], 0
    begin = time.monotonic()
    for number, size in enumerate(sizes):
        time.sleep(max(0.0, begin + number * each_ms / 1000 - time.monotonic()))
        try:
            connection = socket.create_connection((address, port), timeout=20)
            connection.sendall(struct.pack("!Q", size))
        except OSError:
            failed += 1
            continue
        threads.append(threading.Thread(target=take, args=(connection, size, whole), daemon=True))
        threads[-1].start()
    for thread in threads:
        thread.join()
    print(json.dumps({"whole": sum(whole), "broken": len(whole) - sum(whole), "failed": failed}), flush=True)


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    fetch(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), [int(line) for line in sys.stdin])
